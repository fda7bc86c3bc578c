package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// accepted is an event of the model.
type accepted struct {
	ref      models.ID
	entity   string
	at       time.Time
	expunged bool
}

// changeCommands send many again, remove by request and exchange secrets.
func (m *model) changeCommands() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"job": m.job, "backfill": m.backfill, "expunge": m.expunge, "remove": m.remove, "rotate": m.rotate,
	}
}

// whole reports whether an event has its data.
func (m *model) whole(ref models.ID) bool {
	for _, e := range m.accepted {
		if e.ref == ref {
			return !e.expunged
		}
	}
	return false
}

// ask makes a delivery wait for an attempt on demand.
func ask(d *models.Delivery, now time.Time) {
	d.Back = &models.Back{Status: d.Status, DueAt: d.DueAt, Owed: d.Owed, Reason: d.Reason}
	d.Status, d.DueAt, d.Owner, d.Owed, d.UpdatedAt = models.StatusPending, now, 0, false, now
}

func (m *model) job(t *rapid.T) {
	status := rapid.SampledFrom([]models.DeliveryStatus{
		models.StatusFailed, models.StatusCanceled, models.StatusDelivered, models.StatusRetrying, models.StatusParked,
	}).Draw(t, "status")
	r := m.resend(func(r *models.Resend) { r.Status = status })
	now := m.clock.Advance(time.Second)
	sent, skipped := int64(0), int64(0)
	for _, id := range m.order {
		d := m.deliveries[id]
		if !r.Selects(d) {
			continue
		}
		if s := m.subscription(d.SubscriptionID); !s.Enabled || s.Suspended() || !m.whole(d.EventRef) {
			skipped++
			continue
		}
		ask(d, now)
		sent++
	}
	m.finish(r, sent, skipped)
}

// finish steps a job, which is to be done then.
func (m *model) finish(r models.Resend, sent, skipped int64) {
	require.Zero(m.T, m.step(m.Store))
	got, err := m.Resend(m.Context(), m.org.ID, r.ID)
	require.NoError(m.T, err)
	require.Equal(m.T, models.ResendDone, got.State)
	require.Equal(m.T, []int64{sent, skipped}, []int64{got.Sent, got.Skipped})
}

func (m *model) backfill(t *rapid.T) {
	_, s := m.anySub(t)
	if !s.Enabled {
		return
	}
	r := m.resend(func(r *models.Resend) { r.Kind, r.SubscriptionID, r.Status = models.ResendBackfill, s.ID, "" })
	now := m.clock.Advance(time.Second)
	missed, skipped := map[models.ID]bool{}, int64(0)
	for _, e := range m.accepted {
		had := e.at.Before(r.From) || !e.at.Before(r.To)
		for _, d := range m.deliveries {
			had = had || d.EventRef == e.ref && d.SubscriptionID == s.ID
		}
		if !had && e.expunged {
			skipped++
		} else if !had {
			missed[e.ref] = true
		}
	}
	m.finish(r, int64(len(missed)), skipped)
	list, err := m.Deliveries(m.Context(), models.DeliveryQuery{OrganizationID: m.org.ID, SubscriptionID: s.ID, Limit: 10_000})
	require.NoError(t, err)
	for _, d := range list {
		if m.deliveries[d.ID] != nil {
			continue
		}
		require.True(t, missed[d.EventRef], "once each")
		delete(missed, d.EventRef)
		require.Equal(t, models.Delivery{
			ID: d.ID, OrganizationID: m.org.ID, EventRef: d.EventRef, EventID: d.EventID, EventName: d.EventName, SubscriptionID: s.ID,
			SubscriptionVersion: s.Version, Status: models.StatusPending, DueAt: now, CreatedAt: now, UpdatedAt: now, Replay: true,
		}, d)
		m.add(d)
	}
	require.Empty(t, missed)
}

// stop ends what is live of an event whose data goes.
func (m *model) stop(ref models.ID) {
	for _, d := range m.deliveries {
		if d.EventRef != ref || d.Status.Terminal() {
			continue
		}
		status, reason := models.StatusCanceled, models.ReasonDataRemoved
		if d.Back != nil && d.Back.Status.Terminal() {
			status, reason = d.Back.Status, d.Back.Reason
		}
		d.Status, d.Reason, d.DueAt, d.Owed, d.Back, d.UpdatedAt = status, reason, time.Time{}, false, nil, m.clock.Now()
	}
}

func (m *model) expunge(t *rapid.T) {
	if len(m.accepted) == 0 {
		return
	}
	e := rapid.SampledFrom(m.accepted).Draw(t, "event")
	e.expunged = true
	require.NoError(t, m.ExpungePayload(m.Context(), m.org.ID, e.ref))
	m.stop(e.ref)
}

func (m *model) remove(t *rapid.T) {
	if len(m.accepted) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.accepted)-1).Draw(t, "event")
	e := m.accepted[i]
	job, err := m.RemoveEntity(m.Context(), m.org.ID, e.entity, m.clock.Now(), time.Minute)
	require.NoError(t, err)
	require.True(t, job.Done)
	require.EqualValues(t, 1, job.Events)
	m.stop(e.ref)
	m.accepted = append(m.accepted[:i:i], m.accepted[i+1:]...)
	m.gone[""]++
	order := m.order
	m.order = nil
	for _, id := range order {
		if d := m.deliveries[id]; d.EventRef == e.ref {
			m.gone[d.Status]++
			delete(m.deliveries, id)
			continue
		}
		m.order = append(m.order, id)
	}
	for i, a := range m.keyed {
		if a.Event.Ref == e.ref {
			m.keyed = append(m.keyed[:i:i], m.keyed[i+1:]...)
			break
		}
	}
}

func (m *model) rotate(t *rapid.T) {
	i, s := m.anySub(t)
	overlap := time.Duration(rapid.IntRange(0, 2).Draw(t, "minutes")) * time.Minute
	m.secrets++
	next := models.NewSecret(fmt.Sprintf("%032d", m.secrets))
	m.subs[i] = m.change(s, func(s *models.Subscription) {
		if s.Rotate(next, overlap, m.clock.Now()) != nil {
			_ = s.Rotate(next, 0, m.clock.Now())
		}
	})
	if rapid.Bool().Draw(t, "back") && !m.subs[i].Rotation.IsZero() {
		m.subs[i] = m.change(m.subs[i], func(s *models.Subscription) { require.NoError(t, s.CancelRotation(m.clock.Now())) })
	}
	_, err := m.FinishRotations(m.Context(), m.clock.Now())
	require.NoError(t, err)
	for i, s := range m.subs { // one that was over has made a version
		got, err := m.Subscription(m.Context(), m.org.ID, s.ID)
		require.NoError(t, err)
		require.Equal(t, s.Signing(m.clock.Now()), got.Signing(m.clock.Now()), "settling changes nothing that signs")
		m.subs[i] = got
	}
}

// requireAllowed compares every delivery's status with the one before the command.
func (m *model) requireAllowed() {
	now := make(map[models.ID]models.DeliveryStatus, len(m.deliveries))
	for id, d := range m.deliveries {
		now[id] = d.Status
		if before, known := m.before[id]; known && before != d.Status {
			require.Contains(m.T, models.Transitions()[before], d.Status, "%s, from %s", strings.ToLower(id.String()), before)
		}
	}
	m.before = now
}

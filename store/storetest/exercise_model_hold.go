package storetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// holdCommands suspend, park, probe and drain.
func (m *model) holdCommands() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"suspend": m.suspendOne, "resume": m.resumeOne, "park": m.parkSome, "probe": m.probeOne, "drain": m.drainSome,
	}
}

// anySub is one of the subscriptions and its place.
func (m *model) anySub(t *rapid.T) (int, *models.Subscription) {
	i := rapid.IntRange(0, len(m.subs)-1).Draw(t, "subscription")
	return i, m.subs[i]
}

func (m *model) suspendOne(t *rapid.T) {
	i, s := m.anySub(t)
	reason := rapid.SampledFrom([]models.SuspendReason{models.SuspendedFailures, models.SuspendedManual}).Draw(t, "reason")
	now := m.clock.Now()
	got, changed, err := m.SuspendSubscription(m.Context(), m.org.ID, s.ID, reason, now, now.Add(time.Minute))
	if !s.Enabled {
		m.requireCode(models.CodeConflict, err)
		return
	}
	require.NoError(t, err)
	require.Equal(t, !s.Suspended() || reason == models.SuspendedManual && s.StateReason != reason, changed)
	m.subs[i] = got
}

func (m *model) resumeOne(t *rapid.T) {
	i, s := m.anySub(t)
	byHand := rapid.Bool().Draw(t, "by hand")
	got, changed, err := m.ResumeSubscription(m.Context(), m.org.ID, s.ID, byHand)
	require.NoError(t, err)
	require.Equal(t, s.Suspended() && (byHand || s.StateReason != models.SuspendedManual), changed)
	m.subs[i] = got
}

// conditionOf is what the database has of a subscription's endpoint; everything it needs where there is nothing.
func (m *model) conditionOf(s *models.Subscription) models.Condition {
	list, err := m.Conditions(m.Context(), m.clock.Now(), 1000)
	require.NoError(m.T, err)
	for i := range list {
		if list[i].SubscriptionID == s.ID {
			return list[i]
		}
	}
	return models.Condition{OrganizationID: s.OrganizationID, SubscriptionID: s.ID}
}

func (m *model) parkSome(t *rapid.T) {
	_, s := m.anySub(t)
	if !s.Suspended() {
		return
	}
	now, want := m.clock.Now(), 0
	for _, d := range m.waiting(s.ID) {
		if d.Back == nil {
			d.Status, d.UpdatedAt = models.StatusParked, now
			want++
		}
	}
	n, err := m.ParkWaiting(m.Context(), now, m.conditionOf(s), 1000)
	require.NoError(t, err)
	require.Equal(t, want, n)
}

// parkedOf are a subscription's parked deliveries, the oldest first.
func (m *model) parkedOf(s *models.Subscription) []*models.Delivery {
	var list []*models.Delivery
	for _, id := range m.order {
		if d := m.deliveries[id]; d.SubscriptionID == s.ID && d.Status == models.StatusParked {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b *models.Delivery) int { return a.DueAt.Compare(b.DueAt) })
	return list
}

// unparked takes what was claimed of the parked ones: as many as there are up to the limit, and none before an older one.
func (m *model) unparked(s *models.Subscription, owner int64, limit int, jobs []models.Job) {
	parked := m.parkedOf(s)
	n := min(limit, len(parked))
	require.Len(m.T, jobs, n)
	for i, j := range jobs {
		d := m.deliveries[j.Delivery.ID]
		require.Equal(m.T, models.StatusParked, d.Status)
		require.Equal(m.T, parked[i].DueAt, d.DueAt)
		d.Status, d.Owner, d.UpdatedAt = models.StatusDelivering, owner, m.clock.Now()
		require.Equal(m.T, *d, j.Delivery)
		require.Equal(m.T, s.Version, j.Current.Version)
	}
}

func (m *model) probeOne(t *rapid.T) {
	_, s := m.anySub(t)
	owner, now := rapid.SampledFrom(m.owners).Draw(t, "owner"), m.clock.Now()
	c := m.conditionOf(s)
	if c.ProbeAt.IsZero() {
		return
	}
	require.True(t, s.Suspended())
	require.Equal(t, !c.ProbeAt.After(now) && len(m.parkedOf(s)) > 0, c.Parked)
	next := now.Add(2 * time.Minute)
	if !next.After(c.ProbeAt) {
		next = c.ProbeAt.Add(2 * time.Minute) // instances know by the time of the next one that somebody has this one
	}
	jobs, err := m.ClaimProbe(m.Context(), owner, now, c, next)
	require.NoError(t, err)
	m.unparked(s, owner, 1, jobs)
	if len(jobs) == 0 {
		return
	}
	require.True(t, jobs[0].Probe)
	again, err := m.ClaimProbe(m.Context(), owner, now, c, next) // an instance that saw the same
	require.NoError(t, err)
	require.Empty(t, again)
}

// drainSome drains a subscription that is active. What is parked of one, for whatever reason, can always be had by some instance.
func (m *model) drainSome(t *rapid.T) {
	_, s := m.anySub(t)
	if s.Suspended() || !s.Enabled || len(m.parkedOf(s)) == 0 {
		return
	}
	m.takeOver(t) // the dead drain nothing
	require.NoError(t, m.TidyConditions(m.Context()))
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	drained := 0
	for _, owner := range m.owners {
		taken, err := m.TakeDrain(m.Context(), owner, s.ID)
		require.NoError(t, err)
		if !taken {
			jobs, err := m.ClaimParked(m.Context(), owner, m.clock.Now(), m.conditionOf(s), limit)
			require.NoError(t, err)
			require.Empty(t, jobs)
			continue
		}
		drained++
		jobs, err := m.ClaimParked(m.Context(), owner, m.clock.Now(), m.conditionOf(s), limit)
		require.NoError(t, err)
		m.unparked(s, owner, limit, jobs)
		over, err := m.EndDrain(m.Context(), owner, s.ID)
		require.NoError(t, err)
		require.Equal(t, len(m.parkedOf(s)) == 0, over)
		if over {
			break
		}
	}
	require.Equal(t, 1, drained)
}

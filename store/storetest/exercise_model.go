package storetest

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

func modelTests() []exercise {
	return []exercise{{"random commands leave what a small model says", exerciseModel}}
}

// exerciseModel runs random commands on the store and on a model of it in memory, and compares every delivery and the ledger after
// each. At the end everything is stopped, and nothing may be left that waits or is owned.
func exerciseModel(w *world) {
	runs := 0
	rapid.Check(w.t, func(t *rapid.T) {
		runs++
		inner := *w
		inner.tb = t
		inner.org = inner.organization(fmt.Sprint("model ", runs))
		m := &model{world: &inner, T: t, deliveries: map[models.ID]*models.Delivery{}, attempts: models.NewCounts(), gone: map[models.DeliveryStatus]int64{}}
		for range 2 {
			m.subs = append(m.subs, m.subscribe())
		}
		for i := range 2 {
			m.owners = append(m.owners, m.register(fmt.Sprint("model", i)))
		}
		commands := map[string]func(*rapid.T){
			"accept":   m.accept,
			"repeat":   m.publishAgain,
			"claim":    m.claimSome,
			"record":   m.recordSome,
			"release":  m.releaseSome,
			"restart":  m.restart,
			"takeover": m.takeOver,
			"change":   m.changeRules,
			"retry":    m.retryOne,
			"replay":   m.replayOne,
			"cancel":   m.cancelStopped,
			"fold":     func(*rapid.T) { m.fold() },
			"wait":     func(*rapid.T) { m.clock.Advance(time.Minute) },
			"":         m.check,
		}
		maps.Copy(commands, m.holdCommands())
		maps.Copy(commands, m.changeCommands())
		t.Repeat(commands)
		m.stopAll()
	})
}

// model is what the store should hold.
type model struct {
	*world
	*rapid.T
	subs       []*models.Subscription
	owners     []int64
	dead       []int64
	deliveries map[models.ID]*models.Delivery
	order      []models.ID // of acceptance, so that draws are repeatable
	keyed      []*models.Accepted
	accepted   []*accepted // that are still there
	events     int64
	marks      []mark
	attempts   *models.Counts
	gone       map[models.DeliveryStatus]int64 // what was removed, by the last status; events under ""
	secrets    int
	before     map[models.ID]models.DeliveryStatus // what they were after the last command
}

// mark says that waiting deliveries of a subscription below a version are to be canceled.
type mark struct {
	sub     models.ID
	below   int
	retries bool
	reason  models.Reason
}

// Helper, Context, Errorf, FailNow and Logf are both world's and rapid's; they are the same.
func (m *model) Errorf(format string, args ...any) { m.T.Errorf(format, args...) }
func (m *model) FailNow()                          { m.T.FailNow() }

func (m *model) waiting(sub models.ID) []*models.Delivery {
	var list []*models.Delivery
	for _, id := range m.order {
		if d := m.deliveries[id]; d.SubscriptionID == sub && (d.Status == models.StatusPending || d.Status == models.StatusRetrying) {
			list = append(list, d)
		}
	}
	return list
}

func (m *model) accept(t *rapid.T) {
	var batch []*models.Accepted
	for range rapid.IntRange(1, 3).Draw(t, "events") {
		var matched []*models.Subscription
		for _, s := range m.subs {
			if s.Live() && rapid.Bool().Draw(t, "match") {
				matched = append(matched, s)
			}
		}
		a := m.event(matched...)
		if rapid.Bool().Draw(t, "owned") {
			owned(a, rapid.SampledFrom(m.owners).Draw(t, "owner"))
		}
		if rapid.Bool().Draw(t, "keyed") {
			a.Event.IdempotencyKey, a.Event.Fingerprint = fmt.Sprint("key", m.events), [16]byte{1}
			m.keyed = append(m.keyed, a)
		}
		m.events++
		a.Event.EntityKey = fmt.Sprint("entity ", m.events)
		m.accepted = append(m.accepted, &accepted{ref: a.Event.Ref, entity: a.Event.EntityKey, at: a.Event.AcceptedAt})
		for i := range a.Deliveries {
			if m.subscription(a.Deliveries[i].SubscriptionID).Suspended() {
				d := &a.Deliveries[i]
				d.Status, d.Owner, d.DueAt = models.StatusParked, 0, d.CreatedAt
			}
			m.add(a.Deliveries[i])
		}
		batch = append(batch, a)
	}
	for _, r := range m.save(batch...) {
		require.False(t, r.Duplicate)
	}
}

func (m *model) add(d models.Delivery) {
	m.deliveries[d.ID] = &d
	m.order = append(m.order, d.ID)
}

func (m *model) publishAgain(t *rapid.T) {
	if len(m.keyed) == 0 {
		return
	}
	first := rapid.SampledFrom(m.keyed).Draw(t, "first")
	again := m.event(m.subs[0])
	again.Event.IdempotencyKey, again.Event.Fingerprint = first.Event.IdempotencyKey, [16]byte{1}
	requireDuplicate(m.world, models.Receipt{
		EventID: first.Event.ID, EventName: first.Event.Name, Matched: first.Event.Matched, CreatedAt: first.Event.AcceptedAt,
	}, m.outcomes(again)[0])
}

func (m *model) claimSome(t *rapid.T) {
	sub := rapid.SampledFrom(m.subs).Draw(t, "subscription")
	limit := rapid.IntRange(1, 4).Draw(t, "limit")
	owner := rapid.SampledFrom(m.owners).Draw(t, "owner")
	now := m.clock.Now()
	due := slices.DeleteFunc(m.waiting(sub.ID), func(d *models.Delivery) bool { return d.DueAt.After(now.Add(models.ClaimAhead)) })
	slices.SortFunc(due, func(a, b *models.Delivery) int {
		if c := a.DueAt.Compare(b.DueAt); c != 0 {
			return c
		}
		return bytes.Compare(a.ID[:], b.ID[:])
	})
	due = due[:min(limit, len(due))]
	jobs := m.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: limit})
	require.Len(t, jobs, len(due))
	for i, d := range due {
		d.Status, d.Owner, d.UpdatedAt = models.StatusDelivering, owner, now
		require.Equal(t, *d, jobs[i].Delivery)
		require.Equal(t, d.SubscriptionVersion, jobs[i].Matched.Version)
		require.Equal(t, sub.Version, jobs[i].Current.Version)
	}
}

func (m *model) recordSome(t *rapid.T) {
	var results []models.Result
	var fenced []models.ID
	now := m.clock.Now()
	for _, id := range m.order {
		d := m.deliveries[id]
		if d.Status != models.StatusDelivering || !rapid.Bool().Draw(t, "record") {
			continue
		}
		before := *d
		r := succeeded(before, now)
		switch rapid.IntRange(0, 4).Draw(t, "result") {
		case 0:
			r = failed(before, now, now.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minutes"))*time.Minute))
			r.Owed = rapid.Bool().Draw(t, "owed")
		case 1:
			r.Status, r.Reason, r.Attempt.Success, r.Attempt.Reason = models.StatusFailed, models.ReasonTimeout, false, models.ReasonTimeout
		case 2:
			r.Delivery.Owner = 1 << 40 // someone who never owned it
			fenced = append(fenced, id)
			results = append(results, r)
			continue
		case 3:
			r = failed(before, now, now)
			r.Status = models.StatusParked
		}
		d.Status, d.DueAt, d.Owed, d.Reason, d.UpdatedAt = r.Status, r.DueAt, r.Owed, r.Reason, now
		if d.Back != nil {
			r.Uncounted, d.Back = true, nil
			d.Uncounted++
		}
		if !r.DueAt.IsZero() {
			d.Owner = 0
		}
		d.Attempts++
		r.Attempt.StartedAt = now.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes ago")) * time.Minute)
		r.Attempt.Timings.Total = time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond
		m.attempts.Add(r.Attempt.Outcome(), models.LatencyBucket(r.Attempt.Timings.Total), r.Status == models.StatusFailed, 1)
		results = append(results, r)
	}
	require.Equal(t, fenced, m.record(results...))
}

func (m *model) releaseSome(t *rapid.T) {
	owner := rapid.SampledFrom(m.owners).Draw(t, "owner")
	var ids []models.ID
	now := m.clock.Now()
	for _, id := range m.order {
		if !rapid.Bool().Draw(t, "release") {
			continue
		}
		ids = append(ids, id)
		if d := m.deliveries[id]; d.Status == models.StatusDelivering && d.Owner == owner {
			m.giveBack(d, now)
		}
	}
	require.NoError(t, m.Release(m.Context(), owner, ids, now))
}

func (m *model) giveBack(d *models.Delivery, now time.Time) {
	d.Status, d.Owner, d.UpdatedAt = models.StatusPending, 0, now
	if d.DueAt.IsZero() {
		d.DueAt = d.CreatedAt // it was handed over
	}
	if d.DueAt.After(now) {
		d.DueAt = now
	}
}

// restart is an instance that ends without a word and starts again.
func (m *model) restart(t *rapid.T) {
	i := rapid.IntRange(0, len(m.owners)-1).Draw(t, "instance")
	m.dead = append(m.dead, m.owners[i])
	m.owners[i] = m.register(fmt.Sprint("model", i))
}

func (m *model) takeOver(t *rapid.T) {
	now := m.clock.Now()
	want := 0
	for _, id := range m.order {
		if d := m.deliveries[id]; d.Status == models.StatusDelivering && slices.Contains(m.dead, d.Owner) {
			m.giveBack(d, now)
			want++
		}
	}
	n, err := m.TakeOver(m.Context(), 0, now, 1000*time.Hour, 1000)
	require.NoError(t, err)
	require.Equal(t, want, n)
}

func (m *model) changeRules(t *rapid.T) {
	i := rapid.IntRange(0, len(m.subs)-1).Draw(t, "subscription")
	before := m.subs[i]
	enabled, retry := rapid.Bool().Draw(t, "enabled"), rapid.Bool().Draw(t, "auto_retry")
	after := m.change(before, func(s *models.Subscription) { s.Enabled, s.AutoRetry = enabled, retry })
	m.subs[i] = after
	if before.Enabled && !enabled {
		m.mark(mark{sub: after.ID, below: after.Version, reason: models.ReasonDisabled})
	}
	if before.AutoRetry && !retry {
		m.mark(mark{sub: after.ID, below: after.Version, retries: true, reason: models.ReasonAutoRetryOff})
	}
}

// mark replaces the earlier one of its kind: a higher version covers it.
func (m *model) mark(next mark) {
	m.marks = slices.DeleteFunc(m.marks, func(k mark) bool { return k.sub == next.sub && k.retries == next.retries })
	m.marks = append(m.marks, next)
}

func (m *model) cancelStopped(t *rapid.T) {
	now, want := m.clock.Now(), 0
	slices.SortStableFunc(m.marks, func(a, b mark) int { // all of a subscription goes before its retries
		if a.retries == b.retries {
			return 0
		} else if a.retries {
			return 1
		}
		return -1
	})
	for _, k := range m.marks {
		for _, d := range append(m.waiting(k.sub), m.parkedOf(m.subscription(k.sub))...) {
			if d.SubscriptionVersion >= k.below || d.Back != nil || k.retries && (d.Attempts == d.Uncounted || d.Owed) {
				continue
			}
			d.Status, d.Reason, d.DueAt, d.Owed, d.UpdatedAt = models.StatusCanceled, k.reason, time.Time{}, false, now
			want++
		}
	}
	m.marks = nil
	require.Equal(t, want, m.cancel(1000))
}

func (m *model) check(t *rapid.T) {
	list, err := m.Deliveries(m.Context(), models.DeliveryQuery{OrganizationID: m.org.ID, Limit: 10_000})
	require.NoError(t, err)
	require.Len(t, list, len(m.deliveries))
	for _, d := range list {
		require.Equal(t, *m.deliveries[d.ID], d)
	}
	m.requireLedger()
	m.requireAllowed()
	require.Equal(t, len(m.marks) > 0, m.stopped())
	kept, err := m.Stats(m.Context(), m.everything(false))
	require.NoError(t, err)
	require.Equal(t, m.attempts, total(kept), "also of attempts that were removed")
}

// requireLedger compares the ledger that is kept with the rows and what was removed of them.
func (m *model) requireLedger() {
	kept, err := m.Ledger(m.Context())
	require.NoError(m.T, err)
	i := slices.IndexFunc(kept, func(l models.Ledger) bool { return l.OrganizationID == m.org.ID })
	require.True(m.T, kept[i].Balanced(), "%+v", kept[i])
	want := models.Ledger{OrganizationID: m.org.ID, Organization: kept[i].Organization, Events: m.events, ByStatus: map[models.DeliveryStatus]int64{}}
	for _, status := range models.Statuses() {
		want.ByStatus[status] = m.gone[status]
		want.Expected += m.gone[status]
	}
	for _, d := range m.deliveries {
		want.ByStatus[d.Status]++
		want.Expected++
	}
	require.Equal(m.T, want, kept[i])
}

// stopAll ends the world of one run: instances go, subscriptions are deleted, and what waited is canceled.
func (m *model) stopAll() {
	for _, owner := range m.owners {
		require.NoError(m.T, m.Deregister(m.Context(), owner))
	}
	m.dead = append(m.dead, m.owners...)
	m.takeOver(m.T)
	m.marks = nil
	for _, s := range m.subs {
		require.NoError(m.T, m.DeleteSubscription(m.Context(), m.org.ID, s.ID, models.ID{}, m.clock.Now()))
		m.mark(mark{sub: s.ID, below: s.Version + 1, reason: models.ReasonDeleted})
	}
	m.cancelStopped(m.T)
	m.goBack()
	m.before = nil
	m.check(m.T)
	for _, d := range m.deliveries {
		require.True(m.T, d.Status.Terminal())
		attempts, err := m.Attempts(m.Context(), m.org.ID, d.ID)
		require.NoError(m.T, err)
		require.Len(m.T, attempts, d.Attempts)
	}
}

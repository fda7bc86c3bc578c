package storetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func entityTests() []exercise {
	return []exercise{
		{"webhooks of entities are listed and ended", entityWebhooksListed},
		{"webhooks of entities have their own quota", entityWebhookQuota},
		{"the callback log has two entries a call, in their order", callbackLog},
		{"pages of the callback log cover everything once", callbackLogPages},
		{"the log of two days of failures has each attempt in order", callbackLogOfAnOutage},
		{"the callback log goes by when calls were, not by their deliveries", callbackLogOverTime},
		{"a removed entity takes the callback log of its webhooks along", callbackLogRemoved},
		{"a key is found by its id", func(w *world) {
			k := w.key(w.org.ID)
			got, err := w.Key(w.Context(), k.ID)
			require.NoError(w, err)
			require.Equal(w, k, got)
			_, err = w.Key(w.Context(), NewID())
			w.requireCode(models.CodeNotFound, err)
		}},
	}
}

// pack makes a subscription the webhook of an entity.
func pack(entity string) func(*models.Subscription) {
	return func(s *models.Subscription) {
		s.Format, s.EntityKey, s.Events = models.FormatQuicklySign, entity, models.QuicklySignEvents(false)
	}
}

func entityWebhooksListed(w *world) {
	ctx := w.Context()
	a1, b, a2 := w.subscribe(pack("a")), w.subscribe(pack("b")), w.subscribe(pack("a"), func(s *models.Subscription) { s.V0 = true })
	w.subscribe(pack("a"), func(s *models.Subscription) { s.Sandbox = true })
	w.subscribe(func(s *models.Subscription) { s.EntityKey = "a" })                   // of another format
	w.subscribe(func(s *models.Subscription) { s.Format = models.FormatQuicklySign }) // of no entity
	foreign := w.spec(w.organization("other").ID)
	pack("a")(foreign)
	require.NoError(w, w.CreateSubscription(ctx, foreign, 0, models.ID{}))
	list := func(q models.EntityWebhookQuery) []*models.Subscription {
		w.Helper()
		q.OrganizationID = w.org.ID
		if q.Limit == 0 {
			q.Limit = 10
		}
		found, err := w.EntityWebhooks(ctx, q)
		require.NoError(w, err)
		return found
	}
	require.Equal(w, []*models.Subscription{a1, b, a2}, list(models.EntityWebhookQuery{}))
	require.Equal(w, []*models.Subscription{a1, a2}, list(models.EntityWebhookQuery{EntityKey: "a"}))
	require.Equal(w, []*models.Subscription{b}, list(models.EntityWebhookQuery{After: a1.ID, Limit: 1}))
	require.Len(w, list(models.EntityWebhookQuery{Sandbox: true}), 1)
	require.Empty(w, list(models.EntityWebhookQuery{EntityKey: "'--"}))
	version, err := w.SubscriptionVersion(ctx, w.org.ID, a2.ID, 1)
	require.NoError(w, err)
	require.True(w, version.V0)

	now := w.clock.Advance(time.Second)
	before := w.revision()
	gone, err := w.DeleteEntityWebhooks(ctx, w.org.ID, false, "a", models.ID{}, now)
	require.NoError(w, err)
	require.Len(w, gone, 2)
	require.Equal(w, a1.ID, gone[0].ID)
	require.Equal(w, now, gone[1].DeletedAt)
	require.Equal(w, before+2, w.revision(), "each is a change of the rules")
	require.Equal(w, []*models.Subscription{b}, list(models.EntityWebhookQuery{}))
	require.Len(w, list(models.EntityWebhookQuery{Sandbox: true}), 1)
	gone, err = w.DeleteEntityWebhooks(ctx, w.org.ID, false, "a", models.ID{}, now)
	require.NoError(w, err)
	require.Empty(w, gone)
	all, err := w.Subscriptions(ctx, w.org.ID, nil)
	require.NoError(w, err)
	require.Len(w, all, 4)

	for _, tc := range []struct {
		org     models.ID
		sandbox bool
		want    bool
	}{{w.org.ID, false, true}, {w.org.ID, true, true}, {w.organization("without packs").ID, false, false}} {
		has, err := w.HasEntityWebhooks(ctx, tc.org, tc.sandbox)
		require.NoError(w, err)
		require.Equal(w, tc.want, has)
	}
	_, err = w.DeleteEntityWebhooks(ctx, w.org.ID, false, b.EntityKey, models.ID{}, now)
	require.NoError(w, err)
	has, err := w.HasEntityWebhooks(ctx, w.org.ID, false)
	require.NoError(w, err)
	require.False(w, has, "deleted ones don't count")
}

func entityWebhookQuota(w *world) {
	ctx := w.Context()
	create := func(quota int, change ...func(*models.Subscription)) error {
		s := w.spec(w.org.ID)
		for _, f := range change {
			f(s)
		}
		return w.CreateSubscription(ctx, s, quota, models.ID{})
	}
	require.NoError(w, create(1, pack("a")))
	w.requireCode(models.CodeQuota, create(1, pack("b")))
	require.NoError(w, create(2, pack("b")))
	require.NoError(w, create(1), "they do not count among the others")
	w.requireCode(models.CodeQuota, create(1))
	own := 1
	_, err := w.UpdateOrganization(ctx, w.org.ID, func(o *models.Organization) error { o.SubscriptionQuota = &own; return nil })
	require.NoError(w, err)
	w.requireCode(models.CodeQuota, create(9))
	require.NoError(w, create(9, pack("c")), "the organization's own quota is for the others")
	for range models.MaxEntityWebhooks - 1 {
		require.NoError(w, create(0, pack("a")))
	}
	w.requireCode(models.CodeQuota, create(0, pack("a")))
	require.NoError(w, create(0, pack("d")))
}

// call has a delivery called at an instant for a while.
func (w *world) call(owner int64, d models.Delivery, at time.Time, took time.Duration, ok bool) {
	w.Helper()
	jobs := w.claim(owner, models.Want{SubscriptionID: d.SubscriptionID, Limit: 100})
	i := slices.IndexFunc(jobs, func(j models.Job) bool { return j.Delivery.ID == d.ID })
	require.GreaterOrEqual(w, i, 0)
	r := failed(jobs[i].Delivery, at, at)
	if ok {
		r = succeeded(jobs[i].Delivery, at)
	}
	r.Attempt.Timings.Total, r.Attempt.Endpoint = took, "https://r.example/callback"
	require.Empty(w, w.record(r))
	others := make([]models.ID, 0, len(jobs))
	for _, j := range slices.Delete(jobs, i, i+1) {
		others = append(others, j.Delivery.ID)
	}
	require.NoError(w, w.Release(w.Context(), owner, others, w.clock.Now()))
}

// logged is the callback log for a query.
func (w *world) logged(q models.CallbackLogQuery) []models.CallbackEntry {
	w.Helper()
	q.OrganizationID = w.org.ID
	if q.Limit == 0 {
		q.Limit = 100
	}
	list, err := w.CallbackLog(w.Context(), q)
	require.NoError(w, err)
	return list
}

func callbackLog(w *world) {
	ctx := w.Context()
	one, other, sandbox := w.subscribe(pack("a")), w.subscribe(pack("b")), w.subscribe(pack("a"), func(s *models.Subscription) { s.Sandbox = true })
	plain := w.subscribe()
	owner := w.register("a")
	slow, quick, foreign, tried := w.event(one), w.event(other), w.event(plain), w.event(sandbox)
	slow.Event.Name, slow.Deliveries[0].EventName = "entity_updated", "entity_updated"
	w.save(slow, quick, foreign, tried)
	require.Empty(w, w.logged(models.CallbackLogQuery{}), "what was not called is not logged")
	begin := w.clock.Now()
	w.clock.Advance(time.Minute)
	w.call(owner, slow.Deliveries[0], begin.Add(1000*time.Millisecond), 9*time.Second, false)
	w.call(owner, quick.Deliveries[0], begin.Add(2000*time.Millisecond), 32*time.Millisecond, true)
	w.call(owner, foreign.Deliveries[0], begin, time.Millisecond, true)
	w.call(owner, tried.Deliveries[0], begin, time.Millisecond, true)
	w.call(owner, slow.Deliveries[0], begin.Add(20*time.Second), 5*time.Millisecond, true)

	type entry struct {
		at     time.Duration
		entity string
		number int
		ended  bool
	}
	entries := func(q models.CallbackLogQuery) (list []entry) {
		for _, e := range w.logged(q) {
			list = append(list, entry{e.Place.At.Sub(begin), e.EntityKey, e.Place.Number, e.Place.Ended})
		}
		return list
	}
	ofA := []entry{{1000e6, "a", 1, false}, {10000e6, "a", 1, true}, {20000e6, "a", 2, false}, {20005e6, "a", 2, true}}
	ofB := []entry{{2000e6, "b", 1, false}, {2032e6, "b", 1, true}}
	all := []entry{ofA[0], ofB[0], ofB[1], ofA[1], ofA[2], ofA[3]}
	require.Equal(w, all, entries(models.CallbackLogQuery{}))
	require.Equal(w, ofA, entries(models.CallbackLogQuery{EntityKey: "a"}))
	require.Equal(w, ofB, entries(models.CallbackLogQuery{SubscriptionID: other.ID}))
	require.Len(w, entries(models.CallbackLogQuery{Sandbox: true}), 2)
	require.Empty(w, entries(models.CallbackLogQuery{EntityKey: "c"}))
	require.Empty(w, entries(models.CallbackLogQuery{SubscriptionID: plain.ID}))
	elsewhere, err := w.CallbackLog(ctx, models.CallbackLogQuery{OrganizationID: w.organization("other").ID, EntityKey: "a", Limit: 10})
	require.NoError(w, err)
	require.Empty(w, elsewhere)

	first := w.logged(models.CallbackLogQuery{EntityKey: "a"})[1]
	attempts, err := w.Attempts(ctx, w.org.ID, slow.Deliveries[0].ID)
	require.NoError(w, err)
	require.Equal(w, attempts[0], first.Attempt)
	require.Equal(w, "entity_updated", first.EventName)
	require.Equal(w, one.ID, first.SubscriptionID)

	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, one.ID, models.ID{}, w.clock.Now()))
	require.Equal(w, all, entries(models.CallbackLogQuery{}), "the log stays with the entity")
	require.Equal(w, ofA, entries(models.CallbackLogQuery{SubscriptionID: one.ID}))
}

// callbackLogOfAnOutage fails by QuicklySign's own waits for two days, then succeeds.
func callbackLogOfAnOutage(w *world) {
	sub, owner := w.subscribe(pack("a")), w.register("a")
	a := w.event(sub)
	w.save(a)
	begin := w.clock.Now()
	var calls []time.Time
	for at, wait := begin, time.Minute; ; at, wait = at.Add(wait), min(2*wait, 6*time.Hour) {
		calls = append(calls, at)
		w.clock.Advance(at.Add(time.Second).Sub(w.clock.Now()))
		back := at.Sub(begin) >= 48*time.Hour
		w.call(owner, a.Deliveries[0], at, 5*time.Millisecond, back)
		if back {
			break
		}
	}
	w.clock.Advance(time.Minute)
	list := w.logged(models.CallbackLogQuery{EntityKey: "a"})
	require.Len(w, list, 2*len(calls))
	for i, at := range calls {
		start, end := list[2*i], list[2*i+1]
		require.Equal(w, at.UnixMilli(), start.Place.At.UnixMilli())
		require.Equal(w, i+1, start.Attempt.Number)
		require.Equal(w, i+1, end.Attempt.Number)
		require.Equal(w, []bool{false, true}, []bool{start.Place.Ended, end.Place.Ended})
		require.Contains(w, start.Sentence(), "Calling callback url https://r.example/callback.")
		if i+1 < len(calls) {
			require.Equal(w, "Failed call to url https://r.example/callback. Received 500 response", end.Sentence())
		}
	}
	require.Equal(w, "Successful call to url https://r.example/callback. Received 200 response", list[len(list)-1].Sentence())
}

func callbackLogPages(w *world) {
	sub, owner := w.subscribe(pack("a")), w.register("a")
	at := w.clock.Now()
	w.clock.Advance(time.Minute)
	for i := range 4 {
		a := w.event(sub)
		w.save(a)
		w.call(owner, a.Deliveries[0], at.Add(time.Duration(i/2)*time.Millisecond), time.Duration(i)*time.Millisecond, i%2 == 0) // many at one instant
	}
	w.requirePages(8, 9)
}

// A page looks at few deliveries: not at those that ended before it, nor at those that were made after it, but at old ones that were called
// since.
func callbackLogOverTime(w *world) {
	sub, owner := w.subscribe(pack("a")), w.register("a")
	old := w.event(sub)
	w.save(old)
	w.call(owner, old.Deliveries[0], w.clock.Now(), time.Second, false)
	for i := range 12 {
		w.clock.Advance(2 * time.Minute)
		a := w.event(sub)
		w.save(a)
		w.call(owner, a.Deliveries[0], w.clock.Now(), 50*time.Second, i%3 > 0)
		if i == 4 || i == 9 {
			w.call(owner, old.Deliveries[0], w.clock.Now().Add(time.Second), 30*time.Second, i == 9)
		}
	}
	w.requirePages(2*15, 4)
}

// requirePages reads the whole log at once, which has so many entries, and then in pages of each size.
func (w *world) requirePages(entries, most int) {
	w.Helper()
	all := w.logged(models.CallbackLogQuery{})
	require.Len(w, all, entries)
	require.True(w, slices.IsSortedFunc(all, func(a, b models.CallbackEntry) int { return bytes.Compare(a.Place.Bytes(), b.Place.Bytes()) }))
	for limit := 1; limit <= most; limit++ {
		var got []models.CallbackEntry
		place := models.CallbackPlace{}
		for {
			page := w.logged(models.CallbackLogQuery{After: place, Limit: limit})
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			var ok bool
			place, ok = models.ParseCallbackPlace(page[limit-1].Place.Bytes())
			require.True(w, ok)
		}
		require.Equal(w, all, got, "%d a page", limit)
	}
}

func callbackLogRemoved(w *world) {
	sub, owner := w.subscribe(pack("pack")), w.register("a")
	whole, part := of("pack", w.event(sub)), of("document", w.event(sub))
	part.Event.EntityParentKey = "pack"
	w.save(whole, part)
	w.call(owner, whole.Deliveries[0], w.clock.Now(), time.Millisecond, false)
	w.call(owner, part.Deliveries[0], w.clock.Now(), time.Millisecond, true)
	require.Len(w, w.logged(models.CallbackLogQuery{EntityKey: "pack"}), 4)
	job, err := w.RemoveEntity(w.Context(), w.org.ID, "pack", w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.True(w, job.Done)
	require.EqualValues(w, 1, job.Canceled, "the one that was to be tried again")
	require.Empty(w, w.logged(models.CallbackLogQuery{}))
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}), "nothing is tried again")
}

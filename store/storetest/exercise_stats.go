package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func statsTests() []exercise {
	return []exercise{
		{"statistics say what the attempts say", exerciseStats},
		{"folding beside recording loses and doubles nothing", exerciseStatsFoldedBeside},
		{"percentiles, reasons and classes come from the attempts", exerciseStatsParts},
		{"statistics keep to the organization, the environment and the subscriptions", exerciseStatsBounds},
		{"hours go when their time has come, and nothing else takes them", exerciseStatsRetention},
		{"activity has the last hours and the last attempt", exerciseActivity},
		{"what fails is named, the worst first", exerciseFailing},
		{"what waits is counted", exerciseWaiting},
		{"counting what waits ends at its bounds", exerciseWaitingBounds},
	}
}

// everything asks for all that an organization has around the present, by the hour.
func (w *world) everything(sandbox bool, subs ...models.ID) models.StatsQuery {
	now := w.clock.Now().Truncate(time.Hour)
	return models.StatsQuery{
		OrganizationID: w.org.ID, SubscriptionIDs: subs, Sandbox: sandbox, From: now.Add(-1000 * time.Hour), To: now.Add(100 * time.Hour),
		Interval: time.Hour,
	}
}

// stats are the statistics, which must agree with a count of the attempts.
func (w *world) stats(q models.StatsQuery) []models.StatsBucket {
	w.Helper()
	kept, err := w.Stats(w.Context(), q)
	require.NoError(w, err)
	RequireStatsCounted(w, w.Store, q, kept)
	return kept
}

// RequireStatsCounted holds that statistics are what a count of the attempts says.
func RequireStatsCounted(t require.TestingT, s *store.Store, q models.StatsQuery, kept []models.StatsBucket) {
	counted, err := s.CountStats(context.Background(), q)
	require.NoError(t, err)
	require.Len(t, kept, len(counted))
	for i, b := range kept {
		attempts := *b.Counts
		attempts.GaveUp = 0
		require.Equal(t, counted[i], models.StatsBucket{At: b.At, Counts: &attempts})
	}
}

func (w *world) fold() int {
	w.Helper()
	n, err := w.FoldStats(w.Context())
	require.NoError(w, err)
	return n
}

// total is the sum of buckets.
func total(list []models.StatsBucket) *models.Counts {
	sum := models.NewCounts()
	for _, b := range list {
		sum.Merge(b.Counts)
	}
	return sum
}

func exerciseStats(w *world) {
	one, two, owner := w.subscribe(), w.subscribe(), w.register("a")
	require.Empty(w, w.stats(w.everything(false)))
	var batch []*models.Accepted
	var results []models.Result
	for i := range 150 { // more than a chunk on SQLite
		a := owned(w.event(one, two), owner)
		batch = append(batch, a)
		started := w.clock.Now().Add(-time.Duration(i) * time.Minute) // over several hours
		ok, bad := succeeded(a.Deliveries[0], started), failed(a.Deliveries[1], started, started)
		ok.Attempt.Timings.Total = time.Duration(i) * time.Millisecond
		if i%10 == 3 {
			bad.Status, bad.DueAt = models.StatusFailed, time.Time{}
		}
		results = append(results, ok, bad)
	}
	w.save(batch...)
	fencedOut := results[7]
	fencedOut.Delivery.Owner++
	require.Equal(w, []models.ID{fencedOut.Delivery.ID}, w.record(append(results[:7:7], append(results[8:], fencedOut)...)...))
	require.Len(w, w.record(results[8:100]...), 92, "recorded before")
	canceled := results[7]
	canceled.Attempt, canceled.Status, canceled.Reason = nil, models.StatusCanceled, models.ReasonDisabled
	require.Empty(w, w.record(canceled), "not sent, so no attempt")

	require.GreaterOrEqual(w, w.UnfoldedStats(), 299)
	for _, when := range []string{"as entries", "folded", "folded twice"} {
		sum := total(w.stats(w.everything(false)))
		require.Equal(w, []int64{299, 150, 14}, []int64{sum.Attempts, sum.Succeeded, sum.GaveUp}, when)
		require.Equal(w, int64(150), total(w.stats(w.everything(false, one.ID))).Succeeded, when)
		require.Equal(w, map[models.Reason]int64{models.ReasonStatus: 149}, total(w.stats(w.everything(false, two.ID))).ByReason, when)
		require.Greater(w, len(w.stats(w.everything(false))), 2, when)
		w.fold()
		require.Zero(w, w.UnfoldedStats())
	}
	a := owned(w.event(one), owner)
	w.save(a)
	w.record(failed(a.Deliveries[0], w.clock.Now(), w.clock.Now()))
	require.Equal(w, int64(300), total(w.stats(w.everything(false))).Attempts, "hours and entries together")
	require.Equal(w, 1, w.fold())
	require.Zero(w, w.fold())
	require.Equal(w, int64(300), total(w.stats(w.everything(false))).Attempts, "added to what is there")
	q := w.everything(false)
	q.Interval = aDay
	days := w.stats(q)
	require.Equal(w, int64(300), total(days).Attempts)
	for _, d := range days {
		require.Zero(w, d.At.UnixMilli()%aDay.Milliseconds())
	}
}

func exerciseStatsFoldedBeside(w *world) {
	subs := []*models.Subscription{w.subscribe(), w.subscribe()}
	stores := []*store.Store{w.Store}
	if w.Dialect() == "postgres" {
		stores = append(stores, w.open(), w.open())
	}
	owner := w.register("a")
	var all []*models.Accepted
	batches := make([][]models.Result, 60)
	for i := range batches {
		for range 5 {
			a := owned(w.event(subs...), owner)
			all = append(all, a)
			for _, d := range a.Deliveries {
				batches[i] = append(batches[i], succeeded(d, w.clock.Now()))
			}
		}
	}
	w.save(all...)
	var wg sync.WaitGroup
	errs := make([]error, 2*len(stores))
	for i, s := range stores {
		wg.Go(func() {
			for n := i; n < len(batches) && errs[2*i] == nil; n += len(stores) {
				_, errs[2*i] = s.Record(w.Context(), batches[n])
			}
		})
		wg.Go(func() {
			for range 20 {
				if _, errs[2*i+1] = s.FoldStats(w.Context()); errs[2*i+1] != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(w, err)
	}
	require.Equal(w, int64(600), total(w.stats(w.everything(false))).Attempts)
	w.fold()
	require.Equal(w, int64(600), total(w.stats(w.everything(false))).Attempts)
	for _, sub := range subs {
		require.Equal(w, int64(300), total(w.stats(w.everything(false, sub.ID))).Succeeded)
	}
}

func exerciseStatsParts(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	record := func(n int, took time.Duration, status int, reason models.Reason) {
		var batch []*models.Accepted
		for range n {
			batch = append(batch, owned(w.event(sub), owner))
		}
		w.save(batch...)
		for _, a := range batch {
			r := failed(a.Deliveries[0], w.clock.Now(), w.clock.Now())
			r.Attempt.StatusCode, r.Attempt.Reason, r.Attempt.Success, r.Attempt.Timings.Total = status, reason, reason == "", took
			if reason == "" {
				r.Status, r.DueAt, r.Reason = models.StatusDelivered, time.Time{}, ""
			}
			require.Empty(w, w.record(r))
		}
	}
	record(17, 20*time.Millisecond, 200, "")
	record(1, 100*time.Millisecond, 302, "")
	record(1, 200*time.Millisecond, 503, models.ReasonStatus)
	record(1, 1<<62, 0, models.ReasonTimeout) // more than a row holds
	record(2, time.Microsecond, 0, models.ReasonBlockedAddress)
	w.fold()
	list := w.stats(w.everything(false))
	require.Len(w, list, 1)
	require.Equal(w, w.clock.Now().Truncate(time.Hour), list[0].At)
	require.Equal(w, map[models.Reason]int64{models.ReasonStatus: 1, models.ReasonTimeout: 1, models.ReasonBlockedAddress: 2}, list[0].ByReason)
	require.Equal(w, map[models.StatusClass]int64{models.Class2xx: 17, models.Class3xx: 1, models.Class5xx: 1, models.ClassNone: 3}, list[0].ByClass)
	require.Equal(w, int64(20), list[0].Latency.Count())
	for q, want := range map[float64]time.Duration{0.5: 20 * time.Millisecond, 0.9: 100 * time.Millisecond, 0.95: 200 * time.Millisecond} {
		require.InEpsilon(w, float64(want), float64(list[0].Latency.Quantile(q)), models.LatencyError)
	}
}

func exerciseStatsBounds(w *world) {
	ctx := w.Context()
	one, two, owner := w.subscribe(), w.subscribe(), w.register("a")
	tried := func(sub *models.Subscription, sandbox bool) {
		a := owned(w.event(sub), owner)
		a.Event.Sandbox, a.Deliveries[0].Sandbox = sandbox, sandbox
		w.save(a)
		require.Empty(w, w.record(succeeded(a.Deliveries[0], w.clock.Now())))
	}
	tried(one, false)
	tried(one, true)
	tried(two, false)
	test := owned(w.test(one), owner)
	w.save(test)
	require.Empty(w, w.record(succeeded(test.Deliveries[0], w.clock.Now()))) // counts nowhere
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, two.ID, models.ID{}, w.clock.Now()))
	other := w.organization("other")
	for range 2 {
		require.Equal(w, int64(2), total(w.stats(w.everything(false))).Attempts, "with what the deleted one had")
		require.Equal(w, int64(1), total(w.stats(w.everything(true))).Attempts)
		require.Equal(w, int64(1), total(w.stats(w.everything(true, one.ID))).Attempts)
		require.Equal(w, int64(1), total(w.stats(w.everything(false, two.ID))).Attempts)
		require.Empty(w, w.stats(w.everything(true, two.ID)))
		require.Equal(w, int64(2), total(w.stats(w.everything(false, one.ID, two.ID))).Attempts)
		require.Equal(w, int64(1), total(w.stats(w.everything(false, one.ID, one.ID))).Attempts)

		foreign := w.everything(false, one.ID)
		foreign.OrganizationID = other.ID
		require.Empty(w, w.stats(foreign))
		hour := w.clock.Now().Truncate(time.Hour)
		q := w.everything(false)
		q.From, q.To = hour, hour.Add(time.Hour)
		require.Equal(w, int64(2), total(w.stats(q)).Attempts)
		q.From, q.To = hour.Add(-time.Hour), hour
		require.Empty(w, w.stats(q))
		q.From, q.To = hour.Add(time.Hour), hour.Add(2*time.Hour)
		require.Empty(w, w.stats(q))
		w.fold()
	}
}

func exerciseStatsRetention(w *world) {
	ctx := w.Context()
	sub, owner := w.subscribe(), w.register("a")
	for range 3 {
		w.finish(owner, func() *models.Accepted { a := w.event(sub); a.Event.EntityKey = "ent"; w.save(a); return a }())
		w.passDays(1, owner)
	}
	q := w.everything(false)
	w.fold()
	require.Len(w, w.stats(q), 3)
	require.Zero(w, w.expire(store.Retention{Stats: 80 * time.Hour}).StatHours)
	require.Equal(w, int64(2), w.expire(store.Retention{Stats: 60 * time.Hour}).StatHours, "that of the subscription and that of the organization")
	kept := func() int {
		list, err := w.Stats(ctx, q)
		require.NoError(w, err)
		return len(list)
	}
	require.Equal(w, 2, kept())

	// What they count may go long before, by retention or by request.
	w.expire(store.Retention{Events: time.Hour, Deliveries: time.Hour})
	require.Equal(w, 2, kept())
	w.finish(owner, func() *models.Accepted { a := w.event(sub); a.Event.EntityKey = "ent"; w.save(a); return a }())
	_, err := w.RemoveEntity(ctx, w.org.ID, "ent", w.clock.Now(), time.Minute)
	require.NoError(w, err)
	w.clock.Advance(time.Hour)
	_, err = w.RemoveEntities(ctx, w.clock.Now(), time.Minute)
	require.NoError(w, err)
	counted, err := w.CountStats(ctx, q)
	require.NoError(w, err)
	require.Empty(w, counted)
	require.Equal(w, 3, kept())
	w.fold()
	require.Equal(w, 3, kept())
}

func exerciseActivity(w *world) {
	ctx := w.Context()
	busy, idle, sandbox, owner := w.subscribe(), w.subscribe(), w.subscribe(func(s *models.Subscription) { s.Sandbox = true }), w.register("a")
	tried := func(sub *models.Subscription, ok, inSandbox bool) time.Time {
		a := owned(w.event(sub), owner)
		a.Event.Sandbox, a.Deliveries[0].Sandbox = inSandbox, inSandbox
		w.save(a)
		r := succeeded(a.Deliveries[0], w.clock.Now())
		if !ok {
			r = failed(a.Deliveries[0], w.clock.Now(), w.clock.Now().Add(time.Hour))
		}
		require.Empty(w, w.record(r))
		return r.Attempt.StartedAt
	}
	tried(idle, true, false)
	longAgo := tried(idle, false, false).Add(0)
	w.clock.Advance(30 * time.Hour)
	tried(busy, true, false)
	tried(busy, false, false)
	w.clock.Advance(2 * time.Hour)
	inSandbox := tried(sandbox, true, true)
	tried(busy, false, true) // the sandbox says nothing of production
	last := tried(busy, true, false)
	now := w.clock.Now()
	for range 2 {
		list, err := w.Activity(ctx, w.org.ID, []models.ID{busy.ID, NewID(), idle.ID, sandbox.ID}, now)
		require.NoError(w, err)
		require.Len(w, list, 3)
		want := make([]models.HourActivity, models.ActivityHours)
		for i := range want {
			want[i].At = now.Truncate(time.Hour).Add(time.Duration(i-models.ActivityHours+1) * time.Hour)
		}
		for i, a := range list {
			require.Equal(w, []models.ID{busy.ID, idle.ID, sandbox.ID}[i], a.SubscriptionID)
			require.Equal(w, i == 2, a.Sandbox)
			require.Equal(w, []time.Time{last, longAgo, inSandbox}[i].UnixMilli(), a.LastAt.UnixMilli())
			hours := slices.Clone(want)
			switch a.SubscriptionID {
			case busy.ID:
				hours[21].Succeeded, hours[21].Failed, hours[23].Succeeded = 1, 1, 1
			case sandbox.ID:
				hours[23].Succeeded = 1
			}
			require.Equal(w, hours, a.Hours[:])
		}
		require.True(w, list[0].LastSuccess)
		require.True(w, list[1].LastSuccess, "of two that started at once, one succeeded")
		require.True(w, list[2].LastSuccess)
		foreign, err := w.Activity(ctx, w.organization(NewID().String()).ID, []models.ID{busy.ID}, now)
		require.NoError(w, err)
		require.Empty(w, foreign)
		w.fold()
	}
	none, err := w.Activity(ctx, w.org.ID, nil, now)
	require.NoError(w, err)
	require.Empty(w, none)
	w.clock.Advance(time.Minute)
	tried(busy, false, false)
	list, err := w.Activity(ctx, w.org.ID, []models.ID{busy.ID}, w.clock.Now())
	require.NoError(w, err)
	require.False(w, list[0].LastSuccess)
}

func exerciseWaiting(w *world) {
	ctx := w.Context()
	one, two, sandbox, owner := w.subscribe(), w.subscribe(), w.subscribe(func(s *models.Subscription) { s.Sandbox = true }), w.register("a")
	minute := w.clock.Now().Truncate(time.Minute)
	retrying := func(sub *models.Subscription, due time.Time) {
		a := owned(w.event(sub), owner)
		w.save(a)
		r := failed(a.Deliveries[0], w.clock.Now(), due)
		if due.IsZero() {
			r.Status, r.DueAt = models.StatusParked, w.clock.Now()
		}
		require.Empty(w, w.record(r))
	}
	for i := range 7 {
		retrying(one, minute.Add(time.Duration(7-i)*time.Minute))
	}
	retrying(one, minute.Add(time.Minute+time.Second))
	retrying(two, minute.Add(2*time.Minute+time.Second))
	retrying(two, time.Time{})
	retrying(sandbox, minute.Add(time.Hour))
	w.save(w.event(one), w.event(two), w.event(two), owned(w.event(one), owner))
	w.finish(owner, func() *models.Accepted { a := w.event(sandbox); w.save(a); return a }())

	waiting := func(sandbox bool, ids ...models.ID) models.Waiting {
		got, err := w.Waiting(ctx, w.org.ID, ids, sandbox)
		require.NoError(w, err)
		return got
	}
	at := func(list ...int64) (next []models.NextRetry) {
		for i, n := range list {
			next = append(next, models.NextRetry{At: minute.Add(time.Duration(i+1) * time.Minute), Count: n})
		}
		return next
	}
	require.Equal(w, models.Waiting{Pending: 3, Retrying: 9, Parked: 1, NextRetries: at(2, 2, 1, 1, 1)}, waiting(false))
	require.Equal(w, models.Waiting{Pending: 1, Retrying: 8, NextRetries: at(2, 1, 1, 1, 1)}, waiting(false, one.ID))
	require.Equal(w, models.Waiting{Pending: 3, Retrying: 9, Parked: 1, NextRetries: at(2, 2, 1, 1, 1)}, waiting(true, one.ID, two.ID), "those that are named")
	require.Equal(w, models.Waiting{Retrying: 1, NextRetries: []models.NextRetry{{At: minute.Add(time.Hour), Count: 1}}}, waiting(true))
	other := w.organization("other")
	foreign, err := w.Waiting(ctx, other.ID, []models.ID{one.ID}, false)
	require.NoError(w, err)
	require.Zero(w, foreign)
	foreign, err = w.Waiting(ctx, other.ID, nil, false)
	require.NoError(w, err)
	require.Zero(w, foreign)
}

func exerciseWaitingBounds(w *world) {
	sub, parked := w.subscribe(), w.subscribe()
	const fanOut = 100
	var batch []*models.Accepted
	for range models.MaxWaitingCount/fanOut + 1 {
		batch = append(batch, w.event(slices.Repeat([]*models.Subscription{sub}, fanOut)...))
	}
	held := w.event(parked)
	held.Deliveries[0].Status = models.StatusParked
	w.save(append(batch, held)...)
	got, err := w.Waiting(w.Context(), w.org.ID, nil, false)
	require.NoError(w, err)
	require.Equal(w, models.Waiting{Pending: models.MaxWaitingCount + 1, Parked: 1, Capped: true}, got)
	ids := []models.ID{parked.ID}
	for range models.MaxWaitingSubscriptions - 1 {
		ids = append(ids, NewID())
	}
	got, err = w.Waiting(w.Context(), w.org.ID, ids, false)
	require.NoError(w, err)
	require.Equal(w, models.Waiting{Parked: 1}, got)
	got, err = w.Waiting(w.Context(), w.org.ID, append(ids, NewID()), false)
	require.NoError(w, err)
	require.Equal(w, models.Waiting{Parked: 1, Capped: true}, got)
}

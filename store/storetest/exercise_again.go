package storetest

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func againTests() []exercise {
	return []exercise{
		{"a delivery is sent again and goes back", exerciseRetryGoesBack},
		{"what can't be sent again", exerciseRetryRefused},
		{"a stop leaves what was asked for after it", exerciseRetryAfterStop},
		{"an old delivery is found below the floor", exerciseRetryBelowFloor},
		{"an event whose data is needed again keeps it", exerciseRetryOwesPayload},
		{"what retention removes is not sent again", exerciseRetryTooOld},
		{"a replay is a new delivery", exerciseReplay},
		{"what can't be replayed", exerciseReplayRefused},
		{"a job sends many again at its pace", exerciseResendPace},
		{"a job goes on elsewhere and sends nothing twice", exerciseResendGoesOn},
		{"instances that step at once share a job's rate", exerciseResendTogether},
		{"a backfill sends what was missed", exerciseBackfill},
		{"a job leaves suspended endpoints alone", exerciseResendSuspended},
		{"a job that fails keeps no other", exerciseResendIsolated},
		{"jobs are bounded, listed and canceled", exerciseResendList},
	}
}

// ended is an event with one delivery that has ended in a status.
func (w *world) ended(sub *models.Subscription, owner int64, status models.DeliveryStatus) models.Delivery {
	w.Helper()
	a := owned(w.event(sub), owner)
	w.save(a)
	r := succeeded(a.Deliveries[0], w.clock.Now())
	r.Status = status
	if status != models.StatusDelivered {
		r.Attempt.Success, r.Reason = false, models.ReasonStatus
	}
	if status == models.StatusRetrying {
		r.DueAt, r.Owed = w.clock.Now().Add(time.Hour), true
	}
	require.Empty(w, w.record(r))
	return w.delivery(a.Deliveries[0].ID)
}

func exerciseRetryGoesBack(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	for _, status := range []models.DeliveryStatus{
		models.StatusDelivered, models.StatusFailed, models.StatusCanceled, models.StatusRetrying, models.StatusParked,
	} {
		before := w.ended(sub, owner, status)
		now := w.clock.Advance(time.Second)
		asked, err := w.Retry(w.Context(), w.org.ID, before.ID, now)
		require.NoError(w, err)
		want := before
		want.Status, want.DueAt, want.Owner, want.UpdatedAt, want.Owed = models.StatusPending, now, 0, now, false
		want.Back = &models.Back{Status: status, DueAt: before.DueAt, Owed: before.Owed, Reason: before.Reason}
		require.Equal(w, want, asked)
		require.Equal(w, want, w.delivery(before.ID))
		w.requireCode(models.CodeConflict, second(w.Retry(w.Context(), w.org.ID, before.ID, now)))

		jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10})
		require.Len(w, jobs, 1, status)
		require.Equal(w, want.Back, jobs[0].Delivery.Back)
		require.NoError(w, w.Release(w.Context(), owner, []models.ID{before.ID}, now))
		jobs = w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10})
		require.Equal(w, want.Back, jobs[0].Delivery.Back, "given back, it is still on demand")
		w.requireCode(models.CodeConflict, second(w.Retry(w.Context(), w.org.ID, before.ID, now)))

		r := failed(jobs[0].Delivery, now, before.DueAt)
		r.Status, r.Owed, r.Uncounted = status, before.Owed, true
		require.Empty(w, w.record(r))
		after := w.delivery(before.ID)
		require.Nil(w, after.Back)
		require.Equal(w, status, after.Status)
		require.Equal(w, before.DueAt, after.DueAt)
		require.Equal(w, 2, after.Attempts)
		require.Equal(w, 1, after.Uncounted)
		require.True(w, w.ledger().Balanced())
	}
}

func second[T any](_ T, err error) error { return err }

func exerciseRetryRefused(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	retry := func(org, id models.ID) error { return second(w.Retry(w.Context(), org, id, w.clock.Now())) }
	d := w.ended(sub, owner, models.StatusFailed)
	w.requireCode(models.CodeNotFound, retry(w.organization("other").ID, d.ID))
	w.requireCode(models.CodeNotFound, retry(w.org.ID, NewID()))
	flying := owned(w.event(sub), owner)
	w.save(flying)
	w.requireCode(models.CodeConflict, retry(w.org.ID, flying.Deliveries[0].ID))
	w.exec("UPDATE events SET data = ''")
	w.requireCode(models.CodeConflict, retry(w.org.ID, d.ID))
	w.exec("UPDATE events SET data = '{}'")
	w.change(sub, func(s *models.Subscription) { s.Enabled = false })
	w.requireCode(models.CodeConflict, retry(w.org.ID, d.ID))
	w.change(sub, func(s *models.Subscription) { s.Enabled = true })
	require.NoError(w, retry(w.org.ID, d.ID))
	require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, w.clock.Now()))
	w.requireCode(models.CodeConflict, retry(w.org.ID, d.ID))
	require.True(w, w.ledger().Balanced())
}

// exerciseRetryAfterStop disables, enables and asks before the sweep has canceled anything.
func exerciseRetryAfterStop(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	d, waits := w.ended(sub, owner, models.StatusFailed), w.ended(sub, owner, models.StatusRetrying)
	w.change(sub, func(s *models.Subscription) { s.Enabled = false })
	on := w.change(sub, func(s *models.Subscription) { s.Enabled = true })
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, d.ID, w.clock.Now())))
	n, err := w.CancelStopped(w.Context(), w.clock.Now(), 10)
	require.NoError(w, err)
	require.Equal(w, 1, n)
	require.Equal(w, models.StatusCanceled, w.delivery(waits.ID).Status)
	got := w.delivery(d.ID)
	require.Equal(w, models.StatusPending, got.Status)
	_, stopped := got.Stopped(on)
	require.False(w, stopped)
}

func exerciseRetryBelowFloor(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	d := w.ended(sub, owner, models.StatusFailed)
	later := w.clock.Advance(5 * 24 * time.Hour)
	require.NoError(w, w.EnsurePartitions(w.Context(), later, later))
	require.NoError(w, w.RaiseFloor(w.Context(), later))
	pulse, err := w.Pulse(w.Context(), later, time.Hour)
	require.NoError(w, err)
	require.False(w, pulse.Due)
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, d.ID, later)))
	require.NoError(w, w.RaiseFloor(w.Context(), later))
	for _, s := range []*store.Store{w.Store, w.open()} { // who asked, and another
		pulse, err = s.Pulse(w.Context(), later, time.Hour)
		require.NoError(w, err)
		require.True(w, pulse.Due)
	}
	require.Len(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1}), 1)
}

func exerciseRetryOwesPayload(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	d := w.ended(sub, owner, models.StatusFailed)
	now := w.clock.Advance(48 * time.Hour)
	require.NoError(w, w.Heartbeat(w.Context(), owner, models.ID{})) // nothing is in its hands
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, d.ID, now)))
	expire := func() {
		_, err := w.Expire(w.Context(), now, store.Retention{Payloads: time.Hour})
		require.NoError(w, err)
	}
	expire()
	jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.Len(w, jobs, 1)
	require.NotEmpty(w, jobs[0].Event.Data)
	r := failed(jobs[0].Delivery, now, time.Time{})
	r.Status = models.StatusFailed
	w.record(r)
	// The pass has come by, but the debt is not settled: it must be noted once more.
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, d.ID, now)))
	expire()
	jobs = w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.NotEmpty(w, jobs[0].Event.Data)
	w.record(succeeded(jobs[0].Delivery, now))
	expire()
	w.requireCode(models.CodeConflict, second(w.Retry(w.Context(), w.org.ID, d.ID, now)))
}

// exerciseRetryTooOld asks for an event that is only kept because another delivery still needs it.
func exerciseRetryTooOld(w *world) {
	one, two, owner := w.subscribe(), w.subscribe(), w.register("a")
	a := owned(w.event(one, two), owner)
	w.save(a)
	dead := failed(a.Deliveries[0], w.clock.Now(), time.Time{})
	dead.Status = models.StatusFailed
	w.record(dead, failed(a.Deliveries[1], w.clock.Now(), w.clock.Now().Add(72*time.Hour)))
	now := w.clock.Advance(48 * time.Hour)
	require.NoError(w, w.Heartbeat(w.Context(), owner, models.ID{}))
	_, err := w.Expire(w.Context(), now, store.Retention{Events: time.Hour})
	require.NoError(w, err)
	require.NoError(w, second(w.Event(w.Context(), w.org.ID, a.Event.ID)))
	w.requireCode(models.CodeConflict, second(w.Retry(w.Context(), w.org.ID, a.Deliveries[0].ID, now)))
	w.requireCode(models.CodeConflict, second(w.Replay(w.Context(), w.org.ID, a.Event.Ref, []models.ID{one.ID}, true, now)))
}

func (w *world) replay(ref models.ID, named bool, subs ...models.ID) []models.Delivery {
	w.Helper()
	list, err := w.Replay(w.Context(), w.org.ID, ref, subs, named, w.clock.Now())
	require.NoError(w, err)
	return list
}

func exerciseReplay(w *world) {
	first, second := w.subscribe(), w.subscribe()
	owner := w.register("a")
	old := w.ended(first, owner, models.StatusDelivered)
	now := w.clock.Advance(time.Minute)
	made := w.replay(old.EventRef, false, first.ID, second.ID)
	require.Len(w, made, 2)
	require.Equal(w, models.Delivery{
		ID: made[0].ID, OrganizationID: w.org.ID, EventRef: old.EventRef, EventID: old.EventID, EventName: old.EventName,
		SubscriptionID: first.ID, SubscriptionVersion: 1, Status: models.StatusPending, DueAt: now, CreatedAt: now, UpdatedAt: now,
		Replay: true, ReplayOf: old.ID,
	}, made[0])
	require.True(w, made[1].Replay)
	require.True(w, made[1].ReplayOf.IsZero())
	again := w.replay(old.EventRef, true, first.ID)
	require.Equal(w, made[0].ID, again[0].ReplayOf)
	l := w.ledger()
	require.Equal(w, int64(4), l.Expected)
	require.True(w, l.Balanced())

	all := []models.Delivery{again[0], made[0], made[1], old}
	slices.SortFunc(all, func(a, b models.Delivery) int { return b.ID.Compare(a.ID) })
	for limit := 1; limit <= 5; limit++ { // in pages of every size
		var got []models.Delivery
		for q := (models.DeliveryQuery{OrganizationID: w.org.ID, EventRef: old.EventRef, Limit: limit}); ; {
			page, err := w.Deliveries(w.Context(), q)
			require.NoError(w, err)
			got = append(got, page...)
			if len(page) < limit {
				break
			}
			q.After = page[limit-1].ID
		}
		require.Equal(w, all, got)
	}
	jobs := w.claim(owner, models.Want{SubscriptionID: second.ID, Limit: 10})
	require.Len(w, jobs, 1)
	require.Equal(w, old.EventRef, jobs[0].Event.Ref)
	require.True(w, jobs[0].Delivery.Replay)
	w.record(succeeded(jobs[0].Delivery, now))
	require.True(w, w.ledger().Balanced())
}

func exerciseReplayRefused(w *world) {
	sub, off := w.subscribe(), w.subscribe(func(s *models.Subscription) { s.Enabled = false })
	sandbox := w.subscribe(func(s *models.Subscription) { s.Sandbox = true })
	d := w.ended(sub, w.register("a"), models.StatusDelivered)
	other := w.organization("other")
	foreign := w.spec(other.ID)
	require.NoError(w, w.CreateSubscription(w.Context(), foreign, 0, models.ID{}))
	ids := []models.ID{sub.ID, off.ID, sandbox.ID, foreign.ID, NewID()}
	_, err := w.Replay(w.Context(), w.org.ID, d.EventRef, ids, true, w.clock.Now())
	w.requireCode(models.CodeInvalid, err)
	for i, want := range []bool{false, true, true, true, true} {
		_, err := w.Replay(w.Context(), w.org.ID, d.EventRef, ids[i:i+1], true, w.clock.Now())
		require.Equal(w, want, err != nil, "%d: %v", i, err)
	}
	require.Len(w, w.replay(d.EventRef, false, ids...), 1)
	w.requireCode(models.CodeNotFound, second(w.Replay(w.Context(), other.ID, d.EventRef, nil, false, w.clock.Now())))
	w.exec("UPDATE events SET data = ''")
	w.requireCode(models.CodeConflict, second(w.Replay(w.Context(), w.org.ID, d.EventRef, ids[:1], true, w.clock.Now())))
	require.True(w, w.ledger().Balanced())
}

// resend starts a job about the last hour.
func (w *world) resend(change ...func(*models.Resend)) models.Resend {
	w.Helper()
	now := w.clock.Now()
	r := models.Resend{
		ID: w.newID(), OrganizationID: w.org.ID, Kind: models.ResendRetry, Status: models.StatusFailed, From: now.Add(-time.Hour), To: now.Add(time.Millisecond),
		RatePerSecond: 1000, CreatedAt: now,
	}
	for _, c := range change {
		c(&r)
	}
	require.NoError(w, w.CreateResend(w.Context(), &r))
	return r
}

func (w *world) step(s *store.Store) int {
	w.Helper()
	n, _, err := s.StepResends(w.Context(), w.clock.Now())
	require.NoError(w, err)
	return n
}

func (w *world) pending() int {
	w.Helper()
	return int(w.ledger().ByStatus[models.StatusPending])
}

func exerciseResendPace(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	for range 12 {
		w.ended(sub, owner, models.StatusFailed)
	}
	w.ended(sub, owner, models.StatusDelivered)
	r := w.resend(func(r *models.Resend) { r.RatePerSecond = 2 })
	preview, err := w.PreviewResend(w.Context(), r)
	require.NoError(w, err)
	require.Equal(w, int64(12), preview.Matching)
	require.True(w, preview.Complete)
	require.Len(w, preview.Sample, 10)
	start := w.clock.Now()
	for range 40 {
		w.step(w.Store)
		w.clock.Advance(190 * time.Millisecond)
		most := int(w.clock.Now().Sub(start).Seconds()*2) + 1
		require.LessOrEqual(w, w.pending(), most)
	}
	require.Equal(w, 12, w.pending(), "nor is it much slower")
	got, err := w.Resend(w.Context(), w.org.ID, r.ID)
	require.NoError(w, err)
	require.Equal(w, models.ResendDone, got.State)
	require.Equal(w, int64(12), got.Sent)
	require.Zero(w, w.step(w.Store))

	// After a long pause nothing comes in a flood.
	for range 30 {
		w.ended(sub, owner, models.StatusFailed)
	}
	w.resend(func(r *models.Resend) { r.RatePerSecond = 2 })
	w.clock.Advance(time.Hour)
	w.step(w.Store)
	require.LessOrEqual(w, w.pending()-12, 4)
}

func exerciseResendGoesOn(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	var failures []models.ID
	for range 30 {
		failures = append(failures, w.ended(sub, owner, models.StatusFailed).ID)
	}
	r := w.resend(func(r *models.Resend) { r.RatePerSecond, r.SubscriptionID = 10, sub.ID })
	sent := map[models.ID]int{}
	for range 12 {
		w.clock.Advance(500 * time.Millisecond)
		other := w.open() // every step is another process's
		w.step(other)
		for _, j := range w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 100}) {
			sent[j.Delivery.ID]++
			result := failed(j.Delivery, w.clock.Now(), time.Time{})
			result.Status, result.Uncounted = models.StatusFailed, true
			w.record(result)
		}
	}
	for _, id := range failures {
		require.Equal(w, 1, sent[id])
	}
	got, err := w.Resend(w.Context(), w.org.ID, r.ID)
	require.NoError(w, err)
	require.Equal(w, models.ResendDone, got.State)
	require.Equal(w, failures[29], got.Position)
	require.True(w, w.ledger().Balanced())
}

func exerciseResendTogether(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	for range 20 {
		w.ended(sub, owner, models.StatusFailed)
	}
	w.resend(func(r *models.Resend) { r.RatePerSecond = 5 })
	stores := []*store.Store{w.Store, w.open(), w.open(), w.open()}
	for second := 1; second <= 5; second++ {
		now := w.clock.Advance(time.Second)
		errs := make([]error, len(stores))
		var all sync.WaitGroup
		for i, s := range stores {
			all.Go(func() {
				_, _, err := s.StepResends(w.Context(), now)
				errs[i] = err
			})
		}
		all.Wait()
		require.NoError(w, errors.Join(errs...))
		require.Equal(w, min(5*second, 20), w.pending())
	}
}

func exerciseBackfill(w *world) {
	owner := w.register("a")
	old := w.subscribe()
	var missed []models.ID
	for range 5 {
		missed = append(missed, w.ended(old, owner, models.StatusDelivered).EventRef)
	}
	sub := w.subscribe()
	w.ended(sub, owner, models.StatusDelivered) // got
	w.replay(missed[0], true, sub.ID)           // got by hand
	r := w.resend(func(r *models.Resend) {
		r.Kind, r.SubscriptionID, r.Status, r.RatePerSecond = models.ResendBackfill, sub.ID, "", 2
	})
	preview, err := w.PreviewResend(w.Context(), r)
	require.NoError(w, err)
	require.Equal(w, int64(4), preview.Matching)
	require.Len(w, preview.Events, 4)
	for range 6 {
		w.clock.Advance(500 * time.Millisecond)
		w.step(w.open())
	}
	got, err := w.Resend(w.Context(), w.org.ID, r.ID)
	require.NoError(w, err)
	require.Equal(w, int64(4), got.Sent)
	require.Equal(w, models.ResendDone, got.State)
	var refs []models.ID
	for _, j := range w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 100}) {
		require.True(w, j.Delivery.Replay)
		refs = append(refs, j.Event.Ref)
	}
	require.ElementsMatch(w, missed, refs)
	require.True(w, w.ledger().Balanced())

	r = w.resend(func(r *models.Resend) { r.Kind, r.SubscriptionID, r.Status = models.ResendBackfill, sub.ID, "" })
	w.change(sub, func(s *models.Subscription) { s.Enabled = false })
	w.clock.Advance(time.Second)
	require.Zero(w, w.step(w.Store))
	got, err = w.Resend(w.Context(), w.org.ID, r.ID)
	require.NoError(w, err)
	require.Equal(w, models.ResendStopped, got.State)
}

func exerciseResendList(w *world) {
	sandbox := true
	var all []models.Resend
	for range models.MaxRunningResends {
		all = append([]models.Resend{w.resend(func(r *models.Resend) { r.Sandbox = &sandbox })}, all...)
	}
	full := all[0]
	full.ID = w.newID()
	w.requireCode(models.CodeQuota, w.CreateResend(w.Context(), &full))
	other := w.organization("other")
	w.requireCode(models.CodeNotFound, second(w.Resend(w.Context(), other.ID, all[0].ID)))
	w.requireCode(models.CodeNotFound, second(w.CancelResend(w.Context(), other.ID, all[0].ID, w.clock.Now())))
	list, err := w.Resends(w.Context(), w.org.ID, &sandbox, models.ID{}, 3)
	require.NoError(w, err)
	require.Equal(w, all[:3], list)
	list, err = w.Resends(w.Context(), w.org.ID, nil, all[2].ID, 100)
	require.NoError(w, err)
	require.Equal(w, all[3:], list)
	no := false
	list, err = w.Resends(w.Context(), w.org.ID, &no, models.ID{}, 100)
	require.NoError(w, err)
	require.Empty(w, list)
	exerciseResendEnvironments(w)

	now := w.clock.Advance(time.Second)
	got, err := w.CancelResend(w.Context(), w.org.ID, all[0].ID, now)
	require.NoError(w, err)
	require.Equal(w, models.ResendCanceled, got.State)
	require.Equal(w, now, got.EndedAt)
	require.Zero(w, w.step(w.Store), "the others find nothing and are done")
	again, err := w.CancelResend(w.Context(), w.org.ID, all[0].ID, w.clock.Advance(time.Second))
	require.NoError(w, err)
	require.Equal(w, got, again)
	w.clock.Advance(models.ResendKeptFor + time.Hour)
	w.resend()
	list, err = w.Resends(w.Context(), w.org.ID, nil, models.ID{}, 100)
	require.NoError(w, err)
	require.Len(w, list, 1)
	foreign := w.spec(other.ID)
	require.NoError(w, w.CreateSubscription(w.Context(), foreign, 0, models.ID{}))
	bad := all[0]
	bad.ID, bad.SubscriptionID = w.newID(), foreign.ID
	w.requireCode(models.CodeNotFound, w.CreateResend(w.Context(), &bad))
}

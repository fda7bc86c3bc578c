package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

const aDay = 24 * time.Hour

func retentionTests() []exercise {
	return []exercise{
		{"what is old and has ended goes, what is live stays", exerciseExpiry},
		{"events and deliveries each have their own time", exerciseSeparateClocks},
		{"nothing goes without a retention", func(w *world) {
			owner := w.register("a")
			a := w.finished(owner, w.subscribe())
			w.passDays(400, owner)
			require.Empty(w, w.expire(store.Retention{}))
			_, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
			require.NoError(w, err)
		}},
		{"what an instance has in hand from the commit stays, whatever its age", exerciseExpiryInHand},
		{"payloads are emptied, those of live deliveries when they end", exercisePayloads},
		{"emptying goes on where it was cut off", exerciseEmptyingResumes},
		{"removing goes on where it was cut off", exerciseRemovingResumes},
		{"duplicates across days", exerciseDuplicatesAcrossDays},
		{"two instances at the same time", exerciseParallelExpiry},
		{"a clock that is ahead of the server's removes nothing early", exerciseClockAhead},
	}
}

// passDays moves the clock on, with the days' partitions and the instances' heartbeats that running processes would see to.
func (w *world) passDays(n int, owners ...int64) {
	w.Helper()
	now := w.clock.Advance(time.Duration(n) * aDay)
	require.NoError(w, w.EnsurePartitions(w.Context(), now, now.Add(aDay)))
	for _, owner := range owners {
		require.NoError(w, w.Heartbeat(w.Context(), owner, models.ID{}))
	}
}

func (w *world) expire(r store.Retention) store.Expired {
	w.Helper()
	done, err := w.Expire(w.Context(), w.clock.Now(), r)
	require.NoError(w, err)
	return done
}

// finished is a stored event whose deliveries were delivered at once.
func (w *world) finished(owner int64, subs ...*models.Subscription) *models.Accepted {
	w.Helper()
	a := w.event(subs...)
	w.save(a)
	w.finish(owner, a)
	return a
}

// finish claims all that is due of an event's subscriptions and delivers it, with something to be emptied.
func (w *world) finish(owner int64, a *models.Accepted) {
	w.Helper()
	for _, d := range a.Deliveries {
		for _, j := range w.claim(owner, models.Want{SubscriptionID: d.SubscriptionID, Limit: 1000}) {
			w.record(full(succeeded(j.Delivery, w.clock.Now())))
		}
	}
}

// full gives a result's attempt what retention empties.
func full(r models.Result) models.Result {
	r.Attempt.RequestHeaders, r.Attempt.ResponseHeaders, r.Attempt.ResponseBody = []string{"A: 1"}, []string{"B: 2"}, []byte("body")
	return r
}

// requireGone sees that nothing is left of an event, or everything.
func (w *world) requireGone(gone bool, a *models.Accepted) {
	w.Helper()
	_, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
	if gone {
		w.requireCode(models.CodeNotFound, err)
	} else {
		require.NoError(w, err)
	}
	for _, want := range a.Deliveries {
		d, err := w.Delivery(w.Context(), w.org.ID, want.ID)
		attempts, err2 := w.Attempts(w.Context(), w.org.ID, want.ID)
		require.NoError(w, err2)
		if gone {
			w.requireCode(models.CodeNotFound, err)
			require.Empty(w, attempts)
		} else {
			require.NoError(w, err)
			require.Len(w, attempts, d.Attempts)
		}
	}
}

func exerciseExpiry(w *world) {
	owner := w.register("a")
	ended := w.finished(owner, w.subscribe(), w.subscribe())
	unmatched := w.event()
	pending, retrying, parked, claimed := w.event(w.subscribe()), w.event(w.subscribe()), w.event(w.subscribe()), w.event(w.subscribe())
	w.save(unmatched, pending, retrying, parked, claimed)
	take := func(a *models.Accepted) models.Delivery {
		jobs := w.claim(owner, models.Want{SubscriptionID: a.Deliveries[0].SubscriptionID, Limit: 1})
		require.Len(w, jobs, 1)
		return jobs[0].Delivery
	}
	now := w.clock.Now()
	w.record(failed(take(retrying), now, now.Add(2*time.Minute)))
	held := failed(take(parked), now, time.Time{})
	held.Status = models.StatusParked
	w.record(held)
	inHand := take(claimed)
	w.passDays(40, owner)
	recent := w.finished(owner, w.subscribe())

	keep := store.Retention{Events: 30 * aDay, Deliveries: 30 * aDay}
	require.Empty(w, w.expire(keep).Kept)
	w.requireGone(true, ended)
	w.requireGone(true, unmatched)
	for _, a := range []*models.Accepted{pending, retrying, parked, claimed, recent} {
		w.requireGone(false, a)
	}
	again := w.expire(keep)
	require.Empty(w, again, "nothing is left to do")

	require.Empty(w, w.record(succeeded(inHand, w.clock.Now())), "still ours")
	for _, a := range []*models.Accepted{pending, retrying} {
		require.Empty(w, w.record(succeeded(take(a), w.clock.Now())))
	}
	attempts, err := w.Attempts(w.Context(), w.org.ID, retrying.Deliveries[0].ID)
	require.NoError(w, err)
	require.Len(w, attempts, 2)
	w.passDays(1, owner)
	w.expire(keep)
	for _, a := range []*models.Accepted{pending, retrying, claimed} {
		w.requireGone(true, a)
	}
	w.requireGone(false, parked)
	w.requireGone(false, recent)
}

func exerciseSeparateClocks(w *world) {
	owner := w.register("a")
	a := w.finished(owner, w.subscribe())
	w.passDays(40, owner)
	w.expire(store.Retention{Events: 30 * aDay, Deliveries: 50 * aDay})
	_, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
	w.requireCode(models.CodeNotFound, err)
	require.Equal(w, models.StatusDelivered, w.delivery(a.Deliveries[0].ID).Status)
	require.Equal(w, a.Event.Name, w.delivery(a.Deliveries[0].ID).EventName)

	b := w.finished(owner, w.subscribe())
	w.passDays(40, owner)
	w.expire(store.Retention{Events: 50 * aDay, Deliveries: 30 * aDay})
	got, err := w.Event(w.Context(), w.org.ID, b.Event.ID)
	require.NoError(w, err)
	require.Equal(w, 1, got.Matched)
	_, err = w.Delivery(w.Context(), w.org.ID, b.Deliveries[0].ID)
	w.requireCode(models.CodeNotFound, err)
}

func exerciseExpiryInHand(w *world) {
	owner := w.register("a")
	a := owned(w.event(w.subscribe()), owner)
	w.save(a)
	w.clock.Advance(40 * aDay)
	require.NoError(w, w.Heartbeat(w.Context(), owner, a.Deliveries[0].ID))
	keep := store.Retention{Events: aDay, Deliveries: aDay, Payloads: aDay}
	w.expire(keep)
	w.requireGone(false, a)
	got, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
	require.NoError(w, err)
	require.Equal(w, a.Event.Data, got.Data)
	require.Empty(w, w.record(succeeded(a.Deliveries[0], w.clock.Now())))
	w.passDays(1, owner)
	w.expire(keep)
	w.requireGone(true, a)
}

// requireEmptied sees whether the payloads of an event and of its deliveries' attempts are gone, or all there.
func (w *world) requireEmptied(emptied bool, a *models.Accepted) {
	w.Helper()
	e, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
	require.NoError(w, err)
	require.Equal(w, emptied, len(e.Data) == 0)
	for _, d := range a.Deliveries {
		attempts, err := w.Attempts(w.Context(), w.org.ID, d.ID)
		require.NoError(w, err)
		require.Len(w, attempts, w.delivery(d.ID).Attempts)
		for _, at := range attempts {
			require.Equal(w, emptied, len(at.RequestHeaders)+len(at.ResponseHeaders)+len(at.ResponseBody) == 0)
			require.NotZero(w, at.StatusCode)
		}
	}
}

func exercisePayloads(w *world) {
	owner := w.register("a")
	ended, unmatched := w.finished(owner, w.subscribe(), w.subscribe()), w.event()
	w.save(unmatched)
	both := w.event(w.subscribe(), w.subscribe()) // one of its deliveries ends at once, the other is tried again
	w.save(both)
	now := w.clock.Now()
	for i, d := range both.Deliveries {
		j := w.claim(owner, models.Want{SubscriptionID: d.SubscriptionID, Limit: 1})[0].Delivery
		w.record(full([]models.Result{succeeded(j, now), failed(j, now, now.Add(time.Hour))}[i]))
	}
	w.passDays(3, owner)
	recent := w.finished(owner, w.subscribe())

	keep := store.Retention{Payloads: 2 * aDay}
	w.expire(keep)
	w.requireEmptied(true, ended)
	w.requireEmptied(true, unmatched)
	w.requireEmptied(false, recent)
	event, err := w.Event(w.Context(), w.org.ID, both.Event.ID)
	require.NoError(w, err)
	require.Equal(w, both.Event.Data, event.Data, "the delivery that is tried again needs it")
	for i, emptied := range []bool{true, false} {
		attempts, err := w.Attempts(w.Context(), w.org.ID, both.Deliveries[i].ID)
		require.NoError(w, err)
		require.Equal(w, emptied, attempts[0].ResponseBody == nil)
	}
	require.Zero(w, w.expire(keep).Payloads, "nothing is gone through again")

	jobs := w.claim(owner, models.Want{SubscriptionID: both.Deliveries[1].SubscriptionID, Limit: 1})
	require.Equal(w, both.Event.Data, jobs[0].Event.Data)
	w.record(full(succeeded(jobs[0].Delivery, w.clock.Now())))
	require.EqualValues(w, 1, w.expire(keep).Payloads)
	w.requireEmptied(true, both)
	w.requireEmptied(false, recent)
	w.passDays(3, owner)
	w.expire(keep)
	w.requireEmptied(true, recent)
}

// cutOff opens a store whose n-th look at the clock ends the context. Retention looks before and after each of its steps.
func (w *world) cutOff(n int) (*store.Store, context.Context) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	looks := 0
	s := Open(w.t, store.Options{URL: w.url, Now: func() time.Time {
		if looks++; looks == n {
			cancel()
		}
		return w.clock.Now()
	}})
	looks = 0
	return s, ctx
}

// crowd stores events with a delivered delivery each.
func (w *world) crowd(owner int64, n int) []*models.Accepted {
	w.Helper()
	sub := w.subscribe()
	var batch []*models.Accepted
	for range n {
		batch = append(batch, w.event(sub))
	}
	w.save(batch...)
	w.finish(owner, batch[0])
	return batch
}

// untilDone runs retention, cut off after each two steps, until it comes to an end.
func (w *world) untilDone(keep store.Retention) (total store.Expired, runs int) {
	w.Helper()
	for {
		s, ctx := w.cutOff(4)
		done, err := s.Expire(ctx, w.clock.Now(), keep)
		total.Payloads, total.Deliveries, total.Events = total.Payloads+done.Payloads, total.Deliveries+done.Deliveries, total.Events+done.Events
		if runs++; err == nil {
			return total, runs
		}
		require.True(w, errors.Is(err, context.Canceled), "%v", err)
		require.Less(w, runs, 200)
	}
}

func exerciseEmptyingResumes(w *world) {
	owner := w.register("a")
	batch := w.crowd(owner, 250)
	w.passDays(3, owner)
	total, runs := w.untilDone(store.Retention{Payloads: aDay})
	require.Greater(w, runs, 4)
	require.EqualValues(w, 2*len(batch), total.Payloads, "each event and each delivery's attempts once, however often it was cut off")
	for _, a := range batch {
		w.requireEmptied(true, a)
	}
}

func exerciseRemovingResumes(w *world) {
	owner := w.register("a")
	batch := w.crowd(owner, 250)
	w.passDays(40, owner)
	_, _ = w.untilDone(store.Retention{Events: aDay, Deliveries: aDay})
	for _, a := range batch {
		w.requireGone(true, a)
	}
}

// exerciseDuplicatesAcrossDays publishes the same on different days: while the first event is there, when retention has removed it,
// and when it has been gone for so long that its id and key are forgotten.
func exerciseDuplicatesAcrossDays(w *world) {
	id := NewID()
	publish := func() []models.Outcome {
		withID := chosen(w.event(), id)
		withID.Event.Fingerprint = [16]byte{1}
		return w.outcomes(withID, w.keyed("k", 2))
	}
	first := publish()
	keep := store.Retention{Events: 10 * aDay}
	for _, days := range []int{1, 4, 7, 3} { // the last two times the event is gone
		w.passDays(days)
		w.expire(keep)
		again := publish()
		for i := range first {
			require.NoError(w, again[i].Err)
			require.True(w, again[i].Receipt.Duplicate, "after %d more days", days)
			require.Equal(w, first[i].Receipt.EventID, again[i].Receipt.EventID)
			require.Equal(w, first[i].Receipt.EventName, again[i].Receipt.EventName)
			require.Equal(w, first[i].Receipt.CreatedAt, again[i].Receipt.CreatedAt)
		}
		other := chosen(w.event(), id)
		other.Event.Fingerprint = [16]byte{9}
		got := w.outcomes(other, w.keyed("k", 9))
		requireConflict(w, got[0], "event_id")
		requireConflict(w, got[1], "Idempotency-Key")
	}
	_, err := w.Event(w.Context(), w.org.ID, id)
	w.requireCode(models.CodeNotFound, err)
	w.passDays(5)
	require.EqualValues(w, 2, w.expire(keep).Keys)
	for _, o := range publish() {
		require.NoError(w, o.Err)
		require.False(w, o.Receipt.Duplicate)
	}
}

func exerciseParallelExpiry(w *world) {
	owner := w.register("a")
	var ended []*models.Accepted
	for range 3 {
		ended = append(ended, w.crowd(owner, 50)...)
		w.passDays(1, owner)
	}
	live := w.event(w.subscribe())
	w.save(live)
	w.passDays(40, owner)
	keep := store.Retention{Events: aDay, Deliveries: aDay, Payloads: time.Hour}
	errs := make(chan error, 3)
	for range cap(errs) {
		s := w.open()
		go func() {
			_, err := s.Expire(w.Context(), w.clock.Now(), keep)
			errs <- err
		}()
	}
	for range cap(errs) {
		require.NoError(w, <-errs)
	}
	w.expire(keep) // where they gave way to one another
	for _, a := range ended {
		w.requireGone(true, a)
	}
	w.requireGone(false, live)
	job := w.claim(owner, models.Want{SubscriptionID: live.Deliveries[0].SubscriptionID, Limit: 1})[0]
	require.Equal(w, live.Event.Data, job.Event.Data)
}

// exerciseClockAhead has an instance whose clock is a year ahead. On SQLite its clock is the server's too.
func exerciseClockAhead(w *world) {
	w.clock.Advance(-72 * time.Hour)
	owner, sub := w.register("a"), w.subscribe()
	a := w.finished(owner, sub)
	w.clock.Advance(72 * time.Hour)
	inbox := models.Inbox{ID: NewID(), OrganizationID: w.org.ID, Token: "t", CreatedAt: w.clock.Now(), ExpiresAt: w.clock.Now().Add(time.Hour)}
	require.NoError(w, w.CreateInbox(w.Context(), inbox))
	w.change(sub, func(s *models.Subscription) {
		require.NoError(w, s.Rotate(models.NewSecret("n3xtn3xtn3xtn3xtn3xtn3xtn3xtn3xt"), time.Hour, w.clock.Now()))
	})
	ahead := w.clock.Now().AddDate(1, 0, 0)
	s, err := store.Open(w.Context(), store.Options{URL: w.url, MasterKeys: [][]byte{MasterKey(1)}, Now: func() time.Time { return ahead }})
	require.NoError(w, err)
	defer func() { require.NoError(w, s.Close()) }()
	require.NoError(w, w.Heartbeat(w.Context(), owner, models.ID{}))
	done, err := s.Expire(w.Context(), ahead, store.Retention{Events: 240 * time.Hour, Deliveries: 240 * time.Hour, Payloads: 240 * time.Hour})
	require.NoError(w, err)
	inboxes, err := s.ExpireInboxes(w.Context(), ahead)
	require.NoError(w, err)
	rotations, err := s.FinishRotations(w.Context(), ahead)
	require.NoError(w, err)
	if w.Dialect() == "postgres" {
		require.Empty(w, done)
		require.Zero(w, inboxes)
		require.Zero(w, rotations)
		return
	}
	require.EqualValues(w, 1, done.Events)
	require.EqualValues(w, 1, inboxes)
	require.Equal(w, 1, rotations)
	w.requireCode(models.CodeNotFound, second(w.Event(w.Context(), w.org.ID, a.Event.ID)))
}

package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// testTests are about tests: events that one subscription gets because somebody asked.
func testTests() []exercise {
	return []exercise{
		{"a test, and what was asked for, waits though its subscription is suspended", exerciseTestNotParked},
		{"a test of production is sent as an event of the sandbox", exerciseTestOfProduction},
		{"nothing sends tests again by itself", exerciseTestNotResent},
	}
}

// test is a test event of a subscription, as the router makes it.
func (w *world) test(sub *models.Subscription) *models.Accepted {
	a := w.event(sub)
	a.Event.Ref, a.Event.Sandbox = models.MarkTest(a.Event.Ref), true
	a.Event.ID = a.Event.Ref
	d := &a.Deliveries[0]
	d.ID, d.EventRef, d.EventID, d.Sandbox = models.DeliveryID(a.Event.Ref, 0), a.Event.Ref, a.Event.Ref, sub.Sandbox
	return a
}

func exerciseTestNotParked(w *world) {
	sub := w.subscribe()
	test, other := w.test(sub), w.event(sub)
	asked := w.ended(sub, w.register("b"), models.StatusFailed)
	w.save(test, other)
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, asked.ID, w.clock.Now())))
	w.suspend(sub, models.SuspendedFailures)
	_, err := w.ParkWaiting(w.Context(), w.clock.Now(), *w.condition(sub), 100)
	require.NoError(w, err)
	require.Equal(w, models.StatusPending, w.delivery(test.Deliveries[0].ID).Status)
	require.Equal(w, models.StatusPending, w.delivery(asked.ID).Status, "nor what was asked for")
	require.Equal(w, models.StatusParked, w.delivery(other.Deliveries[0].ID).Status)
	require.False(w, w.condition(sub).Parking)
	require.Len(w, w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 10}), 2)
	require.True(w, w.ledger().Balanced())
}

func exerciseTestOfProduction(w *world) {
	sub := w.subscribe()
	a := w.test(sub)
	w.save(a)
	jobs := w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 10})
	require.Len(w, jobs, 1)
	require.True(w, jobs[0].Event.Sandbox, "so it says in the body")
	require.False(w, jobs[0].Delivery.Sandbox, "whoever sees the sandbox only does not see it")
}

func exerciseTestNotResent(w *world) {
	sandbox := func(s *models.Subscription) { s.Sandbox = true }
	sub, other, owner := w.subscribe(sandbox), w.subscribe(sandbox), w.register("a")
	a := owned(w.test(sub), owner)
	w.save(a)
	r := succeeded(a.Deliveries[0], w.clock.Now())
	r.Status, r.Reason, r.Attempt.Success, r.Uncounted = models.StatusFailed, models.ReasonStatus, false, true
	require.Empty(w, w.record(r))
	retry := w.resend()
	backfill := w.resend(func(r *models.Resend) { r.Kind, r.Status, r.SubscriptionID = models.ResendBackfill, "", other.ID })
	for _, job := range []models.Resend{retry, backfill} {
		p, err := w.PreviewResend(w.Context(), job)
		require.NoError(w, err)
		require.Zero(w, p.Matching, job.Kind)
	}
	w.clock.Advance(time.Second)
	require.Zero(w, w.step(w.Store))
	require.Zero(w, w.pending())
	for _, named := range []bool{true, false} {
		w.requireCode(models.CodeConflict, second(w.Replay(w.Context(), w.org.ID, a.Event.Ref, []models.ID{other.ID}, named, w.clock.Now())))
	}
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, a.Deliveries[0].ID, w.clock.Now())), "by hand it may be sent again")
	require.True(w, w.ledger().Balanced())
}

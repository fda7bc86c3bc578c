package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// test does what the router does for a test of a subscription.
func (w *outage) test(id models.ID) {
	s := w.q.subscription(id)
	w.seq++
	ref := models.MarkTest(models.ID{0xe, 15: byte(w.seq)})
	d := &models.Delivery{
		ID: models.DeliveryID(ref, 0), EventRef: ref, SubscriptionID: id, EventName: "signer.done", Status: models.StatusDelivering, Owner: 1,
		CreatedAt: time.Now(),
	}
	w.q.mu.Lock()
	w.q.put(d)
	w.q.mu.Unlock()
	w.d.Reserve(s, 2)
	w.d.Deliver([]models.Job{{Delivery: *d, Event: &models.Event{Ref: ref, Data: []byte("{}")}, Matched: s, Current: s}})
}

// Whoever has mended a suspended endpoint tries it with a test, which says whether it is well: it is sent at once, its failure changes
// nothing, and its success ends the suspension like that of a probe.
func TestATestOfASuspendedEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		status := 500
		var sent []bool
		w, id := suspendedWith(t, 3, func(_ context.Context, j models.Job) models.Attempt {
			sent = append(sent, j.Delivery.Test())
			return answering(j, status, 0)
		})
		w.test(id)
		synctest.Wait()
		require.Equal(t, []bool{true}, sent)
		require.Equal(t, 1, w.q.count(models.StatusFailed))
		require.Equal(t, 3, w.q.count(models.StatusParked))
		require.True(t, w.q.subscription(id).Suspended())
		status = 200
		w.test(id)
		w.tick(t, 10)
		require.Equal(t, 4, w.q.count(models.StatusDelivered))
		require.False(t, w.q.subscription(id).Suspended())
		require.Empty(t, w.q.probes)
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// Somebody who tries an endpoint until it works must not take it from those that are in use: failed tests neither suspend nor warn.
func TestFailedTestsSuspendNobody(t *testing.T) {
	t.Parallel()
	for _, status := range []int{500, 410} {
		synctest.Test(t, func(t *testing.T) {
			id := models.ID{0xa, 1}
			w, err := newOutage(func(_ context.Context, j models.Job) models.Attempt { return answering(j, status, 0) }, SuspendPolicy{After: 2})
			require.NoError(t, err)
			w.q.add(models.Subscription{ID: id, AutoRetry: true})
			require.NoError(t, w.d.Start(t.Context()))
			w.tick(t, 1)
			for range 5 {
				w.test(id)
				w.tick(t, 60)
			}
			require.Equal(t, 5, w.q.count(models.StatusFailed))
			require.False(t, w.q.subscription(id).Suspended())
			require.Empty(t, w.notices)
			require.NoError(t, w.d.Stop(t.Context()))
		})
	}
}

// Where the operator suspends nothing for failures, nothing that was parked by hand is suspended for them either.
func TestADrainUnderNoPolicyIsNotSuspended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		id := models.ID{0xa, 1}
		w, err := newOutage(func(_ context.Context, j models.Job) models.Attempt { return answering(j, 500, 0) }, SuspendPolicy{})
		require.NoError(t, err)
		w.q.add(models.Subscription{ID: id, AutoRetry: true})
		require.NoError(t, w.d.Start(t.Context()))
		w.q.conditions[id] = &models.Condition{SubscriptionID: id}
		_, _, err = w.q.SuspendSubscription(t.Context(), models.ID{}, id, models.SuspendedManual, time.Now(), time.Time{})
		require.NoError(t, err)
		for range 5 {
			w.publish(id)
		}
		_, _, err = w.q.ResumeSubscription(t.Context(), models.ID{}, id, true)
		require.NoError(t, err)
		w.tick(t, 60)
		require.False(t, w.q.subscription(id).Suspended())
		require.Equal(t, 5, w.q.count(models.StatusRetrying))
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

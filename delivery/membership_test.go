package delivery

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// An instance that was declared dead drops what it has not sent, gets a new number and goes on; its calls in flight are refused when
// they are recorded.
func TestFencedInstanceStartsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			calls.Add(1)
			pause(ctx, 3*time.Second)
			return answering(j, 200, 3*time.Second)
		}, nil)
		s := w.sub(nil)
		w.start()
		r := w.retrier(t)
		w.publish(s, 20)
		synctest.Wait()
		first, _ := w.d.Owner()
		w.queue.with(func() { w.queue.dead[first] = true; delete(w.queue.alive, first) })
		n, err := w.queue.TakeOver(t.Context(), time.Now(), time.Hour, 100) // by another instance
		require.NoError(t, err)
		require.Equal(t, 20, n)
		pause(t.Context(), 2100*time.Millisecond)
		synctest.Wait()
		second, ok := w.d.Owner()
		require.True(t, ok)
		require.NotEqual(t, first, second)
		require.Equal(t, uint64(16), w.d.Stats().Lost)
		pause(t.Context(), 2*time.Second)
		require.Empty(t, w.queue.recorded(), "four were sent under a number that is dead")
		require.NoError(t, r.Sweep(t.Context()))
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 20 })
		require.Equal(t, int64(24), calls.Load(), "only what was in flight is sent twice")
		w.stop()
	})
}

// While heartbeats fail for too long nothing is sent or owned, and everything goes on afterwards.
func TestSilentInstanceHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			calls.Add(1)
			pause(ctx, time.Second)
			return answering(j, 200, time.Second)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		w.start()
		w.publish(s, 16)
		away := models.Errorf(models.CodeUnavailable, "away")
		w.queue.with(func() {
			w.queue.fail = func(op string) error {
				if op == "heartbeat" {
					return away
				}
				return nil
			}
		})
		pause(t.Context(), 5*time.Second)
		_, ok := w.d.Owner()
		require.True(t, ok, "a few seconds are no reason yet")
		pause(t.Context(), 15*time.Second)
		_, ok = w.d.Owner()
		require.False(t, ok)
		require.LessOrEqual(t, calls.Load(), int64(9))
		held := calls.Load()
		pause(t.Context(), 5*time.Second)
		require.Equal(t, held, calls.Load())
		w.queue.with(func() { w.queue.fail = nil })
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 16 })
		require.Equal(t, int64(16), calls.Load(), "nothing was sent twice")
		w.stop()
	})
}

// A claim that learns of the death first brings the same end.
func TestClaimNoticesFencing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		s := w.sub(nil)
		w.start()
		first, _ := w.d.Owner()
		w.queue.with(func() { w.queue.dead[first] = true; delete(w.queue.alive, first) })
		w.publishRetries(s, 1)
		synctest.Wait()
		second, ok := w.d.Owner()
		require.True(t, ok)
		require.NotEqual(t, first, second, "without waiting for the next heartbeat")
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 1 })
		w.stop()
	})
}

// What was committed under a number that has been lost since goes back to the queue.
func TestDeliverUnderALostNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		s := w.sub(nil)
		w.start()
		first, _ := w.d.Owner()
		require.True(t, w.d.Reserve(s, 2))
		w.d.member.lose(first)
		synctest.Wait()
		event := &models.Event{Data: []byte("{}")}
		late := models.Delivery{ID: models.ID{0xf}, SubscriptionID: s.ID, Status: models.StatusDelivering, Owner: first}
		w.queue.with(func() { w.queue.rows[late.ID] = &row{d: late, event: event} })
		w.d.Deliver([]models.Job{{Delivery: late, Event: event, Matched: s, Current: s}})
		synctest.Wait()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusPending: 1}, w.queue.counts())
		w.stop()
	})
}

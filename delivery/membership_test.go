package delivery

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
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
		n, err := w.queue.TakeOver(t.Context(), 0, time.Now(), time.Hour, 100) // by another instance
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
		var log bytes.Buffer
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			calls.Add(1)
			pause(ctx, time.Second)
			return answering(j, 200, time.Second)
		}, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
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
		require.Equal(t, 1, strings.Count(log.String(), "msg=instance.held"), "said when it begins to matter, and once")
		require.Equal(t, 1, strings.Count(log.String(), "msg=instance.resumed"))
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

// What was committed under a number that has been lost since goes back to the queue, and is claimed under the new one.
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
		require.Equal(t, 1, w.queue.ran("release"))
		require.Equal(t, 1, w.queue.ran("claim"))
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1}, w.queue.counts())
		w.stop()
	})
}

// lateBeats is a queue whose heartbeats fail, and the last of them takes long.
type lateBeats struct {
	*fakeQueue
	left int // failures
	took time.Duration
}

func (q *lateBeats) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	if q.left > 0 {
		q.left--
		return models.Errorf(models.CodeUnavailable, "away")
	}
	pause(ctx, q.took)
	q.took = 0
	return q.fakeQueue.Heartbeat(ctx, owner, oldest)
}

// A worker that ends while a heartbeat is under way, after the time to hold and before the answer, is not the last.
func TestHeartbeatWakesWhatWasRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.d = w.dispatcher(func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, 8700*time.Millisecond)
			return answering(j, 200, 8700*time.Millisecond)
		}, func(o *Options) {
			o.Queue, o.HoldAfter = &lateBeats{fakeQueue: w.queue, left: 3, took: time.Second}, 8500*time.Millisecond
		})
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		w.start()
		w.publish(s, 2)
		pause(t.Context(), 20*time.Second)
		synctest.Wait()
		require.Equal(t, 2, w.queue.counts()[models.StatusDelivered])
		w.stop()
	})
}

// After an outage of the database everyone's heartbeat is old. Nobody is declared dead for that, those who were before still lose what they
// own, and those who stay silent are declared in time.
func TestOutageIsNobodysDeath(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		s := w.sub(nil)
		w.start()
		r := w.retrier(t)
		r.Start(t.Context())
		const dead, late, gone = 97, 98, 99
		pause(t.Context(), 15*time.Second)
		w.queue.with(func() {
			w.queue.fail = func(string) error { return models.Errorf(models.CodeUnavailable, "away") }
			w.queue.alive[late], w.queue.alive[gone], w.queue.dead[dead] = time.Now(), time.Now(), true
			d := models.Delivery{ID: models.ID{0xf}, SubscriptionID: s.ID, Status: models.StatusDelivering, Owner: dead}
			w.queue.rows[d.ID] = &row{d: d, event: &models.Event{}}
		})
		pause(t.Context(), 30*time.Second)
		w.queue.with(func() { w.queue.fail = nil })
		pause(t.Context(), 5*time.Second)
		require.Equal(t, 1, w.queue.counts()[models.StatusDelivered], "of the dead one")
		w.queue.with(func() {
			require.False(t, w.queue.dead[late])
			w.queue.alive[late] = time.Now()
		})
		pause(t.Context(), 9*time.Second)
		w.queue.with(func() {
			require.False(t, w.queue.dead[late])
			require.True(t, w.queue.dead[gone])
		})
		require.NoError(t, r.Stop(t.Context()))
		w.stop()
	})
}

// One failed heartbeat is a gap already.
func TestSteadyEndsWithAFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		beats := &lateBeats{fakeQueue: w.queue}
		w.d = w.dispatcher(sendFunc(func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }), func(o *Options) { o.Queue = beats })
		require.NoError(t, w.d.member.register(t.Context()))
		beat := func() time.Duration {
			pause(t.Context(), 2*time.Second)
			w.d.member.beat(t.Context())
			return w.d.member.steady(time.Now())
		}
		require.Equal(t, 2*time.Second, beat())
		beats.left = 1
		require.Zero(t, beat())
		require.Zero(t, beat())
		require.Equal(t, 2*time.Second, beat())
	})
}

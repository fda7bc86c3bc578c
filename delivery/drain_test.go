package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// lasting is a sender whose calls take so long, or end with their context.
func lasting(d time.Duration) sendFunc {
	return func(ctx context.Context, j models.Job) models.Attempt {
		if !pause(ctx, d) {
			return models.Attempt{Number: j.Delivery.Attempts + 1, Reason: models.ReasonTimeout}
		}
		return answering(j, 200, d)
	}
}

// A drain lets calls end, gives back what was not sent, and leaves nothing owned.
func TestStopLetsCallsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lasting(5*time.Second), nil)
		s := w.sub(nil)
		w.start()
		w.publish(s, 20)
		synctest.Wait()
		begin := time.Now()
		w.stop()
		require.Equal(t, 5*time.Second, time.Since(begin))
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 4, models.StatusPending: 16}, w.queue.counts())
		require.Equal(t, 1, w.queue.ran("deregister"))
		_, ok := w.d.Owner()
		require.False(t, ok)
		require.Zero(t, w.publish(s, 1), "nothing is taken on any more")
		w.stop()
		require.Equal(t, 1, w.queue.ran("deregister"))
	})
}

// When the drain's time is over, calls are cut off and do not count as attempts.
func TestStopCutsCallsOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lasting(time.Hour), nil)
		w.start()
		w.publish(w.sub(nil), 20)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		require.NoError(t, w.d.Stop(ctx))
		require.Equal(t, 3*time.Second, time.Since(begin))
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusPending: 20}, w.queue.counts())
		require.Empty(t, w.queue.recorded())
	})
}

// A second Stop waits for the first, as long as its own context allows.
func TestStopTwiceAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lasting(5*time.Second), nil)
		w.start()
		w.publish(w.sub(nil), 1)
		synctest.Wait()
		go w.stop()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, w.d.Stop(ctx), context.DeadlineExceeded)
		w.stop()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1}, w.queue.counts())
	})
}

// A database that is away does not keep the process from ending; what could not be recorded is sent again by others.
func TestStopWithoutDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lasting(time.Second), func(o *Options) { o.RecordQueue = 2 })
		w.start()
		w.publish(w.sub(nil), 30)
		w.queue.with(func() { w.queue.fail = func(string) error { return models.Errorf(models.CodeUnavailable, "away") } })
		pause(t.Context(), 2*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		require.Error(t, w.d.Stop(ctx))
		require.LessOrEqual(t, time.Since(begin), 3*time.Second+w.d.o.Grace)
	})
}

// What a router hands over late, after the drain has begun, is given back.
func TestStopGivesLateHandoversBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, lasting(5*time.Second), nil)
		s := w.sub(nil)
		w.start()
		w.publish(s, 1)
		synctest.Wait()
		owner, ok := w.d.Owner()
		require.True(t, ok)
		require.True(t, w.d.Reserve(s, 2))
		go w.stop()
		synctest.Wait()
		late := models.Delivery{ID: models.ID{0xf}, SubscriptionID: s.ID, Status: models.StatusDelivering, Owner: owner}
		event := &models.Event{Data: []byte("{}")}
		w.queue.with(func() { w.queue.rows[late.ID] = &row{d: late, event: event} })
		w.d.Deliver([]models.Job{{Delivery: late, Event: event, Matched: s, Current: s}})
		w.stop()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1, models.StatusPending: 1}, w.queue.counts())
		require.Zero(t, w.d.Stats().Bytes)
	})
}

// Many starts, publishes and stops under the race detector, with real time.
func TestStartStopStress(t *testing.T) {
	t.Parallel()
	for range 20 {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		s := w.sub(nil)
		w.start()
		w.publish(s, 50)
		w.stop()
		counts := w.queue.counts()
		require.Equal(t, 50, counts[models.StatusDelivered]+counts[models.StatusPending])
	}
}

package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// Straight from the commit to the wire: nothing is claimed, everything is recorded.
func TestDispatcherDelivers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, time.Millisecond) }, nil)
		s := w.sub(nil)
		require.Zero(t, w.publish(s, 1), "before the start everything waits in the database")
		w.start()
		require.Equal(t, 60, w.publish(s, 60))
		synctest.Wait()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 61}, w.queue.counts())
		require.Equal(t, 1, w.queue.ran("claim"), "for the one that came before the start")
		stats := w.d.Stats()
		require.Zero(t, stats.InFlight+stats.Queued+stats.Bytes)
		w.stop()
	})
}

// The whole life of a delivery that fails twice, in exact virtual time.
func TestDispatcherRetriesOnSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		statuses := []int{500, 503, 204}
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			at = append(at, time.Since(start))
			return answering(j, statuses[j.Delivery.Attempts], time.Millisecond)
		}, nil)
		s := w.sub(nil)
		w.start()
		r := w.retrier(t)
		w.publish(s, 1)
		for range 600 {
			pause(t.Context(), time.Second)
			require.NoError(t, r.Sweep(t.Context()))
			synctest.Wait()
		}
		require.Equal(t, []time.Duration{0, 2 * time.Minute, 8 * time.Minute}, at)
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1}, w.queue.counts())
		w.stop()
	})
}

func (w *world) retrier(tb testing.TB) *Retrier {
	tb.Helper()
	r, err := NewRetrier(RetrierOptions{Queue: w.queue, Directory: w.subs, Dispatcher: w.d, Logger: w.d.o.Logger, Auditor: w.queue, Now: time.Now})
	require.NoError(tb, err)
	return r
}

// A receiver that hangs holds its own few slots and nobody else's.
func TestDispatcherHangingReceiverHurtsOnlyItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hanging models.ID
		var slow atomic.Int64
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			if j.Delivery.SubscriptionID == hanging {
				slow.Add(1)
				pause(ctx, time.Second)
				a := answering(j, 0, time.Second)
				a.Success, a.Reason = false, models.ReasonTimeout
				return a
			}
			pause(ctx, time.Millisecond)
			return answering(j, 200, time.Millisecond)
		}, func(o *Options) { o.MaxInFlight = 32 })
		bad, good := w.sub(nil), w.sub(nil)
		hanging = bad.ID
		w.start()
		w.publish(bad, 500)
		begin := time.Now()
		w.publish(good, 500)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 500 })
		require.Less(t, time.Since(begin), 100*time.Millisecond, "500 of a millisecond each, up to 28 side by side")
		pause(t.Context(), 10*time.Second)
		require.LessOrEqual(t, slow.Load(), int64(4+2+1+12), "the window has shrunk to one call at a time")
		w.stop()
	})
}

// waitFor lets virtual time pass until the queue is as wanted.
func (w *world) waitFor(done func(map[models.DeliveryStatus]int) bool) {
	w.t.Helper()
	for i := range 10_000 {
		synctest.Wait()
		if done(w.queue.counts()) {
			return
		}
		pause(context.Background(), max(time.Millisecond, min(time.Duration(i-50), 100)*time.Millisecond))
	}
	w.t.Fatalf("never came: %v", w.queue.counts())
}

// The window starts at four, grows with fast successes up to the subscription's bound, and never passes it.
func TestDispatcherWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := 0, []int{}
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			mu.Lock()
			now++
			most = append(most, now)
			mu.Unlock()
			pause(ctx, 10*time.Millisecond)
			mu.Lock()
			now--
			mu.Unlock()
			return answering(j, 200, 10*time.Millisecond)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 10 })
		w.start()
		w.publish(s, 200)
		synctest.Wait()
		require.Equal(t, 4, slices.Max(most))
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 200 })
		require.Equal(t, 10, slices.Max(most))
		w.stop()
	})
}

func TestWindowObserves(t *testing.T) {
	t.Parallel()
	w := window{size: 8}
	for _, c := range []struct {
		a    models.Attempt
		want int
	}{
		{models.Attempt{Success: true, Timings: models.Timings{Total: time.Millisecond}}, 9},
		{models.Attempt{Success: true, Timings: models.Timings{Total: 600 * time.Millisecond}}, 9},
		{models.Attempt{Reason: models.ReasonTimeout}, 4},
		{models.Attempt{Reason: models.ReasonStatus, StatusCode: 500}, 4},
		{models.Attempt{Reason: models.ReasonConnect}, 4},
		{models.Attempt{Reason: models.ReasonStatus, StatusCode: 429}, 2},
		{models.Attempt{Reason: models.ReasonStatus, StatusCode: 503}, 1},
		{models.Attempt{Reason: models.ReasonTimeout}, 1},
	} {
		w.observe(&c.a, 64)
		require.Equal(t, c.want, w.size, "%+v", c.a)
	}
	w.size = 64
	w.observe(&models.Attempt{Success: true}, 64)
	require.Equal(t, 64, w.size)
}

func TestDispatcherRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			at = append(at, time.Now())
			return answering(j, 200, 0)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.RatePerSec, s.MaxInFlight = 5, 1 })
		free := w.sub(nil)
		w.start()
		begin := time.Now()
		w.publish(s, 26)
		w.publish(free, 1)
		synctest.Wait()
		require.Len(t, at, 2, "one token, and the lane without a rate is not held up")
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 27 })
		took := time.Since(begin)
		require.GreaterOrEqual(t, took, 4900*time.Millisecond)
		require.LessOrEqual(t, took, 5300*time.Millisecond)
		w.stop()
	})
}

// publishRetries puts deliveries into the database that were attempted before and are due.
func (w *world) publishRetries(s *models.Subscription, n int) {
	for range n {
		w.seq++
		d := models.Delivery{
			ID: models.ID{0xe, byte(w.seq >> 8), byte(w.seq)}, SubscriptionID: s.ID, Status: models.StatusRetrying, Attempts: 1, DueAt: w.queue.now(),
		}
		w.queue.with(func() { w.queue.rows[d.ID] = &row{d: d, event: &models.Event{Data: []byte("{}")}} })
	}
	w.d.Overflow([]models.ID{s.ID})
}

// What has no room waits in the database and comes in order, and memory stays within its bounds.
func TestDispatcherOverflow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var order []models.ID
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			order = append(order, j.Delivery.ID)
			pause(ctx, time.Millisecond)
			return answering(j, 200, time.Millisecond)
		}, func(o *Options) { o.MaxPerLane = 20 })
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		w.start()
		require.Equal(t, 16, w.publish(s, 300), "for one slot")
		require.Zero(t, w.publish(s, 10), "older ones are in the database: they go first")
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 310 })
		require.True(t, slices.IsSortedFunc(order, func(a, b models.ID) int { return slices.Compare(a[:], b[:]) }))
		require.Less(t, w.queue.ran("claim"), 60, "claims are of many at a time")
		require.Equal(t, 1, w.publish(s, 1), "a claim found no more")
		synctest.Wait()
		require.Zero(t, w.d.Stats().Backlogged)
		w.stop()
	})
}

func TestDispatcherBoundsMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			<-release
			return answering(j, 200, 0)
		}, func(o *Options) { o.MaxJobs = 100 })
		w.start()
		total := 0
		for range 20 {
			got := w.publish(w.sub(nil), 50)
			require.LessOrEqual(t, got, 25, "no lane takes more than a quarter of what is free")
			total += got
		}
		require.LessOrEqual(t, total, 75, "lanes that are not tried yet have three quarters")
		require.Greater(t, total, 70)
		for range 5 {
			total += w.publish(w.quickSub(nil), 50)
		}
		require.LessOrEqual(t, total, 100)
		require.Greater(t, total, 95)
		synctest.Wait()
		close(release)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 1250 })
		require.Zero(t, w.d.Stats().Bytes)
		w.stop()
	})
}

// Many receivers that are stuck soon hold next to nothing, and one that is well finds room.
func TestDispatcherStuckLanesLeaveRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var well models.ID
		var healed atomic.Bool
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			if j.Delivery.SubscriptionID != well && !healed.Load() {
				pause(ctx, time.Second)
				a := answering(j, 0, time.Second)
				a.Success, a.Reason = false, models.ReasonTimeout
				return a
			}
			return answering(j, 200, 0)
		}, func(o *Options) { o.MaxJobs = 1000 })
		w.start()
		for range 30 {
			w.publish(w.sub(nil), 50)
		}
		require.Greater(t, w.d.Stats().Queued, 600, "they fill what lanes may hold that are not tried yet")
		pause(t.Context(), 3*time.Second)
		synctest.Wait()
		require.Less(t, w.d.Stats().Queued, 100, "then next to nothing")
		require.Equal(t, 30, w.d.Stats().Slow)
		s := w.sub(nil)
		well = s.ID
		require.Equal(t, 50, w.publish(s, 50))
		synctest.Wait()
		require.Equal(t, 50, w.queue.counts()[models.StatusDelivered])
		healed.Store(true)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool {
			return c[models.StatusPending]+c[models.StatusDelivering] == 0
		})
		w.stop()
	})
}

func TestDispatcherBoundsBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) },
		func(o *Options) { o.MaxBytes = 1000 })
	w.start()
	s := w.sub(nil)
	require.True(t, w.d.Reserve(s, 5000), "the first of all fits, however large")
	require.False(t, w.d.Reserve(s, 1))
	w.d.Unreserve(s.ID, 5000)
	require.True(t, w.d.Reserve(s, 100))
	require.False(t, w.d.Reserve(s, 200), "a quarter of what is free")
	require.True(t, w.d.Reserve(w.sub(nil), 600), "another lane")
	require.False(t, w.d.Reserve(w.sub(nil), 51), "three quarters are for lanes that are not tried yet")
	require.Equal(t, 700, w.d.Stats().Bytes)
	proven := w.quickSub(nil)
	require.False(t, w.d.Reserve(proven, 301))
	require.True(t, w.d.Reserve(proven, 300), "the rest is kept for those that are quick")
	w.stop()
}

// A subscription that was stopped gets no call any more, wherever its deliveries wait.
func TestDispatcherStopsWithTheSubscription(t *testing.T) {
	t.Parallel()
	for want, change := range map[models.Reason]func(*models.Subscription){
		models.ReasonDeleted:      func(s *models.Subscription) { s.DeletedAt = noon },
		models.ReasonDisabled:     func(s *models.Subscription) { s.Enabled = false },
		models.ReasonAutoRetryOff: func(s *models.Subscription) { s.AutoRetry = false },
	} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int64
				w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
					calls.Add(1)
					pause(ctx, time.Second)
					return answering(j, 500, time.Second)
				}, nil)
				s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
				w.start()
				w.publishRetries(s, 5)
				synctest.Wait()
				w.subs.change(s.ID, change)
				pause(t.Context(), 2*time.Second)
				synctest.Wait()
				require.Equal(t, int64(1), calls.Load())
				require.Equal(t, map[models.DeliveryStatus]int{models.StatusCanceled: 5}, w.queue.counts())
				for id, r := range w.queue.rows {
					require.Equal(t, want, r.d.Reason)
					require.LessOrEqual(t, len(w.queue.recorded()[id]), 1)
				}
				w.stop()
			})
		})
	}
}

// The address and secret that are used are those of now.
func TestDispatcherUsesTheCurrentSubscription(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			seen = append(seen, j.Current.Endpoint)
			pause(ctx, time.Second)
			return answering(j, 200, time.Second)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight, s.Endpoint = 1, "old" })
		w.start()
		w.publish(s, 2)
		synctest.Wait()
		w.subs.change(s.ID, func(s *models.Subscription) { s.Endpoint = "new" })
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 2 })
		require.Equal(t, []string{"old", "new"}, seen)
		w.stop()
	})
}

func TestDispatcherSurvivesPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			if j.Delivery.ID[4] == 2 {
				panic("poison")
			}
			return answering(j, 200, 0)
		}, nil)
		w.start()
		w.publish(w.sub(nil), 3)
		synctest.Wait()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 2, models.StatusRetrying: 1}, w.queue.counts())
		w.stop()
	})
}

// A database that is away stops nothing for good: claims and records go on when it is back.
func TestDispatcherOutlivesTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, func(o *Options) { o.MaxPerLane = 10 })
		s := w.sub(nil)
		w.start()
		away := models.Errorf(models.CodeUnavailable, "away")
		w.queue.with(func() { w.queue.fail = func(string) error { return away } })
		w.publish(s, 50)
		pause(t.Context(), 5*time.Second)
		require.Zero(t, w.queue.counts()[models.StatusDelivered])
		w.queue.with(func() { w.queue.fail = nil })
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 50 })
		w.stop()
	})
}

// A lane whose claim the database refuses does not hold up the others.
func TestDispatcherIsolatesPoisonedLanes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		picky := &pickyClaims{}
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, func(o *Options) {
			picky.Queue = o.Queue
			o.Queue = picky
		})
		w.start()
		picky.refused = w.sub(nil).ID
		w.publishRetries(&models.Subscription{ID: picky.refused}, 3)
		for range 80 {
			w.publishRetries(w.sub(nil), 2)
		}
		pause(t.Context(), 20*time.Second)
		synctest.Wait()
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 160, models.StatusRetrying: 3}, w.queue.counts())
		w.stop()
	})
}

type pickyClaims struct {
	Queue
	refused models.ID
}

func (q *pickyClaims) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	if slices.ContainsFunc(wants, func(w models.Want) bool { return w.SubscriptionID == q.refused }) {
		return nil, errors.New("a row that cannot be read")
	}
	return q.Queue.Claim(ctx, owner, now, wants)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, nil)
	for name, change := range map[string]func(*Options){
		"queue":     func(o *Options) { o.Queue = nil },
		"directory": func(o *Options) { o.Directory = nil },
		"sender":    func(o *Options) { o.Sender = nil },
		"logger":    func(o *Options) { o.Logger = nil },
		"name":      func(o *Options) { o.Name = "" },
		"clock":     func(o *Options) { o.Now = nil },
		"in flight": func(o *Options) { o.MaxInFlight = 1 },
		"jobs":      func(o *Options) { o.MaxJobs = -1 },
		"hold":      func(o *Options) { o.HoldAfter = 3 * time.Second },
		"policy":    func(o *Options) { o.Policy = Policy{Schedule: []time.Duration{-1}} },
	} {
		o := w.d.o
		change(&o)
		_, err := NewDispatcher(o)
		require.Error(t, err, name)
	}
}

func TestDispatcherStartFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, nil)
	boom := errors.New("boom")
	w.queue.fail = func(string) error { return boom }
	require.ErrorIs(t, w.d.Start(t.Context()), boom)
	require.NoError(t, w.d.Stop(t.Context()), "never started")
	require.NoError(t, w.d.Stop(t.Context()))
	require.Error(t, w.d.Start(t.Context()), "stopped")
}

package delivery

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// The order of the chain: with Recover outside, the library's SkipIfStillRunning loses its token at the first panic and the job never
// runs again.
func TestSweepRunsAgainAfterAPanic(t *testing.T) {
	t.Parallel()
	logger := cronLog{slog.New(slog.DiscardHandler)}
	var runs atomic.Int64
	job := guarded(logger, cron.FuncJob(func() {
		runs.Add(1)
		panic("sweep")
	}))
	for range 5 {
		job.Run()
	}
	require.Equal(t, int64(5), runs.Load())
}

func TestSweepDoesNotOverlapItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		hold := make(chan struct{})
		job := guarded(cronLog{slog.New(slog.DiscardHandler)}, cron.FuncJob(func() {
			runs.Add(1)
			<-hold
		}))
		go job.Run()
		synctest.Wait()
		job.Run()
		require.Equal(t, int64(1), runs.Load())
		close(hold)
		synctest.Wait()
		job.Run()
		require.Equal(t, int64(2), runs.Load())
	})
}

func TestParseSpec(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"@every 1s", "@every 90s", " @every 2m ", "* * * * *", "@hourly", "TZ=Europe/Berlin 0 3 * * *", "CRON_TZ=UTC @every 5s"} {
		_, err := parseSpec(good, noon)
		require.NoError(t, err, good)
	}
	for _, bad := range []string{
		"", "TZ=", "CRON_TZ=", "TZ=Europe/Berlin", "CRON_TZ=../../etc/passwd * * * * *", "0 0 30 2 *", "0 0 31 2 *", "@every 1ns",
		"@every 0s", "@every -1s", "@every 1500ms", "@reboot", "* * * * * *", "*/0 * * * *", "60 * * * *", "@every", "TZ=UTC @every 1ms",
	} {
		_, err := parseSpec(bad, noon)
		require.Error(t, err, bad)
	}
}

func TestRetrierRunsAndStops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.start()
		r := w.retrier(t)
		require.NoError(t, r.Stop(t.Context()), "before its start")
		r.Start(t.Context())
		r.Start(t.Context())
		pause(t.Context(), 10*time.Second)
		synctest.Wait()
		require.InDelta(t, 10, w.queue.ran("pulse"), 1)
		require.NoError(t, r.Stop(t.Context()))
		require.NoError(t, r.Stop(t.Context()))
		ran := w.queue.ran("pulse")
		pause(t.Context(), 5*time.Second)
		require.Equal(t, ran, w.queue.ran("pulse"))
		w.stop()
	})
}

// Stop cuts a sweep off that does not end, when its own time is over.
func TestRetrierStopCutsASweepOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.start()
		o := RetrierOptions{Queue: &hangingQueue{Queue: w.queue}, Directory: w.subs, Dispatcher: w.d, Logger: w.d.o.Logger, Now: time.Now}
		r, err := NewRetrier(o)
		require.NoError(t, err)
		r.Start(t.Context())
		pause(t.Context(), 3*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, r.Stop(ctx), context.DeadlineExceeded)
		w.stop()
	})
}

type hangingQueue struct{ Queue }

func (*hangingQueue) Pulse(ctx context.Context, _ time.Time, _ time.Duration) (models.Pulse, error) {
	<-ctx.Done()
	return models.Pulse{}, ctx.Err()
}

func TestRetrierIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil, nil)
	full := RetrierOptions{Queue: w.queue, Directory: w.subs, Dispatcher: w.d, Logger: w.d.o.Logger, Now: time.Now}
	for name, change := range map[string]func(*RetrierOptions){
		"queue":      func(o *RetrierOptions) { o.Queue = nil },
		"directory":  func(o *RetrierOptions) { o.Directory = nil },
		"dispatcher": func(o *RetrierOptions) { o.Dispatcher = nil },
		"logger":     func(o *RetrierOptions) { o.Logger = nil },
		"clock":      func(o *RetrierOptions) { o.Now = nil },
		"spec":       func(o *RetrierOptions) { o.Spec = "TZ=" },
		"silence":    func(o *RetrierOptions) { o.SilentFor = 8 * time.Second },
		"timeout":    func(o *RetrierOptions) { o.SweepTimeout = -1 },
	} {
		o := full
		change(&o)
		_, err := NewRetrier(o)
		require.Error(t, err, name)
	}
}

// Nothing to do costs one statement and no more.
func TestSweepIdleIsOneStatement(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.start()
		o := RetrierOptions{Queue: w.queue, Directory: w.subs, Dispatcher: w.d, Logger: w.d.o.Logger, Now: time.Now}
		r, err := NewRetrier(o)
		require.NoError(t, err)
		w.queue.revision = 7
		for range 5 {
			require.NoError(t, r.Sweep(t.Context()))
		}
		synctest.Wait()
		require.Equal(t, map[string]int{"register": 1, "pulse": 5}, w.queue.statements)
		require.Equal(t, []int64{7, 7, 7, 7, 7}, w.subs.synced)
		w.stop()
	})
}

// A dead instance's deliveries are sent by a living one.
func TestSweepTakesOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		send := func(_ context.Context, j models.Job) models.Attempt {
			calls.Add(1)
			return answering(j, 200, 0)
		}
		w := newWorld(t, send, nil)
		s := w.sub(nil)
		w.start()
		dead := int64(99)
		w.queue.with(func() {
			w.queue.alive[dead] = time.Now()
			for i := range 30 {
				d := models.Delivery{ID: models.ID{0xf, byte(i)}, SubscriptionID: s.ID, Status: models.StatusDelivering, Owner: dead}
				w.queue.rows[d.ID] = &row{d: d, event: &models.Event{Data: []byte("{}")}}
			}
		})
		r := w.retrier(t)
		r.Start(t.Context())
		pause(t.Context(), 8*time.Second)
		require.Zero(t, calls.Load(), "not before it was silent for long")
		pause(t.Context(), 6*time.Second)
		synctest.Wait()
		require.Equal(t, 30, w.queue.counts()[models.StatusDelivered])
		require.NoError(t, r.Stop(t.Context()))
		w.stop()
	})
}

func TestSweepCancelsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		s := w.sub(nil)
		w.start()
		for i := range 2500 {
			d := models.Delivery{
				ID: models.ID{0xf, byte(i >> 8), byte(i)}, SubscriptionID: s.ID, Status: models.StatusRetrying, Attempts: 1, DueAt: time.Now().Add(time.Hour),
			}
			w.queue.rows[d.ID] = &row{d: d, event: &models.Event{}}
		}
		w.subs.change(s.ID, func(s *models.Subscription) { s.AutoRetry = false })
		require.NoError(t, w.retrier(t).Sweep(t.Context()))
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusCanceled: 2500}, w.queue.counts())
		require.Equal(t, 3, w.queue.ran("cancel"))
		w.stop()
	})
}

// A claim whose answer was lost leaves deliveries that this instance owns without knowing; the audit gives them back.
func TestSweepAuditFindsLostClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		s := w.sub(nil)
		w.start()
		broken := errors.New("connection reset")
		once := true
		w.queue.with(func() {
			w.queue.lose = func(op string) error {
				if op == "claim" && once {
					once = false
					return broken
				}
				return nil
			}
		})
		w.publishRetries(s, 10)
		pause(t.Context(), 5*time.Second)
		synctest.Wait()
		require.Equal(t, 10, w.queue.counts()[models.StatusDelivering], "nobody knows of them")
		r := w.retrier(t)
		r.Start(t.Context())
		pause(t.Context(), 70*time.Second)
		synctest.Wait()
		require.Equal(t, 10, w.queue.counts()[models.StatusDelivered])
		require.NoError(t, r.Stop(t.Context()))
		w.stop()
	})
}

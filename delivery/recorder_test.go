package delivery

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func (w *world) recorder(change func(*Options)) *recorder {
	o := w.d.o
	if change != nil {
		change(&o)
	}
	r := newRecorder(&o)
	r.start(context.Background())
	return r
}

// results makes rows that are ours and results for them.
func (w *world) results(n int) []models.Result {
	out := make([]models.Result, n)
	for i := range out {
		w.seq++
		d := models.Delivery{ID: models.ID{0xc, byte(w.seq >> 8), byte(w.seq)}, Status: models.StatusDelivering, Owner: 1}
		w.queue.with(func() { w.queue.rows[d.ID] = &row{d: d, event: &models.Event{}} })
		out[i] = models.Result{Delivery: d, Attempt: &models.Attempt{Number: 1, Success: true}, Status: models.StatusDelivered}
	}
	return out
}

// While a commit runs the next batch gathers; a lone result does not wait.
func TestRecorderGathers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.queue.slow = 10 * time.Millisecond
		r := w.recorder(func(o *Options) { o.Committers = 1 })
		for i, res := range w.results(1001) {
			r.add(res)
			if i == 0 {
				synctest.Wait()
			}
		}
		require.Zero(t, r.flush(t.Context()))
		require.Equal(t, []int{1, 512, 488}, w.queue.batches)
	})
}

// Within the pace only what is worth a large commit is stored, and what the end of the process needs to have stored.
func TestRecorderKeepsItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pace = 10 * time.Millisecond
		w := newWorld(t, nil, nil)
		r := w.recorder(func(o *Options) { o.RecordPace = pace })
		stored := func(want ...int) {
			t.Helper()
			synctest.Wait()
			w.queue.with(func() { require.Equal(t, want, w.queue.batches) }) // its timer's commits don't wait for this read by themselves
		}
		all := w.results(300)
		add := func(n int) {
			for _, res := range all[:n] {
				r.add(res)
			}
			all = all[n:]
		}
		add(1)
		stored(1) // a lone one at once
		add(2)
		stored(1)
		pause(t.Context(), pace-1)
		add(3)
		stored(1)
		pause(t.Context(), 1)
		stored(1, 5)
		add(255)
		stored(1, 5)
		add(1)
		stored(1, 5, 256) // half of a full batch
		add(4)
		require.Zero(t, r.flush(t.Context())) // at once, or its deliveries would be sent again
		stored(1, 5, 256, 4)
	})
}

// A second committer joins only when much is waiting.
func TestRecorderJoinsUnderLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.queue.slow = 10 * time.Millisecond
		r := w.recorder(nil)
		begin := time.Now()
		all := w.results(300)
		r.add(all[0])
		synctest.Wait()
		for _, res := range all[1:200] {
			r.add(res)
		}
		synctest.Wait()
		require.Equal(t, 199, r.size(), "two hundred are not worth a second commit")
		for _, res := range all[200:] {
			r.add(res)
		}
		synctest.Wait()
		require.Zero(t, r.size())
		require.Zero(t, r.flush(t.Context()))
		require.Equal(t, 10*time.Millisecond, time.Since(begin))
	})
}

// A full queue holds the workers, not the results.
func TestRecorderPushesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.queue.slow = time.Second
		r := w.recorder(func(o *Options) { o.RecordQueue, o.RecordBatch, o.Committers = 10, 5, 1 })
		var added atomic.Int64
		all := w.results(40)
		go func() {
			for _, res := range all {
				r.add(res)
				added.Add(1)
			}
		}()
		synctest.Wait()
		require.LessOrEqual(t, added.Load(), int64(15))
		pause(t.Context(), 10*time.Second)
		synctest.Wait()
		require.Equal(t, int64(40), added.Load())
		require.Zero(t, r.flush(t.Context()))
		require.Equal(t, 40, w.queue.counts()[models.StatusDelivered])
	})
}

// Nothing is dropped while the database is away.
func TestRecorderKeepsTrying(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		all := w.results(700)
		w.queue.fail = func(string) error { return models.Errorf(models.CodeUnavailable, "away") }
		r := w.recorder(nil)
		for _, res := range all {
			r.add(res)
		}
		pause(t.Context(), time.Hour)
		w.queue.with(func() { w.queue.fail = nil })
		pause(t.Context(), 5*time.Second)
		synctest.Wait()
		require.Equal(t, 700, w.queue.counts()[models.StatusDelivered])
		require.Less(t, w.queue.ran("record"), 4000, "an hour of trying is not an hour of hammering")
		require.Zero(t, r.flush(t.Context()))
	})
}

// A result that the database refuses does not hold up the others, and is in the end stored without what the receiver wrote.
func TestRecorderIsolatesPoison(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		all := w.results(300)
		all[137].Attempt.ResponseBody = []byte("poison")
		q := &pickyQueue{fakeQueue: w.queue}
		r := w.recorder(func(o *Options) { o.Queue = q })
		for _, res := range all {
			r.add(res)
		}
		pause(t.Context(), 10*time.Second)
		synctest.Wait()
		require.GreaterOrEqual(t, w.queue.counts()[models.StatusDelivered], 299)
		pause(t.Context(), time.Minute)
		synctest.Wait()
		require.Equal(t, 300, w.queue.counts()[models.StatusDelivered])
		stored := w.queue.recorded()[all[137].Delivery.ID]
		require.Len(t, stored, 1)
		require.Empty(t, stored[0].ResponseBody)
		require.True(t, stored[0].BodyTruncated)
		require.Zero(t, r.flush(t.Context()))
	})
}

// pickyQueue refuses batches with a certain body, as a database refuses bytes that it has no text for.
type pickyQueue struct{ *fakeQueue }

func (q *pickyQueue) Record(ctx context.Context, results []models.Result) ([]models.ID, error) {
	if slices.ContainsFunc(results, func(r models.Result) bool { return string(r.Attempt.ResponseBody) == "poison" }) {
		return nil, errors.New("invalid byte sequence")
	}
	return q.fakeQueue.Record(ctx, results)
}

// Results that are not ours any more are logged and forgotten.
func TestRecorderForgetsFenced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		r := w.recorder(nil)
		all := w.results(2)
		w.queue.with(func() { w.queue.rows[all[0].Delivery.ID].d.Owner = 2 })
		r.add(all[0])
		r.add(all[1])
		require.Zero(t, r.flush(t.Context()))
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivering: 1, models.StatusDelivered: 1}, w.queue.counts())
	})
}

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

// publishLarge puts deliveries of so many bytes each into the database.
func (w *world) publishLarge(s *models.Subscription, n, size int) {
	event := &models.Event{Data: make([]byte, size)}
	for range n {
		w.seq++
		d := models.Delivery{ID: models.ID{0xb, byte(w.seq >> 8), byte(w.seq)}, SubscriptionID: s.ID, Status: models.StatusPending, DueAt: w.queue.now()}
		w.queue.with(func() { w.queue.rows[d.ID] = &row{d: d, event: event} })
	}
	w.d.Overflow([]models.ID{s.ID})
}

// Claims of large events leave room in bytes for the others, whatever holds the lane up, and everything is sent in the end.
func TestClaimsShareBytes(t *testing.T) {
	t.Parallel()
	const size = 32 << 10
	for name, perSec := range map[string]float64{"stuck": 0, "at a low rate": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
					<-release
					return answering(j, 200, 0)
				}, func(o *Options) { o.MaxBytes = 1 << 20 })
				w.start()
				s := w.sub(func(s *models.Subscription) { s.RatePerSec = perSec })
				w.publishLarge(s, 100, size)
				synctest.Wait()
				held := w.d.Stats()
				require.Positive(t, held.Bytes)
				require.LessOrEqual(t, held.Bytes, 1<<20/share)
				require.Equal(t, held.Bytes/size, w.queue.counts()[models.StatusDelivering], "the rest went back")
				require.Less(t, w.queue.ran("claim"), 10)
				other := w.sub(nil)
				require.True(t, w.d.Reserve(other, size))
				w.d.Unreserve(other.ID, size)
				close(release)
				w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 100 })
				require.Zero(t, w.d.Stats().Bytes)
				w.stop()
			})
		})
	}
}

// One plan promises no more bytes over all lanes than there are, once their sizes are known.
func TestClaimPromisesBytes(t *testing.T) {
	t.Parallel()
	o := Options{MaxInFlight: 100, MaxJobs: 10_000, MaxBytes: 1 << 20, MaxPerLane: 1000}
	b := newBoard(&o)
	for i := range maxClaimLanes {
		l := b.lane(models.ID{byte(i)})
		l.size = 256 << 10
		l.tempo.observe(&models.Attempt{Success: true})
		b.regard(l)
		b.mark(l.id, time.Time{})
	}
	c, ok := b.claim(noon, maxClaimLanes)
	require.True(t, ok)
	require.Len(t, c.wants, 4)
	require.Equal(t, 1<<20, b.memory[quick].bytes)
	require.Empty(t, b.settle(c, nil, true))
	require.Zero(t, b.memory[quick].bytes)
	require.Zero(t, b.memory[quick].jobs)
}

func TestReserveGoesByTheRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		w.start()
		slow := w.sub(func(s *models.Subscription) { s.RatePerSec = 2 })
		slower := w.sub(func(s *models.Subscription) { s.RatePerSec = 0.01 })
		require.True(t, w.d.Reserve(slow, 1), "the lane learns its rate")
		w.d.Unreserve(slow.ID, 1)
		require.Equal(t, 2*rateAhead, w.publish(slow, 50))
		require.LessOrEqual(t, w.publish(slower, 50), 2)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 51 })
		w.stop()
	})
}

// Where very many lanes are remembered, one that is idle stays for as long as its rate remembers a call.
func TestForgetKeepsRates(t *testing.T) {
	t.Parallel()
	o := Options{MaxInFlight: 100, MaxJobs: 100_000, MaxBytes: 1 << 20, MaxPerLane: 1000}
	b := newBoard(&o)
	for i := range keepLanes + 1 {
		b.lane(models.ID{1, byte(i >> 8), byte(i)})
	}
	s := &models.Subscription{ID: models.ID{2}, RatePerSec: 0.1}
	b.push(models.Job{Delivery: models.Delivery{SubscriptionID: s.ID}, Event: &models.Event{}, Current: s})
	b.hold(b.lane(s.ID), 1, 0)
	next := func(now time.Time) (task, bool) {
		return b.next(now, func(*lane, time.Duration) { t.Fatal("held up") }, func(*lane, time.Duration) { t.Fatal("too early") })
	}
	sent, ok := next(noon)
	require.True(t, ok)
	b.done(&sent, &models.Attempt{Success: true}, s)
	require.Contains(t, b.lanes, s.ID)
	touch := func() { b.forget(b.lane(models.ID{3})) }
	_, _ = next(noon.Add(9 * time.Second))
	touch()
	require.Contains(t, b.lanes, s.ID)
	_, _ = next(noon.Add(11 * time.Second))
	touch()
	require.NotContains(t, b.lanes, s.ID)
	require.Zero(t, b.parting.size)
}

// What comes with a job may be newer than the directory.
func TestNewerSubscriptionOfTheJob(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		revision int64
		want     string
	}{"job's is newer": {3, "job"}, "same": {2, "directory"}, "job's is older": {1, "directory"}} {
		w := newWorld(t, nil, nil)
		s := w.sub(func(s *models.Subscription) { s.Revision, s.Endpoint = 2, "directory" })
		j := models.Job{
			Delivery: models.Delivery{SubscriptionID: s.ID},
			Current:  &models.Subscription{ID: s.ID, Revision: c.revision, Endpoint: "job"},
		}
		require.Equal(t, c.want, w.d.current(&j).Endpoint, name)
	}
}

// stuckOnce is a queue whose first statement of a kind never ends by itself.
type stuckOnce struct {
	*fakeQueue
	op    string
	stuck atomic.Bool
}

func (q *stuckOnce) hang(ctx context.Context, op string) error {
	if op != q.op || !q.stuck.CompareAndSwap(false, true) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (q *stuckOnce) Record(ctx context.Context, rs []models.Result) ([]models.ID, error) {
	if err := q.hang(ctx, "record"); err != nil {
		return nil, err
	}
	return q.fakeQueue.Record(ctx, rs)
}

func (q *stuckOnce) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	if err := q.hang(ctx, "claim"); err != nil {
		return nil, err
	}
	return q.fakeQueue.Claim(ctx, owner, now, wants)
}

func (q *stuckOnce) Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error {
	if err := q.hang(ctx, "release"); err != nil {
		return err
	}
	return q.fakeQueue.Release(ctx, owner, ids, now)
}

func (q *stuckOnce) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	if err := q.hang(ctx, "heartbeat"); err != nil {
		return err
	}
	return q.fakeQueue.Heartbeat(ctx, owner, oldest)
}

func (q *stuckOnce) Pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	if err := q.hang(ctx, "pulse"); err != nil {
		return models.Pulse{}, err
	}
	return q.fakeQueue.Pulse(ctx, now, silentFor)
}

// A statement that hangs is given up and tried again.
func TestHungStatements(t *testing.T) {
	t.Parallel()
	for _, op := range []string{"record", "claim", "release", "heartbeat", "pulse"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil, nil)
				q := &stuckOnce{fakeQueue: w.queue, op: op}
				w.d = w.dispatcher(func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) },
					func(o *Options) { o.Queue, o.Committers = q, 1 })
				s := w.sub(nil)
				w.start()
				r, err := NewRetrier(RetrierOptions{Queue: q, Directory: w.subs, Dispatcher: w.d, Logger: w.d.o.Logger, Now: time.Now})
				require.NoError(t, err)
				r.Start(t.Context())
				w.publish(s, 1)
				w.publishRetries(s, 1)
				event := &models.Event{}
				back := models.Delivery{ID: models.ID{0xf}, SubscriptionID: s.ID, Status: models.StatusDelivering, Owner: 1}
				w.queue.with(func() { w.queue.rows[back.ID] = &row{d: back, event: event} })
				w.d.mu.Lock()
				w.d.giveBack(back)
				w.d.mu.Unlock()
				pause(t.Context(), statementTimeout+5*time.Second)
				synctest.Wait()
				require.True(t, q.stuck.Load())
				require.Positive(t, w.queue.ran("pulse"))
				require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 3}, w.queue.counts())
				_, ok := w.d.Owner()
				require.True(t, ok)
				require.NoError(t, r.Stop(t.Context()))
				w.stop()
			})
		})
	}
}

// The audit knows of results whose commit runs.
func TestRecorderKnowsWhatItCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.queue.slow = time.Minute
		r := w.recorder(nil)
		all := w.results(2)
		r.add(all[0])
		synctest.Wait()
		r.add(all[1])
		synctest.Wait()
		known := func() (ids []models.ID) {
			r.each(func(id models.ID, _ bool) { ids = append(ids, id) })
			return ids
		}
		require.ElementsMatch(t, []models.ID{all[0].Delivery.ID, all[1].Delivery.ID}, known())
		require.Zero(t, r.flush(t.Context()))
		require.Empty(t, known())
	})
}

package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// wire is one instance's connection to the database. Cutting it is how an instance dies in these tests.
type wire struct {
	*fakeQueue
	cut    atomic.Bool
	t      testing.TB
	seen   [2]int       // how many looks there had been with this instance's last look and the one before
	seenAt [2]time.Time // and when they were
}

var errCut = errors.New("connection is cut")

func (q *wire) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	if q.cut.Load() {
		return errCut
	}
	return q.fakeQueue.Heartbeat(ctx, owner, oldest)
}

func (q *wire) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	if q.cut.Load() {
		return nil, errCut
	}
	q.with(func() { q.passedOver(wants) })
	return q.fakeQueue.Claim(ctx, owner, now, wants)
}

func (q *wire) Backlog(ctx context.Context, now time.Time, limit int) ([]models.Backlog, error) {
	backlogs, err := q.fakeQueue.Backlog(ctx, now, limit)
	if err == nil {
		q.with(func() { q.seen, q.seenAt = [2]int{q.looks, q.seen[0]}, [2]time.Time{now, q.seenAt[0]} })
	}
	return backlogs, err
}

// passedOver checks that no claim begins behind what this instance has seen to be due. The last look does not count: what it found may
// be on its way to the board.
func (q *wire) passedOver(wants []models.Want) {
	for _, want := range wants {
		for _, r := range q.rows {
			if r.d.SubscriptionID == want.SubscriptionID && r.waiting() && r.waits < q.seen[1] && !r.d.DueAt.After(q.seenAt[1]) && r.d.DueAt.Before(want.From) {
				q.t.Errorf("a claim from %s on passes over what was due at %s, and seen", want.From, r.d.DueAt)
			}
		}
	}
}

func (q *wire) Record(ctx context.Context, rs []models.Result) ([]models.ID, error) {
	if q.cut.Load() {
		return nil, errCut
	}
	return q.fakeQueue.Record(ctx, rs)
}

func (q *wire) Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error {
	if q.cut.Load() {
		return errCut
	}
	return q.fakeQueue.Release(ctx, owner, ids, now)
}

func (q *wire) Deregister(ctx context.Context, owner int64) error {
	if q.cut.Load() {
		return errCut
	}
	return q.fakeQueue.Deregister(ctx, owner)
}

func (q *wire) RegisterInstance(ctx context.Context, name string) (int64, error) {
	if q.cut.Load() {
		return 0, errCut
	}
	return q.fakeQueue.RegisterInstance(ctx, name)
}

// chaos is a world in which instances crash and stall, receivers do as they like and the database fails now and then.
type chaos struct {
	*world
	rng    *rand.Rand
	wire   *wire
	r      *Retrier
	mu     sync.Mutex
	sends  map[string]int // per delivery and attempt
	faults int            // crashes, stalls and lost answers: each may cause duplicates
	audits bool           // answers get lost, and instances audit themselves; else the database is away now and then
	all    []*Dispatcher
	other  instance // beside the one at hand
}

// instance is one of two that run at the same time.
type instance struct {
	wire *wire
	r    *Retrier
	d    *Dispatcher
}

// swap takes the other instance in hand.
func (c *chaos) swap() {
	here := instance{c.wire, c.r, c.d}
	c.wire, c.r, c.d = c.other.wire, c.other.r, c.other.d
	c.other = here
}

// reschedule changes, at one time and unheard of by the instances, when some of what waits or has ended is due: it is asked for by hand, or is
// back at its old place in the queue, as what was resumed is.
func (c *chaos) reschedule(n int) {
	c.queue.with(func() {
		for _, r := range c.queue.rows {
			if n--; n < 0 {
				return
			}
			switch s := r.d.Status; {
			case s == models.StatusRetrying && n%2 == 0:
				c.queue.wait(r, s, time.Now().Add(-time.Hour))
			case s == models.StatusRetrying || s == models.StatusFailed:
				r.d.Back = &models.Back{Status: s, DueAt: r.d.DueAt, Owed: r.d.Owed, Reason: r.d.Reason}
				c.queue.wait(r, models.StatusPending, time.Now())
			}
		}
	})
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := &chaos{rng: rand.New(rand.NewPCG(seed, 1)), sends: map[string]int{}, audits: seed%2 == 0}
	subs := newFakeDirectory()
	c.world = &world{t: t, subs: subs, queue: newFakeQueue(subs)}
	c.boot()
	c.swap()
	c.boot()
	return c
}

// boot starts an instance.
func (c *chaos) boot() {
	link := &wire{fakeQueue: c.queue, t: c.t}
	send := func(ctx context.Context, j models.Job) models.Attempt {
		c.mu.Lock()
		c.sends[fmt.Sprint(j.Delivery.ID, j.Delivery.Attempts+1)]++
		kind, took := c.rng.IntN(10), time.Duration(c.rng.IntN(200))*time.Millisecond
		c.mu.Unlock()
		if !pause(ctx, took) {
			return models.Attempt{Number: j.Delivery.Attempts + 1, Reason: models.ReasonTimeout}
		}
		switch kind {
		case 0:
			a := answering(j, 0, time.Second)
			a.Success, a.Reason = false, models.ReasonTimeout
			return a
		case 1:
			return answering(j, 503, took)
		case 2:
			return answering(j, 500, took)
		}
		return answering(j, 200, took)
	}
	o := Options{
		Queue: link, Directory: c.subs, Sender: sendFunc(send), Name: "chaos", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Policy:      Policy{Schedule: []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}},
		MaxInFlight: 20, MaxJobs: 200, MaxPerLane: 50, RecordBatch: 16, RecordQueue: 40,
	}
	d, err := NewDispatcher(o)
	require.NoError(c.t, err)
	for d.Start(c.t.Context()) != nil {
		d, _ = NewDispatcher(o)
	}
	ro := RetrierOptions{Queue: link, Directory: c.subs, Dispatcher: d, Logger: o.Logger, Now: time.Now}
	if c.audits {
		ro.Auditor = c.queue
	}
	r, err := NewRetrier(ro)
	require.NoError(c.t, err)
	r.Start(c.t.Context())
	c.wire, c.r, c.d = link, r, d
	c.all = append(c.all, d)
}

// crash ends the instance as a kill would: nothing of what it does afterwards reaches the database.
func (c *chaos) crash() {
	c.faults++
	c.wire.cut.Store(true)
	c.end(time.Nanosecond)
	c.boot()
}

func (c *chaos) end(within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_ = c.r.Stop(ctx)
	_ = c.d.Stop(ctx)
}

// step does one random thing.
func (c *chaos) step(subs []*models.Subscription) {
	c.mu.Lock()
	what, n, i := c.rng.IntN(100), 1+c.rng.IntN(60), c.rng.IntN(len(subs))
	c.mu.Unlock()
	if n%2 == 0 {
		c.swap()
	}
	switch {
	case what < 45:
		c.publish(subs[i], n)
	case what < 55:
		c.reschedule(10 * n)
	case what < 90:
		pause(context.Background(), time.Duration(n*20)*time.Millisecond)
	case what < 93:
		c.crash()
	case what < 95: // restart in good order
		c.end(time.Minute)
		c.boot()
	case what < 97: // a stall: others take over what is ours
		c.faults++
		owner := c.d.member.identity()
		c.queue.with(func() { c.queue.dead[owner] = true; delete(c.queue.alive, owner) })
	case !c.audits: // the database is away; it answers errors and does nothing
		c.queue.with(func() { c.queue.fail = func(string) error { return errCut } })
		pause(context.Background(), time.Duration(n*50)*time.Millisecond)
		c.queue.with(func() { c.queue.fail = nil })
	default: // an answer of the database gets lost
		c.faults++
		ops := []string{"claim", "record"}
		op, done := ops[n%2], false
		c.queue.with(func() {
			c.queue.lose = func(got string) error {
				if got == op && !done {
					done = true
					return errCut
				}
				return nil
			}
		})
	}
}

// Whatever happens, no delivery is lost, none is recorded twice, and duplicates come from faults alone.
func TestNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newChaos(t, seed)
				var subs []*models.Subscription
				for i := range 6 {
					subs = append(subs, c.sub(func(s *models.Subscription) {
						s.AutoRetry = i != 0
						s.MaxInFlight = 1 + 3*i
						if i == 5 {
							s.RatePerSec = 50
						}
					}))
				}
				for range 60 {
					c.step(subs)
				}
				c.waitFor(func(n map[models.DeliveryStatus]int) bool {
					return n[models.StatusPending]+n[models.StatusDelivering]+n[models.StatusRetrying] == 0
				})
				c.finish()
			})
		})
	}
}

// finish ends both instances in good order and checks what they did.
func (c *chaos) finish() {
	for range 2 {
		c.end(time.Minute)
		c.swap()
	}
	c.check()
}

func (c *chaos) check() {
	for _, d := range c.all {
		stats := d.Stats()
		require.Zero(c.t, stats.InFlight+stats.Queued)
	}
	require.Len(c.t, c.queue.rows, int(c.seq))
	for id, r := range c.queue.rows {
		attempts := c.queue.recorded()[id]
		for i, a := range attempts {
			require.Equal(c.t, i+1, a.Number, "attempts are recorded once and in order")
			require.Equal(c.t, i == len(attempts)-1 && r.d.Status == models.StatusDelivered, a.Success)
		}
		require.Equal(c.t, r.d.Attempts, len(attempts))
		require.NotEmpty(c.t, attempts)
		require.LessOrEqual(c.t, len(attempts)-r.d.Uncounted, 5)
	}
	for what, n := range c.sends {
		require.LessOrEqual(c.t, n, 1+c.faults, what)
		if c.faults == 0 {
			require.Equal(c.t, 1, n, what)
		}
	}
}

// Without faults nothing at all is sent twice, whatever the receivers do and however often the instance restarts.
func TestNothingIsDoubledWithoutFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChaos(t, 99)
		s := c.sub(nil)
		for range 5 {
			c.publish(s, 100)
			pause(t.Context(), 700*time.Millisecond)
			c.end(time.Minute)
			c.boot()
		}
		c.waitFor(func(n map[models.DeliveryStatus]int) bool {
			return n[models.StatusPending]+n[models.StatusDelivering]+n[models.StatusRetrying] == 0
		})
		c.finish()
	})
}

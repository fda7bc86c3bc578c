package routing

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// fakeOutbox stores events in memory as the store promises to: all of a batch or nothing, duplicates by chosen id.
type fakeOutbox struct {
	source *fakeSource

	mu      sync.Mutex
	batches [][]*models.Accepted          // every call, also those that failed
	events  map[models.ID]models.Accepted // by ref
	chosen  map[models.ID]models.Accepted // by chosen id
	before  func(ctx context.Context, call int, batch []*models.Accepted) error
	refuse  func(e *models.Event) error
	lose    func() error // the answer of a commit that has happened
}

var _ Outbox = (*fakeOutbox)(nil)

func (f *fakeOutbox) SaveEvents(ctx context.Context, revision int64, batch []*models.Accepted) ([]models.Outcome, error) {
	f.mu.Lock()
	f.batches = append(f.batches, append([]*models.Accepted(nil), batch...))
	call, before := len(f.batches), f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(ctx, call, batch); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.source.current() != revision {
		return nil, models.Errorf(models.CodeStale, "revision %d is behind", revision)
	}
	outcomes := make([]models.Outcome, len(batch))
	for i, a := range batch {
		e := &a.Event
		outcomes[i].Receipt = models.Receipt{
			EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox, Matched: e.Matched, CreatedAt: e.AcceptedAt,
		}
		if f.refuse != nil {
			if err := f.refuse(e); err != nil {
				outcomes[i] = models.Outcome{Err: err}
				continue
			}
		}
		if first, ok := f.chosen[e.ID]; ok && e.Chosen && first.Event.Ref != e.Ref {
			outcomes[i].Receipt.Duplicate = true
			outcomes[i].Receipt.Matched = first.Event.Matched
			continue
		}
		kept := *a
		kept.Deliveries = append([]models.Delivery(nil), a.Deliveries...)
		f.events[e.Ref] = kept
		if e.Chosen {
			f.chosen[e.ID] = kept
		}
	}
	if f.lose != nil {
		if err := f.lose(); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

func (f *fakeOutbox) calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.batches)
}

// fakeHandover keeps count of the room that it gave away.
type fakeHandover struct {
	draining atomic.Bool
	room     atomic.Int64 // deliveries that it still takes
	reserved atomic.Int64 // given away and neither given back nor used
	bytes    atomic.Int64 // the same in bytes

	mu        sync.Mutex
	jobs      []models.Job
	overflows [][]models.ID
}

var _ Handover = (*fakeHandover)(nil)

const fakeOwner = 77

func (f *fakeHandover) Owner() (int64, bool) { return fakeOwner, !f.draining.Load() }

func (f *fakeHandover) Reserve(_ *models.Subscription, size int) bool {
	if f.room.Add(-1) < 0 {
		f.room.Add(1)
		return false
	}
	f.reserved.Add(1)
	f.bytes.Add(int64(size))
	return true
}

func (f *fakeHandover) Unreserve(_ models.ID, size int) {
	f.room.Add(1)
	f.reserved.Add(-1)
	f.bytes.Add(-int64(size))
}

func (f *fakeHandover) Deliver(jobs []models.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range jobs {
		f.reserved.Add(-1)
		f.bytes.Add(-int64(len(j.Event.Data)))
	}
	f.jobs = append(f.jobs, jobs...)
}

func (f *fakeHandover) Overflow(subs []models.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.overflows = append(f.overflows, subs)
}

// stand is a router with fakes around it.
type stand struct {
	*Router
	source   *fakeSource
	outbox   *fakeOutbox
	handover *fakeHandover
	ids      atomic.Int64
}

func newStand(t *testing.T, change func(*RouterOptions)) *stand {
	t.Helper()
	source := newFakeSource()
	s := &stand{
		source:   source,
		outbox:   &fakeOutbox{source: source, events: map[models.ID]models.Accepted{}, chosen: map[models.ID]models.Accepted{}},
		handover: &fakeHandover{},
	}
	s.handover.room.Store(1 << 30)
	o := RouterOptions{
		Matcher: NewMatcher(source), Outbox: s.outbox, Handover: s.handover, Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		NewID: func() models.ID { return testID('n', int(s.ids.Add(1))) },
	}
	if change != nil {
		change(&o)
	}
	r, err := NewRouter(o)
	require.NoError(t, err)
	s.Router = r
	return s
}

// stop ends the router and checks that it gave back or used all the room that it had reserved.
func (s *stand) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, s.Stop(t.Context()))
	require.Zero(t, s.handover.reserved.Load(), "reservations left")
	require.Zero(t, s.handover.bytes.Load(), "reserved bytes left")
}

// promise is the outcome of an Accept that goes on beside the test.
type promise struct {
	outcomes []models.Outcome
	done     chan struct{}
}

func (s *stand) accept(ctx context.Context, events ...*models.Event) *promise {
	p := &promise{done: make(chan struct{})}
	go func() {
		p.outcomes = s.Accept(ctx, events)
		close(p.done)
	}()
	return p
}

func (p *promise) wait() []models.Outcome {
	<-p.done
	return p.outcomes
}

func newEvent(name string) *models.Event {
	return &models.Event{OrganizationID: testID('o', 1), Name: name, Data: []byte(`{"n":1}`)}
}

var errBroken = errors.New("broken")

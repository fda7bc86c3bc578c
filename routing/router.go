package routing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hookrouter/models"
)

// Outbox makes events and their deliveries durable. It is implemented by *store.Store.
type Outbox interface {
	// SaveEvents stores a batch in one transaction, or nothing of it where it returns an error. The outcomes are those of the
	// events, in their order: an event that is refused or was there before is an outcome and does not concern the others.
	// An error of code stale says that the rules have changed since revision, one of code fenced that an owner of deliveries among them
	// was declared dead. Then nothing is stored.
	//
	// After an error a batch, or part of it, may come again with the same refs and delivery ids: the commit may have succeeded and
	// only its answer been lost. An event whose ref is stored already is then as good as stored now.
	SaveEvents(ctx context.Context, revision int64, batch []*models.Accepted) ([]models.Outcome, error)
}

// Handover takes deliveries from the commit straight to the wire. It is implemented by *delivery.Dispatcher. None of its methods
// blocks.
type Handover interface {
	// Owner is the number under which this instance may own deliveries. It is false while it may own none: not registered,
	// declared dead, or draining.
	Owner() (int64, bool)
	// Reserve asks for room for one more delivery of size bytes in the subscription's lane.
	Reserve(sub *models.Subscription, size int) bool
	// Unreserve gives room back.
	Unreserve(sub models.ID, size int)
	// Deliver takes jobs over, each of which had a successful Reserve of the size of its event's data. The slice is its own.
	Deliver(jobs []models.Job)
	// Overflow names subscriptions, each once, that got pending deliveries because there was no room or no owner: claim them when
	// there is. The slice is its own.
	Overflow(subs []models.ID)
}

// Types knows the event types that organizations have made themselves. It is implemented by *catalogue.Book, and is never behind the
// revision of the matcher.
type Types interface {
	// TypeRevision is the revision of an organization's own event type, 0 where it has none of the name.
	TypeRevision(org models.ID, name string) int64
}

// The defaults of [RouterOptions].
const (
	defaultBatchEvents     = 512
	defaultBatchBytes      = 4 << 20
	defaultBatchDeliveries = 16384
	defaultWaitingEvents   = 20_000
	defaultWaitingBytes    = 64 << 20
	defaultCommitTimeout   = 15 * time.Second
)

// RouterOptions are what a [Router] needs. Zero limits take the default.
type RouterOptions struct {
	Matcher  *Matcher
	Outbox   Outbox
	Handover Handover
	Now      func() time.Time
	NewID    func() models.ID // time-ordered
	Logger   *slog.Logger     // one line for each accepted event, at level debug
	// Types refuses, with code stale, events whose TypeRevision is not that of their type any more: they have to be checked again.
	// nil refuses none.
	Types Types

	Committers int // how many commits may run side by side; default 1

	// A batch closes at so many events (512) or bytes of data (4 MiB), and is committed in parts where it makes more deliveries
	// than that (16,384). The events of one call stay together whatever they come to.
	BatchEvents     int
	BatchBytes      int
	BatchDeliveries int

	// More events (20,000) or bytes of data (64 MiB) than that are not kept waiting for an answer: further ones are refused with
	// code unavailable.
	WaitingEvents int
	WaitingBytes  int

	// CommitTimeout bounds one commit; 15 s. Failure policy: what a commit that took longer has done is unknown, so its events are
	// answered with code unavailable and not tried again.
	CommitTimeout time.Duration
}

// Router accepts events: it decides who gets them, makes them durable with their deliveries, and hands the deliveries over.
//
// Calls at the same time share commits. A call is answered after the commit of its events and never before.
type Router struct {
	o      RouterOptions
	intake *intake

	mu         sync.Mutex
	abort      context.CancelFunc // ends the commits under way; nil until Start
	committers sync.WaitGroup
}

// NewRouter checks the options. The router accepts events from now on and commits them after Start.
func NewRouter(o RouterOptions) (*Router, error) {
	switch {
	case o.Matcher == nil, o.Outbox == nil, o.Handover == nil, o.Now == nil, o.NewID == nil, o.Logger == nil:
		return nil, errors.New("router: Matcher, Outbox, Handover, Now, NewID and Logger are required")
	case min(o.Committers, o.BatchEvents, o.BatchBytes, o.BatchDeliveries, o.WaitingEvents, o.WaitingBytes) < 0, o.CommitTimeout < 0:
		return nil, errors.New("router: limits must not be negative")
	}
	o.Committers = cmp.Or(o.Committers, 1)
	o.BatchEvents = cmp.Or(o.BatchEvents, defaultBatchEvents)
	o.BatchBytes = cmp.Or(o.BatchBytes, defaultBatchBytes)
	o.BatchDeliveries = cmp.Or(o.BatchDeliveries, defaultBatchDeliveries)
	o.WaitingEvents = cmp.Or(o.WaitingEvents, defaultWaitingEvents)
	o.WaitingBytes = cmp.Or(o.WaitingBytes, defaultWaitingBytes)
	o.CommitTimeout = cmp.Or(o.CommitTimeout, defaultCommitTimeout)
	if o.WaitingEvents < o.BatchEvents || o.WaitingBytes < o.BatchBytes {
		return nil, errors.New("router: what may wait must not be less than a batch")
	}
	q := &intake{
		maxEvents: o.WaitingEvents, maxSize: o.WaitingBytes, maxBatchEvents: o.BatchEvents, maxBatchSize: o.BatchBytes,
	}
	q.work.L = &q.mu
	return &Router{o: o, intake: q}, nil
}

// Start begins to commit. The end of ctx aborts the commits that are under way; Stop is the gentle way to end.
func (r *Router) Start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.abort != nil {
		return
	}
	ctx, r.abort = context.WithCancel(ctx)
	for range r.o.Committers {
		r.committers.Go(func() { newCommitter(r).run(ctx) })
	}
}

// Stop refuses new events, commits those that were accepted into the queue, and returns when they are answered. When ctx ends
// first, it aborts the commits under way and returns ctx's error; their events are answered with code unavailable.
func (r *Router) Stop(ctx context.Context) error {
	r.intake.close()
	r.Start(ctx) // a router that was never started has to answer those who wait, too
	done := make(chan struct{})
	go func() {
		r.committers.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("stop the router: %w", ctx.Err())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.abort()
	return err
}

// Accept makes events durable together with a delivery for each subscription that matches them, in one commit for all of them,
// and returns after that commit. The outcomes are in the order of the events. Each event's Ref, AcceptedAt and Matched, and its ID
// unless it is Chosen, are set in a copy; the events themselves must not change any more.
//
// When ctx ends first, the outcomes are errors of code unavailable while the events go on: whether they were stored is unknown.
// Publishing them again under the same event id finds out.
func (r *Router) Accept(ctx context.Context, events []*models.Event) []models.Outcome {
	if len(events) == 0 {
		return nil
	}
	s := &submission{events: events, arrived: r.o.Now(), answered: make(chan struct{})}
	for _, e := range events {
		s.size += len(e.Data)
	}
	if err := r.intake.put(s); err != nil {
		return failed(len(events), err)
	}
	select {
	case <-s.answered:
	case <-ctx.Done():
		if s.settled.CompareAndSwap(false, true) {
			return failed(len(events), &models.Error{
				Code:    models.CodeUnavailable,
				Message: "The call ended before the event was stored. Whether it was is unknown; publish it again with the same event_id.",
				Err:     ctx.Err(),
			})
		}
		<-s.answered // in the very moment
	}
	r.log(ctx, s)
	return s.outcomes
}

// failed is the same error for n events.
func failed(n int, err error) []models.Outcome {
	outcomes := make([]models.Outcome, n)
	for i := range outcomes {
		outcomes[i].Err = err
	}
	return outcomes
}

// log writes one line for each event that was stored, or that had been stored before.
func (r *Router) log(ctx context.Context, s *submission) {
	if !r.o.Logger.Enabled(ctx, slog.LevelDebug) {
		return
	}
	ms := float64(r.o.Now().Sub(s.arrived).Microseconds()) / 1000
	for i := range s.outcomes {
		if s.outcomes[i].Err != nil {
			continue
		}
		receipt, it := &s.outcomes[i].Receipt, &s.items[i]
		r.o.Logger.LogAttrs(ctx, slog.LevelDebug, "event.accepted",
			slog.String("organization", it.accepted.Event.OrganizationID.String()),
			slog.String("event_id", receipt.EventID.String()),
			slog.String("event_name", receipt.EventName),
			slog.Bool("sandbox", receipt.Sandbox),
			slog.Int("matched", receipt.Matched),
			slog.Int("enqueued", it.enqueued),
			slog.Bool("duplicate", receipt.Duplicate),
			slog.Float64("ms", ms),
		)
	}
}

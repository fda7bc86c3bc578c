package routing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"hookrouter/models"
)

// staleTries is how often a batch is matched again because the rules changed between the match and the commit. Failure policy:
// each round costs one refresh, and only changes without pause can use them all up; then the publishers try again.
const staleTries = 8

// handoverAge is how old an event may be when its deliveries are handed over to this instance. What takes longer, because the database is
// slow or the rules keep changing, is stored as pending: were this instance to die, what it was handed is only looked for among events
// that were young when it was last heard of. See store.handedSlack.
const handoverAge = 30 * time.Second

// committer commits one batch after the other. Its buffers are used again for each batch, so nothing that outlives a batch may
// point into them.
type committer struct {
	r        *Router
	taken    []*submission
	subs     []*models.Subscription
	accepted []*models.Accepted
	fenced   int64 // a number that was declared dead: nothing is handed over under it any more
}

func newCommitter(r *Router) *committer { return &committer{r: r} }

// run ends when the intake is closed and empty.
func (c *committer) run(ctx context.Context) {
	for {
		c.taken = c.r.intake.take(c.taken[:0])
		if len(c.taken) == 0 {
			return
		}
		for batch := c.inTime(ctx, c.taken); len(batch) > 0; {
			n := c.prepare(batch)
			c.commit(ctx, batch[:n])
			batch = batch[n:]
		}
		clear(c.taken) // what is answered need not stay alive until the next batch comes
		clear(c.accepted)
		clear(c.subs)
		c.subs = c.subs[:0]
	}
}

// inTime refuses submissions that have waited for too long, and returns the rest. They come in the order of their arrival.
func (c *committer) inTime(ctx context.Context, batch []*submission) []*submission {
	late, now := 0, c.r.o.Now()
	for late < len(batch) && now.Sub(batch[late].arrived) > patience {
		late++
	}
	if late > 0 {
		c.refuse(ctx, batch[:late], behind())
	}
	return batch[late:]
}

// prepare matches submissions until they make too many deliveries for one commit, and returns how many it got to, at least one.
func (c *committer) prepare(batch []*submission) int {
	deliveries := 0
	for n, s := range batch {
		if n > 0 && deliveries > c.r.o.BatchDeliveries {
			return n
		}
		deliveries += c.match(s)
	}
	return len(batch)
}

// match decides who gets a submission's events, and reserves room for their deliveries. It returns how many there are.
func (c *committer) match(s *submission) int {
	o := &c.r.o
	if s.items == nil {
		c.stamp(s)
	}
	owner, owned := o.Handover.Owner()
	owned = owned && owner != c.fenced && young(s, o.Now())
	s.revision = o.Matcher.Revision() // before matching: the index may be ahead of it, never behind
	deliveries := 0
	for i := range s.items {
		it := &s.items[i]
		e := &it.accepted.Event
		if it.outdated = o.Types != nil && o.Types.TypeRevision(e.OrganizationID, e.Name) != e.TypeRevision; it.outdated {
			it.subs, it.accepted.Deliveries, e.Matched = nil, nil, 0
			continue
		}
		from := len(c.subs)
		c.subs = o.Matcher.Match(e, c.subs)
		if e.NotTo != "" {
			rest := slices.DeleteFunc(c.subs[from:], func(s *models.Subscription) bool { return models.PublicEndpoint(s.Endpoint) == e.NotTo })
			c.subs = c.subs[:from+len(rest)]
		}
		it.subs = c.subs[from:len(c.subs):len(c.subs)]
		e.Matched = len(it.subs)
		it.accepted.Deliveries = FanOut(e, it.subs)
		deliveries += len(it.subs)
		for j := range it.accepted.Deliveries {
			d := &it.accepted.Deliveries[j]
			if d.Status != models.StatusParked && owned && o.Handover.Reserve(it.subs[j], len(e.Data)) {
				d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{}
			}
		}
	}
	return deliveries
}

// stamp makes the copies of the events that are stored. They are made one by one, because a job that is waiting keeps its event
// alive and should not keep the whole batch. A ref is given once, however often the event is matched or saved again.
func (c *committer) stamp(s *submission) {
	s.items = make([]item, len(s.events))
	now := c.r.o.Now().UTC().Truncate(time.Millisecond)
	for i, e := range s.events {
		accepted := &models.Accepted{Event: *e}
		accepted.Event.Ref = c.r.o.NewID()
		if !e.Target.IsZero() {
			accepted.Event.Ref = models.MarkTest(accepted.Event.Ref)
		}
		if !e.Chosen {
			accepted.Event.ID = accepted.Event.Ref
		}
		accepted.Event.AcceptedAt = now
		s.items[i].accepted = accepted
	}
}

// commit saves prepared submissions and answers them.
//
// Failure policy: an error is taken for the fault of one submission as long as there is evidence for that. The batch is saved
// once more by halves; while exactly one half fails, that half is halved again, until the bad one is alone. When both fail it is
// the database, and all that is left gets the error. A lone submission is saved twice.
func (c *committer) commit(ctx context.Context, batch []*submission) {
	err := c.save(ctx, batch)
	if err != nil && len(batch) == 1 && worthRetry(err) {
		err = c.save(ctx, batch)
	}
	for err != nil && len(batch) > 1 && worthRetry(err) {
		left, right := batch[:len(batch)/2], batch[len(batch)/2:]
		errLeft, errRight := c.save(ctx, left), c.save(ctx, right)
		switch {
		case errLeft == nil:
			batch, err = right, errRight
		case errRight == nil:
			batch, err = left, errLeft
		default:
			c.refuse(ctx, left, errLeft)
			c.refuse(ctx, right, errRight)
			return
		}
	}
	if err != nil {
		c.refuse(ctx, batch, err)
	}
}

// worthRetry reports whether saving smaller parts may help. After a timeout it would only make everyone wait longer.
func worthRetry(err error) bool {
	return !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled)
}

// save commits submissions in one transaction and answers them, or leaves them as they are and returns an error. Where the rules
// have changed since they were matched, it matches them again, and so it does with those that are too old by now to be handed over.
func (c *committer) save(ctx context.Context, batch []*submission) error {
	now := c.r.o.Now()
	for i, s := range batch {
		if !young(s, now) && ownerOf(batch[i:i+1]) != 0 {
			c.unreserve(s)
			c.match(s)
		}
	}
	for range staleTries {
		outcomes, err := c.saveOnce(ctx, batch)
		if err == nil {
			c.settle(ctx, batch, outcomes)
			return nil
		}
		switch models.CodeOf(err) {
		case models.CodeStale:
			err = c.refresh(ctx)
		case models.CodeFenced:
			// Failure policy: what can't be handed over under the present number waits in the database for whoever claims it.
			c.fenced, err = ownerOf(batch), nil
		default:
			return err
		}
		for _, s := range batch {
			c.unreserve(s)
		}
		for _, s := range batch { // also after an error: what is prepared once stays prepared
			c.match(s)
		}
		if err != nil {
			return err
		}
	}
	return models.Errorf(models.CodeUnavailable, "The subscriptions are changing too fast. Publish the event again.")
}

// ownerOf is the number under which a batch was to be handed over, 0 where nothing is. Where there are several it is the first, because
// an instance gets another number when the one that it had is dead.
func ownerOf(batch []*submission) (owner int64) {
	for _, s := range batch {
		for i := range s.items {
			for j := range s.items[i].accepted.Deliveries {
				if o := s.items[i].accepted.Deliveries[j].Owner; o != 0 && (owner == 0 || o < owner) {
					owner = o
				}
			}
		}
	}
	return owner
}

// young reports whether a submission's deliveries may be handed over.
func young(s *submission, now time.Time) bool {
	return now.Sub(s.items[0].accepted.Event.AcceptedAt) < handoverAge
}

func (c *committer) saveOnce(ctx context.Context, batch []*submission) ([]models.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, c.r.o.CommitTimeout)
	defer cancel()
	c.accepted = c.accepted[:0]
	revision := batch[0].revision
	for _, s := range batch {
		revision = min(revision, s.revision)
		for i := range s.items {
			if !s.items[i].outdated {
				c.accepted = append(c.accepted, s.items[i].accepted)
			}
		}
	}
	if len(c.accepted) == 0 {
		return nil, nil
	}
	outcomes, err := c.r.o.Outbox.SaveEvents(ctx, revision, c.accepted)
	if err != nil {
		return nil, err
	}
	if len(outcomes) != len(c.accepted) {
		// The commit has happened, so it is no error to try again after; but what became of whom can't be told.
		err = fmt.Errorf("save events: %d outcomes for %d events", len(outcomes), len(c.accepted))
		outcomes = failed(len(c.accepted), err)
	}
	return outcomes, nil
}

func (c *committer) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.r.o.CommitTimeout)
	defer cancel()
	return c.r.o.Matcher.Refresh(ctx)
}

// settle hands over what was committed, then answers.
func (c *committer) settle(ctx context.Context, batch []*submission, outcomes []models.Outcome) {
	handover := c.r.o.Handover
	deliveries := 0
	for _, a := range c.accepted {
		deliveries += len(a.Deliveries)
	}
	jobs := make([]models.Job, 0, deliveries)
	var overflow []models.ID
	rest := outcomes
	for _, s := range batch {
		rest = s.take(rest)
		for i := range s.items {
			it := &s.items[i]
			if o := &s.outcomes[i]; o.Err != nil || o.Receipt.Duplicate {
				c.unreserveItem(it)
				continue
			}
			for j := range it.accepted.Deliveries {
				d, sub := &it.accepted.Deliveries[j], it.subs[j]
				if d.Status == models.StatusDelivering {
					jobs = append(jobs, models.Job{Delivery: *d, Event: &it.accepted.Event, Matched: sub, Current: sub})
					it.enqueued++
				}
				if d.Status == models.StatusPending {
					overflow = append(overflow, sub.ID)
				}
			}
			it.accepted.Deliveries = nil // a job that waits keeps the event alive, and should keep no more than that
		}
	}
	if len(jobs) > 0 {
		handover.Deliver(jobs)
	}
	if len(overflow) > 0 {
		slices.SortFunc(overflow, compareIDs)
		handover.Overflow(slices.Compact(overflow))
	}
	for _, s := range batch {
		c.answer(ctx, s)
	}
}

// take gives a submission its outcomes, the first of those of a batch, and returns the rest.
func (s *submission) take(outcomes []models.Outcome) (rest []models.Outcome) {
	n := 0
	for i := range s.items {
		if !s.items[i].outdated {
			n++
		}
	}
	if n == len(s.items) {
		s.outcomes = outcomes[:n:n]
		return outcomes[n:]
	}
	stored := outcomes[:n]
	s.outcomes = make([]models.Outcome, len(s.items))
	for i := range s.items {
		if s.items[i].outdated {
			s.outcomes[i].Err = models.Errorf(models.CodeStale, "The type of the event has changed. Publish the event again.")
			continue
		}
		s.outcomes[i], stored = stored[0], stored[1:]
	}
	return outcomes[n:]
}

// refuse answers submissions with an error.
func (c *committer) refuse(ctx context.Context, batch []*submission, err error) {
	if !worthRetry(err) {
		err = &models.Error{
			Code:    models.CodeUnavailable,
			Message: "The event was not stored in time. Whether it was is unknown; publish it again with the same event_id.",
			Err:     err,
		}
	}
	for _, s := range batch {
		c.unreserve(s)
		s.outcomes = failed(len(s.events), err)
		c.answer(ctx, s)
	}
}

// answer lets the caller go on. A caller that has stopped waiting will not log its events, so they are logged here.
func (c *committer) answer(ctx context.Context, s *submission) {
	c.r.intake.leave(s)
	first := s.settled.CompareAndSwap(false, true)
	close(s.answered)
	if !first {
		c.r.log(ctx, s)
	}
}

// unreserve gives the room of a submission back.
func (c *committer) unreserve(s *submission) {
	for i := range s.items {
		c.unreserveItem(&s.items[i])
	}
}

func (c *committer) unreserveItem(it *item) {
	for j := range it.accepted.Deliveries {
		if it.accepted.Deliveries[j].Status == models.StatusDelivering {
			c.r.o.Handover.Unreserve(it.subs[j].ID, len(it.accepted.Event.Data))
		}
	}
	it.accepted.Deliveries = nil
}

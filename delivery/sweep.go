package delivery

import (
	"context"
	"fmt"
	"time"

	"hookrouter/models"
)

// Bounds of one sweep. Failure policy: what is left is found by the next one; a sweep that goes on for long would delay the retries
// that come due meanwhile.
const (
	sweepRows     = 1000 // deliveries per statement
	sweepRounds   = 10   // statements of one kind
	sweepBacklogs = 5000 // lanes that are marked
)

// Auditor finds out what an instance owns. Implemented by *store.Store.
type Auditor interface {
	// Owned lists up to limit deliveries that the owner is delivering since before the given moment.
	Owned(ctx context.Context, owner int64, before time.Time, limit int) ([]models.ID, error)
}

// Sweep looks at the database once and does what time has brought. An idle sweep is one statement. The steps go on after an error of
// an earlier one only where they do not build on it; the first error is returned.
func (r *Retrier) Sweep(ctx context.Context) error {
	now := r.o.Now()
	silentFor := r.silentFor(now)
	pulse, err := r.pulse(ctx, now, silentFor)
	if err != nil {
		return fmt.Errorf("pulse: %w", err)
	}
	// Before anything is claimed: an attempt must follow the subscription as it is.
	if err := r.o.Directory.Sync(ctx, pulse.Revision); err != nil {
		return fmt.Errorf("sync subscriptions: %w", err)
	}
	if others := r.o.Dispatcher.setSenders(pulse.Senders); others || pulse.Revision != r.reviewed {
		r.o.Dispatcher.review()
		r.reviewed = pulse.Revision
	}
	due := pulse.Due
	if pulse.Silent {
		self := r.o.Dispatcher.member.identity()
		n, err := rounds(func() (int, error) { return r.o.Queue.TakeOver(ctx, self, now, silentFor, sweepRows) })
		if n > 0 {
			r.o.Logger.Warn("instance.takeover", "deliveries", n)
		}
		if err != nil {
			return fmt.Errorf("take over: %w", err)
		}
		due = due || n > 0
	}
	if err := r.tend(ctx, now, pulse.Unwell); err != nil {
		return fmt.Errorf("tend endpoints: %w", err)
	}
	if pulse.Stopped {
		if _, err := rounds(func() (int, error) { return r.o.Queue.CancelStopped(ctx, now, sweepRows) }); err != nil {
			return fmt.Errorf("cancel stopped deliveries: %w", err)
		}
	}
	if due {
		backlogs, err := r.o.Queue.Backlog(ctx, now, sweepBacklogs)
		if err != nil {
			return fmt.Errorf("list backlogs: %w", err)
		}
		r.o.Dispatcher.found(now, backlogs)
	} else {
		r.o.Dispatcher.Wake() // for lanes that were marked while there was no room
	}
	return r.audit.run(ctx, r.o.Auditor, r.o.Dispatcher, now)
}

// never is a silence that no instance has kept.
const never = 100 * 365 * 24 * time.Hour

// silentFor is how long others must have been silent to be declared dead now. Failure policy: while this instance has not been heard of
// for that long without a gap itself, nobody is, because the silence may have been the database's. What those own who were declared
// before is still taken over.
func (r *Retrier) silentFor(now time.Time) time.Duration {
	if r.o.Dispatcher.member.steady(now) < r.o.SilentFor {
		return never
	}
	return r.o.SilentFor
}

func (r *Retrier) pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return r.o.Queue.Pulse(ctx, now, silentFor)
}

// rounds repeats a bounded step until it finds less than its bound, at most sweepRounds times.
func rounds(step func() (int, error)) (total int, err error) {
	for range sweepRounds {
		n, err := step()
		total += n
		if err != nil || n < sweepRows {
			return total, err
		}
	}
	return total, nil
}

// auditEvery is how often an instance compares what it owns with what it knows.
const auditEvery = 30 * time.Second

// audit finds deliveries that this instance owns in the database but does not know of: a claim or a commit whose answer was lost on the
// way leaves such. Nobody else would send them while this instance lives.
type audit struct {
	last    time.Time
	suspect map[models.ID]struct{} // unknown at the last look; unknown twice means given back
}

// run looks when it is time. Sweeps don't overlap, so it needs no lock.
func (a *audit) run(ctx context.Context, auditor Auditor, d *Dispatcher, now time.Time) error {
	owner, ok := d.Owner()
	if auditor == nil || !ok || now.Sub(a.last) < auditEvery {
		return nil
	}
	a.last = now
	// More than are known, so that whatever is not known finds a place among them.
	owned, err := auditor.Owned(ctx, owner, now.Add(-auditEvery), len(d.known())+sweepRows)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	known := d.known()
	suspect := make(map[models.ID]struct{})
	var lost []models.Delivery
	for _, id := range owned {
		if _, ok := known[id]; ok {
			continue
		}
		if _, again := a.suspect[id]; again {
			lost = append(lost, models.Delivery{ID: id, Owner: owner})
			continue
		}
		suspect[id] = struct{}{}
	}
	a.suspect = suspect
	if len(lost) > 0 {
		d.o.Logger.Warn("delivery.audit", "given_back", len(lost))
		d.mu.Lock()
		d.giveBack(lost...)
		d.mu.Unlock()
	}
	return nil
}

// known is every delivery that is somewhere in this instance's memory.
func (d *Dispatcher) known() map[models.ID]struct{} {
	ids := make(map[models.ID]struct{})
	d.each(func(id models.ID, _ bool) { ids[id] = struct{}{} })
	return ids
}

// oldest is the smallest id of those that came straight from the commit: were this instance to die now, they would be looked for from
// there on.
func (d *Dispatcher) oldest() (oldest models.ID) {
	d.each(func(id models.ID, handed bool) {
		if handed && (oldest.IsZero() || id.Compare(oldest) < 0) {
			oldest = id
		}
	})
	return oldest
}

// handedOver reports whether a delivery in hand came straight from the commit rather than from a claim.
func handedOver(d *models.Delivery) bool { return d.DueAt.IsZero() }

// each visits every delivery that is in memory, some of them twice.
func (d *Dispatcher) each(visit func(id models.ID, handed bool)) {
	// The queues first, then the calls, then the results: a delivery moves that way and is seen at least once.
	d.mu.Lock()
	for _, l := range d.board.lanes {
		for c := range classes {
			for i := range l.queue[c].size {
				j := l.queue[c].at(i)
				visit(j.Delivery.ID, handedOver(&j.Delivery))
			}
		}
	}
	for id, handed := range d.active {
		visit(id, handed)
	}
	for _, list := range [...][]models.Delivery{d.returns, d.releasing} {
		for i := range list {
			visit(list[i].ID, handedOver(&list[i]))
		}
	}
	d.mu.Unlock()
	d.recorder.each(visit)
}

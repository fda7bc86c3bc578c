package delivery

import (
	"context"
	"time"

	"hookrouter/models"
)

// Waits after a failed statement: the first, and the longest.
const (
	firstPause = 50 * time.Millisecond
	longPause  = 2 * time.Second
)

// feed brings work from the database to lanes that have a backlog there and room for it, whenever it is woken, and gives back what
// this instance owns but will not send. It is one goroutine: claims of one instance would only wait for one another's rows.
func (d *Dispatcher) feed(ctx context.Context) {
	pause, lanes := firstPause, maxClaimLanes
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		for more := true; more; {
			var err error
			if more, err = d.feedOnce(ctx, lanes); err == nil {
				pause, lanes = firstPause, min(2*lanes, maxClaimLanes)
				continue
			}
			if ctx.Err() != nil {
				return
			}
			d.o.Logger.Warn("delivery.feed", "error", err, "again_in", pause.String())
			// Failure policy: wait and try again for ever; meanwhile everything is safe in the database.
			if !rest(ctx, pause) {
				return
			}
			// Fewer lanes at a time, so that one whose claim the database refuses is soon alone and does not hold up the others.
			pause, lanes = min(2*pause, longPause), max(lanes/2, 1)
			more = true
		}
	}
}

// feedOnce gives back and claims once, for up to so many lanes. It reports whether there may be more to do.
func (d *Dispatcher) feedOnce(ctx context.Context, lanes int) (more bool, err error) {
	if err := d.release(ctx); err != nil {
		return true, err
	}
	now := d.o.Now()
	owner, ok := d.member.current(now)
	if !ok {
		return false, nil // whatever ends this state wakes us
	}
	pumped, err := d.pump(ctx, owner, now)
	if err != nil {
		return true, err
	}
	d.mu.Lock()
	draining := d.draining
	var c claim
	if !draining {
		if c, ok = d.board.claim(now, lanes); !ok && !now.Before(d.quietUntil) {
			c, ok = d.board.claimEarly()
		}
	}
	d.mu.Unlock()
	if draining || !ok {
		return pumped && !draining, nil
	}
	call, cancel := context.WithTimeout(ctx, statementTimeout)
	jobs, err := d.o.Queue.Claim(call, owner, now, c.wants)
	cancel()
	d.settle(owner, c, jobs, err != nil)
	if c.early {
		d.keepQuiet(d.o.Now().Sub(now))
	}
	if models.CodeOf(err) == models.CodeFenced {
		d.member.lose(owner)
		return false, nil
	}
	return true, err
}

// Early claims, the looks at the board before them included, take one part in quietParts of the time, and stand at least so far apart. No
// more than mostQuiet either: all that one claim put off for longer would be due, and then be claimed without regard to anything.
const (
	quietParts = 10
	leastQuiet = 5 * time.Millisecond
	mostQuiet  = models.ClaimAhead / 2
)

// keepQuiet puts the next early claim off after one that took so long.
func (d *Dispatcher) keepQuiet(took time.Duration) {
	quiet := min(max((quietParts-1)*took, leastQuiet), mostQuiet)
	d.quietUntil = d.o.Now().Add(quiet)
	time.AfterFunc(quiet, d.Wake)
}

// settle takes what a claim brought. Where the instance got another number meanwhile, the jobs belong to the old one and go back.
func (d *Dispatcher) settle(owner int64, c claim, jobs []models.Job, failed bool) {
	present := d.member.identity()
	d.mu.Lock()
	defer d.mu.Unlock()
	if present != owner || d.draining {
		for i := range jobs {
			d.giveBack(jobs[i].Delivery)
		}
		jobs, failed = nil, true
	}
	if shed := d.board.settle(c, jobs, failed); len(shed) > 0 {
		d.giveBack(shed...)
	}
	d.startAll(d.o.Now())
}

// release gives back what is waiting for it.
func (d *Dispatcher) release(ctx context.Context) error {
	d.mu.Lock()
	returns := d.returns
	d.returns, d.releasing = nil, returns
	d.mu.Unlock()
	for len(returns) > 0 {
		owner, n := returns[0].Owner, 0
		ids := make([]models.ID, 0, min(len(returns), maxClaim))
		for n < len(returns) && returns[n].Owner == owner && len(ids) < maxClaim {
			ids = append(ids, returns[n].ID)
			n++
		}
		call, cancel := context.WithTimeout(ctx, statementTimeout)
		err := d.o.Queue.Release(call, owner, ids, d.o.Now())
		cancel()
		if err != nil {
			d.mu.Lock()
			d.returns, d.releasing = append(returns, d.returns...), nil
			d.mu.Unlock()
			return err
		}
		d.mu.Lock()
		for i := range returns[:n] {
			// A claim that ran before may have found nothing more and taken the backlog for empty. The audit's do not know their lane.
			if id := returns[i].SubscriptionID; !id.IsZero() {
				d.board.mark(id, time.Time{})
			}
		}
		returns = returns[n:]
		d.releasing = returns
		d.mu.Unlock()
	}
	return nil
}

// rest waits, and reports false when ctx ended first.
func rest(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

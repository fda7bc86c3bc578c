package delivery

import (
	"context"
	"fmt"
	"time"

	"hookrouter/models"
)

// outflow is the drain of one subscription that was suspended: what is parked is claimed a little at a time, oldest first, and goes through
// its lane beside what is published now. Its window starts at one delivery and doubles with each window's worth of successes; a failure takes
// it back to one. As many failures in a row as suspend an endpoint suspend the subscription again.
type outflow struct {
	sub    models.Condition
	owner  int64
	window int // how many of its deliveries may be in memory or in flight
	calls  int // of these, in flight
	well   int // successes since the window was set
	bad    int // failures since the last success
}

// maxOutflows is how many subscriptions one instance drains at the same time. Failure policy: the others are drained by other instances, or
// when one of these has ended.
const maxOutflows = 256

// flows notes that a call of a drain begins. The lock is held.
func (d *Dispatcher) flows(t *task) {
	if !t.job.Drained {
		return
	}
	if f := d.outflows[t.job.Delivery.SubscriptionID]; f != nil {
		f.calls++
	}
}

// drained notes how it ended; a is nil where there was no call. The lock is held.
func (d *Dispatcher) drained(t *task, a *models.Attempt, current *models.Subscription) {
	f := d.outflows[t.job.Delivery.SubscriptionID]
	switch {
	case f == nil:
		return
	case current.Suspended() || !current.Live():
		delete(d.outflows, t.job.Delivery.SubscriptionID)
		return
	}
	f.calls = max(f.calls-1, 0)
	switch {
	case a != nil && a.Success:
		f.well++
	case a != nil:
		f.window, f.well = 1, 0
	}
	if f.well >= f.window {
		f.window, f.well = min(2*f.window, current.InFlight()), 0
	}
	d.Wake()
}

// relapses notes how an attempt ended that was made for a drain, and reports whether the endpoint is to be suspended again: after as many
// failures in a row as lead to suspension, however short the time. One alone says little, as an endpoint that is well has some too; and
// each suspension parks for a minute what is published meanwhile.
func (d *Dispatcher) relapses(j *models.Job, a *models.Attempt) bool {
	if !j.Drained || d.o.Suspend.After == 0 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.outflows[j.Delivery.SubscriptionID]
	if f == nil {
		return false
	}
	if f.bad++; a.Success {
		f.bad = 0
	}
	relapse := f.bad >= d.o.Suspend.After
	if relapse {
		delete(d.outflows, j.Delivery.SubscriptionID) // claims nothing more while that is recorded
	}
	return relapse
}

// room is how many deliveries more may be claimed for the drain. They are claimed half a window at a time, because claims of one are
// dear. The lock is held.
func (d *Dispatcher) outflowRoom(f *outflow) int {
	l := d.board.lane(f.sub.SubscriptionID)
	held := f.calls
	for c := range classes {
		for i := range l.queue[c].size {
			if l.queue[c].at(i).Drained {
				held++
			}
		}
	}
	room := f.window - held
	if room < max(f.window/2, 1) {
		return 0
	}
	if held == 0 {
		return min(room, max(d.board.room(l), 1))
	}
	return min(room, d.board.room(l))
}

// pump claims for every drain that has room, and reports whether it got anything.
func (d *Dispatcher) pump(ctx context.Context, owner int64, now time.Time) (more bool, err error) {
	type want struct {
		f    *outflow
		room int
	}
	var wants []want
	d.mu.Lock()
	for id, f := range d.outflows {
		if f.owner != owner {
			delete(d.outflows, id)
		} else if room := d.outflowRoom(f); room > 0 && !d.draining {
			wants = append(wants, want{f, room})
		}
	}
	d.mu.Unlock()
	for _, w := range wants {
		n, err := d.pumpOne(ctx, w.f, now, w.room)
		if err != nil {
			return more, fmt.Errorf("drain what was parked: %w", err)
		}
		more = more || n > 0
	}
	return more, nil
}

// pumpOne claims for one drain, and ends it where there was no more to claim.
func (d *Dispatcher) pumpOne(ctx context.Context, f *outflow, now time.Time, limit int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	jobs, err := d.o.Conditions.ClaimParked(ctx, f.owner, now, f.sub, limit)
	if err != nil {
		return 0, err
	}
	d.take(f.owner, jobs)
	if len(jobs) == limit {
		return limit, nil
	}
	if _, err := d.o.Conditions.EndDrain(ctx, f.owner, f.sub.SubscriptionID); err != nil {
		return len(jobs), err
	}
	// Also where something was parked at the last moment: the next sweep begins anew.
	d.mu.Lock()
	if d.outflows[f.sub.SubscriptionID] == f {
		delete(d.outflows, f.sub.SubscriptionID)
	}
	d.mu.Unlock()
	return len(jobs), nil
}

// take puts jobs that were claimed outside the board's own claims into their lanes.
func (d *Dispatcher) take(owner int64, jobs []models.Job) {
	present := d.member.identity()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range jobs {
		j := &jobs[i]
		if present != owner || d.draining {
			d.giveBack(j.Delivery)
			continue
		}
		d.board.hold(d.board.lane(j.Delivery.SubscriptionID), 1, len(j.Event.Data))
		d.board.push(*j)
	}
	d.startAll(d.o.Now())
}

// drain begins to send what is parked, unless another living instance does.
func (d *Dispatcher) drain(ctx context.Context, owner int64, c models.Condition) error {
	d.mu.Lock()
	_, known := d.outflows[c.SubscriptionID]
	full := len(d.outflows) >= maxOutflows
	d.mu.Unlock()
	if known || full {
		return nil
	}
	taken, err := d.o.Conditions.TakeDrain(ctx, owner, c.SubscriptionID)
	if err != nil || !taken {
		return err
	}
	d.mu.Lock()
	if d.outflows[c.SubscriptionID] == nil {
		d.outflows[c.SubscriptionID] = &outflow{sub: c, owner: owner, window: 1}
	}
	d.mu.Unlock()
	d.Wake()
	return nil
}

// probe tries a suspended endpoint with the oldest parked delivery, unless another instance does.
func (d *Dispatcher) probe(ctx context.Context, owner int64, now time.Time, c models.Condition) error {
	jobs, err := d.o.Conditions.ClaimProbe(ctx, owner, now, c, now.Add(probeWait(c.Probes+1)))
	if err == nil {
		d.take(owner, jobs)
	}
	return err
}

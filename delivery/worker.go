package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"hookrouter/models"
)

// keepWorkers is how many workers with nothing to do stay for the next task. Each saves the start of a goroutine and the growth of its
// stack, for a few kilobytes.
const keepWorkers = 128

// work sends one job after another. When there is none that may be sent, it rests until one is handed to it, or ends where enough rest.
func (d *Dispatcher) work(t task) {
	for ok := true; ok; {
		attempt, current := d.attempt(&t.job)
		var rest bool
		if t, ok, rest = d.finished(&t, attempt, current); rest {
			t, ok = <-d.handed
		}
	}
}

// finished frees the task's slot and picks the next one for this worker. Where the window has grown, others are started. Where there is
// none, the worker may be told to rest.
func (d *Dispatcher) finished(t *task, a *models.Attempt, current *models.Subscription) (next task, ok, rest bool) {
	now := d.o.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.active, t.job.Delivery.ID)
	if t.job.Drained {
		d.drained(t, a, current)
	}
	shed, feed := d.board.done(t, a, current)
	if len(shed) > 0 {
		d.giveBack(shed...)
	} else if feed && t.lane.tempo.pace() == slow {
		d.wakeLater()
	} else if feed {
		d.Wake()
	}
	if next, ok = d.next(now); ok {
		d.startAll(now)
	} else if !d.draining && d.resting < keepWorkers {
		d.resting++
		rest = true
	}
	return next, ok, rest
}

// attempt is the one way in which a delivery is sent: its first time, every retry, and after a take-over. It asks what the
// subscription is now, sends unless that stops the delivery, decides, and hands the result to the recorder.
func (d *Dispatcher) attempt(j *models.Job) (*models.Attempt, *models.Subscription) {
	j.Current = d.current(j)
	if reason, stopped := j.Delivery.Stopped(j.Current); stopped {
		d.recorder.add(canceled(j.Delivery, reason))
		return nil, j.Current
	}
	// What somebody asked for is sent all the same: how else would they see that the endpoint is well again?
	probe := j.Current.Suspended() && j.Delivery.Back == nil && !j.Delivery.Test()
	if probe && (!j.Probe || j.Current.StateReason == models.SuspendedManual) {
		d.recorder.add(parked(j.Delivery))
		return nil, j.Current
	}
	a := d.send(d.sendCtx, j)
	if !a.Success && d.sendCtx.Err() != nil {
		// Cut off by the drain: nobody knows what the receiver saw, and it says nothing about the endpoint. Failure policy: given
		// back without counting, so that a slow shutdown does not cost the delivery an attempt.
		d.mu.Lock()
		d.giveBack(j.Delivery)
		d.mu.Unlock()
		return nil, j.Current
	}
	after, now, jitter := d.current(j), d.o.Now(), 0.0
	if !a.Success {
		jitter = 2*d.o.Random() - 1
	}
	r := Decide(j.Delivery, after, a, d.o.Policy.For(j.Matched.Format), now, jitter)
	if probe {
		r = DecideProbe(j.Delivery, after, a, now)
	}
	r.Relapse = d.relapses(j, &a)
	d.log(&r)
	d.recorder.add(r)
	return r.Attempt, after
}

// current is the subscription as this instance knows it now. What came with the job may be newer than what the directory has read so
// far. One that the directory does not know any more was deleted long ago; what came with the job is then the last that was known.
func (d *Dispatcher) current(j *models.Job) *models.Subscription {
	if s, ok := d.o.Directory.Subscription(j.Delivery.SubscriptionID); ok && s.Revision >= j.Current.Revision {
		return s
	}
	return j.Current
}

// send makes the call. Failure policy: a panic fails this attempt alone, because one poisonous delivery must not end the process for
// all others.
func (d *Dispatcher) send(ctx context.Context, j *models.Job) (a models.Attempt) {
	start := d.o.Now()
	defer func() {
		if p := recover(); p != nil {
			d.o.Logger.Error("delivery.panic", "delivery", j.Delivery.ID, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			a = models.Attempt{
				DeliveryID: j.Delivery.ID, OrganizationID: j.Delivery.OrganizationID, Number: j.Delivery.Attempts + 1,
				StartedAt: start, Reason: models.ReasonInvalid, Detail: "the request could not be built",
			}
		}
	}()
	return d.o.Sender.Send(ctx, *j)
}

// log writes the attempt's one line.
func (d *Dispatcher) log(r *models.Result) {
	level := slog.LevelInfo
	if r.Attempt.Success {
		level = slog.LevelDebug
	}
	ctx := d.sendCtx
	if !d.o.Logger.Enabled(ctx, level) {
		return
	}
	attrs := [10]slog.Attr{
		slog.Any("delivery", r.Delivery.ID),
		slog.Any("event", r.Delivery.EventID),
		slog.Any("subscription", r.Delivery.SubscriptionID),
		slog.Int("number", r.Attempt.Number),
		slog.Int("status_code", r.Attempt.StatusCode),
		slog.String("reason", string(r.Attempt.Reason)),
		slog.Int64("ms", r.Attempt.Timings.Total.Milliseconds()),
		slog.String("status", string(r.Status)),
	}
	n := 8
	if !r.DueAt.IsZero() {
		attrs[n] = slog.Time("next", r.DueAt.UTC())
		n++
	}
	if r.Delivery.Test() {
		attrs[n] = slog.Bool("test", true)
		n++
	}
	d.o.Logger.LogAttrs(ctx, level, "delivery.attempted", attrs[:n]...)
}

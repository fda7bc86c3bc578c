package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// RetrierOptions are what a [Retrier] needs. Queue, Directory, Dispatcher, Logger and Now are required.
type RetrierOptions struct {
	Queue      Queue
	Directory  Directory
	Dispatcher *Dispatcher
	Logger     *slog.Logger

	// Spec is when to sweep, for robfig/cron: five fields, a descriptor such as @hourly, or @every with a duration of whole seconds.
	// Default: "@every 1s".
	Spec string
	// SilentFor is how long an instance may be silent before it is declared dead. It must be longer than the dispatcher's HoldAfter,
	// so that an instance stops sending before others take over. Default: 10 s.
	SilentFor time.Duration
	// SweepTimeout bounds one sweep. Default: 30 s. Failure policy: what is left is done by the next sweep.
	SweepTimeout time.Duration
	// Auditor finds deliveries that this instance owns without knowing it. Optional: without it they wait for the instance's end.
	Auditor Auditor

	Now func() time.Time // required
}

// Retrier sweeps for work that time has brought: retries that are due, instances that died, subscriptions that were stopped. The
// schedule only calls Sweep; everything it does is in sweep.go.
type Retrier struct {
	o        RetrierOptions
	schedule *Schedule
	audit    audit

	// reviewed is the revision that the lanes follow. Sweeps don't overlap, so it needs no lock.
	reviewed int64
	tidied   time.Time // when the endpoints' conditions were last tidied
}

// NewRetrier checks the options and makes a retrier.
func NewRetrier(o RetrierOptions) (*Retrier, error) {
	o.Spec = cmp.Or(o.Spec, "@every 1s")
	o.SilentFor = cmp.Or(o.SilentFor, 10*time.Second)
	o.SweepTimeout = cmp.Or(o.SweepTimeout, 30*time.Second)
	switch {
	case o.Queue == nil || o.Directory == nil || o.Dispatcher == nil || o.Logger == nil || o.Now == nil:
		return nil, errors.New("retrier: queue, directory, dispatcher, logger and clock are required")
	case o.SilentFor <= o.Dispatcher.o.HoldAfter:
		return nil, fmt.Errorf("retrier: silence of %s must be longer than the %s after which an instance holds", o.SilentFor, o.Dispatcher.o.HoldAfter)
	case o.SweepTimeout < 0:
		return nil, errors.New("retrier: the sweep's timeout is negative")
	}
	r := &Retrier{o: o}
	var err error
	if r.schedule, err = NewSchedule(o.Spec, o.Now(), o.Logger, r.tick); err != nil {
		return nil, err
	}
	return r, nil
}

// Start begins to sweep at the times of the spec.
func (r *Retrier) Start(ctx context.Context) { r.schedule.Start(ctx) }

// Stop ends the sweeping and waits for a sweep that runs, which it cuts off when ctx ends. It may be called again, and before Start.
func (r *Retrier) Stop(ctx context.Context) error { return r.schedule.Stop(ctx) }

// tick is the schedule's job.
func (r *Retrier) tick(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.o.SweepTimeout)
	defer cancel()
	if err := r.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
		r.o.Logger.Warn("delivery.sweep", "error", err)
	}
}

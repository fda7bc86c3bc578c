package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
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

// Retrier sweeps for work that time has brought: retries that are due, instances that died, subscriptions that were stopped. robfig/cron
// only calls Sweep; everything it does is in sweep.go.
type Retrier struct {
	o     RetrierOptions
	cron  *cron.Cron
	audit audit

	// reviewed is the revision that the lanes follow. Sweeps don't overlap, so it needs no lock.
	reviewed int64

	mu      sync.Mutex
	started bool
	ctx     context.Context //nolint:containedctx // the service's own run context, for sweeps that cron starts
	cancel  context.CancelFunc
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
	schedule, err := parseSpec(o.Spec, o.Now())
	if err != nil {
		return nil, err
	}
	r := &Retrier{o: o, cron: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cronLog{o.Logger}))}
	r.cron.Schedule(schedule, guarded(cronLog{o.Logger}, cron.FuncJob(r.tick)))
	return r, nil
}

// Start begins to sweep at the times of the spec.
func (r *Retrier) Start(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started {
		return
	}
	r.started = true
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx)) // Stop ends it, not the signal that leads to Stop
	r.cron.Start()
}

// Stop ends the sweeping and waits for a sweep that runs, which it cuts off when ctx ends. It may be called again, and before Start.
func (r *Retrier) Stop(ctx context.Context) error {
	r.mu.Lock()
	started, cancel := r.started, r.cancel
	r.mu.Unlock()
	if !started {
		return nil
	}
	idle := r.cron.Stop()
	defer cancel()
	select {
	case <-idle.Done():
		return nil
	case <-ctx.Done():
		cancel()
		<-idle.Done()
		return ctx.Err()
	}
}

// tick is cron's job.
func (r *Retrier) tick() {
	r.mu.Lock()
	ctx := r.ctx
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, r.o.SweepTimeout)
	defer cancel()
	if err := r.Sweep(ctx); err != nil && !errors.Is(err, context.Canceled) {
		r.o.Logger.Warn("delivery.sweep", "error", err)
	}
}

// guarded keeps a job from overlapping itself and from ending the process. The order matters: Recover is innermost, because
// SkipIfStillRunning of cron v3.0.1 gives its token back without defer (chain.go) and a panic that passed through it would stop the job
// for ever.
func guarded(logger cron.Logger, job cron.Job) cron.Job {
	return cron.NewChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)).Then(job)
}

// parseSpec reads a cron spec and refuses what the library accepts but does not mean: a time zone without a schedule, on which it panics
// (robfig/cron issue 554); intervals that it would round to whole seconds; and schedules that never come.
func parseSpec(spec string, now time.Time) (cron.Schedule, error) {
	spec = strings.TrimSpace(spec)
	for _, zone := range [...]string{"TZ=", "CRON_TZ="} {
		if rest, ok := strings.CutPrefix(spec, zone); ok && !strings.Contains(rest, " ") {
			return nil, fmt.Errorf("cron spec %q: a schedule must follow the time zone", spec)
		}
	}
	if _, every, ok := strings.Cut(spec, "@every "); ok {
		interval, err := time.ParseDuration(strings.TrimSpace(every))
		if err == nil && (interval < time.Second || interval%time.Second != 0) {
			return nil, fmt.Errorf("cron spec %q: the interval must be whole seconds, at least 1s", spec)
		}
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("cron spec %q: %w", spec, err)
	}
	if schedule.Next(now).IsZero() {
		return nil, fmt.Errorf("cron spec %q: it never comes", spec)
	}
	return schedule, nil
}

// cronLog hands the library's messages to slog. Its chatter about every wake-up is left out.
type cronLog struct{ logger *slog.Logger }

// Info is called for every scheduling step, once a second, and says nothing that an operator needs.
func (cronLog) Info(string, ...any) {}

// Error is called for panics of the job.
func (l cronLog) Error(err error, msg string, keysAndValues ...any) {
	l.logger.Error("delivery.sweep", append([]any{"error", err, "message", msg}, keysAndValues...)...)
}

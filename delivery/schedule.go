package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule runs one job at the times of a cron spec: never beside itself, and again after a panic. It is what is used of robfig/cron,
// with the library's traps closed, for the retrier and for the upkeep that cmd does.
type Schedule struct {
	cron *cron.Cron

	mu      sync.Mutex
	started bool
	ctx     context.Context //nolint:containedctx // the service's own run context, for jobs that cron starts
	cancel  context.CancelFunc
}

// NewSchedule makes a schedule by a spec for robfig/cron: five fields, a descriptor such as @hourly, or @every with a duration of whole
// seconds. An error says what is wrong with the spec.
func NewSchedule(spec string, now time.Time, logger *slog.Logger, job func(context.Context)) (*Schedule, error) {
	if logger == nil || job == nil {
		return nil, errors.New("schedule: logger and job are required")
	}
	times, err := parseSpec(spec, now)
	if err != nil {
		return nil, err
	}
	s := &Schedule{cron: cron.New(cron.WithLocation(time.UTC), cron.WithLogger(cronLog{logger}))}
	s.cron.Schedule(times, guarded(cronLog{logger}, cron.FuncJob(func() {
		s.mu.Lock()
		ctx := s.ctx
		s.mu.Unlock()
		job(ctx)
	})))
	return s, nil
}

// Start begins to run the job at the times of the spec.
func (s *Schedule) Start(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started {
		return
	}
	s.started = true
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx)) // Stop ends it, not the signal that leads to Stop
	s.cron.Start()
}

// Stop ends the schedule and waits for a job that runs, which it cuts off when ctx ends. It may be called again, and before Start.
func (s *Schedule) Stop(ctx context.Context) error {
	s.mu.Lock()
	started, cancel := s.started, s.cancel
	s.mu.Unlock()
	if !started {
		return nil
	}
	idle := s.cron.Stop()
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
	l.logger.Error("schedule.job", append([]any{"error", err, "message", msg}, keysAndValues...)...)
}

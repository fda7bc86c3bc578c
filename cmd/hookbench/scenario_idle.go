package main

import (
	"context"
	"errors"
	"time"
)

// measureIdle looks at a system that has work behind it and none before it.
func measureIdle(ctx context.Context, b *bench, dialect string) (reading, error) {
	s, err := b.setUp(ctx, dialect, setup{events: warmUp, paths: 1})
	if err != nil {
		return nil, err
	}
	r, err := s.idle(ctx, b.sizes.idle)
	return r, errors.Join(err, s.close(ctx))
}

func (s *system) idle(ctx context.Context, span time.Duration) (reading, error) {
	warm, err := s.try(ctx, stream{events: warmUp, publishers: 1})
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, span/10); err != nil { // what the start and the work left to do
		return nil, err
	}
	before, counted, err := s.statements(ctx)
	if err != nil {
		return nil, err
	}
	u := s.usage()
	err = pause(ctx, span)
	u.stop()
	if err != nil {
		return nil, err
	}
	after, _, err := s.statements(ctx)
	r := reading{
		"cpu_percent": 100 * u.total().Seconds() / u.took.Seconds(), "rss_mib": u.peakMiB("router"),
		lost: float64(warm.arrivals.missing), duplicates: float64(warm.arrivals.duplicate),
	}
	if counted {
		r["statements_per_s"] = float64(after-before) / u.took.Seconds()
	}
	return r, err
}

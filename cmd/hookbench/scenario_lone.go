package main

import (
	"context"
	"errors"
	"time"
)

// apart is how far apart lone events are: longer than anything waits for company.
const apart = 100 * time.Millisecond

// measureLone counts the statements around one event at a time. What runs in the background falls into some of these spans, and the
// median leaves it out.
func measureLone(ctx context.Context, b *bench, dialect string) (reading, error) {
	s, err := b.setUp(ctx, dialect, setup{events: b.sizes.lone + warmUp, paths: 1})
	if err != nil {
		return nil, err
	}
	r, err := s.lone(ctx, b.sizes.lone)
	return r, errors.Join(err, s.close(ctx))
}

func (s *system) lone(ctx context.Context, events int) (reading, error) {
	warm, err := s.try(ctx, stream{events: warmUp, publishers: 1})
	if err != nil {
		return nil, err
	}
	r := reading{lost: float64(warm.arrivals.missing), duplicates: float64(warm.arrivals.duplicate)}
	counts := []float64{}
	for i := range events {
		before, counted, err := s.statements(ctx)
		if err != nil {
			return nil, err
		}
		o := stream{from: warmUp + i, events: 1, publishers: 1}
		l, err := publish(ctx, s.program, o)
		if err == nil {
			err = s.in.wait(ctx, warmUp+i+1, drain)
		}
		if err == nil {
			err = pause(ctx, apart)
		}
		if err != nil {
			return nil, err
		}
		after, _, err := s.statements(ctx)
		if err != nil {
			return nil, err
		}
		if counted {
			counts = append(counts, float64(after-before))
		}
		got := s.in.summary(o.from, o.events, l.expects(o))
		r[lost] += float64(got.missing)
		r[duplicates] += float64(got.duplicate)
	}
	if len(counts) > 0 {
		r["statements"] = median(counts)
	}
	return r, nil
}

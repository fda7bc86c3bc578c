package main

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Events go round so many endpoints, each to one of them. Of ten endpoints three answer 500, one hangs and six are healthy.
const (
	endpoints     = 100
	isolationRate = 500
)

func failing(path int) bool { return path%10 < 3 }
func hanging(path int) bool { return path%10 == 3 }
func healthy(path int) bool { return !failing(path) && !hanging(path) }

// measureIsolation takes the delay of the healthy endpoints on one system, first while all are healthy and then while some are not. Then,
// on another system, while all are healthy and get as many calls as all got while some were not: what is the same there is the price of
// the calls, and what is not is what bad receivers do to good ones.
func measureIsolation(ctx context.Context, b *bench, dialect string) (reading, error) {
	events := int(b.sizes.isolation.Seconds() * isolationRate)
	o := stream{events: events, publishers: b.sizes.publishers, rate: isolationRate, payload: payload, entities: endpoints}
	s, err := b.setUpIsolation(ctx, dialect, 2*events+warmUp)
	if err != nil {
		return nil, err
	}
	r, err := s.isolation(ctx, o)
	if err := errors.Join(err, s.close(ctx)); err != nil {
		return nil, err
	}
	o.rate = r["calls_with_per_s"]
	o.events = int(b.sizes.isolation.Seconds() * o.rate)
	if s, err = b.setUpIsolation(ctx, dialect, o.events+warmUp); err != nil {
		return nil, err
	}
	t, err := s.tryWarm(ctx, o)
	r["p99_equal_ms"] = quantiles(t.arrivals.delays)["p99"]
	r["equal_ratio"] = r["p99_with_ms"] / r["p99_equal_ms"]
	r[lost] += float64(t.arrivals.missing)
	r[duplicates] += float64(t.arrivals.duplicate)
	return r, errors.Join(err, s.close(ctx))
}

func (b *bench) setUpIsolation(ctx context.Context, dialect string, events int) (*system, error) {
	return b.setUp(ctx, dialect, setup{
		events: events, paths: endpoints, subscribers: map[string]any{"entity_key": eachPath},
		// Retries soon, so that those of the failing come while the healthy are measured.
		settings: []string{"HOOKROUTER_RETRY_SCHEDULE=1s,2s,4s,8s,1m"},
	})
}

func (s *system) isolation(ctx context.Context, o stream) (reading, error) {
	without, err := s.tryWarm(ctx, o)
	if err != nil {
		return nil, err
	}
	s.in.behave(func(ctx context.Context, path int) int {
		switch {
		case failing(path):
			return http.StatusInternalServerError
		case hanging(path):
			_ = pause(ctx, time.Minute) // the caller gives up earlier
		}
		return http.StatusOK
	})
	o.from = warmUp + o.events
	cost := s.usage()
	defer cost.stop()
	l, err := publish(ctx, s.program, o)
	if err != nil {
		return nil, err
	}
	cost.stop()
	calls := s.calls(o.from, o.events)
	expected := l.expects(o)
	ofHealthy := func(event, path int) bool { return healthy(path) && expected(event, path) }
	var with arrivals
	if err := until(ctx, drain, seldom, func() bool {
		with = s.in.summary(o.from, o.events, ofHealthy)
		return with.missing == 0
	}); err != nil {
		return nil, err
	}
	before := quantiles(s.in.summary(warmUp, o.events, func(event, path int) bool { return healthy(path) && (event-warmUp)%endpoints == path }).delays)
	after := quantiles(with.delays)
	return reading{
		"ratio": after["p99"] / before["p99"], "p99_without_ms": before["p99"], "p99_with_ms": after["p99"],
		"calls_with_per_s": float64(calls) / l.took.Seconds(),
		"cpu_without":      without.usage.total().Seconds() / without.usage.took.Seconds(), "cpu_with": cost.total().Seconds() / cost.took.Seconds(),
		lost: float64(without.arrivals.missing + with.missing), duplicates: float64(without.arrivals.duplicate + s.again(o.from, o.events)),
	}, nil
}

// calls counts all that arrived of some events, also again.
func (s *system) calls(from, events int) int {
	sum := 0
	for i := from * s.in.paths; i < (from+events)*s.in.paths; i++ {
		sum += int(s.in.counts[i].Load())
	}
	return sum
}

// again counts what healthy endpoints got more than once.
func (s *system) again(from, events int) int {
	extra := 0
	for event := from; event < from+events; event++ {
		for path := range s.in.paths {
			if healthy(path) {
				extra += max(0, int(s.in.counts[event*s.in.paths+path].Load())-1)
			}
		}
	}
	return extra
}

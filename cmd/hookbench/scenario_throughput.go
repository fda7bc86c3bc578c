package main

import (
	"context"
	"errors"
)

// payload is the padding in bytes that makes an event about 400 bytes.
const payload = 256

// measureFanOut publishes as fast as answers come, to so many subscriptions.
func measureFanOut(paths int) func(context.Context, *bench, string) (reading, error) {
	return func(ctx context.Context, b *bench, dialect string) (reading, error) {
		t, err := b.saturate(ctx, dialect, paths, nil)
		return t.reading(), err
	}
}

// saturate measures a closed loop on a new system.
func (b *bench) saturate(ctx context.Context, dialect string, paths int, c *content) (trial, error) {
	events := b.sizes.events1
	if paths > 1 {
		events = b.sizes.events10
	}
	bare, err := yardstick(ctx, b.sizes.publishers, b.sizes.yardstick)
	if err != nil {
		return trial{}, err
	}
	s, err := b.setUp(ctx, dialect, setup{events: events + warmUp, paths: paths, content: c})
	if err != nil {
		return trial{}, err
	}
	t, err := s.tryWarm(ctx, stream{events: events, publishers: b.sizes.publishers, payload: payload})
	t.yardstick = bare
	return t, errors.Join(err, s.close(ctx))
}

// reading is what all scenarios that publish and deliver have in common.
func (t trial) reading() reading {
	if t.usage == nil {
		return nil
	}
	f := t.figures()
	r := reading{
		"events_per_s": f.EventsPerSec, "deliveries_per_s": f.DeliveriesPerS, "cpu_per_1000": f.CPUPer1000,
		"p50_ms": f.DelayMS["p50"], "p99_ms": f.DelayMS["p99"], "rss_mib": f.PeakRSS["router"],
		refused: float64(f.Refused), lost: float64(f.Missing), duplicates: float64(f.Duplicates),
	}
	if t.counted {
		r["statements_per_event"] = float64(t.statements) / float64(f.Accepted)
	}
	if t.yardstick > 0 {
		r[string(barePosts)] = t.yardstick
	}
	return r
}

// measureStrangers compares a closed loop with the same beside subscriptions of the organization that do not match, one after the
// other on fresh databases, so that neither finds more rows than the other.
func measureStrangers(ctx context.Context, b *bench, dialect string) (reading, error) {
	without, err := b.saturate(ctx, dialect, 1, nil)
	if err != nil {
		return nil, err
	}
	with, err := b.saturate(ctx, dialect, 1, strangers(b.sizes.strangers))
	if err != nil {
		return nil, err
	}
	w, wo := with.reading(), without.reading()
	return reading{
		"events_ratio":   w["events_per_s"] / wo["events_per_s"],
		"cpu_ratio":      w["cpu_per_1000"] / wo["cpu_per_1000"],
		"events_without": wo["events_per_s"],
		lost:             w[lost] + wo[lost],
		duplicates:       w[duplicates] + wo[duplicates],
	}, nil
}

// measureMemory is the router's memory while it has many subscriptions and as much to do as it can take, ten deliveries an event.
func measureMemory(ctx context.Context, b *bench, dialect string) (reading, error) {
	t, err := b.saturate(ctx, dialect, 10, strangers(b.sizes.loaded))
	return t.reading(), err
}

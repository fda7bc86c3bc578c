package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// pace is how many events per second come when the delay is measured: far below what the system can take.
const pace = 300

// measureDelay publishes on a schedule and reads how long after its due time each event arrives, and how long that takes without a router.
func measureDelay(ctx context.Context, b *bench, dialect string) (reading, error) {
	events := b.sizes.paced
	paced := stream{events: events, publishers: b.sizes.publishers, rate: pace, payload: payload}
	bare, err := new(bareServer).delayYardstick(ctx, paced)
	if err != nil {
		return nil, err
	}
	synced, err := b.diskYardstick(ctx, paced)
	if err != nil {
		return nil, err
	}
	s, err := b.setUp(ctx, dialect, setup{events: events + warmUp, paths: 1})
	if err != nil {
		return nil, err
	}
	t, err := s.tryWarm(ctx, paced)
	if err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	r := t.reading()
	r[string(bareDelay)] = quantiles(bare)["p50"]
	r["synced_p50_ms"], r[string(syncedDelay)] = quantiles(synced)["p50"], quantiles(synced)["p99"]
	r["sent_p50_ms"] = quantiles(t.sinceSent(s.in))["p50"]
	return r, s.close(ctx)
}

// sinceSent lists, sorted, how long after it was sent each event of a stream arrived. A publisher sleeps until an event is due, and wakes up to
// a millisecond late, because that is what the Go runtime counts sleep in while it has nothing else to do.
func (t trial) sinceSent(in *receiver) []time.Duration {
	var list []time.Duration
	for _, a := range in.arrived() {
		if n := a.event - t.stream.from; n >= 0 && n < len(t.load.late) {
			list = append(list, a.delay-t.load.late[n])
		}
	}
	slices.Sort(list)
	return list
}

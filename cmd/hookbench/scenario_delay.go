package main

import (
	"context"
	"errors"
	"time"
)

// pace is how many events per second come when the delay is measured: far below what the system can take.
const pace = 300

// measureDelay publishes on a schedule and reads how long after its due time each event arrives, and how long that takes without a router.
func measureDelay(ctx context.Context, b *bench, dialect string) (reading, error) {
	events := b.sizes.paced
	paced := stream{events: events, publishers: b.sizes.publishers, rate: pace, payload: payload}
	bare, err := delayYardstick(ctx, paced)
	if err != nil {
		return nil, err
	}
	s, err := b.setUp(ctx, dialect, setup{events: events + warmUp, paths: 1})
	if err != nil {
		return nil, err
	}
	t, err := s.tryWarm(ctx, paced)
	r := t.reading()
	r[string(bareDelay)] = float64(bare) / float64(time.Millisecond)
	return r, errors.Join(err, s.close(ctx))
}

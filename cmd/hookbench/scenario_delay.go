package main

import (
	"context"
	"errors"
)

// pace is how many events per second come when the delay is measured: far below what the system can take.
const pace = 300

// measureDelay publishes on a schedule and reads how long after its due time each event arrives.
func measureDelay(ctx context.Context, b *bench, dialect string) (reading, error) {
	events := b.sizes.paced
	s, err := b.setUp(ctx, dialect, setup{events: events + warmUp, paths: 1})
	if err != nil {
		return nil, err
	}
	t, err := s.tryWarm(ctx, stream{events: events, publishers: b.sizes.publishers, rate: pace, payload: payload})
	return t.reading(), errors.Join(err, s.close(ctx))
}

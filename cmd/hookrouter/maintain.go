package main

import (
	"context"
	"time"
)

// maintainEvery is how often the coming days' partitions are looked after. They are made a week ahead, so the database may be away for
// days before one is missing; and then the default partition takes its rows.
const maintainEvery = time.Hour

// partitionsAhead is how far ahead partitions are made.
const partitionsAhead = 7 * 24 * time.Hour

// maintain keeps partitions ahead of time until ctx ends. Any number of instances may do so at once.
func (s *server) maintain(ctx context.Context) {
	tick := time.NewTicker(maintainEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		if err := s.db.EnsurePartitions(ctx, now, now.Add(partitionsAhead)); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "partitions.late", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

package main

import (
	"context"
	"errors"
	"time"

	"hookrouter/delivery"
	"hookrouter/models"
	"hookrouter/store"
)

// partitionsAhead is how far ahead partitions are made. The database may be away for days before one is missing, and then the default
// partition takes its rows.
const partitionsAhead = 7 * 24 * time.Hour

// maintain is the upkeep of the database: partitions ahead of time, looks at the queue kept short, and retention.
// Every instance does it, and of those that come at the same time one at a time. Failure policy: what fails is logged and tried again
// the next time, because nothing of it is urgent.
func (s *server) maintain(ctx context.Context) {
	now := time.Now()
	warn := func(part string, err error) {
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "maintenance.late", "part", part, "error", err)
		}
	}
	warn("partitions", s.db.EnsurePartitions(ctx, now, now.Add(partitionsAhead)))
	warn("floor", s.db.RaiseFloor(ctx, now))
	_, err := s.db.ExpireInboxes(ctx, now)
	warn("inboxes", err)
	_, err = s.db.ExpireSessions(ctx, now.Add(-models.EndedSessionsKept))
	warn("sessions", err)
	done, err := s.db.Expire(ctx, now, store.Retention{
		Events: s.config.RetentionEvents, Deliveries: s.config.RetentionDeliveries, Payloads: s.config.RetentionPayloads,
		Audit: s.config.RetentionAudit, Stats: s.config.RetentionStats,
	})
	warn("retention", err)
	if len(done.Kept) > 0 {
		s.log.InfoContext(ctx, "retention.kept", "partitions", done.Kept)
	}
	if len(done.Days) > 0 || done.Events+done.Deliveries+done.Attempts+done.Keys+done.Payloads+done.Audit+done.StatHours > 0 {
		s.log.InfoContext(ctx, "retention.done", "partitions", done.Days, "moved", done.Moved, "events", done.Events,
			"deliveries", done.Deliveries, "attempts", done.Attempts, "keys", done.Keys, "payloads", done.Payloads, "audit", done.Audit, "stat_hours", done.StatHours,
			"took", time.Since(now).String())
	}
}

// foldEvery is the spec of when the ledger and the statistics are folded: at full load an instance writes some 200 entries of each a second, and
// each look at them sums them up. The same run removes secrets whose rotation is over.
const foldEvery = "@every 1m"

// foldSoon is the spec of the looks whether this instance has recorded so much since that the statistics are folded before their time.
const (
	foldSoon = "@every 5s"
	foldMany = 5000 // outcomes
)

// foldStats folds the statistics where there is much to fold: with thousands of subscriptions each outcome is an entry of its own, and a page that
// shows statistics adds them up.
func (s *server) foldStats(ctx context.Context) { s.foldBeyond(ctx, foldMany) }

func (s *server) foldBeyond(ctx context.Context, many int) {
	if s.db.UnfoldedStats() < many {
		return
	}
	if _, err := s.db.FoldStats(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "stats.late", "error", err)
	}
}

// removalTime is for how long each run works on each entity that is being removed. The rest is left to the next run.
const removalTime = 20 * time.Second

// fold is what is done every minute: the ledger, the statistics, and entities that are being removed.
func (s *server) fold(ctx context.Context) {
	if done, err := s.db.FinishRotations(ctx, time.Now()); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "rotations.late", "error", err)
	} else if done > 0 {
		s.log.InfoContext(ctx, "rotations.finished", "subscriptions", done)
	}
	if err := s.db.FoldLedger(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "ledger.late", "error", err)
	}
	if _, err := s.db.FoldStats(ctx); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "stats.late", "error", err)
	}
	removed, err := s.db.RemoveEntities(ctx, time.Now(), removalTime)
	if err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "entities.late", "error", err)
	}
	if removed > 0 {
		s.log.InfoContext(ctx, "entities.removed", "events", removed)
	}
}

// stopMaintenance cuts the upkeep off where it is: all of it goes on from there another time.
func (s *server) stopMaintenance(ctx context.Context) error {
	at, cancel := context.WithCancel(ctx)
	cancel()
	var errs []error
	for _, schedule := range []*delivery.Schedule{s.upkeep, s.folding, s.tallying, s.resending} {
		if err := schedule.Stop(at); err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// vitalsSQL costs a look into the head of the index of what is due, in each partition from the floor on, and a few rows of small tables.
const vitalsSQL = `
SELECT (SELECT due_at FROM deliveries WHERE due_at > 0 AND owner = 0 AND due_at <= @now AND @since ORDER BY due_at LIMIT 1) AS oldest_due,
  (SELECT count(*) FROM instances WHERE NOT dead AND heartbeat_at > @silent) AS instances,
  (SELECT count(*) FROM subscriptions WHERE suspended_at > 0) AS suspended,
  @clock AS clock, `

// What only Postgres has: the days after today for which all partitioned tables have their partitions, and the statistics of vacuum.
const (
	postgresVitalsSQL = vitalsSQL + `
  (SELECT min(days) FROM (
     SELECT (SELECT count(*) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = parent::regclass AND c.relname ~ '_[0-9]{8}$' AND right(c.relname, 8) > @today) AS days
     FROM unnest(ARRAY['events', 'deliveries', 'attempts']) AS parent) AS ahead) AS partitions_ahead,
  (SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables WHERE relname LIKE 'deliveries\_%') AS dead_rows`
	sqliteVitalsSQL = vitalsSQL + "-1 AS partitions_ahead, -1 AS dead_rows"
)

// Vitals reads what an operator watches, by one statement that does not depend on how much is stored.
func (s *Store) Vitals(ctx context.Context, now time.Time) (models.Vitals, error) {
	var row struct {
		OldestDue       int64
		Instances       int
		Suspended       int
		Clock           int64
		PartitionsAhead int
		DeadRows        int64
	}
	query := postgresVitalsSQL
	if s.dialect.name() == "sqlite" {
		query = sqliteVitalsSQL
	}
	err := s.reader(ctx).Raw(query, map[string]any{
		"now": ms(now), "since": s.dialect.since(s.floor()), "silent": s.before(now, models.LiveFor), "clock": s.dialect.clock(now),
		"today": now.UTC().Format("20060102"),
	}).Scan(&row).Error
	if err != nil {
		return models.Vitals{}, wrap("read the vitals", err)
	}
	return models.Vitals{
		OldestDue: instant(row.OldestDue), Instances: row.Instances, Suspended: row.Suspended, PartitionsAhead: row.PartitionsAhead, DeadRows: row.DeadRows,
		Clock: instant(row.Clock),
	}, nil
}

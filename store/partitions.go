package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"hookrouter/models"
)

// partitionLock is the advisory lock under which partitions are made.
const partitionLock int64 = 0x686f6f6b_72706172

// insertOnly are the settings of partitions whose rows are inserted and left alone until retention empties or drops them. A vacuum comes
// past each part soon after it was written, when it has grown by a twentieth, and freezes it at once. That costs no more time than
// a vacuum that does not (0.4 s for 500,000 rows). Without it the whole day would be read and written once more when its
// transactions are 200 million old, which is after some days of load, by a vacuum that does not give way to anybody.
const insertOnly = "WITH (autovacuum_freeze_min_age = 0, autovacuum_vacuum_insert_scale_factor = 0.05, " +
	"toast.autovacuum_freeze_min_age = 0, toast.autovacuum_vacuum_insert_scale_factor = 0.05)"

// partitioned names each partitioned table, its partition column and the settings of its partitions, which Postgres does not
// inherit; the first migration explains those of deliveries, which are frozen by the same reasoning.
var partitioned = [...]struct{ table, column, settings string }{
	{"events", "ref", insertOnly},
	{"deliveries", "id", "WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_freeze_min_age = 0)"},
	{"attempts", "delivery_id", insertOnly},
}

// How hard one partition is tried for. Failure policy: attaching waits for the statements that use the table, and all later ones wait
// behind it, so it gives up after lockTimeout and lets them pass before it tries again. What can't be made now is made by a later call;
// until then its rows go to the default partition.
const (
	partitionTries = 5
	partitionPause = 100 * time.Millisecond
	lockTimeout    = "SET LOCAL lock_timeout = '2s'"
)

// partition is one to be made.
type partition struct {
	table, column, settings, name string
	day                           time.Time
}

// ensurePartitions makes each partition in a transaction of its own: one that held the locks of several tables would meet claims,
// which take them in another order, in a deadlock.
func (postgresDialect) ensurePartitions(ctx context.Context, s *Store, from, to time.Time) error {
	var names []string
	err := s.writer(ctx).Raw("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid").Scan(&names).Error
	if err != nil {
		return err
	}
	var errs []error
	for day := from.UTC().Truncate(24 * time.Hour); !day.After(to); day = day.AddDate(0, 0, 1) {
		for _, t := range partitioned {
			p := partition{t.table, t.column, t.settings, t.table + day.Format("_20060102"), day}
			if slices.Contains(names, p.name) {
				continue
			}
			if err := s.ensurePartition(ctx, p); err != nil {
				errs = append(errs, fmt.Errorf("day %s of %s: %w", day.Format(time.DateOnly), p.table, err))
			}
			if ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}

func (s *Store) ensurePartition(ctx context.Context, p partition) error {
	for try := 1; ; try++ {
		err := s.tx(ctx, func(tx *gorm.DB) error {
			// Whoever has this lock gives up its own after a while, so there is no limit to the wait for it.
			if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", partitionLock).Error; err != nil {
				return err
			}
			var made bool // by another instance, meanwhile
			err := tx.Raw("SELECT EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname = ?)", p.name).
				Scan(&made).Error
			if err != nil || made {
				return err
			}
			if err := tx.Exec(lockTimeout).Error; err != nil {
				return err
			}
			return makePartition(tx, p)
		})
		if !isLocked(err) || try == partitionTries {
			return err
		}
		if pauseFor(ctx, time.Duration(try)*partitionPause) != nil {
			return err
		}
	}
}

// isLocked tells that others were at the table.
func isLocked(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (e.Code == pgLockNotAvailable || e.Code == pgDeadlock)
}

// makePartition makes a table like its parent and attaches it, which takes a weaker lock on the parent than creating it as a
// partition. Rows of that day which went to the default partition, because the day had not been made in time, are moved first:
// Postgres refuses to attach while the default holds any. The default is locked before anything else, as attaching would do in the
// end: so none come in after the look, and there is nothing that others who wait for it could hold up.
func makePartition(tx *gorm.DB, p partition) error {
	table, column, name := p.table, p.column, p.name
	low, high := models.FloorID(p.day), models.FloorID(p.day.AddDate(0, 0, 1))
	statements := []string{
		fmt.Sprintf(`CREATE TABLE "%s" (LIKE "%s" INCLUDING ALL) %s`, name, table, p.settings),
	}
	if err := tx.Exec(fmt.Sprintf(`LOCK TABLE "%s_default" IN ACCESS EXCLUSIVE MODE`, table)).Error; err != nil {
		return err
	}
	var late bool
	err := tx.Raw(fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM "%s_default" WHERE %s >= ? AND %s < ?)`, table, column, column),
		uid(low), uid(high)).Scan(&late).Error
	if err != nil {
		return err
	}
	if late {
		statements = append(statements,
			fmt.Sprintf(`WITH late AS (DELETE FROM "%s_default" WHERE %s >= '%s' AND %s < '%s' RETURNING *) INSERT INTO "%s" SELECT * FROM late`,
				table, column, low, column, high, name))
	}
	statements = append(statements,
		fmt.Sprintf(`ALTER TABLE "%s" ATTACH PARTITION "%s" FOR VALUES FROM ('%s') TO ('%s')`, table, name, low, high))
	for _, statement := range statements {
		if err := tx.Exec(statement).Error; err != nil {
			return err
		}
	}
	return nil
}

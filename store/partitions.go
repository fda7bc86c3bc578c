package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// partitionLock is the advisory lock under which partitions are made.
const partitionLock int64 = 0x686f6f6b_72706172

// partitioned names each partitioned table, its partition column and the settings of its partitions, which Postgres does not
// inherit; the first migration says why.
var partitioned = [...]struct{ table, column, settings string }{
	{"events", "ref", ""},
	{"deliveries", "id", "WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0)"},
	{"attempts", "delivery_id", ""},
}

func (postgresDialect) ensurePartitions(ctx context.Context, s *Store, from, to time.Time) error {
	day := from.UTC().Truncate(24 * time.Hour)
	return s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec("SELECT pg_advisory_xact_lock(?)", partitionLock).Error; err != nil {
			return err
		}
		var names []string
		if err := tx.Raw("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid").Scan(&names).Error; err != nil {
			return err
		}
		exists := make(map[string]bool, len(names))
		for _, n := range names {
			exists[n] = true
		}
		for ; !day.After(to); day = day.AddDate(0, 0, 1) {
			for _, p := range partitioned {
				name := p.table + day.Format("_20060102")
				if exists[name] {
					continue
				}
				if err := makePartition(tx, p.table, p.column, p.settings, name, day); err != nil {
					return fmt.Errorf("day %s of %s: %w", day.Format(time.DateOnly), p.table, err)
				}
			}
		}
		return nil
	})
}

// makePartition makes a table like its parent and attaches it, which takes a weaker lock on the parent than creating it as a
// partition. Rows of that day which went to the default partition, because the day had not been made in time, are moved first:
// Postgres refuses to attach while the default holds any.
func makePartition(tx *gorm.DB, table, column, settings, name string, day time.Time) error {
	low, high := models.FloorID(day), models.FloorID(day.AddDate(0, 0, 1))
	statements := []string{
		fmt.Sprintf(`CREATE TABLE "%s" (LIKE "%s" INCLUDING ALL) %s`, name, table, settings),
	}
	var late bool
	err := tx.Raw(fmt.Sprintf(`SELECT EXISTS (SELECT 1 FROM "%s_default" WHERE %s >= ? AND %s < ?)`, table, column, column),
		uid(low), uid(high)).Scan(&late).Error
	if err != nil {
		return err
	}
	if late {
		statements = append(statements,
			fmt.Sprintf(`LOCK TABLE "%s_default" IN ACCESS EXCLUSIVE MODE`, table),
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

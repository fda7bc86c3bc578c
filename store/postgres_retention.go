package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"hookrouter/models"
)

// Postgres drops a day of a table whole. It takes two transactions: the first detaches the partition and moves what live deliveries
// need of it to the default partition, under a lock that keeps all others from the table and therefore for milliseconds only; the
// second drops what was detached, which takes longer and keeps nobody. A crash in between leaves a detached table, known by its name,
// that the next run drops. DETACH … CONCURRENTLY, which needs no such lock, is refused where there is a default partition.

// detachedSuffix marks a table that retention has detached. A table that an operator has detached keeps its name and is left alone.
const detachedSuffix = "_expired"

// maxMoved is how many rows are moved out of a day that is dropped. Failure policy: a day with more of live deliveries stays whole,
// because moving many rows would take the table's lock for long.
const maxMoved = 500

// How hard a day is tried for. Failure policy: while this waits for the lock of a table, all statements that come later wait behind it,
// so it waits for no longer than a slow commit takes, lets the others pass, and comes back. A list or a dump that holds the table for
// longer makes it give up; the next run tries again.
const (
	detachTries = 20
	detachPause = 50 * time.Millisecond
	tableLock   = "SET LOCAL lock_timeout = '50ms'"
	// dayLock is for the partition alone, which nearly nobody wants. It is longer than deadlock_timeout is as a rule, because only then
	// does an autovacuum that is at work there give way.
	dayLock = "SET LOCAL lock_timeout = '3s'"
	// detachTime bounds everything that is done under the table's lock.
	detachTime = "SET LOCAL statement_timeout = '500ms'"
)

// loose is the suffix of the partitions whose rows go one by one.
func (postgresDialect) loose() string { return "_default" }

func (postgresDialect) tryAlone(tx *gorm.DB) (bool, error) {
	var alone bool
	err := tx.Raw("SELECT pg_try_advisory_xact_lock(?)", partitionLock).Scan(&alone).Error
	return alone, err
}

// oldDay is a partition that is past its time.
type oldDay struct {
	table string
	day   time.Time
	// liveRows selects what live deliveries need of the detached table.
	liveRows func(detached string) (query string, args []any)
}

func (d *oldDay) name() string     { return d.table + d.day.Format("_20060102") }
func (d *oldDay) detached() string { return d.name() + detachedSuffix }

func (postgresDialect) dropDays(ctx context.Context, e *expiry, cut cutoffs, wanted []eventPlace) error {
	errs := []error{e.dropDetached(ctx)}
	for _, t := range [...]struct {
		table  string
		before time.Time
	}{{"deliveries", cut.deliveries}, {"attempts", cut.deliveries}, {"events", cut.events}} {
		days, err := daysOf(e.s.watcher(ctx), t.table)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		for _, day := range days {
			if day.AddDate(0, 0, 1).After(t.before) {
				break
			}
			err := e.dropDay(ctx, e.s.oldDay(t.table, day, wanted))
			if errors.Is(err, errBusy) || ctx.Err() != nil {
				return err
			}
			if err != nil && !isUndefinedTable(err) { // another instance dropped it meanwhile
				errs = append(errs, fmt.Errorf("drop day %s of %s: %w", day.Format(time.DateOnly), t.table, err))
			}
		}
	}
	return errors.Join(errs...)
}

func isUndefinedTable(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == pgUndefinedTable
}

// daysOf are the days that a table has a partition for, oldest first.
func daysOf(db *gorm.DB, table string) ([]time.Time, error) {
	var names []string
	err := db.Raw(`SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = CAST(? AS regclass)`, table).
		Scan(&names).Error
	var days []time.Time
	for _, name := range names {
		if day, err := time.Parse("_20060102", strings.TrimPrefix(name, table)); err == nil {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days, err
}

// oldDay says what has to stay of a day: live deliveries; attempts of deliveries that are still there, which are those that were moved
// when their day was dropped; and wanted events.
func (s *Store) oldDay(table string, day time.Time, wanted []eventPlace) *oldDay {
	low, high := models.FloorID(day), models.FloorID(day.AddDate(0, 0, 1))
	d := &oldDay{table: table, day: day}
	switch table {
	case "deliveries":
		d.liveRows = func(detached string) (string, []any) { return s.liveSQL("*", detached) }
	case "attempts":
		d.liveRows = func(detached string) (string, []any) {
			return `SELECT a.* FROM deliveries_default d
				JOIN ` + detached + ` a ON a.organization_id = d.organization_id AND a.delivery_id = d.id
				WHERE d.id >= ? AND d.id < ?`, []any{uid(low), uid(high)}
		}
	default:
		from, _ := slices.BinarySearchFunc(wanted, low, eventPlace.compare)
		to, _ := slices.BinarySearchFunc(wanted, high, eventPlace.compare)
		var orgs, refs []models.ID
		for _, p := range wanted[from:min(to, from+maxMoved+1)] {
			orgs, refs = append(orgs, p.org), append(refs, p.ref)
		}
		d.liveRows = func(detached string) (string, []any) {
			return `SELECT e.* FROM unnest(?::uuid[], ?::uuid[]) AS w (organization_id, ref)
				JOIN ` + detached + ` e ON e.organization_id = w.organization_id AND e.ref = w.ref`, []any{uidArray{orgs}, uidArray{refs}}
		}
	}
	return d
}

// dropDay detaches and drops a day, or notes that it is kept.
func (e *expiry) dropDay(ctx context.Context, d *oldDay) error {
	kept, err := e.needed(ctx, d)
	if err != nil {
		return err
	}
	for try := 1; !kept; try++ {
		var moved int64
		kept, moved, err = e.s.detachDay(ctx, d)
		if err == nil {
			e.done.Moved += moved
			break
		}
		if !isLocked(err) || try == detachTries {
			return err
		}
		if err := pauseFor(ctx, detachPause); err != nil {
			return err
		}
	}
	if kept {
		e.done.Kept = append(e.done.Kept, d.name())
		return nil
	}
	return e.drop(ctx, d.detached())
}

// needed looks without a lock, so that a day which is needed costs nobody anything. Attempts are needed while their deliveries are.
func (e *expiry) needed(ctx context.Context, d *oldDay) (bool, error) {
	if d.table == "attempts" {
		days, err := daysOf(e.s.watcher(ctx), "deliveries")
		return slices.ContainsFunc(days, d.day.Equal), err
	}
	return tooMany(e.s.watcher(ctx), d, d.name())
}

// tooMany reports whether more rows than can be moved have to stay.
func tooMany(db *gorm.DB, d *oldDay, table string) (bool, error) {
	query, args := d.liveRows(`"` + table + `"`)
	var n int
	err := db.Raw("SELECT count(*) FROM ("+query+" LIMIT ?) r", append(args, maxMoved+1)...).Scan(&n).Error
	return n > maxMoved, err
}

// detachDay detaches a day and moves what has to stay, or says that it must be kept. It locks in the order of everyone else, the table
// before its partitions, once the partition's own lock keeps autovacuum out, which is not in that order and does not mind.
func (s *Store) detachDay(ctx context.Context, d *oldDay) (kept bool, moved int64, err error) {
	err = s.alone(ctx, func(tx *gorm.DB) error {
		for _, statement := range []string{
			dayLock,
			fmt.Sprintf(`LOCK TABLE ONLY "%s" IN SHARE UPDATE EXCLUSIVE MODE`, d.name()),
			tableLock,
			fmt.Sprintf(`LOCK TABLE ONLY "%s" IN ACCESS EXCLUSIVE MODE`, d.table),
			detachTime,
		} {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		var err error
		if kept, err = tooMany(tx, d, d.name()); err != nil || kept {
			return err
		}
		for _, statement := range []string{
			fmt.Sprintf(`ALTER TABLE "%s" DETACH PARTITION "%s"`, d.table, d.name()),
			fmt.Sprintf(`ALTER TABLE "%s" RENAME TO "%s"`, d.name(), d.detached()),
		} {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		query, args := d.liveRows(`"` + d.detached() + `"`)
		result := tx.Exec(fmt.Sprintf(`INSERT INTO "%s" %s`, d.table, query), args...)
		moved = result.RowsAffected
		return result.Error
	})
	return kept, moved, err
}

// dropDetached drops what earlier runs have detached and not come to drop.
func (e *expiry) dropDetached(ctx context.Context) error {
	var names []string
	err := e.s.watcher(ctx).Raw(`SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
		AND NOT c.relispartition AND c.relname ~ ?`, `^(events|deliveries|attempts)_[0-9]{8}`+detachedSuffix+`$`).Scan(&names).Error
	errs := []error{err}
	for _, name := range names {
		errs = append(errs, e.drop(ctx, name))
	}
	return errors.Join(errs...)
}

// drop drops a detached table. Nobody else can be at it but a dump.
func (e *expiry) drop(ctx context.Context, detached string) error {
	err := e.s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec(lockTimeout).Error; err != nil {
			return err
		}
		return tx.Exec(fmt.Sprintf(`DROP TABLE IF EXISTS "%s"`, detached)).Error
	})
	if err == nil {
		e.done.Days = append(e.done.Days, strings.TrimSuffix(detached, detachedSuffix))
	}
	return err
}

// payloadBoundary is the first midnight after an instant at which a partition begins, 0 where there is none, so that a pass stays
// within one day's partition and the default one.
func (postgresDialect) payloadBoundary(tx *gorm.DB, after int64) (int64, error) {
	var boundary int64
	for _, table := range [...]string{"events", "attempts"} {
		days, err := daysOf(tx, table)
		if err != nil {
			return 0, err
		}
		for _, day := range days {
			if ms(day) > after && (boundary == 0 || ms(day) < boundary) {
				boundary = ms(day)
			}
		}
	}
	return boundary, nil
}

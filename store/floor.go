package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// The floor keeps the cost of looking at the queue from growing with the number of days that are kept: no delivery with a smaller id
// waits or is claimed. It rises with time, and whatever makes a delivery wait again that has ended lowers it first. Each instance reads it with every pulse, and an old one is merely slower.

func (s *Store) floor() models.ID {
	if id := s.queueFloor.Load(); id != nil {
		return *id
	}
	return models.FloorID(time.Time{}) // not known yet
}

func (s *Store) setFloor(id models.ID) { s.queueFloor.Store(&id) }

// RaiseFloor moves the floor up to the first day that has a delivery which waits or is claimed, at most to the day before now. A clock
// that is wrong by less than a day does no harm. On SQLite, which keeps all days in one table, it does nothing.
func (s *Store) RaiseFloor(ctx context.Context, now time.Time) error {
	return wrap("raise the queue's floor", s.dialect.raiseFloor(ctx, s, now))
}

func (*sqliteDialect) raiseFloor(context.Context, *Store, time.Time) error { return nil }

func (postgresDialect) raiseFloor(ctx context.Context, s *Store, now time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		var floor uid
		if err := tx.Raw("SELECT floor FROM queue_floor WHERE id = 1 FOR UPDATE").Row().Scan(&floor); err != nil {
			return err
		}
		// Day by day through those that have a partition, as few have none.
		var days []time.Time
		err := tx.Raw(`SELECT to_date(right(c.relname, 8), 'YYYYMMDD')::timestamp FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = 'deliveries'::regclass AND c.relname <> 'deliveries_default' ORDER BY c.relname`).Scan(&days).Error
		if err != nil {
			return err
		}
		last := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
		next := models.FloorID(last)
		for _, day := range days {
			from, to := models.FloorID(day), models.FloorID(day.AddDate(0, 0, 1))
			if models.ID(floor).Compare(to) >= 0 {
				continue
			}
			if !day.Before(last) {
				break
			}
			var live bool
			err := tx.Raw(`SELECT EXISTS (SELECT 1 FROM deliveries WHERE due_at > 0 AND owner = 0 AND id >= ? AND id < ?)
				OR EXISTS (SELECT 1 FROM deliveries WHERE due_at > 0 AND owner > 0 AND id >= ? AND id < ?)`,
				uid(from), uid(to), uid(from), uid(to)).Scan(&live).Error
			if err != nil {
				return err
			}
			if live {
				next = from
				break
			}
		}
		var late bool // rows of a day without a partition of its own
		err = tx.Raw("SELECT EXISTS (SELECT 1 FROM deliveries_default WHERE due_at > 0 AND id < ?)", uid(next)).Scan(&late).Error
		if err != nil || late || next.Compare(models.ID(floor)) <= 0 {
			return err
		}
		return tx.Exec("UPDATE queue_floor SET floor = ? WHERE id = 1", uid(next)).Error
	})
}

// sink lowers the floor that this instance knows, after the database's was.
func (s *Store) sink(to models.ID) {
	for {
		at := s.queueFloor.Load()
		if at == nil || at.Compare(to) <= 0 || s.queueFloor.CompareAndSwap(at, &to) {
			return
		}
	}
}

func (*sqliteDialect) lowerFloor(*gorm.DB, models.ID) error { return nil }

// lowerFloor takes the row's lock in any case: whoever raises the floor meanwhile waits, and then sees what this transaction has made
// wait.
func (postgresDialect) lowerFloor(tx *gorm.DB, to models.ID) error {
	var floor uid
	if err := tx.Raw("SELECT floor FROM queue_floor WHERE id = 1 FOR UPDATE").Row().Scan(&floor); err != nil {
		return err
	}
	if models.ID(floor).Compare(to) <= 0 {
		return nil
	}
	return tx.Exec("UPDATE queue_floor SET floor = ? WHERE id = 1", uid(to)).Error
}

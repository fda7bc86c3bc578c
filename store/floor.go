package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// The floor keeps the cost of looking at the queue from growing with the number of days that are kept: no delivery with a smaller id
// waits, is claimed or was handed over and has not ended. What makes a delivery wait or be claimed that did neither, as the end of a
// suspension does, lowers it in the same transaction. Each instance reads it with every pulse; one that was too low is merely slower, and
// what lies below one that was too high is found by the next sweep.

func (s *Store) floor() models.ID {
	if id := s.queueFloor.Load(); id != nil {
		return *id
	}
	return models.FloorID(time.Time{}) // not known yet
}

// span is the part of the queue that is looked at for work: from the floor to the end of tomorrow. Partitions are made days ahead, and each
// that a look can't leave out costs a probe of its index for every lane. Ids of deliveries begin with the time of their acceptance, so
// only an instance whose clock is a day ahead makes some that lie above, and what waits there is found when its day has come.
func (s *Store) span() span {
	return span{from: s.floor(), to: models.FloorID(s.now().UTC().Truncate(24*time.Hour).AddDate(0, 0, 2))}
}

// span is a range of ids of deliveries, the second excluded.
type span struct{ from, to models.ID }

func (s *Store) setFloor(id models.ID) { s.queueFloor.Store(&id) }

func (*sqliteDialect) lowerFloor(*gorm.DB, *Store, models.ID) error { return nil }

// lowerFloor takes the row's lock though it may have nothing to change, because somebody may be about to raise the floor who can't see
// these deliveries yet.
func (postgresDialect) lowerFloor(tx *gorm.DB, s *Store, lowest models.ID) error {
	var floor uid
	if err := tx.Raw("SELECT floor FROM queue_floor WHERE id = 1 FOR UPDATE").Row().Scan(&floor); err != nil {
		return err
	}
	if lowest.Compare(models.ID(floor)) >= 0 {
		return nil
	}
	s.setFloor(lowest) // harmless where the transaction is rolled back
	return tx.Exec("UPDATE queue_floor SET floor = ? WHERE id = 1", uid(lowest)).Error
}

// RaiseFloor moves the floor up to the first day that has a delivery which waits or is claimed, or that may have one in an instance's
// hand from the commit, at most to the day before now, or before the server's now where that is earlier. An instance whose clock is behind
// the server's by less than a day does no harm; one that is further behind can accept nothing. On SQLite, which keeps all days in one table, it does nothing.
func (s *Store) RaiseFloor(ctx context.Context, now time.Time) error {
	return wrap("raise the queue's floor", s.dialect.raiseFloor(ctx, s, now))
}

func (*sqliteDialect) raiseFloor(context.Context, *Store, time.Time) error { return nil }

func (postgresDialect) raiseFloor(ctx context.Context, s *Store, now time.Time) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		var floor uid
		var clock int64
		if err := tx.Raw("SELECT floor, ? FROM queue_floor WHERE id = 1 FOR UPDATE", s.dialect.clock(now)).Row().Scan(&floor, &clock); err != nil {
			return err
		}
		// Not by a clock that is ahead of the server's: what lies below the floor is hidden from everybody, and the floor never comes down.
		if server := instant(clock); server.Before(now) {
			now = server
		}
		// First of all: what is given back after this look waits visibly at the next ones.
		handed, err := oldestHanded(tx)
		if err != nil {
			return err
		}
		// Day by day through those that have a partition, as few have none.
		days, err := daysOf(tx, "deliveries")
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
		if !handed.IsZero() {
			next = models.FloorID(earlier(next, handed).Time().Truncate(24 * time.Hour))
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

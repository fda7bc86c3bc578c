package store

import (
	"bytes"
	"context"
	"sync"
	"time"

	"hookrouter/models"
)

// lostLooks is how many looks at what an owner was handed follow a save whose answer was lost. They are counted and not timed, because
// nobody looks while the database is away. There are some more than the two that it takes to find what was lost, because the save
// may have been carried out later than its caller gave it up.
const lostLooks = 10

// lostSaves is what may have been stored by saves of this store that ended with an error: deliveries that were handed over without
// whoever owns them knowing it. Its zero value has none.
type lostSaves struct {
	mu    sync.Mutex
	from  models.ID // the smallest id among them, zero where there are none
	looks int       // that are still to come
}

// note adds what a save of these items may have handed over.
func (l *lostSaves) note(batch []*models.Accepted, todo []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, i := range todo {
		for j := range batch[i].Deliveries {
			if d := &batch[i].Deliveries[j]; d.Owner != 0 {
				l.from, l.looks = earlier(l.from, d.ID), lostLooks
			}
		}
	}
}

// since is the id from which on they are, zero where there are none.
func (l *lostSaves) since() models.ID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.from
}

// looked notes one look.
func (l *lostSaves) looked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.looks--; l.looks <= 0 {
		l.from, l.looks = models.ID{}, 0
	}
}

// earlier is the smaller of two ids; a zero one does not count.
func earlier(a, b models.ID) models.ID {
	if a.IsZero() || !b.IsZero() && bytes.Compare(b[:], a[:]) < 0 {
		return b
	}
	return a
}

// Owned lists up to limit deliveries that the owner has in hand and that have not changed since before. An owner that does not
// know one of them lost the answer to a save or a claim, and should release it.
//
// What was handed over is only looked at some times after a save by this store has ended with an error, because it would mean to go
// through everything that was handed over of late.
func (s *Store) Owned(ctx context.Context, owner int64, before time.Time, limit int) ([]models.ID, error) {
	query := "SELECT id FROM deliveries WHERE " + claimedSQL + " AND updated_at < ?"
	args := []any{owner, ms(before)}
	lost := s.lost.since()
	if !lost.IsZero() {
		query += " UNION ALL SELECT id FROM deliveries WHERE " + handedSQL + " AND updated_at < ?"
		args = append(args, owner, owner, ms(before))
	}
	var ids []uid
	if err := s.watcher(ctx).Raw(query+" LIMIT ?", append(args, limit)...).Scan(&ids).Error; err != nil {
		return nil, wrap("list owned deliveries", err)
	}
	if !lost.IsZero() {
		s.lost.looked()
	}
	list := make([]models.ID, len(ids))
	for i, id := range ids {
		list[i] = models.ID(id)
	}
	return list, nil
}

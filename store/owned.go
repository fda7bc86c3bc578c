package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// lostFor is how long after a save whose answer was lost its deliveries are looked for.
const lostFor = 5 * time.Minute

// Owned lists up to limit deliveries that the owner has in hand and that have not changed since before. An owner that does not
// know one of them lost the answer to a save or a claim, and should release it.
//
// What was handed over is only looked at for some minutes after a save by this store has ended with an error, because it would mean to go
// through everything that was handed over of late.
func (s *Store) Owned(ctx context.Context, owner int64, before time.Time, limit int) ([]models.ID, error) {
	claimed := "SELECT id FROM deliveries WHERE owner = ? AND owner > 0 AND due_at > 0 AND updated_at < ?"
	args := []any{owner, ms(before)}
	if s.now().UnixMilli()-s.lostSave.Load() <= lostFor.Milliseconds() {
		claimed += " UNION ALL SELECT id FROM deliveries WHERE " + handedSQL + " AND updated_at < ?"
		args = append(args, owner, owner, ms(before))
	}
	var ids []uid
	err := s.watcher(ctx).Raw(claimed+" LIMIT ?", append(args, limit)...).Scan(&ids).Error
	out := make([]models.ID, len(ids))
	for i, id := range ids {
		out[i] = models.ID(id)
	}
	return out, wrap("list owned deliveries", err)
}

package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// Owned lists up to limit deliveries that the owner is delivering and that have not changed since before. An owner that does not
// know one of them lost the answer to a save or a claim, and should release it.
func (s *Store) Owned(ctx context.Context, owner int64, before time.Time, limit int) ([]models.ID, error) {
	var ids []uid
	err := s.watcher(ctx).Model(&deliveryRow{}).Where("owner = ? AND status = 'delivering' AND updated_at < ?", owner, ms(before)).
		Limit(limit).Pluck("id", &ids).Error
	out := make([]models.ID, len(ids))
	for i, id := range ids {
		out[i] = models.ID(id)
	}
	return out, wrap("list owned deliveries", err)
}

package store

import (
	"context"

	"hookrouter/models"
)

// LastAttempts are the last attempts of deliveries of an organization, by delivery and without what was sent and received. A delivery
// without attempts is left out. It is one statement for all: what a page of a list shows of each.
func (s *Store) LastAttempts(ctx context.Context, org models.ID, deliveries []models.ID) (map[models.ID]models.Attempt, error) {
	if len(deliveries) == 0 {
		return map[models.ID]models.Attempt{}, nil
	}
	var rows []attemptRow
	err := s.reader(ctx).Select("delivery_id, number, started_at, success, status_code, reason, total_us").
		Where("organization_id = ?", uid(org)).Where(s.dialect.idIn("delivery_id", deliveries)).Order("delivery_id, number").Find(&rows).Error
	if err != nil {
		return nil, wrap("list last attempts", err)
	}
	last := make(map[models.ID]models.Attempt, len(deliveries))
	for i := range rows {
		last[models.ID(rows[i].DeliveryID)] = rows[i].model()
	}
	return last, nil
}

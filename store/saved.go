package store

import (
	"context"

	"hookrouter/models"
)

// setSaved gives receipts to the items of todo whose events are stored already, and returns the others. It is asked when an insert
// meets a ref that is taken: refs are made by us and used once, so the batch, or part of it, was committed before and only the
// answer was lost.
//
// Where the stored deliveries are the ones at hand, the receipt is that of a first time, and the caller goes on as if this save
// had stored them. Where the event was matched again in between, the stored deliveries are not known to the caller, so the receipt
// says duplicate; the owner finds them by [Store.Owned]. Their ids do not tell: they follow from the ref, so those of another match are the
// same.
func (s *Store) setSaved(ctx context.Context, batch []*models.Accepted, todo []int, outcomes []models.Outcome) ([]int, error) {
	orgs, refs := make([]models.ID, len(todo)), make([]models.ID, len(todo))
	for n, i := range todo {
		orgs[n], refs[n] = batch[i].Event.OrganizationID, batch[i].Event.Ref
	}
	var events []eventRow
	err := s.writer(ctx).Where(s.dialect.idIn("organization_id", orgs)).Where(s.dialect.idIn("ref", refs)).Find(&events).Error
	if err != nil {
		return nil, err
	}
	matched := make(map[models.ID]int, len(events))
	for i := range events {
		matched[models.ID(events[i].Ref)] = int(events[i].Matched)
	}
	var rows []deliveryRow
	if err := s.writer(ctx).Select("id, subscription_id, subscription_version, status, owner").Where(s.dialect.idIn("event_ref", refs)).Find(&rows).Error; err != nil {
		return nil, err
	}
	deliveries := make(map[models.ID]*deliveryRow, len(rows))
	for i := range rows {
		deliveries[models.ID(rows[i].ID)] = &rows[i]
	}
	left := todo[:0:0]
	for _, i := range todo {
		a := batch[i]
		n, ok := matched[a.Event.Ref]
		if !ok {
			left = append(left, i)
			continue
		}
		r := receiptOf(&a.Event)
		r.Matched, r.Duplicate = n, n != len(a.Deliveries)
		for k := range a.Deliveries {
			d := &a.Deliveries[k]
			r.Duplicate = r.Duplicate || !deliveries[d.ID].isStill(d)
		}
		outcomes[i] = models.Outcome{Receipt: r}
	}
	return left, nil
}

// isStill reports whether a stored delivery is the one at hand: of the same match, and in the same hands where it was handed over. One that
// was to wait may have been claimed meanwhile.
func (r *deliveryRow) isStill(d *models.Delivery) bool {
	if r == nil || models.ID(r.SubscriptionID) != d.SubscriptionID || r.SubscriptionVersion != d.SubscriptionVersion {
		return false
	}
	return d.Owner == 0 || r.Owner == d.Owner && r.Status == models.StatusDelivering
}

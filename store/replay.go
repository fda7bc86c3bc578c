package store

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Replay makes new deliveries of an event, which wait and are due now: to each of the subscriptions, in their order. Each is a match
// more in the ledger. A subscription that is not the organization's, deleted, disabled or of the other environment is left out; with
// named, it is an error of code invalid instead that names its place in subscription_ids. The code is not_found where there is no such
// event, and conflict where its data was removed or it is a test.
func (s *Store) Replay(ctx context.Context, org, ref models.ID, subs []models.ID, named bool, now time.Time) ([]models.Delivery, error) {
	var made []deliveryRow
	err := s.tx(ctx, func(tx *gorm.DB) error {
		made = nil
		passes, err := lockPasses(tx, s.dialect)
		if err != nil {
			return err
		}
		whole, err := s.lockEvents(tx, passes, org, []models.ID{ref})
		if err != nil {
			return err
		}
		var e eventRow
		if err := tx.Select(eventHeadSQL).Where("organization_id = ? AND ref = ?", uid(org), uid(ref)).Take(&e).Error; err != nil {
			return err
		}
		if ref.Marked() {
			return models.Errorf(models.CodeConflict, "The event is a test, which is for one webhook alone. Test it again, or retry the delivery.")
		}
		if !whole[ref] {
			return errPayloadRemoved()
		}
		targets, err := s.targets(tx, &e, subs, named)
		if err != nil {
			return err
		}
		for _, sub := range targets {
			old, err := s.newest(tx, org, ref, sub.ID)
			if err != nil {
				return err
			}
			made = append(made, s.replayOf(&e, sub, old, now))
		}
		return s.addReplays(tx, passes, org, made)
	})
	if err != nil {
		return nil, wrap("replay event", err)
	}
	list := make([]models.Delivery, len(made))
	for i := range made {
		list[i] = made[i].model()
	}
	return list, nil
}

// eventHeadSQL are the columns of an event but for its data.
const eventHeadSQL = "accepted_at, happened_at, organization_id, ref, id, workspace_id, published_by, matched, sandbox, name, scope, entity_key, entity_parent_key"

// targets are the subscriptions that a replay may go to.
func (s *Store) targets(tx *gorm.DB, e *eventRow, subs []models.ID, named bool) ([]*models.Subscription, error) {
	current, err := s.currentOf(tx, models.ID(e.OrganizationID), subs)
	if err != nil {
		return nil, err
	}
	var list []*models.Subscription
	var wrong []models.FieldError
	for i, id := range subs {
		sub, why := current[id], ""
		switch {
		case sub == nil || !sub.DeletedAt.IsZero():
			why = "There is no webhook with this id."
		case !sub.Enabled:
			why = "This webhook is disabled."
		case sub.Sandbox != e.Sandbox:
			why = "This webhook is of the other environment than the event: one of them is sandbox."
		}
		if why != "" {
			wrong = append(wrong, models.FieldError{Name: fmt.Sprintf("subscription_ids[%d]", i), Reason: why})
			continue
		}
		list = append(list, sub)
	}
	if named && wrong != nil {
		return nil, models.Invalid(wrong...)
	}
	return list, nil
}

// newest is the last delivery of an event to a subscription, zero where there is none.
func (s *Store) newest(tx *gorm.DB, org, ref, sub models.ID) (models.ID, error) {
	first, last := models.DeliveryIDs(ref)
	var found []uid
	err := tx.Raw("SELECT id FROM "+replaysSQL+" replays WHERE subscription_id = ? ORDER BY id DESC LIMIT 1",
		uid(org), gorm.Expr("event_ref = ?", uid(ref)), uid(sub)).Scan(&found).Error
	if err == nil && len(found) == 0 {
		err = tx.Raw("SELECT id FROM deliveries WHERE organization_id = ? AND event_ref = ? AND subscription_id = ? AND id >= ? AND id <= ?",
			uid(org), uid(ref), uid(sub), uid(first), uid(last)).Scan(&found).Error
	}
	if err != nil || len(found) == 0 {
		return models.ID{}, err
	}
	return models.ID(found[0]), nil
}

// replayOf is a new delivery of an event. Its id is above all that the event had at first, whatever the clocks say: lists rely on it.
func (s *Store) replayOf(e *eventRow, sub *models.Subscription, old models.ID, now time.Time) deliveryRow {
	id := s.newID()
	if _, last := models.DeliveryIDs(models.ID(e.Ref)); id.Compare(last) <= 0 {
		later := models.FloorID(last.Time().Add(time.Millisecond))
		copy(id[:6], later[:6])
	}
	row := deliveryRow{
		DueAt: max(ms(now), 1), CreatedAt: ms(now), UpdatedAt: ms(now), OrganizationID: e.OrganizationID, ID: uid(id), EventRef: e.Ref,
		EventID: e.ID, SubscriptionID: uid(sub.ID), SubscriptionVersion: sub.Version, Sandbox: e.Sandbox, Status: models.StatusPending,
		EventName: e.Name, ReplayOf: []byte{0},
	}
	if !old.IsZero() {
		row.ReplayOf = old[:]
	}
	return row
}

// addReplays stores replays of one organization with what they are in the ledger.
func (s *Store) addReplays(tx *gorm.DB, passes payloadProgress, org models.ID, rows []deliveryRow) error {
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		if err := passes.owe(tx, org, models.ID(rows[i].ID), models.ID(rows[i].EventRef)); err != nil {
			return err
		}
	}
	if err := tx.CreateInBatches(rows, chunkRows).Error; err != nil {
		return err
	}
	n := int64(len(rows))
	return s.dialect.enter(tx, []entry{{org: org, matched: n, pending: n}})
}

package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// replaySQL is the condition of the index of replays.
const replaySQL = "length(replay_of) > 0"

// replaysSQL are the replays of some events of an organization, by that index. The limit is no limit: it keeps the planner from taking the
// conditions around it in, and then going through all newer deliveries by their ids.
const replaysSQL = "(SELECT * FROM deliveries WHERE organization_id = ? AND ? AND " + replaySQL + " LIMIT 1000000000)"

// askedSQL is where a row stands, for the column asked. [parseAsked] reads it.
const askedSQL = "status || ' ' || due_at || ' ' || CASE WHEN owed THEN '1' ELSE '0' END || ' ' || reason"

func parseAsked(text string) *models.Back {
	part := strings.SplitN(text, " ", 4)
	if len(part) < 4 {
		return nil
	}
	due, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return nil
	}
	return &models.Back{
		Status: models.DeliveryStatus(part[0]), DueAt: instant(max(due, -due)), Owed: part[2] == "1", Reason: models.Reason(part[3]),
	}
}

// Retry puts a delivery in the queue, to be sent at once on demand. The code is not_found where there is none, and conflict where it
// is on its way anyway or can't be sent again: its subscription is deleted or disabled, or the event or its data was removed.
func (s *Store) Retry(ctx context.Context, org, id models.ID, now time.Time) (models.Delivery, error) {
	var after models.Delivery
	err := s.tx(ctx, func(tx *gorm.DB) error {
		passes, err := s.reopen(tx)
		if err != nil {
			return err
		}
		rows, err := s.lockDeliveries(tx, org, []models.ID{id})
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return gorm.ErrRecordNotFound
		}
		refused, err := s.again(tx, passes, org, rows, now, false)
		if err == nil {
			err = refused[id]
		}
		if err != nil {
			return err
		}
		rows, err = s.lockDeliveries(tx, org, []models.ID{id})
		if err == nil {
			after = rows[0].model()
		}
		return err
	})
	if err != nil {
		return models.Delivery{}, wrap("send delivery again", err)
	}
	s.sink(id)
	return after, nil
}

// lockDeliveries reads deliveries of an organization and keeps them as they are for the transaction, in the order of their ids.
func (s *Store) lockDeliveries(tx *gorm.DB, org models.ID, ids []models.ID) ([]deliveryRow, error) {
	from, to := bounds(ids)
	var rows []deliveryRow
	err := tx.Raw("SELECT * FROM deliveries WHERE organization_id = ? AND id >= ? AND id < ? AND ? ORDER BY id "+s.dialect.lock(),
		uid(org), uid(from), uid(to), s.dialect.idIn("id", ids)).Scan(&rows).Error
	return rows, err
}

// reopen prepares a transaction that makes deliveries wait again: neither the floor of the queue nor a pass over payloads moves before
// it ends. It is the first thing in it, so that all who do this come one after the other.
func (s *Store) reopen(tx *gorm.DB) (payloadProgress, error) {
	if err := s.dialect.lowerFloor(tx, s, lastID()); err != nil {
		return payloadProgress{}, err
	}
	return lockPasses(tx, s.dialect)
}

// lastID is above all ids that are made.
func lastID() (id models.ID) {
	for i := range id {
		id[i] = 0xff
	}
	return id
}

// again makes locked deliveries of one organization, in the order of their ids, wait for an attempt on demand, due now. Those that it can't be done for stay as
// they are, with the reason. A job's are not sent to a suspended endpoint: one attempt by hand tells whether it is well again, a thousand
// keep it from becoming so.
func (s *Store) again(
	tx *gorm.DB, passes payloadProgress, org models.ID, rows []deliveryRow, now time.Time, byJob bool,
) (refused map[models.ID]error, err error) {
	subs, refs := make([]models.ID, len(rows)), make([]models.ID, len(rows))
	for i := range rows {
		subs[i], refs[i] = models.ID(rows[i].SubscriptionID), models.ID(rows[i].EventRef)
	}
	current, err := s.currentOf(tx, org, subs)
	if err != nil {
		return nil, err
	}
	whole, err := s.lockEvents(tx, passes, org, refs)
	if err != nil {
		return nil, err
	}
	refused = map[models.ID]error{}
	var ids []models.ID
	var moved entries
	for i := range rows {
		r := &rows[i]
		id := models.ID(r.ID)
		sub := current[models.ID(r.SubscriptionID)]
		err := refusal(r.Status, sub, whole[models.ID(r.EventRef)])
		if err == nil && byJob && sub.Suspended() {
			err = models.Errorf(models.CodeConflict, "The subscription is suspended.")
		}
		if err != nil {
			refused[id] = err
			continue
		}
		if err := passes.owe(tx, org, id, models.ID(r.EventRef)); err != nil {
			return nil, err
		}
		ids = append(ids, id)
		moved.move(org, r.Status, models.StatusPending)
	}
	if len(ids) == 0 {
		return refused, nil
	}
	if err := s.dialect.lowerFloor(tx, s, ids[0]); err != nil {
		return nil, err
	}
	from, to := bounds(ids)
	err = tx.Exec(`UPDATE deliveries SET asked = `+askedSQL+`, status = 'pending', due_at = ?, owner = 0, owed = FALSE, updated_at = ?
		WHERE organization_id = ? AND id >= ? AND id < ? AND ?`,
		max(ms(now), 1), ms(now), uid(org), uid(from), uid(to), s.dialect.idIn("id", ids)).Error
	if err != nil {
		return nil, err
	}
	return refused, s.dialect.enter(tx, moved.list)
}

// refusal is why a delivery can't be sent again, nil where it can.
func refusal(status models.DeliveryStatus, sub *models.Subscription, whole bool) error {
	switch {
	case !status.Resendable():
		return models.Errorf(models.CodeConflict, "The delivery is waiting for an attempt that is due, or is being sent right now.")
	case sub == nil || !sub.DeletedAt.IsZero():
		return models.Errorf(models.CodeConflict, "The subscription was deleted.")
	case !sub.Enabled:
		return models.Errorf(models.CodeConflict, "The subscription is disabled. Enable it first.")
	case !whole:
		return errPayloadRemoved()
	}
	return nil
}

func errPayloadRemoved() error {
	return models.Errorf(models.CodeConflict, "The event or its data was removed, so it can't be sent again.")
}

// currentOf are the subscriptions of an organization as they are now, tombstones included.
func (s *Store) currentOf(tx *gorm.DB, org models.ID, ids []models.ID) (map[models.ID]*models.Subscription, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := s.currents(tx.Where("organization_id = ?", uid(org)).Where(s.dialect.idIn("id", ids)))
	if err != nil {
		return nil, err
	}
	found := make(map[models.ID]*models.Subscription, len(list))
	for _, sub := range list {
		found[sub.ID] = sub
	}
	return found, nil
}

// lockEvents tells which of an organization's events are there with their data, and keeps these as they are for the transaction. What
// retention has begun to remove does not count, though something else may still need it.
func (s *Store) lockEvents(tx *gorm.DB, passes payloadProgress, org models.ID, refs []models.ID) (map[models.ID]bool, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	from, to := bounds(refs)
	var rows []uid
	err := tx.Raw("SELECT ref FROM events WHERE organization_id = ? AND ref >= ? AND ref < ? AND ? AND data <> '' ORDER BY ref "+s.dialect.lock(),
		uid(org), uid(from), uid(to), s.dialect.idIn("ref", refs)).Scan(&rows).Error
	whole := make(map[models.ID]bool, len(rows))
	kept := models.FloorID(time.UnixMilli(passes.DroppingBefore))
	for _, ref := range rows {
		whole[models.ID(ref)] = models.ID(ref).Compare(kept) >= 0
	}
	return whole, err
}

// owe notes that a delivery needs its event's data, and its attempts' for the record, where a pass has come by or is on its way.
func (p *payloadProgress) owe(tx *gorm.DB, org, delivery, ref models.ID) error {
	until := models.FloorID(time.UnixMilli(max(p.EmptiedBefore, p.EmptyingBefore)))
	if ref.Compare(until) >= 0 && delivery.Compare(until) >= 0 {
		return nil
	}
	return tx.Exec("INSERT INTO payload_debts (organization_id, delivery_id, event_ref) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
		uid(org), uid(delivery), uid(ref)).Error
}

package store

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// clockSlack is how far the time in an id and the instant stored beside it may lie apart, as they are taken one after the other
// and by processes whose clocks differ. A time filter becomes a range of ids that is wider by it, which on Postgres leaves the days
// outside alone, and is then exact by the stored instant.
const clockSlack = time.Minute

// Event reads an event by the id that everyone sees; the code is not_found when there is none.
func (s *Store) Event(ctx context.Context, org, id models.ID) (*models.Event, error) {
	var row eventRow
	err := s.reader(ctx).Where(`organization_id = ? AND ref = coalesce(
		(SELECT event_ref FROM event_keys WHERE organization_id = ? AND kind = ? AND key = ?), ?)`,
		uid(org), uid(org), kindChosen, id[:], uid(id)).Take(&row).Error
	if err == nil && models.ID(row.ID) != id {
		err = gorm.ErrRecordNotFound // a ref is not an address where the producer chose the id
	}
	if err != nil {
		return nil, wrap("read event", err)
	}
	return row.model(), nil
}

// Events lists events, newest first, with their data.
func (s *Store) Events(ctx context.Context, q models.EventQuery) ([]*models.Event, error) {
	return s.events(s.reader(ctx), q)
}

func (*Store) events(query *gorm.DB, q models.EventQuery) ([]*models.Event, error) {
	query = query.Where("organization_id = ?", uid(q.OrganizationID)).Order("ref DESC").Limit(q.Limit)
	query = named(query, "name", q.Name)
	query = between(query, "ref", "accepted_at", q.From, q.To)
	if q.Sandbox != nil {
		query = query.Where("sandbox = ?", *q.Sandbox)
	}
	if q.Scope != "" {
		query = query.Where("scope = ?", q.Scope)
	}
	if !q.WorkspaceID.IsZero() {
		query = query.Where("workspace_id = ?", uid(q.WorkspaceID))
	}
	if q.EntityKey != "" {
		query = query.Where("entity_key = ? AND entity_key <> ''", q.EntityKey) // the second says that the partial index has it
	}
	if q.ParentKey != "" {
		query = query.Where("entity_parent_key = ? AND entity_parent_key <> ''", q.ParentKey)
	}
	if q.Unmatched {
		query = query.Where("matched = 0")
	}
	if !q.After.IsZero() {
		query = query.Where("ref < ?", uid(q.After))
	}
	var rows []eventRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list events", err)
	}
	list := make([]*models.Event, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

// Deliveries lists deliveries, newest first.
func (s *Store) Deliveries(ctx context.Context, q models.DeliveryQuery) ([]models.Delivery, error) {
	if q.EventRef.IsZero() {
		return deliveries(s.reader(ctx), q)
	}
	// An event's replays are newer than all that it had at first, which have its ref at the beginning of their ids.
	first, last := models.DeliveryIDs(q.EventRef)
	var list []models.Delivery
	if q.After.IsZero() || q.After.Compare(last) > 0 {
		replays := s.reader(ctx).Table(replaysSQL+" replays", uid(q.OrganizationID), gorm.Expr("event_ref = ?", uid(q.EventRef)))
		var err error
		list, err = deliveries(replays, q)
		if q.Limit -= len(list); err != nil || q.Limit <= 0 {
			return list, err
		}
		q.After = models.ID{}
	}
	rest, err := deliveries(s.reader(ctx).Where("id >= ? AND id <= ? AND event_ref = ?", uid(first), uid(last), uid(q.EventRef)), q)
	return append(list, rest...), err
}

// deliveries lists some of those that a query has.
func deliveries(query *gorm.DB, q models.DeliveryQuery) ([]models.Delivery, error) {
	query = query.Where("organization_id = ?", uid(q.OrganizationID)).Order("id DESC").Limit(q.Limit)
	query = named(query, "event_name", q.EventName)
	query = between(query, "id", "created_at", q.From, q.To)
	if q.Sandbox != nil {
		query = query.Where("sandbox = ?", *q.Sandbox)
	}
	if !q.SubscriptionID.IsZero() {
		query = query.Where("subscription_id = ?", uid(q.SubscriptionID))
	}
	if q.Status != "" {
		query = query.Where("status = ?", string(q.Status))
	}
	if !q.After.IsZero() {
		query = query.Where("id < ?", uid(q.After))
	}
	var rows []deliveryRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list deliveries", err)
	}
	list := make([]models.Delivery, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

// Delivery reads one delivery; the code is not_found when there is none.
func (s *Store) Delivery(ctx context.Context, org, id models.ID) (models.Delivery, error) {
	var row deliveryRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error
	return row.model(), wrap("read delivery", err)
}

// named filters by an event name: equal, or in the range of texts that begin with a family's prefix.
func named(query *gorm.DB, column string, p models.Pattern) *gorm.DB {
	switch prefix, family := strings.CutSuffix(string(p), "*"); {
	case p == "" || p == models.Any:
		return query
	case family:
		// "signer." up to "signer/": the slash comes right after the dot. What equals the prefix is no name.
		return query.Where(column+" > ? AND "+column+" < ?", prefix, strings.TrimSuffix(prefix, ".")+"/")
	}
	return query.Where(column+" = ?", string(p))
}

// between filters by an instant, from inclusive, to exclusive.
func between(query *gorm.DB, id, column string, from, to time.Time) *gorm.DB {
	if !from.IsZero() {
		query = query.Where(id+" >= ? AND "+column+" >= ?", uid(models.FloorID(from.Add(-clockSlack))), from.UnixMilli())
	}
	if !to.IsZero() {
		query = query.Where(id+" < ? AND "+column+" < ?", uid(models.FloorID(to.Add(clockSlack))), to.UnixMilli())
	}
	return query
}

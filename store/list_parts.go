package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// firstLook is how many rows a part of a list looks through at first: nearly always there is a page among so many.
const firstLook = 500

// DeliveryPart reads a part of the list of deliveries, as [Store.Deliveries] does, but looks through most of them at most. No index helps with
// filters such as the status: it would cost each delivery a second update of indexes.
func (s *Store) DeliveryPart(ctx context.Context, q models.DeliveryQuery, most int) (models.ListPart[models.Delivery], error) {
	ids := func() *gorm.DB {
		query := during(s.reader(ctx).Model(&deliveryRow{}), "id", q.From, q.To)
		if q.SubscriptionID.IsZero() {
			query = query.Where("organization_id = ?", uid(q.OrganizationID))
		} else {
			query = query.Where("subscription_id = ?", uid(q.SubscriptionID))
		}
		if !q.After.IsZero() {
			query = query.Where("id < ?", uid(q.After))
		}
		return query.Order("id DESC")
	}
	free := q.Sandbox == nil && q.Status == "" && (q.EventName == "" || q.EventName == models.Any)
	return part(free, q.Limit, most, "id", ids, func(floor models.ID) ([]models.Delivery, error) {
		if floor.IsZero() {
			return deliveries(s.reader(ctx), q)
		}
		return deliveries(s.reader(ctx).Where("id >= ?", uid(floor)), q)
	})
}

// EventPart reads a part of the list of events, as [Store.Events] does, but without their data, and looks through most of them at most.
func (s *Store) EventPart(ctx context.Context, q models.EventQuery, most int) (models.ListPart[*models.Event], error) {
	ids := func() *gorm.DB {
		query := during(s.reader(ctx).Model(&eventRow{}), "ref", q.From, q.To).Where("organization_id = ?", uid(q.OrganizationID))
		switch { // what has an index
		case q.EntityKey != "":
			query = query.Where("entity_key = ? AND entity_key <> ''", q.EntityKey)
		case q.ParentKey != "":
			query = query.Where("entity_parent_key = ? AND entity_parent_key <> ''", q.ParentKey)
		case q.Unmatched:
			query = query.Where("matched = 0")
		}
		if !q.After.IsZero() {
			query = query.Where("ref < ?", uid(q.After))
		}
		return query.Order("ref DESC")
	}
	return part(false, q.Limit, most, "ref", ids, func(floor models.ID) ([]*models.Event, error) {
		query := s.reader(ctx).Omit("data")
		if !floor.IsZero() {
			query = query.Where("ref >= ?", uid(floor))
		}
		return s.events(query, q)
	})
}

// part reads down to where ids says that enough was looked through. What is free of filters without an index needs no such end.
func part[T any](
	free bool, limit, most int, column string, ids func() *gorm.DB, read func(floor models.ID) ([]T, error),
) (p models.ListPart[T], err error) {
	if free {
		p.Items, err = read(models.ID{})
		return p, err
	}
	for _, n := range []int{min(firstLook, most), most} {
		var floor []uid
		if err := ids().Offset(n-1).Limit(1).Pluck(column, &floor).Error; err != nil {
			return p, wrap("look through a list", err)
		}
		p.Reached = models.ID{}
		if len(floor) > 0 {
			p.Reached = models.ID(floor[0])
		}
		if p.Items, err = read(p.Reached); err != nil {
			return p, err
		}
		if len(p.Items) == limit {
			p.Reached = models.ID{}
		}
		if p.Reached.IsZero() || n == most {
			return p, nil
		}
	}
	return p, nil
}

// during is what between says of ids, so that the index alone answers.
func during(query *gorm.DB, id string, from, to time.Time) *gorm.DB {
	if !from.IsZero() {
		query = query.Where(id+" >= ?", uid(models.FloorID(from.Add(-clockSlack))))
	}
	if !to.IsZero() {
		query = query.Where(id+" < ?", uid(models.FloorID(to.Add(clockSlack))))
	}
	return query
}

// SubscriptionTitles reads what an organization's subscriptions are called, deleted ones too: those of one environment, or of both where
// sandbox is nil. Those that there never were are left out.
func (s *Store) SubscriptionTitles(ctx context.Context, org models.ID, sandbox *bool, ids []models.ID) (map[models.ID]models.SubscriptionTitle, error) {
	titles := make(map[models.ID]models.SubscriptionTitle, len(ids))
	if len(ids) == 0 {
		return titles, nil
	}
	keys := make([]uid, len(ids))
	for i, id := range ids {
		keys[i] = uid(id)
	}
	var rows []struct {
		ID          uid
		Endpoint    string
		Description *string
		Sandbox     bool
		DeletedAt   int64
	}
	query := s.reader(ctx).Model(&subscriptionRow{}).Select("id, endpoint, description, sandbox, deleted_at").
		Where("organization_id = ? AND id IN ?", uid(org), keys)
	if sandbox != nil {
		query = query.Where("sandbox = ?", *sandbox)
	}
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("read titles of subscriptions", err)
	}
	for _, r := range rows {
		t := models.SubscriptionTitle{Endpoint: r.Endpoint, Sandbox: r.Sandbox, Deleted: r.DeletedAt != 0}
		if r.Description != nil {
			t.Description = *r.Description
		}
		titles[models.ID(r.ID)] = t
	}
	return titles, nil
}

package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"hookrouter/models"
)

// SubscriptionPage lists subscriptions for people: newest first, a page at a time, each with its latest delivery. Ids sort by the time
// of their making, so a page is a range of the primary key.
func (s *Store) SubscriptionPage(ctx context.Context, q models.SubscriptionQuery) ([]models.SubscriptionLine, error) {
	query := s.reader(ctx).Model(&subscriptionRow{}).Where("organization_id = ? AND deleted_at = 0", uid(q.OrganizationID)).
		Order("id DESC").Limit(q.Limit)
	if q.Sandbox != nil {
		query = query.Where("sandbox = ?", *q.Sandbox)
	}
	switch q.State {
	case models.SubscriptionsActive:
		query = query.Where("enabled AND suspended_at = 0")
	case models.SubscriptionsSuspended:
		query = query.Where("enabled AND suspended_at > 0")
	case models.SubscriptionsDisabled:
		query = query.Where("NOT enabled")
	}
	if q.Text != "" {
		query = containing(query, q.Text)
	}
	if !q.After.IsZero() {
		query = query.Where("id < ?", uid(q.After))
	}
	var rows []struct {
		ID          uid
		Endpoint    string
		Description *string
		Sandbox     bool
		Enabled     bool
		Events      string
		CreatedAt   int64
		SuspendedAt int64
		StateReason models.SuspendReason
	}
	err := query.Select("id, endpoint, description, sandbox, enabled, events, created_at, suspended_at, state_reason").Find(&rows).Error
	if err != nil {
		return nil, wrap("list subscriptions", err)
	}
	list := make([]models.SubscriptionLine, len(rows))
	for i, r := range rows {
		list[i] = models.SubscriptionLine{
			ID: models.ID(r.ID), Endpoint: r.Endpoint, Sandbox: r.Sandbox, Enabled: r.Enabled,
			CreatedAt: instant(r.CreatedAt), SuspendedAt: instant(r.SuspendedAt), StateReason: r.StateReason,
		}
		if r.Description != nil {
			list[i].Description = *r.Description
		}
		if list[i].Events, err = parseTexts[models.Pattern](r.Events); err != nil {
			return nil, wrap("list subscriptions", err)
		}
		if list[i].Last, err = s.newestDelivery(ctx, q.OrganizationID, models.ID(r.ID)); err != nil {
			return nil, wrap("list subscriptions", err)
		}
	}
	return list, nil
}

// newestDelivery is a subscription's latest delivery, nil where there is none: one step down an index of each day.
func (s *Store) newestDelivery(ctx context.Context, org, sub models.ID) (*models.Delivery, error) {
	list, err := s.Deliveries(ctx, models.DeliveryQuery{OrganizationID: org, SubscriptionID: sub, Limit: 1})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// containing filters by a text that people typed. A backslash makes what LIKE knows mean itself.
func containing(query *gorm.DB, text string) *gorm.DB {
	if id, err := models.ParseID(strings.TrimSpace(text)); err == nil {
		return query.Where("id = ?", uid(id))
	}
	like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(text)) + "%"
	return query.Where(`lower(endpoint) LIKE ? ESCAPE '\' OR lower(coalesce(description, '')) LIKE ? ESCAPE '\' OR events LIKE ? ESCAPE '\'`,
		like, like, like)
}

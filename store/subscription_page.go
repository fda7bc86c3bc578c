package store

import (
	"context"
	"strings"

	"gorm.io/gorm"

	"hookrouter/models"
)

// silentSQL holds where neither an hour nor an entry has an attempt. The order makes it one step down an index.
const silentSQL = `(SELECT h.hour FROM stat_hours h WHERE h.organization_id = subscriptions.organization_id AND h.subject_id = subscriptions.id
  AND h.sandbox = subscriptions.sandbox ORDER BY h.hour DESC LIMIT 1) IS NULL
AND NOT EXISTS (SELECT 1 FROM stat_entries e WHERE e.organization_id = subscriptions.organization_id AND e.subscription_id = subscriptions.id
  AND e.sandbox = subscriptions.sandbox)`

// SubscriptionPage lists subscriptions for people: newest first, a page at a time. Ids sort by the time of their making, so a page is a
// range of the primary key. How they fare is for [Store.Activity].
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
	case models.SubscriptionsRotating:
		query = query.Where("rotation_ends_at > 0")
	case models.SubscriptionsSilent:
		floor, err := s.newestFloor(ctx, q.OrganizationID)
		if err != nil {
			return nil, wrap("list subscriptions", err)
		}
		query = query.Where("enabled AND suspended_at = 0").Where("id >= ?", floor).Where(silentSQL)
	}
	if !q.WorkspaceID.IsZero() {
		query = query.Where(`workspaces LIKE ? OR workspaces LIKE ?`, `%"`+q.WorkspaceID.String()+`"%`, `%"`+models.Any+`"%`)
	}
	if len(q.IDs) > 0 {
		query = query.Where(s.dialect.idIn("id", q.IDs))
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
	}
	return list, nil
}

// newestFloor is the oldest of the organization's newest subscriptions, up to [models.MaxSilentSearch].
func (s *Store) newestFloor(ctx context.Context, org models.ID) (uid, error) {
	var oldest []uid
	err := s.reader(ctx).Raw(`SELECT id FROM (SELECT id FROM subscriptions WHERE organization_id = ? AND deleted_at = 0
		ORDER BY id DESC LIMIT ?) newest ORDER BY id LIMIT 1`, uid(org), models.MaxSilentSearch).Scan(&oldest).Error
	if err != nil || len(oldest) == 0 {
		return uid{}, err
	}
	return oldest[0], nil
}

// containing filters by a text that people typed. A backslash makes what LIKE knows mean itself.
func containing(query *gorm.DB, text string) *gorm.DB {
	if id, err := models.ParseID(strings.TrimSpace(text)); err == nil {
		return query.Where("id = ?", uid(id))
	}
	like := containingText(text)
	return query.Where(`lower(endpoint) LIKE ? ESCAPE '\' OR lower(coalesce(description, '')) LIKE ? ESCAPE '\' OR events LIKE ? ESCAPE '\'`,
		like, like, like)
}

// containingText is a pattern of LIKE, with \ as its escape, for what has a text in it once it is in lower case.
func containingText(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(strings.ToLower(text)) + "%"
}

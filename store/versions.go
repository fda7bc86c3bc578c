package store

import (
	"context"

	"gorm.io/gorm"

	"hookrouter/models"
)

// historyRow is a version with what is known of the key that made it.
type historyRow struct {
	Version versionRow `gorm:"embedded"`
	Hint    string
}

// SubscriptionVersions lists the versions of a subscription, also of a deleted one. Secrets that can't be opened are left out: see
// [Store.readable].
func (s *Store) SubscriptionVersions(ctx context.Context, q models.VersionQuery) ([]models.SubscriptionVersion, error) {
	query := s.reader(ctx).Table("subscription_versions v").
		Select("v.*, coalesce(k.hint, '') AS hint").
		Joins("LEFT JOIN api_keys k ON k.id = v.changed_by AND k.organization_id = v.organization_id").
		Where("v.organization_id = ? AND v.subscription_id = ?", uid(q.OrganizationID), uid(q.SubscriptionID)).
		Order("v.version DESC").Limit(q.Limit)
	if q.Sandbox != nil {
		query = query.Where("v.sandbox = ?", *q.Sandbox)
	}
	if q.Before > 0 {
		query = query.Where("v.version < ?", q.Before)
	}
	var rows []historyRow
	if err := query.Scan(&rows).Error; err != nil {
		return nil, wrap("list subscription versions", err)
	}
	list := make([]models.SubscriptionVersion, len(rows))
	for i := range rows {
		v := &rows[i].Version
		sub, err := s.readable(query)(s.state(v.TableName(), models.ID(v.OrganizationID), models.ID(v.SubscriptionID), &v.State))
		if err != nil {
			return nil, wrap("list subscription versions", err)
		}
		list[i] = models.SubscriptionVersion{
			Subscription: sub, ChangedAt: instant(v.ChangedAt), ChangedBy: models.ID(v.ChangedBy), KeyHint: rows[i].Hint,
		}
	}
	return list, nil
}

// RulesAsOf lists an organization's subscriptions as they were at a moment. Revisions are in the order of the commits, so what a
// subscription was at a revision is its last version up to there.
func (s *Store) RulesAsOf(ctx context.Context, q models.RulesQuery) ([]models.RulesThen, error) {
	query := s.reader(ctx).Model(&subscriptionRow{}).Where("organization_id = ?", uid(q.OrganizationID)).Order("id").Limit(q.Limit)
	if !q.SubscriptionID.IsZero() {
		query = query.Where("id = ?", uid(q.SubscriptionID))
	}
	if q.Sandbox != nil {
		query = query.Where("sandbox = ?", *q.Sandbox)
	}
	if !q.After.IsZero() {
		query = query.Where("id > ?", uid(q.After))
	}
	var ids []uid
	if err := query.Pluck("id", &ids).Error; err != nil || len(ids) == 0 {
		return nil, wrap("list rules", err)
	}
	list, place := make([]models.RulesThen, len(ids)), make(map[models.ID]int, len(ids))
	subs := make([]models.ID, len(ids))
	for i, id := range ids {
		list[i].ID, subs[i], place[models.ID(id)] = models.ID(id), models.ID(id), i
	}
	// Nothing of these versions can change any more, so two looks see what one would.
	moment, at := "v.revision <= ?", any(q.Revision)
	if q.Revision == models.RevisionUnknown {
		moment, at = "v.changed_at <= ?", ms(q.At)
	}
	var rows []versionRow
	err := s.reader(ctx).Where("organization_id = ?", uid(q.OrganizationID)).Where(s.dialect.idIn("subscription_id", subs)).
		Where(`version = (SELECT max(v.version) FROM subscription_versions v WHERE v.organization_id = subscription_versions.organization_id
			AND v.subscription_id = subscription_versions.subscription_id AND `+moment+")", at).Find(&rows).Error
	if err != nil {
		return nil, wrap("list rules", err)
	}
	for i := range rows {
		row := &rows[i]
		row.State.Secret, row.State.Headers = nil, nil // nobody asks for them, and opening them takes time
		sub, err := s.state(row.TableName(), models.ID(row.OrganizationID), models.ID(row.SubscriptionID), &row.State)
		if err != nil {
			return nil, wrap("list rules", err)
		}
		list[place[sub.ID]].Then = sub
	}
	return list, nil
}

// CheckSubscription reports what a subscription that is stored nowhere names and does not exist: the code is invalid for unknown
// workspaces. Only the commit of a change is sure of it.
func (s *Store) CheckSubscription(ctx context.Context, sub *models.Subscription) error {
	return wrap("check subscription", checkWorkspaces(s.reader(ctx), sub))
}

// SubscriptionsTo lists up to limit subscriptions of an organization and environment that are enabled and have exactly this endpoint,
// without secrets.
func (s *Store) SubscriptionsTo(
	ctx context.Context, org models.ID, sandbox bool, endpoint string, limit int,
) ([]*models.Subscription, error) {
	var rows []subscriptionRow
	err := s.reader(ctx).Where("organization_id = ? AND deleted_at = 0 AND enabled AND sandbox = ? AND endpoint = ?", uid(org), sandbox, endpoint).
		Order("id").Limit(limit).Find(&rows).Error
	if err != nil {
		return nil, wrap("list subscriptions of an endpoint", err)
	}
	list := make([]*models.Subscription, len(rows))
	for i := range rows {
		rows[i].State.Secret, rows[i].State.Headers, rows[i].Rotation = nil, nil, rotationRow{}
		if list[i], err = s.current(&rows[i]); err != nil {
			return nil, wrap("list subscriptions of an endpoint", err)
		}
	}
	return list, nil
}

// recent is an organization's latest events of an environment, newest first, without their data: up to limit of them, out of the latest
// scan of both environments. No index has the environment, so this is what bounds the cost where the other one has nearly all.
func recent(db *gorm.DB, org models.ID, sandbox bool, limit, scan int, columns string, condition string, args ...any) *gorm.DB {
	inner := db.Session(&gorm.Session{NewDB: true}).Table("events").Select(columns).Where("organization_id = ?", uid(org)).
		Order("ref DESC").Limit(scan)
	if condition != "" {
		inner = inner.Where(condition, args...)
	}
	return db.Table("(?) latest", inner).Where("sandbox = ?", sandbox).Order("ref DESC").Limit(limit)
}

// RecentEvents lists the latest events of an environment, newest first, without their data: up to limit, out of the latest scan of
// the organization.
func (s *Store) RecentEvents(ctx context.Context, org models.ID, sandbox bool, limit, scan int) ([]*models.Event, error) {
	var rows []eventRow
	err := recent(s.reader(ctx), org, sandbox, limit, scan,
		"accepted_at, happened_at, organization_id, ref, id, workspace_id, published_by, matched, sandbox, name, scope, entity_key, entity_parent_key, revision", "").
		Scan(&rows).Error
	if err != nil {
		return nil, wrap("list recent events", err)
	}
	list := make([]*models.Event, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

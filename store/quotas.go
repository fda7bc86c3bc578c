package store

import (
	"context"

	"hookrouter/models"
)

// quotaUseSQL counts by the keys that lead with the organization.
const quotaUseSQL = `
SELECT o.id, o.name, o.created_at, o.subscription_quota,
  (SELECT count(*) FROM subscriptions s WHERE s.organization_id = o.id AND s.deleted_at = 0) AS subscriptions,
  (SELECT count(*) FROM workspaces w WHERE w.organization_id = o.id) AS workspaces,
  (SELECT count(*) FROM api_keys k WHERE k.organization_id = o.id AND k.revoked_at = 0) AS keys
FROM organizations o ORDER BY subscriptions DESC, o.id LIMIT ?`

// QuotaUses lists up to limit organizations with what they have of what is limited, those with the most subscriptions first.
func (s *Store) QuotaUses(ctx context.Context, limit int) ([]models.QuotaUse, error) {
	var rows []struct {
		Organization                    organizationRow `gorm:"embedded"`
		Subscriptions, Workspaces, Keys int
	}
	err := s.reader(ctx).Raw(quotaUseSQL, limit).Scan(&rows).Error
	list := make([]models.QuotaUse, len(rows))
	for i, r := range rows {
		list[i] = models.QuotaUse{
			Organization: r.Organization.model(), Subscriptions: r.Subscriptions, Workspaces: r.Workspaces, Keys: r.Keys,
		}
	}
	return list, wrap("list the use of quotas", err)
}

package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// ofEntitySQL is [models.Subscription.OfEntity] in SQL; the second part says that the partial indexes have it.
const ofEntitySQL = "format = 'quicklysign' AND entity_key <> ''"

// checkEntityQuota counts the webhooks that belong to entities: of the organization, where quota is not 0, and of the one entity.
func checkEntityQuota(tx *gorm.DB, sub *models.Subscription, quota int) error {
	live := func() *gorm.DB {
		return tx.Model(&subscriptionRow{}).Where("organization_id = ? AND deleted_at = 0 AND "+ofEntitySQL, uid(sub.OrganizationID))
	}
	var count int64
	if quota > 0 {
		if err := live().Count(&count).Error; err != nil {
			return err
		}
		if count >= int64(quota) {
			return models.Errorf(models.CodeQuota, "The organization has all the %d webhooks of document packs it may have.", quota)
		}
	}
	if err := live().Where("entity_key = ?", sub.EntityKey).Count(&count).Error; err != nil {
		return err
	}
	if count >= models.MaxEntityWebhooks {
		return models.Errorf(models.CodeQuota, "The entity has all the %d webhooks it may have.", models.MaxEntityWebhooks)
	}
	return nil
}

// EntityWebhooks lists webhooks that belong to entities.
func (s *Store) EntityWebhooks(ctx context.Context, q models.EntityWebhookQuery) ([]*models.Subscription, error) {
	list, err := s.currents(entityWebhooks(s.reader(ctx), q))
	return list, wrap("list webhooks of entities", err)
}

// HasEntityWebhooks reports whether there is any such webhook. It costs one look into an index, however many subscriptions there are.
func (s *Store) HasEntityWebhooks(ctx context.Context, org models.ID, sandbox bool) (bool, error) {
	var n int64
	err := s.reader(ctx).Raw("SELECT count(*) FROM (SELECT 1 FROM subscriptions WHERE organization_id = ? AND deleted_at = 0 AND "+ofEntitySQL+
		" AND sandbox = ? LIMIT 1) found", uid(org), sandbox).Scan(&n).Error
	return n > 0, wrap("look for webhooks of entities", err)
}

func entityWebhooks(db *gorm.DB, q models.EntityWebhookQuery) *gorm.DB {
	query := db.Where("organization_id = ? AND deleted_at = 0 AND "+ofEntitySQL+" AND sandbox = ?", uid(q.OrganizationID), q.Sandbox).
		Order("id").Limit(q.Limit)
	if q.EntityKey != "" {
		query = query.Where("entity_key = ?", q.EntityKey)
	}
	if !q.After.IsZero() {
		query = query.Where("id > ?", uid(q.After))
	}
	return query
}

// DeleteEntityWebhooks ends all webhooks of an entity in one transaction, and returns them as they were left.
func (s *Store) DeleteEntityWebhooks(
	ctx context.Context, org models.ID, sandbox bool, entity string, by models.ID, now time.Time,
) ([]*models.Subscription, error) {
	var gone []*models.Subscription
	err := s.tx(ctx, func(tx *gorm.DB) error {
		gone = nil
		var rows []subscriptionRow
		// Without a limit: a subscription may have become such a webhook by other ways than being created as one.
		err := entityWebhooks(tx, models.EntityWebhookQuery{OrganizationID: org, Sandbox: sandbox, EntityKey: entity, Limit: -1}).
			Select("id").Find(&rows).Error
		if err != nil {
			return err
		}
		for i := range rows {
			sub, err := s.changeIn(tx, org, models.ID(rows[i].ID), by, now, ended(now))
			if err != nil {
				return err
			}
			gone = append(gone, sub)
		}
		return nil
	})
	return gone, wrap("delete webhooks of an entity", err)
}

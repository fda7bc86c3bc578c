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

// callbackRow is an entry of the log in SQL.
type callbackRow struct {
	Attempt        attemptRow `gorm:"embedded"`
	LoggedAt       int64
	Ended          int
	SubscriptionID uid
	EntityKey      string
	EventName      string
}

// callbackLogSQL makes two entries of each attempt. The log is not stored, because nobody but its readers should pay for it, and each page
// therefore goes through the deliveries of all webhooks in question: see docs/adr/0026. Deliveries that ended well before the place to go
// on from have no entry after it. The slack is for clocks that differ.
const callbackLogSQL = `
WITH calls AS (
  SELECT a.organization_id, a.delivery_id, a.number, a.started_at, a.total_us, a.success, a.status_code, a.reason, a.detail, a.endpoint,
         d.subscription_id, d.event_name, s.entity_key
  FROM subscriptions s
  JOIN deliveries d ON d.subscription_id = s.id AND d.organization_id = s.organization_id
  JOIN attempts a ON a.organization_id = d.organization_id AND a.delivery_id = d.id
  WHERE s.organization_id = @org AND s.format = 'quicklysign' AND s.entity_key <> '' AND s.sandbox = @sandbox
    AND (@entity = '' OR s.entity_key = @entity) AND (NOT @one OR s.id = @subscription) AND d.updated_at >= @since
)
SELECT * FROM (
  SELECT calls.*, started_at AS logged_at, 0 AS ended FROM calls
  UNION ALL
  SELECT calls.*, started_at + coalesce(total_us, 0) / 1000 AS logged_at, 1 AS ended FROM calls
) entries
WHERE (logged_at, delivery_id, number, ended) > (@at, @delivery, @number, @ended)
ORDER BY logged_at, delivery_id, number, ended LIMIT @limit`

// CallbackLog lists what is logged of the calls of webhooks that belong to entities.
func (s *Store) CallbackLog(ctx context.Context, q models.CallbackLogQuery) ([]models.CallbackEntry, error) {
	ended := 0
	if q.After.Ended {
		ended = 1
	}
	delivery := q.After.DeliveryID
	if delivery.IsZero() {
		delivery[len(delivery)-1] = 1 // a zero id is NULL, which nothing compares with; no delivery has this one
	}
	subscription := q.SubscriptionID
	if subscription.IsZero() {
		subscription = delivery
	}
	var rows []callbackRow
	err := s.reader(ctx).Raw(callbackLogSQL, map[string]any{
		"org": uid(q.OrganizationID), "sandbox": q.Sandbox, "entity": q.EntityKey, "one": !q.SubscriptionID.IsZero(), "subscription": uid(subscription),
		"since": ms(q.After.At.Add(-clockSlack)), "at": ms(q.After.At), "delivery": uid(delivery), "number": q.After.Number, "ended": ended,
		"limit": q.Limit,
	}).Scan(&rows).Error
	if err != nil {
		return nil, wrap("list callback log", err)
	}
	list := make([]models.CallbackEntry, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = models.CallbackEntry{
			Place: models.CallbackPlace{
				At: instant(r.LoggedAt), DeliveryID: models.ID(r.Attempt.DeliveryID), Number: r.Attempt.Number, Ended: r.Ended == 1,
			},
			SubscriptionID: models.ID(r.SubscriptionID), EntityKey: r.EntityKey, EventName: r.EventName, Attempt: r.Attempt.model(),
		}
	}
	return list, nil
}

package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// nextRevision takes the place of a change in the sequence of all changes. The row's lock is held until the transaction ends, so
// revisions are committed in their order and changes wait for one another; quotas and workspaces are checked under it.
func nextRevision(tx *gorm.DB) (int64, error) {
	var revision int64
	err := tx.Raw("UPDATE revisions SET value = value + 1 WHERE id = 1 RETURNING value").Scan(&revision).Error
	return revision, err
}

// CreateSubscription stores a new subscription and fills its Version and Revision, and its ID and CreatedAt where they are zero.
// The organization's own quota, where it has one, goes before quota; 0 is none. Webhooks of entities are counted apart from all others,
// and there quota is theirs. Codes: quota, not_found for the organization,
// invalid naming unknown workspaces.
func (s *Store) CreateSubscription(ctx context.Context, sub *models.Subscription, quota int, by models.ID) error {
	created := *sub
	if created.ID.IsZero() {
		created.ID = s.newID()
	}
	if created.CreatedAt.IsZero() {
		created.CreatedAt = s.now()
	}
	created.Version = 1
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var err error
		if created.Revision, err = nextRevision(tx); err != nil {
			return err
		}
		if err := checkQuota(tx, &created, quota); err != nil {
			return err
		}
		if err := checkWorkspaces(tx, &created); err != nil {
			return err
		}
		row := subscriptionRow{OrganizationID: uid(created.OrganizationID), ID: uid(created.ID)}
		if row.State, err = s.stateRow(row.TableName(), &created); err != nil {
			return err
		}
		if row.Rotation, err = s.rotationRow(&created); err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return s.addVersion(tx, &created, by, created.CreatedAt)
	})
	if err != nil {
		return wrap("create subscription", err)
	}
	created.CreatedAt = instant(ms(created.CreatedAt))
	*sub = created
	return nil
}

func checkQuota(tx *gorm.DB, sub *models.Subscription, quota int) error {
	var row organizationRow
	if err := tx.Where("id = ?", uid(sub.OrganizationID)).Take(&row).Error; err != nil {
		return err
	}
	if sub.OfEntity() {
		return checkEntityQuota(tx, sub, quota)
	}
	if row.SubscriptionQuota != nil {
		quota = *row.SubscriptionQuota
	}
	if quota == 0 {
		return nil
	}
	var count int64
	err := tx.Model(&subscriptionRow{}).Where("organization_id = ? AND deleted_at = 0 AND NOT (format = ? AND entity_key <> '')",
		uid(sub.OrganizationID), models.FormatQuicklySign).Count(&count).Error
	if err != nil {
		return err
	}
	if count >= int64(quota) {
		return models.Errorf(models.CodeQuota, "The organization has all the %d subscriptions it may have.", quota)
	}
	return nil
}

func (s *Store) addVersion(tx *gorm.DB, sub *models.Subscription, by models.ID, at time.Time) error {
	row := versionRow{
		OrganizationID: uid(sub.OrganizationID), SubscriptionID: uid(sub.ID), ChangedAt: ms(at), ChangedBy: uid(by),
	}
	var err error
	if row.State, err = s.stateRow(row.TableName(), sub); err != nil {
		return err
	}
	return tx.Create(&row).Error
}

// Subscription reads one subscription; the code is not_found when there is none or it was deleted.
func (s *Store) Subscription(ctx context.Context, org, id models.ID) (*models.Subscription, error) {
	var row subscriptionRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ? AND deleted_at = 0", uid(org), uid(id)).Take(&row).Error
	if err != nil {
		return nil, wrap("read subscription", err)
	}
	sub, err := s.current(&row)
	if err != nil {
		return nil, wrap("read subscription", err)
	}
	return sub, nil
}

// Subscriptions lists an organization's subscriptions that were not deleted, oldest first: all, or only the sandbox ones or only the others.
func (s *Store) Subscriptions(ctx context.Context, org models.ID, sandbox *bool) ([]*models.Subscription, error) {
	query := s.reader(ctx).Where("organization_id = ? AND deleted_at = 0", uid(org)).Order("created_at, id")
	if sandbox != nil {
		query = query.Where("sandbox = ?", *sandbox)
	}
	list, err := s.currents(query)
	return list, wrap("list subscriptions", err)
}

// ChangedSince reads every subscription that changed after a revision, of all organizations, in the order of their revisions:
// deleted and disabled ones too. From 0 it reads all that were not deleted.
func (s *Store) ChangedSince(ctx context.Context, revision int64) ([]*models.Subscription, error) {
	query := s.watcher(ctx).Where("revision > ?", revision).Order("revision")
	if revision == 0 {
		query = query.Where("deleted_at = 0")
	}
	list, err := s.currents(query)
	return list, wrap("read changed subscriptions", err)
}

// currents reads many subscriptions. Those whose secrets can't be opened come without: see [Store.readable].
func (s *Store) currents(query *gorm.DB) ([]*models.Subscription, error) {
	var rows []subscriptionRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]*models.Subscription, len(rows))
	for i := range rows {
		var err error
		if list[i], err = s.readable(query)(s.current(&rows[i])); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// UpdateSubscription lets change edit a copy, while nobody else can, and stores it as the next version. An error of change is
// returned and nothing stored. Where it says the same after it as before ([models.Subscription.Same]) nothing is stored either, neither a version
// nor a revision, and the subscription is returned as it is, with the version that change saw. The code is not_found when there is none or it was deleted, invalid for unknown workspaces.
func (s *Store) UpdateSubscription(
	ctx context.Context, org, id, by models.ID, now time.Time, change func(*models.Subscription) error,
) (*models.Subscription, error) {
	var before models.Subscription
	sub, err := s.change(ctx, org, id, by, now, func(tx *gorm.DB, sub *models.Subscription) error {
		before = *sub
		if err := change(sub); err != nil {
			return err
		}
		sub.DeletedAt = time.Time{}
		if sub.Same(&before) {
			return errUnchanged
		}
		return checkWorkspaces(tx, sub)
	})
	if errors.Is(err, errUnchanged) {
		return &before, nil
	}
	return sub, wrap("update subscription", err)
}

// DeleteSubscription ends a subscription. Its state stays for its deliveries and for history. The code is not_found when there
// is none or it was deleted before.
func (s *Store) DeleteSubscription(ctx context.Context, org, id, by models.ID, now time.Time) error {
	_, err := s.change(ctx, org, id, by, now, ended(now))
	return wrap("delete subscription", err)
}

// ended is the change that ends a subscription.
func ended(now time.Time) func(*gorm.DB, *models.Subscription) error {
	return func(_ *gorm.DB, sub *models.Subscription) error {
		sub.DeletedAt, sub.Rotation = now, models.Rotation{}
		return nil
	}
}

// change is the one way in which a subscription changes: next revision, next version, marks, history, in one transaction.
func (s *Store) change(
	ctx context.Context, org, id, by models.ID, now time.Time, edit func(*gorm.DB, *models.Subscription) error,
) (*models.Subscription, error) {
	var after *models.Subscription
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var err error
		after, err = s.changeIn(tx, org, id, by, now, edit)
		return err
	})
	return after, err
}

// changeIn is one change in a transaction that may make more of them.
func (s *Store) changeIn(
	tx *gorm.DB, org, id, by models.ID, now time.Time, edit func(*gorm.DB, *models.Subscription) error,
) (*models.Subscription, error) {
	revision, err := nextRevision(tx)
	if err != nil {
		return nil, err
	}
	var row subscriptionRow
	err = tx.Where("organization_id = ? AND id = ? AND deleted_at = 0", uid(org), uid(id)).Take(&row).Error
	if err != nil {
		return nil, err
	}
	before, err := s.current(&row)
	if err != nil {
		return nil, err
	}
	after, err := edited(tx, before, revision, now, edit)
	if err != nil {
		return nil, err
	}
	if row.State, err = s.stateRow(row.TableName(), after); err != nil {
		return nil, err
	}
	if row.Rotation, err = s.rotationRow(after); err != nil {
		return nil, err
	}
	columns := append(rotationColumns(),
		"version", "revision", "enabled", "sandbox", "events", "scopes", "workspaces", "entity_key", "endpoint", "description",
		"secret", "format", "headers", "auto_retry", "max_in_flight", "rate_per_sec", "timeout_first_ms", "timeout_retry_ms",
		"updated_at", "deleted_at", "stopped_below", "secret_generation", "v0",
	)
	if before.Live() && !after.Live() || !after.DeletedAt.IsZero() {
		row.CancelBelowVersion = &after.Version
		columns = append(columns, "cancel_below_version")
	}
	if err := endSuspension(tx, before, after); err != nil {
		return nil, err
	}
	if before.AutoRetry && !after.AutoRetry {
		row.CancelRetriesBelowVersion = &after.Version
		columns = append(columns, "cancel_retries_below_version")
	}
	err = tx.Model(&subscriptionRow{}).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Select(columns).UpdateColumns(&row).Error
	if err != nil {
		return nil, err
	}
	if err := s.addVersion(tx, after, by, now); err != nil {
		return nil, err
	}
	if after.SecretGeneration != before.SecretGeneration {
		if err := forgetSecrets(tx, after); err != nil {
			return nil, err
		}
	}
	after.Rotation.ActivatesAt, after.Rotation.EndsAt = instant(ms(after.Rotation.ActivatesAt)), instant(ms(after.Rotation.EndsAt))
	after.UpdatedAt, after.DeletedAt = instant(ms(after.UpdatedAt)), instant(ms(after.DeletedAt))
	return after, nil
}

// edited is a subscription with a change, as its next version.
func edited(
	tx *gorm.DB, before *models.Subscription, revision int64, now time.Time, edit func(*gorm.DB, *models.Subscription) error,
) (*models.Subscription, error) {
	after := *before
	if err := edit(tx, &after); err != nil {
		return nil, err
	}
	after.SuspendedAt, after.StateReason = before.SuspendedAt, before.StateReason
	after.ID, after.OrganizationID, after.CreatedAt = before.ID, before.OrganizationID, before.CreatedAt
	after.Version, after.Revision, after.UpdatedAt = before.Version+1, revision, now
	// What waits from before this version is canceled, though the subscription may be enabled again by then.
	if before.Live() && !after.Live() {
		after.StoppedBelow = after.Version
	}
	return &after, nil
}

// endSuspension ends the suspension of what is stopped: its parked deliveries are canceled with those that wait. A new endpoint is probed
// soon, because whoever changed it expects that to help.
func endSuspension(tx *gorm.DB, before, after *models.Subscription) error {
	switch {
	case !after.Live():
		after.SuspendedAt, after.StateReason = time.Time{}, ""
		err := tx.Exec("UPDATE subscriptions SET suspended_at = 0, state_reason = '', parking = FALSE WHERE organization_id = ? AND id = ?",
			uid(after.OrganizationID), uid(after.ID)).Error
		if err == nil {
			err = tx.Exec("DELETE FROM endpoint_conditions WHERE subscription_id = ?", uid(after.ID)).Error
		}
		return err
	case before.Suspended() && before.Endpoint != after.Endpoint:
		return tx.Exec("UPDATE endpoint_conditions SET probe_at = 1, probes = 0 WHERE subscription_id = ? AND probe_at > 0", uid(after.ID)).Error
	}
	return nil
}

// SubscriptionVersion reads a subscription as it was at a version; the code is not_found when there is none.
func (s *Store) SubscriptionVersion(ctx context.Context, org, id models.ID, version int) (*models.Subscription, error) {
	sub, err := s.version(s.reader(ctx), org, id, version)
	if err != nil {
		return nil, wrap("read subscription version", err)
	}
	return sub, nil
}

// version reads one version, like state.
func (s *Store) version(db *gorm.DB, org, id models.ID, version int) (*models.Subscription, error) {
	var row versionRow
	err := db.Where("organization_id = ? AND subscription_id = ? AND version = ?", uid(org), uid(id), version).Take(&row).Error
	if err != nil {
		return nil, err
	}
	return s.state(row.TableName(), models.ID(row.OrganizationID), models.ID(row.SubscriptionID), &row.State)
}

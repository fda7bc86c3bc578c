package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// OwnKey reads a key of an organization, revoked or not; the code is not_found where it has none of this id.
func (s *Store) OwnKey(ctx context.Context, org, id models.ID) (models.APIKey, error) {
	var row keyRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error
	return row.model(), wrap("read key", noSuchKey(err))
}

// noSuchKey gives a key that is not there its own message.
func noSuchKey(err error) error {
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Errorf(models.CodeNotFound, "There is no such key.")
	}
	return err
}

// OwnKeys lists an organization's keys, newest first and revoked ones included, after the given one, up to limit.
func (s *Store) OwnKeys(ctx context.Context, org, after models.ID, limit int) ([]models.APIKey, error) {
	query := s.reader(ctx).Where("organization_id = ?", uid(org)).Order("id DESC").Limit(limit)
	if !after.IsZero() {
		query = query.Where("id < ?", uid(after))
	}
	var rows []keyRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list keys", err)
	}
	list := make([]models.APIKey, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}

// CreateOwnKey stores a key that an organization makes for itself. The code is quota where it has most valid ones.
func (s *Store) CreateOwnKey(ctx context.Context, k models.APIKey, most int) error {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		if err := s.lockOrganization(tx, uid(k.OrganizationID)); err != nil {
			return err
		}
		var valid int64
		err := tx.Model(&keyRow{}).Where("organization_id = ? AND revoked_at = 0", uid(k.OrganizationID)).Count(&valid).Error
		if err != nil {
			return err
		}
		if valid >= int64(most) {
			return models.Errorf(models.CodeQuota, "The organization has %d valid API keys, as many as it may have. Revoke one.", valid)
		}
		row := rowOfKey(k)
		return tx.Create(&row).Error
	})
	return wrap("create own key", err)
}

// RevokeOwnKey ends a key of an organization and returns it. Doing it again changes nothing. The code is not_found where the organization
// has none of this id, and conflict where nobody could manage its keys afterwards.
func (s *Store) RevokeOwnKey(ctx context.Context, org, id models.ID, now time.Time) (models.APIKey, error) {
	var k models.APIKey
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Under the lock, so that two admins who revoke one another's key at the same time leave one of them.
		if err := s.lockOrganization(tx, uid(org)); err != nil {
			return err
		}
		var row keyRow
		if err := tx.Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error; err != nil {
			return noSuchKey(err)
		}
		if k = row.model(); !k.RevokedAt.IsZero() {
			return nil
		}
		if k.Administers() {
			var others int64
			err := tx.Model(&keyRow{}).Where("organization_id = ? AND revoked_at = 0 AND role = ? AND environment = ? AND id <> ?",
				uid(org), string(models.RoleAdmin), string(models.Production), uid(id)).Count(&others).Error
			if err != nil {
				return err
			}
			if others == 0 {
				return models.Errorf(models.CodeConflict,
					"This is the last key that can manage the organization's keys. Make another production key of the role admin first.")
			}
		}
		k.RevokedAt = instant(ms(now))
		return tx.Exec("UPDATE api_keys SET revoked_at = ? WHERE id = ?", ms(now), uid(id)).Error
	})
	return k, wrap("revoke own key", err)
}

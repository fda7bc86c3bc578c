package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// CreateKey stores an API key; the code is not_found when its organization does not exist.
func (s *Store) CreateKey(ctx context.Context, k models.APIKey) error {
	row := keyRow{
		ID: uid(k.ID), OrganizationID: uid(k.OrganizationID), Hash: k.Hash[:], Hint: k.Hint, Role: k.Role, Environment: k.Environment,
		CreatedAt: ms(k.CreatedAt), RevokedAt: ms(k.RevokedAt),
	}
	return wrap("create key", orphan(s.writer(ctx).Create(&row).Error))
}

// orphan says that the organization is unknown, where the database refused a row for that.
func orphan(err error) error {
	if err != nil && isForeignKey(err) {
		return &models.Error{Code: models.CodeNotFound, Message: "There is no such organization.", Err: err}
	}
	return err
}

// KeyByHash reads the key whose text has this SHA-256, revoked or not; the code is not_found when there is none.
func (s *Store) KeyByHash(ctx context.Context, hash [32]byte) (models.APIKey, error) {
	var row keyRow
	err := s.reader(ctx).Where("hash = ?", hash[:]).Take(&row).Error
	return row.model(), wrap("read key", err)
}

// Keys lists an organization's keys, oldest first, revoked ones included.
func (s *Store) Keys(ctx context.Context, org models.ID) ([]models.APIKey, error) {
	var rows []keyRow
	if err := s.reader(ctx).Where("organization_id = ?", uid(org)).Order("id").Find(&rows).Error; err != nil {
		return nil, wrap("list keys", err)
	}
	list := make([]models.APIKey, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}

// RevokeKey ends a key. Doing it again changes nothing. The code is not_found when the key is unknown.
func (s *Store) RevokeKey(ctx context.Context, id models.ID, now time.Time) error {
	result := s.writer(ctx).Exec(
		"UPDATE api_keys SET revoked_at = CASE WHEN revoked_at = 0 THEN ? ELSE revoked_at END WHERE id = ?", ms(now), uid(id))
	if result.Error == nil && result.RowsAffected == 0 {
		return wrap("revoke key", models.Errorf(models.CodeNotFound, "There is no such key."))
	}
	return wrap("revoke key", result.Error)
}

// A window that another instance's clock opened up to one length ahead counts as the current one. Failure policy: one that lies
// further ahead is started anew, because a clock that was wrong once must not lock a client out.
const hitSQL = `
INSERT INTO rate_windows AS w (key_id, minute_start, minute_count, hour_start, hour_count) VALUES (?, ?, 1, ?, 1)
ON CONFLICT (key_id) DO UPDATE SET
  minute_count = CASE WHEN w.minute_start BETWEEN excluded.minute_start AND excluded.minute_start + 60000
                      THEN w.minute_count + 1 ELSE 1 END,
  minute_start = CASE WHEN w.minute_start BETWEEN excluded.minute_start AND excluded.minute_start + 60000
                      THEN w.minute_start ELSE excluded.minute_start END,
  hour_count = CASE WHEN w.hour_start BETWEEN excluded.hour_start AND excluded.hour_start + 3600000
                    THEN w.hour_count + 1 ELSE 1 END,
  hour_start = CASE WHEN w.hour_start BETWEEN excluded.hour_start AND excluded.hour_start + 3600000
                    THEN w.hour_start ELSE excluded.hour_start END
RETURNING minute_count, hour_count`

// Hit counts one management call of a key in its fixed minute and hour, which all instances share, and returns the counts with
// this call in them.
func (s *Store) Hit(ctx context.Context, key models.ID, now time.Time) (minute, hour int, err error) {
	var counts struct{ MinuteCount, HourCount int }
	err = s.writer(ctx).Raw(hitSQL, uid(key), ms(now.Truncate(time.Minute)), ms(now.Truncate(time.Hour))).Scan(&counts).Error
	return counts.MinuteCount, counts.HourCount, wrap("count call", err)
}

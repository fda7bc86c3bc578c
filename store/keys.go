package store

import (
	"context"
	"time"

	"hookrouter/models"
)

// CreateKey stores an API key; the code is not_found when its organization does not exist.
func (s *Store) CreateKey(ctx context.Context, k models.APIKey) error {
	row := rowOfKey(k)
	return wrap("create key", orphan(s.writer(ctx).Create(&row).Error))
}

func rowOfKey(k models.APIKey) keyRow {
	return keyRow{
		ID: uid(k.ID), OrganizationID: uid(k.OrganizationID), Hash: k.Hash[:], Hint: k.Hint, Name: k.Name, Role: k.Role,
		Environment: k.Environment, CreatedAt: ms(k.CreatedAt), RevokedAt: ms(k.RevokedAt),
	}
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

// Key reads a key by its id, revoked or not; the code is not_found when there is none.
func (s *Store) Key(ctx context.Context, id models.ID) (models.APIKey, error) {
	var row keyRow
	err := s.reader(ctx).Where("id = ?", uid(id)).Take(&row).Error
	return row.model(), wrap("read key", noSuchKey(err))
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
//
// The inner select finds the windows that the call falls into and what is in them already. The outer one counts the call in both,
// or in neither where one of them is full. What is left of a refused call is a mark: a full window stands at its limit plus one, so
// that what RETURNING shows tells the last call that was let in from the first that was not. Both databases run the selects under
// the row's lock, over the row's latest state.
const hitSQL = `
INSERT INTO rate_windows AS w (key_id, minute_start, minute_count, hour_start, hour_count) VALUES (@key, @minute, 1, @hour, 1)
ON CONFLICT (key_id) DO UPDATE SET (minute_start, minute_count, hour_start, hour_count) = (
  SELECT minute_start,
         used_minute + CASE WHEN most_minute > 0 AND used_minute >= most_minute THEN CASE WHEN used_minute = most_minute THEN 1 ELSE 0 END
                            WHEN most_hour > 0 AND used_hour >= most_hour THEN 0 ELSE 1 END,
         hour_start,
         used_hour + CASE WHEN most_hour > 0 AND used_hour >= most_hour THEN CASE WHEN used_hour = most_hour THEN 1 ELSE 0 END
                          WHEN most_minute > 0 AND used_minute >= most_minute THEN 0 ELSE 1 END
  FROM (SELECT
    CAST(@most_minute AS integer) AS most_minute,
    CAST(@most_hour AS integer) AS most_hour,
    CASE WHEN w.minute_start BETWEEN excluded.minute_start AND excluded.minute_start + 60000
         THEN w.minute_start ELSE excluded.minute_start END AS minute_start,
    CASE WHEN w.minute_start BETWEEN excluded.minute_start AND excluded.minute_start + 60000
         THEN w.minute_count ELSE 0 END AS used_minute,
    CASE WHEN w.hour_start BETWEEN excluded.hour_start AND excluded.hour_start + 3600000
         THEN w.hour_start ELSE excluded.hour_start END AS hour_start,
    CASE WHEN w.hour_start BETWEEN excluded.hour_start AND excluded.hour_start + 3600000
         THEN w.hour_count ELSE 0 END AS used_hour
  ) AS windows)
RETURNING minute_count, hour_count`

// Hit counts one management call of a key in its fixed minute and hour, which all instances share, unless one of them is full.
// mostMinute and mostHour are the limits, 0 for none. It returns the counts with this call in them. A count above its limit says
// that the call is refused: then it is counted in neither window.
func (s *Store) Hit(ctx context.Context, key models.ID, mostMinute, mostHour int, now time.Time) (minute, hour int, err error) {
	var counts struct{ MinuteCount, HourCount int }
	err = s.writer(ctx).Raw(hitSQL, map[string]any{
		"key": uid(key), "minute": ms(now.Truncate(time.Minute)), "hour": ms(now.Truncate(time.Hour)),
		"most_minute": mostMinute, "most_hour": mostHour,
	}).Scan(&counts).Error
	return counts.MinuteCount, counts.HourCount, wrap("count call", err)
}

package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

type sessionRow struct {
	Hash      []byte `gorm:"primaryKey"`
	Kind      models.SessionKind
	KeyID     uid
	Sandbox   bool  // always false: pages say by themselves which environment they are about
	CreatedAt int64 `gorm:"autoCreateTime:false"`
	SeenAt    int64
	EndsAt    int64
}

func (sessionRow) TableName() string { return "sessions" }

func (r sessionRow) model() models.Session {
	s := models.Session{
		Kind: r.Kind, KeyID: models.ID(r.KeyID),
		CreatedAt: instant(r.CreatedAt), SeenAt: instant(r.SeenAt), EndsAt: instant(r.EndsAt),
	}
	copy(s.Hash[:], r.Hash)
	return s
}

// seenEvery is how exactly it is known when a session was last used: not every page costs a write.
const seenEvery = time.Minute

// CreateSession stores a session or a one-time link. Where its key has [models.MaxSessions] by then, those used the longest ago go. The
// code is not_found when the key does not exist.
func (s *Store) CreateSession(ctx context.Context, made models.Session) error {
	row := sessionRow{
		Hash: made.Hash[:], Kind: made.Kind, KeyID: uid(made.KeyID),
		CreatedAt: ms(made.CreatedAt), SeenAt: ms(made.SeenAt), EndsAt: ms(made.EndsAt),
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			if isForeignKey(err) {
				return &models.Error{Code: models.CodeNotFound, Message: "There is no such key.", Err: err}
			}
			return err
		}
		mine := tx.Model(&sessionRow{}).Where("key_id = ?", row.KeyID)
		if made.KeyID.IsZero() {
			mine = tx.Model(&sessionRow{}).Where("key_id IS NULL")
		}
		var old [][]byte
		err := mine.Order("seen_at DESC, created_at DESC, hash").
			Offset(models.MaxSessions).Limit(models.MaxSessions).Pluck("hash", &old).Error
		if err != nil || len(old) == 0 {
			return err
		}
		return tx.Where("hash IN ?", old).Delete(&sessionRow{}).Error
	})
	return wrap("create session", err)
}

// Session reads a session that is live at now, with its key, and notes that it was used. The key of an operator's is zero. The code is
// not_found where there is none, it is over, its key was revoked, or it is a link that nobody has followed. Of one that is over, or whose
// key was revoked, the session comes with the error, whose cause is [models.ErrSessionExpired] or [models.ErrKeyRevoked].
func (s *Store) Session(ctx context.Context, hash [32]byte, now time.Time) (models.Session, models.APIKey, error) {
	found, key, err := s.session(s.reader(ctx), hash, now)
	if found.Kind == models.SessionLink {
		found, err = models.Session{}, gorm.ErrRecordNotFound
	}
	if err != nil {
		return found, models.APIKey{}, wrap("read session", err)
	}
	if now.Sub(found.SeenAt) >= seenEvery {
		found.SeenAt = instant(ms(now))
		err = s.writer(ctx).Exec("UPDATE sessions SET seen_at = ? WHERE hash = ? AND seen_at < ?", ms(now), hash[:], ms(now)).Error
	}
	return found, key, wrap("note the use of a session", err)
}

func (s *Store) session(db *gorm.DB, hash [32]byte, now time.Time) (models.Session, models.APIKey, error) {
	var row sessionRow
	if err := db.Where("hash = ?", hash[:]).Take(&row).Error; err != nil {
		return models.Session{}, models.APIKey{}, err
	}
	found := row.model()
	if !found.Live(now) {
		return found, models.APIKey{}, sessionOver(models.ErrSessionExpired)
	}
	if found.KeyID.IsZero() {
		return found, models.APIKey{}, nil
	}
	var key keyRow
	err := db.Where("id = ?", row.KeyID).Take(&key).Error
	if err == nil && key.RevokedAt != 0 {
		return found, models.APIKey{}, sessionOver(models.ErrKeyRevoked)
	}
	return found, key.model(), err
}

func sessionOver(why error) error {
	return &models.Error{Code: models.CodeNotFound, Message: "The session is over.", Err: why}
}

// TakeLink ends a one-time link and reads the key that it stands for. Of several who follow it at the same time one gets the key; the
// code is not_found for all others, and where the link is over or its key was revoked.
func (s *Store) TakeLink(ctx context.Context, hash [32]byte, now time.Time) (models.APIKey, error) {
	var key models.APIKey
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var found models.Session
		var err error
		if found, key, err = s.session(tx, hash, now); err != nil {
			return err
		}
		if found.Kind != models.SessionLink {
			return gorm.ErrRecordNotFound
		}
		done := tx.Where("hash = ?", hash[:]).Delete(&sessionRow{})
		if done.Error == nil && done.RowsAffected == 0 {
			return gorm.ErrRecordNotFound
		}
		return done.Error
	})
	if err != nil {
		return models.APIKey{}, wrap("take login link", err)
	}
	return key, nil
}

// EndSession forgets a session. That there is none is no error.
func (s *Store) EndSession(ctx context.Context, hash [32]byte) error {
	return wrap("end session", s.writer(ctx).Where("hash = ?", hash[:]).Delete(&sessionRow{}).Error)
}

// ExpireSessions removes what is over at now, and returns how many.
func (s *Store) ExpireSessions(ctx context.Context, now time.Time) (int64, error) {
	result := s.writer(ctx).Where("ends_at <= ? OR kind <> ? AND seen_at <= ?", ms(now), models.SessionLink, ms(now.Add(-models.SessionIdle))).
		Delete(&sessionRow{})
	return result.RowsAffected, wrap("expire sessions", result.Error)
}

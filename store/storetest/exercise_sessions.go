package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func sessionTests() []exercise {
	return []exercise{
		{"a session leads to its key until one of its ends", exerciseSession},
		{"a session is over with its key", exerciseSessionRevoked},
		{"a login link is good for once", exerciseLoginLink},
		{"a key has a bounded number of sessions", exerciseSessionBound},
	}
}

func (w *world) session(key models.ID, change ...func(*models.Session)) models.Session {
	w.Helper()
	now := w.clock.Now()
	s := models.Session{Kind: models.SessionOfKey, KeyID: key, CreatedAt: now, SeenAt: now, EndsAt: now.Add(models.SessionLifetime)}
	id := NewID()
	copy(s.Hash[:], id[:])
	for _, c := range change {
		c(&s)
	}
	require.NoError(w, w.CreateSession(w.Context(), s))
	return s
}

func (w *world) noSession(hash [32]byte) {
	w.Helper()
	_, _, err := w.Session(w.Context(), hash, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
}

// endedSession holds that it is said whose session was and why it is over.
func (w *world) endedSession(s models.Session, why error) {
	w.Helper()
	got, key, err := w.Session(w.Context(), s.Hash, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	require.ErrorIs(w, err, why)
	require.Equal(w, s.KeyID, got.KeyID)
	require.Zero(w, key)
}

func exerciseSession(w *world) {
	ctx := w.Context()
	key := w.key(w.org.ID)
	made := w.session(key.ID)
	w.requireCode(models.CodeNotFound, w.CreateSession(ctx, models.Session{Hash: [32]byte{1}, Kind: models.SessionOfKey, KeyID: NewID()}))
	w.noSession([32]byte{2})

	got, of, err := w.Session(ctx, made.Hash, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, made, got)
	require.Equal(w, key, of)

	operator := w.session(models.ID{}, func(s *models.Session) { s.Kind = models.SessionOfOperator })
	got, of, err = w.Session(ctx, operator.Hash, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, models.SessionOfOperator, got.Kind)
	require.Zero(w, of)

	// Use carries it on, but not beyond its end.
	w.clock.Advance(models.SessionIdle - time.Millisecond)
	got, _, err = w.Session(ctx, made.Hash, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, w.clock.Now(), got.SeenAt)
	w.clock.Advance(time.Millisecond)
	w.endedSession(operator, models.ErrSessionExpired)
	n, err := w.ExpireSessions(ctx, w.clock.Now())
	require.NoError(w, err)
	require.EqualValues(w, 1, n)
	for w.clock.Now().Before(made.EndsAt) {
		_, _, err = w.Session(ctx, made.Hash, w.clock.Now())
		require.NoError(w, err)
		w.clock.Advance(models.SessionIdle / 2)
	}
	w.endedSession(made, models.ErrSessionExpired)
	n, err = w.ExpireSessions(ctx, w.clock.Now())
	require.NoError(w, err)
	require.EqualValues(w, 1, n)

	left := w.session(key.ID)
	require.NoError(w, w.EndSession(ctx, left.Hash))
	require.NoError(w, w.EndSession(ctx, left.Hash))
	w.noSession(left.Hash)
}

func exerciseSessionRevoked(w *world) {
	key, other := w.key(w.org.ID), w.key(w.org.ID)
	ended, stays := w.session(key.ID), w.session(other.ID)
	link := w.session(key.ID, func(s *models.Session) { s.Kind = models.SessionLink })
	require.NoError(w, w.RevokeKey(w.Context(), key.ID, w.clock.Now()))
	w.endedSession(ended, models.ErrKeyRevoked)
	_, err := w.TakeLink(w.Context(), link.Hash, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	_, _, err = w.Session(w.Context(), stays.Hash, w.clock.Now())
	require.NoError(w, err)
}

func exerciseLoginLink(w *world) {
	ctx := w.Context()
	key := w.key(w.org.ID)
	isLink := func(s *models.Session) { s.Kind, s.EndsAt = models.SessionLink, s.CreatedAt.Add(models.LoginLinkTime) }
	link, late, session := w.session(key.ID, isLink), w.session(key.ID, isLink), w.session(key.ID)
	w.noSession(link.Hash)
	_, err := w.TakeLink(ctx, session.Hash, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)

	results := make(chan error, 4)
	for range cap(results) {
		go func() {
			got, err := w.TakeLink(ctx, link.Hash, w.clock.Now())
			if err == nil && got != key {
				err = models.Errorf(models.CodeInternal, "another key")
			}
			results <- err
		}()
	}
	won := 0
	for range cap(results) {
		if err := <-results; err == nil {
			won++
		} else {
			w.requireCode(models.CodeNotFound, err)
		}
	}
	require.Equal(w, 1, won)

	w.clock.Advance(models.LoginLinkTime)
	_, err = w.TakeLink(ctx, late.Hash, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
}

func exerciseSessionBound(w *world) {
	key, other := w.key(w.org.ID), w.key(w.org.ID)
	stays := w.session(other.ID)
	first := w.session(key.ID)
	w.clock.Advance(time.Minute)
	second := w.session(key.ID)
	w.clock.Advance(time.Minute)
	_, _, err := w.Session(w.Context(), first.Hash, w.clock.Now()) // used after the second was made
	require.NoError(w, err)
	for range models.MaxSessions - 1 {
		w.session(key.ID)
	}
	w.noSession(second.Hash)
	for _, s := range []models.Session{first, stays} {
		_, _, err := w.Session(w.Context(), s.Hash, w.clock.Now())
		require.NoError(w, err)
	}
}

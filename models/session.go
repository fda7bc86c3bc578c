package models

import (
	"errors"
	"time"
)

// Times of a session of the web pages; our own choice. A working day with a lunch break fits into the idle time, so that nobody signs in
// twice a day; after a week everybody proves again that the key is still theirs.
const (
	SessionIdle     = 12 * time.Hour     // unused for that long it ends
	SessionLifetime = 7 * 24 * time.Hour // it ends after that however much it is used
	LoginLinkTime   = time.Hour          // a one-time link that nobody followed ends
)

// EndedSessionsKept is how long a session that is over is still known, so that whoever comes back is told why and returns to where they
// were: that of a Friday on the Monday after.
const EndedSessionsKept = SessionLifetime

// Why a session is over, as causes of the code not_found.
var (
	ErrSessionExpired = errors.New("the session has expired")
	ErrKeyRevoked     = errors.New("the key of the session was revoked")
)

// MaxSessions is how many sessions one key may have. Failure policy: the ones that were used the longest ago end.
const MaxSessions = 50

// SessionKind says what a session was made with.
type SessionKind string

// The kinds of sessions.
const (
	SessionOfKey      SessionKind = "key"      // signed in with an API key, or by a link that stands for one
	SessionOfOperator SessionKind = "operator" // signed in with the admin token
	SessionLink       SessionKind = "link"     // not yet a session: a one-time link to sign in with a key
)

// Session is somebody signed in to the web pages. It names a key and holds none: what one may do is what the key may do at each call, and
// the session of a revoked key is over.
type Session struct {
	Hash      [32]byte // SHA-256 of what the browser holds
	Kind      SessionKind
	KeyID     ID // zero for an operator
	CreatedAt time.Time
	SeenAt    time.Time // when it was last used, to a minute
	EndsAt    time.Time // at the latest
}

// Live reports whether the session still holds at now.
func (s *Session) Live(now time.Time) bool {
	return now.Before(s.EndsAt) && (s.Kind == SessionLink || now.Before(s.SeenAt.Add(SessionIdle)))
}

package models

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Organization is the tenant: it owns everything below it, and nothing of it is visible to another.
type Organization struct {
	ID        ID
	Name      string
	CreatedAt time.Time
	// SubscriptionQuota is how many subscriptions it may have: nil takes the operator's default, 0 sets no limit.
	SubscriptionQuota *int
}

// MaxOrganizationName is in characters.
const MaxOrganizationName = 128

// OrganizationNameRule is what [ValidOrganizationName] asks for, as a sentence for people.
const OrganizationNameRule = "A name has 1 to 128 characters, no blank around them and no control character."

// ValidOrganizationName reports whether an organization may have this name, however it comes to be made.
func ValidOrganizationName(name string) bool {
	n := utf8.RuneCountInString(name)
	return n > 0 && n <= MaxOrganizationName && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, unicode.IsControl)
}

// OrganizationQuery selects a page of all organizations, which are ordered by name.
type OrganizationQuery struct {
	Text  string // in the name, whatever its case, or the whole id; "" for all
	After string // the name to go on after, "" from the first
	Limit int
}

// Workspace is a part of an organization that events can belong to.
type Workspace struct {
	ID             ID
	OrganizationID ID
	Name           string
	CreatedAt      time.Time
}

// Environment says which events a key works with.
type Environment string

// The environments of a key.
const (
	Production Environment = "production" // sees and publishes production events, and sandbox ones where asked
	Sandbox    Environment = "sandbox"    // sees and publishes sandbox events only
)

// Role says what a key may do.
type Role string

// The roles.
const (
	RoleAdmin     Role = "admin"     // everything
	RoleManager   Role = "manager"   // everything but keys
	RolePublisher Role = "publisher" // publish, nothing else
	RoleReader    Role = "reader"    // read, with secrets masked
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleAdmin, RoleManager, RolePublisher, RoleReader} }

// Administers reports whether the key may manage the organization's keys: a sandbox key never may.
func (k *APIKey) Administers() bool { return k.Role == RoleAdmin && k.Environment == Production }

// Action is something a role may or may not do.
type Action string

// The actions.
const (
	ActionRead    Action = "read"
	ActionPublish Action = "publish"
	ActionManage  Action = "manage"
	ActionKeys    Action = "keys"
)

// May reports whether the role allows the action.
func (r Role) May(a Action) bool {
	switch r {
	case RoleAdmin:
		return true
	case RoleManager:
		return a != ActionKeys
	case RolePublisher:
		return a == ActionPublish
	case RoleReader:
		return a == ActionRead
	}
	return false
}

// APIKey is a credential of an organization. Its text is shown once, when it is made; only its hash is stored.
type APIKey struct {
	ID             ID
	OrganizationID ID
	Hash           [32]byte // SHA-256 of the key's text; the text has 256 random bits, so a slow hash would add nothing
	Hint           string   // the first characters of the text, to tell keys apart
	Name           string   // what it is for, in its owner's words; may be empty
	Role           Role
	Environment    Environment
	CreatedAt      time.Time
	RevokedAt      time.Time // zero while it is valid
}

// Ledger counts one organization's deliveries. At any moment Expected equals the sum of ByStatus, also after a crash.
type Ledger struct {
	OrganizationID ID
	Organization   string
	Events         int64 // accepted
	Expected       int64 // matches at acceptance, summed over the events
	ByStatus       map[DeliveryStatus]int64
}

// EntityRemoval is how far the removal of an entity's events has come.
type EntityRemoval struct {
	OrganizationID ID
	EntityKey      string
	RequestedAt    time.Time
	Events         int64 // removed so far
	Deliveries     int64 // removed so far, with their attempts
	Canceled       int64 // deliveries among them that were live
	Done           bool  // nothing is left
}

// Balanced reports whether the ledger adds up.
func (l Ledger) Balanced() bool {
	var sum int64
	for _, n := range l.ByStatus {
		sum += n
	}
	return sum == l.Expected
}

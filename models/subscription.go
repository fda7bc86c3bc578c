package models

import (
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Format names how a delivery is written on the wire.
type Format string

// The formats.
const (
	// FormatYousign is the vendor's flat seven-key body with its X-Yousign headers; the default.
	FormatYousign Format = "yousign"
	// FormatStandardWebhooks is that of https://www.standardwebhooks.com.
	FormatStandardWebhooks Format = "standard_webhooks"
	// FormatCloudEvents is CloudEvents 1.0 in binary mode: the data is the body, the attributes are headers.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsStructured is CloudEvents 1.0 in structured mode: one JSON object with attributes and data.
	FormatCloudEventsStructured Format = "cloudevents_structured"
	// FormatDocumenso is that of Documenso's webhooks: event, payload, createdAt, webhookEndpoint, and the secret in a header.
	FormatDocumenso Format = "documenso"
	// FormatQuicklySign is that of QuicklySign's callbacks: the entity's key, the event's name and the subscription's key.
	FormatQuicklySign Format = "quicklysign"
)

// Limits of a subscription, from the vendor's description of /webhooks and, where it is silent, our own choice.
const (
	MaxDescription   = 128  // characters
	MaxEndpoint      = 1024 // characters
	SecretLength     = 32   // characters
	MaxEntityKey     = 256  // bytes
	MaxPatterns      = 256  // entries of subscribed_events
	MaxScopes        = 16   // entries of scopes
	MaxWorkspaces    = 1000 // entries of workspaces
	MaxHeaders       = 10   // static headers
	MaxInFlightLimit = 256  // calls at the same time to one endpoint
)

// DefaultMaxInFlight is how many calls to one endpoint may run at the same time where the subscription does not say.
const DefaultMaxInFlight = 64

// Subscription says which events go to which endpoint.
//
// A value is immutable once it is shared: a change makes a new value with the next Version.
type Subscription struct {
	ID             ID
	OrganizationID ID
	Version        int   // 1 when created, one more with each change
	Revision       int64 // the place of the last change in the one sequence of all changes of all rules

	// The rules. An event matches when all of them hold; see Matches.
	Enabled    bool
	Sandbox    bool
	Events     []Pattern
	Scopes     []string
	Workspaces []string // "*" or canonical UUIDs
	EntityKey  string   // "" takes events of any entity and of none

	// Where and how to send.
	Endpoint    string
	Description *string
	Secret      Secret
	// SecretGeneration is how many secrets it had before Secret.
	SecretGeneration int
	// Rotation is the exchange of Secret for another one. Ask [Subscription.Signing] which of them signs.
	Rotation     Rotation
	Format       Format
	V0           bool // of QuicklySign's first API, which says subscription where the next one says webhook
	Headers      []Header
	AutoRetry    bool
	MaxInFlight  int           // 0: DefaultMaxInFlight
	RatePerSec   float64       // 0: no limit
	TimeoutFirst time.Duration // 0: the operator's default
	TimeoutRetry time.Duration // 0: the operator's default

	CreatedAt time.Time
	UpdatedAt time.Time // zero until the first change
	DeletedAt time.Time // zero while it exists

	// StoppedBelow is the version at which it was last disabled or deleted, 0 if it never was. What it matched before that is
	// stopped for good: enabling it again does not send what its owner wanted to stop.
	StoppedBelow int

	// SuspendedAt is when its deliveries began to be parked, zero while they are sent. It changes the revision and not the version,
	// because it is a state of the endpoint and no rule.
	SuspendedAt time.Time
	StateReason SuspendReason
}

// Header is a static header that goes with every call of a subscription. Its value may hold a credential.
type Header struct {
	Name  string
	Value Secret
}

// Matches is the rule of who gets an event, and the reference that the index is tested against.
func (s *Subscription) Matches(e *Event) bool {
	return s.OrganizationID == e.OrganizationID &&
		s.Live() && s.Sandbox == e.Sandbox &&
		slices.ContainsFunc(s.Events, func(p Pattern) bool { return p.Match(e.Name) }) &&
		(!Operational(e.Name) || !slices.Contains(s.Events, Any)) &&
		slices.ContainsFunc(s.Scopes, func(scope string) bool { return scope == Any || e.Scope != "" && scope == e.Scope }) &&
		(slices.Contains(s.Workspaces, Any) ||
			!e.WorkspaceID.IsZero() && slices.Contains(s.Workspaces, e.WorkspaceID.String())) &&
		(s.EntityKey == "" || s.EntityKey == e.EntityKey || s.EntityKey == e.EntityParentKey)
}

// Live reports whether the subscription may get calls at all: it exists and is enabled.
func (s *Subscription) Live() bool { return s.Enabled && s.DeletedAt.IsZero() }

// Key is the subscription's id as QuicklySign's users know it: opaque, safe in URLs, always the same. [ParseKey] reads it.
func (s *Subscription) Key() string { return s.ID.OpaqueKey() }

// ParseKey is the id in a key that [Subscription.Key] made, and false for any other text.
func ParseKey(key string) (id ID, ok bool) {
	if base64.RawURLEncoding.DecodedLen(len(key)) != len(id) {
		return ID{}, false
	}
	// Strict, because a key that was changed in its last bits must not name the same subscription.
	n, err := base64.RawURLEncoding.Strict().Decode(id[:], []byte(key))
	if err != nil || n != len(id) {
		return ID{}, false
	}
	return id, true
}

// Same reports whether both say the same, whoever they are and whenever they were stored: a change from one to the other changes nothing.
// The order of lists counts, since it is shown; that of headers does not, since they are an object.
func (s *Subscription) Same(other *Subscription) bool {
	return reflect.DeepEqual(s.said(), other.said())
}

// said is what a subscription says, without what the store knows of it.
func (s *Subscription) said() Subscription {
	c := *s
	c.ID, c.OrganizationID, c.Version, c.Revision, c.StoppedBelow = ID{}, ID{}, 0, 0, 0
	c.CreatedAt, c.UpdatedAt, c.SuspendedAt, c.StateReason = time.Time{}, time.Time{}, time.Time{}, ""
	c.Events, c.Scopes, c.Workspaces = nonempty(c.Events), nonempty(c.Scopes), nonempty(c.Workspaces)
	c.Headers = slices.SortedFunc(slices.Values(c.Headers), func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return c
}

// nonempty is nil in the place of a list with nothing in it.
func nonempty[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

// Suspended reports whether its deliveries are parked instead of sent.
func (s *Subscription) Suspended() bool { return !s.SuspendedAt.IsZero() }

// InFlight is how many calls to the endpoint may run at the same time.
func (s *Subscription) InFlight() int {
	if s.MaxInFlight > 0 {
		return s.MaxInFlight
	}
	return DefaultMaxInFlight
}

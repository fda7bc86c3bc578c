package models

import "time"

// EventQuery selects events of one organization, newest first. Zero fields do not filter.
type EventQuery struct {
	OrganizationID ID
	Sandbox        *bool
	Name           Pattern
	Scope          string
	WorkspaceID    ID
	EntityKey      string
	ParentKey      string    // entity_parent_key
	From, To       time.Time // accepted at From or later, and before To
	Unmatched      bool      // only events that matched no subscription
	After          ID        // continue after the event with this Ref
	Limit          int
}

// DeliveryQuery selects deliveries of one organization, newest first. Zero fields do not filter.
type DeliveryQuery struct {
	OrganizationID ID
	Sandbox        *bool
	SubscriptionID ID
	EventRef       ID
	Status         DeliveryStatus
	EventName      Pattern
	From, To       time.Time // created at From or later, and before To
	After          ID        // continue after the delivery with this ID
	Limit          int
}

// SubscriptionState filters subscriptions by how they are.
type SubscriptionState string

// The states that can be asked for. The zero value is all.
const (
	SubscriptionsActive    SubscriptionState = "active"    // enabled and not suspended
	SubscriptionsSuspended SubscriptionState = "suspended" // enabled, and their deliveries are parked
	SubscriptionsDisabled  SubscriptionState = "disabled"
	SubscriptionsRotating  SubscriptionState = "rotating" // one secret is being exchanged for another
	// SubscriptionsSilent are enabled and not suspended, and there was no attempt for as long as statistics are kept. Only the newest
	// MaxSilentSearch subscriptions are looked at.
	SubscriptionsSilent SubscriptionState = "silent"
)

// MaxSilentSearch is how many subscriptions are looked at to find those of [SubscriptionsSilent].
const MaxSilentSearch = 1000

// SubscriptionQuery selects subscriptions of one organization that were not deleted, newest first. Zero fields do not filter.
type SubscriptionQuery struct {
	OrganizationID ID
	Sandbox        *bool
	State          SubscriptionState
	WorkspaceID    ID     // gets the events of this workspace, because it names it or takes all
	IDs            []ID   // only these
	Text           string // is in the endpoint, the description or the names of events, in any case; or is the id
	After          ID     // continue after the subscription with this ID
	Limit          int
}

// SubscriptionLine is a subscription in a list. Its secrets are not opened.
type SubscriptionLine struct {
	ID          ID
	Endpoint    string
	Description string
	Sandbox     bool
	Enabled     bool
	Events      []Pattern
	CreatedAt   time.Time
	SuspendedAt time.Time // zero while it is not suspended
	StateReason SuspendReason
}

// ListPart is a part of a list as people page through it: newest first. Looking for what filters select goes through what they do not select
// as well, so it ends after a bounded number of rows; Reached then is where, and the zero ID where it did not have to end: the part is
// as long as was asked for, or there is nothing more.
type ListPart[T any] struct {
	Items   []T
	Reached ID // continue after it
}

// SubscriptionTitle is what a subscription is called where it is named beside something else.
type SubscriptionTitle struct {
	Endpoint    string
	Description string
	Sandbox     bool
	Deleted     bool
}

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

package models

import "time"

// SubscriptionVersion is a subscription as one change left it.
type SubscriptionVersion struct {
	Subscription *Subscription
	ChangedAt    time.Time
	ChangedBy    ID     // the key that made the change; zero where none did, such as a command of the operator
	KeyHint      string // of that key; "" where it is not known
}

// VersionQuery selects versions of one subscription, newest first; it may be deleted. Zero fields do not filter.
type VersionQuery struct {
	OrganizationID ID
	SubscriptionID ID
	Sandbox        *bool
	Before         int // continue before this version
	Limit          int
}

// Sighting says that events of a name were accepted of late.
type Sighting struct {
	Name  string
	Count int
	Last  time.Time // when the latest was accepted
}

// Sightings are the names of the latest events.
type Sightings struct {
	Names []Sighting
	// Events is how many were looked at, of the environment asked for. The oldest of them was accepted at Since, or when the period
	// asked for begins, where Complete says that no event of the period was left out.
	Events   int
	Since    time.Time
	Complete bool
}

package models

import "time"

// Instance is a process that sends, as the database knows it. Its number is its epoch: no other start ever has it.
type Instance struct {
	ID        int64
	Name      string
	StartedAt time.Time
	// HeartbeatAt is when it was last heard of or, if it is dead, when it was declared so. Both by the database's clock.
	HeartbeatAt time.Time
	Silent      time.Duration // since then, by the database's clock
	// Dead ones have no work of their own any more. Swept says that all they had was given to others.
	Dead, Swept bool
}

// Live reports whether the instance was heard of so recently that nobody takes its work.
func (i Instance) Live() bool { return !i.Dead && i.Silent < LiveFor }

// LiveFor is how recent an instance's heartbeat must be for it to count as live: the silence after which others take its work over.
const LiveFor = 10 * time.Second

// Storage is what the database takes up. Nothing in it is counted row by row.
type Storage struct {
	Bytes int64
	Free  int64 // bytes of these that hold nothing and will be used again; -1 where the database does not tell
	Parts []Part
	More  bool // there are more parts than were asked for
}

// Part is one day of a table.
type Part struct {
	Table string
	Day   time.Time // zero for what lies in no day that was prepared
	Rows  int64     // as the database estimates it; -1 before it has looked
	Bytes int64     // with indexes
}

// Lane is the queue of one subscription inside this instance.
type Lane struct {
	SubscriptionID ID
	Queued         int // deliveries in memory that wait for their call
	InFlight       int
	Window         int // calls that it may have in flight now; never more than the subscription's limit
	Limit          int
	Bytes          int    // of data held in memory or promised room
	Pace           string // quick, untried or slow: how its receiver answers
	Backlog        bool   // there are due deliveries in the database that memory had no room for
}

// QuotaUse is what an organization has of what is limited.
type QuotaUse struct {
	Organization  Organization
	Subscriptions int
	Workspaces    int
	Keys          int // valid ones
}

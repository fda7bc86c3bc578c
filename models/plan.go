package models

import "time"

// Outage is what a [RetryPlan] supposes: from Start until End every call fails, and from End on every call succeeds.
type Outage struct {
	Start, End time.Time     // the first attempt is at Start; a zero End never comes
	Reason     Reason        // how calls fail
	RetryAfter time.Duration // what the receiver asks for with each failure; 0 for nothing
}

// RetryPlan is what becomes of one delivery in an outage.
type RetryPlan struct {
	Attempts []PlannedAttempt
	// Status is how it ends without jitter: delivered, failed or canceled; retrying where the plan was cut off before its end. Reason says
	// why it was canceled, or how its last attempt failed.
	Status DeliveryStatus
	Reason Reason
	Jitter float64 // by which fraction a wait may be shorter or longer
}

// PlannedAttempt is one attempt of a plan.
type PlannedAttempt struct {
	Number int
	// At is when it is due without jitter. It is zero for an attempt that only happens where jitter has brought the ones before it
	// forward, so that they fell into the outage.
	At time.Time
	// Earliest and Latest bound when it can be due, whatever the jitter.
	Earliest, Latest time.Time
	// Succeeds says how it ends without jitter; where At is zero, how it ends at the earliest.
	Succeeds bool
	// Certain says that it happens, and ends that way, whatever the jitter.
	Certain bool
}

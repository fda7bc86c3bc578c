package models

import "time"

// Back is where a delivery goes when an attempt fails that somebody asked for: to where it was before.
type Back struct {
	Status DeliveryStatus
	DueAt  time.Time // when its next attempt was due; zero where none was
	Owed   bool
	Reason Reason
}

// Resendable reports whether a delivery in this status can be sent on demand. One that waits for its first attempt, or is being sent,
// is sent anyway.
func (s DeliveryStatus) Resendable() bool {
	return s != StatusPending && s != StatusDelivering
}

// ResendKind says what a [Resend] goes through.
type ResendKind string

// The kinds of jobs.
const (
	ResendRetry    ResendKind = "retry"    // deliveries, each of which is sent once more
	ResendBackfill ResendKind = "backfill" // events, of which a subscription gets those that match it now and that it never got
)

// ResendState is how far a [Resend] has come.
type ResendState string

// The states of a job.
const (
	ResendRunning  ResendState = "running"
	ResendDone     ResendState = "done"
	ResendCanceled ResendState = "canceled" // by call
	ResendStopped  ResendState = "stopped"  // the subscription of a backfill was deleted or disabled
)

// Limits of jobs.
const (
	MaxResendRate        = 1000 // a second
	DefaultResendRate    = 50   // a second
	MaxRunningResends    = 10   // per organization
	ResendSampleSize     = 10
	MaxResendPreview     = 20_000 // rows that a dry run looks at
	ResendKeptFor        = 30 * 24 * time.Hour
	MaxReplayTargets     = 1000 // subscriptions that one replay goes to
	MaxNamedReplayTarget = 100  // of them named by the caller
)

// Resend is a job that sends many again, at a pace. It belongs to an organization and goes on after a restart where it stood.
type Resend struct {
	ID             ID
	OrganizationID ID
	Kind           ResendKind
	State          ResendState

	// What to send. Zero fields do not filter, but for From and To, which are always there: created (a delivery) or accepted (an
	// event) at From or later, and before To.
	Sandbox        *bool // nil goes through both environments; that of a subscription is never nil
	SubscriptionID ID
	Status         DeliveryStatus
	EventName      Pattern
	From, To       time.Time

	RatePerSecond int
	Position      ID    // the last delivery or event that was looked at
	Sent          int64 // put in the queue
	Skipped       int64 // matched the filter, but could not be sent again
	CreatedAt     time.Time
	CreatedBy     ID // the API key
	UpdatedAt     time.Time
	EndedAt       time.Time // zero while it runs
}

// OfSandbox reports whether the job is of the sandbox. One that goes through both environments is of production, since it sends there too.
func (r *Resend) OfSandbox() bool { return r.Sandbox != nil && *r.Sandbox }

// Selects reports whether a job of kind retry is about a delivery. Tests it leaves alone: who asked for one has seen what became of it.
func (r *Resend) Selects(d *Delivery) bool {
	return d.OrganizationID == r.OrganizationID && !d.Test() && (r.Sandbox == nil || *r.Sandbox == d.Sandbox) &&
		(r.SubscriptionID.IsZero() || r.SubscriptionID == d.SubscriptionID) && (r.Status == "" || r.Status == d.Status) &&
		(r.EventName == "" || r.EventName.Match(d.EventName)) && !d.CreatedAt.Before(r.From) && d.CreatedAt.Before(r.To)
}

// Preview is what a dry run of a [Resend] finds.
type Preview struct {
	Matching int64
	Complete bool        // everything was looked at; otherwise Matching is a lower bound
	Sample   []Delivery  // the first few, for a job of kind retry
	Events   []EventHead // the first few, for a backfill
}

// EventHead is an event without its data.
type EventHead struct {
	ID         ID
	Name       string
	AcceptedAt time.Time
}

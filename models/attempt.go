package models

import "time"

// Attempt is one HTTP call of a delivery, with its outcome. That a call fails is data here, not an error.
type Attempt struct {
	DeliveryID     ID
	OrganizationID ID
	Number         int // 1 for the first
	StartedAt      time.Time
	Timings        Timings

	Success    bool
	Reason     Reason // "" on success
	Detail     string // a sentence for people, without secrets; "" on success
	StatusCode int    // of the last answer; 0 where there was none
	// RetryAfter is how long the receiver asked us to wait (Retry-After of a 429 or 503), 0 where it did not.
	RetryAfter time.Duration

	// SecretGeneration is that of the secret which signed as the current one; see [Subscription.Signing].
	SecretGeneration int

	Endpoint        string   // where the last request of the attempt went, without query
	Redirects       int      // followed
	RequestHeaders  []string // "Name: value" lines as sent; values of the subscription's own headers are masked
	ResponseHeaders []string // "Name: value" lines of the last answer, bounded
	ResponseBody    []byte   // the beginning of the last answer's body, bounded
	BodyTruncated   bool     // the answer went on after what was kept
}

// Timings are the parts of an attempt. A part that did not happen, as on a reused connection, is 0.
type Timings struct {
	DNS       time.Duration
	Connect   time.Duration
	TLS       time.Duration
	FirstByte time.Duration // from the start of the attempt to the first byte of the answer
	Total     time.Duration
}

// Job is all that one attempt of a delivery needs.
type Job struct {
	Delivery Delivery
	Event    *Event
	// Matched is the subscription as it was when the event was accepted. It decides the body and its format.
	Matched *Subscription
	// Current is the subscription as it is now. It decides the address, the secret, the static headers and the limits.
	Current *Subscription
	// Probe says that it was parked until it was claimed to find out whether the endpoint is well again. Drained says that it was
	// parked and the endpoint is thought to be well.
	Probe, Drained bool
}

// Result is an attempt's outcome and what it does to the delivery, to be recorded in one transaction.
type Result struct {
	Delivery Delivery // as it was when the attempt started; Owner fences the record
	// Uncounted says that the attempt does not count against the retry schedule.
	Uncounted bool
	Relapse   bool     // what was parked keeps failing, so the endpoint is to be suspended again
	Attempt   *Attempt // nil where the delivery was stopped before it was sent
	Status    DeliveryStatus
	DueAt     time.Time // when Status is retrying, or parked: then the place among the parked ones
	Owed      bool      // when Status is retrying or parked
	Reason    Reason
}

// ClaimAhead is how long before they are due deliveries are claimed. So each is sent at its own time; were they claimed when due, all
// that came due since the last look at the queue would be sent at once, every second anew. It is twice the time between two looks: so
// there is a second to claim in small parts what comes in the next one.
const ClaimAhead = 2 * time.Second

// Backlog says that a subscription has queued deliveries.
type Backlog struct {
	SubscriptionID ID
	Since          time.Time // the first of them is due
}

// Want asks for queued deliveries of one subscription.
type Want struct {
	SubscriptionID ID
	Limit          int
	// From is where the queue is looked at: what is due earlier is passed over. Zero is its beginning.
	From time.Time
}

// Pulse is what the retrier learns from one look at the database.
type Pulse struct {
	Revision int64 // of the rules
	Due      bool  // some queued delivery is due, or will be within ClaimAhead
	Unwell   bool  // some endpoint has a [Condition]
	Stopped  bool  // some subscription was stopped and its waiting deliveries are to be canceled
	Silent   bool  // some instance has not been heard of for too long
	Senders  int   // instances that send, as far as is known
}

package models

import "time"

// AttemptOutcome is what came of an attempt, for counting. The numbers are stored: they never change their meaning, and new ones go to the end.
type AttemptOutcome uint8

// The outcomes. One of a later version counts as unknown.
const (
	outcome2xx AttemptOutcome = iota
	outcome3xx
	outcome4xx
	outcome5xx
	outcomeOther // a status of no class that HTTP knows
	outcomeDNS
	outcomeConnect
	outcomeTLS
	outcomeTimeout
	outcomeReset
	outcomeProtocol
	outcomeTooManyRedirects
	outcomeBadRedirect
	outcomeBlocked
	outcomeInvalid
	outcomeUnknown // a reason that this list does not have

	// AttemptOutcomes is one more than the largest that can be stored.
	AttemptOutcomes = 32
)

// ReasonUnknown counts attempts that failed for a reason which the statistics do not know.
const ReasonUnknown Reason = "unknown"

// StatusClass is the first digit of an answer's status.
type StatusClass string

// The classes. None is that of attempts without a complete answer.
const (
	Class2xx   StatusClass = "2xx"
	Class3xx   StatusClass = "3xx"
	Class4xx   StatusClass = "4xx"
	Class5xx   StatusClass = "5xx"
	ClassOther StatusClass = "other"
	ClassNone  StatusClass = "none"
)

// outcomes says what each means. sent is false where the attempt did not come as far as the endpoint, so the time it took says nothing
// about that.
var outcomes = [...]struct {
	reason Reason
	class  StatusClass
	sent   bool
}{
	outcome2xx:              {"", Class2xx, true},
	outcome3xx:              {"", Class3xx, true},
	outcome4xx:              {ReasonStatus, Class4xx, true},
	outcome5xx:              {ReasonStatus, Class5xx, true},
	outcomeOther:            {ReasonStatus, ClassOther, true},
	outcomeDNS:              {ReasonDNS, ClassNone, false},
	outcomeConnect:          {ReasonConnect, ClassNone, false},
	outcomeTLS:              {ReasonTLS, ClassNone, false},
	outcomeTimeout:          {ReasonTimeout, ClassNone, true},
	outcomeReset:            {ReasonReset, ClassNone, true},
	outcomeProtocol:         {ReasonProtocol, ClassNone, true},
	outcomeTooManyRedirects: {ReasonTooManyRedirects, Class3xx, true},
	outcomeBadRedirect:      {ReasonBadRedirect, Class3xx, true},
	outcomeBlocked:          {ReasonBlockedAddress, ClassNone, false},
	outcomeInvalid:          {ReasonInvalid, ClassNone, false},
	outcomeUnknown:          {ReasonUnknown, ClassNone, false},
}

// Outcome is what came of the attempt.
func (a *Attempt) Outcome() AttemptOutcome {
	switch {
	case a.Success && a.StatusCode/100 == 3:
		return outcome3xx
	case a.Success:
		return outcome2xx
	case a.Reason == ReasonStatus && a.StatusCode/100 == 4:
		return outcome4xx
	case a.Reason == ReasonStatus && a.StatusCode/100 == 5:
		return outcome5xx
	case a.Reason == ReasonStatus:
		return outcomeOther
	}
	for o := outcomeDNS; o < outcomeUnknown; o++ {
		if outcomes[o].reason == a.Reason {
			return o
		}
	}
	return outcomeUnknown
}

// Success reports whether the attempt succeeded.
func (o AttemptOutcome) Success() bool { return o == outcome2xx || o == outcome3xx }

// Counts are what came of attempts over some time. All numbers are exact but for the percentiles of the latencies.
type Counts struct {
	Attempts, Succeeded int64
	// GaveUp are attempts that were the last of a delivery which then failed for good.
	GaveUp   int64
	ByReason map[Reason]int64      // of those that failed
	ByClass  map[StatusClass]int64 // of all
	// Latency has the attempts that came as far as the endpoint: not those that failed with dns, connect, tls, blocked_address or invalid.
	Latency Latencies
}

// NewCounts are those of no attempts.
func NewCounts() *Counts {
	return &Counts{ByReason: map[Reason]int64{}, ByClass: map[StatusClass]int64{}, Latency: Latencies{}}
}

// Add counts n attempts that ended and lasted alike.
func (c *Counts) Add(o AttemptOutcome, latencyBucket int, gaveUp bool, n int64) {
	o = min(o, outcomeUnknown)
	c.Attempts += n
	if o.Success() {
		c.Succeeded += n
	} else {
		c.ByReason[outcomes[o].reason] += n
	}
	if gaveUp {
		c.GaveUp += n
	}
	c.ByClass[outcomes[o].class] += n
	if outcomes[o].sent {
		c.Latency[latencyBucket] += n
	}
}

// Merge adds other counts.
func (c *Counts) Merge(other *Counts) {
	c.Attempts += other.Attempts
	c.Succeeded += other.Succeeded
	c.GaveUp += other.GaveUp
	for k, n := range other.ByReason {
		c.ByReason[k] += n
	}
	for k, n := range other.ByClass {
		c.ByClass[k] += n
	}
	for k, n := range other.Latency {
		c.Latency[k] += n
	}
}

// StatsQuery asks what came of the attempts of one organization that started at From or later, and before To. Both are full hours.
type StatsQuery struct {
	OrganizationID  ID
	SubscriptionIDs []ID // all where there are none
	Sandbox         bool
	From, To        time.Time
	Interval        time.Duration // of the buckets: an hour or a day (UTC)
}

// StatsBucket has the attempts that started within one interval.
type StatsBucket struct {
	At time.Time // its beginning
	*Counts
}

// Waiting is what a subscription, or an organization, has in the queue now.
type Waiting struct {
	Pending, Retrying, Parked int64
	// Capped says that there is more, because counting goes from one to the next and ends: at [MaxWaitingCount] that wait, at as many
	// that are parked, and at [MaxWaitingSubscriptions].
	Capped bool
	// NextRetries are the first few minutes in which some are due, the earliest first.
	NextRetries []NextRetry
}

// NextRetry is the first of the retries that are due in the same minute, and how many these are.
type NextRetry struct {
	At    time.Time
	Count int64
}

// Bounds of [Waiting].
const (
	MaxWaitingCount         = 10_000
	MaxWaitingSubscriptions = 1000
	MaxNextRetries          = 5
)

// ActivityHours is how many hours an [Activity] has.
const ActivityHours = 24

// Activity is how a subscription fared of late, in the environment that is its own.
type Activity struct {
	SubscriptionID ID
	Sandbox        bool
	// LastAt is when its last attempt started, zero where there was none for as long as statistics are kept.
	LastAt      time.Time
	LastSuccess bool
	// Hours are this hour, the last, and those before it, the oldest first.
	Hours [ActivityHours]HourActivity
}

// HourActivity has the attempts that started within one hour.
type HourActivity struct {
	At                time.Time // its beginning
	Succeeded, Failed int64
}

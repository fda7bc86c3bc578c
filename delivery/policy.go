package delivery

import (
	"fmt"
	"math"
	"time"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// MaxPostpone is the longest that a receiver's Retry-After can postpone the next attempt. Failure policy: longer wishes count as
// this, because a typing error in a receiver must not park its deliveries for years.
const MaxPostpone = 24 * time.Hour

// Policy is when a delivery is tried again. What the operator sets is for every format that has no backoff of its own: see [Policy.For].
type Policy struct {
	// Schedule holds the waits between attempts, each counted from the end of the attempt before. Its length is the number of
	// retries; an empty one means a single attempt.
	Schedule []time.Duration
	// Jitter is by which fraction, 0..1, a wait is stretched or shortened at most, so that receivers which failed together are
	// not called together again.
	Jitter float64
	// Backoff, where it is not zero, takes the place of the schedule: there is always a next attempt, whatever auto_retry says.
	Backoff format.Backoff
}

// For is the policy for deliveries in a format.
func (p Policy) For(name models.Format) Policy {
	if f, ok := format.For(name); ok {
		p.Backoff = f.Terms().Backoff
	}
	return p
}

// endless reports whether a delivery is tried until it succeeds or is stopped.
func (p Policy) endless() bool { return !p.Backoff.IsZero() }

// DefaultPolicy is the vendor's schedule (https://developers.yousign.com/docs/failure-and-retry-policy) with a tenth of jitter.
func DefaultPolicy() Policy {
	return Policy{
		Schedule: []time.Duration{
			2 * time.Minute, 6 * time.Minute, 30 * time.Minute,
			time.Hour, 5 * time.Hour, 18 * time.Hour, 24 * time.Hour, 48 * time.Hour,
		},
		Jitter: 0.1,
	}
}

// Limits of a schedule. An attempt's number is an int with room for far more; these keep a mistyped setting from becoming a flood
// or a wait for ever.
const (
	maxSteps = 100
	maxStep  = 30 * 24 * time.Hour
)

// Validate reports what is wrong with the policy: too many steps, a step outside (0, 30 days], a jitter outside [0, 1].
func (p Policy) Validate() error {
	if len(p.Schedule) > maxSteps {
		return fmt.Errorf("retry schedule has %d steps, at most %d are allowed", len(p.Schedule), maxSteps)
	}
	for i, step := range p.Schedule {
		if step <= 0 || step > maxStep {
			return fmt.Errorf("retry schedule: step %d is %s, want more than 0 and at most %s", i+1, step, maxStep)
		}
	}
	if math.IsNaN(p.Jitter) || p.Jitter < 0 || p.Jitter > 1 {
		return fmt.Errorf("retry jitter is %v, want 0 to 1", p.Jitter)
	}
	return nil
}

// Attempts is how many attempts a delivery has at most, where there is no backoff.
func (p Policy) Attempts() int { return len(p.Schedule) + 1 }

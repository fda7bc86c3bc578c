package delivery

import (
	"errors"
	"net/http"
	"time"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// Planner foretells when a delivery is tried. It asks [Decide] about each attempt, as the dispatcher does about real ones.
type Planner struct {
	// Policy is the operator's.
	Policy Policy
	// TimeoutFirst and TimeoutRetry are the operator's, where neither the subscription nor its format says. An attempt that times out
	// takes that long, and the wait for the next one begins after it.
	TimeoutFirst, TimeoutRetry time.Duration
}

// NewPlanner checks the policy.
func NewPlanner(p Planner) (*Planner, error) {
	if err := p.Policy.Validate(); err != nil {
		return nil, err
	}
	if p.TimeoutFirst <= 0 || p.TimeoutRetry <= 0 {
		return nil, errors.New("planner: both timeouts are required")
	}
	return &p, nil
}

// Bounds of a plan. Failure policy: it ends in the middle, with status retrying. The larger one is for outages that end, and has room for
// a year of retries that are never given up.
const (
	maxPlanned     = 2000
	maxPlannedOpen = 100
)

// FirstTimeout is how long the first attempt of a delivery of a subscription, as it is now, may take.
func (p *Planner) FirstTimeout(s *models.Subscription) time.Duration {
	return p.timeout(s, termsOf(s), 1)
}

// RetryPlan is what becomes of a delivery of a subscription, as it is now, whose first attempt is at the start of an outage. Attempts take
// no time unless they time out. The plan knows nothing of other deliveries: that the endpoint is suspended meanwhile, or has no room, is
// not in it.
func (p *Planner) RetryPlan(s *models.Subscription, o models.Outage) models.RetryPlan {
	plan := models.RetryPlan{Jitter: p.Policy.Jitter}
	d := models.Delivery{SubscriptionID: s.ID, SubscriptionVersion: s.Version, Status: models.StatusPending}
	if reason, stopped := d.Stopped(s); stopped {
		plan.Status, plan.Reason = models.StatusCanceled, reason
		return plan
	}
	// Three courses at once: no jitter, each wait as short as can be, each as long as can be. The short one has the most attempts.
	middle, early, late := newCourse(p, s, o, 0), newCourse(p, s, o, -1), newCourse(p, s, o, 1)
	most := maxPlanned
	if o.End.IsZero() {
		most = maxPlannedOpen
	}
	for number := 1; !early.ended && number <= most; number++ {
		a := models.PlannedAttempt{Number: number, Earliest: early.at, Latest: late.at}
		certain := !late.ended
		if late.ended { // it happens only if the one before it failed, which at the latest it did at the very end of the outage
			late.rewind()
			a.Latest = late.at
		}
		planned := !middle.ended
		if planned {
			a.At = middle.at
		}
		failsEarly, failsLate := early.attempt(), late.attempt()
		a.Succeeds = !failsEarly
		if planned {
			a.Succeeds = !middle.attempt()
		}
		a.Certain = planned && certain && failsEarly == failsLate
		plan.Attempts = append(plan.Attempts, a)
	}
	plan.Status, plan.Reason = middle.result.Status, middle.result.Reason
	return plan
}

// course is a delivery on its way through an outage, with a jitter of its own.
type course struct {
	p      *Planner
	s      *models.Subscription
	o      models.Outage
	jitter float64
	policy Policy
	terms  format.Terms

	at     time.Time // when the next attempt is due
	number int       // of the attempts made
	d      models.Delivery
	result models.Result
	ended  bool
}

func newCourse(p *Planner, s *models.Subscription, o models.Outage, jitter float64) *course {
	return &course{
		p: p, s: s, o: o, jitter: jitter, policy: p.Policy.For(s.Format), terms: termsOf(s), at: o.Start,
		d: models.Delivery{SubscriptionID: s.ID, SubscriptionVersion: s.Version, Status: models.StatusPending},
	}
}

// attempt makes the next attempt and reports whether it fails.
func (c *course) attempt() (fails bool) {
	fails = c.o.End.IsZero() || c.at.Before(c.o.End)
	c.decide(fails, c.at)
	return fails
}

// rewind lets the last attempt, which succeeded, have failed at the end of the outage instead.
func (c *course) rewind() {
	if c.result.Status == models.StatusDelivered {
		c.number--
		c.decide(true, c.o.End)
	}
}

// decide ends an attempt that was begun at an instant.
func (c *course) decide(fails bool, begun time.Time) {
	c.number++
	c.d.Attempts = c.number - 1
	a := models.Attempt{Number: c.number, StartedAt: begun, Success: !fails}
	end := begun
	if fails {
		a.Reason, a.RetryAfter = c.o.Reason, c.o.RetryAfter
		if a.Reason == models.ReasonTimeout {
			end = begun.Add(c.p.timeout(c.s, c.terms, c.number))
		}
		if a.Reason == models.ReasonStatus {
			a.StatusCode = http.StatusServiceUnavailable
		}
	}
	c.result = Decide(c.d, c.s, a, c.policy, end, c.jitter)
	if c.ended = c.result.Status != models.StatusRetrying; !c.ended {
		c.at, c.d.Owed = c.result.DueAt, c.result.Owed
	}
}

// timeout is how long an attempt may take.
func (p *Planner) timeout(s *models.Subscription, t format.Terms, number int) time.Duration {
	return timeout(s, &t, number, p.TimeoutFirst, p.TimeoutRetry)
}

// termsOf are those of the subscription's format; none where nobody knows it, which fails at every attempt.
func termsOf(s *models.Subscription) format.Terms {
	f, ok := format.For(s.Format)
	if !ok {
		return format.Terms{}
	}
	return f.Terms()
}

package delivery

import (
	"cmp"
	"time"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// backoff is the wait before the attempt that follows so many made ones, and false when no attempt is left. jitter in [-1, 1)
// moves it within the policy's fraction: -1 is the shortest wait, 0 the step itself. A backoff's longest wait is not stretched.
func (p Policy) backoff(made int, jitter float64) (time.Duration, bool) {
	if p.endless() {
		return min(p.stretched(p.Backoff.Wait(made), jitter), p.Backoff.Most), true
	}
	if made < 1 || made > len(p.Schedule) {
		return 0, false
	}
	return p.stretched(p.Schedule[made-1], jitter), true
}

// stretched is a wait with jitter.
func (p Policy) stretched(wait time.Duration, jitter float64) time.Duration {
	return wait + time.Duration(float64(wait)*p.Jitter*jitter)
}

// timeout is how long an attempt may take, the first being number 1: what the subscription says, or its format, or the operator.
func timeout(s *models.Subscription, t *format.Terms, number int, first, retry time.Duration) time.Duration {
	if number == 1 {
		return cmp.Or(s.TimeoutFirst, t.TimeoutFirst, first)
	}
	return cmp.Or(s.TimeoutRetry, t.TimeoutRetry, retry)
}

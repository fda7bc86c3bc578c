package delivery

import (
	"net/http"
	"time"

	"hookrouter/models"
)

// Decide says what an attempt does to its delivery. It is pure, and the only place that knows.
//
// d is the delivery as it was when the attempt started, s the subscription as it is at now, the end of the attempt; jitter is in
// [-1, 1), 0 for none.
//
//   - Success delivers.
//   - A failure of a test is final and counts for nothing: who asked for it has seen it (ADR 23).
//   - With auto_retry, a failure is tried again while the schedule has a step left.
//   - Without it, only a first attempt that timed out is, once, after the schedule's first step. That retry is owed: it does not
//     depend on auto_retry.
//   - Where the policy never gives up, every failure is tried again, and every retry is owed.
//   - Where a retry would be due but the subscription was deleted, disabled or had its auto_retry switched off meanwhile, the
//     delivery is canceled with that reason.
//   - Where it would be due but the subscription was suspended meanwhile, the delivery is parked.
//   - Every other failure is final.
//   - The failure of an attempt on demand changes nothing: the delivery is where it was before, unless it would wait for a subscription
//     that has stopped it meanwhile. Success delivers as always.
//
// Retry-After of a 429 or 503 postpones the retry, at most by [MaxPostpone], and never brings it forward.
func Decide(d models.Delivery, s *models.Subscription, a models.Attempt, p Policy, now time.Time, jitter float64) models.Result {
	r := models.Result{Delivery: d, Attempt: &a, Reason: a.Reason, Uncounted: d.Back != nil || d.Test()}
	switch {
	case a.Success:
		r.Status, r.Reason = models.StatusDelivered, ""
		return r
	case d.Back != nil:
		return wentBack(r, s)
	case d.Test():
		r.Status = models.StatusFailed
		return r
	}
	number := a.Number - d.Uncounted // among those that count
	wait, left := p.backoff(number, jitter)
	owed := p.endless() || !s.AutoRetry && number == 1 && a.Reason == models.ReasonTimeout
	// A second or later attempt that nobody owed was a retry under auto_retry, so that is what it had been.
	retries := s.AutoRetry || owed || number > 1 && !d.Owed
	if !left || !retries {
		r.Status = models.StatusFailed
		return r
	}
	after := d
	after.Attempts, after.Owed = a.Number, owed
	if reason, stopped := after.Stopped(s); stopped {
		r.Status, r.Reason = models.StatusCanceled, reason
		return r
	}
	if a.StatusCode == http.StatusTooManyRequests || a.StatusCode == http.StatusServiceUnavailable {
		wait = max(wait, min(a.RetryAfter, MaxPostpone))
	}
	r.Status, r.Owed, r.DueAt = models.StatusRetrying, owed, now.Add(wait)
	if s.Suspended() {
		r.Status = models.StatusParked
	}
	return r
}

// DecideProbe says what a probe does to its delivery: success delivers, and a failure parks it again where it was, without counting, or
// lets it wait there where the subscription was resumed meanwhile.
// Where the endpoint answered, the delivery goes behind the others, because it may be the delivery that the receiver can't take, and the
// next probe is to be made with another.
func DecideProbe(d models.Delivery, s *models.Subscription, a models.Attempt, now time.Time) models.Result {
	r := models.Result{Delivery: d, Attempt: &a, Uncounted: true, Reason: a.Reason}
	if a.Success {
		r.Status, r.Reason = models.StatusDelivered, ""
		return r
	}
	if reason, stopped := d.Stopped(s); stopped {
		r.Status, r.Reason = models.StatusCanceled, reason
		return r
	}
	r.Status, r.DueAt, r.Owed = models.StatusParked, d.DueAt, d.Owed
	if a.Reason == models.ReasonStatus {
		r.DueAt = now
	}
	if !s.Suspended() {
		r.Status = models.StatusPending // somebody has resumed it
	}
	return r
}

// wentBack is the result of an attempt on demand that failed.
func wentBack(r models.Result, s *models.Subscription) models.Result {
	back := r.Delivery.Back
	r.Status, r.DueAt, r.Owed = back.Status, back.DueAt, back.Owed
	if back.Status == models.StatusDelivered || back.Status == models.StatusCanceled {
		r.Reason = back.Reason
	}
	if !back.Status.Terminal() {
		after := r.Delivery
		after.Back, after.Owed = nil, back.Owed
		if reason, stopped := after.Stopped(s); stopped {
			r.Status, r.DueAt, r.Owed, r.Reason = models.StatusCanceled, time.Time{}, false, reason
		}
	}
	if r.Status == models.StatusParked && !s.Suspended() {
		r.Status = models.StatusPending // its place is in the queue again
	}
	return r
}

// parked is the result for a delivery whose subscription is suspended, before a call was made.
func parked(d models.Delivery) models.Result {
	due := d.DueAt
	if due.IsZero() {
		due = d.CreatedAt // it was handed over, so it never had a place in the queue
	}
	return models.Result{Delivery: d, Status: models.StatusParked, DueAt: due, Owed: d.Owed, Reason: d.Reason}
}

// canceled is the result for a delivery that its subscription stopped before a call was made. One that had ended and was asked for
// again is what it was.
func canceled(d models.Delivery, reason models.Reason) models.Result {
	if d.Back != nil && d.Back.Status.Terminal() {
		return models.Result{Delivery: d, Status: d.Back.Status, Reason: d.Back.Reason}
	}
	return models.Result{Delivery: d, Status: models.StatusCanceled, Reason: reason}
}

package format

import (
	"net/http"
	"time"
)

// Terms are what a format promises its receivers about calls, beside their bytes: which answers are a success, how long one may take, and
// when a failed one is made again. They are said here and kept by package delivery. See docs/adr/0027.
type Terms struct {
	// SuccessBelow ends the range of statuses that are a success; it begins with 200.
	SuccessBelow int
	// Redirects is how many redirects are followed. Where it is 0, one is an answer like any other.
	Redirects int
	// TimeoutFirst and TimeoutRetry bound the whole exchange of a first attempt and of a retry, where the subscription does not say. 0:
	// the operator's.
	TimeoutFirst, TimeoutRetry time.Duration
	// Backoff is when failed calls are made again. Zero: by the operator's schedule, as auto_retry has it.
	Backoff Backoff
}

// Success reports whether an answer with this status is a success.
func (t *Terms) Success(status int) bool {
	return status >= http.StatusOK && status < t.SuccessBelow
}

// Backoff are waits that grow and never end: the first, each Factor times the one before, none longer than Most. The zero value has none.
type Backoff struct {
	First  time.Duration
	Factor int
	Most   time.Duration
}

// IsZero reports whether there are no such waits.
func (b Backoff) IsZero() bool { return b.First == 0 }

// Wait is the wait that follows so many made attempts, 1 or more.
func (b Backoff) Wait(made int) time.Duration {
	wait := b.First
	for ; made > 1 && wait < b.Most; made-- {
		wait *= time.Duration(b.Factor)
	}
	return min(wait, b.Most)
}

// vendorTerms are those of every format whose specification does not say: 2xx and 3xx are a success, two redirects are followed, times and
// retries are the operator's (https://developers.yousign.com/docs/failure-and-retry-policy).
type vendorTerms struct{}

// Terms are the vendor's.
func (vendorTerms) Terms() Terms { return Terms{SuccessBelow: 400, Redirects: 2} }

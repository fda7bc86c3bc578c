package delivery

import (
	"net/http"
	"time"

	"hookrouter/models"
)

// window is how many calls one lane may have in flight. It starts small, because nothing is known of the receiver, grows by one
// with each fast success (so it doubles with each full round) and halves when the receiver shows that it is overloaded.
type window struct {
	size int
}

const (
	// firstWindow is the size that a lane starts with.
	firstWindow = 4
	// fastAnswer is how quick a success must be to count as a sign that the receiver can take more: half the time that a first
	// attempt has. A receiver near its limit answers ever slower, and is then left where it is.
	fastAnswer = 500 * time.Millisecond
)

// observe learns from an attempt. limit is the subscription's.
func (w *window) observe(a *models.Attempt, limit int) {
	switch {
	case a.Success && a.Timings.Total < fastAnswer:
		w.size++
	case a.Reason == models.ReasonTimeout,
		a.StatusCode == http.StatusTooManyRequests, a.StatusCode == http.StatusServiceUnavailable:
		w.size /= 2
	}
	w.size = min(max(w.size, 1), limit)
}

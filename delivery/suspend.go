package delivery

import (
	"fmt"
	"time"
)

// SuspendPolicy is when an endpoint that keeps failing is suspended.
type SuspendPolicy struct {
	// After is how many consecutive counted attempts must have failed, over all instances; 0 never suspends for failures.
	After int
	// Window is how long they must have been failing at least, so that a burst of calls into a restart is not taken for an outage.
	Window time.Duration
}

// maxSuspendWindow bounds the window: an outage that is longer than this has burned most of the schedule.
const maxSuspendWindow = 7 * 24 * time.Hour

// Validate reports what is wrong with the policy: a negative number, or a window of more than 7 days.
func (p SuspendPolicy) Validate() error {
	if p.After < 0 || p.Window < 0 || p.Window > maxSuspendWindow {
		return fmt.Errorf("suspend after %d failures in %s: want no negative number, and at most %s", p.After, p.Window, maxSuspendWindow)
	}
	return nil
}

// suspends reports whether so many consecutive failures since then lead to suspension now.
func (p SuspendPolicy) suspends(failures int, since, now time.Time) bool {
	return p.After > 0 && failures >= p.After && now.Sub(since) >= p.Window
}

// warns is the largest of 50, 75 and 90 percent of the failures that lead to suspension which is passed between two counts; 0 for none.
func (p SuspendPolicy) warns(before, after int) int {
	if p.After == 0 {
		return 0
	}
	for _, percent := range [...]int{90, 75, 50} {
		if at := (p.After*percent + 99) / 100; before < at && after >= at {
			return percent
		}
	}
	return 0
}

// Waits before probes of a suspended endpoint: the first, and the longest. Each is twice the one before.
const (
	firstProbe   = time.Minute
	longestProbe = 15 * time.Minute
)

// probeWait is the wait before the next probe when so many were made.
func probeWait(made int) time.Duration {
	return min(firstProbe<<min(made, 8), longestProbe)
}

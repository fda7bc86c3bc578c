//go:build !linux

package routing

import "time"

var started = time.Now()

// threadTime is the time that has passed, for want of a clock of the thread.
func threadTime() time.Duration { return time.Since(started) }

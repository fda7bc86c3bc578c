package routing

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime is what the calling thread has spent on a CPU. On a machine that has other work, it says what a call takes; a clock
// on the wall would say how long it had to wait for its turn.
func threadTime() time.Duration {
	var at unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &at); err != nil {
		panic(err)
	}
	return time.Duration(at.Nano())
}

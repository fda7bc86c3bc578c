package web

import (
	"hash/maphash"
	"net"
	"sync"
	"time"
)

const (
	// Failure policy: an address that failed to sign in this often within a minute waits until the minute is over. What is right passes in
	// any case, because behind a proxy all readers have one address, and nobody may lock the others out.
	maxAttempts   = 10
	attemptWindow = 60 // seconds
	// Addresses share this many counters, so that an attacker with many addresses can't fill the memory.
	attemptSlots = 256
)

// attempts counts failures to sign in by address.
type attempts struct {
	seed  maphash.Seed
	mu    sync.Mutex
	slots [attemptSlots]struct {
		window int64
		count  int
	}
}

func newAttempts() *attempts { return &attempts{seed: maphash.MakeSeed()} }

// failed counts a failure and reports for how many seconds the address has to wait, 0 for none.
func (a *attempts) failed(remote string, now time.Time) int {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	slot := &a.slots[maphash.String(a.seed, host)%attemptSlots]
	if window := now.Unix() / attemptWindow; slot.window != window {
		slot.window, slot.count = window, 0
	}
	if slot.count++; slot.count <= maxAttempts {
		return 0
	}
	return int(attemptWindow - now.Unix()%attemptWindow)
}

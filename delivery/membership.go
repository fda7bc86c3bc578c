package delivery

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"hookrouter/models"
)

// membership is this process's standing among the instances: its number, and how long ago the database last heard of it. Other
// instances take over what a silent one owns, so one that may be taken for dead must not send.
type membership struct {
	queue     Queue
	name      string
	every     time.Duration
	holdAfter time.Duration
	now       func() time.Time
	logger    *slog.Logger
	onFenced  func(owner int64) // everything under that number belongs to others
	onRevived func()            // work may go on
	oldest    func() models.ID  // of what was handed over and is in hand

	term  atomic.Pointer[term] // nil while the instance has no number
	nudge chan struct{}        // holds at most one: see to it now
	held  bool                 // the heartbeat failed for too long; used by run's goroutine alone
}

// term is a number, the moment of its last good heartbeat, and since when they have been good without a gap; zero where the last one
// failed.
type term struct {
	owner       int64
	good, since time.Time
}

func newMembership(o *Options, onFenced func(int64), onRevived func(), oldest func() models.ID) *membership {
	return &membership{
		queue: o.Queue, name: o.Name, every: o.HeartbeatEvery, holdAfter: o.HoldAfter, now: o.Now, logger: o.Logger,
		onFenced: onFenced, onRevived: onRevived, oldest: oldest, nudge: make(chan struct{}, 1),
	}
}

// current is the instance's number, and false while it has none or may have been declared dead.
func (m *membership) current(now time.Time) (int64, bool) {
	t := m.term.Load()
	if t == nil || now.Sub(t.good) >= m.holdAfter {
		return 0, false
	}
	return t.owner, true
}

// identity is the instance's number, however long it was not heard of; 0, which nobody has, while it has none.
func (m *membership) identity() int64 {
	t := m.term.Load()
	if t == nil {
		return 0
	}
	return t.owner
}

// steady is how long the heartbeats have been good without a gap. An instance that had one can't tell the silence of others from that
// of the database: after an outage everyone's last heartbeat is old.
func (m *membership) steady(now time.Time) time.Duration {
	t := m.term.Load()
	if t == nil || t.since.IsZero() || now.Sub(t.good) >= m.holdAfter {
		return 0
	}
	return now.Sub(t.since)
}

// register gets a number.
func (m *membership) register(ctx context.Context) error {
	start := m.now() // before the call, so that our clock of silence never runs behind the database's
	owner, err := m.queue.RegisterInstance(ctx, m.name)
	if err != nil {
		return err
	}
	m.term.Store(&term{owner: owner, good: start, since: start})
	return nil
}

// run sends heartbeats until ctx ends. It has its own goroutine and does nothing else, so that no amount of work delays it.
func (m *membership) run(ctx context.Context) {
	ticker := time.NewTicker(m.every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.nudge:
		case <-ticker.C:
		}
		m.beat(ctx)
	}
}

// beat sends one heartbeat, or gets a new number where there is none.
func (m *membership) beat(ctx context.Context) {
	// Failure policy: a call that hangs is given up, since the next one may come through on another connection. The time between two
	// heartbeats is at most half of holdAfter.
	call, cancel := context.WithTimeout(ctx, m.every)
	defer cancel()
	t := m.term.Load()
	if t == nil {
		if err := m.register(call); err != nil {
			m.complain(ctx, err)
			return
		}
		m.resume()
		return
	}
	start := m.now()
	err := m.queue.Heartbeat(call, t.owner, m.reach(t, start))
	switch {
	case models.CodeOf(err) == models.CodeFenced:
		m.lose(t.owner)
	case err != nil:
		m.term.CompareAndSwap(t, &term{owner: t.owner, good: t.good})
		m.complain(ctx, err)
	case m.term.CompareAndSwap(t, t.heard(start, m.holdAfter)):
		// Always, since workers are refused by the clock: one may have ended between holdAfter and the answer to this heartbeat.
		m.resume()
	}
}

// commitAge is more than how old a delivery can be that is handed over, when its commit has ended. See routing.handoverAge.
const commitAge = time.Minute

// reach is the smallest id that may be in hand. Failure policy: after a gap the memory is not asked alone, because a process that was
// suspended, or whose clock was set, may have deliveries in a commit that are older than any can be by the present clock. With the
// next heartbeat they are in memory, or their commit has failed.
func (m *membership) reach(t *term, now time.Time) models.ID {
	oldest := m.oldest()
	// By the wall clock, which goes on while a machine is suspended and which ids are made by.
	if now.Round(0).Sub(t.good.Round(0)) < m.holdAfter {
		return oldest
	}
	before := models.FloorID(t.good.Add(-commitAge))
	if oldest.IsZero() || before.Compare(oldest) < 0 {
		return before
	}
	return oldest
}

// heard is the term after a good heartbeat.
func (t *term) heard(at time.Time, holdAfter time.Duration) *term {
	since := t.since
	if since.IsZero() || at.Sub(t.good) >= holdAfter {
		since = at
	}
	return &term{owner: t.owner, good: at, since: since}
}

// lose gives a number up that was declared dead, and asks for a new one. Others than the heartbeat may notice first.
func (m *membership) lose(owner int64) {
	t := m.term.Load()
	if t == nil || t.owner != owner || !m.term.CompareAndSwap(t, nil) {
		return // noticed before
	}
	m.onFenced(owner)
	select {
	case m.nudge <- struct{}{}:
	default:
	}
}

func (m *membership) resume() {
	if m.held {
		m.held = false
		m.logger.Info("instance.resumed")
	}
	m.onRevived()
}

// complain logs an outage when it begins to matter, not every two seconds.
func (m *membership) complain(ctx context.Context, err error) {
	if ctx.Err() != nil || m.held {
		return
	}
	if _, ok := m.current(m.now()); !ok {
		m.held = true
		m.logger.Error("instance.held", "error", err)
		return
	}
	m.logger.Warn("instance.heartbeat", "error", err)
}

// leave deregisters the instance: what it still owns is given back.
func (m *membership) leave(ctx context.Context) error {
	t := m.term.Swap(nil)
	if t == nil {
		return nil
	}
	return m.queue.Deregister(ctx, t.owner)
}

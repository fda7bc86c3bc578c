package routing

import (
	"sync"
	"sync/atomic"
	"time"

	"hookrouter/models"
)

// submission is what one call of Accept brought. Its events stay together in one commit.
type submission struct {
	events  []*models.Event
	size    int // bytes of data
	arrived time.Time

	items    []item // made by the committer that took it
	revision int64  // the rules that items were matched by
	outcomes []models.Outcome

	answered chan struct{} // closed when outcomes is there
	// settled is set by whoever decides how the call ends: the committer that answers it, or the caller that stops waiting. The
	// other one sees that it came second.
	settled atomic.Bool
}

// item is an event on its way into the database.
type item struct {
	accepted *models.Accepted
	subs     []*models.Subscription // that matched, one for each of its deliveries
	enqueued int                    // deliveries that were handed over
	outdated bool                   // checked by an event type that has changed since: it is not stored
}

// intake is where submissions wait for a commit: first come, first served, bounded. Where nothing is being committed, a committer takes at
// once whatever waits. Beside a commit another one begins when as many events wait as are being committed, at once where there are few,
// and under load late enough that few commits carry all; or when that takes too long, because a commit can hang.
type intake struct {
	maxEvents, maxSize           int // of all that is not answered yet
	maxBatchEvents, maxBatchSize int

	mu           sync.Mutex
	work         sync.Cond // it may be time for a commit, or the intake was closed
	waiting      []*submission
	gathered     int  // events that wait
	events, size int  // waiting or being committed
	overdue      bool // what waits has waited long enough for others
	alarm        *time.Timer
	closed       bool
}

// patience is for how long a submission may wait for its commit to begin. Failure policy: while the oldest has waited for longer, commits
// have fallen behind and newcomers are refused, long before memory is full. One that has itself waited for longer when its turn comes is
// refused, too: after a commit that hung, those behind it would else wait for one timeout after the other.
const patience = 5 * time.Second

// company is how long what waits beside a commit waits for more. Under load it is about as long as a commit takes.
const company = 10 * time.Millisecond

// behind is the answer to a submission that is not stored because others wait before it.
func behind() error {
	return models.Errorf(models.CodeUnavailable, "Too many events are waiting to be stored. Publish the event again later.")
}

// put queues a submission. It fails with code unavailable when there is no room, commits have fallen behind, or the intake is closed.
//
// Failure policy: at once rather than later, because a publisher that is told to come back keeps its event, and a queue that
// grows only adds delay. An intake that holds nothing takes any submission, so none is too large for ever.
func (q *intake) put(s *submission) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return models.Errorf(models.CodeUnavailable, "The service is shutting down. Publish the event again.")
	}
	if q.events > 0 && (q.events+len(s.events) > q.maxEvents || q.size+s.size > q.maxSize) {
		return behind()
	}
	if len(q.waiting) > 0 && s.arrived.Sub(q.waiting[0].arrived) > patience {
		return behind()
	}
	q.events += len(s.events)
	q.size += s.size
	q.gathered += len(s.events)
	q.waiting = append(q.waiting, s)
	q.tell()
	return nil
}

// worthwhile reports whether it is time for a commit. The lock is held.
func (q *intake) worthwhile() bool {
	return len(q.waiting) > 0 && (q.closed || q.overdue || q.gathered >= q.events-q.gathered)
}

// tell wakes a committer where it is time for a commit, and otherwise sees to it that somebody will. The lock is held.
func (q *intake) tell() {
	switch {
	case q.worthwhile():
		q.work.Signal()
	case len(q.waiting) > 0 && q.alarm == nil:
		q.alarm = time.AfterFunc(company, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.overdue, q.alarm = true, nil
			q.work.Signal()
		})
	}
}

// take waits for submissions and appends the next batch to buf: at least one, and more while they fit. It appends none when the
// intake is closed and empty.
func (q *intake) take(buf []*submission) []*submission {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.worthwhile() && (!q.closed || len(q.waiting) > 0) {
		q.work.Wait()
	}
	events, size, n := 0, 0, 0
	for _, s := range q.waiting {
		events += len(s.events)
		size += s.size
		if n > 0 && (events > q.maxBatchEvents || size > q.maxBatchSize) {
			break
		}
		n++
	}
	for _, s := range q.waiting[:n] {
		buf = append(buf, s)
		q.gathered -= len(s.events)
	}
	clear(q.waiting[:n]) // the array lives on
	q.waiting = q.waiting[n:]
	q.overdue = false
	if q.alarm != nil {
		q.alarm.Stop()
		q.alarm = nil
	}
	q.tell() // the one who was woken for what is left may have been us
	return buf
}

// leave gives back the room of a submission that was answered.
func (q *intake) leave(s *submission) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events -= len(s.events)
	q.size -= s.size
	q.tell()
}

// close refuses new submissions. Those that wait are still taken.
func (q *intake) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.work.Broadcast()
}

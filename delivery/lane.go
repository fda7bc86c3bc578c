package delivery

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"hookrouter/models"
)

// class says which of a lane's two queues a job is in.
type class int

const (
	fresh   class = iota // never attempted, and not sent again
	retries              // attempted before, or sent again
	classes              // how many there are
)

func classOf(d *models.Delivery) class {
	if d.Attempts > 0 || d.Replay || d.Back != nil {
		return retries
	}
	return fresh
}

// lane is the queue of one subscription. Its fields are the board's and guarded by the dispatcher's lock.
type lane struct {
	id    models.ID
	queue [classes]fifo[models.Job]
	ready [classes][paces]bool // whether it stands in the board's line of that class and pace
	turn  int                  // counts its sends while both queues hold jobs; see retryTurn

	reserved int // rooms promised to deliveries that are being committed
	claiming int // rooms promised to a claim that is under way
	inFlight int
	held     int // jobs in memory, promised room or in flight: the sum of the above
	bytes    int // of their data, or what is expected of it
	size     int // of one delivery's data, on average of late; at least 1
	window   window
	limit    int // the subscription's bound of inFlight
	tempo    tempo

	stays pace // as which the board's memory counts it; see regard

	limiter  *rate.Limiter // nil without a rate
	perSec   float64
	sleeping bool // waits for its rate; a timer wakes it
	early    bool // its next retry is not due yet; a timer says when
	parting  bool // stands in the board's list of lanes that may soon be forgotten

	// backlog says that the database may hold due deliveries of this lane: claim them when there is room.
	backlog bool
	// behind says that it holds more than the lane could take. Nothing is reserved until a claim finds no more, so that older ones go
	// first. It is not the same as backlog: what arrives while a claim is under way must not keep the lane behind for ever.
	behind bool
	// from is where claims begin to look: nothing in the database is due before, as far as this instance knows. Zero is not known. What comes in
	// before it unheard of, such as a result that was stored late, is found by the next look.
	// Postgres keeps what was claimed in its index until the next vacuum, and a claim that began at the front would walk past all of it.
	from   time.Time
	listed bool // stands in the board's list of lanes with a backlog
	marks  int  // counts how often backlog was set, so that a claim which began before does not clear it
}

// retryTurn keeps a lane's retries from starving behind a steady stream of fresh deliveries: every so manieth send of a lane that
// has both is a retry.
const retryTurn = 10

const (
	// assumedSize is the size of a delivery's data, in bytes, where none was seen yet.
	assumedSize = 4 << 10
	// sizeMemory is over how many deliveries, roughly, the average size is taken.
	sizeMemory = 8
	// rateAhead is how many seconds' worth of its rate a lane may hold: enough to go on while a claim is made. More would hold memory
	// for as long as the rate takes.
	rateAhead = 4
)

func newLane(id models.ID) *lane {
	return &lane{id: id, size: assumedSize, window: window{size: firstWindow}, limit: models.DefaultMaxInFlight, stays: untried}
}

// apply takes over the subscription's present limits: its part of them, where several instances send. Each may have at least one call
// in flight.
func (l *lane) apply(s *models.Subscription, senders int) {
	l.limit = (s.InFlight() + senders - 1) / senders
	l.window.size = min(l.window.size, l.limit)
	perSec := s.RatePerSec / float64(senders)
	if perSec == l.perSec {
		return
	}
	l.perSec = perSec
	if l.perSec <= 0 {
		l.limiter = nil
		return
	}
	// A tenth of a second's worth may go at once: smooth for the receiver, and few wake-ups for us.
	l.limiter = rate.NewLimiter(rate.Limit(l.perSec), max(1, int(l.perSec/10)))
}

func (l *lane) queued() int { return l.queue[fresh].size + l.queue[retries].size }

// rateRoom is how many jobs more may wait for the lane's rate.
func (l *lane) rateRoom() int {
	if l.perSec <= 0 {
		return math.MaxInt
	}
	// Calls in flight have had their token. The bound is far above any that matters, and keeps the product an int.
	ahead := max(1, int(min(l.perSec*rateAhead, 1<<30)))
	return ahead - (l.queued() + l.reserved + l.claiming)
}

// learn takes a delivery's size into the average.
func (l *lane) learn(size int) { l.size = max(l.size+(size-l.size)/sizeMemory, 1) }

// full reports whether the lane's rate remembers no call: a new limiter would be the same.
func (l *lane) full(now time.Time) bool {
	return l.limiter == nil || l.limiter.TokensAt(now) >= float64(l.limiter.Burst())
}

// open reports whether the lane may start a call, its rate aside.
func (l *lane) open() bool { return !l.sleeping && l.inFlight < l.window.size && l.inFlight < l.limit }

// take removes the job to send next. The class asked for has one.
func (l *lane) take(c class, now time.Time) models.Job {
	if l.queue[fresh].size > 0 && l.queue[retries].size > 0 && l.untilDue(now) <= 0 {
		l.turn++
		if l.turn%retryTurn == 0 {
			c = retries
		}
	}
	return l.queue[c].pop()
}

// untilDue is how long the first of its retries is not to be sent yet.
func (l *lane) untilDue(now time.Time) time.Duration {
	return l.queue[retries].at(0).Delivery.DueAt.Sub(now)
}

// wait is how long the lane's rate makes the next call wait; 0 means go, and takes a token.
func (l *lane) wait(now time.Time) time.Duration {
	if l.limiter == nil || l.limiter.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.limiter.TokensAt(now)
	return max(time.Duration(missing/l.perSec*float64(time.Second)), time.Millisecond)
}

// idle reports whether forgetting the lane loses nothing but what it has learned of its receiver.
func (l *lane) idle() bool { return l.held == 0 && !l.backlog && !l.sleeping }

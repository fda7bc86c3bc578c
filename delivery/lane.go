package delivery

import (
	"time"

	"golang.org/x/time/rate"

	"hookrouter/models"
)

// class says which of a lane's two queues a job is in.
type class int

const (
	fresh   class = iota // never attempted
	retries              // attempted before
	classes              // how many there are
)

func classOf(d *models.Delivery) class {
	if d.Attempts > 0 {
		return retries
	}
	return fresh
}

// lane is the queue of one subscription. Its fields are the board's and guarded by the dispatcher's lock.
type lane struct {
	id    models.ID
	queue [classes]fifo[models.Job]
	ready [classes]bool // whether it stands in the board's line of that class
	turn  int           // counts its sends while both queues hold jobs; see retryTurn

	reserved int // rooms promised to deliveries that are being committed
	claiming int // rooms promised to a claim that is under way
	inFlight int
	bytes    int // of data that is held in memory or reserved
	window   window
	limit    int // the subscription's bound of inFlight

	limiter  *rate.Limiter // nil without a rate
	perSec   float64
	sleeping bool // waits for its rate; a timer wakes it

	// backlog says that the database may hold due deliveries of this lane: claim them when there is room.
	backlog bool
	// behind says that it holds more than the lane could take. Nothing is reserved until a claim finds no more, so that older ones go
	// first. It is not the same as backlog: what arrives while a claim is under way must not keep the lane behind for ever.
	behind bool
	listed bool // stands in the board's list of lanes with a backlog
	marks  int  // counts how often backlog was set, so that a claim which began before does not clear it
}

// retryTurn keeps a lane's retries from starving behind a steady stream of fresh deliveries: every so manieth send of a lane that
// has both is a retry.
const retryTurn = 10

func newLane(id models.ID) *lane {
	return &lane{id: id, window: window{size: firstWindow}, limit: models.DefaultMaxInFlight}
}

// apply takes over the subscription's present limits.
func (l *lane) apply(s *models.Subscription) {
	l.limit = s.InFlight()
	l.window.size = min(l.window.size, l.limit)
	if s.RatePerSec == l.perSec {
		return
	}
	l.perSec = s.RatePerSec
	if l.perSec <= 0 {
		l.limiter = nil
		return
	}
	// A tenth of a second's worth may go at once: smooth for the receiver, and few wake-ups for us.
	l.limiter = rate.NewLimiter(rate.Limit(l.perSec), max(1, int(l.perSec/10)))
}

// held is how many jobs the lane keeps in memory or has promised room to.
func (l *lane) held() int {
	return l.queued() + l.reserved + l.claiming + l.inFlight
}

func (l *lane) queued() int { return l.queue[fresh].size + l.queue[retries].size }

// open reports whether the lane may start a call, its rate aside.
func (l *lane) open() bool { return !l.sleeping && l.inFlight < l.window.size && l.inFlight < l.limit }

// take removes the job to send next. The class asked for has one.
func (l *lane) take(c class) models.Job {
	if l.queue[fresh].size > 0 && l.queue[retries].size > 0 {
		l.turn++
		if l.turn%retryTurn == 0 {
			c = retries
		}
	}
	return l.queue[c].pop()
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
func (l *lane) idle() bool { return l.held() == 0 && !l.backlog && !l.sleeping }

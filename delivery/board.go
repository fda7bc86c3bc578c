package delivery

import (
	"time"

	"hookrouter/models"
)

// board is everything that waits to be sent or is being sent, and the rules of who is next. It has no lock, no clock and no
// goroutine: the dispatcher holds its lock around every call and says what time it is.
//
// Lanes that have work stand in line, one line for fresh deliveries and one for retries, and take turns: a lane sends one and
// goes to the end. Fresh deliveries go first. Of all slots a tenth is left to retries, and they may take half: a retry may last ten
// times as long as a first attempt, so hanging receivers would otherwise hold every slot with them.
//
// Memory is shared so that receivers which are stuck leave room for the others. A lane may hold a number of jobs for each slot of its
// window, so one that times out and shrinks soon holds next to nothing: what is too much then goes back to the database. And no lane
// holds more than a part of what is free.
type board struct {
	maxInFlight, maxJobs, maxBytes, maxPerLane int

	lanes map[models.ID]*lane
	line  [classes]fifo[*lane]
	// backlogs lists the lanes whose backlog is in the database, in the order in which they are claimed for.
	backlogs fifo[*lane]

	jobs     int // in memory or promised room, over all lanes
	bytes    int // of their data
	inFlight [classes]int
	starved  bool // a claim was put off for lack of room

	now     time.Time   // the latest that next was told
	parting fifo[*lane] // lanes to forget as soon as their rate allows
}

// task is a job on its way to the wire.
type task struct {
	lane  *lane
	job   models.Job
	class class
}

const (
	// roomPerSlot is how many jobs a lane may hold for each slot of its window: enough that a fast lane never runs dry between two
	// claims, and so few that a thousand stuck lanes fit into the default memory.
	roomPerSlot = 16
	// share is the part of the free memory, 1/share, that one lane may hold.
	share = 4
	// modestRoom is what a lane may hold however little is free, so that it is not claimed for one by one.
	modestRoom = 8
	// keepLanes is how many idle lanes are remembered, with what they learned of their receivers.
	keepLanes = 10_000
)

func newBoard(o *Options) board {
	return board{
		maxInFlight: o.MaxInFlight, maxJobs: o.MaxJobs, maxBytes: o.MaxBytes, maxPerLane: o.MaxPerLane,
		lanes: make(map[models.ID]*lane),
	}
}

// lane finds or makes a subscription's lane.
func (b *board) lane(id models.ID) *lane {
	l, ok := b.lanes[id]
	if !ok {
		l = newLane(id)
		b.lanes[id] = l
	}
	return l
}

// room is how many jobs more the lane may hold.
func (b *board) room(l *lane) int {
	free := b.maxJobs - b.jobs
	bound := min(b.bound(l), max(free/share, modestRoom))
	return min(bound-l.held(), free, l.rateRoom())
}

// byteRoom is how many jobs more the lane may hold by their bytes, if they are as large as its others. A lane that holds nothing may
// hold one, however large.
func (b *board) byteRoom(l *lane) int {
	n := ((b.maxBytes-b.bytes)/share - l.bytes) / l.size
	if l.held() == 0 {
		return max(n, 1)
	}
	return n
}

// bound is how many jobs the lane may hold at most while it does as well as now.
func (b *board) bound(l *lane) int { return min(b.maxPerLane, l.window.size*roomPerSlot) }

// fits reports whether so many bytes more may be held for the lane. The first of all always fits: a single large event must not
// wait for ever.
func (b *board) fits(l *lane, size int) bool {
	free := b.maxBytes - b.bytes
	if b.jobs == 0 {
		return true
	}
	return size <= free && (l.bytes == 0 || l.bytes+size <= free/share)
}

// reserve promises room to a delivery that is being committed.
func (b *board) reserve(s *models.Subscription, size int) bool {
	l := b.lane(s.ID)
	if l.behind || b.room(l) < 1 || !b.fits(l, size) {
		b.forget(l)
		return false
	}
	l.apply(s)
	l.reserved++
	b.hold(l, 1, size)
	return true
}

// unreserve takes a promise back.
func (b *board) unreserve(id models.ID, size int) {
	l := b.lane(id)
	l.reserved--
	b.hold(l, -1, -size)
	b.forget(l)
}

// push queues a job that has room: one that was reserved, or a claimed one that holds by itself.
func (b *board) push(j models.Job) {
	l := b.lane(j.Delivery.SubscriptionID)
	l.apply(j.Current)
	l.learn(len(j.Event.Data))
	l.queue[classOf(&j.Delivery)].push(j)
	b.stand(l)
}

func (b *board) hold(l *lane, jobs, bytes int) {
	b.jobs += jobs
	b.bytes += bytes
	l.bytes += bytes
}

// stand puts the lane in line for each class in which it has something it may send.
func (b *board) stand(l *lane) {
	if !l.open() {
		return // the end of a call or of a pause brings it back
	}
	for c := range classes {
		if !l.ready[c] && l.queue[c].size > 0 {
			l.ready[c] = true
			b.line[c].push(l)
		}
	}
}

// next picks what to send now. A lane that its rate holds up is given to sleep with the time to wait.
func (b *board) next(now time.Time, sleep func(*lane, time.Duration)) (task, bool) {
	b.now = now
	for c := range classes {
		for b.line[c].size > 0 && b.slot(c) {
			l := b.line[c].pop()
			l.ready[c] = false
			if l.queue[c].size == 0 || !l.open() {
				continue
			}
			if wait := l.wait(now); wait > 0 {
				l.sleeping = true
				sleep(l, wait)
				continue
			}
			t := task{lane: l, job: l.take(c)}
			t.class = classOf(&t.job.Delivery)
			l.inFlight++
			b.inFlight[t.class]++
			b.stand(l)
			return t, true
		}
	}
	return task{}, false
}

// slot reports whether a call of this class may start, by the bounds over all lanes.
func (b *board) slot(c class) bool {
	bound := b.maxInFlight - b.maxInFlight/10
	if c == retries {
		bound = max(b.maxInFlight/2, 1)
	}
	return b.inFlight[c] < bound && b.inFlight[fresh]+b.inFlight[retries] < b.maxInFlight
}

// done ends a task: its slot and its room are free again. a is nil where no call was made, s the subscription as it is now. It
// returns what the lane must not hold any more, for the database, and whether the feeder has reason to look for more.
func (b *board) done(t *task, a *models.Attempt, s *models.Subscription) (shed []models.Delivery, feed bool) {
	l := t.lane
	l.inFlight--
	b.inFlight[t.class]--
	b.hold(l, -1, -len(t.job.Event.Data))
	l.apply(s)
	if a != nil {
		l.window.observe(a, l.limit)
		shed = b.shed(l)
	}
	b.stand(l)
	feed = l.backlog && b.thirsty(l) || b.starved && b.jobs <= b.maxJobs/4*3
	b.forget(l)
	return shed, feed
}

// shed takes from the lane what it holds beyond its bound: retries first, the newest first.
func (b *board) shed(l *lane) (shed []models.Delivery) {
	for c := retries; c >= fresh; c-- {
		for l.queue[c].size > 0 && l.held() > b.bound(l) {
			shed = append(shed, b.shedLast(l, c))
		}
	}
	return b.shedded(l, shed)
}

// shedBytes takes from the lane what it holds beyond its share of the bytes that others leave free, in the same order. One always stays.
func (b *board) shedBytes(l *lane) (shed []models.Delivery) {
	for c := retries; c >= fresh; c-- {
		for l.queue[c].size > 0 && l.held() > 1 && l.bytes > (b.maxBytes-b.bytes+l.bytes)/share {
			shed = append(shed, b.shedLast(l, c))
		}
	}
	return b.shedded(l, shed)
}

func (b *board) shedLast(l *lane, c class) models.Delivery {
	j := l.queue[c].popLast()
	b.hold(l, -1, -len(j.Event.Data))
	return j.Delivery
}

// shedded notes that the database will hold what was shed.
func (b *board) shedded(l *lane, shed []models.Delivery) []models.Delivery {
	if len(shed) > 0 {
		b.mark(l.id)
		l.behind = true
	}
	return shed
}

// follow lets a lane go by its subscription as it is now: new limits hold at once, and what the subscription stopped is taken out,
// wherever it stands in the lane. It returns the results of that.
func (b *board) follow(l *lane, s *models.Subscription) (stopped []models.Result) {
	rate := l.perSec
	l.apply(s)
	if l.perSec != rate {
		l.sleeping = false // the pause was for the old rate; its timer finds nothing to do
	}
	for c := range classes {
		for range l.queue[c].size {
			j := l.queue[c].pop()
			if reason, ok := j.Delivery.Stopped(s); ok {
				b.hold(l, -1, -len(j.Event.Data))
				stopped = append(stopped, canceled(j.Delivery, reason))
				continue
			}
			l.queue[c].push(j)
		}
	}
	b.stand(l)
	b.forget(l)
	return stopped
}

// awake ends a lane's pause for its rate.
func (b *board) awake(l *lane) {
	l.sleeping = false
	b.stand(l)
	b.forget(l)
}

// forget lets an idle lane go when very many are remembered. One whose rate still remembers calls stays until it does not, since a new
// lane would start with a full allowance; of those, a few are looked at each time.
func (b *board) forget(l *lane) {
	b.part(l)
	for range min(b.parting.size, 2) {
		p := b.parting.pop()
		p.parting = false
		b.part(p)
	}
}

func (b *board) part(l *lane) {
	if len(b.lanes) <= keepLanes || b.lanes[l.id] != l || !l.idle() || l.listed || l.ready[fresh] || l.ready[retries] {
		return
	}
	if l.full(b.now) {
		delete(b.lanes, l.id)
	} else if !l.parting {
		l.parting = true
		b.parting.push(l)
	}
}

// drop empties every queue and returns what was in them. What is reserved or in flight stays.
func (b *board) drop() []models.Delivery {
	var dropped []models.Delivery
	for _, l := range b.lanes {
		for c := range classes {
			l.queue[c].drain(func(j models.Job) {
				dropped = append(dropped, j.Delivery)
				b.hold(l, -1, -len(j.Event.Data))
			})
		}
	}
	return dropped
}

package delivery

import (
	"time"

	"hookrouter/models"
)

// board is everything that waits to be sent or is being sent, and the rules of who is next. It has no lock, no clock and no
// goroutine: the dispatcher holds its lock around every call and says what time it is.
//
// Lanes that have work stand in line and take turns: a lane sends one and goes to the end. There is a line for each class of deliveries
// and pace of lanes, because one that has no slots left must not hold up another; see [slots]. Fresh deliveries go first.
//
// Memory is shared so that receivers which are stuck leave room for the others; see [newMemory]. A lane may hold a number of jobs for each
// slot of its window, so one that times out and shrinks soon holds next to nothing: what is too much then goes back to the database. And
// no lane holds more than a part of what is free.
type board struct {
	maxPerLane int
	senders    int           // instances that share the subscriptions' limits, at least 1
	memory     [paces]memory // what lanes of each pace and those behind it hold together
	slots      slots

	lanes map[models.ID]*lane
	line  [classes][paces]fifo[*lane]
	// backlogs lists the lanes to claim for, in the order in which that is done: those with a backlog in the database that may have room.
	backlogs fifo[*lane]
	// coming lists the subscriptions that the last look at the database found to have retries which are due soon.
	coming fifo[models.ID]

	now     time.Time   // the latest that next was told
	parting fifo[*lane] // lanes to forget as soon as their rate allows
}

// task is a job on its way to the wire.
type task struct {
	lane  *lane
	job   models.Job
	class class
	pace  pace // the lane's when the call began: that is whose slot it holds
}

// keepLanes is how many idle lanes are remembered, with what they learned of their receivers.
const keepLanes = 10_000

func newBoard(o *Options) board {
	return board{
		maxPerLane: o.MaxPerLane,
		senders:    1,
		memory:     newMemory(o.MaxJobs, o.MaxBytes),
		slots:      slots{max: o.MaxInFlight},
		lanes:      make(map[models.ID]*lane),
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

// reserve promises room to a delivery that is being committed.
func (b *board) reserve(s *models.Subscription, size int) bool {
	l := b.lane(s.ID)
	b.apply(l, s)
	if l.behind || b.room(l) < 1 || !b.fits(l, size) {
		b.forget(l)
		return false
	}
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
	b.apply(l, j.Current)
	l.learn(len(j.Event.Data))
	c := classOf(&j.Delivery)
	l.queue[c].push(j)
	if c == retries && l.queue[c].settle(b.goesBefore) {
		l.early = false // it was said of another
	}
	b.stand(l)
}

// goesBefore reports whether a retry goes before one that came first: only past what was claimed ahead of its time and is due after it. What is
// due goes as it came, so that a drain, which brings the oldest of all, does not hold up what failed while it lasts.
func (b *board) goesBefore(j, first *models.Job) bool {
	return first.Delivery.DueAt.After(b.now) && j.Delivery.DueAt.Before(first.Delivery.DueAt)
}

// stand puts the lane in line for each class in which it has something it may send.
func (b *board) stand(l *lane) {
	if !l.open() {
		return // the end of a call or of a pause brings it back
	}
	p := l.tempo.pace()
	for c := range classes {
		if !l.ready[c][p] && l.queue[c].size > 0 && (c == fresh || !l.early) {
			l.ready[c][p] = true
			b.line[c][p].push(l)
		}
	}
}

// next picks what to send now. A lane that its rate holds up is given to sleep with the time to wait, and one whose retries are not due
// to doze.
func (b *board) next(now time.Time, sleep, doze func(*lane, time.Duration)) (task, bool) {
	b.now = now
	for c := range classes {
		for p := range paces {
			if l := b.turn(c, p, sleep, doze); l != nil {
				t := task{lane: l, job: l.take(c, now), pace: p}
				t.class = classOf(&t.job.Delivery)
				l.inFlight++
				b.slots.taken[t.class][p]++
				b.stand(l)
				return t, true
			}
		}
	}
	return task{}, false
}

// turn is the lane whose turn it is in one of the lines, or nil where none may go now.
func (b *board) turn(c class, p pace, sleep, doze func(*lane, time.Duration)) *lane {
	for line := &b.line[c][p]; line.size > 0; {
		room := b.slots.room(c, p)
		if room < 1 {
			return nil
		}
		l := line.pop()
		l.ready[c][p] = false
		// One whose pace has changed stands in its new line as well. One that has its fair part comes back with the end of a call.
		if l.queue[c].size == 0 || !l.open() || l.tempo.pace() != p || !fair(l.inFlight, room) {
			continue
		}
		if c == retries && !l.early {
			if wait := l.untilDue(b.now); wait > 0 {
				l.early = true
				doze(l, wait)
			}
		}
		if c == retries && l.early {
			continue
		}
		wait := l.wait(b.now)
		if wait <= 0 {
			return l
		}
		l.sleeping = true
		sleep(l, wait)
	}
	return nil
}

// done ends a task: its slot and its room are free again. a is nil where no call was made, s the subscription as it is now. It
// returns what the lane must not hold any more, for the database, and whether the feeder has reason to look for more.
func (b *board) done(t *task, a *models.Attempt, s *models.Subscription) (shed []models.Delivery, feed bool) {
	l := t.lane
	l.inFlight--
	b.slots.taken[t.class][t.pace]--
	b.hold(l, -1, -len(t.job.Event.Data))
	if a != nil {
		l.window.observe(a, l.limit)
		l.tempo.observe(a)
	}
	stayed := l.stays
	b.apply(l, s)
	if a != nil {
		shed = b.shed(l)
	}
	if l.stays > stayed {
		shed = append(shed, b.shedBytes(l)...)
	}
	b.stand(l)
	feed = l.backlog && b.thirsty(l) || b.eased()
	b.forget(l)
	return shed, feed
}

// follow lets a lane go by its subscription as it is now: new limits hold at once, and what the subscription stopped, or all but a
// probe where it is suspended, is taken out, wherever it stands in the lane. It returns the results of that.
func (b *board) follow(l *lane, s *models.Subscription) (stopped []models.Result) {
	rate := l.perSec
	b.apply(l, s)
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
			if s.Suspended() && !j.Probe && j.Delivery.Back == nil {
				b.hold(l, -1, -len(j.Event.Data))
				stopped = append(stopped, parked(j.Delivery))
				continue
			}
			l.queue[c].push(j)
		}
	}
	b.stand(l)
	b.forget(l)
	return stopped
}

// due says that a lane's next retry may be due now.
func (b *board) due(l *lane) {
	l.early = false
	b.stand(l)
	b.forget(l)
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
	if len(b.lanes) <= keepLanes || b.lanes[l.id] != l || !l.idle() || l.listed || l.ready != [classes][paces]bool{} {
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

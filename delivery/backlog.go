package delivery

import (
	"time"

	"hookrouter/models"
)

// Bounds of one claim. Failure policy: what is left over is claimed next time; a claim that takes long would keep other lanes
// waiting for theirs.
const (
	maxClaim      = 192 // deliveries
	maxClaimLanes = 48
)

// Bounds of one claim of what is not due yet. Such claims are small and stand apart, because there is time: large ones one after the
// other take the database from the events that are being accepted. Failure policy: what was not claimed in time is due when it is next
// found, and has no such bounds then.
const (
	earlyClaim      = 64 // deliveries
	earlyClaimLanes = 16
)

// mark notes that the database holds due deliveries of the lane, none of them due before from. Zero is for not known.
func (b *board) mark(id models.ID, from time.Time) {
	l := b.lane(id)
	if from.Before(l.from) {
		l.from = from
	}
	l.backlog = true
	l.behind = l.behind || b.room(l) < 1
	l.marks++
	b.list(l)
}

// found notes what the database held at now. What was not due yet takes the place of what an earlier look found of that kind.
func (b *board) found(now time.Time, backlogs []models.Backlog) {
	b.coming = fifo[models.ID]{}
	for _, found := range backlogs {
		if found.Since.After(now) {
			b.coming.push(found.SubscriptionID)
		} else {
			b.mark(found.SubscriptionID, found.Since)
		}
	}
}

// list lets a lane with a backlog stand in the line of those to claim for.
func (b *board) list(l *lane) {
	if l.backlog && !l.listed {
		l.listed = true
		b.backlogs.push(l)
	}
}

// thirsty reports whether a lane with a backlog has drained far enough to be claimed for: claims of many at a time are cheaper than
// claims of one.
func (b *board) thirsty(l *lane) bool {
	n := b.claimable(l)
	return l.claiming == 0 && n > 0 && n >= l.queued()+l.reserved
}

// claimable is how many jobs may be claimed for the lane.
func (b *board) claimable(l *lane) int { return min(b.room(l), b.byteRoom(l)) }

// endOfQueue is after everything that is claimed.
var endOfQueue = time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// claim is a claim that is under way: what is asked for, how many bytes are expected of each lane, and how often each had been marked
// when it began.
type claim struct {
	at    time.Time
	wants []models.Want
	bytes []int
	marks []int
	early bool // it is for what is not due yet
}

// want asks for up to limit deliveries of a lane, and promises it room.
func (b *board) want(c *claim, l *lane, limit int) {
	expected := limit * l.size
	l.claiming += limit
	b.hold(l, limit, expected)
	c.bytes = append(c.bytes, expected)
	want := models.Want{SubscriptionID: l.id, Limit: limit}
	if !c.early {
		want.From, l.from = l.from, endOfQueue
	}
	c.wants = append(c.wants, want)
	c.marks = append(c.marks, l.marks)
}

// claim plans the next claim, for up to so many lanes, and promises it room; ok is false when there is nothing to ask for. Lanes take
// turns and get equal parts; what one has no room for is left to those after it.
func (b *board) claim(now time.Time, lanes int) (c claim, ok bool) {
	c.at = now
	for p := range paces {
		b.memory[p].starved = false
	}
	thirsty := b.thirstiest(lanes)
	budget := min(maxClaim, b.memory[quick].maxJobs-b.memory[quick].jobs)
	for i, l := range thirsty {
		limit := min(b.claimable(l), max(budget/(len(thirsty)-i), 1), budget)
		if limit < 1 { // what the others were promised
			b.starve(l)
			continue
		}
		budget -= limit
		b.want(&c, l, limit)
	}
	return c, len(c.wants) > 0
}

// claimEarly plans the next claim of what is not due yet. Subscriptions take turns. A lane that holds as much as it has room for is left out:
// the other half is for what is accepted meanwhile, or is due, which must not wait until something is that could have waited.
func (b *board) claimEarly() (c claim, ok bool) {
	c.early = true
	for n := b.coming.size; n > 0 && len(c.wants) < earlyClaimLanes; n-- {
		l := b.lane(b.coming.pop())
		limit := min((b.claimable(l)-l.queued()-l.reserved+1)/2, earlyClaim/earlyClaimLanes)
		if limit < 1 || l.claiming > 0 {
			b.forget(l)
			continue
		}
		b.want(&c, l, limit)
	}
	return c, len(c.wants) > 0
}

// thirstiest picks up to so many lanes to claim for, those first that have waited longest. A lane that still holds enough leaves the line
// until it holds less; so lanes that are stuck with their backlogs are not looked at again and again.
func (b *board) thirstiest(lanes int) (thirsty []*lane) {
	for n := b.backlogs.size; n > 0 && len(thirsty) < lanes; n-- {
		l := b.backlogs.pop()
		l.listed = false
		switch {
		case !l.backlog:
			b.forget(l)
		case b.thirsty(l):
			thirsty = append(thirsty, l)
			b.list(l)
		case l.held == 0:
			b.starve(l)
			b.list(l)
		}
	}
	return thirsty
}

// settle ends a claim: its promises are exchanged for the jobs that came. A lane that got less than it asked for has no backlog any
// more, unless it was marked again meanwhile; an early claim says nothing of the backlog, and one that got all it asked for has its turn
// again. With failed, nothing is known and everything stays as it was. It returns what turned out to be more bytes than its lane may hold,
// for the database.
func (b *board) settle(c claim, jobs []models.Job, failed bool) (shed []models.Delivery) {
	got := make(map[models.ID]int, len(c.wants))
	last := make(map[models.ID]time.Time, len(c.wants))
	for i := range jobs {
		id := jobs[i].Delivery.SubscriptionID
		got[id]++
		last[id] = jobs[i].Delivery.DueAt // they are in its order
		b.hold(b.lane(id), 1, len(jobs[i].Event.Data))
	}
	for i, want := range c.wants {
		l := b.lane(want.SubscriptionID)
		l.claiming -= want.Limit
		b.hold(l, -want.Limit, -c.bytes[i])
		full := got[want.SubscriptionID] >= want.Limit
		switch {
		case c.early && full && !failed:
			b.coming.push(want.SubscriptionID)
		case c.early:
		case failed:
			l.from = earlier(l.from, want.From)
		case full:
			// What comes in due at once is due after now, and what is given back is said; see mark.
			l.from = earlier(l.from, earlier(last[want.SubscriptionID], c.at))
			l.behind, l.backlog = true, true
		case !want.From.IsZero():
			l.from = time.Time{} // it has seen the end, and not the beginning
		default:
			l.behind, l.backlog = false, l.marks != c.marks[i]
		}
	}
	for i := range jobs {
		b.push(jobs[i])
	}
	for _, want := range c.wants {
		l := b.lane(want.SubscriptionID)
		shed = append(shed, b.shedBytes(l)...)
		b.forget(l)
	}
	return shed
}

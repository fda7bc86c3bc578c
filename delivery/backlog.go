package delivery

import "hookrouter/models"

// Bounds of one claim. Failure policy: what is left over is claimed next time; a claim that takes long would keep other lanes
// waiting for theirs.
const (
	maxClaim      = 512 // deliveries
	maxClaimLanes = 64
)

// mark notes that the database holds due deliveries of the lane.
func (b *board) mark(id models.ID) {
	l := b.lane(id)
	l.backlog = true
	l.behind = l.behind || b.room(l) < 1
	l.marks++
	if !l.listed {
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

// claim is a claim that is under way: what is asked for, how many bytes are expected of each lane, and how often each had been marked
// when it began.
type claim struct {
	wants []models.Want
	bytes []int
	marks []int
}

// claim plans the next claim, for up to so many lanes, and promises it room; ok is false when there is nothing to ask for. Lanes get
// equal parts and take turns at being first.
func (b *board) claim(lanes int) (c claim, ok bool) {
	n := b.backlogs.size
	budget := min(maxClaim, b.maxJobs-b.jobs)
	if n == 0 {
		b.starved = false
		return claim{}, false
	}
	if b.starved = budget < 1 || b.bytes >= b.maxBytes; b.starved {
		return claim{}, false
	}
	part := max(1, budget/min(n, lanes))
	for ; n > 0 && budget > 0 && len(c.wants) < lanes && b.bytes < b.maxBytes; n-- {
		l := b.backlogs.pop()
		if !l.backlog {
			l.listed = false
			b.forget(l)
			continue
		}
		b.backlogs.push(l)
		if !b.thirsty(l) {
			continue
		}
		limit := min(b.claimable(l), part, budget)
		expected := limit * l.size
		budget -= limit
		l.claiming += limit
		b.hold(l, limit, expected)
		c.bytes = append(c.bytes, expected)
		c.wants = append(c.wants, models.Want{SubscriptionID: l.id, Limit: limit})
		c.marks = append(c.marks, l.marks)
	}
	return c, len(c.wants) > 0
}

// settle ends a claim: its promises are exchanged for the jobs that came. A lane that got less than it asked for has no backlog any
// more, unless it was marked again meanwhile. With failed, nothing is known and everything stays as it was. It returns what turned out to
// be more bytes than its lane may hold, for the database.
func (b *board) settle(c claim, jobs []models.Job, failed bool) (shed []models.Delivery) {
	got := make(map[models.ID]int, len(c.wants))
	for i := range jobs {
		id := jobs[i].Delivery.SubscriptionID
		got[id]++
		b.hold(b.lane(id), 1, len(jobs[i].Event.Data))
	}
	for i, want := range c.wants {
		l := b.lane(want.SubscriptionID)
		l.claiming -= want.Limit
		b.hold(l, -want.Limit, -c.bytes[i])
		if failed {
			continue
		}
		l.behind = got[want.SubscriptionID] >= want.Limit
		l.backlog = l.behind || l.marks != c.marks[i]
	}
	for i := range jobs {
		b.push(jobs[i])
	}
	for _, want := range c.wants {
		shed = append(shed, b.shedBytes(b.lane(want.SubscriptionID))...)
	}
	return shed
}

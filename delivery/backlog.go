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
	return l.claiming == 0 && b.room(l) > 0 && b.room(l) >= l.queued()+l.reserved
}

// claim is a claim that is under way: what is asked for, and how often each lane had been marked when it began.
type claim struct {
	wants []models.Want
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
	for ; n > 0 && budget > 0 && len(c.wants) < lanes; n-- {
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
		limit := min(b.room(l), part, budget)
		budget -= limit
		l.claiming += limit
		b.jobs += limit
		c.wants = append(c.wants, models.Want{SubscriptionID: l.id, Limit: limit})
		c.marks = append(c.marks, l.marks)
	}
	return c, len(c.wants) > 0
}

// settle ends a claim: its promises are exchanged for the jobs that came. A lane that got less than it asked for has no backlog any
// more, unless it was marked again meanwhile. With failed, nothing is known and everything stays as it was.
func (b *board) settle(c claim, jobs []models.Job, failed bool) {
	got := make(map[models.ID]int, len(c.wants))
	for i := range jobs {
		id := jobs[i].Delivery.SubscriptionID
		got[id]++
		b.hold(b.lane(id), 1, len(jobs[i].Event.Data))
	}
	for i, want := range c.wants {
		l := b.lane(want.SubscriptionID)
		l.claiming -= want.Limit
		b.jobs -= want.Limit
		if failed {
			continue
		}
		l.behind = got[want.SubscriptionID] >= want.Limit
		l.backlog = l.behind || l.marks != c.marks[i]
	}
	for i := range jobs {
		b.push(jobs[i])
	}
}

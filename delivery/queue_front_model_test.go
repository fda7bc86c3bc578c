package delivery

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// queued is a delivery in the database. It is known when the board was told of it since it came to wait.
type queued struct {
	due   time.Time
	known bool
}

// fronts is a board with one lane, and what the database holds of it.
type fronts struct {
	*rapid.T
	board
	sub    *models.Subscription
	now    time.Time
	rows   []*queued
	taken  []time.Time // when what was claimed was due
	seen   []*queued   // by a look that the board was not told of yet
	seenAt time.Time
	c      *claim // under way
}

func (f *fronts) come() {
	f.rows = append(f.rows, &queued{due: f.now.Add(time.Duration(rapid.IntRange(-60, 3).Draw(f.T, "due")) * time.Second)})
}

// markAll tells the board that something may be anywhere, as what this instance gives back or overflows.
func (f *fronts) markAll() {
	f.mark(f.sub.ID, time.Time{})
	for _, r := range f.rows {
		r.known = true
	}
}

// look is another statement than what is done with its answer.
func (f *fronts) look() { f.seen, f.seenAt = slices.Clone(f.rows), f.now }

func (f *fronts) heard() {
	if len(f.seen) == 0 {
		return
	}
	first := slices.MinFunc(f.seen, func(a, b *queued) int { return a.due.Compare(b.due) })
	f.found(f.seenAt, []models.Backlog{{SubscriptionID: f.sub.ID, Since: first.due}})
	for _, r := range f.seen {
		r.known = r.known || !first.due.After(f.seenAt)
	}
	f.seen = nil
}

func (f *fronts) begin() bool {
	if f.c != nil {
		return true
	}
	c, ok := f.claim(f.now, maxClaimLanes)
	if ok {
		f.c = &c
	}
	return ok
}

// end carries a claim out, unless it fails, and sends what it brought.
func (f *fronts) end(failed bool) {
	if f.c == nil {
		return
	}
	c, want := *f.c, f.c.wants[0]
	f.c = nil
	until := c.at.Add(models.ClaimAhead)
	var jobs []models.Job
	slices.SortStableFunc(f.rows, func(a, b *queued) int { return a.due.Compare(b.due) })
	f.rows = slices.DeleteFunc(f.rows, func(r *queued) bool {
		if failed || len(jobs) == want.Limit || r.due.Before(want.From) || r.due.After(until) {
			r.known = r.known && !r.due.After(until) // by the clock of the claim, its time is yet to come
			return false
		}
		f.taken = append(f.taken, r.due)
		jobs = append(jobs, models.Job{Delivery: models.Delivery{SubscriptionID: f.sub.ID, DueAt: r.due}, Event: &models.Event{}, Current: f.sub})
		return true
	})
	f.settle(c, jobs, failed)
	for {
		task, ok := f.next(noon, nil, nil)
		if !ok {
			return
		}
		f.done(&task, attempted(time.Millisecond), f.sub)
	}
}

// back gives one back to its place in the queue, as another instance does that took it over.
func (f *fronts) back() {
	if len(f.taken) > 0 {
		at := rapid.IntRange(0, len(f.taken)-1).Draw(f.T, "back")
		f.rows = append(f.rows, &queued{due: f.taken[at]})
		f.taken = slices.Delete(f.taken, at, at+1)
	}
}

func (f *fronts) check() {
	l := f.lane(f.sub.ID)
	for _, r := range f.rows {
		if r.known && (f.c == nil || r.due.Before(f.c.wants[0].From)) { // a claim under way brings the others
			require.True(f.T, l.backlog, "the lane has no backlog, though something due at %s was seen", r.due)
			require.False(f.T, r.due.Before(l.from), "claims begin at %s, and pass over what is due at %s", l.from, r.due)
		}
	}
}

// Whatever comes, comes back, fails or is seen late, and whatever the clock does: no claim passes over what the board was told of, and
// all is claimed in the end.
func TestClaimsPassOverNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := &fronts{T: t, board: newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 3}), sub: &models.Subscription{ID: models.ID{1}}, now: noon}
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1:
				f.come()
			case 2:
				f.come()
				f.markAll()
			case 3:
				f.look()
			case 4:
				f.heard()
			case 5, 6:
				f.begin()
			case 7:
				f.end(rapid.IntRange(0, 4).Draw(t, "failed") == 0)
			case 8:
				f.back()
			case 9:
				f.now = f.now.Add(time.Duration(rapid.IntRange(-5, 20).Draw(t, "seconds")) * time.Second)
			}
			f.check()
		}
		f.now = noon.Add(time.Hour * 24)
		for f.look(); f.begin(); f.end(false) {
			f.heard()
			f.check()
		}
		f.heard()
		for f.begin() {
			f.end(false)
		}
		require.Empty(t, f.rows)
	})
}

package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// front is a board with one lane that has room, and the claims for it.
type front struct {
	*testing.T
	board
	sub *models.Subscription
	c   claim // under way
}

func newFront(t *testing.T) *front {
	t.Helper()
	return &front{T: t, board: newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000}), sub: &models.Subscription{ID: models.ID{1}}}
}

// begin plans a claim and says from when on it looks.
func (f *front) begin() time.Time {
	f.Helper()
	var ok bool
	f.c, ok = f.claim(noon, maxClaimLanes)
	require.True(f, ok, "nothing is claimed")
	require.Len(f, f.c.wants, 1)
	return f.c.wants[0].From
}

// end ends the claim with as many jobs as it asked for, or with short fewer, the last of which was due at that moment, and sends them all.
func (f *front) end(last time.Time, short int) {
	f.Helper()
	var jobs []models.Job
	for range f.c.wants[0].Limit - short {
		jobs = append(jobs, models.Job{Delivery: models.Delivery{SubscriptionID: f.sub.ID, DueAt: last}, Event: &models.Event{}, Current: f.sub})
	}
	require.Empty(f, f.settle(f.c, jobs, false))
	for {
		task, ok := f.next(noon, nil, nil)
		if !ok {
			return
		}
		f.done(&task, attempted(time.Millisecond), f.sub)
	}
}

// A claim begins where the one before it ended, and further ahead only by what is known to have come in before that.
func TestClaimsGoOnWhereTheLastEnded(t *testing.T) {
	t.Parallel()
	ago := func(minutes int) time.Time { return noon.Add(-time.Duration(minutes) * time.Minute) }
	f := newFront(t)
	f.found(noon, []models.Backlog{{SubscriptionID: f.sub.ID, Since: ago(60)}})
	require.Zero(t, f.begin(), "what an unknown lane has is not known")
	f.end(ago(50), 0)
	require.Equal(t, ago(50), f.begin())
	f.end(ago(40), 0)
	f.found(noon, []models.Backlog{{SubscriptionID: f.sub.ID, Since: ago(30)}})
	require.Equal(t, ago(40), f.begin(), "a look never moves it on: what was claimed since may be back")
	f.end(ago(30), 0)
	f.found(noon, []models.Backlog{{SubscriptionID: f.sub.ID, Since: ago(45)}})
	require.Equal(t, ago(45), f.begin(), "an older one was given back by another instance")
	f.found(noon, []models.Backlog{{SubscriptionID: f.sub.ID, Since: ago(70)}})
	f.end(ago(20), 0)
	require.Equal(t, ago(70), f.begin(), "or while a claim was under way")
	require.Empty(t, f.settle(f.c, nil, true))
	require.Equal(t, ago(70), f.begin(), "nothing is known of a claim that failed")
	f.end(noon.Add(models.ClaimAhead), 0)
	require.Equal(t, noon, f.begin(), "what comes in now is due before what was claimed ahead of its time")
	f.mark(f.sub.ID, time.Time{})
	f.end(noon, 0)
	require.Zero(t, f.begin(), "what this instance gives back may be anywhere")
}

// The end of the queue is not the end of a backlog while there may be something at its beginning.
func TestClaimsEndAtTheBeginning(t *testing.T) {
	t.Parallel()
	f := newFront(t)
	f.mark(f.sub.ID, time.Time{})
	require.Zero(t, f.begin())
	f.end(noon, 0)
	require.Equal(t, noon, f.begin())
	f.end(noon, 1)
	require.True(t, f.lane(f.sub.ID).behind)
	require.Zero(t, f.begin())
	f.end(noon, 1)
	require.False(t, f.lane(f.sub.ID).behind)
	_, ok := f.claim(noon, maxClaimLanes)
	require.False(t, ok, "there is nothing more")
	f.found(noon, []models.Backlog{{SubscriptionID: f.sub.ID, Since: noon.Add(-time.Hour)}})
	require.Equal(t, noon.Add(-time.Hour), f.begin(), "nothing was left, so this is the first")
}

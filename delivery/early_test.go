package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// retryAt puts a delivery that waits for its next attempt into the database.
func (w *world) retryAt(s *models.Subscription, due time.Time) {
	w.seq++
	id := models.ID{0xe, byte(w.seq >> 8), byte(w.seq)}
	w.queue.with(func() {
		w.queue.rows[id] = &row{event: &models.Event{Data: []byte("{}")}, d: models.Delivery{
			ID: id, SubscriptionID: s.ID, Status: models.StatusRetrying, Attempts: 1, DueAt: due,
		}}
	})
}

// claims is how many statements have claimed, and how many deliveries are this instance's.
func (w *world) claims() (statements, owned int) {
	w.queue.with(func() {
		statements = w.queue.statements["claim"]
		for _, r := range w.queue.rows {
			if r.d.Owner != 0 {
				owned++
			}
		}
	})
	return statements, owned
}

// What is not due yet is claimed in small parts that stand apart, and all of it before it is due. What is due is claimed at once.
func TestEarlyClaimsKeepOutOfTheWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, 5*time.Second)
			return answering(j, 200, 5*time.Second)
		}, nil)
		const subs, each = 40, 8
		for range subs {
			s := w.sub(nil)
			for range each {
				w.retryAt(s, time.Now().Add(1500*time.Millisecond))
			}
		}
		w.start()
		r := w.retrier(t)
		require.NoError(t, r.Sweep(t.Context()))
		synctest.Wait()
		statements, owned := w.claims()
		require.Equal(t, 1, statements)
		require.Equal(t, earlyClaim, owned)

		pause(t.Context(), leastQuiet-1)
		s := w.sub(nil)
		w.retryAt(s, time.Now())
		w.d.Overflow([]models.ID{s.ID})
		synctest.Wait()
		statements, owned = w.claims()
		require.Equal(t, 2, statements, "what is due does not wait")
		require.Equal(t, earlyClaim+1, owned, "and is no reason not to")

		for part := 2; part*earlyClaim <= subs*each; part++ {
			pause(t.Context(), leastQuiet)
			synctest.Wait()
			statements, owned = w.claims()
			require.Equal(t, part+1, statements)
			require.Equal(t, part*earlyClaim+1, owned)
		}
		require.Equal(t, subs*each+1, owned)
		w.stop()
	})
}

// What was not claimed early is claimed when it is due, all at once.
func TestLateForAnEarlyClaim(t *testing.T) {
	t.Parallel()
	b := newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000})
	ids := []models.ID{{1}, {2}}
	b.found(noon, soon(ids))
	_, ok := b.claim(noon, maxClaimLanes)
	require.False(t, ok)
	b.mark(ids[1], time.Time{})
	c, ok := b.claim(noon, maxClaimLanes)
	require.True(t, ok)
	require.False(t, c.early)
	require.Len(t, c.wants, 1)
	early, ok := b.claimEarly()
	require.True(t, ok)
	require.Equal(t, []models.Want{{SubscriptionID: ids[0], Limit: earlyClaim / earlyClaimLanes}}, early.wants, "the other one is being claimed for")
	b.settle(early, nil, false)
	require.False(t, b.lane(ids[0]).behind)
	require.Zero(t, b.coming.size, "it had less than was asked for")
}

// An early claim that gets all it asks for says nothing of what is due: fresh deliveries of its lane still have room.
func TestEarlyClaimsLeaveFreshDeliveriesAlone(t *testing.T) {
	t.Parallel()
	b := newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000})
	s := &models.Subscription{ID: models.ID{1}}
	b.found(noon, soon([]models.ID{s.ID}))
	c, ok := b.claimEarly()
	require.True(t, ok)
	var jobs []models.Job
	for range c.wants[0].Limit {
		jobs = append(jobs, models.Job{Delivery: models.Delivery{SubscriptionID: s.ID, Attempts: 1}, Event: &models.Event{}, Current: s})
	}
	b.settle(c, jobs, false)
	require.Equal(t, 1, b.coming.size, "it may have more")
	require.False(t, b.lane(s.ID).backlog)
	require.True(t, b.reserve(s, 1))
}

// Slow lanes are claimed for together, not each as soon as it has room.
func TestSlowLanesWaitForOneAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const subs = 10
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, longCall+time.Duration(j.Delivery.SubscriptionID[1])*time.Millisecond)
			return answering(j, 200, longCall)
		}, nil)
		var ids []models.ID
		for range subs {
			s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
			w.d.board.lane(s.ID).tempo.observe(attempted(longCall))
			ids = append(ids, s.ID)
			for range 20 {
				w.retryAt(s, time.Now())
			}
		}
		w.start()
		w.d.Overflow(ids)
		synctest.Wait()
		before, _ := w.claims()
		pause(t.Context(), 4*longCall)
		synctest.Wait()
		after, _ := w.claims()
		require.Greater(t, after, before)
		require.LessOrEqual(t, after-before, 2*4, "each round of calls ends within a hundredth of a second")
		w.stop()
	})
}

package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// What was claimed before its time holds up nothing of its lane that is due: neither what somebody sends again, nor what is accepted.
func TestWhatIsNotDueHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		retries int // due in a moment less than ClaimAhead
		publish func(w *world, s *models.Subscription)
	}{
		"sent again": {1, func(w *world, s *models.Subscription) { w.publishRetries(s, 1) }},
		"accepted":   {200, func(w *world, s *models.Subscription) { require.Equal(w.t, 1, w.publish(s, 1)) }},
		"overflowed": {200, func(w *world, s *models.Subscription) { w.publishLarge(s, 20, 1) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
				s := w.sub(nil)
				for range c.retries {
					w.retryAt(s, time.Now().Add(models.ClaimAhead-100*time.Millisecond))
				}
				w.start()
				defer w.stop()
				require.NoError(t, w.retrier(t).Sweep(t.Context()))
				pause(t.Context(), models.ClaimAhead/2)
				_, owned := w.claims()
				require.Positive(t, owned)
				c.publish(w, s)
				synctest.Wait()
				w.queue.with(func() {
					for _, r := range w.queue.rows {
						require.Equal(t, !r.d.DueAt.After(time.Now()), r.d.Status == models.StatusDelivered)
					}
				})
			})
		})
	}
}

// What is due goes as it came, however old: a drain does not hold up a lane's other retries. What is not due goes by when it is.
func TestRetriesGoAsTheyComeAndByWhenTheyAreDue(t *testing.T) {
	t.Parallel()
	b := newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000})
	b.now = time.Now()
	s := &models.Subscription{ID: models.ID{1}}
	for _, due := range []time.Duration{0, -time.Hour, 2 * time.Second, 3 * time.Second, -time.Minute, time.Second, 3 * time.Second, 2 * time.Second} {
		b.hold(b.lane(s.ID), 1, 0)
		b.push(models.Job{Delivery: models.Delivery{SubscriptionID: s.ID, Attempts: 1, DueAt: b.now.Add(due)}, Event: &models.Event{}, Current: s})
	}
	var order []time.Duration
	b.lane(s.ID).queue[retries].drain(func(j models.Job) { order = append(order, j.Delivery.DueAt.Sub(b.now)) })
	require.Equal(t, []time.Duration{
		0, -time.Hour, -time.Minute, time.Second, 2 * time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second,
	}, order)
}

// Lanes that early claims found nothing for are forgotten where very many are remembered: others have claimed it.
func TestEarlyClaimsRememberNoLanes(t *testing.T) {
	t.Parallel()
	b := newBoard(&Options{MaxInFlight: 512, MaxJobs: 100_000, MaxBytes: 1 << 30, MaxPerLane: 1000})
	var coming []models.ID
	for i := range keepLanes + 1000 {
		coming = append(coming, models.ID{1, byte(i >> 8), byte(i)})
	}
	b.found(noon, soon(coming))
	for c, ok := b.claimEarly(); ok; c, ok = b.claimEarly() {
		b.settle(c, nil, false)
	}
	require.LessOrEqual(t, len(b.lanes), keepLanes+earlyClaimLanes)
}

// One early claim that took long, as while the database stood still, is no reason to be late from then on.
func TestEarlyClaimsGoOnAfterALongOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
		w.d.keepQuiet(statementTimeout)
		w.start()
		defer w.stop()
		pause(t.Context(), models.ClaimAhead)
		w.retryAt(w.sub(nil), time.Now().Add(models.ClaimAhead))
		require.NoError(t, w.retrier(t).Sweep(t.Context()))
		synctest.Wait()
		_, owned := w.claims()
		require.Equal(t, 1, owned)
	})
}

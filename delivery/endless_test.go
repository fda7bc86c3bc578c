package delivery

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// callbacks is an endpoint of QuicklySign's callbacks that is down for a while, and what was called when.
type callbacks struct {
	back   time.Time
	answer int // while it is down

	mu    sync.Mutex
	calls map[models.ID][]time.Time // by delivery
	wrong []string                  // attempts whose number is not the next one
	took  map[models.ID]int         // how often each was taken
}

func (c *callbacks) send(ctx context.Context, j models.Job) models.Attempt {
	const took = 20 * time.Millisecond
	c.mu.Lock()
	defer c.mu.Unlock()
	id := j.Delivery.ID
	now := time.Now()
	c.calls[id] = append(c.calls[id], now)
	if j.Delivery.Attempts+1 != len(c.calls[id]) {
		c.wrong = append(c.wrong, id.String())
	}
	if now.Before(c.back) {
		return answering(j, c.answer, took)
	}
	c.took[id]++
	return answering(j, 200, took)
}

// TestTwoDaysDown lets an endpoint fail for two days. Every callback of that time is taken exactly once on its return, whether its
// deliveries are parked meanwhile or go on by their own backoff, and whether it says that it is gone for good.
func TestTwoDaysDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy SuspendPolicy
		answer int
	}{
		"by the backoff":         {SuspendPolicy{}, 500},
		"suspended":              {SuspendPolicy{After: 10, Window: 5 * time.Minute}, 500},
		"said to be gone":        {SuspendPolicy{After: 10, Window: 5 * time.Minute}, 410},
		"gone, and never parked": {SuspendPolicy{}, 410},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { twoDaysDown(t, c.policy, c.answer) })
		})
	}
}

func twoDaysDown(t *testing.T, policy SuspendPolicy, answer int) {
	t.Helper()
	const down, tick, every = 48 * time.Hour, 20 * time.Second, 90 // an event each half hour
	end := &callbacks{back: time.Now().Add(down), answer: answer, calls: map[models.ID][]time.Time{}, took: map[models.ID]int{}}
	w, err := newOutage(end.send, policy)
	require.NoError(t, err)
	pack := models.ID{0xa, 1}
	w.q.add(models.Subscription{ID: pack, Format: models.FormatQuicklySign, EntityKey: "pack"}) // without auto_retry: it has no say
	require.NoError(t, w.d.Start(t.Context()))
	step := func() {
		require.NoError(t, w.r.Sweep(t.Context()))
		pause(t.Context(), tick)
		synctest.Wait()
	}
	for i := range int(down / tick) {
		if i%every == 0 {
			w.publish(pack)
		}
		step()
	}
	require.Zero(t, w.q.count(models.StatusDelivered))
	for range int(7 * time.Hour / tick) { // the longest wait is six hours
		step()
	}
	require.Equal(t, w.made, w.q.count(models.StatusDelivered), "nothing is lost and nothing given up")
	require.Len(t, end.took, w.made)
	for id, n := range end.took {
		require.Equal(t, 1, n, "exactly once: %s", id)
	}
	require.Empty(t, end.wrong, "each attempt is recorded before the next")
	first := models.ID{0xd, 0, 0, 0, 1}
	calls := end.calls[first]
	require.True(t, slices.IsSortedFunc(calls, time.Time.Compare))
	if policy.After == 0 && answer != 410 {
		for i := range len(calls) - 1 {
			want := min(time.Minute<<i, 6*time.Hour)
			require.InDelta(t, want, calls[i+1].Sub(calls[i]), float64(2*tick), "wait %d", i+1)
		}
		require.Len(t, calls, 17, "after waits of 1 m to 4 h 16 m, then each 6 h")
	}
	t.Logf("%d events, the first called %d times", w.made, len(calls))
	require.NoError(t, w.d.Stop(t.Context()))
}

package delivery

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// An endpoint that is well refuses a call now and then. What was parked is sent through that, beside what is published: were each refusal a
// relapse, more would be parked meanwhile than is sent, and there would be no end to it.
func TestADrainGoesOnThroughSomeFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		calls := 0
		w, id := suspendedWith(t, 2000, func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, 20*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if calls++; calls%10 == 0 {
				return answering(j, 500, 20*time.Millisecond)
			}
			return answering(j, 200, 20*time.Millisecond)
		})
		for range 3 * 60 {
			for range 20 {
				w.publish(id)
			}
			w.tick(t, 1)
		}
		require.False(t, w.q.subscription(id).Suspended())
		require.Zero(t, w.q.count(models.StatusParked))
		require.Len(t, w.q.probes, 1)
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// Each failure takes the drain's window back to one, and as many in a row as suspend an endpoint are a relapse.
func TestADrainFallsBack(t *testing.T) {
	t.Parallel()
	d := &Dispatcher{outflows: map[models.ID]*outflow{}, wake: make(chan struct{}, 1)}
	d.o.Suspend.After = 3
	id := models.ID{1}
	job := &models.Job{Delivery: models.Delivery{SubscriptionID: id}, Drained: true}
	well, bad := &models.Attempt{Success: true}, &models.Attempt{}
	require.False(t, d.relapses(job, bad), "a drain that has ended")
	d.outflows[id] = &outflow{window: 16}
	current := &models.Subscription{Enabled: true}
	for i, c := range []struct {
		a       *models.Attempt
		relapse bool
		window  int
	}{{bad, false, 1}, {bad, false, 1}, {well, false, 2}, {bad, false, 1}, {bad, false, 1}, {bad, true, 0}} {
		require.Equal(t, c.relapse, d.relapses(job, c.a), i)
		d.drained(&task{job: *job}, c.a, current)
		if f := d.outflows[id]; f != nil {
			require.Equal(t, c.window, f.window, i)
		} else {
			require.True(t, c.relapse, "the drain has ended")
		}
	}
	d.outflows[id] = &outflow{window: 4, well: 3}
	d.drained(&task{job: *job}, well, &models.Subscription{Enabled: true, MaxInFlight: 5})
	require.Equal(t, 5, d.outflows[id].window, "at most what the endpoint may have in flight")
	d.outflows[id] = &outflow{window: 16, bad: 2}
	require.False(t, d.relapses(&models.Job{Delivery: job.Delivery}, bad), "what is published beside it")
	d.o.Suspend.After = 0
	require.False(t, d.relapses(job, bad))
	d.drained(&task{job: *job}, bad, &models.Subscription{Enabled: true, SuspendedAt: noon})
	require.Empty(t, d.outflows)
}

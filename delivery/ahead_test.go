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

// TestRetriesAreSentAtTheirTime claims ahead of time: each retry goes out when it is due, and not all of a second's at once when the
// queue is looked at. Fresh deliveries of the same lane don't wait for them.
func TestRetriesAreSentAtTheirTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		sent := map[models.ID]time.Duration{}
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			mu.Lock()
			defer mu.Unlock()
			sent[j.Delivery.ID] = time.Since(start)
			return answering(j, 200, time.Millisecond)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		w.start()
		r := w.retrier(t)
		want := map[models.ID]time.Duration{}
		for _, after := range []time.Duration{0, 150, 150, 700, 1000, 1600, 2999} {
			w.seq++
			id, due := models.ID{0xe, byte(w.seq)}, after*time.Millisecond
			want[id] = due
			w.queue.with(func() {
				w.queue.rows[id] = &row{event: &models.Event{Data: []byte("0123456789")}, d: models.Delivery{
					ID: id, SubscriptionID: s.ID, Status: models.StatusRetrying, Attempts: 1, DueAt: start.Add(due),
				}}
			})
		}
		for second := range 4 {
			require.NoError(t, r.Sweep(t.Context()))
			synctest.Wait()
			if second == 0 {
				require.Equal(t, 1, w.publish(s, 1), "a lane that waits for a time has room")
				synctest.Wait()
				mu.Lock()
				require.Len(t, sent, 2, "what is due, and what is fresh")
				mu.Unlock()
			}
			pause(t.Context(), time.Second)
		}
		w.stop()
		for id, due := range want {
			require.Equal(t, due, sent[id])
		}
		require.Len(t, sent, len(want)+1)
	})
}

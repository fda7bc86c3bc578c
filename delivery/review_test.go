package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// A change of a subscription reaches what waits in its lane with the next sweep, not when its turn comes.
func TestReview(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		changes []func(*models.Subscription)
		want    map[models.DeliveryStatus]int
		reason  models.Reason
	}{
		"deleted": {
			changes: []func(*models.Subscription){func(s *models.Subscription) { s.Version, s.DeletedAt, s.StoppedBelow = 2, noon, 2 }},
			want:    map[models.DeliveryStatus]int{models.StatusDelivered: 1, models.StatusCanceled: 5},
			reason:  models.ReasonDeleted,
		},
		"disabled and enabled again": {
			changes: []func(*models.Subscription){
				func(s *models.Subscription) { s.Version, s.Enabled, s.StoppedBelow = 2, false, 2 },
				func(s *models.Subscription) { s.Version, s.Enabled = 3, true },
			},
			want:   map[models.DeliveryStatus]int{models.StatusDelivered: 1, models.StatusCanceled: 5},
			reason: models.ReasonDisabled,
		},
		"a higher rate": {
			changes: []func(*models.Subscription){func(s *models.Subscription) { s.Version, s.RatePerSec = 2, 1000 }},
			want:    map[models.DeliveryStatus]int{models.StatusDelivered: 6},
		},
		"something else": {
			changes: []func(*models.Subscription){func(s *models.Subscription) { s.Version++ }},
			want:    map[models.DeliveryStatus]int{models.StatusDelivered: 1, models.StatusDelivering: 1, models.StatusPending: 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, nil)
				s := w.sub(func(s *models.Subscription) { s.Version, s.RatePerSec = 1, 0.01 })
				w.start()
				w.publish(s, 6)
				synctest.Wait()
				require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1, models.StatusDelivering: 1, models.StatusPending: 4}, w.queue.counts())
				for _, change := range tc.changes {
					w.subs.change(s.ID, change)
					w.queue.revision++
				}
				require.NoError(t, w.retrier(t).Sweep(t.Context()))
				pause(t.Context(), time.Second) // far less than the 100 s between two calls at the old rate
				synctest.Wait()
				require.Equal(t, tc.want, w.queue.counts())
				for _, r := range w.queue.rows {
					if r.d.Status == models.StatusCanceled {
						require.Equal(t, tc.reason, r.d.Reason)
						require.Zero(t, r.d.Attempts)
					}
				}
				w.stop()
			})
		})
	}
}

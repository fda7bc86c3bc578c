package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestLanesShowTheFullestFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			<-release
			return answering(j, 200, time.Millisecond)
		}, func(o *Options) { o.MaxPerLane = 20 })
		full := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		other := w.sub(nil)
		w.start()
		taken := w.publish(full, 300)
		w.publish(other, 2)
		synctest.Wait()
		lanes := w.d.Lanes(10)
		require.Len(t, lanes, 2)
		first := lanes[0]
		require.Equal(t, full.ID, first.SubscriptionID)
		require.Equal(t, []int{1, 1, taken}, []int{first.InFlight, first.Limit, first.Queued + first.InFlight})
		require.True(t, first.Backlog)
		require.Positive(t, first.Bytes)
		require.Equal(t, "untried", first.Pace)
		require.Equal(t, []int{2, 4, 0}, []int{lanes[1].InFlight, lanes[1].Window, lanes[1].Queued})
		require.Equal(t, lanes[:1], w.d.Lanes(1))
		close(release)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 302 })
		synctest.Wait()
		require.Empty(t, w.d.Lanes(10), "idle ones are only remembered")
		w.stop()
	})
}

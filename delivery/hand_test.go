package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// What an instance has in hand is known at every moment, because its heartbeat names the oldest of it, and what is older is not looked
// for when it dies.

// slowRelease is a queue that takes its time to take deliveries back.
type slowRelease struct{ *fakeQueue }

func (q slowRelease) Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error {
	if !pause(ctx, time.Second) {
		return ctx.Err()
	}
	return q.fakeQueue.Release(ctx, owner, ids, now)
}

func TestWhatIsBeingReleasedIsInHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.d = w.dispatcher(atOnce, func(o *Options) { o.Queue = slowRelease{w.queue} })
		w.start()
		owner, _ := w.d.Owner()
		old := models.Delivery{ID: models.ID{1}, Owner: owner, Status: models.StatusDelivering}
		w.d.mu.Lock()
		w.d.giveBack(old, models.Delivery{ID: models.ID{2}, Owner: owner + 1, Status: models.StatusDelivering})
		w.d.mu.Unlock()
		pause(t.Context(), time.Second/2)
		require.Equal(t, models.ID{1}, w.d.oldest())
		pause(t.Context(), time.Second)
		require.Equal(t, models.ID{2}, w.d.oldest())
		pause(t.Context(), time.Second)
		require.Zero(t, w.d.oldest())
		w.stop()
	})
}

func TestWhatWasStoppedIsInHandUntilItIsRecorded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		w.queue.slow = time.Minute
		w.d = w.dispatcher(atOnce, func(o *Options) { o.RecordQueue, o.RecordBatch, o.Committers = 1, 1, 1 })
		s := w.sub(func(s *models.Subscription) { s.RatePerSec = 1 })
		w.start()
		require.Equal(t, 4, w.publish(s, 4))
		synctest.Wait()
		w.subs.change(s.ID, func(s *models.Subscription) { s.Version, s.Revision, s.DeletedAt = 2, 2, noon })
		reviewed := make(chan struct{})
		go func() {
			w.d.review()
			close(reviewed)
		}()
		synctest.Wait()
		select {
		case <-reviewed:
			require.Fail(t, "the recorder was to be full")
		default:
		}
		require.Len(t, w.d.known(), 4, "one was sent, the others are stopped")
		<-reviewed
		w.stop()
		require.Empty(t, w.d.known())
	})
}

// A claim that was committed after its instance had been forgotten is under a number that nobody looks for. What nobody has taken over when
// the instance learns of its death goes back to the queue.
func TestWhatNobodyTookOverGoesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, time.Second)
			return answering(j, 200, time.Second)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.MaxInFlight = 1 })
		w.start()
		require.Equal(t, 2, w.publish(s, 2))
		synctest.Wait()
		owner, _ := w.d.Owner()
		w.d.member.lose(owner)
		w.waitFor(func(c map[models.DeliveryStatus]int) bool { return c[models.StatusDelivered] == 2 })
		w.stop()
	})
}

// beats is a queue that keeps what the heartbeats named.
type beats struct {
	*fakeQueue
	oldest []models.ID
}

func (b *beats) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	b.oldest = append(b.oldest, oldest)
	return b.fakeQueue.Heartbeat(ctx, owner, oldest)
}

// A process that was suspended may have been in the middle of a commit, of which its memory says nothing yet.
func TestHeartbeatAfterAGapReachesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil, nil)
		q := &beats{fakeQueue: w.queue}
		var suspended time.Duration
		w.d = w.dispatcher(atOnce, func(o *Options) {
			o.Queue, o.Now = q, func() time.Time { return time.Now().Add(suspended) }
		})
		require.NoError(t, w.d.member.register(t.Context()))
		w.d.member.beat(t.Context())
		before := time.Now()
		suspended = time.Hour
		w.d.member.beat(t.Context())
		w.d.member.beat(t.Context())
		require.Equal(t, []models.ID{{}, models.FloorID(before.Add(-commitAge)), {}}, q.oldest)
	})
}

// ownedList is an auditor that lists what it has in its order.
type ownedList []models.ID

func (l ownedList) Owned(_ context.Context, _ int64, _ time.Time, limit int) ([]models.ID, error) {
	return l[:min(limit, len(l))], nil
}

func TestAuditLooksPastWhatIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, atOnce, func(o *Options) { o.MaxJobs = 8 })
		w.queue.fail = func(op string) error {
			if op == "release" {
				return models.Errorf(models.CodeUnavailable, "away")
			}
			return nil
		}
		w.start()
		owner, _ := w.d.Owner()
		var list ownedList
		w.d.mu.Lock()
		for i := range byte(20) {
			d := models.Delivery{ID: models.ID{1, i}, Owner: owner, Status: models.StatusDelivering}
			w.d.giveBack(d)
			list = append(list, d.ID)
		}
		w.d.mu.Unlock()
		lost := models.ID{2}
		list = append(list, lost)
		var a audit
		for range 2 {
			pause(t.Context(), auditEvery)
			require.NoError(t, a.run(t.Context(), list, w.d, time.Now()))
		}
		require.Contains(t, w.d.known(), lost)
		w.queue.with(func() { w.queue.fail = nil })
		w.stop()
	})
}

// atOnce is a receiver that takes everything at once.
func atOnce(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }

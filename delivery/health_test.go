package delivery

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// failures are as many counted failures of a subscription, of events of a name.
func failures(id models.ID, name string, n int) []models.Result {
	list := make([]models.Result, n)
	for i := range list {
		list[i] = models.Result{
			Delivery: models.Delivery{ID: models.ID{0xd, byte(i)}, SubscriptionID: id, EventName: name}, Status: models.StatusRetrying,
			Attempt: &models.Attempt{StatusCode: 500, Reason: models.ReasonStatus},
		}
	}
	return list
}

// watched is an outage whose dispatcher only learns from what it is told was recorded.
func watched(t *testing.T, after int) (*outage, models.ID) {
	t.Helper()
	id := models.ID{0xa, 1}
	w, err := newOutage(func(_ context.Context, j models.Job) models.Attempt { return answering(j, 200, 0) }, SuspendPolicy{After: after})
	require.NoError(t, err)
	w.q.add(models.Subscription{ID: id, AutoRetry: true})
	require.NoError(t, w.d.o.Directory.Sync(t.Context(), 1))
	return w, id
}

// An endpoint that takes operational events is not warned about by more of them, nor is its suspension told to anybody.
func TestNoNoticeIsAboutNotices(t *testing.T) {
	t.Parallel()
	w, id := watched(t, 4)
	for range 4 {
		w.d.health.observe(t.Context(), failures(id, models.EventEndpointFailing, 1), nil)
	}
	require.True(t, w.q.subscription(id).Suspended())
	require.Empty(t, w.notices)
}

// Whoever comes second to a threshold tells nobody, and the sender follows what the first has done.
func TestASuspensionIsToldOnce(t *testing.T) {
	t.Parallel()
	w, id := watched(t, 2)
	_, changed, err := w.q.SuspendSubscription(t.Context(), models.ID{}, id, models.SuspendedFailures, time.Now(), time.Now())
	require.NoError(t, err)
	require.True(t, changed, "by another instance")
	w.d.health.observe(t.Context(), failures(id, "signer.done", 2), nil)
	require.Empty(t, w.notices)
	s, _ := w.d.o.Directory.Subscription(id)
	require.True(t, s.Suspended())
}

// A probe that was claimed before somebody suspended the subscription by hand is not sent.
func TestAProbeIsNotSentAfterAHandStopsIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		w, id := suspendedWith(t, 1, func(_ context.Context, j models.Job) models.Attempt {
			sent++
			return answering(j, 200, 0)
		})
		jobs, err := w.q.ClaimProbe(t.Context(), 1, time.Now(), *w.q.condition(id), time.Now().Add(time.Hour))
		require.NoError(t, err)
		w.q.turn(id, time.Now(), models.SuspendedManual)
		require.NoError(t, w.d.o.Directory.Sync(t.Context(), w.q.revision))
		w.d.take(1, jobs)
		synctest.Wait()
		require.Zero(t, sent)
		require.Equal(t, 1, w.q.count(models.StatusParked))
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// Somebody resumes while a probe is under way, and it fails: there is nothing to park for any more.
func TestResumedDuringAProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first := true
		w, id := suspendedWith(t, 5, func(ctx context.Context, j models.Job) models.Attempt {
			if first {
				first = false
				pause(ctx, 5*time.Second)
				return answering(j, 500, 5*time.Second)
			}
			return answering(j, 200, 0)
		})
		w.tick(t, 61)
		require.False(t, first)
		_, _, err := w.q.ResumeSubscription(t.Context(), models.ID{}, id, true)
		require.NoError(t, err)
		w.tick(t, 2)
		require.Equal(t, 4, w.q.count(models.StatusDelivered))
		w.tick(t, 5)
		require.False(t, w.q.subscription(id).Suspended())
		require.Equal(t, 5, w.q.count(models.StatusDelivered))
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// failures is how many are counted. It takes the lock because what a pace counts later does not wait for this read by itself.
func (w *outage) failures(id models.ID) int {
	w.q.mu.Lock()
	defer w.q.mu.Unlock()
	return w.q.condition(id).Failures
}

// Failures gather for a time before they are counted, except where they change the endpoint's state at once. None is lost, and a success
// between them counts.
func TestHealthKeepsItsPace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const pace = 100 * time.Millisecond
		w, id := watched(t, 100)
		w.d.o.HealthPace = pace
		counted := func(want int) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, w.failures(id))
		}
		observe := func(results []models.Result) { w.d.health.observe(t.Context(), results, nil) }
		well := []models.Result{{
			Delivery: models.Delivery{ID: models.ID{0xd}, SubscriptionID: id}, Status: models.StatusDelivered, Attempt: &models.Attempt{Success: true},
		}}
		observe(failures(id, "signer.done", 2))
		counted(2) // the first at once
		observe(failures(id, "signer.done", 3))
		observe(failures(id, "signer.done", 4))
		counted(2)
		pause(t.Context(), pace)
		counted(9)
		observe(failures(id, "signer.done", 5))
		observe(well)
		observe(failures(id, "signer.done", 1))
		pause(t.Context(), pace)
		counted(1)

		gone := failures(id, "signer.done", 1)
		gone[0].Attempt.StatusCode = 410
		observe(gone)
		require.True(t, w.q.subscription(id).Suspended(), "at once")

		pause(t.Context(), 2*pace)
		observe(failures(id, "signer.done", 1))
		observe(failures(id, "signer.done", 1))
		before := w.failures(id)
		w.d.health.flush(t.Context())
		require.Equal(t, before+1, w.failures(id), "the end of the process counts what has gathered")
	})
}

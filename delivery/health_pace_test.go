package delivery

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// slowReports are conditions of a database that takes its time to count failures.
type slowReports struct {
	*outageStore

	lock     sync.Mutex
	takes    time.Duration
	running  int // statements
	most     int // at a time
	contexts []string
}

func (s *slowReports) ReportHealth(ctx context.Context, now time.Time, reports []models.Health) ([]models.Condition, error) {
	s.lock.Lock()
	s.running++
	s.most = max(s.most, s.running)
	s.contexts = append(s.contexts, fmt.Sprint(ctx))
	takes := s.takes
	s.lock.Unlock()
	pause(ctx, takes)
	s.lock.Lock()
	s.running--
	s.lock.Unlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.outageStore.ReportHealth(ctx, now, reports)
}

// slowly is a watched outage that gathers failures, where counting them takes so long.
func slowly(t *testing.T, takes time.Duration) (*outage, models.ID, *slowReports) {
	t.Helper()
	w, id := watched(t, 1000)
	s := &slowReports{outageStore: w.q, takes: takes}
	w.d.o.Conditions, w.d.o.HealthPace = s, 100*time.Millisecond
	return w, id, s
}

func (w *outage) observeFailure(t *testing.T, id models.ID) {
	t.Helper()
	w.d.health.observe(t.Context(), failures(id, "signer.done", 1), nil)
}

// However long an endpoint fails, what each pace leaves behind is gone after it.
func TestHealthLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, id, s := slowly(t, 0)
		for range 50 {
			w.observeFailure(t, id)
			pause(t.Context(), w.d.o.HealthPace/2)
		}
		w.d.health.flush(t.Context())
		require.Greater(t, len(s.contexts), 20)
		require.Len(t, s.contexts[20], len(s.contexts[10]), "no context is made of the one before")
	})
}

// Where counting takes longer than the pace, the counts don't pile up.
func TestHealthWaitsForASlowDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const takes = 2 * time.Second
		w, id, s := slowly(t, takes)
		for range 50 {
			go w.observeFailure(t, id)
			pause(t.Context(), w.d.o.HealthPace/2)
		}
		pause(t.Context(), 3*takes)
		w.d.health.flush(t.Context())
		require.LessOrEqual(t, s.most, 2, "one of who came first, and one of the pace")
		require.Equal(t, 50, w.failures(id))
	})
}

// The end of the process waits for what is being counted, and not for longer than it has.
func TestHealthIsFlushedInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, id, s := slowly(t, 0)
		w.observeFailure(t, id)
		w.observeFailure(t, id)
		s.lock.Lock()
		s.takes = time.Minute
		s.lock.Unlock()
		pause(t.Context(), w.d.o.HealthPace)
		synctest.Wait()
		s.lock.Lock()
		require.Equal(t, 1, s.running)
		s.lock.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		w.d.health.flush(ctx)
		require.Equal(t, time.Second, time.Since(start))
	})
}

// A success that is recorded while the failures before it are being counted is counted, too.
func TestASuccessBesideTheCountOfFailures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const takes = time.Second
		w, id, _ := slowly(t, takes)
		go w.observeFailure(t, id)
		pause(t.Context(), takes/2)
		w.d.health.observe(t.Context(), []models.Result{{
			Delivery: models.Delivery{ID: models.ID{0xd}, SubscriptionID: id}, Status: models.StatusDelivered, Attempt: &models.Attempt{Success: true},
		}}, nil)
		pause(t.Context(), 3*takes)
		synctest.Wait()
		require.Zero(t, w.failures(id))
		w.d.health.flush(t.Context())
	})
}

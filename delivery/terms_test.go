package delivery

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/delivery/format"
	"hookrouter/models"
)

// strict are the formats that take 2xx for a success and nothing else.
func strict(name models.Format) bool {
	return name == models.FormatDocumenso || name == models.FormatQuicklySign
}

// TestEveryFormatAndStatus lets a receiver answer with each kind of status to each format, and holds what the attempt and the decision say
// against the table of docs/delivery.md.
func TestEveryFormatAndStatus(t *testing.T) {
	t.Parallel()
	policy := DefaultPolicy()
	r, sender := deliverytest.NewReceiver(t), newSender(t, nil)
	for _, name := range (format.List{}).Names() {
		for _, status := range []int{200, 201, 204, 299, 300, 301, 302, 303, 304, 307, 308, 399, 400, 404, 410, 429, 500, 503} {
			for _, located := range []bool{false, true} {
				answer := deliverytest.Status(status)
				if located {
					answer = deliverytest.Status(status, "Location", "/moved")
				}
				r.On("/a", answer)
				for _, autoRetry := range []bool{true, false} {
					j := changed(testJob(t, r.URL+"/a"), func(s *models.Subscription) { s.Format, s.AutoRetry = name, autoRetry })
					j.Matched = j.Current
					a := sender.Send(t.Context(), j)
					what := string(name) + " " + strconv.Itoa(status)
					follows := located && !strict(name) && (status == 301 || status == 302 || status == 307 || status == 308)
					success := status < 300 || status < 400 && !strict(name)
					require.Equal(t, success, a.Success, what)
					require.Equal(t, follows, a.Redirects == 1, what)
					if !follows {
						require.Equal(t, status, a.StatusCode, what)
					}
					result := Decide(j.Delivery, j.Current, a, policy.For(name), noon, 0)
					switch {
					case success:
						require.Equal(t, models.StatusDelivered, result.Status, what)
						continue
					case name == models.FormatQuicklySign:
						require.Equal(t, noon.Add(time.Minute), result.DueAt, what)
						require.True(t, result.Owed, what)
					case autoRetry:
						require.Equal(t, noon.Add(2*time.Minute), result.DueAt, what)
					default:
						require.Equal(t, models.StatusFailed, result.Status, what)
					}
					require.Equal(t, models.ReasonStatus, a.Reason, what)
				}
			}
		}
	}
}

// TestQuicklySignNeverGivesUp decides about a failure again and again, for every reason, with auto_retry and without it.
func TestQuicklySignNeverGivesUp(t *testing.T) {
	t.Parallel()
	p := Policy{Schedule: []time.Duration{time.Hour}, Jitter: 0.5}.For(models.FormatQuicklySign)
	require.NoError(t, p.Validate())
	require.True(t, Policy{}.For(models.FormatDocumenso).Backoff.IsZero())
	for _, autoRetry := range []bool{true, false} {
		for _, reason := range models.AttemptReasons() {
			d := models.Delivery{}
			for number := 1; number <= 40; number++ {
				want := min(time.Minute<<min(number-1, 20), 6*time.Hour)
				a := models.Attempt{Number: number, Reason: reason}
				for jitter, at := range map[float64]time.Duration{0: want, -1: want / 2, 0.5: min(want+want/4, 6*time.Hour)} {
					r := Decide(d, subscription(autoRetry), a, p, noon, jitter)
					require.Equal(t, models.StatusRetrying, r.Status)
					require.Equal(t, at, r.DueAt.Sub(noon), "attempt %d, jitter %v", number, jitter)
				}
				d.Attempts, d.Owed = number, true
				_, stopped := d.Stopped(subscription(false))
				require.False(t, stopped, "switching auto_retry off ends nothing")
			}
			deleted := &models.Subscription{Enabled: true, DeletedAt: noon}
			r := Decide(d, deleted, models.Attempt{Number: 41, Reason: reason}, p, noon, 0)
			require.Equal(t, models.StatusCanceled, r.Status)
			require.Equal(t, models.ReasonDeleted, r.Reason)
			suspended := &models.Subscription{Enabled: true, SuspendedAt: noon}
			r = Decide(d, suspended, models.Attempt{Number: 41, Reason: reason}, p, noon, 0)
			require.Equal(t, models.StatusParked, r.Status)
			require.True(t, r.Owed, "it stays owed while it is parked")
		}
	}
	a := models.Attempt{Number: 1, Reason: models.ReasonStatus, StatusCode: 503, RetryAfter: 10 * time.Hour}
	require.Equal(t, noon.Add(10*time.Hour), Decide(models.Delivery{}, subscription(false), a, p, noon, 0).DueAt, "as it asked")
}

// mute answers nothing.
type mute struct{}

func (mute) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

// TestTimeoutsByFormat never answers and reads the time from the attempt.
func TestTimeoutsByFormat(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		format       models.Format
		own          time.Duration
		first, retry time.Duration
	}{
		{models.FormatYousign, 0, 3 * time.Second, 4 * time.Second},
		{models.FormatDocumenso, 0, 10 * time.Second, 10 * time.Second},
		{models.FormatQuicklySign, 0, 10 * time.Second, 10 * time.Second},
		{models.FormatDocumenso, 2 * time.Second, 2 * time.Second, 2 * time.Second},
	} {
		for made, want := range []time.Duration{c.first, c.retry} {
			synctest.Test(t, func(t *testing.T) {
				s, err := NewHTTPSender(SenderOptions{
					Transport: mute{}, Schemes: []string{"http"}, TimeoutFirst: 3 * time.Second, TimeoutRetry: 4 * time.Second, Now: time.Now,
				})
				require.NoError(t, err)
				j := changed(testJob(t, "http://receiver.example/"), func(s *models.Subscription) {
					s.Format, s.TimeoutFirst, s.TimeoutRetry = c.format, c.own, c.own
				})
				j.Matched, j.Delivery.Attempts = j.Current, made
				a := s.Send(t.Context(), j)
				require.Equal(t, models.ReasonTimeout, a.Reason)
				require.Equal(t, want, a.Timings.Total, "%s, %d made", c.format, made)
				planned := Planner{TimeoutFirst: 3 * time.Second, TimeoutRetry: 4 * time.Second}
				require.Equal(t, c.first, planned.FirstTimeout(j.Current))
			})
		}
	}
}

// TestTheFormatThatMatchedSetsTheTerms changes a subscription's format while a delivery waits.
func TestTheFormatThatMatchedSetsTheTerms(t *testing.T) {
	t.Parallel()
	r := deliverytest.NewReceiver(t, deliverytest.Status(304))
	j := changed(testJob(t, r.URL), func(s *models.Subscription) { s.Format = models.FormatDocumenso })
	require.True(t, newSender(t, nil).Send(t.Context(), j).Success, "it is written in the vendor's format")
}

// TestRetryPlansWithoutEnd bounds the plans of a format that never gives up.
func TestRetryPlansWithoutEnd(t *testing.T) {
	t.Parallel()
	s := &models.Subscription{Enabled: true, Format: models.FormatQuicklySign}
	p := planner(t, Policy{Jitter: 0.1})
	open := p.RetryPlan(s, models.Outage{Start: noon, Reason: models.ReasonStatus})
	require.Len(t, open.Attempts, maxPlannedOpen)
	require.Equal(t, models.StatusRetrying, open.Status)
	require.Equal(t, noon.Add(time.Minute), open.Attempts[1].At)
	require.Equal(t, 6*time.Hour, open.Attempts[50].At.Sub(open.Attempts[49].At))
	year := p.RetryPlan(s, models.Outage{Start: noon, End: noon.AddDate(1, 0, 0), Reason: models.ReasonTimeout})
	require.Equal(t, models.StatusDelivered, year.Status)
	require.Less(t, len(year.Attempts), maxPlanned)
	still := planner(t, Policy{Jitter: 1}).RetryPlan(s, models.Outage{Start: noon, End: noon.AddDate(1, 0, 0), Reason: models.ReasonDNS})
	require.Len(t, still.Attempts, maxPlanned, "with waits of nothing it is cut off")
}

// TestTheDispatcherKeepsTheTermsOfTheFormat sends to an endpoint that fails for an hour, with auto_retry off.
func TestTheDispatcherKeepsTheTermsOfTheFormat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var mu sync.Mutex
		var at []time.Duration
		calls := func() []time.Duration {
			mu.Lock()
			defer mu.Unlock()
			return at
		}
		w := newWorld(t, func(_ context.Context, j models.Job) models.Attempt {
			mu.Lock()
			at = append(at, time.Since(begin))
			mu.Unlock()
			if time.Since(begin) < time.Hour {
				return answering(j, 500, 0)
			}
			return answering(j, 200, 0)
		}, nil)
		s := w.sub(func(s *models.Subscription) { s.Format, s.AutoRetry = models.FormatQuicklySign, false })
		w.start()
		w.publish(s, 1)
		r := w.retrier(t)
		synctest.Wait()
		for len(calls()) < 7 {
			pause(t.Context(), time.Second)
			require.NoError(t, r.Sweep(t.Context()))
			synctest.Wait()
		}
		for i, want := range []time.Duration{0, 1, 3, 7, 15, 31, 63} {
			require.Equal(t, want*time.Minute, calls()[i])
		}
		require.Equal(t, map[models.DeliveryStatus]int{models.StatusDelivered: 1}, w.queue.counts())
		w.stop()
	})
}

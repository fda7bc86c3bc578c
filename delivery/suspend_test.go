package delivery

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestSuspendPolicy(t *testing.T) {
	t.Parallel()
	p := SuspendPolicy{After: 10, Window: 5 * time.Minute}
	require.False(t, p.suspends(9, noon, noon.Add(time.Hour)))
	require.False(t, p.suspends(100, noon, noon.Add(5*time.Minute-1)))
	require.True(t, p.suspends(10, noon, noon.Add(5*time.Minute)))
	require.False(t, SuspendPolicy{}.suspends(1000, noon, noon.Add(time.Hour)), "0 is off")
	for _, c := range []struct{ before, after, want int }{
		{0, 4, 0}, {4, 5, 50}, {5, 6, 0}, {6, 8, 75}, {7, 9, 90}, {8, 9, 90}, {9, 10, 0}, {0, 30, 90}, {20, 30, 0},
	} {
		require.Equal(t, c.want, p.warns(c.before, c.after), "%d to %d", c.before, c.after)
	}
	require.Zero(t, SuspendPolicy{}.warns(0, 100))
	for _, bad := range []SuspendPolicy{{After: -1}, {Window: -1}, {Window: 8 * 24 * time.Hour}} {
		require.Error(t, bad.Validate())
	}
	var waits []time.Duration
	for n := range 7 {
		waits = append(waits, probeWait(n)/time.Minute)
	}
	require.Equal(t, []time.Duration{1, 2, 4, 8, 15, 15, 15}, waits)
	require.Equal(t, longestProbe, probeWait(1_000_000))
}

func TestDecideWhileSuspended(t *testing.T) {
	t.Parallel()
	s := &models.Subscription{Enabled: true, AutoRetry: true, SuspendedAt: noon}
	d := models.Delivery{DueAt: noon.Add(-time.Hour)}
	r := Decide(d, s, outcome(1, 500), DefaultPolicy(), noon, 0)
	require.Equal(t, models.StatusParked, r.Status)
	require.Equal(t, noon.Add(2*time.Minute), r.DueAt)
	require.Equal(t, models.StatusDelivered, Decide(d, s, outcome(1, 200), DefaultPolicy(), noon, 0).Status)

	require.Equal(t, models.StatusDelivered, DecideProbe(d, s, outcome(1, 200), noon).Status)
	refused := DecideProbe(d, s, outcome(1, 500), noon)
	require.Equal(t, models.StatusParked, refused.Status)
	require.True(t, refused.Uncounted)
	require.Equal(t, noon, refused.DueAt, "behind the others: it may be what the receiver can't take")
	silent := outcome(1, 0)
	silent.Success, silent.Reason = false, models.ReasonTimeout
	require.Equal(t, d.DueAt, DecideProbe(d, s, silent, noon).DueAt)
	require.Equal(t, models.StatusCanceled, DecideProbe(d, &models.Subscription{}, outcome(1, 500), noon).Status)

	probed := models.Delivery{Attempts: 3, Uncounted: 3}
	once := &models.Subscription{Enabled: true}
	_, stopped := probed.Stopped(once)
	require.False(t, stopped, "it was never sent by its schedule")
	late := outcome(4, 0)
	late.Success, late.Reason = false, models.ReasonTimeout
	require.Equal(t, models.StatusRetrying, Decide(probed, once, late, DefaultPolicy(), noon, 0).Status, "its first counted attempt")
}

// eventsPerSecond of the outage, 50 where the whole run is wanted; see make test-outage. Under the race detector half as many run at the
// same time as without it, in the same way.
func eventsPerSecond(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TEST_OUTAGE_EVENTS")
	if text == "" && raceEnabled {
		return 1
	}
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// An endpoint is down for six hours and comes back. Nothing is lost, and no attempt is made while it is suspended but for the probes; the
// drain stays within its window, beside live traffic; nobody else notices anything.
func TestSixHoursDown(t *testing.T) {
	t.Parallel()
	perSecond := eventsPerSecond(t)
	synctest.Test(t, func(t *testing.T) {
		const down, well = 6 * time.Hour, 20 * time.Minute
		bad, good := models.ID{0xa, 1}, models.ID{0xa, 2}
		start := time.Now()
		back := start.Add(time.Minute).Add(down)
		var w *outage
		var mu sync.Mutex
		var draining, burnt, over, calls int
		var slowest time.Duration
		windows := map[int]bool{}
		send := func(ctx context.Context, j models.Job) models.Attempt {
			if j.Delivery.SubscriptionID == good {
				pause(ctx, 20*time.Millisecond)
				mu.Lock()
				slowest = max(slowest, time.Since(j.Delivery.CreatedAt))
				mu.Unlock()
				return answering(j, 200, 20*time.Millisecond)
			}
			w.d.mu.Lock()
			window := 0
			if f := w.d.outflows[bad]; f != nil {
				window = f.window
			}
			w.d.mu.Unlock()
			suspended := w.q.subscription(bad).Suspended()
			mu.Lock()
			calls++
			if suspended && !j.Probe {
				burnt++
			}
			if j.Drained {
				draining++
				windows[window] = true
				if draining > window && window > 0 {
					over++
				}
			}
			mu.Unlock()
			pause(ctx, 10*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if j.Drained {
				draining--
			}
			if now := time.Now(); now.After(start.Add(time.Minute)) && now.Before(back) {
				return answering(j, 503, 10*time.Millisecond)
			}
			return answering(j, 200, 10*time.Millisecond)
		}
		var err error
		w, err = newOutage(send, SuspendPolicy{After: 10, Window: 5 * time.Minute})
		require.NoError(t, err)
		w.q.add(models.Subscription{ID: bad, AutoRetry: true})
		w.q.add(models.Subscription{ID: good, AutoRetry: true})
		require.NoError(t, w.d.Start(t.Context()))
		var most, failedBefore, failedAtEnd int
		for second := range int((down + well) / time.Second) {
			for range perSecond {
				w.publish(bad)
			}
			w.publish(good)
			pause(t.Context(), 500*time.Millisecond)
			require.NoError(t, w.r.Sweep(t.Context()))
			pause(t.Context(), 500*time.Millisecond)
			switch second {
			case 600:
				require.True(t, w.q.subscription(bad).Suspended(), "after more than five minutes of failures")
				failedBefore = w.q.attempts
			case int(down / time.Second):
				most, failedAtEnd = w.q.parked[bad].Len(), w.q.attempts
			}
		}
		for range 5 * 3600 { // the retries of before, on their schedule
			if w.q.count(models.StatusDelivered) == w.made {
				break
			}
			pause(t.Context(), time.Second)
			require.NoError(t, w.r.Sweep(t.Context()))
			synctest.Wait()
		}
		require.Equal(t, w.made, w.q.count(models.StatusDelivered), "nothing is lost")
		require.Equal(t, failedBefore, failedAtEnd, "nothing is counted while it is suspended")
		require.Zero(t, burnt)
		require.Zero(t, over)
		require.True(t, windows[1] && windows[2] && windows[4] && windows[8], "%v", windows)
		require.Equal(t, 20*time.Millisecond, slowest, "the other endpoint does not notice")
		require.Greater(t, most, perSecond*int(down/time.Second)*9/10)
		require.Less(t, w.q.probes[len(w.q.probes)-1].Sub(back), 15*time.Minute+time.Second)
		require.LessOrEqual(t, len(w.q.probes), 4+6*4)
		for i := range w.q.probes[1:] {
			require.Greater(t, w.q.probes[i+1].Sub(w.q.probes[i]), time.Minute)
		}
		require.Empty(t, w.q.conditions)
		var names []string
		for _, n := range w.notices {
			names = append(names, n.Event)
		}
		require.Equal(t, []string{models.EventEndpointSuspended, models.EventEndpointResumed}, slices.DeleteFunc(slices.Clone(names), func(n string) bool {
			return n == models.EventEndpointFailing
		}))
		t.Logf("%d events, %d calls to the endpoint, %d probes, %d failures counted, %d parked at most", w.made, calls, len(w.q.probes), failedAtEnd, most)
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// suspendedWith runs an endpoint with some parked deliveries until it is left alone.
func suspendedWith(t *testing.T, n int, send sendFunc) (*outage, models.ID) {
	t.Helper()
	id := models.ID{0xa, 1}
	w, err := newOutage(send, SuspendPolicy{After: 3})
	require.NoError(t, err)
	w.q.add(models.Subscription{ID: id, AutoRetry: true})
	require.NoError(t, w.d.Start(t.Context()))
	_, _, err = w.q.SuspendSubscription(t.Context(), models.ID{}, id, models.SuspendedFailures, time.Now(), time.Now().Add(time.Minute))
	require.NoError(t, err)
	for range n {
		w.publish(id)
	}
	w.tick(t, 1)
	return w, id
}

func (w *outage) tick(t *testing.T, seconds int) {
	t.Helper()
	for range seconds {
		require.NoError(t, w.r.Sweep(t.Context()))
		pause(t.Context(), time.Second)
	}
	synctest.Wait()
}

// A receiver that can't take one delivery is still found to be well: the next probe goes with another one.
func TestOnePoisonousDeliveryKeepsNobodySuspended(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var poison models.ID
		var once sync.Once
		send := func(_ context.Context, j models.Job) models.Attempt {
			once.Do(func() { poison = j.Delivery.ID })
			if j.Delivery.ID == poison {
				return answering(j, 400, 0)
			}
			return answering(j, 200, 0)
		}
		w, id := suspendedWith(t, 20, send)
		w.tick(t, 3*60+10)
		// The poison goes last. When it fails at a window of 8, up to 7 others are still in memory and are parked again; the window is 16
		// only after 15 successes.
		require.GreaterOrEqual(t, w.q.count(models.StatusDelivered), 12, "the drain ends where it fails")
		w.tick(t, 5*60)
		require.Equal(t, 19, w.q.count(models.StatusDelivered))
		w.publish(id)
		w.tick(t, 20*60)
		require.Equal(t, 20, w.q.count(models.StatusDelivered))
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// A failure in the middle of a drain suspends again, and costs only what was in flight.
func TestAFailingDrainSuspendsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		answered := 0
		send := func(ctx context.Context, j models.Job) models.Attempt {
			pause(ctx, 10*time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			if answered++; answered > 8 && answered < 100 {
				return answering(j, 500, 10*time.Millisecond)
			}
			return answering(j, 200, 10*time.Millisecond)
		}
		w, id := suspendedWith(t, 500, send)
		w.tick(t, 70)
		require.True(t, w.q.subscription(id).Suspended())
		require.Less(t, w.q.attempts, 9, "those that were in flight with the one that failed")
		require.Empty(t, w.d.outflows)
		require.Equal(t, 500, w.q.count(models.StatusParked)+w.q.count(models.StatusDelivered))
		mu.Lock()
		answered = 100
		mu.Unlock()
		w.tick(t, 120)
		require.Equal(t, 500, w.q.count(models.StatusDelivered))
		suspended := 0
		for _, n := range w.notices { // a warning may come first: who is recorded in which batch differs
			if n.Event == models.EventEndpointSuspended {
				suspended++
			}
		}
		require.Equal(t, 1, suspended)
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

func TestGoneSuspendsAtOnceAndOperationalFailuresAreSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		gone, id := models.ID{0xa, 1}, models.ID{0xa, 2}
		w, err := newOutage(func(_ context.Context, j models.Job) models.Attempt {
			if j.Delivery.SubscriptionID == gone {
				return answering(j, 410, 0)
			}
			return answering(j, 500, 0)
		}, SuspendPolicy{After: 4})
		require.NoError(t, err)
		w.q.add(models.Subscription{ID: gone, AutoRetry: true})
		w.q.add(models.Subscription{ID: id})
		require.NoError(t, w.d.Start(t.Context()))
		w.tick(t, 1)
		w.publish(gone)
		w.tick(t, 2)
		require.Equal(t, models.SuspendedGone, w.q.subscription(gone).StateReason)
		require.Equal(t, 1, w.q.count(models.StatusParked))
		require.Len(t, w.notices, 1)

		w.notices = nil
		for i := range 4 {
			w.publish(id)
			w.tick(t, 1)
			require.Equal(t, i == 3, w.q.subscription(id).Suspended())
		}
		var got []string
		for _, n := range w.notices {
			got = append(got, n.Event+" "+strconv.Itoa(n.Percent+n.Count))
		}
		require.Equal(t, []string{
			models.EventDeliveryExhausted + " 1", models.EventEndpointFailing + " 50", models.EventDeliveryExhausted + " 1",
			models.EventEndpointFailing + " 75", models.EventDeliveryExhausted + " 1", models.EventEndpointSuspended + " 0",
			models.EventDeliveryExhausted + " 1",
		}, got)

		results := []models.Result{{
			Delivery: models.Delivery{SubscriptionID: id, EventName: models.EventEndpointFailing}, Status: models.StatusFailed,
			Attempt: &models.Attempt{StatusCode: 500, Reason: models.ReasonStatus},
		}}
		require.False(t, w.d.health.read(results, []models.ID{{}}), "fenced")
		require.True(t, w.d.health.read(results, nil))
		require.Zero(t, w.d.health.reports[id].count, "no notice about a notice")
		require.NoError(t, w.d.Stop(t.Context()))
	})
}

// The diagram in the documentation shows the transitions that there are.
func TestTheDiagramShowsTheTransitions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/delivery.md")
	require.NoError(t, err)
	drawn := map[[2]string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    (\w+|\[\*\]) --> (\w+|\[\*\])`).FindAllStringSubmatch(string(text), -1) {
		drawn[[2]string{m[1], m[2]}] = true
	}
	want := map[[2]string]bool{{"[*]", "delivering"}: true, {"[*]", "pending"}: true, {"[*]", "parked"}: true}
	for from, list := range models.Transitions() {
		for _, to := range list {
			want[[2]string{string(from), string(to)}] = true
		}
	}
	for _, s := range models.Statuses() {
		if s.Terminal() {
			want[[2]string{string(s), "[*]"}] = true
			require.Equal(t, []models.DeliveryStatus{models.StatusPending}, models.Transitions()[s])
		}
	}
	require.Equal(t, want, drawn)
}

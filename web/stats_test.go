package web

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/web/ui"
)

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", 12408: "12\u202f408", 1234567: "1\u202f234\u202f567"} {
		require.Equal(t, want, count(n))
	}
	for rate, want := range map[float64]string{1: "100 %", 0.99996: "99.9 %", 0.5: "50 %", 0: "0 %"} {
		require.Equal(t, want, percent(rate))
	}
	require.Equal(t, "more than 10\u202f000", atMost(10_000, true))
}

// TestFailingConcern covers what is said of failures: that all fail, that they rise, or that there are some.
func TestFailingConcern(t *testing.T) {
	t.Parallel()
	activity := func(lateFailed, lateOK, beforeFailed, beforeOK int64) *models.Activity {
		a := &models.Activity{}
		a.Hours[0] = models.HourActivity{Failed: beforeFailed, Succeeded: beforeOK}
		a.Hours[models.ActivityHours-1] = models.HourActivity{Failed: lateFailed, Succeeded: lateOK}
		return a
	}
	for name, c := range map[string]struct {
		a    *models.Activity
		word string
		tone ui.Tone
	}{
		"all":             {activity(1, 0, 0, 100), "Failing", ui.Bad},
		"rising":          {activity(10, 90, 5, 995), "Failures rise", ui.Bad},
		"new":             {activity(3, 90, 0, 0), "Failures rise", ui.Bad},
		"from none":       {activity(3, 90, 0, 1000), "Failures rise", ui.Bad},
		"too few to tell": {activity(2, 90, 0, 1000), "Failing", ui.Wait},
		"as before":       {activity(10, 90, 100, 900), "Failing", ui.Wait},
	} {
		got := failingConcern(c.a)
		require.Equal(t, ui.State{Word: c.word, Tone: c.tone}, got.state, name)
	}
}

func TestDrained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parked   int64
		waiting  statWaiting
		done, of int
	}{
		{412, statWaiting{Parked: 100}, 312, 412},
		{0, statWaiting{Parked: 100}, 100, 0},                       // nobody knows how many there were
		{412, statWaiting{Parked: 10_001, Capped: true}, 10_001, 0}, // nor how many there are
		{5, statWaiting{Parked: 9}, 9, 0},                           // suspended again in between
	} {
		done, of := (&subscriptionNow{parked: c.parked, waiting: c.waiting}).drained()
		require.Equal(t, []int{c.done, c.of}, []int{done, of})
	}
}

func TestTimeOf(t *testing.T) {
	t.Parallel()
	require.Equal(t, "2026-05-04T08:00:00Z", timeOf("2026-05-04T08:00"))
	require.Equal(t, "2026-05-04T08:00:07Z", timeOf("2026-05-04T08:00:07"))
	require.Nil(t, timeOf(""))
	require.Equal(t, "yesterday", timeOf("yesterday"))
}

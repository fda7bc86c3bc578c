package web

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// TestArrivalIsToldOfTheAttemptThatArrived holds that sending again changes nothing about when it arrived.
func TestArrivalIsToldOfTheAttemptThatArrived(t *testing.T) {
	t.Parallel()
	for want, tries := range map[string][]bool{
		"It arrived at once.":                                                 {true},
		"It arrived with attempt 2.":                                          {false, true},
		"It arrived at once, and once more when it was sent again.":           {true, false, true},
		"It arrived with attempt 2, and 2 times more when it was sent again.": {false, true, true, true},
	} {
		d := delivery{Status: models.StatusDelivered, Attempts: len(tries)}
		for i, ok := range tries {
			d.Tries = append(d.Tries, attempt{Number: i + 1, Success: ok})
		}
		require.Equal(t, want, d.story())
	}
}

func TestReasonsNameTheStatus(t *testing.T) {
	t.Parallel()
	require.Equal(t, "answered 503", reasonOf(models.ReasonStatus, 503))
	require.Equal(t, "answered an error", reasonOf(models.ReasonStatus, 0))
	require.Equal(t, "timed out", reasonOf(models.ReasonTimeout, 200))
}

func TestDurationsKeepTheirMinutes(t *testing.T) {
	t.Parallel()
	require.Equal(t, "6 h 38 min", ui.Duration(6*time.Hour+38*time.Minute+59*time.Second))
	require.Equal(t, "6 h", ui.Duration(6*time.Hour))
}

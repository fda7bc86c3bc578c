package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestTerms writes the promises of each format out again, so that none is changed by accident and a new format has to say its own.
func TestTerms(t *testing.T) {
	t.Parallel()
	vendor := Terms{SuccessBelow: 400, Redirects: 2}
	for name, want := range map[models.Format]Terms{
		models.FormatYousign: vendor, models.FormatStandardWebhooks: vendor,
		models.FormatCloudEvents: vendor, models.FormatCloudEventsStructured: vendor,
		models.FormatDocumenso: {SuccessBelow: 300, TimeoutFirst: 10 * time.Second, TimeoutRetry: 10 * time.Second},
		models.FormatQuicklySign: {
			SuccessBelow: 300, TimeoutFirst: 10 * time.Second, TimeoutRetry: 10 * time.Second,
			Backoff: Backoff{First: time.Minute, Factor: 2, Most: 6 * time.Hour},
		},
	} {
		f, ok := For(name)
		require.True(t, ok)
		require.Equal(t, want, f.Terms(), name)
	}
	require.Len(t, all, 6)
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	for _, f := range all {
		terms := f.Terms()
		for status := range 1000 {
			want := status >= 200 && status <= 399
			if f.Name() == models.FormatDocumenso || f.Name() == models.FormatQuicklySign {
				want = status >= 200 && status <= 299
			}
			require.Equal(t, want, terms.Success(status), "%s %d", f.Name(), status)
		}
	}
}

func TestBackoffGrowsToItsLongestWait(t *testing.T) {
	t.Parallel()
	f, _ := For(models.FormatQuicklySign)
	b := f.Terms().Backoff
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360} {
		require.Equal(t, want*time.Minute, b.Wait(i+1))
	}
	require.Equal(t, 6*time.Hour, b.Wait(1<<40), "a delivery that nobody ever took")
	require.True(t, Backoff{}.IsZero())
	require.False(t, b.IsZero())
}

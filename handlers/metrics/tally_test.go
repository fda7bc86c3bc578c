package metrics

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTallyIsAHistogram holds it against the library's own.
func TestTallyIsAHistogram(t *testing.T) {
	t.Parallel()
	bounds := []float64{.001, .01, .1, 1, 10}
	rapid.Check(t, func(t *rapid.T) {
		ours := newTally(find(attemptDuration), bounds)
		theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Help: "x", Buckets: bounds})
		any := rapid.SliceOf(rapid.OneOf(
			rapid.Int64Range(0, int64(20*time.Second)),
			rapid.SampledFrom([]int64{0, 1e6, 1e6 + 1, 1e6 - 1, 1e10, 1e10 + 1}), // at the bounds
		))
		for _, batch := range rapid.SliceOfN(any, 1, 4).Draw(t, "batches") {
			var s sheet
			for _, ns := range batch {
				ours.note(&s, time.Duration(ns))
				theirs.Observe(time.Duration(ns).Seconds())
			}
			ours.add(&s)
		}
		have, want := written(t, collected(ours)), written(t, theirs)
		require.Equal(t, want.GetSampleCount(), have.GetSampleCount())
		require.InEpsilon(t, want.GetSampleSum()+1, have.GetSampleSum()+1, 1e-9)
		require.Len(t, have.GetBucket(), len(bounds))
		for i, b := range want.GetBucket() {
			require.Equal(t, b.GetCumulativeCount(), have.GetBucket()[i].GetCumulativeCount(), "up to %v", b.GetUpperBound())
		}
	})
}

func collected(c prometheus.Collector) prometheus.Metric {
	out := make(chan prometheus.Metric, 1)
	c.Collect(out)
	return <-out
}

func written(t *rapid.T, m prometheus.Metric) *dto.Histogram {
	var out dto.Metric
	require.NoError(t, m.Write(&out))
	return out.GetHistogram()
}

// TestTallyTakesClocksThatDisagree counts a delivery that began before its event was accepted, by another instance's clock.
func TestTallyTakesClocksThatDisagree(t *testing.T) {
	t.Parallel()
	tl := newTally(find(firstDelay), []float64{1})
	var s sheet
	tl.note(&s, -time.Hour)
	tl.add(&s)
	require.Equal(t, uint64(1), tl.counts[0].Load())
	require.Zero(t, tl.sum.Load())
}

// TestBoundsFitASheet is why sheet needs no memory of its own.
func TestBoundsFitASheet(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, tl := range []*tally{w.attemptTime, w.firstDelay} {
		require.LessOrEqual(t, len(tl.bounds), maxBounds)
		require.IsIncreasing(t, tl.bounds)
	}
}

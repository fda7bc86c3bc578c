package metrics

import (
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// tally is a histogram of durations that takes many observations at once. The library's takes one at a time, with several atomic
// operations each; a batch of results costs this one a handful in all.
type tally struct {
	desc   *prometheus.Desc
	bounds []time.Duration
	counts []atomic.Uint64 // not cumulative; the last is for what is above all bounds
	sum    atomic.Int64    // nanoseconds
}

var _ prometheus.Collector = (*tally)(nil)

// newTally makes a tally with bounds in seconds, ascending.
func newTally(e entry, bounds []float64) *tally {
	t := &tally{
		desc:   prometheus.NewDesc(string(e.name), e.help, nil, nil),
		bounds: make([]time.Duration, len(bounds)), counts: make([]atomic.Uint64, len(bounds)+1),
	}
	for i, b := range bounds {
		t.bounds[i] = time.Duration(math.Round(b * float64(time.Second)))
	}
	return t
}

// maxBounds is how many bounds a tally may have, so that a sheet needs no memory of its own.
const maxBounds = 24

// sheet is what one batch adds to a tally.
type sheet struct {
	counts [maxBounds + 1]uint32
	sum    time.Duration
}

// note writes an observation on a sheet. Failure policy: a negative one, of clocks that disagree, counts as 0.
func (t *tally) note(s *sheet, d time.Duration) {
	d = max(d, 0)
	i, _ := slices.BinarySearch(t.bounds, d) // a bound belongs to the bucket below it
	s.counts[i]++
	s.sum += d
}

// add takes a sheet in.
func (t *tally) add(s *sheet) {
	for i := range t.counts {
		if n := s.counts[i]; n > 0 {
			t.counts[i].Add(uint64(n))
		}
	}
	t.sum.Add(int64(s.sum))
}

// Describe is part of prometheus.Collector.
func (t *tally) Describe(out chan<- *prometheus.Desc) { out <- t.desc }

// Collect is part of prometheus.Collector.
func (t *tally) Collect(out chan<- prometheus.Metric) {
	buckets := make(map[float64]uint64, len(t.bounds))
	var total uint64
	for i := range t.counts {
		total += t.counts[i].Load()
		if i < len(t.bounds) {
			buckets[t.bounds[i].Seconds()] = total
		}
	}
	out <- prometheus.MustNewConstHistogram(t.desc, total, time.Duration(t.sum.Load()).Seconds(), buckets)
}

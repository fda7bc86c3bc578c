package models

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestQuantiles compares the estimates with the exact values: they are off by at most what is promised.
func TestQuantiles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		l := Latencies{}
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			octave := rapid.IntRange(shortestBits, longestBits-1).Draw(t, "octave")
			low := int64(1) << octave
			return time.Duration(rapid.Int64Range(low, 2*low-1).Draw(t, "us")) * time.Microsecond
		}), 1, 200).Draw(t, "durations")
		for _, d := range list {
			l[LatencyBucket(d)]++
		}
		slices.Sort(list)
		require.Equal(t, int64(len(list)), l.Count())
		for _, q := range []float64{0, 0.5, 0.9, 0.95, 0.99, 1} {
			exact := list[max(int(math.Ceil(q*float64(len(list)))), 1)-1]
			require.InEpsilon(t, float64(exact), float64(l.Quantile(q)), LatencyError+1e-9, "%v", q)
		}
	})
}

func TestLatencyBuckets(t *testing.T) {
	t.Parallel()
	last := -1
	for octave := range 30 {
		for part := range 8 {
			us := int64(1)<<octave + int64(part)<<octave/8
			b := LatencyBucket(time.Duration(us) * time.Microsecond)
			require.GreaterOrEqual(t, b, last)
			require.Less(t, b, LatencyBuckets)
			last = b
		}
	}
	require.Equal(t, LatencyBuckets-1, last)
	require.Less(t, LatencyBuckets, 256, "a bucket is stored in a byte")
	for d, want := range map[time.Duration]int{
		-time.Second: 0, 0: 0, 255 * time.Microsecond: 0, 256 * time.Microsecond: 1, 287 * time.Microsecond: 1, 288 * time.Microsecond: 2,
		time.Millisecond: 16, 68 * time.Second: LatencyBuckets - 1, math.MaxInt64: LatencyBuckets - 1,
	} {
		require.Equal(t, want, LatencyBucket(d), d)
	}
	require.Zero(t, Latencies{}.Quantile(0.5))
	require.Equal(t, 128*time.Microsecond, Latencies{0: 3}.Quantile(0.5))
	require.Equal(t, 1<<26*time.Microsecond, Latencies{LatencyBuckets - 1: 1}.Quantile(0.5))
}

// TestAttemptOutcomes holds that every reason is told apart and that the stored numbers stay what they are.
func TestAttemptOutcomes(t *testing.T) {
	t.Parallel()
	for i, a := range []Attempt{
		{Success: true, StatusCode: 204},
		{Success: true, StatusCode: 302},
		{Reason: ReasonStatus, StatusCode: 410},
		{Reason: ReasonStatus, StatusCode: 503},
		{Reason: ReasonStatus, StatusCode: 999},
		{Reason: ReasonDNS},
		{Reason: ReasonConnect},
		{Reason: ReasonTLS},
		{Reason: ReasonTimeout, StatusCode: 200},
		{Reason: ReasonReset},
		{Reason: ReasonProtocol},
		{Reason: ReasonTooManyRedirects, StatusCode: 302},
		{Reason: ReasonBadRedirect, StatusCode: 301},
		{Reason: ReasonBlockedAddress},
		{Reason: ReasonInvalid},
		{Reason: "new"},
	} {
		require.Equal(t, AttemptOutcome(i), a.Outcome())
		require.Equal(t, a.Success, a.Outcome().Success())
		require.Less(t, a.Outcome(), AttemptOutcome(AttemptOutcomes))
	}
	for _, r := range AttemptReasons() {
		require.NotEqual(t, outcomeUnknown, (&Attempt{Reason: r}).Outcome(), r)
	}
}

func TestCountsMerge(t *testing.T) {
	t.Parallel()
	a, b, both := NewCounts(), NewCounts(), NewCounts()
	add := func(c *Counts, o AttemptOutcome, bucket int, gaveUp bool, n int64) {
		c.Add(o, bucket, gaveUp, n)
		both.Add(o, bucket, gaveUp, n)
	}
	add(a, outcome2xx, 17, false, 3)
	add(a, outcomeDNS, 2, false, 2)
	add(b, outcomeTimeout, 90, true, 1)
	add(b, outcome2xx, 17, false, 1)
	add(b, 31, 1, false, 1) // of a later version
	a.Merge(b)
	require.Equal(t, both, a)
	require.Equal(t, &Counts{
		Attempts: 8, Succeeded: 4, GaveUp: 1, ByReason: map[Reason]int64{ReasonDNS: 2, ReasonTimeout: 1, ReasonUnknown: 1},
		ByClass: map[StatusClass]int64{Class2xx: 4, ClassNone: 4}, Latency: Latencies{17: 4, 90: 1},
	}, a)
}

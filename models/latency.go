package models

import (
	"cmp"
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"
)

// Latencies count attempts by how long they took: bucket by bucket, see [LatencyBucket]. They add up without loss, so those of a day are
// the sum of its hours'. The zero value is empty and takes nothing in; make one first.
type Latencies map[int]int64

// How durations are told apart: each doubling of the time, from 256 µs on, has 8 buckets of the same width. What is shorter is one
// bucket, and so is what is longer than 67 s.
const (
	shortestBits   = 8                                         // 2^8 µs
	longestBits    = 26                                        // 2^26 µs
	splitBits      = 3                                         // 2^3 buckets for each doubling
	LatencyBuckets = (longestBits-shortestBits)<<splitBits + 2 // that there are
)

// LatencyError is by which share of itself a percentile may be off, unless it is below 256 µs or above 67 s.
const LatencyError = 1.0 / 17

// LatencyBucket is the bucket of a duration, from 0 to [LatencyBuckets] less one. Fractions of a microsecond do not count.
func LatencyBucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 0))
	exponent := bits.Len64(us) - 1
	switch {
	case exponent < shortestBits:
		return 0
	case exponent >= longestBits:
		return LatencyBuckets - 1
	}
	part := us >> (exponent - splitBits) & (1<<splitBits - 1)
	return 1 + (exponent-shortestBits)<<splitBits + int(part) // #nosec G115 -- below 8
}

// latencyOf stands for all durations of a bucket, so that none is off by more than [LatencyError] of itself.
func latencyOf(bucket int) time.Duration {
	if bucket <= 0 {
		return 1 << (shortestBits - 1) * time.Microsecond
	}
	if bucket >= LatencyBuckets-1 {
		return 1 << longestBits * time.Microsecond
	}
	exponent, part := (bucket-1)>>splitBits+shortestBits, (bucket-1)&(1<<splitBits-1)
	low := float64(uint64(1)<<exponent) * (1 + float64(part)/(1<<splitBits))
	high := low + float64(uint64(1)<<(exponent-splitBits))
	return time.Duration(2 * low * high / (low + high) * float64(time.Microsecond))
}

// Count is how many attempts there are.
func (l Latencies) Count() (n int64) {
	for _, k := range l {
		n += k
	}
	return n
}

// Quantile estimates the time that a share q of the attempts, from 0 to 1, did not exceed: the one of rank q·n, rounded up. It is off by
// at most [LatencyError]. Without attempts it is 0.
func (l Latencies) Quantile(q float64) time.Duration {
	n := l.Count()
	if n == 0 {
		return 0
	}
	rank := max(int64(math.Ceil(q*float64(n))), 1)
	buckets := slices.SortedFunc(maps.Keys(l), cmp.Compare[int])
	for _, b := range buckets {
		if rank -= l[b]; rank <= 0 {
			return latencyOf(b)
		}
	}
	return latencyOf(buckets[len(buckets)-1])
}

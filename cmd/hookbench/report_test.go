package main

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestNumber(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{
		0: "0", 0.0123: "0.0123", 0.123456: "0.123", 1: "1", 1.5: "1.50", 12.345: "12.3", 99.96: "100.0", 123.4: "123", 1234.5: "1,234",
		1_000_000: "1,000,000", -1234: "-1,234",
	} {
		require.Equal(t, want, number(value), "%v", value)
	}
}

func TestRound(t *testing.T) {
	t.Parallel()
	for value, want := range map[float64]string{0.2: "0.2", 0.85: "0.85", 8: "8", 20: "20", 18_000: "18,000", 1.5: "1.5"} {
		require.Equal(t, want, round(value))
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	require.Equal(t, 2.0, median([]float64{3, 1, 2}))
	require.Equal(t, 2.5, median([]float64{4, 1, 2, 3}))
	require.Equal(t, 7.0, median([]float64{7}))
}

// TestSheet holds a small table against every way in which a line can come out.
func TestSheet(t *testing.T) {
	t.Parallel()
	s := newSheet(tableOptions{runs: 3, databases: []string{postgres, sqlite}, scenarios: []scenario{
		{name: "speed", on: eachDatabase, rows: []row{
			{key: "rate", title: "events per second", goal: atLeast(100, 50), beside: barePosts},
			{key: "uncounted", title: "what nobody counts"},
		}},
		{name: "once", on: oneDatabase, rows: []row{{key: "ms", title: "delay", unit: "ms", goal: atMost(8, 8)}}},
		{name: "alone", on: noDatabase, rows: []row{{key: "bytes", title: "memory", unit: "B"}}},
	}})
	for _, rate := range []float64{99, 1500, 90} {
		s.add("speed", postgres, reading{"rate": rate, "bare_posts_per_s": 40_000})
	}
	s.add("speed", sqlite, reading{"rate": 50})
	s.add("once", postgres, reading{"ms": 7.5})
	s.add("alone", "", reading{"bytes": 72})
	var out bytes.Buffer
	require.NoError(t, s.markdown(&out))
	require.Contains(t, out.String(), `| measure | database | measured | target | | in the same run |
|---|---|---|---|---|---|
| events per second | PostgreSQL | 99 | ≥ 100 | missed | 40,000 posts/s of a bare client to a bare server |
| events per second | SQLite | 50 | ≥ 50 | met |  |
| delay | PostgreSQL | 7.50 ms | ≤ 8 | met |  |
| memory | – | 72 B |  |  |  |

Lost 0, delivered twice 0, refused 0. 3 rounds`)
	require.NoError(t, s.verdict())

	s.add("once", postgres, reading{lost: 1})
	require.Error(t, s.verdict())
}

func TestScenariosAreTold(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range scenarios() {
		require.False(t, names[s.name], s.name)
		names[s.name] = true
		require.NotEmpty(t, s.rows)
		for _, r := range s.rows {
			require.NotEmpty(t, r.title)
			require.True(t, r.beside == "" || r.beside.unit() != "", "%s has no unit", r.beside)
		}
	}
	both := []string{postgres, sqlite}
	require.Equal(t, both, scenario{on: eachDatabase}.runsOn(both))
	require.Equal(t, []string{postgres}, scenario{on: oneDatabase}.runsOn(both))
	require.Equal(t, []string{sqlite}, scenario{on: oneDatabase}.runsOn([]string{sqlite}))
	require.Equal(t, []string{sqlite}, scenario{on: lightDatabase}.runsOn(both))
	require.Equal(t, []string{postgres}, scenario{on: lightDatabase}.runsOn([]string{postgres}))
	require.Empty(t, scenario{on: onlyPostgres}.runsOn([]string{sqlite}))
	require.Equal(t, []string{""}, scenario{on: noDatabase}.runsOn(both))
}

func TestHistogramQuantile(t *testing.T) {
	t.Parallel()
	s := samples{
		`claim_bucket{kind="a",le="0.01"}`: 40, `claim_bucket{kind="b",le="0.01"}`: 50, `claim_bucket{kind="a",le="0.1"}`: 50,
		`claim_bucket{kind="b",le="0.1"}`: 50, `claim_bucket{kind="a",le="+Inf"}`: 50, `claim_bucket{kind="b",le="+Inf"}`: 50,
		`claim_sum{kind="a"}`: 3, `claims`: 7, `claims_total{kind="a"}`: 1, `claims_total{kind="b"}`: 2,
	}
	got, ok := s.quantile("claim", 0.95)
	require.True(t, ok)
	require.InDelta(t, 0.055, got, 1e-9, "in the middle of its bucket")
	got, ok = s.quantile("claim", 0.45)
	require.True(t, ok)
	require.InDelta(t, 0.005, got, 1e-9)
	_, ok = s.quantile("nothing", 0.5)
	require.False(t, ok)
	_, ok = samples{`claim_bucket{le="1"}`: 1, `claim_bucket{le="+Inf"}`: 9}.quantile("claim", 0.5)
	require.False(t, ok, "above the largest bucket")
	sum, ok := s.sum("claims_total")
	require.True(t, ok)
	require.Equal(t, 3.0, sum)
	_, ok = s.sum("claim_total")
	require.False(t, ok)
}

func TestTenths(t *testing.T) {
	t.Parallel()
	start := time.Unix(0, 0)
	var all []arrival
	for i := range 1000 {
		gap := time.Millisecond
		if i >= 500 {
			gap = 2 * time.Millisecond
		}
		start = start.Add(gap)
		all = append(all, arrival{event: i, at: start})
	}
	first, last := tenths(all)
	require.Equal(t, 1000.0, math.Round(first))
	require.Equal(t, 500.0, math.Round(last))
}

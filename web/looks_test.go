package web

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAPlanIsDrawnInOrder lays plans of very different lengths out, and holds that nothing lies outside or out of order.
func TestAPlanIsDrawnInOrder(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	number := func(s string) float64 {
		f, err := strconv.ParseFloat(s, 64)
		require.NoError(t, err)
		return f
	}
	for _, length := range []time.Duration{0, time.Minute, 6 * time.Hour, 90 * 24 * time.Hour} {
		until := begin.Add(length)
		p := &retryPlan{From: begin, Until: &until}
		for i := range 6 {
			at := begin.Add(length / 5 * time.Duration(i))
			p.Attempts = append(p.Attempts, plannedAttempt{Number: i + 1, At: &at, Earliest: at, Latest: at.Add(length / 50)})
		}
		for _, width := range []int{340, 1000} {
			d := p.draw(width)
			last := 0.0
			for _, m := range d.marks {
				x := number(m.middle)
				require.GreaterOrEqual(t, x, last)
				require.GreaterOrEqual(t, number(m.width), 1.0)
				require.LessOrEqual(t, x, float64(width))
				last = x
			}
			for i := 1; i < len(d.ticks); i++ {
				require.Greater(t, number(d.ticks[i].x)-number(d.ticks[i-1].x), 50.0, "labels must not touch")
			}
		}
	}
}

func TestNumbersAndSizes(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1\u202f000", -1234567: "-1\u202f234\u202f567"} {
		require.Equal(t, want, number(n))
	}
	for n, want := range map[int64]string{0: "0 bytes", 1023: "1023 bytes", 1536: "1.5 KiB", 300 << 20: "300 MiB", 5 << 40: "5.0 TiB", 1 << 60: "1048576 TiB"} {
		require.Equal(t, want, size(n))
	}
}

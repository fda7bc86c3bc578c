package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCosts(t *testing.T) {
	t.Parallel()
	c := &costs{pairs: 1000}
	cpu := 5 * time.Second
	for n := 0; n < 1000; n += 50 { // 1 ms a call up to 500, and 4 after that
		require.False(t, c.note(n, cpu))
		if cpu += 50 * time.Millisecond; n >= 500 {
			cpu += 150 * time.Millisecond
		}
	}
	require.True(t, c.note(1000, cpu))
	require.InEpsilon(t, float64(time.Millisecond), c.first(), 1e-9)
	require.InEpsilon(t, float64(4*time.Millisecond), c.last(), 1e-9)
}

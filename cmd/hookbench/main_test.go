package main

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMeasuresTheRealProgram takes a small measurement and looks at what must hold at any speed.
func TestMeasuresTheRealProgram(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-events", "300", "-fanout", "2", "-strangers", "3", "-concurrency", "8", "-json"}, &out))
	var f figures
	require.NoError(t, json.Unmarshal(out.Bytes(), &f))
	require.Equal(t, 300, f.Accepted)
	require.Zero(t, f.Refused)
	require.Zero(t, f.Missing)
	require.Zero(t, f.Duplicates)
	require.Positive(t, f.EventsPerSec)
	require.GreaterOrEqual(t, f.DeliveriesPerS, f.EventsPerSec, "two deliveries for each event")
	require.Positive(t, f.Yardstick)
	require.LessOrEqual(t, f.DelayMS["p50"], f.DelayMS["p99"])
	require.Positive(t, f.PeakRSS["router"])

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-events", "30", "-rate", "100"}, &out))
	require.Contains(t, out.String(), "missing 0, duplicates 0")
}

func TestRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-events", "0"}, {"-fanout", "-1"}, {"-rate", "-1"}, {"-nonsense"}} {
		require.Error(t, run(t.Context(), args, &bytes.Buffer{}), "%v", args)
	}
}

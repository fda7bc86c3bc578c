package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// folder is where the program is built, once for all tests that ask for it.
var folder string

var builtBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(folder, "hookrouter")
	return path, build(context.Background(), path)
})

func TestMain(m *testing.M) {
	var err error
	if folder, err = os.MkdirTemp("", "hookbench-test-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// TestShortTable runs the table in its short form against the real program, and holds what is counted against its budget. What is
// timed means nothing here: other tests run beside it.
func TestShortTable(t *testing.T) {
	t.Parallel()
	binary, err := builtBinary()
	require.NoError(t, err)
	// What has a budget runs on both databases, the rest on one of them. Take-over, which waits for the silence of the dead, is tested
	// beside the program. On SQLite, where a statement is a call of a function, batches are smaller and BEGIN and COMMIT are counted too:
	// there the budget is that no statement is sent for each event.
	for _, c := range []struct {
		database, only string
		saturated      float64 // fewer statements per event than that
	}{
		{sqlite, "fanout1,lone,delay,restart,idle,memory", 1},
		{postgres, "fanout1,lone,strangers,isolation,backlog", 0.2},
	} {
		t.Run(c.database, func(t *testing.T) {
			t.Parallel()
			out, figures := shortTable(t, binary, c.database, c.only)
			require.Contains(t, out, "Lost 0, delivered twice 0, refused 0.")
			for name := range strings.SplitSeq(c.only, ",") {
				require.Contains(t, out, figures.title(name), "each scenario has a line")
			}
			lone := figures.value(t, "lone", "statements")
			require.Positive(t, lone)
			require.LessOrEqual(t, lone, 8.0)

			// A machine that is too busy to publish fast does not saturate anything, and batches are small then. It gets other chances.
			statements := figures.value(t, "fanout1", "statements_per_event")
			for try := 1; try < 3 && statements >= c.saturated; try++ {
				_, figures = shortTable(t, binary, c.database, "fanout1")
				statements = figures.value(t, "fanout1", "statements_per_event")
			}
			require.Positive(t, statements)
			require.Less(t, statements, c.saturated)
		})
	}
}

// shortTable runs some scenarios and returns what was printed and the figures.
func shortTable(t *testing.T, binary, database, only string) (string, figureList) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "figures.json")
	var out bytes.Buffer
	args := []string{"-short", "-runs", "1", "-database", database, "-only", only, "-json", path, "-binary", binary}
	require.NoError(t, command(t.Context(), args, &out, io.Discard))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var file struct{ Figures figureList }
	require.NoError(t, json.Unmarshal(b, &file))
	return out.String(), file.Figures
}

// TestIndexAllocatesNothing is the scenario without a program. It is not parallel: allocations are counted for the whole process.
func TestIndexAllocatesNothing(t *testing.T) {
	b := &bench{sizes: short()}
	r, err := measureIndex(t.Context(), b, "")
	require.NoError(t, err)
	require.Zero(t, r["match_allocs"])
	require.Positive(t, r["bytes"])
	require.Positive(t, r["change_us"])
	require.Positive(t, r["rate_ratio"])
}

type figureList []figure

func (l figureList) title(scenario string) string {
	for _, f := range l {
		if f.Scenario == scenario {
			return f.Title
		}
	}
	return "no figure of " + scenario
}

func (l figureList) value(t *testing.T, scenario, key string) float64 {
	t.Helper()
	for _, f := range l {
		if f.Scenario == scenario && f.Key == key {
			return f.Median
		}
	}
	require.Fail(t, "not measured", "%s of %s", key, scenario)
	return 0
}

// TestRunMeasuresTheRealProgram takes a small measurement and looks at what must hold at any speed.
func TestRunMeasuresTheRealProgram(t *testing.T) {
	t.Parallel()
	binary, err := builtBinary()
	require.NoError(t, err)
	var out bytes.Buffer
	args := []string{"run", "-events", "300", "-fanout", "2", "-strangers", "3", "-concurrency", "8", "-json", "-binary", binary}
	require.NoError(t, command(t.Context(), args, &out, io.Discard))
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
	require.NoError(t, f.print(&out))
	require.Contains(t, out.String(), "missing 0, duplicates 0")
}

// TestCompareTakesTurns compares the program with itself: what is counted is the same on both sides.
func TestCompareTakesTurns(t *testing.T) {
	t.Parallel()
	binary, err := builtBinary()
	require.NoError(t, err)
	var out, progress bytes.Buffer
	args := []string{"compare", "-old", binary, "-binary", binary, "-database", "sqlite", "-events", "20", "-blocks", "2", "-fanout", "2", "-rate", "0", "-concurrency", "1"}
	require.NoError(t, command(t.Context(), args, &out, &progress))
	require.Contains(t, out.String(), "2 blocks of 20 events each, in turn, sqlite, fan-out 2")
	require.Contains(t, out.String(), "Lost 0, delivered twice 0, refused 0.")
	require.Regexp(t, `(?m)^\| events per second \| [0-9,.]+ \| [0-9,.]+ \| [0-9.]+ \| [0-9.]+ to [0-9.]+ \|$`, out.String())
	require.Equal(t, []string{"new", "old", "old", "new", "new", "old"}, regexp.MustCompile("old|new").FindAllString(progress.String(), -1), "neither always goes first")
}

func TestComparisonIsThatOfNeighbors(t *testing.T) {
	t.Parallel()
	c := comparison{
		old: []reading{{"p50_ms": 1, "cpu_per_1000": 0.1}, {"p50_ms": 10, "cpu_per_1000": 0.1}, {"p50_ms": 2, "cpu_per_1000": 0.1}},
		new: []reading{{"p50_ms": 2, "cpu_per_1000": 0.2}, {"p50_ms": 20, "cpu_per_1000": 0.05}, {"p50_ms": 1, "cpu_per_1000": 0.1}},
	}
	var out bytes.Buffer
	require.NoError(t, c.markdown(&out))
	require.Equal(t, `| measure | old | new | new ÷ old | half of the blocks |
|---|---|---|---|---|
| publish to arrival, p50 | 2 ms | 2 ms | 2.000 | 0.50 to 2.00 |
| CPU-seconds per 1,000 deliveries | 0.100 | 0.100 | 1.000 | 0.50 to 2.00 |
`, out.String())
}

func TestRefusesNonsense(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"nonsense"},
		{"-nonsense"},
		{"table", "-runs", "0"},
		{"table", "extra"},
		{"-database", "mysql"},
		{"-only", "fanout1,nonsense"},
		{"run", "-events", "0"},
		{"run", "-fanout", "-1"},
		{"run", "-rate", "-1"},
		{"run", "extra"},
		{"compare"},
		{"compare", "-old", "x", "-blocks", "0"},
		{"compare", "-old", "x", "-database", "both"},
		{"compare", "-old", "x", "extra"},
	} {
		require.Error(t, command(t.Context(), args, io.Discard, io.Discard), fmt.Sprint(args))
	}
}

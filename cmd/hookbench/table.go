package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// scenario is one way to use the system, and what is read from it.
type scenario struct {
	name    string
	on      coverage
	measure func(ctx context.Context, b *bench, dialect string) (reading, error)
	rows    []row
}

// coverage is which databases a scenario runs on.
type coverage int

const (
	eachDatabase  coverage = iota // of those asked for
	oneDatabase                   // on Postgres where both were asked for: the figure is about the program, or would take too long twice
	lightDatabase                 // on SQLite where both were asked for: it is soon filled, and its caches are memory of the program too
	onlyPostgres                  // it needs several instances
	noDatabase
)

// scenarios is the table. A goal has a figure for Postgres and one for SQLite.
func scenarios() []scenario {
	return []scenario{
		{"fanout1", eachDatabase, measureFanOut(1), []row{
			{key: "events_per_s", title: "events per second, fan-out 1, 64 publishers", goal: atLeast(8_000, 6_000), beside: barePosts},
			{key: "cpu_per_1000", title: "CPU-seconds per 1,000 deliveries, fan-out 1", goal: atMost(0.2, 0.2)},
			{key: "statements_per_event", title: "SQL statements per event at saturation, fan-out 1", goal: atMost(0.2, 0.2)},
			{key: "rss_mib", title: "peak memory of the router, fan-out 1", unit: "MiB"},
		}},
		{"fanout10", eachDatabase, measureFanOut(10), []row{
			{key: "deliveries_per_s", title: "deliveries per second, fan-out 10, 64 publishers", goal: atLeast(18_000, 15_000), beside: barePosts},
			{key: "cpu_per_1000", title: "CPU-seconds per 1,000 deliveries, fan-out 10", goal: atMost(0.1, 0.1)},
			{key: "rss_mib", title: "peak memory of the router, fan-out 10", unit: "MiB"},
		}},
		{"delay", eachDatabase, measureDelay, []row{
			{key: "p50_ms", title: "publish to arrival at 300 events/s, p50", unit: "ms", goal: atMost(1.5, 1.5), beside: bareDelay},
			{key: "sent_p50_ms", title: "the same from when the publisher, late by its timer, sent it", unit: "ms"},
			{key: "p99_ms", title: "publish to arrival at 300 events/s, p99", unit: "ms", goal: atMost(8, 8), beside: syncedDelay},
		}},
		{"strangers", eachDatabase, measureStrangers, []row{
			{key: "events_ratio", title: "events per second with 10,000 strangers ÷ without", goal: atLeast(unchangedLow, unchangedLow), beside: eventsWithout},
			{key: "cpu_ratio", title: "CPU per delivery with 10,000 strangers ÷ without", goal: atMost(unchangedHigh, unchangedHigh)},
		}},
		{"lone", eachDatabase, measureLone, []row{
			{key: "statements", title: "SQL statements for a lone event", goal: atMost(8, 8)},
		}},
		{"restart", eachDatabase, measureRestart, []row{
			{key: "seconds", title: "kill -9 of the only instance: its start to the first re-delivery", unit: "s", goal: atMost(20, 20)},
		}},
		{"takeover", onlyPostgres, measureTakeOver, []row{
			{key: "seconds", title: "kill -9 of one of two instances: to the first re-delivery by the other", unit: "s", goal: atMost(20, 20)},
		}},
		{"isolation", oneDatabase, measureIsolation, []row{
			{key: "ratio", title: "healthy receivers' p99 while 30 % answer 500 and 10 % hang ÷ without", goal: atMost(1.2, 1.2), beside: healthyWithout},
			{key: "equal_ratio", title: "the same p99 ÷ that of as many calls to healthy receivers alone", beside: callsWith},
		}},
		{"idle", eachDatabase, measureIdle, []row{
			{key: "cpu_percent", title: "idle: router and database, of one core", unit: "%", goal: atMost(1, 1)},
			{key: "statements_per_s", title: "idle: SQL statements per second", goal: atMost(2, 2)},
			{key: "rss_mib", title: "idle: memory of the router", unit: "MiB", goal: atMost(60, 60)},
		}},
		{"memory", lightDatabase, measureMemory, []row{
			{key: "rss_mib", title: "memory of the router at full load with 100,000 subscriptions", unit: "MiB", goal: atMost(300, 300)},
		}},
		{"backlog", oneDatabase, measureBacklog, []row{
			{key: "drain_ratio", title: "1,000,000 pending: drain rate of the last tenth ÷ the first", goal: atLeast(0.8, 0.8), beside: firstTenth},
			{key: "even_ratio", title: "the same ÷ how much faster the receiver was, in calls per second of its own CPU time", beside: receiverRatio},
			{key: "claim_p99_ms", title: "1,000,000 pending: p99 of a claim", unit: "ms", goal: atMost(50, 50)},
		}},
		{"index", noDatabase, measureIndex, []row{
			{key: "match_ratio", title: "one match among 1,000,000, cold ÷ a dependent memory load", goal: atMost(2.5, 2.5), beside: dependentLoad},
			{key: "match_allocs", title: "allocations of a match", goal: atMost(0, 0)},
			{key: "bytes", title: "memory of the index per subscription", unit: "B", goal: atMost(210, 210)},
			{key: "change_us", title: "one add or remove", unit: "µs", goal: atMost(10, 10)},
			{key: "rate_ratio", title: "matches under 20,000 updates/s ÷ without", goal: atLeast(0.85, 0.85)},
		}},
	}
}

// What counts as unchanged: medians of a few runs on a machine with other work are not closer than this to each other.
const (
	unchangedLow  = 0.95
	unchangedHigh = 1.05
)

// tableOptions is what the command line says about the table.
type tableOptions struct {
	binary    string
	json      string
	runs      int
	short     bool
	databases []string
	scenarios []scenario
}

func parseTable(args []string, stderr io.Writer) (tableOptions, error) {
	var o tableOptions
	var only, database string
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	flags := flag.NewFlagSet("hookbench table", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&only, "only", "", "scenarios to run, comma-separated, of: "+strings.Join(names, " "))
	flags.StringVar(&database, "database", "both", "postgres, sqlite or both")
	flags.IntVar(&o.runs, "runs", 3, "rounds; figures are medians")
	flags.BoolVar(&o.short, "short", false, "a few seconds in all, with sizes that show that it works and not how fast")
	flags.StringVar(&o.json, "json", "", "also write the figures to this file, as JSON")
	flags.StringVar(&o.binary, "binary", "", "the hookrouter program; default: built from this module")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || o.runs < 1 {
		return o, errors.New("-runs is at least 1, and there are no arguments but flags")
	}
	switch database {
	case "both":
		o.databases = []string{postgres, sqlite}
	case postgres, sqlite:
		o.databases = []string{database}
	default:
		return o, errors.New("-database is postgres, sqlite or both")
	}
	for _, s := range scenarios() {
		if only == "" || slices.Contains(strings.Split(only, ","), s.name) {
			o.scenarios = append(o.scenarios, s)
		}
	}
	for name := range strings.SplitSeq(only, ",") {
		if only != "" && !slices.Contains(names, name) {
			return o, fmt.Errorf("-only: there is no scenario %q; there are: %s", name, strings.Join(names, " "))
		}
	}
	return o, nil
}

// runsOn lists the databases that a scenario is measured on, of those asked for.
func (s scenario) runsOn(asked []string) []string {
	switch s.on {
	case oneDatabase:
		return asked[:1]
	case lightDatabase:
		return asked[len(asked)-1:]
	case onlyPostgres:
		return slices.DeleteFunc(slices.Clone(asked), func(d string) bool { return d != postgres })
	case noDatabase:
		return []string{""}
	default:
		return asked
	}
}

// measures reports whether something is measured on a database.
func (o tableOptions) measures(dialect string) bool {
	return slices.ContainsFunc(o.scenarios, func(s scenario) bool { return slices.Contains(s.runsOn(o.databases), dialect) })
}

func tableCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseTable(args, stderr)
	if err != nil {
		return err
	}
	sheet, err := fillSheet(ctx, o, stderr)
	if err != nil {
		return err
	}
	if err := sheet.markdown(stdout); err != nil {
		return err
	}
	if o.json != "" {
		b, err := sheet.json()
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, b, 0o600); err != nil { //nolint:gosec // the user's own argument
			return err
		}
	}
	return sheet.verdict()
}

// fillSheet measures in rounds, so that the runs of one figure lie apart: a machine that is slow for a minute does not decide it.
func fillSheet(ctx context.Context, o tableOptions, stderr io.Writer) (*sheet, error) {
	b, err := newBench(ctx, benchOptions{binary: o.binary, postgres: o.measures(postgres), short: o.short})
	if err != nil {
		return nil, err
	}
	out := newSheet(o)
	for round := range o.runs {
		for _, s := range o.scenarios {
			for _, dialect := range s.runsOn(o.databases) {
				begun := time.Now()
				got, err := s.measure(ctx, b, dialect)
				if err != nil {
					return nil, errors.Join(fmt.Errorf("%s %s: %w", s.name, dialect, err), b.close())
				}
				out.add(s.name, dialect, got)
				fmt.Fprintf(stderr, "%-10s %-9s round %d  %5.1f s  %v\n", s.name, dialect, round+1, time.Since(begun).Seconds(), got)
			}
		}
	}
	out.describe(ctx, b)
	return out, b.close()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"
)

// runOptions is what the command line says about one load.
type runOptions struct {
	databaseURL string
	binary      string
	events      int
	concurrency int
	fanout      int
	rate        float64
	payload     int
	strangers   int
	postgres    int
	json        bool
}

func parseRun(args []string, stderr io.Writer) (runOptions, error) {
	var o runOptions
	flags := flag.NewFlagSet("hookbench run", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.databaseURL, "database-url", "", "an empty database; default: SQLite in a temporary folder")
	flags.StringVar(&o.binary, "binary", "", "the hookrouter program; default: built from this module")
	flags.IntVar(&o.events, "events", 20_000, "events to publish")
	flags.IntVar(&o.concurrency, "concurrency", 64, "publishes at the same time")
	flags.IntVar(&o.fanout, "fanout", 1, "subscriptions that match each event")
	flags.Float64Var(&o.rate, "rate", 0, "events per second, on a fixed schedule; 0 publishes as fast as answers come")
	flags.IntVar(&o.payload, "payload", payload, "bytes of padding in each event's data")
	flags.IntVar(&o.strangers, "strangers", 0, "further subscriptions of the organization that don't match")
	flags.IntVar(&o.postgres, "postgres-pid", 0, "process id of the PostgreSQL server, to count its CPU and its children's")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 || min(o.events, o.concurrency, o.fanout) < 1 || min(o.payload, o.strangers) < 0 || o.rate < 0 {
		return o, errors.New("events, concurrency and fanout must be at least 1, nothing may be negative, and there are no arguments but flags")
	}
	return o, nil
}

// runCommand measures one load, on a database of the caller's own or on SQLite.
func runCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseRun(args, stderr)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "hookbench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if o.binary == "" {
		o.binary = filepath.Join(folder, "hookrouter")
		if err := build(ctx, o.binary); err != nil {
			return err
		}
	}
	d := &database{url: o.databaseURL, pid: o.postgres}
	if d.url == "" {
		d.url = "sqlite://" + filepath.Join(folder, "bench.db")
	}
	yard, err := yardstick(ctx, o.concurrency, time.Second)
	if err != nil {
		return fmt.Errorf("yardstick: %w", err)
	}
	t, err := o.try(ctx, d)
	if err != nil {
		return err
	}
	t.yardstick = yard
	f := t.figures()
	f.Strangers = o.strangers
	if o.json {
		return json.NewEncoder(stdout).Encode(f)
	}
	return f.print(stdout)
}

func (o runOptions) try(ctx context.Context, d *database) (trial, error) {
	in, err := newReceiver(ctx, o.events, o.fanout)
	if err != nil {
		return trial{}, err
	}
	defer in.close()
	p, err := newProgram(ctx, o.binary, d.url)
	if err != nil {
		return trial{}, err
	}
	// A database that is used again has events of earlier runs, which are none of this one's.
	if err := p.makeKey(ctx, organization+"-"+strconv.FormatInt(time.Now().UnixNano(), 36)); err != nil {
		return trial{}, err
	}
	defer p.stop()
	if err := p.start(ctx); err != nil {
		return trial{}, err
	}
	if err := p.subscribe(ctx, in, nil); err != nil {
		return trial{}, err
	}
	if err := p.subscribeStrangers(ctx, o.strangers); err != nil {
		return trial{}, err
	}
	s := &system{database: d, program: p, in: in}
	return s.try(ctx, stream{events: o.events, publishers: o.concurrency, rate: o.rate, payload: o.payload})
}

// figures are a trial as numbers: milliseconds, seconds of CPU, MiB.
type figures struct {
	Events         int                `json:"events"`
	Fanout         int                `json:"fanout"`
	Rate           float64            `json:"offered_rate"`
	Strangers      int                `json:"strangers"`
	Accepted       int                `json:"accepted"`
	Refused        int                `json:"refused"`
	EventsPerSec   float64            `json:"events_per_s"`
	DeliveriesPerS float64            `json:"deliveries_per_s"`
	Yardstick      float64            `json:"bare_posts_per_s"`
	AnswerMS       map[string]float64 `json:"answer_ms"`
	DelayMS        map[string]float64 `json:"delay_ms"`
	Missing        int                `json:"missing"`
	Duplicates     int                `json:"duplicates"`
	CPUPer1000     float64            `json:"cpu_s_per_1000_deliveries"`
	CPU            map[string]float64 `json:"cpu_s"`
	PeakRSS        map[string]float64 `json:"peak_rss_mib"`
}

func (t trial) figures() figures {
	f := figures{
		Events: t.stream.events, Fanout: t.paths, Rate: t.stream.rate,
		Accepted: t.load.accepted, Refused: t.load.refused, EventsPerSec: float64(t.load.accepted) / t.load.took.Seconds(),
		Yardstick: t.yardstick, AnswerMS: quantiles(t.load.answers), DelayMS: quantiles(t.arrivals.delays),
		Missing: t.arrivals.missing, Duplicates: t.arrivals.duplicate,
		CPU: map[string]float64{}, PeakRSS: map[string]float64{},
	}
	f.DeliveriesPerS = float64(t.arrivals.pairs) / max(t.load.took, t.arrivals.last.Sub(t.load.start)).Seconds()
	if t.arrivals.pairs > 0 {
		f.CPUPer1000 = t.usage.total().Seconds() / float64(t.arrivals.pairs) * 1000
	}
	for name, used := range t.usage.cpu {
		f.CPU[name] = used.Seconds()
		f.PeakRSS[name] = t.usage.peakMiB(name)
	}
	return f
}

// quantiles of sorted durations, in milliseconds.
func quantiles(sorted []time.Duration) map[string]float64 {
	out := map[string]float64{}
	for name, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1} {
		if len(sorted) > 0 {
			out[name] = float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
		}
	}
	return out
}

func (f figures) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "accepted\t%.0f events/s\t(%d events, %d refused)\n", f.EventsPerSec, f.Accepted, f.Refused)
	fmt.Fprintf(t, "delivered\t%.0f deliveries/s\t(fan-out %d, missing %d, duplicates %d)\n", f.DeliveriesPerS, f.Fanout, f.Missing, f.Duplicates)
	fmt.Fprintf(t, "yardstick\t%.0f posts/s\t(bare client to bare server, same run)\n", f.Yardstick)
	row := func(name string, q map[string]float64) {
		fmt.Fprintf(t, "%s\tp50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n", name, q["p50"], q["p90"], q["p99"], q["max"])
	}
	row("publish to answer", f.AnswerMS)
	row("publish to arrival", f.DelayMS)
	fmt.Fprintf(t, "CPU\t%.3f s per 1,000 deliveries\t%v\n", f.CPUPer1000, f.CPU)
	fmt.Fprintf(t, "memory\t%.0f MiB\t(router, peak)\n", f.PeakRSS["router"])
	return t.Flush()
}

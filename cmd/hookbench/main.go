package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hookbench:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	databaseURL string
	binary      string
	events      int
	concurrency int
	fanout      int
	rate        float64
	payload     int
	strangers   int
	postgres    int
	drain       time.Duration
	json        bool
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("hookbench", flag.ContinueOnError)
	flags.StringVar(&o.databaseURL, "database-url", "", "an empty database; default: SQLite in a temporary folder")
	flags.StringVar(&o.binary, "binary", "", "the hookrouter program; default: built from this module")
	flags.IntVar(&o.events, "events", 20_000, "events to publish")
	flags.IntVar(&o.concurrency, "concurrency", 64, "publishes at the same time")
	flags.IntVar(&o.fanout, "fanout", 1, "subscriptions that match each event")
	flags.Float64Var(&o.rate, "rate", 0, "events per second, on a fixed schedule; 0 publishes as fast as answers come")
	flags.IntVar(&o.payload, "payload", 256, "bytes of padding in each event's data")
	flags.IntVar(&o.strangers, "strangers", 0, "further subscriptions of the organization that don't match")
	flags.IntVar(&o.postgres, "postgres-pid", 0, "process id of the PostgreSQL server, to count its CPU and its children's")
	flags.DurationVar(&o.drain, "drain", time.Minute, "longest wait for deliveries after the last publish")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of a table")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if min(o.events, o.concurrency, o.fanout) < 1 || min(o.payload, o.strangers) < 0 || o.rate < 0 {
		return o, fmt.Errorf("events, concurrency and fanout must be at least 1, and nothing may be negative")
	}
	return o, nil
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	yard, err := yardstick(ctx, o.concurrency)
	if err != nil {
		return fmt.Errorf("yardstick: %w", err)
	}
	in, err := newReceiver(ctx, o.events, o.fanout)
	if err != nil {
		return err
	}
	defer in.close()
	r, err := startRouter(ctx, o)
	if err != nil {
		return err
	}
	defer r.stop()
	if err := r.subscribe(ctx, in, o.fanout, o.strangers); err != nil {
		return err
	}
	usage := startUsage(map[string]int{"router": r.pid(), "postgres": o.postgres})
	load, err := publish(ctx, r, o)
	if err != nil {
		return err
	}
	in.wait(ctx, load.accepted*o.fanout, o.drain)
	usage.stop()
	return report{options: o, yardstick: yard, load: load, arrivals: in.summary(), usage: usage}.print(stdout)
}

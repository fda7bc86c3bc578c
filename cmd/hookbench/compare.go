package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// compareOptions is what the command line says about a comparison of two programs.
type compareOptions struct {
	old, binary string
	database    string
	fanout      int
	stream      stream // of one block
	blocks      int
}

func parseCompare(args []string, stderr io.Writer) (compareOptions, error) {
	var o compareOptions
	flags := flag.NewFlagSet("hookbench compare", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.old, "old", "", "the hookrouter program to compare with; required")
	flags.StringVar(&o.binary, "binary", "", "the hookrouter program that is compared; default: built from this module")
	flags.StringVar(&o.database, "database", postgres, "postgres or sqlite")
	flags.IntVar(&o.fanout, "fanout", 1, "subscriptions that match each event")
	flags.IntVar(&o.stream.events, "events", 600, "events of a block")
	flags.IntVar(&o.blocks, "blocks", 20, "blocks for each program, in turn")
	flags.IntVar(&o.stream.publishers, "concurrency", 64, "publishes at the same time")
	flags.Float64Var(&o.stream.rate, "rate", pace, "events per second, on a fixed schedule; 0 publishes as fast as answers come")
	flags.IntVar(&o.stream.payload, "payload", payload, "bytes of padding in each event's data")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	s := o.stream
	if flags.NArg() > 0 || o.old == "" || min(o.fanout, s.events, o.blocks, s.publishers) < 1 || s.payload < 0 || s.rate < 0 {
		return o, errors.New("-old is required, fanout, events, blocks and concurrency are at least 1, nothing may be negative, and there are no arguments but flags")
	}
	if o.database != postgres && o.database != sqlite {
		return o, errors.New("-database is postgres or sqlite")
	}
	return o, nil
}

// compareCommand measures two programs block by block in turn, while both run. What a machine does for a while it does to both, so the ratio
// of two neighboring blocks says more than one of two runs that lie minutes apart.
func compareCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseCompare(args, stderr)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, benchOptions{binary: o.binary, postgres: o.database == postgres})
	if err != nil {
		return err
	}
	begun := time.Now()
	c, err := b.compare(ctx, o, stderr)
	if err := errors.Join(err, b.close()); err != nil {
		return err
	}
	if err := c.markdown(stdout); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\n%d blocks of %d events each, in turn, %s, fan-out %d, %.0f s. Lost %.0f, delivered twice %.0f, refused %.0f.\n",
		o.blocks, o.stream.events, o.database, o.fanout, time.Since(begun).Seconds(), c.total(lost), c.total(duplicates), c.total(refused))
	if c.total(lost)+c.total(duplicates) > 0 {
		return errors.New("deliveries were lost or came twice")
	}
	return nil
}

// comparison is what was read of each block, of the old program and of the new one.
type comparison struct{ old, new []reading }

func (b *bench) compare(ctx context.Context, o compareOptions, stderr io.Writer) (c *comparison, err error) {
	c = &comparison{}
	sides := []struct {
		name   string
		binary string
		blocks *[]reading
		system *system
	}{{name: "old", binary: o.old, blocks: &c.old}, {name: "new", binary: b.binary, blocks: &c.new}}
	for i := range sides {
		side := &sides[i]
		if side.system, err = b.setUp(ctx, o.database, setup{binary: side.binary, events: (o.blocks + 1) * o.stream.events, paths: o.fanout}); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, side.system.close(ctx)) }()
	}
	for block := range o.blocks + 1 {
		slices.Reverse(sides) // who goes second finds a machine that is awake
		for _, side := range sides {
			next := o.stream
			next.from = block * next.events
			t, err := side.system.try(ctx, next)
			if err != nil {
				return nil, err
			}
			r := t.reading()
			fmt.Fprintf(stderr, "block %-3d %s  %v\n", block, side.name, r)
			if block > 0 { // the first connections, pages and plans are not what is measured
				*side.blocks = append(*side.blocks, r)
			}
		}
	}
	return c, nil
}

// comparedRows are what two programs are compared by.
var comparedRows = []row{
	{key: "events_per_s", title: "events per second"},
	{key: "p50_ms", title: "publish to arrival, p50", unit: "ms"},
	{key: "p99_ms", title: "publish to arrival, p99", unit: "ms"},
	{key: "cpu_per_1000", title: "CPU-seconds per 1,000 deliveries"},
	{key: "statements_per_event", title: "SQL statements per event"},
	{key: "rss_mib", title: "peak memory of the router", unit: "MiB"},
}

// markdown writes a line for each figure: the medians of the blocks, and the ratios of neighboring blocks.
func (c *comparison) markdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| measure | old | new | new ÷ old | half of the blocks |\n|---|---|---|---|---|\n")
	for _, r := range comparedRows {
		before, after := values(c.old, r.key), values(c.new, r.key)
		if len(before) == 0 || len(before) != len(after) {
			continue // one of them does not count it
		}
		ratios := make([]float64, len(before))
		for i := range ratios {
			ratios[i] = after[i] / before[i]
		}
		slices.Sort(ratios)
		n := len(ratios) - 1
		figure := func(v float64) string { return strings.TrimSpace(number(v) + " " + r.unit) }
		fmt.Fprintf(&b, "| %s | %s | %s | %.3f | %.2f to %.2f |\n", r.title, figure(median(before)), figure(median(after)), median(ratios), ratios[n/4], ratios[n-n/4])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// total adds a count up over all blocks.
func (c *comparison) total(key string) float64 {
	sum := 0.0
	for _, r := range slices.Concat(c.old, c.new) {
		sum += r[key]
	}
	return sum
}

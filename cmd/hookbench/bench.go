package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"hookrouter/store/storetest/cluster"
)

// bench is what the scenarios share: the program, the databases' home, and how large everything is.
type bench struct {
	sizes  sizes
	binary string
	folder string               // of everything that is written; on the same disk as any temporary file
	made   int                  // databases so far, for their names
	kept   map[string]*database // filled ones to be copied, by database and content

	cluster *cluster.Cluster // nil where only SQLite is measured
	admin   *sql.DB          // to the cluster
}

// sizes say how much work a scenario is. The whole table on both databases takes less than ten minutes with those of full.
type sizes struct {
	publishers int
	timed      bool // times mean something: nothing of the past is written meanwhile
	yardstick  time.Duration
	events1    int // published at fan-out 1
	events10   int // and at fan-out 10
	paced      int // at 300 per second
	strangers  int
	loaded     int           // subscriptions, for the router's memory
	lone       int           // events, one after the other
	isolation  time.Duration // with and without bad receivers, each
	idle       time.Duration
	lanes      int           // subscriptions that have a backlog
	queued     int           // events that each of them has waiting
	indexed    int           // subscriptions in the index
	chased     int           // bytes of memory for the dependent load
	matching   time.Duration // with and without updates, each
}

func full() sizes {
	return sizes{
		publishers: 64, timed: true, yardstick: time.Second, events1: 20_000, events10: 8_000, paced: 3_000, strangers: 10_000, loaded: 100_000,
		lone: 20, isolation: 10 * time.Second, idle: 20 * time.Second, lanes: 100, queued: 10_000, indexed: 1_000_000, chased: 1 << 30,
		matching: 200 * time.Millisecond,
	}
}

// short is for the tests: what it counts is as good as at full size, what it times means nothing.
func short() sizes {
	return sizes{
		publishers: 64, yardstick: 20 * time.Millisecond, events1: 1_000, events10: 150, paced: 60, strangers: 50, loaded: 100,
		lone: 5, isolation: 500 * time.Millisecond, idle: time.Second, lanes: 10, queued: 200, indexed: 10_000, chased: 1 << 20,
		matching: 20 * time.Millisecond,
	}
}

// benchOptions say what is there before anything is measured.
type benchOptions struct {
	binary   string // the program; "" builds it
	postgres bool   // a server of it
	short    bool   // short sizes
}

// newBench makes what is needed. Whoever gets one closes it.
func newBench(ctx context.Context, o benchOptions) (*bench, error) {
	folder, err := os.MkdirTemp("", "hookbench-")
	if err != nil {
		return nil, err
	}
	b := &bench{sizes: full(), binary: o.binary, folder: folder, kept: map[string]*database{}}
	if o.short {
		b.sizes = short()
	}
	if err := b.prepare(ctx, o); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context, o benchOptions) error {
	if b.binary == "" {
		b.binary = filepath.Join(b.folder, "hookrouter")
		if err := build(ctx, b.binary); err != nil {
			return err
		}
	}
	if o.postgres {
		return b.startPostgres(ctx)
	}
	return nil
}

func build(ctx context.Context, binary string) error {
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "hookrouter/cmd/hookrouter").CombinedOutput() //nolint:gosec // our own module
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// close ends what was started and removes what was written.
func (b *bench) close() error {
	var errs []error
	if b.admin != nil {
		errs = append(errs, b.admin.Close())
	}
	if b.cluster != nil {
		errs = append(errs, b.cluster.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(b.folder))...)
}

// pause waits, because some figures are about time that passes.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

package main

import (
	"cmp"
	"context"
	"errors"
	"time"
)

// settle is how long after the last arrival the last outcomes are recorded, which is part of the work.
const settle = 300 * time.Millisecond

// drain is the longest wait for deliveries after the last publish.
const drain = time.Minute

// setup says what is there before a scenario begins.
type setup struct {
	events      int // numbers that the receiver knows
	paths       int // of the receiver, each with a subscription
	settings    []string
	subscribers map[string]any // what the subscriptions have beyond the ordinary
	content     *content       // of the database; nil is none
	binary      string         // the program; "" is the bench's
}

// system is a program on a database of its own, with a receiver.
type system struct {
	database *database
	program  *program
	in       *receiver
}

// setUp starts a system. Whoever gets one closes it.
func (b *bench) setUp(ctx context.Context, dialect string, o setup) (*system, error) {
	s := &system{}
	if err := s.start(ctx, b, dialect, o); err != nil {
		return nil, errors.Join(err, s.close(ctx))
	}
	return s, nil
}

func (s *system) start(ctx context.Context, b *bench, dialect string, o setup) error {
	var err error
	if s.in, err = newReceiver(ctx, o.events, o.paths); err != nil {
		return err
	}
	if s.database, err = b.newDatabase(ctx, dialect, o.content); err != nil {
		return err
	}
	if s.program, err = newProgram(ctx, cmp.Or(o.binary, b.binary), s.database.url, o.settings...); err != nil {
		return err
	}
	if err := s.program.makeKey(ctx, organization); err != nil {
		return err
	}
	if err := s.program.start(ctx); err != nil {
		return err
	}
	return s.program.subscribe(ctx, s.in, o.subscribers)
}

func (s *system) close(ctx context.Context) error {
	if s.program != nil {
		s.program.stop()
	}
	if s.in != nil {
		s.in.close()
	}
	if s.database != nil {
		return s.database.drop(context.WithoutCancel(ctx))
	}
	return nil
}

// statements counts SQL statements so far: the server's count where there is one, else the program's own. It is false where neither
// is known.
func (s *system) statements(ctx context.Context) (int64, bool, error) {
	n, ok, err := s.database.statements(ctx)
	if ok || err != nil {
		return n, ok, err
	}
	values, err := s.program.scrape(ctx)
	if err != nil {
		return 0, false, err
	}
	total, ok := values.sum(statementsMetric)
	return int64(total), ok, nil
}

func (s *system) usage() *usage {
	return startUsage(map[string]int{"router": s.program.pid(), postgres: s.database.pid})
}

// trial is a stream of events on its way through a system, with what it cost.
type trial struct {
	stream     stream
	paths      int // deliveries of each event
	yardstick  float64
	load       load
	arrivals   arrivals
	usage      *usage
	statements int64
	counted    bool // statements were
}

// try publishes a stream and waits for its deliveries.
func (s *system) try(ctx context.Context, o stream) (trial, error) {
	t := trial{stream: o, paths: s.in.paths}
	expected := 1
	if o.entities == 0 {
		expected = s.in.paths
	}
	before, counted, err := s.statements(ctx)
	if err != nil {
		return t, err
	}
	already := int(s.in.pairs.Load())
	t.usage = s.usage()
	defer t.usage.stop()
	if t.load, err = publish(ctx, s.program, o); err != nil {
		return t, err
	}
	if err := s.in.wait(ctx, already+t.load.accepted*expected, drain); err != nil {
		return t, err
	}
	if err := pause(ctx, settle); err != nil {
		return t, err
	}
	t.usage.stop()
	after, _, err := s.statements(ctx)
	t.statements, t.counted = after-before, counted
	t.arrivals = s.in.summary(o.from, o.events, t.load.expects(o))
	return t, err
}

// warmUp is how many events go first where the first connections, pages and plans are not what is measured.
const warmUp = 100

// tryWarm tries a stream after some events that do not count.
func (s *system) tryWarm(ctx context.Context, o stream) (trial, error) {
	first := o
	first.events = warmUp
	if t, err := s.try(ctx, first); err != nil {
		return t, err
	}
	o.from += warmUp
	return s.try(ctx, o)
}

// expects says which pairs must arrive: those of accepted events, and where events go round entities, of the one that they name.
func (l load) expects(o stream) expectation {
	return func(event, path int) bool {
		i := event - o.from
		return l.was[i] && (o.entities == 0 || i%o.entities == path)
	}
}

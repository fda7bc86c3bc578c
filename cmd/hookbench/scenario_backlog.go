package main

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/routing"
)

// backlogDrain is the longest wait for a backlog. A million take less than two minutes.
const backlogDrain = 5 * time.Minute

// measureBacklog starts a program on a database in which many deliveries are pending, and reads how fast they go while there are many
// and when there are few.
func measureBacklog(ctx context.Context, b *bench, dialect string) (reading, error) {
	in, err := newReceiver(ctx, b.sizes.queued, b.sizes.lanes)
	if err != nil {
		return nil, err
	}
	s := &system{in: in}
	r, err := s.backlog(ctx, b, dialect)
	return r, errors.Join(err, s.close(ctx))
}

func (s *system) backlog(ctx context.Context, b *bench, dialect string) (reading, error) {
	var err error
	s.database, err = b.newDatabase(ctx, dialect, &content{put: func(ctx context.Context, f *filler) error {
		return f.queue(ctx, s.in.url, b.sizes.queued, b.sizes.lanes)
	}})
	if err != nil {
		return nil, err
	}
	if s.program, err = newProgram(ctx, b.binary, s.database.url); err != nil {
		return nil, err
	}
	if err := s.program.start(ctx); err != nil {
		return nil, err
	}
	c := &costs{pairs: b.sizes.queued * b.sizes.lanes}
	err = until(ctx, backlogDrain, soon, func() bool { return c.note(int(s.in.pairs.Load()), ownCPU()) })
	if err != nil {
		return nil, err
	}
	if err := pause(ctx, settle); err != nil {
		return nil, err
	}
	got := s.in.summary(0, b.sizes.queued, func(int, int) bool { return true })
	first, last := tenths(s.in.arrived())
	r := reading{
		"drain_ratio": last / first, "first_per_s": first, "last_per_s": last, lost: float64(got.missing), duplicates: float64(got.duplicate),
	}
	if faster := c.first() / c.last(); faster > 0 && !math.IsInf(faster, 0) {
		r["receiver_ratio"], r["even_ratio"] = faster, last/first/faster
	}
	values, err := s.program.scrape(ctx)
	if err != nil {
		return nil, err
	}
	if p99, ok := values.quantile(claimMetric, 0.99); ok {
		r["claim_p99_ms"] = 1000 * p99
	}
	return r, nil
}

// costs is what the receiver's own CPU time was at the ends of the first and of the last tenth of what comes. The receiver does the same for
// each call, so this says how fast the machine was in these two moments, which are a minute apart.
type costs struct {
	pairs int
	at    []sample
}

type sample struct {
	pairs int
	cpu   time.Duration
}

// note keeps a sample and reports whether all has come.
func (c *costs) note(pairs int, cpu time.Duration) (all bool) {
	c.at = append(c.at, sample{pairs, cpu})
	return pairs >= c.pairs
}

// each is the CPU time of a call between two numbers of them.
func (c *costs) each(from, to int) float64 {
	reached := func(n int) sample {
		i, _ := slices.BinarySearchFunc(c.at, n, func(s sample, n int) int { return cmp.Compare(s.pairs, n) })
		return c.at[min(i, len(c.at)-1)]
	}
	a, b := reached(from), reached(to)
	return float64(b.cpu-a.cpu) / float64(max(b.pairs-a.pairs, 1))
}

func (c *costs) first() float64 { return c.each(1, c.pairs/10) }
func (c *costs) last() float64  { return c.each(c.pairs-c.pairs/10, c.pairs) }

// queue stores events that each subscription has pending, as if they had been accepted while nobody could send.
func (f *filler) queue(ctx context.Context, url string, events, lanes int) error {
	subs := make([]*models.Subscription, lanes)
	for i := range subs {
		var err error
		if subs[i], err = f.subscribe(ctx, url+"/"+strconv.Itoa(i), eventName); err != nil {
			return err
		}
	}
	revision := subs[lanes-1].Revision
	const together = 100 // events in one commit
	padding := strings.Repeat("x", payload)
	for numbers := range slices.Chunk(sequence(events), together) {
		var batch []*models.Accepted
		for _, n := range numbers {
			now := time.Now().UTC().Truncate(time.Millisecond)
			e := models.Event{
				Ref: newID(), OrganizationID: f.organization, Name: eventName, Time: now, AcceptedAt: now, Matched: lanes,
				Data: appendData(nil, n, now, padding),
			}
			e.ID = e.Ref
			batch = append(batch, &models.Accepted{Event: e, Deliveries: routing.FanOut(&e, subs)})
		}
		outcomes, err := f.SaveEvents(ctx, revision, batch)
		for _, o := range outcomes {
			err = errors.Join(err, o.Err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func sequence(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// tenths splits arrivals and gives the rate of the first and of the last tenth.
func tenths(arrivals []arrival) (first, last float64) {
	sorted := slices.SortedFunc(slices.Values(arrivals), func(a, b arrival) int { return a.at.Compare(b.at) })
	n := len(sorted) / 10
	rate := func(part []arrival) float64 {
		return float64(len(part)-1) / part[len(part)-1].at.Sub(part[0].at).Seconds()
	}
	return rate(sorted[:n]), rate(sorted[len(sorted)-n:])
}

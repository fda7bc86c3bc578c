package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"hookrouter/models"
	"hookrouter/routing"
)

// measureIndex measures the index by itself, in this process: one organization whose subscriptions are each about one document, and
// events that are each about one of them, so that each match has one hit and everything on its way is cold.
func measureIndex(_ context.Context, b *bench, _ string) (reading, error) {
	defer debug.FreeOSMemory() // a gigabyte that the scenarios to come would otherwise run beside
	chase := newChase(b.sizes.chased)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same in each run
	subs := documents(random, b.sizes.indexed)
	before := allocated()
	x := routing.NewIndex()
	for _, s := range subs {
		x.Apply(s)
	}
	r := reading{"bytes": float64(allocated()-before) / float64(len(subs))}
	probe := newProbe(random, subs)
	load := chase.nanoseconds()
	ns, allocs, err := probe.cold(x)
	if err != nil {
		return nil, err
	}
	load = (load + chase.nanoseconds()) / 2 // the machine may have become slower or faster meanwhile
	r["match_ns"], r["match_allocs"], r["match_ratio"], r[string(dependentLoad)] = ns, allocs, ns/load, load
	r["change_us"] = changes(random, x, subs)
	r["rate_ratio"] = probe.underUpdates(random, x, subs, b.sizes.matching)
	runtime.KeepAlive(subs)
	return r, nil
}

// chase is a way through memory that is far larger than the caches: each element says where the next one is, in another cache line.
type chase []uint32

func newChase(size int) chase {
	const line = 64 / 4                   // a cache line in elements
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // the same in each run
	next := make(chase, size/4)
	order := random.Perm(size / 64)
	for i, at := range order {
		next[at*line] = uint32(order[(i+1)%len(order)] * line)
	}
	return next
}

// nanoseconds is how long one load takes that needs the one before it.
func (c chase) nanoseconds() float64 {
	const loads = 1_000_000
	at := uint32(0)
	begun := time.Now()
	for range loads {
		at = c[at]
	}
	took := time.Since(begun)
	runtime.KeepAlive(at)
	return float64(took.Nanoseconds()) / loads
}

// documents makes subscriptions of one organization, each to some of 40 events of one document.
func documents(random *rand.Rand, n int) []*models.Subscription {
	subs := make([]*models.Subscription, n)
	for i := range subs {
		s := &models.Subscription{
			ID: numbered(1, i), OrganizationID: numbered(2, 0), Version: 1, Enabled: true, EntityKey: numbered(3, i).String(),
			Events: []models.Pattern{models.Any}, Scopes: []string{models.Any}, Workspaces: []string{models.Any},
		}
		if i%2 == 1 {
			s.Events = nil
			for range 1 + random.IntN(8) {
				s.Events = append(s.Events, models.Pattern(fmt.Sprintf("family_%d.name_%d", random.IntN(8), random.IntN(5))))
			}
		}
		subs[i] = s
	}
	return subs
}

// numbered is an id that is spread like a random one.
func numbered(kind byte, n int) models.ID {
	r := rand.New(rand.NewPCG(uint64(kind), uint64(n))) //nolint:gosec // an id, and the same in each run
	id := models.ID{kind}
	for i := 1; i < len(id); i++ {
		id[i] = byte(r.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

func allocated() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// probe is events that each have one hit. Their keys lie side by side, because an event that was just read from the network is in the
// cache.
type probe struct {
	event models.Event
	keys  string
}

const keyLength = 36

func newProbe(random *rand.Rand, subs []*models.Subscription) *probe {
	const most = 400_000
	var keys strings.Builder
	order := random.Perm((len(subs) + 1) / 2)
	for _, i := range order[:min(most, len(order))] {
		keys.WriteString(subs[2*i].EntityKey) // those that take every event
	}
	return &probe{
		event: models.Event{OrganizationID: subs[0].OrganizationID, Name: "family_1.name_1", Scope: "app", WorkspaceID: numbered(4, 0)},
		keys:  keys.String(),
	}
}

// cold matches each event once.
func (p *probe) cold(x *routing.Index) (ns, allocs float64, err error) {
	n := len(p.keys) / keyLength
	buf := make([]*models.Subscription, 0, 16)
	hits := 0
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	begun := time.Now()
	for at := 0; at < len(p.keys); at += keyLength {
		p.event.EntityKey = p.keys[at : at+keyLength]
		buf = x.Match(&p.event, buf[:0])
		hits += len(buf)
	}
	took := time.Since(begun)
	runtime.ReadMemStats(&after)
	if hits != n {
		return 0, 0, errors.New("the index does not find what it must")
	}
	// A collection that runs meanwhile allocates a little for itself; a match that did would do it every time.
	return float64(took.Nanoseconds()) / float64(n), float64((after.Mallocs - before.Mallocs) / uint64(n)), nil
}

// changes is the time of one removal or one addition, in microseconds.
func changes(random *rand.Rand, x *routing.Index, subs []*models.Subscription) float64 {
	const pairs = 50_000
	off := make([]models.Subscription, pairs)
	picked := make([]*models.Subscription, pairs)
	for i := range off {
		picked[i] = subs[random.IntN(len(subs))]
		off[i] = *picked[i]
		off[i].Enabled = false
	}
	begun := time.Now()
	for i := range off {
		x.Apply(&off[i])
		x.Apply(picked[i])
	}
	return float64(time.Since(begun).Microseconds()) / (2 * pairs)
}

// underUpdates is the rate of matches beside a stream of updates, as a share of that without: the median of some short comparisons, as
// other work on the machine falls into one of them rather than into all.
func (p *probe) underUpdates(random *rand.Rand, x *routing.Index, subs []*models.Subscription, span time.Duration) float64 {
	var ratios []float64
	for range 5 {
		alone := p.rate(x, span)
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() { update(random, x, subs, stop) })
		ratios = append(ratios, p.rate(x, span)/alone)
		close(stop)
		writer.Wait()
	}
	return median(ratios)
}

// update changes 20,000 subscriptions a second, none of those that are looked for, until stop.
func update(random *rand.Rand, x *routing.Index, subs []*models.Subscription, stop <-chan struct{}) {
	const perTick, tick = 20, time.Millisecond
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	begun, done := time.Now(), 0
	for {
		select {
		case <-stop:
			return
		case <-ticks.C:
		}
		for ; done < int(time.Since(begun)/tick)*perTick; done++ { // ticks that came late are made up for
			changed := *subs[1|random.IntN(len(subs)-1)]
			changed.Enabled = done%2 == 0
			x.Apply(&changed)
		}
	}
}

// rate is matches per second.
func (p *probe) rate(x *routing.Index, span time.Duration) float64 {
	e := p.event
	buf := make([]*models.Subscription, 0, 16)
	n := 0
	begun := time.Now()
	for time.Since(begun) < span {
		for range 1000 {
			at := n * keyLength % len(p.keys)
			e.EntityKey = p.keys[at : at+keyLength]
			buf = x.Match(&e, buf[:0])
			n++
		}
	}
	return float64(n) / time.Since(begun).Seconds()
}

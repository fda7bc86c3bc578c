package routing

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"hookrouter/models"
)

// The benchmarks of the index compare: times on a shared machine wander, ratios of one run do not. Each reports how many times as
// long as a match takes
//
//	x-linear   a scan of the organization's subscriptions,
//	x-roaring  an inverted index of roaring bitmaps,
//
// and x-load, how many dependent memory loads a match takes.

type matcher func(*models.Event, []*models.Subscription) []*models.Subscription

func filled(subs []*models.Subscription) *Index {
	x := NewIndex()
	for _, s := range subs {
		x.Apply(s)
	}
	return x
}

// pace is the median over some rounds of what one call takes, in nanoseconds of a CPU.
func pace(batch int, call func()) float64 {
	var rounds [5]float64
	for i := range rounds {
		begun := threadTime()
		for range batch {
			call()
		}
		rounds[i] = float64((threadTime() - begun).Nanoseconds()) / float64(batch)
	}
	return median(rounds[:])
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

const lineWords = 16 // of 4 bytes

// chase is 1 GiB, one word of each cache line of which says which line is next. The order is that of a linear congruential
// generator of full period (Hull and Dobell: the increment odd, the factor 1 more than a multiple of 4), so nothing can guess it.
var chase = sync.OnceValue(func() []uint32 {
	const lines = 1 << 24
	next := make([]uint32, lines*lineWords)
	for i := range uint32(lines) {
		next[i*lineWords] = (i*2891336453 + 747796405) % lines
	}
	return next
})

// benchIndex measures a match of the index and reports what it is compared with.
func benchIndex(b *testing.B, x *Index, p *probes, rivals map[string]matcher) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	chase()
	runtime.GC() // so that no collection runs beside
	buf := make([]*models.Subscription, 0, 1<<10)
	hits := 0
	b.ReportAllocs()
	for b.Loop() {
		buf = x.Match(p.next(), buf[:0])
		hits += len(buf)
	}
	b.ReportMetric(float64(hits)/float64(b.N), "hits/op")

	// The other figures in turns with ours, because the machine's speed changes from one tenth of a second to the next.
	const batch = 10_000
	next, at := chase(), uint32(0)
	ours := func() { buf = x.Match(p.next(), buf[:0]) }
	var loads, paces [41]float64
	for i := range loads {
		load := pace(batch/5, func() { at = next[at*lineWords] })
		paces[i] = pace(batch/5, ours)
		loads[i] = paces[i] / load
	}
	runtime.KeepAlive(at)
	b.ReportMetric(median(loads[:]), "x-load")
	b.ReportMetric(median(paces[:]), "cpu-ns/op")
	for name, match := range rivals {
		one := func() { buf = match(p.next(), buf[:0]) }
		size := min(max(int(5e6/pace(1, one)), 1), batch)
		var ratios [3]float64
		for i := range ratios {
			ratios[i] = pace(size, one) / pace(batch, ours)
		}
		b.ReportMetric(median(ratios[:]), name)
	}
}

// BenchmarkIndexMatch is one match in one organization of n subscriptions, each about a document that has not been asked for
// lately.
func BenchmarkIndexMatch(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		subs := selective(n)
		x := filled(subs)
		rivals := map[string]matcher{"x-linear": newScan(subs).match, "x-roaring": newBitmaps(subs).match}
		for _, h := range []int{0, 1, 10} {
			p := selectiveProbes(subs, h)
			runtime.GC()
			b.Run(fmt.Sprintf("subscriptions=%d/hits=%d", n, h), func(b *testing.B) { benchIndex(b, x, p, rivals) })
		}
	}
}

// BenchmarkIndexManyOrganizations is one match in one of 100,000 organizations of 10 subscriptions.
func BenchmarkIndexManyOrganizations(b *testing.B) {
	const organizations = 100_000
	subs := crowd(organizations)
	x := filled(subs)
	rivals := map[string]matcher{"x-linear": newScan(subs).match, "x-roaring": newBitmaps(subs).match}
	p := crowdProbes(organizations)
	runtime.GC()
	benchIndex(b, x, p, rivals)
}

// BenchmarkIndexBuild reports the time of a full load and the memory of the index alone.
func BenchmarkIndexBuild(b *testing.B) {
	for _, c := range []struct {
		name string
		make func() []*models.Subscription
	}{
		{"one organization of 1000000", func() []*models.Subscription { return selective(1_000_000) }},
		{"100000 organizations of 10", func() []*models.Subscription { return crowd(100_000) }},
		{"1000000 with any document", func() []*models.Subscription { return dense(1_000_000) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			subs := c.make()
			var took, size float64
			for b.Loop() {
				before := heap()
				begun := threadTime()
				x := filled(subs)
				took += (threadTime() - begun).Seconds()
				size = float64(heap()-before) / float64(len(subs))
				runtime.KeepAlive(x)
			}
			b.ReportMetric(took/float64(b.N), "cpu-s/build")
			b.ReportMetric(size, "B/subscription")
			runtime.KeepAlive(subs)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkIndexApply is one change among n subscriptions: one that comes or goes, one that moves, one that stays where it is.
func BenchmarkIndexApply(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		subs := selective(n)
		x := filled(subs)
		runtime.GC()
		r := rand.New(rand.NewPCG(9, 9))
		run := func(name string, change func(*models.Subscription)) {
			b.Run(fmt.Sprintf("subscriptions=%d/%s", n, name), func(b *testing.B) {
				at, back := 0, false
				for b.Loop() {
					if back = !back; !back {
						x.Apply(subs[at])
						continue
					}
					at = r.IntN(n)
					changed := *subs[at]
					change(&changed)
					x.Apply(&changed)
				}
				x.Apply(subs[at])
			})
		}
		run("remove or add", func(s *models.Subscription) { s.Enabled = false })
		run("move", func(s *models.Subscription) { s.EntityKey = "elsewhere " + s.ID.String() })
		run("in place", func(s *models.Subscription) { s.Endpoint = "https://example.com/" })
	}
}

// updatesPerSecond is far more than the management API of any installation sees.
const updatesPerSecond = 20_000

// BenchmarkIndexUnderChanges is a match while another goroutine moves subscriptions of the same tenant, at a fixed rate or
// without pause. It reports which part of their rate without changes the matches keep.
func BenchmarkIndexUnderChanges(b *testing.B) {
	subs := selective(1_000_000)
	x := filled(subs)
	p := selectiveProbes(subs, 10)
	runtime.GC()
	for _, c := range []struct {
		name string
		rate int
	}{{"20000 per second", updatesPerSecond}, {"without pause", 0}} {
		b.Run(c.name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			buf := make([]*models.Subscription, 0, 64)
			spell := func() time.Duration {
				begun := threadTime()
				for range 20_000 {
					buf = x.Match(p.next(), buf[:0])
				}
				return threadTime() - begun
			}
			var kept []float64
			changes, changing := 0, time.Duration(0)
			for b.Loop() { // in turns, because the machine's speed changes
				without := spell()
				stop := make(chan struct{})
				var writer sync.WaitGroup
				begun := time.Now()
				writer.Go(func() { changes += keepChanging(x, subs, c.rate, stop) })
				with := spell()
				close(stop)
				writer.Wait()
				changing += time.Since(begun)
				kept = append(kept, float64(without)/float64(with)*100)
			}
			b.ReportMetric(median(kept), "%kept")
			b.ReportMetric(float64(changes)/changing.Seconds(), "changes/s")
		})
	}
}

// keepChanging moves subscriptions and returns how often it did.
func keepChanging(x *Index, subs []*models.Subscription, rate int, stop <-chan struct{}) int {
	r := rand.New(rand.NewPCG(9, 9))
	clock := time.NewTicker(time.Millisecond)
	defer clock.Stop()
	begun := time.Now()
	for n := 0; ; n += 2 {
		select {
		case <-stop:
			return n
		default:
		}
		if rate > 0 && float64(n) > float64(rate)*time.Since(begun).Seconds() {
			select {
			case <-stop:
				return n
			case <-clock.C:
			}
		}
		at := len(subs)/5 + r.IntN(len(subs)*4/5)
		moved := *subs[at]
		moved.EntityKey = "elsewhere"
		x.Apply(&moved)
		x.Apply(subs[at])
	}
}

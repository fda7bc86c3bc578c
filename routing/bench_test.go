package routing

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"hookrouter/models"
)

// The selective tenant is one organization whose subscriptions are about single documents or lists of workspaces. A probe for h
// hits comes from a pool of events that match exactly h of them.

func benchSubscription(r *rand.Rand, n int) *models.Subscription {
	s := &models.Subscription{
		ID: testID('s', n), OrganizationID: testID('o', 0), Version: 1, Enabled: true,
		Scopes: []string{models.Any}, Workspaces: []string{models.Any},
	}
	if r.IntN(10) < 3 {
		s.Events = []models.Pattern{models.Any}
	} else {
		for range 1 + r.IntN(8) {
			s.Events = append(s.Events, models.Pattern(benchName(r.IntN(8), r.IntN(5))))
		}
	}
	if r.IntN(10) >= 6 {
		s.Scopes = []string{"app", "public_api"}[:1+r.IntN(2)]
	}
	return s
}

// selective makes n subscriptions: a tenth of them in groups of 1 (h = 1) and 10 (h = 10) by document, another tenth in 20 large
// groups, of the rest four fifths each on a document of its own and a fifth on lists of 1 to 20 workspaces.
func selective(n int) []*models.Subscription {
	r := rand.New(rand.NewPCG(7, 7))
	subs := make([]*models.Subscription, n)
	all := func(s *models.Subscription) { s.Events, s.Scopes = []models.Pattern{models.Any}, []string{models.Any} }
	for i := range subs {
		s := benchSubscription(r, i)
		switch {
		case i < n/20:
			s.EntityKey = benchEntity(1, i)
			all(s)
		case i < n/10:
			s.EntityKey = benchEntity(10, i/10)
			all(s)
		case i < n/5:
			s.EntityKey = benchEntity(1000, i/1000)
		case r.IntN(5) > 0:
			s.EntityKey = benchEntity(0, i)
		default:
			s.Workspaces = s.Workspaces[:0]
			for range 1 + r.IntN(20) {
				s.Workspaces = append(s.Workspaces, testID('w', r.IntN(max(n/10, 10))).String())
			}
		}
		subs[i] = s
	}
	return subs
}

func benchEntity(h, n int) string { return testID('e', h*10_000_000+n).String() }

// probes are events that match exactly h subscriptions of the selective tenant, spread over many keys. They lie side by side, as
// an event that was just read from the network is in the cache.
func probes(n, h int) []models.Event {
	events := make([]models.Event, 1<<16)
	var entities strings.Builder
	for i := range events {
		events[i] = models.Event{
			OrganizationID: testID('o', 0), Name: benchName(i, i), Scope: "app", WorkspaceID: testID('v', i),
		}
		switch h {
		case 1:
			entities.WriteString(benchEntity(1, i*7919%max(n/20, 1)))
		case 10:
			entities.WriteString(benchEntity(10, n/200+i*7919%max(n/200, 1)))
		}
	}
	for i := range events {
		if h > 0 {
			events[i].EntityKey = entities.String()[i*36 : i*36+36]
		}
	}
	return events
}

// benchName is one of 40 event names.
func benchName(i, j int) string { return benchNames[i%8*5+j%5] }

var benchNames = func() []string {
	names := make([]string, 40)
	for i := range names {
		names[i] = fmt.Sprintf("family_%d.name_%d", i/5, i%5)
	}
	return names
}()

// crowd is m organizations of 10 subscriptions each.
func crowd(m int) []*models.Subscription {
	r := rand.New(rand.NewPCG(8, 8))
	subs := make([]*models.Subscription, 0, m*10)
	for o := range m {
		for range 10 {
			s := benchSubscription(r, len(subs))
			s.OrganizationID = testID('o', o)
			if r.IntN(5) == 0 {
				s.Workspaces = nil
				for range 1 + r.IntN(20) {
					s.Workspaces = append(s.Workspaces, testID('w', r.IntN(50)).String())
				}
			}
			subs = append(subs, s)
		}
	}
	return subs
}

func filled(subs []*models.Subscription) *Index {
	x := NewIndex()
	for _, s := range subs {
		x.Apply(s)
	}
	return x
}

func benchMatch(b *testing.B, x *Index, events []models.Event) {
	b.Helper()
	b.ReportAllocs()
	buf := make([]*models.Subscription, 0, 1<<10)
	hits := 0
	i := 0
	for b.Loop() {
		buf = x.Match(&events[i&(len(events)-1)], buf[:0])
		hits += len(buf)
		i++
	}
	b.ReportMetric(float64(hits)/float64(i), "hits/op")
}

func benchScan(b *testing.B, subs []*models.Subscription, events []models.Event) {
	b.Helper()
	buf := make([]*models.Subscription, 0, 1<<10)
	i := 0
	for b.Loop() {
		buf = buf[:0]
		for _, s := range subs {
			if s.Matches(&events[i&(len(events)-1)]) {
				buf = append(buf, s)
			}
		}
		i++
	}
}

// BenchmarkMatch is one match in one organization of n subscriptions, by the index and by the scan that it replaces.
func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("subscriptions=%d", n), func(b *testing.B) {
			subs := selective(n)
			x := filled(subs)
			runtime.GC()
			for _, h := range []int{0, 1, 10} {
				events := probes(n, h)
				b.Run(fmt.Sprintf("hits=%d/index", h), func(b *testing.B) { benchMatch(b, x, events) })
				b.Run(fmt.Sprintf("hits=%d/scan", h), func(b *testing.B) { benchScan(b, subs, events) })
			}
		})
	}
}

// BenchmarkMatchManyTenants is one match in one of 100,000 organizations of 10 subscriptions.
func BenchmarkMatchManyTenants(b *testing.B) {
	const tenants = 100_000
	subs := crowd(tenants)
	x := filled(subs)
	events := make([]models.Event, 1<<16)
	for i := range events {
		events[i] = models.Event{
			OrganizationID: testID('o', i*7919%tenants), Name: benchName(i, i), Scope: "app", WorkspaceID: testID('w', i%50),
		}
	}
	runtime.GC()
	b.Run("index", func(b *testing.B) { benchMatch(b, x, events) })
	byTenant := make(map[models.ID][]*models.Subscription, tenants)
	for _, s := range subs {
		byTenant[s.OrganizationID] = append(byTenant[s.OrganizationID], s)
	}
	b.Run("scan", func(b *testing.B) {
		buf := make([]*models.Subscription, 0, 16)
		i := 0
		for b.Loop() {
			e := &events[i&(len(events)-1)]
			buf = buf[:0]
			for _, s := range byTenant[e.OrganizationID] {
				if s.Matches(e) {
					buf = append(buf, s)
				}
			}
			i++
		}
	})
}

// BenchmarkApply is the removal and the return of one of n subscriptions, and an update that moves it.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1_000, 1_000_000} {
		subs := selective(n)
		x := filled(subs)
		runtime.GC()
		r := rand.New(rand.NewPCG(9, 9))
		b.Run(fmt.Sprintf("subscriptions=%d/remove+add", n), func(b *testing.B) {
			for b.Loop() {
				s := subs[r.IntN(n)]
				off := *s
				off.Enabled = false
				x.Apply(&off)
				x.Apply(s)
			}
		})
		b.Run(fmt.Sprintf("subscriptions=%d/move", n), func(b *testing.B) {
			for b.Loop() {
				at := r.IntN(n)
				moved := *subs[at]
				moved.EntityKey = benchEntity(0, at)
				x.Apply(&moved)
				x.Apply(subs[at])
			}
		})
		b.Run(fmt.Sprintf("subscriptions=%d/in place", n), func(b *testing.B) {
			for b.Loop() {
				at := r.IntN(n)
				changed := *subs[at]
				changed.Endpoint = "https://example.com/"
				x.Apply(&changed)
				subs[at] = &changed
			}
		})
	}
}

// BenchmarkBuild reports the time of a full load and the memory of the index alone.
func BenchmarkBuild(b *testing.B) {
	for name, make := range map[string]func() []*models.Subscription{
		"one organization of 1000000":      func() []*models.Subscription { return selective(1_000_000) },
		"100000 organizations of 10":       func() []*models.Subscription { return crowd(100_000) },
		"1000000 with any document, dense": func() []*models.Subscription { return dense(1_000_000) },
	} {
		b.Run(name, func(b *testing.B) {
			subs := make()
			for b.Loop() {
				before := heap()
				begun := time.Now()
				x := filled(subs)
				b.ReportMetric(time.Since(begun).Seconds(), "s/build")
				b.ReportMetric(float64(heap()-before)/float64(len(subs)), "B/subscription")
				runtime.KeepAlive(x)
			}
			runtime.KeepAlive(subs)
		})
	}
}

// dense is one organization whose subscriptions name no document: most lie in one bucket.
func dense(n int) []*models.Subscription {
	r := rand.New(rand.NewPCG(10, 10))
	subs := make([]*models.Subscription, n)
	for i := range subs {
		subs[i] = benchSubscription(r, i)
		if i%5 == 0 {
			subs[i].Workspaces = []string{testID('w', r.IntN(1000)).String()}
		}
	}
	return subs
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkMatchUnderChanges is a match while another goroutine moves subscriptions of the same tenant without pause.
func BenchmarkMatchUnderChanges(b *testing.B) {
	const n = 100_000
	subs := selective(n)
	x := filled(subs)
	events := probes(n, 10)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		r := rand.New(rand.NewPCG(9, 9))
		for {
			select {
			case <-stop:
				return
			default:
			}
			at := n/5 + r.IntN(n*4/5)
			moved := *subs[at]
			moved.EntityKey = benchEntity(0, at+n)
			x.Apply(&moved)
			x.Apply(subs[at])
		}
	})
	benchMatch(b, x, events)
	close(stop)
	writer.Wait()
}

// BenchmarkDependentLoad is the anchor: one cache miss that nothing can overlap, in as much memory as a large index has. A match
// in the selective tenant costs two to three.
func BenchmarkDependentLoad(b *testing.B) {
	next := make([]uint32, 256<<20/4)
	r := rand.New(rand.NewPCG(11, 11))
	for i := range next {
		next[i] = uint32(i)
	}
	for i := len(next) - 1; i > 0; i-- { // one cycle over all of it
		j := r.IntN(i)
		next[i], next[j] = next[j], next[i]
	}
	at := uint32(0)
	for b.Loop() {
		at = next[at]
	}
	runtime.KeepAlive(at)
}

// nullOutbox commits in no time.
type nullOutbox struct{}

func (nullOutbox) SaveEvents(_ context.Context, _ int64, batch []*models.Accepted) ([]models.Outcome, error) {
	runtime.Gosched() // as a commit would, so that a batch gathers
	return make([]models.Outcome, len(batch)), nil
}

type nullHandover struct{}

func (nullHandover) Owner() (int64, bool)                   { return 1, true }
func (nullHandover) Reserve(*models.Subscription, int) bool { return true }
func (nullHandover) Unreserve(models.ID, int)               {}
func (nullHandover) Deliver([]models.Job)                   {}
func (nullHandover) Overflow([]models.ID)                   {}

// BenchmarkAccept is all that this package spends on one event at fan-out 1, with 512 publishers.
func BenchmarkAccept(b *testing.B) {
	source := newFakeSource()
	source.put(1, nil)
	m := NewMatcher(source)
	if err := m.Refresh(b.Context()); err != nil {
		b.Fatal(err)
	}
	r, err := NewRouter(RouterOptions{
		Matcher: m, Outbox: nullOutbox{}, Handover: nullHandover{}, Now: time.Now, Committers: 2,
		NewID: func() models.ID { return testID('n', 1) }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	r.Start(b.Context())
	b.SetParallelism(256)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Accept(b.Context(), []*models.Event{newEvent("a")})
		}
	})
	if err := r.Stop(b.Context()); err != nil {
		b.Fatal(err)
	}
}

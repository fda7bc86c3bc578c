package routing

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestReadersSeeEverySubscriptionOnce moves subscriptions between all the places that one event reads, while readers match that
// event: each must be found once at any moment, in a state that matches.
func TestReadersSeeEverySubscriptionOnce(t *testing.T) {
	t.Parallel()
	const movers = 6
	changes := 12_000
	if raceEnabled {
		changes = 2_000
	}
	w1, w2 := testID('w', 1), testID('w', 2).String()
	e := &models.Event{OrganizationID: testID('o', 1), Name: "m.x.done", Scope: "s", WorkspaceID: w1, EntityKey: "e"}
	state := func(slot, n int) *models.Subscription {
		fresh := models.Pattern(fmt.Sprintf("fresh_%d_%d", slot, n)) // fills the dictionary, then overflows it
		events := [][]models.Pattern{{"*"}, {"m.*"}, {"m.x.*"}, {"m.x.done"}, {"m.x.done", "b", fresh}, {"m.x.*", fresh}}
		scopes := [][]string{{"*"}, {"s"}, {"t", "s"}}
		workspaces := [][]string{{"*"}, {w1.String()}, {w2, w1.String()}}
		return &models.Subscription{
			ID: testID('s', slot), OrganizationID: testID('o', 1), Version: n, Enabled: true,
			Events: events[n%6], Scopes: scopes[n/6%3], Workspaces: workspaces[n/2%3], EntityKey: []string{"", "e"}[n/4%2],
		}
	}
	for name, l := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newIndex(l)
			for slot := range movers {
				x.Apply(state(slot, slot))
			}
			for i := range 200 { // others, which make the tenant large and never match
				s := state(1000+i, i)
				s.Events = []models.Pattern{"other"}
				x.Apply(s)
				s = state(2000+i, i)
				s.OrganizationID = testID('o', 2)
				x.Apply(s)
			}
			var stop atomic.Bool
			var matched atomic.Int64
			var readers sync.WaitGroup
			for range 2 {
				readers.Go(func() {
					var buf []*models.Subscription
					for !stop.Load() {
						buf = x.Match(e, buf[:0])
						seen := 0
						for _, s := range buf {
							if !s.Matches(e) {
								t.Errorf("found but does not match: %+v", s.ID)
							}
							seen |= 1 << s.ID[15]
						}
						if seen != 1<<movers-1 || len(buf) != movers {
							t.Errorf("found %d subscriptions, set %b", len(buf), seen)
						}
						if t.Failed() {
							return
						}
						matched.Add(1)
					}
				})
			}
			for n := range changes {
				slot := n % movers
				x.Apply(state(slot, n*7/movers+slot))
				if n%3 == 0 { // one that comes and goes
					s := state(1000+n%200, n)
					s.Events, s.Enabled = []models.Pattern{"other", "more"}, n%2 == 0
					x.Apply(s)
				}
			}
			stop.Store(true)
			readers.Wait()
			require.Positive(t, matched.Load())
		})
	}
}

// TestNewWordsArriveWithTheirRows pins the first fault that the prototypes had: a subscription whose update brings a name that is
// new to its tenant was seen neither in its old nor in its new form by a reader that had looked the event's name up before.
func TestNewWordsArriveWithTheirRows(t *testing.T) {
	t.Parallel()
	rounds := 200
	if raceEnabled {
		rounds = 50
	}
	l := tinyLimits()
	l.flatRows, l.names = 0, maxNames
	x := newIndex(l)
	var missed atomic.Int64
	for round := range rounds {
		org := testID('o', round)
		name := fmt.Sprintf("f.done_%d", round)
		s := &models.Subscription{
			ID: testID('s', round), OrganizationID: org, Enabled: true,
			Events: []models.Pattern{"f.*"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
		}
		x.Apply(s)
		e := &models.Event{OrganizationID: org, Name: name}
		var stop atomic.Bool
		reading := make(chan struct{})
		var reader sync.WaitGroup
		reader.Go(func() {
			var buf []*models.Subscription
			for first := true; !stop.Load(); first = false {
				if buf = x.Match(e, buf[:0]); len(buf) != 1 {
					missed.Add(1)
				}
				if first {
					close(reading)
				}
			}
		})
		<-reading
		updated := *s
		updated.Events = []models.Pattern{models.Pattern(name)}
		x.Apply(&updated)
		stop.Store(true)
		reader.Wait()
	}
	require.Zero(t, missed.Load())
}

// TestReadersAreNotStarved pins the second fault that the prototypes had: a writer that moves subscriptions without pause kept
// readers retrying. After a few tries they take the writer's lock.
func TestReadersAreNotStarved(t *testing.T) {
	t.Parallel()
	l := tinyLimits()
	l.flatRows = 0
	x := newIndex(l)
	s := &models.Subscription{
		ID: testID('s', 1), Enabled: true, Events: []models.Pattern{"a"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
	}
	x.Apply(s)
	e := &models.Event{Name: "a"}
	large := x.tenants.get(x.hashTenant(tenantOf(s)), tenantOf(s)).large
	require.NotNil(t, large)

	// A version that is odd for ever: nothing but the lock lets a reader through.
	large.version.Add(1)
	done := make(chan []*models.Subscription)
	match := func() { done <- x.Match(e, nil) }
	go match()
	select {
	case found := <-done:
		require.Equal(t, []*models.Subscription{s}, found)
	case <-time.After(10 * time.Second):
		t.Fatal("a reader is starved")
	}

	// While the lock is held a reader waits, and is let through when the move is complete.
	large.mu.Lock()
	go match()
	for range 1000 {
		select {
		case <-done:
			t.Fatal("a reader went past a move that was not complete")
		default:
			runtime.Gosched()
		}
	}
	large.version.Add(1)
	large.mu.Unlock()
	require.Equal(t, []*models.Subscription{s}, <-done)
}

// TestSlotsAreReadWhole changes the only row of a bucket in place. A mask with the record that came after it would let events
// through which that record does not take.
func TestSlotsAreReadWhole(t *testing.T) {
	t.Parallel()
	changes := 20_000
	if raceEnabled {
		changes = 2_000
	}
	l := tinyLimits()
	l.flatRows = 0
	x := newIndex(l)
	states := [2]*models.Subscription{}
	for i, name := range []models.Pattern{"a", "b"} {
		states[i] = &models.Subscription{
			ID: testID('s', 1), Enabled: true, Events: []models.Pattern{name}, Scopes: []string{"*"}, Workspaces: []string{"*"}, EntityKey: "e",
		}
		x.Apply(states[i])
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			e := &models.Event{Name: "a", EntityKey: "e"}
			var buf []*models.Subscription
			for !stop.Load() && !t.Failed() {
				buf = x.Match(e, buf[:0])
				if len(buf) > 1 || len(buf) == 1 && buf[0] != states[0] {
					t.Errorf("found %d, one of them a record that does not match", len(buf))
				}
			}
		})
	}
	for i := range changes {
		x.Apply(states[i%2])
	}
	stop.Store(true)
	readers.Wait()
}

// TestSlotsAreGivenBackInTheWindow counts the windows of a subscription's way out: one in which its slot becomes empty, and one in
// which the slot becomes anybody's. A reader that had found its key there before would otherwise take another tenant's
// subscription for its own.
func TestSlotsAreGivenBackInTheWindow(t *testing.T) {
	t.Parallel()
	l := tinyLimits()
	l.flatRows = 0
	x := newIndex(l)
	s := models.Subscription{
		ID: testID('s', 1), Enabled: true, Events: []models.Pattern{"a"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
	}
	x.Apply(&s) // stays, so that the tenant does
	other := s
	other.ID, other.EntityKey = testID('s', 2), "e"
	large := x.tenants.get(x.hashTenant(tenantOf(&s)), tenantOf(&s)).large

	const window = 2 // the version is odd in it
	before := large.version.Load()
	x.Apply(&other)
	require.Equal(t, before+window, large.version.Load())
	gone := other
	gone.Enabled = false
	x.Apply(&gone)
	require.Equal(t, before+3*window, large.version.Load())
}

// TestListReadersSeeEveryItemOnce splits the chunks of a list while readers go through it. The first items agree in many bits, so
// that the directory is deep and the chunks of the others stand in thousands of places when they are split.
func TestListReadersSeeEveryItemOnce(t *testing.T) {
	t.Parallel()
	const alike, items = 3, 48
	rounds := 150
	if raceEnabled {
		rounds = 20
	}
	hashOf := func(s *models.Subscription) uint64 {
		if s.Version < alike {
			return uint64(s.Version) << (64 - 12)
		}
		return mix(uint64(s.Version), 1)
	}
	for range rounds {
		var l list[*models.Subscription]
		var there atomic.Int64
		var reader sync.WaitGroup
		reader.Go(func() {
			for n := int64(0); n < items && !t.Failed(); {
				n = there.Load()
				var seen [items]int
				l.each(func(subs []*models.Subscription) {
					for _, s := range subs {
						seen[s.Version]++
					}
				})
				for i, times := range seen {
					if times > 1 || times == 0 && int64(i) < n {
						t.Errorf("item %d of %d seen %d times", i, n, times)
					}
				}
			}
		})
		for i := range items {
			s := &models.Subscription{Version: i}
			l.reserve(hashOf(s), 2, hashOf)
			storeAll(l.change(nil, hashOf(s), nil, &s, refSub))
			there.Store(int64(i + 1))
		}
		reader.Wait()
	}
}

// TestTableReadersFindWhatStays adds and removes entries, through growth and reuse of cells, while readers look for others.
func TestTableReadersFindWhatStays(t *testing.T) {
	t.Parallel()
	const stay, rounds = 500, 20_000
	hash := func(n int) uint64 { return mix(uint64(n), 1) }
	tab := table[int, int]{hash: func(v *int) uint64 { return hash(*v) }, is: func(v *int, k int) bool { return *v == k }}
	for n := range stay {
		tab.insert(hash(n), &n)
	}
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := 0; !stop.Load() && !t.Failed(); n = (n + 1) % stay {
				if v := tab.get(hash(n), n); v == nil || *v != n {
					t.Errorf("entry %d is missing", n)
				}
			}
		})
	}
	for n := stay; n < stay+rounds; n++ {
		tab.insert(hash(n), &n)
		if gone := n - rounds/4; gone >= stay {
			tab.remove(hash(gone), gone)
			if tab.get(hash(gone), gone) != nil {
				t.Errorf("entry %d is still there", gone)
			}
		}
	}
	stop.Store(true)
	readers.Wait()
	live := 0
	for i := range tab.shards {
		if s := tab.shards[i].Load(); s != nil {
			live += s.live
		}
	}
	require.Equal(t, stay+rounds/4, live)
}

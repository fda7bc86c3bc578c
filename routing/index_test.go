package routing

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// forms are the sizes under which the index is tested: as shipped, and so small that a handful of subscriptions goes through
// every form and back.
func forms() map[string]limits {
	tiny := tinyLimits()
	cells, rest := tiny, tiny
	cells.flatRows, cells.bucketRows, cells.pairs, cells.names, cells.scopes = 0, 0, 32, maxNames, maxScopes
	rest.flatRows, rest.bucketRows, rest.pairs = 0, 0, 0
	flat := defaultLimits()
	flat.names, flat.scopes = 4, 1
	return map[string]limits{"shipped": defaultLimits(), "tiny": tiny, "cells": cells, "rest": rest, "flat": flat}
}

// TestIndexAgreesWithScan is the proof by numbers: events are matched by the index and by the rule that defines matching, while
// subscriptions come, change and go.
func TestIndexAgreesWithScan(t *testing.T) {
	t.Parallel()
	events := 200_000
	if raceEnabled {
		events = 6_000
	}
	var compared, decisions, hits atomic.Int64
	t.Run("forms", func(t *testing.T) {
		for name, l := range forms() {
			for slots, share := range map[int]int{12: 1, 40: 4, 700: 250} {
				t.Run(fmt.Sprintf("%s/%d", name, slots), func(t *testing.T) {
					t.Parallel()
					w := newWorld(randomDice{rand.New(rand.NewPCG(1, uint64(slots)))}, l, slots)
					for range slots {
						w.change()
					}
					for i := range events / share {
						if i%8 == 0 {
							w.change()
						}
						e := w.event()
						if difference := w.compare(e); difference != "" {
							t.Fatalf("event %d %+v: %s", i, e, difference)
						}
						compared.Add(1)
						decisions.Add(int64(slots))
						hits.Add(int64(len(w.buf)))
					}
				})
			}
		}
	})
	t.Logf("%d comparisons (%d decisions, %d matches): 0 differences", compared.Load(), decisions.Load(), hits.Load())
	require.Positive(t, hits.Load())
	if !raceEnabled {
		require.GreaterOrEqual(t, compared.Load(), int64(1_000_000))
	}
}

// TestIndexExhaustively holds every subscription over a small alphabet against every event over it, then takes the
// subscriptions out again one by one.
func TestIndexExhaustively(t *testing.T) {
	t.Parallel()
	patterns := []models.Pattern{"*", "a.*", "a.b.*", "a.b", "a.b.c", "b"}
	scopes := [][]string{{"*"}, {"s"}, {"t", "s"}, {"s", "s"}}
	w1, w2 := testID('w', 1).String(), testID('w', 2).String()
	workspaces := [][]string{{"*"}, {w1}, {w1, w2}, {w2, w2}, {"*", w1}}

	var subs []*models.Subscription
	for i, p := range patterns {
		for _, q := range patterns[i:] {
			for _, scope := range scopes {
				for _, workspace := range workspaces {
					for _, entity := range []string{"", "x"} {
						subs = append(subs, &models.Subscription{
							ID: testID('s', len(subs)), Enabled: true, Events: []models.Pattern{p, q}, Scopes: scope, Workspaces: workspace,
							EntityKey: entity,
						})
					}
				}
			}
		}
	}
	var events []*models.Event
	for _, name := range []string{"a", "b", "a.b", "a.b.c", "a.bc", "c"} {
		for _, scope := range []string{"", "s", "u"} {
			for workspace := range 4 {
				for _, entity := range [][2]string{{"", ""}, {"x", ""}, {"y", ""}, {"y", "x"}, {"x", "x"}, {"x", "y"}, {"", "x"}} {
					e := &models.Event{Name: name, Scope: scope, EntityKey: entity[0], EntityParentKey: entity[1]}
					if workspace > 0 {
						e.WorkspaceID = testID('w', workspace)
					}
					events = append(events, e)
				}
			}
		}
	}
	for name, l := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(nil, l, len(subs))
			for slot, s := range subs {
				w.subs[slot] = s
				w.index.Apply(s)
			}
			for _, e := range events {
				require.Empty(t, w.compare(e), "%+v", e)
			}
			for slot, s := range subs {
				gone := *s
				gone.DeletedAt = time.Unix(1, 0)
				w.subs[slot] = &gone
				w.index.Apply(&gone)
				require.Empty(t, w.compare(events[slot*7%len(events)]))
			}
			require.Zero(t, w.index.Len())
			requireNoBuckets(t, w.index)
		})
	}
}

// FuzzIndexAgreesWithScan lets the fuzzer write the history.
func FuzzIndexAgreesWithScan(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add([]byte{})
	for seed := range uint64(24) {
		r := rand.New(rand.NewPCG(seed, 2))
		history := make([]byte, 400)
		for i := range history {
			history[i] = byte(r.Uint32())
		}
		f.Add(history)
	}
	f.Fuzz(func(t *testing.T, history []byte) {
		for name, l := range forms() {
			d := &byteDice{history}
			w := newWorld(d, l, 10)
			for len(d.rest) > 0 {
				w.change()
				e := w.event()
				if difference := w.compare(e); difference != "" {
					t.Fatalf("%s: event %+v: %s", name, e, difference)
				}
			}
		}
	})
}

func TestListsAreNormalised(t *testing.T) {
	t.Parallel()
	w1, w2 := testID('w', 1), testID('w', 2)
	base := models.Subscription{
		Enabled: true, Events: []models.Pattern{"*"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
	}
	with := func(change func(*models.Subscription)) *models.Subscription {
		s := base
		change(&s)
		return &s
	}
	events := func(p ...models.Pattern) *models.Subscription {
		return with(func(s *models.Subscription) { s.Events = p })
	}
	scopes := func(names ...string) *models.Subscription {
		return with(func(s *models.Subscription) { s.Scopes = names })
	}
	workspaces := func(w ...string) *models.Subscription {
		return with(func(s *models.Subscription) { s.Workspaces = w })
	}
	for name, c := range map[string]struct {
		sub  *models.Subscription
		want rules
	}{
		"a star absorbs names":    {events("a", "*", "b.*"), rules{anyName: true}},
		"twice the same name":     {events("b", "a", "b"), rules{names: []string{"a", "b"}}},
		"a name under a family":   {events("a.b", "a.*", "a", "ab.c", "a.b.c"), rules{names: []string{"a", "ab.c"}, families: []string{"a."}}},
		"a family under a family": {events("a.b.c.*", "a.b.*", "a.b.*", "x.*", "a.b.c.d.*"), rules{families: []string{"a.b.", "x."}}},
		"twice the same scope":    {scopes("t", "s", "t", ""), rules{anyName: true, scopes: []string{"s", "t"}}},
		"a star absorbs scopes":   {scopes("t", "*"), rules{anyName: true}},
		"twice the same workspace": {
			workspaces(w2.String(), w1.String(), w2.String()), rules{anyName: true, workspaces: []models.ID{w1, w2}},
		},
		"a star absorbs workspaces": {workspaces(w2.String(), "*"), rules{anyName: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r rules
			require.True(t, r.read(c.sub))
			require.Equal(t, c.want.anyName, r.anyName)
			require.ElementsMatch(t, c.want.names, r.names)
			require.ElementsMatch(t, c.want.families, r.families)
			require.Equal(t, len(c.want.scopes) == 0, r.anyScope)
			require.ElementsMatch(t, c.want.scopes, r.scopes)
			require.Equal(t, len(c.want.workspaces) == 0, r.anyWorkspace())
			if !r.anyWorkspace() {
				require.Equal(t, c.want.workspaces, r.workspaces)
			}
		})
	}
	for name, s := range map[string]*models.Subscription{
		"disabled":                with(func(s *models.Subscription) { s.Enabled = false }),
		"deleted":                 with(func(s *models.Subscription) { s.DeletedAt = time.Unix(1, 0) }),
		"no event":                events(),
		"no workspace":            workspaces(),
		"no scope":                scopes(),
		"only an absent scope":    scopes(""),
		"a workspace misspelt":    workspaces("0000000A-0000-7000-8000-000000000001"),
		"a workspace that's none": workspaces(models.ID{}.String(), "w"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r rules
			require.False(t, r.read(s), "it can match nothing")
		})
	}
}

// TestDuplicatesInListsAreHarmless pins the third fault that the prototypes had: the same workspace twice gave double hits.
func TestDuplicatesInListsAreHarmless(t *testing.T) {
	t.Parallel()
	w1 := testID('w', 1).String()
	for name, l := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newIndex(l)
			var others []models.Subscription
			for i, workspace := range []string{"*", w1, "*", w1, "*", w1} { // so that the bucket takes the form that the limits allow
				others = append(others, models.Subscription{
					ID: testID('t', i), Enabled: true, Events: []models.Pattern{"other"}, Scopes: []string{"*"}, Workspaces: []string{workspace},
				})
				x.Apply(&others[i])
			}
			s := &models.Subscription{
				ID: testID('s', 1), Enabled: true, Events: []models.Pattern{"a.b", "a.*", "a.b", "*"}, Scopes: []string{"s", "*", "s"},
				Workspaces: []string{w1, "*", w1, w1},
			}
			e := &models.Event{Name: "a.b", Scope: "s", WorkspaceID: testID('w', 1)}
			x.Apply(s)
			require.Equal(t, []*models.Subscription{s}, x.Match(e, nil))

			narrow := *s
			narrow.Events, narrow.Scopes = []models.Pattern{"a.b", "a.*", "a.b"}, []string{"s", "s"}
			narrow.Workspaces = []string{w1, w1}
			x.Apply(&narrow)
			require.Equal(t, []*models.Subscription{&narrow}, x.Match(e, nil))

			for _, s := range append(others, narrow) {
				s.Enabled = false
				x.Apply(&s)
			}
			require.Empty(t, x.Match(e, nil))
			requireNoBuckets(t, x)
		})
	}
}

// requireNoBuckets says that an index of which everything was taken away has no bucket left.
func requireNoBuckets(t *testing.T, x *Index) {
	t.Helper()
	for i := range x.buckets.shards {
		if s := x.buckets.shards[i].Load(); s != nil {
			require.Zero(t, s.live, "a bucket is left")
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	for name, l := range forms() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(randomDice{rand.New(rand.NewPCG(3, 3))}, l, 200)
			for range 1000 {
				w.change()
			}
			events := make([]*models.Event, 100)
			for i := range events {
				events[i] = w.event()
			}
			buf := make([]*models.Subscription, 0, 200)
			require.Zero(t, testing.AllocsPerRun(10, func() {
				for _, e := range events {
					buf = w.index.Match(e, buf[:0])
				}
			}))
		})
	}
}

func TestMatchAppends(t *testing.T) {
	t.Parallel()
	first := &models.Subscription{ID: testID('s', 9)}
	for name, l := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newIndex(l)
			s := &models.Subscription{
				ID: testID('s', 1), Enabled: true, Events: []models.Pattern{"a"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
			}
			x.Apply(s)
			require.Equal(t, []*models.Subscription{first, s}, x.Match(&models.Event{Name: "a"}, []*models.Subscription{first}))
		})
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	t.Parallel()
	x := newIndex(tinyLimits())
	for i := range 10 {
		s := models.Subscription{
			ID: testID('s', i), Enabled: true, Events: []models.Pattern{"*"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
		}
		x.Apply(&s)
		dead := s
		dead.DeletedAt = time.Unix(1, 0)
		x.Apply(&dead)
		x.Apply(&dead) // a second notice of the same deletion counts once
	}
	known := 0
	for i := range 10 {
		if s, ok := x.Subscription(testID('s', i)); ok {
			require.False(t, s.DeletedAt.IsZero())
			require.GreaterOrEqual(t, i, 6, "the oldest go first")
			known++
		}
	}
	require.Equal(t, tinyLimits().tombstones, known)
	require.Zero(t, x.Len())
}

package routing

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// scan is how most routers match: every subscription of the organization is tested.
type scan map[tenantKey][]*models.Subscription

func newScan(subs []*models.Subscription) scan {
	s := scan{}
	for _, sub := range subs {
		s[tenantOf(sub)] = append(s[tenantOf(sub)], sub)
	}
	return s
}

func (s scan) match(e *models.Event, buf []*models.Subscription) []*models.Subscription {
	for _, sub := range s[tenantKey{e.OrganizationID, e.Sandbox}] {
		if sub.Matches(e) {
			buf = append(buf, sub)
		}
	}
	return buf
}

// bitmaps is the inverted index that one would write with roaring bitmaps: a set of subscriptions for each value of each
// dimension. Its lists are in the same normal form as ours, so the combinations of values that an event bears are disjoint.
type bitmaps struct {
	subs       []*models.Subscription
	tenants    map[tenantKey]*roaring.Bitmap
	names      map[string]*roaring.Bitmap // "" stands for "*"
	families   map[string]*roaring.Bitmap // "a." stands for "a.*"
	scopes     map[string]*roaring.Bitmap // "" stands for "*"
	workspaces map[models.ID]*roaring.Bitmap
	entities   map[string]*roaring.Bitmap
}

func newBitmaps(subs []*models.Subscription) *bitmaps {
	b := &bitmaps{
		subs: subs, tenants: map[tenantKey]*roaring.Bitmap{}, names: map[string]*roaring.Bitmap{}, families: map[string]*roaring.Bitmap{},
		scopes: map[string]*roaring.Bitmap{}, workspaces: map[models.ID]*roaring.Bitmap{}, entities: map[string]*roaring.Bitmap{},
	}
	var r rules
	for i, s := range subs {
		if s == nil || !r.read(s) {
			continue
		}
		n := uint32(i)
		put(b.tenants, tenantOf(s), n)
		put(b.entities, s.EntityKey, n)
		for _, w := range r.workspaces {
			put(b.workspaces, w, n)
		}
		for _, name := range r.names {
			put(b.names, name, n)
		}
		for _, family := range r.families {
			put(b.families, family, n)
		}
		if r.anyName {
			put(b.names, "", n)
		}
		for _, scope := range r.scopes {
			put(b.scopes, scope, n)
		}
		if r.anyScope {
			put(b.scopes, "", n)
		}
	}
	return b
}

func put[K comparable](sets map[K]*roaring.Bitmap, key K, n uint32) {
	set := sets[key]
	if set == nil {
		set = roaring.New()
		sets[key] = set
	}
	set.Add(n)
}

func (b *bitmaps) match(e *models.Event, buf []*models.Subscription) []*models.Subscription {
	tenant := b.tenants[tenantKey{e.OrganizationID, e.Sandbox}]
	var names, scopes, workspaces, entities [16]*roaring.Bitmap
	n := names[:0]
	if !models.Operational(e.Name) {
		n = among(n, b.names[""])
	}
	if e.Name != "" {
		n = among(n, b.names[e.Name])
	}
	for i := range len(e.Name) - 1 {
		if e.Name[i] == '.' {
			n = among(n, b.families[e.Name[:i+1]])
		}
	}
	s := among(scopes[:0], b.scopes[""])
	if e.Scope != "" {
		s = among(s, b.scopes[e.Scope])
	}
	w := among(workspaces[:0], b.workspaces[models.ID{}])
	if !e.WorkspaceID.IsZero() {
		w = among(w, b.workspaces[e.WorkspaceID])
	}
	k := among(entities[:0], b.entities[""])
	if e.EntityKey != "" {
		k = among(k, b.entities[e.EntityKey])
	}
	if e.EntityParentKey != "" && e.EntityParentKey != e.EntityKey {
		k = among(k, b.entities[e.EntityParentKey])
	}
	if tenant == nil {
		return buf
	}
	for _, workspace := range w {
		for _, entity := range k {
			for _, name := range n {
				for _, scope := range s {
					buf = b.collect([5]*roaring.Bitmap{tenant, workspace, entity, name, scope}, buf)
				}
			}
		}
	}
	return buf
}

func among(sets []*roaring.Bitmap, set *roaring.Bitmap) []*roaring.Bitmap {
	if set == nil {
		return sets
	}
	return append(sets, set)
}

// collect appends what is in all sets. It begins with the smallest and stops as soon as nothing is left.
func (b *bitmaps) collect(sets [5]*roaring.Bitmap, buf []*models.Subscription) []*models.Subscription {
	slices.SortFunc(sets[:], func(x, y *roaring.Bitmap) int { return int(x.GetCardinality()) - int(y.GetCardinality()) })
	both := sets[0]
	for i, set := range sets[1:] {
		if i == 0 {
			both = roaring.And(both, set)
		} else {
			both.And(set)
		}
		if both.IsEmpty() {
			return buf
		}
	}
	for i := both.Iterator(); i.HasNext(); {
		buf = append(buf, b.subs[i.Next()])
	}
	return buf
}

// TestRivalsAgree holds the engines that the benchmarks compare with against the rule: a rival that is wrong proves nothing.
func TestRivalsAgree(t *testing.T) {
	t.Parallel()
	patterns := slices.DeleteFunc(slices.Clone(worldPatterns), func(p models.Pattern) bool {
		return p == "" || p == "a*" || p == "a." // not worth a set of their own
	})
	w := newWorld(randomDice{rand.New(rand.NewPCG(14, 14))}, defaultLimits(), 300)
	for slot := range w.subs {
		w.subs[slot] = w.subscription(slot)
		w.subs[slot].Events = some(w.dice, patterns, 3)
	}
	rivals := map[string]func(*models.Event, []*models.Subscription) []*models.Subscription{
		"scan": newScan(w.subs).match, "bitmaps": newBitmaps(w.subs).match,
	}
	hits := 0
	for range 5_000 {
		e := w.event()
		var want []*models.Subscription
		for _, s := range w.subs {
			if s.Matches(e) {
				want = append(want, s)
			}
		}
		for name, match := range rivals {
			require.Equal(t, ids(want), ids(match(e, nil)), "%s: %+v", name, e)
		}
		hits += len(want)
	}
	require.Positive(t, hits)
}

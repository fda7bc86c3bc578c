package routing

import (
	"slices"

	"hookrouter/models"
)

// bucketKey names a bucket: the subscriptions of one tenant that name this workspace (zero: "*") and this entity key (empty: any).
type bucketKey struct {
	tenant    uint32
	workspace models.ID
	entity    string
}

// Kinds of buckets: which of the two parts of the key is set. The root has neither.
const (
	workspaceKind = 1 << iota
	entityKind
	bucketKinds = 1 << iota
)

func (k bucketKey) kind() int {
	kind := 0
	if !k.workspace.IsZero() {
		kind |= workspaceKind
	}
	if k.entity != "" {
		kind |= entityKind
	}
	return kind
}

// row is a subscription with its mask.
type row struct {
	mask mask
	sub  *models.Subscription
}

func rowSub(r row) *models.Subscription                  { return r.sub }
func refSub(s *models.Subscription) *models.Subscription { return s }

// matches decides name and scope; the bucket has decided the rest.
func (r *row) matches(event mask, e *models.Event) bool {
	return r.mask.meets(event) && (!r.mask.unsure() || agrees(r.sub, e))
}

// agrees decides name and scope where masks can't. It repeats two of the conditions of Subscription.Matches and leaves out the
// others, which have been decided, because the one on workspaces spells out an id for each call.
func agrees(s *models.Subscription, e *models.Event) bool {
	return slices.ContainsFunc(s.Events, func(p models.Pattern) bool { return p.Match(e.Name) }) &&
		slices.ContainsFunc(s.Scopes, func(scope string) bool { return scope == models.Any || e.Scope != "" && scope == e.Scope })
}

// bucket is immutable, but for what cells holds. A small one is a run of rows that a match tests one by one; a large one is cells.
type bucket struct {
	rows  []row
	cells *cells // nil while it is small
}

// newBucket puts the rows of the smaller buckets, which are most of them, beside the header: one cache miss less. The sizes fill
// the allocator's size classes.
func newBucket(rows []row) *bucket {
	switch n := len(rows); {
	case n <= 2:
		return beside(rows, func(in *[2]row) []row { return in[:] })
	case n <= 4:
		return beside(rows, func(in *[4]row) []row { return in[:] })
	case n <= 6:
		return beside(rows, func(in *[6]row) []row { return in[:] })
	case n <= 8:
		return beside(rows, func(in *[8]row) []row { return in[:] })
	case n <= 12:
		return beside(rows, func(in *[12]row) []row { return in[:] })
	case n <= 16:
		return beside(rows, func(in *[16]row) []row { return in[:] })
	case n <= 20:
		return beside(rows, func(in *[20]row) []row { return in[:] })
	}
	return &bucket{rows: rows}
}

// beside is a bucket with an array for its rows in one allocation.
func beside[A any](rows []row, all func(*A) []row) *bucket {
	b := &struct {
		bucket
		in A
	}{}
	b.rows = all(&b.in)[:len(rows):len(rows)]
	copy(b.rows, rows)
	return &b.bucket
}

func (b *bucket) collect(event mask, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	if b.cells != nil {
		return b.cells.collect(event, e, buf)
	}
	for i := range b.rows {
		if b.rows[i].matches(event, e) {
			buf = append(buf, b.rows[i].sub)
		}
	}
	return buf
}

// newCells is a bucket with cells that has these rows.
func (x *Index) newCells(rows []row) *bucket {
	c := &cells{count: len(rows)}
	for i := range rows {
		hash := x.hashID(rows[i].sub.ID)
		c.reserve(x, rows[i], hash)
		var s stage
		c.change(x, &s, nil, &rows[i], hash)
		s.store()
	}
	return &bucket{cells: c}
}

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
	key   bucketKey
	rows  []row
	cells *cells // nil while it is small
}

// newBucket puts the rows of the smallest buckets, which are most of them, beside the header: one cache miss less.
func newBucket(key bucketKey, rows []row) *bucket {
	switch len(rows) {
	case 1:
		b := &struct {
			bucket
			in [1]row
		}{}
		b.key, b.in[0] = key, rows[0]
		b.rows = b.in[:]
		return &b.bucket
	case 2:
		b := &struct {
			bucket
			in [2]row
		}{}
		b.key = key
		b.rows = b.in[:copy(b.in[:], rows)]
		return &b.bucket
	}
	return &bucket{key: key, rows: rows}
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

// split is the same bucket with cells.
func (b *bucket) split(x *Index) *bucket {
	c := &cells{count: len(b.rows)}
	for _, r := range b.rows {
		h := x.hashID(r.sub.ID)
		c.reserve(x, r, h)
		var s stage
		c.change(x, &s, nil, &r, h)
		s.store()
	}
	return &bucket{key: b.key, cells: c}
}

// join is the same bucket without cells.
func (b *bucket) join() *bucket { return newBucket(b.key, b.cells.all()) }

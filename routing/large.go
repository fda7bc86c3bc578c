package routing

import (
	"sync"
	"sync/atomic"

	"hookrouter/models"
)

// tries is how often a reader looks at the version before it takes the lock. Failure policy: a writer that moves subscriptions
// without pause must not starve the readers of its tenant, so they queue with it from then on.
const tries = 3

// large is a tenant with many subscriptions. They lie in buckets by workspace and entity key; a list of workspaces is expanded,
// the other dimensions never are. An event reads at most four buckets, each by its own key, and each subscription that matches
// it lies in exactly one of them. So a subscription that comes or goes does so at once for every event without further ado. Only
// one that moves from one place to another is protected by the version.
type large struct {
	number uint32 // part of the keys of its buckets, never used again after it
	count  int    // subscriptions; the writer's

	root  atomic.Pointer[bucket] // nil while empty: no workspace, no entity key
	kinds [bucketKinds]atomic.Int32
	words atomic.Pointer[dictionary] // only grows

	version atomic.Uint64 // odd while pointers of one move are being stored
	mu      sync.Mutex    // held while the version is odd
}

func (l *large) match(x *Index, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	start := len(buf)
	for range tries {
		version := l.version.Load()
		if version&1 != 0 {
			continue
		}
		buf = l.collect(x, e, buf[:start])
		if l.version.Load() == version {
			return buf
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.collect(x, e, buf[:start])
}

// collect appends what is there now. The dictionary is read after the version, and a move whose words are new stores them before
// it makes the version odd: rows of that move are seen either with their words or not at all.
func (l *large) collect(x *Index, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	var workspace, entity uint64
	if !e.WorkspaceID.IsZero() {
		workspace = x.hashID(e.WorkspaceID)
	}
	if e.EntityKey != "" {
		entity = x.hashText(e.EntityKey)
	}
	var hashes [bucketKinds]uint64 // 0: no such bucket
	for kind := workspaceKind; kind < bucketKinds; kind++ {
		if l.kinds[kind].Load() == 0 ||
			kind&workspaceKind != 0 && e.WorkspaceID.IsZero() ||
			kind&entityKind != 0 && e.EntityKey == "" {
			continue
		}
		parts := [2]uint64{workspace, entity}
		if kind&workspaceKind == 0 {
			parts[0] = 0
		}
		if kind&entityKind == 0 {
			parts[1] = 0
		}
		hashes[kind] = mixBucket(l.number, parts[0], parts[1])
		x.buckets.touch(hashes[kind])
	}
	event := l.words.Load().ofEvent(x.tokens, e)
	if root := l.root.Load(); root != nil {
		buf = root.collect(event, e, buf)
	}
	for kind, hash := range hashes {
		if hash == 0 {
			continue
		}
		k := bucketKey{tenant: l.number}
		if kind&workspaceKind != 0 {
			k.workspace = e.WorkspaceID
		}
		if kind&entityKind != 0 {
			k.entity = e.EntityKey
		}
		if b := x.buckets.get(hash, k); b != nil {
			buf = b.collect(event, e, buf)
		}
	}
	return buf
}

// replace takes was out and puts is in; either may be nil. First room is made, which readers don't notice; then all new content
// is built aside; then it is published by pointer stores alone.
func (l *large) replace(x *Index, was, is *rules) {
	words := *l.words.Load()
	known := words.size()
	var old, next *row
	var hash uint64
	if was != nil {
		old = &row{words.ofRules(x.tokens, was, x.limits), was.sub}
		hash = x.hashID(was.sub.ID)
		l.count--
	}
	if is != nil {
		next = &row{words.ofRules(x.tokens, is, x.limits), is.sub}
		hash = x.hashID(is.sub.ID)
		l.count++
	}
	grew := words.size() > known
	if grew {
		l.words.Store(&words)
	}
	x.places = l.places(x, x.places[:0], was, is)
	for i := range x.places {
		if x.places[i].is {
			l.reserve(x, &x.places[i], next, hash)
		}
	}
	for i := range x.places {
		l.change(x, &x.places[i], old, next, hash)
	}
	if old != nil && next != nil && (grew || x.stage.size() > 1) {
		l.move(&x.stage)
	} else {
		x.stage.store()
	}
	for i := range x.places {
		if x.places[i].was && !x.places[i].is {
			l.tidy(x, &x.places[i])
		}
	}
	clear(x.places) // they hold on to records
}

// move publishes a change of several pointers as one.
func (l *large) move(s *stage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version.Add(1)
	s.store()
	l.version.Add(1)
}

// place is a bucket that a change touches, because the subscription was in it, is in it from now on, or both.
type place struct {
	key     bucketKey
	hash    uint64
	was, is bool
}

// places lists the buckets of was and of is, each once.
func (l *large) places(x *Index, places []place, was, is *rules) []place {
	var none rules
	if was == nil {
		was = &none
	}
	if is == nil {
		is = &none
	}
	add := func(workspace models.ID, r *rules, inOld, inNew bool) {
		k := bucketKey{l.number, workspace, r.sub.EntityKey}
		places = append(places, place{k, x.hashBucket(k), inOld, inNew})
	}
	together := was.sub != nil && is.sub != nil && was.sub.EntityKey == is.sub.EntityKey
	i, j := 0, 0
	for i < len(was.workspaces) || j < len(is.workspaces) {
		order := 0
		switch {
		case i == len(was.workspaces):
			order = 1
		case j == len(is.workspaces) || !together:
			order = -1
		default:
			order = compareIDs(was.workspaces[i], is.workspaces[j])
		}
		switch {
		case order < 0:
			add(was.workspaces[i], was, true, false)
			i++
		case order > 0:
			add(is.workspaces[j], is, false, true)
			j++
		default:
			add(is.workspaces[j], is, true, true)
			i, j = i+1, j+1
		}
	}
	return places
}

// cell is where the bucket of a place is stored, or nil where there is none.
func (l *large) cell(x *Index, p *place) *atomic.Pointer[bucket] {
	if p.key.kind() == 0 {
		return &l.root
	}
	_, cell := x.buckets.find(p.hash, p.key)
	return cell
}

// reserve makes room for a row in a bucket, which it makes where it is missing.
func (l *large) reserve(x *Index, p *place, r *row, hash uint64) {
	cell := l.cell(x, p)
	switch {
	case cell == nil:
		l.kinds[p.key.kind()].Add(1)
		x.buckets.insert(p.hash, &bucket{key: p.key})
		return
	case cell.Load() == nil:
		cell.Store(&bucket{key: p.key})
		return
	}
	b := cell.Load()
	if b.cells == nil {
		if p.was || len(b.rows) < x.limits.bucketRows {
			return
		}
		b = b.split(x)
		cell.Store(b)
	}
	b.cells.reserve(x, *r, hash)
}

// change stages the new content of a bucket.
func (l *large) change(x *Index, p *place, old, next *row, hash uint64) {
	if !p.was {
		old = nil
	}
	if !p.is {
		next = nil
	}
	cell := l.cell(x, p)
	b := cell.Load()
	if b.cells == nil {
		to := newBucket(b.key, replaced(b.rows, old, next, rowSub))
		x.stage.buckets = append(x.stage.buckets, swap[bucket]{cell, to})
		return
	}
	if old == nil {
		b.cells.count++
	}
	if next == nil {
		b.cells.count--
	}
	b.cells.change(x, &x.stage, old, next, hash)
}

// tidy removes a bucket that has become empty, and turns one that has become small into rows again, well below the size at which
// it would turn back.
func (l *large) tidy(x *Index, p *place) {
	cell := l.cell(x, p)
	b := cell.Load()
	if b.cells != nil {
		if b.cells.count > x.limits.bucketRows/4 {
			return
		}
		b = b.join()
		cell.Store(b)
	}
	switch {
	case len(b.rows) > 0:
	case p.key.kind() == 0:
		cell.Store(nil)
	default:
		x.buckets.remove(p.hash, p.key)
		l.kinds[p.key.kind()].Add(-1)
	}
}

// stage is a change that is ready to be published.
type stage struct {
	buckets []swap[bucket]
	refs    []swap[chunk[*models.Subscription]]
	rows    []swap[chunk[row]]
}

func (s *stage) size() int { return len(s.buckets) + len(s.refs) + len(s.rows) }

// store publishes the change and empties the stage. Pointer stores and nothing else: readers of the tenant may be waiting.
func (s *stage) store() {
	storeAll(s.buckets)
	storeAll(s.refs)
	storeAll(s.rows)
	s.buckets, s.refs, s.rows = s.buckets[:0], s.refs[:0], s.rows[:0]
}

func storeAll[T any](swaps []swap[T]) {
	for i := range swaps {
		swaps[i].at.Store(swaps[i].to)
		swaps[i] = swap[T]{}
	}
}

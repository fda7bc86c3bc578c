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
// the other dimensions never are. An event reads at most four buckets, or six where its entity has a parent, each by its own key, and
// each subscription that matches it lies in exactly one of them. So one that comes to a bucket of cells, or leaves it, does so at once for every event without
// further ado. What takes several stores is protected by the version: a change of a slot, and a move from one place to another.
type large struct {
	number uint32 // part of the keys of its buckets, never used again after it
	count  int    // subscriptions; the writer's

	root  slot                       // no workspace, no entity key
	kinds [bucketKinds]atomic.Int32  // buckets in the table
	words atomic.Pointer[dictionary] // only grows

	version atomic.Uint64 // odd while one change is being stored
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
	keys, there := l.keysOf(x, e)
	for kind := workspaceKind; kind < bucketKinds; kind++ {
		if there[kind] {
			x.buckets.touch(keys[kind])
		}
	}
	event := l.words.Load().ofEvent(x.tokens, e)
	buf = l.root.collect(event, e, buf)
	for kind := workspaceKind; kind < bucketKinds; kind++ {
		if !there[kind] {
			continue
		}
		if s := x.buckets.find(keys[kind]); s != nil {
			buf = s.collect(event, e, buf)
		}
	}
	if e.EntityParentKey != "" && e.EntityParentKey != e.EntityKey {
		return l.collectParent(x, event, e, buf)
	}
	return buf
}

// collectParent appends the subscriptions to the entity that the event's own is a part of: two buckets more. A subscription names one
// entity, so those that were found by the event's own key are not among them.
func (l *large) collectParent(x *Index, event mask, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	parent := x.printEntity(e.EntityParentKey)
	if l.kinds[entityKind].Load() > 0 {
		if s := x.buckets.find(printOf(l.number, fingerprint{}, parent)); s != nil {
			buf = s.collect(event, e, buf)
		}
	}
	if l.kinds[workspaceKind|entityKind].Load() > 0 && !e.WorkspaceID.IsZero() {
		if s := x.buckets.find(printOf(l.number, x.printWorkspace(e.WorkspaceID), parent)); s != nil {
			buf = s.collect(event, e, buf)
		}
	}
	return buf
}

// keysOf are the keys of the buckets that an event reads, by kind, and which kinds there are. The root has none.
func (l *large) keysOf(x *Index, e *models.Event) (keys [bucketKinds]fingerprint, there [bucketKinds]bool) {
	both := l.kinds[workspaceKind|entityKind].Load() > 0 && !e.WorkspaceID.IsZero() && e.EntityKey != ""
	there[workspaceKind] = l.kinds[workspaceKind].Load() > 0 && !e.WorkspaceID.IsZero()
	there[entityKind] = l.kinds[entityKind].Load() > 0 && e.EntityKey != ""
	there[workspaceKind|entityKind] = both

	var workspace, entity fingerprint
	if there[workspaceKind] || both {
		workspace = x.printWorkspace(e.WorkspaceID)
		keys[workspaceKind] = printOf(l.number, workspace, fingerprint{})
	}
	if there[entityKind] || both {
		entity = x.printEntity(e.EntityKey)
		keys[entityKind] = printOf(l.number, fingerprint{}, entity)
	}
	if both {
		keys[workspaceKind|entityKind] = printOf(l.number, workspace, entity)
	}
	return keys, there
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
	if len(x.stage.slots) > 0 || old != nil && next != nil && (grew || x.stage.size() > 1) {
		l.publish(&x.stage)
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

// publish stores a change as one.
func (l *large) publish(s *stage) {
	l.open()
	defer l.close()
	s.store()
}

// open begins the window in which readers look away, close ends it. Stores and nothing else in between: readers may be waiting.
func (l *large) open() {
	l.mu.Lock()
	l.version.Add(1)
}

func (l *large) close() {
	l.version.Add(1)
	l.mu.Unlock()
}

// place is a bucket that a change touches, because the subscription was in it, is in it from now on, or both.
type place struct {
	key     fingerprint
	kind    int
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
		places = append(places, place{x.printOf(k), k.kind(), inOld, inNew})
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

// slot is the slot of a place, or nil where there is none.
func (l *large) slot(x *Index, p *place) *slot {
	if p.kind == 0 {
		return &l.root
	}
	return x.buckets.find(p.key)
}

// set changes the form of a bucket, not its content.
func (l *large) set(s *slot, r row, more *bucket) {
	l.open()
	defer l.close()
	s.set(r, more)
}

// reserve makes room for a row in a bucket, which it makes where it is missing.
func (l *large) reserve(x *Index, p *place, r *row, hash uint64) {
	s := l.slot(x, p)
	if s == nil {
		l.kinds[p.kind].Add(1)
		x.buckets.insert(p.key)
		return
	}
	b := s.more.Load()
	if b == nil || b.cells == nil {
		rows := s.rows()
		if p.was || len(rows) == 0 || len(rows) < x.limits.bucketRows {
			return
		}
		b = x.newCells(rows)
		l.set(s, row{}, b)
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
	s := l.slot(x, p)
	if b := s.more.Load(); b != nil && b.cells != nil {
		if old == nil {
			b.cells.count++
		}
		if next == nil {
			b.cells.count--
		}
		b.cells.change(x, &x.stage, old, next, hash)
		return
	}
	r, more := inSlot(replaced(s.rows(), old, next, rowSub))
	x.stage.slots = append(x.stage.slots, slotSwap{s, r, more})
}

// inSlot is what a slot holds for a bucket of these rows.
func inSlot(rows []row) (row, *bucket) {
	switch len(rows) {
	case 0:
		return row{}, nil
	case 1:
		return rows[0], nil
	}
	return row{}, newBucket(rows)
}

// tidy removes a bucket that has become empty, and turns one that has become small into rows again, well below the size at which
// it would turn back.
func (l *large) tidy(x *Index, p *place) {
	s := l.slot(x, p)
	b := s.more.Load()
	if b != nil && b.cells != nil {
		if b.cells.count > x.limits.bucketRows/4 {
			return
		}
		r, more := inSlot(b.cells.all())
		l.set(s, r, more)
	}
	if p.kind == 0 || s.more.Load() != nil || s.sub.Load() != nil {
		return
	}
	l.open()
	defer l.close()
	x.buckets.remove(p.key)
	l.kinds[p.kind].Add(-1)
}

// stage is a change that is ready to be published.
type stage struct {
	slots []slotSwap
	refs  []swap[chunk[*models.Subscription]]
	rows  []swap[chunk[row]]
}

// slotSwap is new content for a slot.
type slotSwap struct {
	at   *slot
	row  row
	more *bucket
}

func (s *stage) size() int { return len(s.slots) + len(s.refs) + len(s.rows) }

// store publishes the change and empties the stage. Pointer stores and nothing else: readers of the tenant may be waiting.
func (s *stage) store() {
	for i := range s.slots {
		s.slots[i].at.set(s.slots[i].row, s.slots[i].more)
		s.slots[i] = slotSwap{}
	}
	storeAll(s.refs)
	storeAll(s.rows)
	s.slots, s.refs, s.rows = s.slots[:0], s.refs[:0], s.rows[:0]
}

func storeAll[T any](swaps []swap[T]) {
	for i := range swaps {
		swaps[i].at.Store(swaps[i].to)
		swaps[i] = swap[T]{}
	}
}

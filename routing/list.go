package routing

import (
	"slices"
	"sync/atomic"

	"hookrouter/models"
)

// maxDepth bounds a directory to a million chunks. Seeded hashes of distinct ids never need as many; with equal hashes a chunk
// outgrows its limit instead.
const maxDepth = 20

// list holds items of any number in chunks, by the hash of their subscription's id: extendible hashing. A change copies one
// chunk, and finds it without reading a single subscription. One writer, readers without lock.
type list[T any] struct {
	dir atomic.Pointer[directory[T]] // nil while nothing was ever added
}

// directory has a chunk for each value of the hash's first depth bits. A chunk of a smaller depth stands in several places side
// by side.
type directory[T any] struct {
	depth  uint8
	chunks []atomic.Pointer[chunk[T]]
}

// chunk is immutable. The array of its items may have room behind them; the chunk that takes its place may use it, as readers of
// this one don't look there. That makes adding cost an allocation of a few bytes and not a copy.
type chunk[T any] struct {
	depth uint8 // all its items agree in so many first bits of their hash
	items []T
}

// each calls yield with each chunk. It is inlined by hand where nanoseconds count.
func (l *list[T]) each(yield func(items []T)) {
	d := l.dir.Load()
	for i := 0; d != nil && i < len(d.chunks); {
		c := d.chunks[i].Load()
		yield(c.items)
		i += 1 << (d.depth - c.depth)
	}
}

func (d *directory[T]) at(hash uint64) *atomic.Pointer[chunk[T]] {
	return &d.chunks[hash>>(64-d.depth)]
}

// reserve makes room for one more item of this hash. It changes no content, so readers need no protection from it.
func (l *list[T]) reserve(hash uint64, limit int, hashOf func(T) uint64) {
	d := l.dir.Load()
	if d == nil {
		d = &directory[T]{chunks: make([]atomic.Pointer[chunk[T]], 1)}
		d.chunks[0].Store(&chunk[T]{})
		l.dir.Store(d)
	}
	for {
		c := d.at(hash).Load()
		if len(c.items) < limit || c.depth == maxDepth {
			return
		}
		if c.depth == d.depth {
			d = d.double()
			l.dir.Store(d)
		}
		d.split(hash, c, hashOf)
	}
}

func (d *directory[T]) double() *directory[T] {
	next := &directory[T]{depth: d.depth + 1, chunks: make([]atomic.Pointer[chunk[T]], 2*len(d.chunks))}
	for i := range next.chunks {
		next.chunks[i].Store(d.chunks[i/2].Load())
	}
	return next
}

// span is every place of the chunk that holds a hash. Readers look at the first one only, then skip the others.
func (d *directory[T]) span(hash uint64) []atomic.Pointer[chunk[T]] {
	c := d.at(hash).Load()
	size := uint64(1) << (d.depth - c.depth)
	first := hash >> (64 - c.depth) * size
	return d.chunks[first : first+size]
}

// split replaces a chunk by two. The places are written from the last to the first: a reader that finds the first new chunk finds
// the second as well, one that finds the old chunk skips both.
func (d *directory[T]) split(hash uint64, c *chunk[T], hashOf func(T) uint64) {
	halves := [2]*chunk[T]{{depth: c.depth + 1}, {depth: c.depth + 1}}
	for _, item := range c.items {
		side := hashOf(item) >> (63 - c.depth) & 1
		halves[side].items = append(halves[side].items, item)
	}
	places := d.span(hash)
	for i := len(places) - 1; i >= 0; i-- {
		places[i].Store(halves[i*2/len(places)])
	}
}

// change stages what takes the place of one chunk: without the item of was, and with the item is. Either may be nil; room for is
// was reserved. What is staged must be stored: two successors of one chunk would use the same room.
func (l *list[T]) change(staged []swap[chunk[T]], hash uint64, was, is *T, sub func(T) *models.Subscription) []swap[chunk[T]] {
	places := l.dir.Load().span(hash)
	old := places[0].Load()
	next := &chunk[T]{depth: old.depth}
	if was == nil && is != nil {
		next.items = append(old.items, *is)
	} else {
		next.items = replaced(old.items, was, is, sub)
	}
	for i := len(places) - 1; i >= 0; i-- {
		staged = append(staged, swap[chunk[T]]{&places[i], next})
	}
	return staged
}

// replaced is a copy of items without the item of was and with is. An item that is replaced keeps its place.
func replaced[T any](items []T, was, is *T, sub func(T) *models.Subscription) []T {
	at := -1
	if was != nil {
		at = slices.IndexFunc(items, func(item T) bool { return sub(item) == sub(*was) })
	}
	switch {
	case at >= 0 && is != nil:
		next := slices.Clone(items)
		next[at] = *is
		return next
	case at >= 0:
		return slices.Concat(items[:at], items[at+1:])
	case is != nil:
		next := make([]T, len(items)+1)
		next[copy(next, items)] = *is
		return next
	}
	return items
}

// swap is one pointer store of a change that is ready to be published.
type swap[T any] struct {
	at *atomic.Pointer[T]
	to *T
}

package routing

import (
	"math/bits"
	"sync/atomic"
)

// The layout of a table. A group is one cache line: eight tag bytes, of which seven are used, and seven pointers. A search
// therefore costs one line for the group and one for what it finds, and rarely looks at a wrong one.
const (
	shardBits  = 8 // 256 shards: growing one moves a 256th of the entries, so no single change waits long
	groupCells = 7

	tagFree = 0 // never used since the shard was built: a search ends here
	tagGone = 1 // used once, empty now: a search goes on
	tagMin  = 2 // the first tag that stands for an entry

	everyTag = 0x0001_0101_0101_0101
)

// table is a hash table from K to *V for one writer and any number of readers, which take no lock. The entry itself knows its
// key, so a table costs 11 to 21 bytes an entry.
//
// A reader sees every entry that was stored before its search began and not removed until it ended. Hashes must come from a
// seeded function, because the keys are chosen by callers.
type table[K, V any] struct {
	hash   func(*V) uint64
	is     func(*V, K) bool
	shards [1 << shardBits]atomic.Pointer[shard[V]]
}

// shard is one part of a table. Its groups are a power of two and always hold at least one free cell.
type shard[V any] struct {
	groups []group[V]
	live   int // entries; the writer's
	used   int // entries and cells they have left; the writer's
}

type group[V any] struct {
	tags  atomic.Uint64
	cells [groupCells]atomic.Pointer[V]
}

// find returns the entry of a key and the cell that holds it, or nil twice. The entry was checked; the cell may hold another
// one by now unless the caller is the writer.
func (t *table[K, V]) find(hash uint64, key K) (*V, *atomic.Pointer[V]) {
	s := t.shards[hash>>(64-shardBits)].Load()
	if s == nil {
		return nil, nil
	}
	mask := uint64(len(s.groups) - 1)
	want := tagOf(hash) * everyTag
	for i := hash >> shardBits & mask; ; i = (i + 1) & mask {
		g := &s.groups[i]
		tags := g.tags.Load()
		for hits := zeroBytes(tags^want, everyTag); hits != 0; hits &= hits - 1 {
			cell := &g.cells[bits.TrailingZeros64(hits)/8]
			if v := cell.Load(); v != nil && t.is(v, key) {
				return v, cell
			}
		}
		if zeroBytes(tags, everyTag) != 0 {
			return nil, nil
		}
	}
}

// get returns the entry of a key, or nil.
func (t *table[K, V]) get(hash uint64, key K) *V {
	v, _ := t.find(hash, key)
	return v
}

// insert stores an entry whose key is not in the table. Writer only. Cells that were found before may be out of use afterwards.
func (t *table[K, V]) insert(hash uint64, v *V) {
	at := &t.shards[hash>>(64-shardBits)]
	s := at.Load()
	if s == nil {
		s = &shard[V]{groups: make([]group[V], 1)}
		at.Store(s)
	}
	if cells := len(s.groups) * groupCells; s.used+1 > cells-len(s.groups) {
		s = t.rebuild(s)
		at.Store(s)
	}
	s.insert(hash, v)
}

// rebuild copies a shard without its abandoned cells, twice as large if it is more than half full.
func (t *table[K, V]) rebuild(old *shard[V]) *shard[V] {
	size := len(old.groups)
	if old.live*2 > size*groupCells {
		size *= 2
	}
	s := &shard[V]{groups: make([]group[V], size)}
	for i := range old.groups {
		for j := range old.groups[i].cells {
			if v := old.groups[i].cells[j].Load(); v != nil {
				s.insert(t.hash(v), v)
			}
		}
	}
	return s
}

func (s *shard[V]) insert(hash uint64, v *V) {
	mask := uint64(len(s.groups) - 1)
	for i := hash >> shardBits & mask; ; i = (i + 1) & mask {
		g := &s.groups[i]
		tags := g.tags.Load()
		for j := range g.cells {
			old := tags >> (8 * j) & 0xff
			if old >= tagMin {
				continue
			}
			g.cells[j].Store(v) // before its tag: whoever sees the tag finds the entry
			g.tags.Store(tags&^(0xff<<(8*j)) | tagOf(hash)<<(8*j))
			s.live++
			if old == tagFree {
				s.used++
			}
			return
		}
	}
}

// remove takes the entry of a key out. Writer only.
func (t *table[K, V]) remove(hash uint64, key K) {
	v, cell := t.find(hash, key)
	if v == nil {
		return
	}
	s := t.shards[hash>>(64-shardBits)].Load()
	mask := uint64(len(s.groups) - 1)
	for i := hash >> shardBits & mask; ; i = (i + 1) & mask {
		g := &s.groups[i]
		for j := range g.cells {
			if &g.cells[j] != cell {
				continue
			}
			tags := g.tags.Load()
			s.live--
			tag := uint64(tagGone)
			if zeroBytes(tags, everyTag) != 0 { // searches end in this group anyway
				tag = tagFree
				s.used--
			}
			g.tags.Store(tags&^(0xff<<(8*j)) | tag<<(8*j))
			cell.Store(nil)
			return
		}
	}
}

// tagOf is the byte of a hash that the groups keep.
func tagOf(hash uint64) uint64 {
	if tag := hash & 0xff; tag >= tagMin {
		return tag
	}
	return hash&0xff + tagMin
}

// zeroBytes has the high bit set of each byte of x that is 0, of the bytes in which every has a 1. Those above the first such may be
// reported wrongly, so a hit is a hint and no hit is certain.
func zeroBytes(x, every uint64) uint64 { return (x - every) &^ x & (every << 7) }

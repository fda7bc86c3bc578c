package routing

import (
	"math/bits"
	"sync/atomic"

	"hookrouter/models"
)

const (
	groupSlots = 8 // the tags of a group are one word
	everySlot  = 0x0101_0101_0101_0101
)

// fingerprint stands for the key of a bucket: 128 bits from two hashes with seeds of their own, which nobody outside knows. Two keys
// with one fingerprint would be taken for one bucket; among a million buckets the odds that any such pair exists are one in 10^26,
// far below those of a memory error. It is what lets a search end where it began, without a look at the text of an entity key.
type fingerprint [2]uint64

// slots is the table of the buckets of all large tenants, by fingerprint: for one writer and any number of readers, which take no
// lock. What a search has to wait for is one cache line. The tags, a byte for each slot, lie apart, so that those of a million
// buckets are a megabyte that stays in the cache; they say which slot it is, or that there is none; and a slot has the only row
// of its bucket in it.
//
// Tags and slots are separate words, and a slot is several. A reader sees the slots of its tenant as they were at one moment only if the
// tenant's version has not changed meanwhile; see large.
type slots struct {
	shards [1 << shardBits]atomic.Pointer[slotShard]
}

// slotShard is one part of the table. Its groups are a power of two and always hold at least one free slot.
type slotShard struct {
	tags  []atomic.Uint64 // by group
	slots []slot
	live  int // buckets; the writer's
	used  int // buckets and slots they have left; the writer's
}

// slot is a bucket of one row, or points to a larger one, or is empty. It is 48 bytes.
type slot struct {
	key  [2]atomic.Uint64
	mask [2]atomic.Uint64
	sub  atomic.Pointer[models.Subscription] // of the only row, or nil
	more atomic.Pointer[bucket]              // of several rows, or nil
}

// find returns the slot of a key, or nil.
func (t *slots) find(key fingerprint) *slot {
	s := t.shards[key[0]>>(64-shardBits)].Load()
	if s == nil {
		return nil
	}
	last := uint64(len(s.tags) - 1)
	want := tagOf(key[0]) * everySlot
	for i := key[0] >> shardBits & last; ; i = (i + 1) & last {
		tags := s.tags[i].Load()
		for hits := zeroBytes(tags^want, everySlot); hits != 0; hits &= hits - 1 {
			at := &s.slots[i*groupSlots+uint64(bits.TrailingZeros64(hits)/8)]
			if at.key[0].Load() == key[0] && at.key[1].Load() == key[1] {
				return at
			}
		}
		if zeroBytes(tags, everySlot) != 0 {
			return nil
		}
	}
}

// touch asks for the memory that a search for a key most likely needs, so that several searches wait for it together instead of
// one after the other.
func (t *slots) touch(key fingerprint) {
	s := t.shards[key[0]>>(64-shardBits)].Load()
	if s == nil {
		return
	}
	i := key[0] >> shardBits & uint64(len(s.tags)-1)
	if hits := zeroBytes(s.tags[i].Load()^tagOf(key[0])*everySlot, everySlot); hits != 0 {
		at := &s.slots[i*groupSlots+uint64(bits.TrailingZeros64(hits)/8)]
		at.key[0].Load()
		at.more.Load() // every other slot lies in two cache lines
	}
}

// insert makes an empty slot for a key that is not in the table. Writer only. Slots that were found before may be out of use
// afterwards.
func (t *slots) insert(key fingerprint) {
	at := &t.shards[key[0]>>(64-shardBits)]
	s := at.Load()
	if s == nil {
		s = newSlotShard(1)
		at.Store(s)
	}
	if s.used+1 > len(s.slots)-len(s.tags) { // 7/8 full
		s = s.rebuild()
		at.Store(s)
	}
	s.insert(key)
}

func newSlotShard(groups int) *slotShard {
	return &slotShard{tags: make([]atomic.Uint64, groups), slots: make([]slot, groups*groupSlots)}
}

// rebuild copies a shard without its abandoned slots, twice as large if it is more than half full.
func (s *slotShard) rebuild() *slotShard {
	groups := len(s.tags)
	if s.live*2 > len(s.slots) {
		groups *= 2
	}
	next := newSlotShard(groups)
	for i := range s.slots {
		if tag := s.tags[i/groupSlots].Load() >> (i % groupSlots * 8) & 0xff; tag >= tagMin {
			old := &s.slots[i]
			next.insert(fingerprint{old.key[0].Load(), old.key[1].Load()}).set(old.row(), old.more.Load())
		}
	}
	return next
}

func (s *slotShard) insert(key fingerprint) *slot {
	last := uint64(len(s.tags) - 1)
	for i := key[0] >> shardBits & last; ; i = (i + 1) & last {
		tags := s.tags[i].Load()
		for j := range uint64(groupSlots) {
			old := tags >> (8 * j) & 0xff
			if old >= tagMin {
				continue
			}
			at := &s.slots[i*groupSlots+j]
			at.key[0].Store(key[0])
			at.key[1].Store(key[1])
			s.tags[i].Store(tags&^(0xff<<(8*j)) | tagOf(key[0])<<(8*j))
			s.live++
			if old == tagFree {
				s.used++
			}
			return at
		}
	}
}

// remove takes a key whose slot is empty out. Writer only. The slot may have another key at once, so this is a change of the
// tenant's slots like any other.
func (t *slots) remove(key fingerprint) {
	s := t.shards[key[0]>>(64-shardBits)].Load()
	at := t.find(key)
	last := uint64(len(s.tags) - 1)
	for i := key[0] >> shardBits & last; ; i = (i + 1) & last {
		for j := range uint64(groupSlots) {
			if &s.slots[i*groupSlots+j] != at {
				continue
			}
			tags := s.tags[i].Load()
			s.live--
			tag := uint64(tagGone)
			if zeroBytes(tags, everySlot) != 0 { // searches end in this group anyway
				tag = tagFree
				s.used--
			}
			s.tags[i].Store(tags&^(0xff<<(8*j)) | tag<<(8*j))
			return
		}
	}
}

// row is the only row of the bucket, if it has a subscription.
func (s *slot) row() row {
	return row{mask{s.mask[0].Load(), s.mask[1].Load()}, s.sub.Load()}
}

// rows are all rows of a bucket without cells. Writer only.
func (s *slot) rows() []row {
	if b := s.more.Load(); b != nil {
		return b.rows
	}
	if r := s.row(); r.sub != nil {
		return []row{r}
	}
	return nil
}

// set makes a row or a larger bucket the content, or nothing. Writer only, and where readers are, in the tenant's window.
func (s *slot) set(r row, more *bucket) {
	s.mask[0].Store(r.mask.lo)
	s.mask[1].Store(r.mask.hi)
	s.sub.Store(r.sub)
	s.more.Store(more)
}

// collect appends what matches of the bucket.
func (s *slot) collect(event mask, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	if b := s.more.Load(); b != nil {
		return b.collect(event, e, buf)
	}
	if r := s.row(); r.sub != nil && r.matches(event, e) {
		buf = append(buf, r.sub)
	}
	return buf
}

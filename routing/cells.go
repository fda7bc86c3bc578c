package routing

import (
	"math/bits"
	"sync/atomic"

	"hookrouter/models"
)

// cells hold a large bucket: a list of subscriptions for each pair of a name bit and a scope bit. In their normal form at most
// one pattern and one scope of a subscription match an event, so a subscription is in at most one of the cells that an event
// reads, and a match is a copy of a few lists.
//
// Subscriptions with more pairs than worth it, and those whose mask is unsure, are rows in rest, which every match tests.
type cells struct {
	count int // subscriptions; the writer's
	names [nameBits]atomic.Pointer[[scopeBits]list[*models.Subscription]]
	rest  list[row]
}

func (c *cells) collect(event mask, e *models.Event, buf []*models.Subscription) []*models.Subscription {
	for names := newBits(event.names()); names.next(); {
		scopes := c.names[names.bit].Load()
		if scopes == nil {
			continue
		}
		for s := newBits(event.scopes()); s.next(); {
			d := scopes[s.bit].dir.Load()
			for i := 0; d != nil && i < len(d.chunks); {
				c := d.chunks[i].Load()
				buf = append(buf, c.items...)
				i += 1 << (d.depth - c.depth)
			}
		}
	}
	d := c.rest.dir.Load()
	for i := 0; d != nil && i < len(d.chunks); {
		c := d.chunks[i].Load()
		for j := range c.items {
			if c.items[j].matches(event, e) {
				buf = append(buf, c.items[j].sub)
			}
		}
		i += 1 << (d.depth - c.depth)
	}
	return buf
}

// wide reports whether a subscription belongs to rest.
func (l limits) wide(m mask) bool {
	lo, hi := m.names()
	scopes, _ := m.scopes()
	return m.unsure() || (bits.OnesCount64(lo)+bits.OnesCount64(hi))*bits.OnesCount64(scopes) > l.pairs
}

// reserve makes room for a row.
func (c *cells) reserve(x *Index, r row, hash uint64) {
	if x.limits.wide(r.mask) {
		c.rest.reserve(hash, x.limits.chunk, func(r row) uint64 { return x.hashID(r.sub.ID) })
		return
	}
	hashOf := func(s *models.Subscription) uint64 { return x.hashID(s.ID) }
	for names := newBits(r.mask.names()); names.next(); {
		scopes := c.names[names.bit].Load()
		if scopes == nil {
			scopes = new([scopeBits]list[*models.Subscription])
			c.names[names.bit].Store(scopes)
		}
		for s := newBits(r.mask.scopes()); s.next(); {
			scopes[s.bit].reserve(hash, x.limits.chunk, hashOf)
		}
	}
}

// change stages the replacement of was by is; either may be nil. Room for is was reserved.
func (c *cells) change(x *Index, st *stage, was, is *row, hash uint64) {
	var old, next mask
	var oldRest, nextRest *row
	if was != nil {
		if old = was.mask; x.limits.wide(old) {
			old, oldRest = mask{}, was
		}
	}
	if is != nil {
		if next = is.mask; x.limits.wide(next) {
			next, nextRest = mask{}, is
		}
	}
	if oldRest != nil || nextRest != nil {
		st.rows = c.rest.change(st.rows, hash, oldRest, nextRest, rowSub)
	}
	for names := newBits(old.or(next).names()); names.next(); {
		scopes := c.names[names.bit].Load()
		for s := newBits(old.or(next).scopes()); s.next(); {
			pair := nameMask(names.bit).or(scopeMask(s.bit))
			var from, to **models.Subscription
			if old.has(pair) {
				from = &was.sub
			}
			if next.has(pair) {
				to = &is.sub
			}
			if from != nil || to != nil {
				st.refs = scopes[s.bit].change(st.refs, hash, from, to, refSub)
			}
		}
	}
}

// all lists every subscription once, with the mask that its cells amount to.
func (c *cells) all() []row {
	rows := make(map[*models.Subscription]mask)
	for name := range c.names {
		scopes := c.names[name].Load()
		if scopes == nil {
			continue
		}
		for scope := range scopes {
			pair := nameMask(name).or(scopeMask(scope))
			scopes[scope].each(func(subs []*models.Subscription) {
				for _, s := range subs {
					rows[s] = rows[s].or(pair)
				}
			})
		}
	}
	c.rest.each(func(rest []row) {
		for _, r := range rest {
			rows[r.sub] = r.mask
		}
	})
	all := make([]row, 0, len(rows))
	for s, m := range rows {
		all = append(all, row{m, s})
	}
	return all
}

// names are the name bits without the scopes.
func (m mask) names() (lo, hi uint64) { return m.lo, m.hi & (1<<32 - 1) }

// scopes are the scope bits, from bit 0.
func (m mask) scopes() (lo, hi uint64) { return m.hi >> 32, 0 }

func (m mask) has(n mask) bool { return m.lo&n.lo == n.lo && m.hi&n.hi == n.hi }

// bitSet walks over the bits of two words.
type bitSet struct {
	lo, hi uint64
	bit    int
}

func newBits(lo, hi uint64) bitSet { return bitSet{lo: lo, hi: hi} }

func (b *bitSet) next() bool {
	switch {
	case b.lo != 0:
		b.bit = bits.TrailingZeros64(b.lo)
		b.lo &= b.lo - 1
	case b.hi != 0:
		b.bit = 64 + bits.TrailingZeros64(b.hi)
		b.hi &= b.hi - 1
	default:
		return false
	}
	return true
}

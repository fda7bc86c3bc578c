package routing

import (
	"hash/maphash"
	"slices"
	"strings"

	"hookrouter/models"
)

// tokenKind tells apart texts that may be spelled alike.
type tokenKind uint8

const (
	nameToken   tokenKind = iota // an exact event name
	familyToken                  // "signer." for the pattern "signer.*"
	scopeToken
)

// token is a text that some subscription names, with a number that is shorter to compare.
type token struct {
	tokenKey
	number uint32
}

type tokenKey struct {
	kind tokenKind
	text string
}

// tokens numbers the texts of all tenants, so that an event's name is looked up once in a table that stays in the cache, and a
// tenant's dictionary is a few numbers. Tokens are never taken out: they are at most the distinct names and scopes that
// subscriptions have used since the process started.
type tokens struct {
	seed  maphash.Seed
	table table[tokenKey, token]
	count uint32
}

func newTokens(seed maphash.Seed) *tokens {
	t := &tokens{seed: seed}
	t.table.hash = func(v *token) uint64 { return t.hash(v.tokenKey) }
	t.table.is = func(v *token, k tokenKey) bool { return v.tokenKey == k }
	return t
}

func (t *tokens) hash(k tokenKey) uint64 {
	return mix(maphash.String(t.seed, k.text), uint64(k.kind))
}

// number is the number of a text, or 0 where no subscription has named it.
func (t *tokens) number(kind tokenKind, text string) uint32 {
	k := tokenKey{kind, text}
	if v := t.table.get(t.hash(k), k); v != nil {
		return v.number
	}
	return 0
}

// admit is the number of a text, a new one where it has none. Writer only.
func (t *tokens) admit(kind tokenKind, text string) uint32 {
	if n := t.number(kind, text); n != 0 {
		return n
	}
	t.count++
	k := tokenKey{kind, strings.Clone(text)} // a clone, so that the token does not keep a whole record alive
	t.table.insert(t.hash(k), &token{k, t.count})
	return t.count
}

// mask says which event names and scopes a subscription takes, or which of a tenant's tokens an event bears. The low word and the
// low half of the high word are for names and families, the high half of the high word for scopes. 96 bits hold the built-in
// catalogue with its families; what does not fit goes by the unsure bits.
type mask struct{ lo, hi uint64 }

const (
	nameBits  = 96
	scopeBits = 32

	anyBit    = 0 // the wildcard: every event bears it
	unsureBit = 1 // ask the subscription itself: every event bears it
	firstBit  = 2 // the first token of a dictionary

	maxNames  = nameBits - firstBit
	maxScopes = scopeBits - firstBit
)

func nameMask(bit int) mask {
	if bit < 64 {
		return mask{lo: 1 << bit}
	}
	return mask{hi: 1 << (bit - 64)}
}

func scopeMask(bit int) mask { return mask{hi: 1 << (32 + bit)} }

func (m mask) or(n mask) mask { return mask{m.lo | n.lo, m.hi | n.hi} }

// meets reports whether a subscription's mask has a name and a scope in common with an event's.
func (m mask) meets(event mask) bool {
	both := m.hi & event.hi
	return m.lo&event.lo|uint64(uint32(both)) != 0 && both>>32 != 0
}

// unsure reports whether meeting is not enough and the subscription itself must be asked.
func (m mask) unsure() bool {
	return m.lo&(1<<unsureBit) != 0 || m.hi&(1<<(32+unsureBit)) != 0
}

// dictionary gives one tenant's tokens their bits: the bit of a token is its place, plus firstBit. It is immutable; it grows by
// a copy whose earlier bits stay, so masks made with an older dictionary stay right.
type dictionary struct {
	names  []uint32 // numbers of names and families
	scopes []uint32
}

// ofEvent is the mask of the tokens that an event bears. It must be computed after the rows it is held against were read: those
// rows may bear tokens that the dictionary had not had a moment before.
func (d *dictionary) ofEvent(t *tokens, e *models.Event) mask {
	m := mask{lo: 1<<anyBit | 1<<unsureBit, hi: (1<<anyBit | 1<<unsureBit) << 32}
	if models.Operational(e.Name) {
		m.lo = 1 << unsureBit // who subscribed to everything did not ask for events about the router itself
	}
	if len(d.names) > 0 {
		m = d.name(m, t.number(nameToken, e.Name))
		for i := range len(e.Name) - 1 {
			if e.Name[i] == '.' {
				m = d.name(m, t.number(familyToken, e.Name[:i+1]))
			}
		}
	}
	if len(d.scopes) > 0 && e.Scope != "" {
		if number := t.number(scopeToken, e.Scope); number != 0 {
			if at := slices.Index(d.scopes, number); at >= 0 {
				m = m.or(scopeMask(firstBit + at))
			}
		}
	}
	return m
}

func (d *dictionary) name(m mask, number uint32) mask {
	if number == 0 {
		return m
	}
	if at := slices.Index(d.names, number); at >= 0 {
		return m.or(nameMask(firstBit + at))
	}
	return m
}

// ofRules is the mask of a subscription. It gives tokens that are new to the tenant a bit while there are any: d grows in place,
// which is for the one who made it. The same rules and a grown dictionary give the same mask again, because a full one stays
// full.
func (d *dictionary) ofRules(t *tokens, r *rules, l limits) mask {
	m := d.eventsOf(t, r, l)
	switch {
	case r.anyScope:
		return m.or(scopeMask(anyBit))
	default:
		for _, s := range r.scopes {
			at := admit(&d.scopes, t.admit(scopeToken, s), l.scopes)
			if at < 0 {
				m.hi &= 1<<32 - 1
				return m.or(scopeMask(unsureBit))
			}
			m = m.or(scopeMask(firstBit + at))
		}
		return m
	}
}

func (d *dictionary) eventsOf(t *tokens, r *rules, l limits) mask {
	switch {
	case r.anyName:
		return nameMask(anyBit)
	case r.odd:
		return nameMask(unsureBit)
	}
	var m mask
	for _, list := range [...]struct {
		kind  tokenKind
		texts []string
	}{{familyToken, r.families}, {nameToken, r.names}} {
		for _, text := range list.texts {
			at := admit(&d.names, t.admit(list.kind, text), l.names)
			if at < 0 {
				return nameMask(unsureBit)
			}
			m = m.or(nameMask(firstBit + at))
		}
	}
	return m
}

// admit is the place of a number in a list, appended where it is missing, or -1 where the list is full.
func admit(list *[]uint32, number uint32, limit int) int {
	if at := slices.Index(*list, number); at >= 0 {
		return at
	}
	if len(*list) >= limit {
		return -1
	}
	*list = append(*list, number)
	return len(*list) - 1
}

// size counts the tokens, to tell whether a dictionary has grown.
func (d *dictionary) size() int { return len(d.names) + len(d.scopes) }

package routing

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"hookrouter/models"
)

// dice is where a generated world gets its choices from: a random source, or the input of a fuzzer.
type dice interface {
	// below returns a number from 0 to n-1.
	below(n int) int
}

type randomDice struct{ *rand.Rand }

func (d randomDice) below(n int) int { return d.IntN(n) }

// byteDice reads its choices from a fuzzer's input and ends with it.
type byteDice struct{ rest []byte }

func (d *byteDice) below(n int) int {
	if len(d.rest) == 0 {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return int(b) % n
}

// testID is a distinct id for each number and kind.
func testID(kind byte, n int) models.ID {
	id := models.ID{0: kind, 6: 0x70, 8: 0x80}
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

// The alphabets are small, so that matches, near misses and every kind of nesting are frequent.
var (
	worldPatterns = []models.Pattern{
		"*", "a.*", "a.b.*", "a.b.c.*", "b.*", "a", "b", "a.b", "a.b.c", "a.bc", "b.c", "signer.done", "signer.*", "", "a.", ".*", "a*",
		"hookrouter.*", "hookrouter.endpoint_failing",
	}
	worldNames      = []string{"a", "b", "a.b", "a.b.c", "a.b.c.d", "a.bc", "b.c", "signer.done", "signer.x", "c", "", "a.", ".a", "ab", "hookrouter.endpoint_failing", "hookrouter.x"}
	worldScopes     = []string{"*", "s", "t", "u", ""}
	worldWorkspaces = []string{
		"*", testID('w', 1).String(), testID('w', 2).String(), testID('w', 3).String(), "0000000A-0000-7000-8000-00000000000A",
		models.ID{}.String(), "",
	}
	worldEntities = []string{"", "", "", "x", "y"}
)

// world is an index and the list of records that it is held against.
type world struct {
	dice  dice
	index *Index
	subs  []*models.Subscription // by slot; nil where none was made
	buf   []*models.Subscription
	round int
	seen  []int // by slot: the round in which it was last found
}

func newWorld(d dice, l limits, slots int) *world {
	return &world{dice: d, index: newIndex(l), subs: make([]*models.Subscription, slots), seen: make([]int, slots)}
}

// tinyLimits take few subscriptions through every form that the index has.
func tinyLimits() limits {
	return limits{
		flatRows: 2, flatWorkspaces: 4, bucketRows: 3, chunk: 2, pairs: 3, names: 5, scopes: 2, tombstones: 4,
	}
}

func some[T any](d dice, from []T, most int) []T {
	list := make([]T, 0, most)
	for range 1 + d.below(most) {
		list = append(list, from[d.below(len(from))])
	}
	return list
}

func (w *world) subscription(slot int) *models.Subscription {
	s := &models.Subscription{
		ID:             testID('s', slot),
		OrganizationID: testID('o', w.dice.below(4)/3),
		Enabled:        w.dice.below(8) != 0,
		Sandbox:        w.dice.below(4) == 0,
		Events:         some(w.dice, worldPatterns, 3),
		Scopes:         some(w.dice, worldScopes, 2),
		Workspaces:     some(w.dice, worldWorkspaces, 3),
		EntityKey:      worldEntities[w.dice.below(len(worldEntities))],
	}
	if w.dice.below(3) == 0 { // as most are in practice
		s.Workspaces = []string{models.Any}
	}
	return s
}

func (w *world) event() *models.Event {
	e := &models.Event{
		OrganizationID: testID('o', w.dice.below(4)/3),
		Sandbox:        w.dice.below(4) == 0,
		Name:           worldNames[w.dice.below(len(worldNames))],
		EntityKey:      worldEntities[w.dice.below(len(worldEntities))],
	}
	if at := w.dice.below(len(worldEntities) + 4); at < len(worldEntities) { // also without a key of its own, and the same one
		e.EntityParentKey = worldEntities[at]
	}
	if at := w.dice.below(len(worldScopes)); at > 0 {
		e.Scope = worldScopes[at]
	}
	if at := w.dice.below(6); at < 5 {
		e.WorkspaceID = testID('w', at)
	}
	return e
}

// change adds, updates or deletes one subscription.
func (w *world) change() {
	slot := w.dice.below(len(w.subs))
	old := w.subs[slot]
	s := w.subscription(slot)
	if old != nil {
		s.Version = old.Version + 1
		s.OrganizationID = old.OrganizationID
		switch w.dice.below(4) {
		case 0:
			deleted := *old
			s = &deleted
			s.DeletedAt = time.Unix(1, 0)
		case 1: // one field at a time moves it less far
			changed := *old
			changed.DeletedAt = time.Time{}
			changed.EntityKey = s.EntityKey
			s = &changed
		case 2:
			changed := *old
			changed.DeletedAt = time.Time{}
			changed.Events = s.Events
			s = &changed
		}
	}
	w.subs[slot] = s
	w.index.Apply(s)
}

// compare matches an event by the index and by a scan of all records, and describes the first difference.
func (w *world) compare(e *models.Event) string {
	w.round++
	w.buf = w.index.Match(e, w.buf[:0])
	for _, s := range w.buf {
		slot := int(binary.BigEndian.Uint32(s.ID[12:]))
		switch {
		case w.subs[slot] != s:
			return "an old record: " + s.ID.String()
		case w.seen[slot] == w.round:
			return "twice: " + s.ID.String()
		}
		w.seen[slot] = w.round
	}
	for slot, s := range w.subs {
		if s == nil {
			continue
		}
		if found := w.seen[slot] == w.round; found != s.Matches(e) {
			if found {
				return "found though it does not match: " + s.ID.String()
			}
			return "matches but was not found: " + s.ID.String()
		}
	}
	return ""
}

func ids(subs []*models.Subscription) []models.ID {
	list := make([]models.ID, 0, len(subs))
	for _, s := range subs {
		list = append(list, s.ID)
	}
	slices.SortFunc(list, compareIDs)
	return list
}

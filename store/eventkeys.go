package store

import (
	"bytes"
	"context"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Kinds of event keys.
const (
	kindChosen  = "id"          // the producer chose the event's id
	kindHeader  = "key"         // the producer sent an Idempotency-Key
	kindSandbox = "sandbox_key" // the same for a sandbox event: tests must not use up keys of production
)

// eventKey makes publishing again a duplicate. It is unique within its organization.
type eventKey struct {
	org         models.ID
	kind        string
	key         string // bytes
	ref         models.ID
	chosen      models.ID // the id again, where kind is kindChosen
	fingerprint [16]byte
	createdAt   int64

	// name and sandbox are the event's. An event of the same fingerprint has the same.
	name    string
	sandbox bool
}

// identity is what two keys that collide have in common.
type identity struct {
	org       models.ID
	kind, key string
}

func (k *eventKey) identity() identity { return identity{k.org, k.kind, k.key} }

// foundKey is the row of a key, with the receipt of its event as far as that still exists.
type foundKey struct {
	OrganizationID uid
	Kind           string
	Key            []byte
	EventRef       uid
	Fingerprint    []byte
	CreatedAt      int64
	ID             uid // of the event; zero where retention has removed it
	Name           string
	Sandbox        bool
	Matched        int
	AcceptedAt     int64
}

// claim is one item of a batch with the keys that it needs to be new.
type claim struct {
	item int
	keys []eventKey
}

func claimsOf(batch []*models.Accepted, todo []int) []claim {
	var claims []claim
	for _, i := range todo {
		e := &batch[i].Event
		base := eventKey{org: e.OrganizationID, ref: e.Ref, fingerprint: e.Fingerprint, createdAt: ms(e.AcceptedAt), name: e.Name, sandbox: e.Sandbox}
		var keys []eventKey
		if e.Chosen {
			k := base
			k.kind, k.key, k.chosen = kindChosen, string(e.ID[:]), e.ID
			keys = append(keys, k)
		}
		if e.IdempotencyKey != "" {
			k := base
			k.kind, k.key = kindHeader, e.IdempotencyKey
			if e.Sandbox {
				k.kind = kindSandbox
			}
			keys = append(keys, k)
		}
		if keys != nil {
			claims = append(claims, claim{item: i, keys: keys})
		}
	}
	return claims
}

// loss is why an item is not stored: a key of it belongs to an event of the past or to an earlier item of the batch.
type loss struct {
	err     error
	receipt models.Receipt
	inBatch bool
	first   int // the earlier item, where inBatch
}

func (l loss) outcome(batch []*models.Accepted) models.Outcome {
	if l.err != nil {
		return models.Outcome{Err: l.err}
	}
	r := l.receipt
	if l.inBatch {
		r = receiptOf(&batch[l.first].Event)
	}
	r.Duplicate = true
	return models.Outcome{Receipt: r}
}

// takeKeys takes the keys of a batch's claims and returns the items that lost, with why. It goes in rounds, because an item is
// judged only when those before it that share a key with it have won or lost: an item that loses takes nothing. Nearly always
// there is one round of one statement.
func (s *Store) takeKeys(ctx context.Context, db gorm.ConnPool, batch []*models.Accepted, claims []claim) (map[int]loss, error) {
	lost := map[int]loss{}
	won := map[identity]int{}
	for len(claims) > 0 {
		var round, later []claim
		seen := map[identity]bool{}
		for _, c := range claims {
			if l, ok := lostWithin(batch, won, c); ok {
				lost[c.item] = l
				continue
			}
			if c.meets(seen) {
				later = append(later, c)
			} else {
				round = append(round, c)
			}
			for i := range c.keys {
				seen[c.keys[i].identity()] = true
			}
		}
		if err := s.takeRound(ctx, db, round, lost); err != nil {
			return nil, err
		}
		for _, c := range round {
			if _, ok := lost[c.item]; ok {
				continue
			}
			for i := range c.keys {
				won[c.keys[i].identity()] = c.item
			}
		}
		claims = later
	}
	return lost, nil
}

func (c claim) meets(seen map[identity]bool) bool {
	for i := range c.keys {
		if seen[c.keys[i].identity()] {
			return true
		}
	}
	return false
}

// lostWithin reports whether an earlier item of the batch has a key of this one.
func lostWithin(batch []*models.Accepted, won map[identity]int, c claim) (loss, bool) {
	l, ok := loss{}, false
	for i := range c.keys {
		k := &c.keys[i]
		first, taken := won[k.identity()]
		if !taken {
			continue
		}
		if batch[first].Event.Fingerprint != k.fingerprint {
			return loss{err: conflictOf(k.kind)}, true
		}
		if !ok {
			l, ok = loss{inBatch: true, first: first}, true
		}
	}
	return l, ok
}

func conflictOf(kind string) error {
	field, message := "event_id", "Another event was published with this event_id before."
	if kind != kindChosen {
		field, message = "Idempotency-Key", "Another event was published with this Idempotency-Key before."
	}
	return &models.Error{
		Code: models.CodeConflict, Message: message, Fields: []models.FieldError{{Name: field, Reason: "It belongs to an event with other content."}},
	}
}

// takeRound takes keys that do not meet one another. What an item that lost did get is given back.
func (s *Store) takeRound(ctx context.Context, db gorm.ConnPool, round []claim, lost map[int]loss) error {
	var keys []eventKey
	for _, c := range round {
		keys = append(keys, c.keys...)
	}
	if len(keys) == 0 {
		return nil
	}
	taken, err := s.dialect.takeKeys(ctx, db, keys)
	if err != nil || taken == int64(len(keys)) {
		return err
	}
	rows, err := s.dialect.findKeys(ctx, db, keys)
	if err != nil {
		return err
	}
	found := make(map[identity]*foundKey, len(rows))
	for i := range rows {
		found[identity{models.ID(rows[i].OrganizationID), rows[i].Kind, string(rows[i].Key)}] = &rows[i]
	}
	var giveBack []eventKey
	for _, c := range round {
		l, ok := lostBefore(found, c)
		if !ok {
			continue
		}
		lost[c.item] = l
		for i := range c.keys {
			if row := found[c.keys[i].identity()]; row != nil && models.ID(row.EventRef) == c.keys[i].ref {
				giveBack = append(giveBack, c.keys[i])
			}
		}
	}
	return s.giveKeysBack(ctx, db, giveBack)
}

// lostBefore reports whether a key of this item belongs to an event of the past.
func lostBefore(found map[identity]*foundKey, c claim) (loss, bool) {
	l, ok := loss{}, false
	for i := range c.keys {
		k := &c.keys[i]
		row := found[k.identity()]
		switch {
		case row == nil: // refused, though no key row has it: the chosen id is one that we gave to an event ourselves
			return loss{err: conflictOf(k.kind)}, true
		case models.ID(row.EventRef) == k.ref:
			continue
		case !bytes.Equal(row.Fingerprint, k.fingerprint[:]):
			return loss{err: conflictOf(k.kind)}, true
		case !ok:
			l, ok = loss{receipt: row.receipt(k)}, true
		}
	}
	return l, ok
}

// receipt is that of the first event. Where retention has removed it, how many it matched is not known any more.
func (f *foundKey) receipt(again *eventKey) models.Receipt {
	r := models.Receipt{
		EventID: models.ID(f.ID), EventName: f.Name, Sandbox: f.Sandbox, Matched: f.Matched, CreatedAt: instant(f.AcceptedAt),
	}
	if f.ID == (uid{}) {
		r.CreatedAt, r.EventID, r.EventName, r.Sandbox = instant(f.CreatedAt), models.ID(f.EventRef), again.name, again.sandbox
		if f.Kind == kindChosen {
			copy(r.EventID[:], f.Key)
		}
	}
	return r
}

func (s *Store) giveKeysBack(ctx context.Context, db gorm.ConnPool, keys []eventKey) error {
	for i := range keys {
		k := &keys[i]
		query := "DELETE FROM event_keys WHERE organization_id = $1 AND kind = $2 AND key = $3"
		if _, err := db.ExecContext(ctx, query, uid(k.org), k.kind, []byte(k.key)); err != nil {
			return err
		}
	}
	return nil
}

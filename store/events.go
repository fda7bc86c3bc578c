package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"hookrouter/models"
)

// SaveEvents accepts a batch: one transaction stores the events with their deliveries, which are stored as given. It returns one
// outcome per item, in order.
//
// revision is that of the rules the deliveries were made by. Where the database's is higher, nothing is stored and the error has the
// code stale. Where a delivery was handed to an instance that was declared dead since, nothing is stored and the code is fenced. The check and the insert are one transaction, but a rule may change between the check and the commit; then the
// event counts as accepted before the change, which is true: both were being answered at the same time.
//
// An item whose PublishedBy is revoked gets the code unauthorized and is not stored. An item whose chosen id or Idempotency-Key was
// seen before in its organization is a duplicate: with the same fingerprint it gets the receipt of the first, with another the code
// conflict. Neither stops the other items.
//
// An error of the code unavailable may have come after the commit: who gets it does not know whether the batch is stored. Saving the
// same events again, with the same refs, is safe: what was stored is answered as such.
func (s *Store) SaveEvents(ctx context.Context, revision int64, batch []*models.Accepted) ([]models.Outcome, error) {
	outcomes := make([]models.Outcome, len(batch))
	todo := make([]int, len(batch))
	for i := range batch {
		todo[i] = i
	}
	for {
		gate := gateOf(revision, batch, todo)
		err := s.saveAll(ctx, gate, batch, todo, outcomes)
		if err == nil {
			return outcomes, nil
		}
		if isDuplicate(err) {
			left, err2 := s.setSaved(ctx, batch, todo, outcomes)
			if err2 != nil || len(left) == len(todo) {
				return nil, wrap("save events", errors.Join(err, err2))
			}
			todo = left
			continue
		}
		if !errors.Is(err, errRefused) {
			s.lost.note(batch, todo) // it may be stored all the same
			return nil, wrap("save events", err)
		}
		revoked, err := s.whyRefused(ctx, gate)
		if err != nil {
			return nil, wrap("save events", err)
		}
		// What is revoked stays so, and the rest is tried again; each round has fewer keys.
		kept := todo[:0:0]
		for _, i := range todo {
			if revoked[batch[i].Event.PublishedBy] {
				outcomes[i] = models.Outcome{Err: models.Errorf(models.CodeUnauthorized, "The API key was revoked.")}
				continue
			}
			kept = append(kept, i)
		}
		todo = kept
	}
}

// errRefused rolls a save back whose gate is closed.
var errRefused = errors.New("refused")

// gate is what must hold in the transaction that accepts a batch: the rules are not ahead of the revision that it was matched by, none
// of its publishers' keys is revoked, the instances that its deliveries were handed to live, and none of it lies below the queue's floor,
// where nobody would find it again.
type gate struct {
	revision   int64
	publishers []models.ID
	owners     []int64
	oldest     models.ID // the smallest ref
}

func gateOf(revision int64, batch []*models.Accepted, todo []int) *gate {
	g := &gate{revision: revision}
	for _, i := range todo {
		if ref := batch[i].Event.Ref; g.oldest.IsZero() || ref.Compare(g.oldest) < 0 {
			g.oldest = ref
		}
		if id := batch[i].Event.PublishedBy; !id.IsZero() && !slices.Contains(g.publishers, id) {
			g.publishers = append(g.publishers, id)
		}
		for j := range batch[i].Deliveries {
			if o := batch[i].Deliveries[j].Owner; o != 0 && !slices.Contains(g.owners, o) {
				g.owners = append(g.owners, o)
			}
		}
	}
	return g
}

// saveAll stores the items of todo and sets their outcomes, or returns errRefused and stores nothing.
func (s *Store) saveAll(
	ctx context.Context, gate *gate, batch []*models.Accepted, todo []int, outcomes []models.Outcome,
) error {
	if len(todo) == 0 {
		return nil
	}
	claims := claimsOf(batch, todo)
	save := func(db gorm.ConnPool, fresh []int) error {
		items := make([]*models.Accepted, len(fresh))
		for n, i := range fresh {
			items[n] = batch[i]
		}
		saved, err := s.dialect.saveEvents(ctx, db, gate, items)
		if err != nil {
			return err
		}
		if !saved {
			return errRefused
		}
		for _, i := range fresh {
			outcomes[i] = models.Outcome{Receipt: receiptOf(&batch[i].Event)}
		}
		return nil
	}
	if len(claims) == 0 && s.dialect.saveIsOneStatement() {
		return save(s.accept.Statement.ConnPool, todo)
	}
	return s.accept.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		db := tx.Statement.ConnPool
		if len(claims) == 0 {
			return save(db, todo)
		}
		lost, err := s.takeKeys(ctx, db, batch, claims)
		if err != nil {
			return err
		}
		fresh := make([]int, 0, len(todo))
		for _, i := range todo {
			if _, ok := lost[i]; !ok {
				fresh = append(fresh, i)
			}
		}
		if err := save(db, fresh); err != nil {
			return err
		}
		for i, l := range lost {
			outcomes[i] = l.outcome(batch)
		}
		return nil
	})
}

func receiptOf(e *models.Event) models.Receipt {
	return models.Receipt{
		EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox, Matched: e.Matched, CreatedAt: instant(ms(e.AcceptedAt)),
	}
}

// whyRefused finds what closed the gate: the code stale, fenced or unavailable, or the keys that are revoked. None can have been undone
// since.
func (s *Store) whyRefused(ctx context.Context, g *gate) (map[models.ID]bool, error) {
	var now int64
	if err := s.writer(ctx).Raw("SELECT value FROM revisions WHERE id = 1").Scan(&now).Error; err != nil {
		return nil, err
	}
	if now > g.revision {
		return nil, models.Errorf(models.CodeStale, "The rules are at revision %d, the caller is at %d.", now, g.revision)
	}
	if len(g.owners) > 0 {
		var alive int
		err := s.writer(ctx).Raw("SELECT count(*) FROM instances WHERE NOT dead AND id IN ?", g.owners).Scan(&alive).Error
		if err != nil {
			return nil, err
		}
		if alive < len(g.owners) {
			return nil, models.Errorf(models.CodeFenced, "The instance that the deliveries were handed to was declared dead.")
		}
	}
	var floor uid
	if err := s.writer(ctx).Raw("SELECT floor FROM queue_floor WHERE id = 1").Row().Scan(&floor); err != nil {
		return nil, err
	}
	if g.oldest.Compare(models.ID(floor)) < 0 {
		return nil, models.Errorf(models.CodeUnavailable, "The clock of this instance is more than a day behind that of the database.")
	}
	var ids []uid
	condition := s.dialect.idIn("id", g.publishers)
	err := s.writer(ctx).Model(&keyRow{}).Where("revoked_at <> 0").Where(condition).Pluck("id", &ids).Error
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("the database refused a batch at revision %d for no reason", now)
	}
	revoked := make(map[models.ID]bool, len(ids))
	for _, id := range ids {
		revoked[models.ID(id)] = true
	}
	return revoked, nil
}

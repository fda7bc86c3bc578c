package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Payloads are emptied in passes: one pass takes a range of time, first its events, then its attempts, by their keys. Where it stands
// is a row in the database, written with each step, so that no start goes through what was done. What live deliveries need at the
// beginning of a pass is noted as debts, which the pass goes around; they are settled when their delivery has ended. A delivery that
// is made or made live again later than that must see to it itself that its event still has its data, and note a debt.

// The steps of a pass.
const (
	stepEvents = iota
	stepAttempts
	stepsOfPass
)

// payloadProgress is the one row that says where the passes stand. Instants are epoch milliseconds.
type payloadProgress struct {
	ID int
	// EmptiedBefore: all that is older has been emptied, but for the debts.
	EmptiedBefore int64
	// EmptyingBefore is where the pass under way ends, 0 where there is none. Step, OrganizationID and Key are where it goes on.
	EmptyingBefore int64
	Step           int
	OrganizationID uid
	Key            uid
	// DroppingBefore: events that are older are removed unless something live needs them.
	DroppingBefore int64
}

func (payloadProgress) TableName() string { return "payload_progress" }

// payloadTable is what a step empties.
type payloadTable struct{ table, key, set, full, debt string }

func payloadTables() [stepsOfPass]payloadTable {
	return [...]payloadTable{
		stepEvents: {"events", "ref", "data = ''", "t.data <> ''", "event_ref"},
		stepAttempts: {
			"attempts", "delivery_id", "request_headers = NULL, response_headers = NULL, response_body = NULL",
			"(t.request_headers IS NOT NULL OR t.response_headers IS NOT NULL OR t.response_body IS NOT NULL)", "delivery_id",
		},
	}
}

// payloads empties what was accepted before an instant.
func (e *expiry) payloads(ctx context.Context, before time.Time) error {
	if before.IsZero() {
		return nil
	}
	for more := true; more; {
		err := e.step(ctx, func(tx *gorm.DB, size int) error {
			var err error
			more, err = e.empty(tx, ms(before), size)
			return err
		})
		if err != nil {
			return err
		}
	}
	return e.settle(ctx)
}

// empty does the next part of a pass, of up to size keys, and reports whether there is more to do.
func (e *expiry) empty(tx *gorm.DB, before int64, size int) (more bool, err error) {
	p, err := lockPasses(tx, e.s.dialect)
	if err != nil {
		return false, err
	}
	if p.EmptyingBefore == 0 {
		if p.EmptiedBefore >= before {
			return false, nil
		}
		return true, e.begin(tx, p, before)
	}
	low, high := models.FloorID(time.UnixMilli(p.EmptiedBefore)), models.FloorID(time.UnixMilli(p.EmptyingBefore))
	t := payloadTables()[p.Step]
	org, from := models.ID(p.OrganizationID), models.ID(p.Key)
	keys, err := t.keys(tx, e.s.dialect, org, from, high, size)
	if err != nil {
		return false, err
	}
	if len(keys) == 0 {
		next, found, err := e.s.nextOrganization(tx, t.table, t.key, successor(org), low, high)
		if err != nil {
			return false, err
		}
		p.OrganizationID, p.Key = uid(next), uid(low)
		if !found {
			p.Step, p.OrganizationID = p.Step+1, uid(firstID())
		}
		if p.Step == stepsOfPass {
			p.EmptiedBefore, p.EmptyingBefore, p.Step = p.EmptyingBefore, 0, 0
		}
		return true, p.save(tx)
	}
	last := keys[len(keys)-1]
	err = tx.Exec("UPDATE "+t.table+" AS t SET "+t.set+" WHERE organization_id = ? AND "+t.key+" >= ? AND "+t.key+" <= ? AND "+t.full+
		" AND NOT EXISTS (SELECT 1 FROM payload_debts p WHERE p.organization_id = t.organization_id AND p."+t.debt+" = t."+t.key+")",
		uid(org), uid(from), last).Error
	if err != nil {
		return false, err
	}
	e.done.Payloads += int64(len(keys))
	p.Key = uid(successor(models.ID(last)))
	return true, p.save(tx)
}

// keys are the next keys of an organization. The rows are locked: whoever makes a delivery of an old event reads it with a lock in the
// same transaction, and so either finds the data and has noted a debt before this goes on, or finds none.
func (t *payloadTable) keys(tx *gorm.DB, d dialect, org, from, high models.ID, size int) ([]uid, error) {
	var keys []uid
	err := tx.Raw("SELECT "+t.key+" FROM "+t.table+" WHERE organization_id = ? AND "+t.key+" >= ? AND "+t.key+" < ? ORDER BY "+t.key+" LIMIT ? "+d.lock(),
		uid(org), uid(from), uid(high), size).Scan(&keys).Error
	return keys, err
}

// begin starts a pass, at most to the next boundary of days where days are tables of their own.
func (e *expiry) begin(tx *gorm.DB, p payloadProgress, before int64) error {
	until, err := e.s.dialect.payloadBoundary(tx, p.EmptiedBefore)
	if err != nil {
		return err
	}
	if until == 0 || until > before {
		until = before
	}
	p.EmptyingBefore, p.Step, p.OrganizationID = until, stepEvents, uid(firstID())
	low, high := uid(models.FloorID(time.UnixMilli(p.EmptiedBefore))), uid(models.FloorID(time.UnixMilli(until)))
	p.Key = low
	const within = "(event_ref >= ? AND event_ref < ? OR id >= ? AND id < ?)"
	err = e.s.eachLive(tx, "organization_id, id, event_ref", within, []any{low, high, low, high}, func(query string, args []any) error {
		return tx.Exec("INSERT INTO payload_debts (organization_id, delivery_id, event_ref) SELECT * FROM ("+query+") l WHERE true ON CONFLICT DO NOTHING", args...).Error
	})
	if err != nil {
		return err
	}
	return p.save(tx)
}

// lockPasses reads where the passes stand and keeps them there for the transaction. A pass that begins, and whoever makes a delivery
// live again, come one after the other: so the second sees what the first has done.
func lockPasses(tx *gorm.DB, d dialect) (p payloadProgress, err error) {
	return p, tx.Raw("SELECT * FROM payload_progress WHERE id = 1 " + d.lock()).Scan(&p).Error
}

func (p *payloadProgress) save(tx *gorm.DB) error {
	return tx.Exec("UPDATE payload_progress SET emptied_before = ?, emptying_before = ?, step = ?, organization_id = ?, key = ? WHERE id = 1",
		p.EmptiedBefore, p.EmptyingBefore, p.Step, p.OrganizationID, p.Key).Error
}

// payloadDebt is a delivery that was live when the pass came to its event or to its attempts.
type payloadDebt struct{ OrganizationID, DeliveryID, EventRef uid }

// settle empties what was left for the sake of deliveries that have ended since. An event waits for the last of them.
func (e *expiry) settle(ctx context.Context) error {
	org, delivery := firstID(), firstID()
	for {
		var ended []payloadDebt
		err := e.step(ctx, func(tx *gorm.DB, size int) error {
			err := tx.Raw(`SELECT p.organization_id, p.delivery_id, p.event_ref FROM payload_debts p
				WHERE (p.organization_id, p.delivery_id) > (?, ?)
				  AND NOT EXISTS (SELECT 1 FROM deliveries d
				    WHERE d.organization_id = p.organization_id AND d.id = p.delivery_id AND NOT d.`+terminalSQL+`)
				ORDER BY p.organization_id, p.delivery_id LIMIT ?`, uid(org), uid(delivery), size).Scan(&ended).Error
			for i := range ended {
				if err == nil {
					err = ended[i].settle(tx)
				}
			}
			return err
		})
		if err != nil || len(ended) == 0 {
			return err
		}
		e.done.Payloads += int64(len(ended))
		last := ended[len(ended)-1]
		org, delivery = models.ID(last.OrganizationID), models.ID(last.DeliveryID)
	}
}

func (p *payloadDebt) settle(tx *gorm.DB) error {
	tables := payloadTables()
	attempts, events := tables[stepAttempts], tables[stepEvents]
	err := tx.Exec("UPDATE attempts SET "+attempts.set+" WHERE organization_id = ? AND delivery_id = ?", p.OrganizationID, p.DeliveryID).Error
	if err == nil {
		err = tx.Exec("DELETE FROM payload_debts WHERE organization_id = ? AND delivery_id = ?", p.OrganizationID, p.DeliveryID).Error
	}
	if err == nil {
		err = tx.Exec("UPDATE events SET "+events.set+" WHERE organization_id = ? AND ref = ?"+
			" AND NOT EXISTS (SELECT 1 FROM payload_debts p WHERE p.organization_id = ? AND p.event_ref = ?)",
			p.OrganizationID, p.EventRef, p.OrganizationID, p.EventRef).Error
	}
	return err
}

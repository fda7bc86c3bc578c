package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

func (postgresDialect) name() string             { return "postgres" }
func (postgresDialect) committers() int          { return 2 } // measured: a third adds nothing that a larger batch does not
func (postgresDialect) saveIsOneStatement() bool { return true }
func (postgresDialect) lock() string             { return "FOR UPDATE" }
func (postgresDialect) skipLocked() string       { return "FOR UPDATE SKIP LOCKED" }

func (postgresDialect) idIn(column string, ids []models.ID) clause.Expr {
	return clause.Expr{SQL: column + " = ANY(?::uuid[])", Vars: []any{uidArray{ids}}}
}

// since is what lets the planner leave out the partitions of earlier days.
func (postgresDialect) since(floor models.ID) clause.Expr {
	return clause.Expr{SQL: "id >= ?", Vars: []any{uid(floor)}}
}

// within is what lets it leave out those of later days too.
func (postgresDialect) within(in span) clause.Expr {
	return clause.Expr{SQL: "id >= ? AND id < ?", Vars: []any{uid(in.from), uid(in.to)}}
}

func (postgresDialect) clock(time.Time) clause.Expr {
	return clause.Expr{SQL: "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"}
}

// saveEventsSQL is one statement and so one transaction: through the gate, which is looked at once, go the events, the deliveries and
// the entries of the ledger, each as a few arrays. The gate is open at one revision only, because the batch was matched at the database's
// or an earlier one, so that is each event's. See docs/adr/0021. It makes one row where the gate is open, which is counted and not read:
// database/sql starts a goroutine for each query whose rows are read, and waking a core for it would stand between the commit and the calls.
const saveEventsSQL = `
WITH gate AS (
  SELECT 1 FROM revisions
  WHERE id = 1 AND value <= $1
    AND NOT EXISTS (SELECT 1 FROM api_keys WHERE id = ANY($2::uuid[]) AND revoked_at <> 0)
    AND (SELECT count(*) FROM instances WHERE id = ANY($32::bigint[]) AND NOT dead) = cardinality($32::bigint[])
    AND (SELECT floor FROM queue_floor WHERE id = 1) <= $39::uuid
), e AS (
  INSERT INTO events (organization_id, ref, id, workspace_id, published_by, accepted_at, happened_at, matched, sandbox, name,
                      scope, entity_key, data, entity_parent_key, revision)
  SELECT *, $1::bigint FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::bigint[], $9::bigint[], $10::int[],
                       $11::boolean[], $12::text[], $13::text[], $14::text[], $15::text[], $40::text[])
  WHERE EXISTS (SELECT 1 FROM gate)
), d AS (
  INSERT INTO deliveries (organization_id, id, event_ref, event_id, subscription_id, due_at, owner, created_at, updated_at,
                          subscription_version, attempts, sandbox, owed, status, reason, event_name)
  SELECT * FROM unnest($16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[], $20::uuid[], $21::bigint[], $22::bigint[],
                       $23::bigint[], $24::bigint[], $25::int[], $26::int[], $27::boolean[], $28::boolean[], $29::text[],
                       $30::text[], $31::text[])
  WHERE EXISTS (SELECT 1 FROM gate)
), l AS (
  INSERT INTO ledger_entries (organization_id, events, matched, pending, delivering, parked)
  SELECT * FROM unnest($33::uuid[], $34::bigint[], $35::bigint[], $36::bigint[], $37::bigint[], $38::bigint[])
  WHERE EXISTS (SELECT 1 FROM gate)
)
SELECT 1 FROM gate`

func (postgresDialect) saveEvents(
	ctx context.Context, db gorm.ConnPool, g *gate, batch []*models.Accepted,
) (bool, error) {
	args := make([]any, 0, 40)
	args = append(args, g.revision, uidArray{g.publishers})
	args = append(args, eventColumns(batch)...)
	args = append(args, deliveryColumns(batch)...)
	args = append(args, append([]int64{}, g.owners...)) // never NULL
	args = append(args, entryColumns(accepted(batch))...)
	args = append(args, uid(g.oldest), parentColumn(batch))
	result, err := db.ExecContext(ctx, saveEventsSQL, args...)
	if err != nil {
		return false, err
	}
	open, err := result.RowsAffected()
	return open == 1, err
}

func eventColumns(batch []*models.Accepted) []any {
	n := len(batch)
	org, ref, id, workspace, by := make([]models.ID, n), make([]models.ID, n), make([]models.ID, n), make([]models.ID, n), make([]models.ID, n)
	accepted, happened, matched := make([]int64, n), make([]int64, n), make([]int32, n)
	sandbox := make([]bool, n)
	name, scope, entity, data := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	for i, a := range batch {
		e := &a.Event
		org[i], ref[i], id[i], workspace[i], by[i] = e.OrganizationID, e.Ref, e.ID, e.WorkspaceID, e.PublishedBy
		accepted[i], happened[i] = e.AcceptedAt.UnixMilli(), e.Time.UnixMilli()
		matched[i] = int32(e.Matched) // #nosec G115 -- a count of subscriptions
		sandbox[i] = e.Sandbox
		name[i], scope[i], entity[i], data[i] = e.Name, e.Scope, e.EntityKey, string(e.Data)
	}
	return []any{
		uidArray{org},
		uidArray{ref},
		uidArray{id},
		uidArray{workspace},
		uidArray{by},
		accepted, happened, matched, sandbox, name, scope, entity, data,
	}
}

// parentColumn is the events' entity_parent_key.
func parentColumn(batch []*models.Accepted) []string {
	parents := make([]string, len(batch))
	for i, a := range batch {
		parents[i] = a.Event.EntityParentKey
	}
	return parents
}

func deliveryColumns(batch []*models.Accepted) []any {
	n := 0
	for _, a := range batch {
		n += len(a.Deliveries)
	}
	org, id, ref, event, sub := make([]models.ID, n), make([]models.ID, n), make([]models.ID, n), make([]models.ID, n), make([]models.ID, n)
	due, owner, created, updated := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	version, attempts := make([]int32, n), make([]int32, n)
	sandbox, owed := make([]bool, n), make([]bool, n)
	status, reason, name := make([]string, n), make([]string, n), make([]string, n)
	i := 0
	for _, a := range batch {
		for k := range a.Deliveries {
			d := &a.Deliveries[k]
			org[i], id[i], ref[i], event[i], sub[i] = d.OrganizationID, d.ID, d.EventRef, d.EventID, d.SubscriptionID
			due[i], owner[i], created[i], updated[i] = dueAt(d.Status, d.DueAt, d.CreatedAt), d.Owner, ms(d.CreatedAt), ms(d.UpdatedAt)
			version[i], attempts[i] = int32(d.SubscriptionVersion), int32(d.Attempts) // #nosec G115 -- small counts
			sandbox[i], owed[i] = d.Sandbox, d.Owed
			status[i], reason[i], name[i] = string(d.Status), string(d.Reason), d.EventName
			i++
		}
	}
	return []any{
		uidArray{org},
		uidArray{id},
		uidArray{ref},
		uidArray{event},
		uidArray{sub},
		due, owner, created, updated, version, attempts,
		sandbox, owed, status, reason, name,
	}
}

func entryColumns(list []entry) []any {
	n := len(list)
	org, events, matched := make([]models.ID, n), make([]int64, n), make([]int64, n)
	pending, delivering, parked := make([]int64, n), make([]int64, n), make([]int64, n)
	for i := range list {
		e := &list[i]
		org[i], events[i], matched[i], pending[i], delivering[i], parked[i] = e.org, e.events, e.matched, e.pending, e.delivering, e.parked
	}
	return []any{uidArray{org}, events, matched, pending, delivering, parked}
}

// takeKeysSQL waits for concurrent transactions that hold one of the keys. The keys come sorted, so two batches with the same keys
// wait for one another and never in a circle. A chosen id that we gave to an event ourselves is taken too.
const takeKeysSQL = `
INSERT INTO event_keys (organization_id, kind, key, event_ref, fingerprint, created_at)
SELECT k.organization_id, k.kind, k.key, k.event_ref, k.fingerprint, k.created_at
FROM unnest($1::uuid[], $2::text[], $3::bytea[], $4::uuid[], $5::uuid[], $6::bytea[], $7::bigint[])
  AS k (organization_id, kind, key, event_ref, chosen, fingerprint, created_at)
WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.organization_id = k.organization_id AND e.ref = k.chosen)
ON CONFLICT DO NOTHING`

func (postgresDialect) takeKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) (int64, error) {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b eventKey) int {
		if c := strings.Compare(string(a.org[:]), string(b.org[:])); c != 0 {
			return c
		}
		if c := strings.Compare(a.kind, b.kind); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	n := len(keys)
	ref, chosen := make([]models.ID, n), make([]models.ID, n)
	fingerprint, created := make([][]byte, n), make([]int64, n)
	for i := range keys {
		ref[i], chosen[i], fingerprint[i], created[i] = keys[i].ref, keys[i].chosen, keys[i].fingerprint[:], keys[i].createdAt
	}
	org, kind, key := keyColumns(keys)
	result, err := db.ExecContext(ctx, takeKeysSQL, uidArray{org}, kind, key, uidArray{ref}, uidArray{chosen}, fingerprint, created)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func keyColumns(keys []eventKey) (org []models.ID, kind []string, key [][]byte) {
	n := len(keys)
	org, kind, key = make([]models.ID, n), make([]string, n), make([][]byte, n)
	for i := range keys {
		org[i], kind[i], key[i] = keys[i].org, keys[i].kind, []byte(keys[i].key)
	}
	return org, kind, key
}

const findKeysSQL = `
SELECT f.organization_id, f.kind, f.key, f.event_ref, f.fingerprint, f.created_at, e.id, coalesce(e.name, ''),
       coalesce(e.sandbox, false), coalesce(e.matched, 0), coalesce(e.accepted_at, 0)
FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS k (organization_id, kind, key)
JOIN event_keys f ON f.organization_id = k.organization_id AND f.kind = k.kind AND f.key = k.key
LEFT JOIN events e ON e.organization_id = f.organization_id AND e.ref = f.event_ref`

func (postgresDialect) findKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) ([]foundKey, error) {
	org, kind, key := keyColumns(keys)
	return scanKeys(db.QueryContext(ctx, findKeysSQL, uidArray{org}, kind, key))
}

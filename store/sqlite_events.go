package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

func (*sqliteDialect) name() string             { return "sqlite" }
func (*sqliteDialect) committers() int          { return 1 } // there is one writer
func (*sqliteDialect) saveIsOneStatement() bool { return false }
func (*sqliteDialect) lock() string             { return "" } // a transaction of the writer has the lock from its start
func (*sqliteDialect) skipLocked() string       { return "" }

func (*sqliteDialect) idIn(column string, ids []models.ID) clause.Expr {
	list := make([]uid, len(ids))
	for i, id := range ids {
		list[i] = uid(id)
	}
	return clause.Expr{SQL: column + " IN ?", Vars: []any{list}}
}

// since is no condition: there is one table, and its indexes lead to the live ones however old.
func (*sqliteDialect) since(models.ID) clause.Expr { return clause.Expr{SQL: "true"} }
func (*sqliteDialect) within(span) clause.Expr     { return clause.Expr{SQL: "true"} }

func (*sqliteDialect) clock(now time.Time) clause.Expr {
	return clause.Expr{SQL: "?", Vars: []any{ms(now)}}
}

// chunkRows is how many rows one statement inserts: enough that the cost of a statement does not count, and far from the limit of
// 32,766 parameters.
const chunkRows = 64

// values writes "(?,?),(?,?)" for rows of the given width.
func values(rows, width int) string {
	row := "(" + strings.Repeat("?,", width-1) + "?)"
	return strings.Repeat(row+",", rows-1) + row
}

// chunks calls fn for each run of at most chunkRows of n rows.
func chunks(n int, fn func(from, to int) error) error {
	for from := 0; from < n; from += chunkRows {
		if err := fn(from, min(from+chunkRows, n)); err != nil {
			return err
		}
	}
	return nil
}

// sql is a condition that is true while the gate is open.
func (g *gate) sql() (condition string, args []any) {
	condition, args = "(SELECT value FROM revisions WHERE id = 1) <= ?", []any{g.revision}
	if n := len(g.publishers); n > 0 {
		condition += " AND NOT EXISTS (SELECT 1 FROM api_keys WHERE revoked_at <> 0 AND id IN " + values(1, n) + ")"
		for _, id := range g.publishers {
			args = append(args, uid(id))
		}
	}
	if n := len(g.owners); n > 0 {
		condition += " AND (SELECT count(*) FROM instances WHERE NOT dead AND id IN " + values(1, n) + ") = ?"
		for _, o := range g.owners {
			args = append(args, o)
		}
		args = append(args, n)
	}
	condition += " AND (SELECT floor FROM queue_floor WHERE id = 1) <= ?"
	return condition, append(args, uid(g.oldest))
}

// saveEvents puts the gate into the first insert, which saves a statement for the lone event. Nothing can change in between: the
// transaction has the write lock.
func (*sqliteDialect) saveEvents(
	ctx context.Context, db gorm.ConnPool, g *gate, batch []*models.Accepted,
) (bool, error) {
	condition, conditionArgs := g.sql()
	if len(batch) == 0 {
		var open bool
		err := db.QueryRowContext(ctx, "SELECT "+condition, conditionArgs...).Scan(&open)
		return open, err
	}
	open := true
	err := chunks(len(batch), func(from, to int) error {
		query := `INSERT INTO events (organization_id, ref, id, workspace_id, published_by, accepted_at, happened_at, matched, sandbox, name,
			scope, entity_key, entity_parent_key, data, revision) `
		const width = 15
		args := make([]any, 0, (to-from)*width+len(conditionArgs))
		for _, a := range batch[from:to] {
			e := &a.Event
			args = append(args, uid(e.OrganizationID), uid(e.Ref), uid(e.ID), uid(e.WorkspaceID), uid(e.PublishedBy),
				e.AcceptedAt.UnixMilli(), e.Time.UnixMilli(), e.Matched, e.Sandbox, e.Name, e.Scope, e.EntityKey, e.EntityParentKey, string(e.Data),
				g.revision)
		}
		if from > 0 {
			_, err := execPrepared(ctx, db, query+"VALUES "+values(to-from, width), args...)
			return err
		}
		args = append(args, conditionArgs...)
		result, err := execPrepared(ctx, db, query+"SELECT * FROM (VALUES "+values(to-from, width)+") WHERE "+condition, args...)
		if err != nil {
			return err
		}
		stored, err := result.RowsAffected()
		if err == nil && stored == 0 {
			open, err = false, errRefused
		}
		return err
	})
	if !open {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, saveDeliveriesSQLite(ctx, db, batch)
}

func saveDeliveriesSQLite(ctx context.Context, db gorm.ConnPool, batch []*models.Accepted) error {
	var all []*models.Delivery
	for _, a := range batch {
		for i := range a.Deliveries {
			all = append(all, &a.Deliveries[i])
		}
	}
	return chunks(len(all), func(from, to int) error {
		args := make([]any, 0, (to-from)*16)
		for _, d := range all[from:to] {
			args = append(args, uid(d.OrganizationID), uid(d.ID), uid(d.EventRef), uid(d.EventID), uid(d.SubscriptionID), dueAt(d.Status, d.DueAt, d.CreatedAt),
				d.Owner, ms(d.CreatedAt), ms(d.UpdatedAt), d.SubscriptionVersion, d.Attempts, d.Sandbox, d.Owed, string(d.Status),
				string(d.Reason), d.EventName)
		}
		_, err := execPrepared(ctx, db, `INSERT INTO deliveries (organization_id, id, event_ref, event_id, subscription_id, due_at, owner,
			created_at, updated_at, subscription_version, attempts, sandbox, owed, status, reason, event_name) VALUES `+values(to-from, 16), args...)
		return err
	})
}

func (*sqliteDialect) takeKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) (int64, error) {
	var taken int64
	err := chunks(len(keys), func(from, to int) error {
		args := make([]any, 0, (to-from)*7)
		for i := from; i < to; i++ {
			k := &keys[i]
			args = append(args, uid(k.org), k.kind, []byte(k.key), uid(k.ref), k.fingerprint[:], k.createdAt, uid(k.chosen))
		}
		result, err := db.ExecContext(ctx, `INSERT INTO event_keys (organization_id, kind, key, event_ref, fingerprint, created_at)
			SELECT column1, column2, column3, column4, column5, column6 FROM (VALUES `+values(to-from, 7)+`) AS k
			WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.organization_id = k.column1 AND e.ref = k.column7)
			ON CONFLICT DO NOTHING`, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		taken += n
		return err
	})
	return taken, err
}

func (*sqliteDialect) findKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) ([]foundKey, error) {
	var found []foundKey
	err := chunks(len(keys), func(from, to int) error {
		args := make([]any, 0, (to-from)*3)
		for i := from; i < to; i++ {
			args = append(args, uid(keys[i].org), keys[i].kind, []byte(keys[i].key))
		}
		rows, err := scanKeys(db.QueryContext(ctx, `SELECT f.organization_id, f.kind, f.key, f.event_ref, f.fingerprint, f.created_at, e.id,
			coalesce(e.name, ''), coalesce(e.sandbox, false), coalesce(e.matched, 0), coalesce(e.accepted_at, 0)
			FROM (VALUES `+values(to-from, 3)+`) AS k
			JOIN event_keys f ON f.organization_id = k.column1 AND f.kind = k.column2 AND f.key = k.column3
			LEFT JOIN events e ON e.organization_id = f.organization_id AND e.ref = f.event_ref`, args...))
		found = append(found, rows...)
		return err
	})
	return found, err
}

func scanKeys(rows *sql.Rows, err error) ([]foundKey, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []foundKey
	for rows.Next() {
		var f foundKey
		err := rows.Scan(&f.OrganizationID, &f.Kind, &f.Key, &f.EventRef, &f.Fingerprint, &f.CreatedAt, &f.ID, &f.Name, &f.Sandbox,
			&f.Matched, &f.AcceptedAt)
		if err != nil {
			return nil, err
		}
		found = append(found, f)
	}
	return found, rows.Err()
}

package store

import (
	"context"
	"database/sql"
	"sync"

	"gorm.io/gorm"
)

// prepared keeps compiled statements of the one connection that writes to SQLite. Statements that carry many rows take as long to
// compile as to run, and there is one text for each number of rows.
type prepared struct {
	db *sql.DB

	mu     sync.Mutex
	list   map[string]*sql.Stmt
	wanted []string // to be compiled when the transaction that has the connection has ended
}

// maxPrepared bounds the memory: three kinds of statements in each of up to chunkRows sizes, some 20 KiB each. Failure policy: what
// comes beyond that is compiled at each run.
const maxPrepared = 4 * chunkRows

// get is the compiled statement, or nil. Then it is compiled as soon as the connection is free.
func (p *prepared) get(query string) *sql.Stmt {
	p.mu.Lock()
	defer p.mu.Unlock()
	stmt, ok := p.list[query]
	if !ok && len(p.list) < maxPrepared {
		p.list[query] = nil
		p.wanted = append(p.wanted, query)
	}
	return stmt
}

// compile does what is wanted. A statement that does not compile is one that fails when it runs, so its error is of no interest here.
func (p *prepared) compile(ctx context.Context) {
	p.mu.Lock()
	wanted := p.wanted
	p.wanted = nil
	p.mu.Unlock()
	for _, query := range wanted {
		stmt, err := p.db.PrepareContext(ctx, query) //nolint:sqlclosecheck // kept until the database is closed
		p.mu.Lock()
		if err != nil {
			delete(p.list, query)
		} else {
			p.list[query] = stmt
		}
		p.mu.Unlock()
	}
}

// execPrepared runs a statement that will come again many times.
func execPrepared(ctx context.Context, db gorm.ConnPool, query string, args ...any) (sql.Result, error) {
	if tx, ok := db.(*poolTx); ok && tx.prepared != nil {
		if stmt := tx.prepared.get(query); stmt != nil {
			tx.count.Add(1)
			return tx.StmtContext(ctx, stmt).ExecContext(ctx, args...) //nolint:sqlclosecheck // the end of the transaction closes it
		}
	}
	return db.ExecContext(ctx, query, args...)
}

// queryPrepared is execPrepared for a statement that returns rows.
func queryPrepared(ctx context.Context, db gorm.ConnPool, query string, args ...any) (*sql.Rows, error) {
	if tx, ok := db.(*poolTx); ok && tx.prepared != nil {
		if stmt := tx.prepared.get(query); stmt != nil {
			tx.count.Add(1)
			return tx.StmtContext(ctx, stmt).QueryContext(ctx, args...) //nolint:sqlclosecheck // the end of the transaction closes it
		}
	}
	return db.QueryContext(ctx, query, args...)
}

package store

import (
	"context"
	"database/sql"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
)

// pool is a gorm connection pool that counts the statements sent through it. Statements per event are a budget of the product,
// so they are counted where none can go past.
type pool struct {
	*sql.DB
	count    *atomic.Int64
	prepared *prepared // nil where the driver sees to it
}

var (
	_ gorm.ConnPoolBeginner = (*pool)(nil)
	_ gorm.GetDBConnector   = (*pool)(nil)
	_ gorm.TxCommitter      = (*poolTx)(nil)
)

// GetDBConn lets gorm reach the database/sql handle.
func (p *pool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// BeginTx starts a transaction whose statements are counted too.
func (p *pool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	p.count.Add(1)
	if p.prepared != nil {
		p.prepared.compile(ctx)
	}
	tx, err := p.DB.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &poolTx{Tx: tx, count: p.count, prepared: p.prepared}, nil
}

// ExecContext counts and runs a statement.
func (p *pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p.count.Add(1)
	return p.DB.ExecContext(ctx, query, args...)
}

// QueryContext counts and runs a query.
func (p *pool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.count.Add(1)
	return p.DB.QueryContext(ctx, query, args...)
}

// QueryRowContext counts and runs a query for one row.
func (p *pool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p.count.Add(1)
	return p.DB.QueryRowContext(ctx, query, args...)
}

type poolTx struct {
	*sql.Tx
	count    *atomic.Int64
	prepared *prepared
}

func (t *poolTx) Commit() error {
	t.count.Add(1)
	return t.Tx.Commit()
}

func (t *poolTx) Rollback() error {
	t.count.Add(1)
	return t.Tx.Rollback()
}

func (t *poolTx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	t.count.Add(1)
	return t.Tx.ExecContext(ctx, query, args...)
}

func (t *poolTx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.count.Add(1)
	return t.Tx.QueryContext(ctx, query, args...)
}

func (t *poolTx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.count.Add(1)
	return t.Tx.QueryRowContext(ctx, query, args...)
}

// limits bounds a pool. Failure policy: idle connections end after five minutes and all after an hour, because a database that
// failed over or moved would else be held by connections to where it was.
func limits(db *sql.DB, maxOpen, maxIdle int) {
	db.SetMaxOpenConns(maxOpen)
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
}

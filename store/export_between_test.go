package store

import (
	"context"
	"database/sql"
	"strings"
	"sync/atomic"

	"gorm.io/gorm"
)

// BeforeEventsAreRead lets fn run once, when what is claimed is this owner's and its events are about to be read.
func (s *Store) BeforeEventsAreRead(fn func()) (restore func()) {
	pool := s.watch.Statement.ConnPool
	s.watch.Statement.ConnPool = &betweenPool{ConnPool: pool, fn: fn}
	return func() { s.watch.Statement.ConnPool = pool }
}

type betweenPool struct {
	gorm.ConnPool
	fn  func()
	ran atomic.Bool
}

func (p *betweenPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	reads := strings.Contains(query, "FROM events ev") || strings.Contains(query, "FROM `events`") // on Postgres, and on SQLite
	if reads && !p.ran.Swap(true) {
		p.fn()
	}
	return p.ConnPool.QueryContext(ctx, query, args...)
}

func (p *betweenPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	return p.ConnPool.(gorm.ConnPoolBeginner).BeginTx(ctx, opts)
}

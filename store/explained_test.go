package store

import (
	"context"
	"database/sql"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Explained is a statement with its plan.
type Explained struct {
	SQL  string
	Rows []map[string]any
	Err  error
}

// ExplainDeliveryPart are the plans of what a part of the list of deliveries asks.
func (s *Store) ExplainDeliveryPart(ctx context.Context, q models.DeliveryQuery) []Explained {
	return s.explained(ctx, func() error { _, err := s.DeliveryPart(ctx, q, firstLook); return err })
}

// ExplainEventPart are the plans of what a part of the list of events asks.
func (s *Store) ExplainEventPart(ctx context.Context, q models.EventQuery) []Explained {
	return s.explained(ctx, func() error { _, err := s.EventPart(ctx, q, firstLook); return err })
}

// explained notes the statements that a function reads with, and asks for their plans. Postgres must not take a table for small.
func (s *Store) explained(ctx context.Context, read func() error) (list []Explained) {
	pool := &notedPool{ConnPool: s.read.Statement.ConnPool}
	s.read.Statement.ConnPool = pool
	err := read()
	s.read.Statement.ConnPool = pool.ConnPool
	if err != nil {
		return []Explained{{Err: err}}
	}
	for _, n := range pool.noted {
		e := Explained{SQL: n.query}
		e.Err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			explain := "EXPLAIN QUERY PLAN "
			if s.Dialect() != "sqlite" {
				explain = "EXPLAIN (COSTS OFF) "
				if err := tx.Exec("SET LOCAL enable_seqscan = off").Error; err != nil {
					return err
				}
			}
			rows, err := tx.Statement.ConnPool.QueryContext(ctx, explain+n.query, n.args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				row := map[string]any{}
				if err := tx.ScanRows(rows, &row); err != nil {
					return err
				}
				e.Rows = append(e.Rows, row)
			}
			return rows.Err()
		})
		list = append(list, e)
	}
	return list
}

type notedPool struct {
	gorm.ConnPool
	noted []struct {
		query string
		args  []any
	}
}

func (p *notedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.noted = append(p.noted, struct {
		query string
		args  []any
	}{query, args})
	return p.ConnPool.QueryContext(ctx, query, args...)
}

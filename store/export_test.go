package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Hot statements, for the tests of their plans.
const (
	BacklogSQL = backlogSQL
	PulseSQL   = pulseSQL
)

// Rows runs any query on the reading side, for tests that look at the schema.
func (s *Store) Rows(ctx context.Context, query string, args ...any) ([]map[string]any, error) {
	var rows []map[string]any
	err := s.writer(ctx).Raw(query, args...).Scan(&rows).Error
	return rows, err
}

// ExplainRecord runs the record of results with EXPLAIN ANALYZE in a transaction that is rolled back, and returns the plan. Postgres only.
func (s *Store) ExplainRecord(ctx context.Context, now time.Time, rs []models.Result) ([]string, error) {
	var plan []string
	rollback := errors.New("rolled back")
	err := s.tx(ctx, func(tx *gorm.DB) error {
		rows, err := tx.Statement.ConnPool.QueryContext(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+recordSQL, recordArguments(now, rs)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			plan = append(plan, line)
		}
		return errors.Join(rows.Err(), rollback)
	})
	if errors.Is(err, rollback) {
		err = nil
	}
	return plan, err
}

// HoldReaders takes all connections of the readers until release is called. Postgres only.
func (s *Store) HoldReaders(ctx context.Context) (release func(), err error) {
	db, err := s.read.DB()
	if err != nil {
		return nil, err
	}
	var held []*sql.Conn
	release = func() {
		for _, c := range held {
			_ = c.Close()
		}
	}
	for range maxReadConns {
		c, err := db.Conn(ctx)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, c)
	}
	return release, nil
}

// Timeouts are the limits of a statement's time for readers and for all others. Postgres only.
func (s *Store) Timeouts(ctx context.Context) (reads, writes string, err error) {
	err = s.reader(ctx).Raw("SHOW statement_timeout").Scan(&reads).Error
	if err == nil {
		err = s.writer(ctx).Raw("SHOW statement_timeout").Scan(&writes).Error
	}
	return reads, writes, err
}

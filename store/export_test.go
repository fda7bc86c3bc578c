package store

import "context"

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

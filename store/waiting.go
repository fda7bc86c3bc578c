package store

import (
	"context"
	"fmt"
	"slices"

	"hookrouter/models"
)

// What waits of some subscriptions, by the indexes of the queue: from each subscription's earliest on, and no more than a limit
// altogether. Retries are counted by the minute.
const (
	waitingSumSQL = `SELECT status, min(due_at) AS due_at, count(*) AS n FROM (%s) w GROUP BY status, CASE WHEN status = 'retrying' THEN due_at / 60000 ELSE 0 END`

	postgresWaitingSQL = `
SELECT * FROM (SELECT d.status, d.due_at FROM subscriptions s CROSS JOIN LATERAL (
  SELECT q.status, q.due_at FROM deliveries q WHERE q.subscription_id = s.id AND q.due_at > 0 AND q.owner = 0 AND @since
  ORDER BY q.due_at, q.id LIMIT @most) d
WHERE s.organization_id = @org AND @ids LIMIT @most) x
UNION ALL
SELECT * FROM (SELECT 'parked', 0::bigint FROM subscriptions s CROSS JOIN LATERAL (
  SELECT q.due_at FROM deliveries q WHERE q.subscription_id = s.id AND q.due_at < 0 ORDER BY q.due_at DESC LIMIT @most) d
WHERE s.organization_id = @org AND @ids LIMIT @most) y`

	// On SQLite, CROSS JOIN is the order in which tables are gone through.
	sqliteWaitingSQL = `
SELECT * FROM (SELECT d.status, d.due_at FROM subscriptions s CROSS JOIN deliveries d
WHERE d.subscription_id = s.id AND d.due_at > 0 AND d.owner = 0 AND s.organization_id = @org AND @ids LIMIT @most)
UNION ALL
SELECT * FROM (SELECT 'parked', 0 FROM subscriptions s CROSS JOIN deliveries d
WHERE d.subscription_id = s.id AND d.due_at < 0 AND s.organization_id = @org AND @ids LIMIT @most)`
)

func (postgresDialect) waitingSQL() string { return fmt.Sprintf(waitingSumSQL, postgresWaitingSQL) }
func (*sqliteDialect) waitingSQL() string  { return fmt.Sprintf(waitingSumSQL, sqliteWaitingSQL) }

// Waiting counts what waits or is parked now of subscriptions of an organization, or, where none are named, of all that it has in an environment. It
// looks at as many as the bounds of [models.Waiting] say.
func (s *Store) Waiting(ctx context.Context, org models.ID, ids []models.ID, sandbox bool) (models.Waiting, error) {
	const operation = "count what waits"
	var w models.Waiting
	if len(ids) == 0 {
		var err error
		if ids, err = s.liveIDs(ctx, org, sandbox, models.MaxWaitingSubscriptions+1); err != nil {
			return w, wrap(operation, err)
		}
	}
	if len(ids) > models.MaxWaitingSubscriptions {
		ids, w.Capped = ids[:models.MaxWaitingSubscriptions], true
	}
	if len(ids) == 0 {
		return w, nil
	}
	var rows []struct {
		Status models.DeliveryStatus
		DueAt  int64
		N      int64
	}
	err := s.reader(ctx).Raw(s.dialect.waitingSQL(), map[string]any{
		"org": uid(org), "ids": s.dialect.idIn("s.id", ids), "since": s.dialect.since(s.floor()), "most": models.MaxWaitingCount + 1,
	}).Scan(&rows).Error
	if err != nil {
		return w, wrap(operation, err)
	}
	for _, r := range rows {
		switch r.Status {
		case models.StatusParked:
			w.Parked += r.N
		case models.StatusRetrying:
			w.Retrying += r.N
			w.NextRetries = append(w.NextRetries, models.NextRetry{At: instant(r.DueAt), Count: r.N})
		default:
			w.Pending += r.N
		}
	}
	w.Capped = w.Capped || w.Parked > models.MaxWaitingCount || w.Pending+w.Retrying > models.MaxWaitingCount
	slices.SortFunc(w.NextRetries, func(a, b models.NextRetry) int { return a.At.Compare(b.At) })
	w.NextRetries = w.NextRetries[:min(len(w.NextRetries), models.MaxNextRetries)]
	return w, nil
}

// liveIDs are up to limit subscriptions of an organization that are not deleted.
func (s *Store) liveIDs(ctx context.Context, org models.ID, sandbox bool, limit int) ([]models.ID, error) {
	var rows []uid
	err := s.reader(ctx).Raw("SELECT id FROM subscriptions WHERE organization_id = ? AND sandbox = ? AND deleted_at = 0 ORDER BY id LIMIT ?",
		uid(org), sandbox, limit).Scan(&rows).Error
	ids := make([]models.ID, len(rows))
	for i, id := range rows {
		ids[i] = models.ID(id)
	}
	return ids, err
}

package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

// failingSQL begins with the last hours, by their index, so that its cost is in their number and not in how long statistics are kept; on
// SQLite, CROSS JOIN is the order in which tables are gone through. An entry may be of attempts that all succeeded; only its outcomes tell.
const failingSQL = `
SELECT s.id, h.attempts - h.succeeded AS failed, NULL AS outcomes
FROM stat_hours h CROSS JOIN subscriptions s
WHERE h.hour >= @from AND h.attempts > h.succeeded AND s.id = h.subject_id AND s.sandbox = h.sandbox
  AND s.organization_id = @org AND s.sandbox = @sandbox AND s.deleted_at = 0
UNION ALL
SELECT s.id, 0, e.outcomes
FROM stat_entries e JOIN subscriptions s ON s.id = e.subscription_id AND s.organization_id = e.organization_id AND s.sandbox = e.sandbox
WHERE e.organization_id = @org AND e.sandbox = @sandbox AND e.hour >= @from AND s.deleted_at = 0`

// Failing are subscriptions of which attempts failed that started in the hour of from or later, those with the most failures first.
func (s *Store) Failing(ctx context.Context, org models.ID, sandbox bool, from time.Time, limit int) ([]models.ID, error) {
	const operation = "list what fails"
	var rows []struct {
		ID       uid
		Failed   int64
		Outcomes []byte
	}
	err := s.reader(ctx).Raw(failingSQL, map[string]any{"org": uid(org), "sandbox": sandbox, "from": hourOf(from)}).Scan(&rows).Error
	if err != nil {
		return nil, wrap(operation, err)
	}
	failed := map[models.ID]int64{}
	for _, r := range rows {
		if len(r.Outcomes) > 0 {
			entry := tallies{}
			if err := entry.addEntry(r.Outcomes); err != nil {
				return nil, wrap(operation, err)
			}
			attempts, succeeded := entry.sums()
			r.Failed = attempts - succeeded
		}
		if r.Failed > 0 {
			failed[models.ID(r.ID)] += r.Failed
		}
	}
	ids := make([]models.ID, 0, len(failed))
	for id := range failed {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b models.ID) int { return cmp.Or(cmp.Compare(failed[b], failed[a]), a.Compare(b)) })
	return ids[:min(len(ids), limit)], nil
}

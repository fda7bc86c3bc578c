package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

// failingSQL goes from the organization's subscriptions to their hours, so that its cost is in the number of these and not in how long
// statistics are kept. An entry may be of attempts that all succeeded; only its outcomes tell.
const failingSQL = `
SELECT s.id, h.attempts - h.succeeded AS failed, NULL AS outcomes
FROM subscriptions s JOIN stat_hours h ON h.organization_id = s.organization_id AND h.subject_id = s.id AND h.sandbox = s.sandbox AND h.hour >= @from
WHERE s.organization_id = @org AND s.sandbox = @sandbox AND s.deleted_at = 0 AND h.attempts > h.succeeded
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

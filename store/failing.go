package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

// failingSQL begins with the last hours, by their index, so that its cost is in their number and not in how long statistics are kept: on
// SQLite because the organization is said in a way that no index can be used for; Postgres chooses by what there is. An entry may be of attempts that all succeeded; only its outcomes tell. Entries are counted where they are the same.
const failingSQL = `
SELECT subject_id AS id, attempts - succeeded AS failed, NULL AS outcomes
FROM stat_hours
WHERE hour >= @from AND attempts > succeeded AND NOT organization_id <> @org AND sandbox = @sandbox AND subject_id <> @org
UNION ALL
SELECT subscription_id, count(*), outcomes
FROM stat_entries
WHERE organization_id = @org AND sandbox = @sandbox AND hour >= @from GROUP BY subscription_id, outcomes`

// livePart is how many of the worst are asked at once whether they are still there.
const livePart = 50

// Failing are subscriptions of which attempts failed that started in the hour of from or later, those with the most failures first.
func (s *Store) Failing(ctx context.Context, org models.ID, sandbox bool, from time.Time, limit int) ([]models.ID, error) {
	const operation = "list what fails"
	failed, err := s.failures(ctx, org, sandbox, from)
	if err != nil {
		return nil, wrap(operation, err)
	}
	ids := make([]models.ID, 0, len(failed))
	for id := range failed {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b models.ID) int { return cmp.Or(cmp.Compare(failed[b], failed[a]), a.Compare(b)) })
	worst := make([]models.ID, 0, limit)
	for part := range slices.Chunk(ids, livePart) {
		var rows []uid
		err := s.reader(ctx).Raw("SELECT id FROM subscriptions WHERE organization_id = ? AND sandbox = ? AND deleted_at = 0 AND ?",
			uid(org), sandbox, s.dialect.idIn("id", part)).Scan(&rows).Error
		if err != nil {
			return nil, wrap(operation, err)
		}
		for _, id := range part {
			if slices.Contains(rows, uid(id)) {
				worst = append(worst, id)
			}
		}
		if len(worst) >= limit {
			break
		}
	}
	return worst[:min(len(worst), limit)], nil
}

// failures are how many attempts of each subscription failed, where any did.
func (s *Store) failures(ctx context.Context, org models.ID, sandbox bool, from time.Time) (map[models.ID]int64, error) {
	var rows []struct {
		ID       uid
		Failed   int64
		Outcomes []byte
	}
	err := s.reader(ctx).Raw(failingSQL, map[string]any{"org": uid(org), "sandbox": sandbox, "from": hourOf(from)}).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	failed := map[models.ID]int64{}
	for _, r := range rows {
		n := r.Failed
		if len(r.Outcomes) > 0 {
			entry := tallies{}
			if err := entry.addEntry(r.Outcomes, r.Failed); err != nil {
				return nil, err
			}
			attempts, succeeded := entry.sums()
			n = attempts - succeeded
		}
		if n > 0 {
			failed[models.ID(r.ID)] += n
		}
	}
	return failed, nil
}

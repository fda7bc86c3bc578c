package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

// statsSQL reads hours and entries as of one moment. Most entries are of one attempt and many of these are the same, so they are counted
// where they are.
const statsSQL = `
SELECT hour, counts AS data, TRUE AS folded, 1 AS times FROM stat_hours
WHERE organization_id = @org AND @subjects AND sandbox = @sandbox AND hour >= @from AND hour < @to
UNION ALL
SELECT hour, outcomes, FALSE, count(*) FROM stat_entries
WHERE organization_id = @org AND @subscriptions AND sandbox = @sandbox AND hour >= @from AND hour < @to GROUP BY hour, outcomes`

// Stats counts attempts by the interval in which they started, the earliest first; intervals without any are left out. Its cost is in the number
// of hours and not of attempts.
func (s *Store) Stats(ctx context.Context, q models.StatsQuery) ([]models.StatsBucket, error) {
	subjects, subscriptions := s.dialect.idIn("subject_id", []models.ID{q.OrganizationID}), clause.Expr{SQL: "true"}
	if len(q.SubscriptionIDs) > 0 {
		ids := slices.Compact(slices.SortedFunc(slices.Values(q.SubscriptionIDs), models.ID.Compare))
		subjects, subscriptions = s.dialect.idIn("subject_id", ids), s.dialect.idIn("subscription_id", ids)
	}
	var rows []struct {
		Hour   int64
		Data   []byte
		Folded bool
		Times  int64
	}
	err := s.reader(ctx).Raw(statsSQL, map[string]any{
		"org": uid(q.OrganizationID), "subjects": subjects, "subscriptions": subscriptions, "sandbox": q.Sandbox,
		"from": hourOf(q.From), "to": hourOf(q.To),
	}).Scan(&rows).Error
	if err != nil {
		return nil, wrap("read statistics", err)
	}
	sums := map[time.Time]tallies{}
	for i := range rows {
		at := hourStart(rows[i].Hour).Truncate(max(q.Interval, time.Hour))
		sum := sums[at]
		if sum == nil {
			sum = tallies{}
			sums[at] = sum
		}
		if rows[i].Folded {
			err = sum.addHour(rows[i].Data)
		} else {
			err = sum.addEntry(rows[i].Data, rows[i].Times)
		}
		if err != nil {
			return nil, wrap("read statistics", err)
		}
	}
	list := make([]models.StatsBucket, 0, len(sums))
	for at, sum := range sums {
		counts := models.NewCounts()
		sum.addTo(counts)
		list = append(list, models.StatsBucket{At: at, Counts: counts})
	}
	slices.SortFunc(list, func(a, b models.StatsBucket) int { return a.At.Compare(b.At) })
	return list, nil
}

// activitySQL has, of some subscriptions: the entries, themselves with the latest hour in the environment that is their own, and the last
// hours in both. That both are named lets an index of hours be used to its end, whatever the planner knows.
const activitySQL = `
SELECT subscription_id AS id, FALSE AS itself, sandbox, hour, 0 AS attempts, 0 AS succeeded, outcomes, last_attempt
FROM stat_entries WHERE organization_id = @org AND @subscriptions
UNION ALL
SELECT s.id, TRUE, s.sandbox, 0, 0, 0, NULL, coalesce((SELECT h.last_attempt FROM stat_hours h
  WHERE h.organization_id = s.organization_id AND h.subject_id = s.id AND h.sandbox = s.sandbox ORDER BY h.hour DESC LIMIT 1), 0)
FROM subscriptions s WHERE s.organization_id = @org AND @ids
UNION ALL
SELECT subject_id, FALSE, sandbox, hour, attempts, succeeded, NULL, last_attempt
FROM stat_hours WHERE organization_id = @org AND @subjects AND sandbox IN (FALSE, TRUE) AND hour >= @from`

// activityRow is a row of it.
type activityRow struct {
	ID                        uid
	Itself, Sandbox           bool
	Hour, Attempts, Succeeded int64
	Outcomes                  []byte
	LastAttempt               int64
}

// Activity says how subscriptions of an organization fared within the last hours, in the order of ids, by one statement for all. Those
// that are not the organization's are left out; deleted ones are not.
func (s *Store) Activity(ctx context.Context, org models.ID, ids []models.ID, now time.Time) ([]models.Activity, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	first := hourOf(now) - (models.ActivityHours - 1)
	var rows []activityRow
	err := s.reader(ctx).Raw(activitySQL, map[string]any{
		"org": uid(org), "ids": s.dialect.idIn("s.id", ids), "subjects": s.dialect.idIn("subject_id", ids),
		"subscriptions": s.dialect.idIn("subscription_id", ids), "from": first,
	}).Scan(&rows).Error
	if err != nil {
		return nil, wrap("read activity", err)
	}
	found, last := make(map[models.ID]*models.Activity, len(ids)), make(map[models.ID]int64, len(ids))
	for i := range rows {
		if r := &rows[i]; r.Itself {
			found[models.ID(r.ID)] = newActivity(models.ID(r.ID), r.Sandbox, first)
		}
	}
	for i := range rows {
		r := &rows[i]
		a := found[models.ID(r.ID)]
		if a == nil || a.Sandbox != r.Sandbox {
			continue
		}
		last[a.SubscriptionID] = max(last[a.SubscriptionID], r.LastAttempt)
		if err := r.addTo(a, r.Hour-first); err != nil {
			return nil, wrap("read activity", err)
		}
	}
	var list []models.Activity
	for _, id := range ids {
		if a := found[id]; a != nil {
			a.LastAt, a.LastSuccess = parseLastAttempt(last[id])
			list = append(list, *a)
		}
	}
	return list, nil
}

// addTo counts the row in an hour of the activity, if it is one of these.
func (r *activityRow) addTo(a *models.Activity, place int64) error {
	if place < 0 || place >= models.ActivityHours {
		return nil
	}
	entry := tallies{}
	if err := entry.addEntry(r.Outcomes, 1); err != nil {
		return err
	}
	attempts, succeeded := entry.sums()
	a.Hours[place].Succeeded += succeeded + r.Succeeded
	a.Hours[place].Failed += attempts - succeeded + r.Attempts - r.Succeeded
	return nil
}

func newActivity(id models.ID, sandbox bool, first int64) *models.Activity {
	a := &models.Activity{SubscriptionID: id, Sandbox: sandbox}
	for i := range a.Hours {
		a.Hours[i].At = hourStart(first + int64(i))
	}
	return a
}

// countStatsSQL counts the attempts themselves.
const countStatsSQL = `
SELECT d.event_ref, a.started_at, a.success, a.reason, a.status_code, a.total_us
FROM attempts a JOIN deliveries d ON d.organization_id = a.organization_id AND d.id = a.delivery_id
WHERE a.organization_id = @org AND d.sandbox = @sandbox AND a.started_at >= @from AND a.started_at < @to AND @subscriptions`

// CountStats is [Store.Stats] by a query that reads all attempts of the organization. Where none was removed it must be the same, but for
// GaveUp, which attempts don't say; it is there to prove that.
func (s *Store) CountStats(ctx context.Context, q models.StatsQuery) ([]models.StatsBucket, error) {
	var rows []struct {
		EventRef   uid
		StartedAt  int64
		Success    bool
		Reason     string
		StatusCode int32
		TotalUs    int32
	}
	subscriptions := clause.Expr{SQL: "true"}
	if len(q.SubscriptionIDs) > 0 {
		subscriptions = s.dialect.idIn("d.subscription_id", q.SubscriptionIDs)
	}
	err := s.read.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.dialect.patient(tx); err != nil {
			return err
		}
		return tx.Raw(countStatsSQL, map[string]any{
			"org": uid(q.OrganizationID), "sandbox": q.Sandbox, "from": ms(q.From), "to": ms(q.To), "subscriptions": subscriptions,
		}).Scan(&rows).Error
	})
	if err != nil {
		return nil, wrap("count attempts", err)
	}
	var list []models.StatsBucket
	at := map[time.Time]*models.Counts{}
	for i := range rows {
		r := &rows[i]
		if models.ID(r.EventRef).Marked() { // a test
			continue
		}
		start := instant(r.StartedAt).Truncate(max(q.Interval, time.Hour))
		if at[start] == nil {
			at[start] = models.NewCounts()
			list = append(list, models.StatsBucket{At: start, Counts: at[start]})
		}
		a := models.Attempt{Success: r.Success, Reason: models.Reason(r.Reason), StatusCode: int(r.StatusCode)}
		at[start].Add(a.Outcome(), models.LatencyBucket(time.Duration(r.TotalUs)*time.Microsecond), false, 1)
	}
	slices.SortFunc(list, func(a, b models.StatsBucket) int { return a.At.Compare(b.At) })
	return list, nil
}

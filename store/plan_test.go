package store_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store/storetest"
)

// TestRecordGoesByThePrimaryKey holds the plan of the statement that records outcomes: one look-up for each of them, however large the
// table is and whatever the planner knows about it. A plan that compares rows with results would be quadratic, and was: 70 ms instead
// of one for a batch of 100.
func TestRecordGoesByThePrimaryKey(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx := t.Context()
	now := time.Now()
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
	require.NoError(t, s.CreateOrganization(ctx, org))
	sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
	owner, err := s.RegisterInstance(ctx, "a")
	require.NoError(t, err)
	accept := func(n int) []models.Result {
		var batch []*models.Accepted
		var results []models.Result
		for range n {
			ref := storetest.NewID()
			d := models.Delivery{
				ID: storetest.NewID(), OrganizationID: org.ID, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID,
				SubscriptionVersion: 1, Status: models.StatusDelivering, Owner: owner, CreatedAt: now,
			}
			batch = append(batch, &models.Accepted{
				Event:      models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: now, Matched: 1, Data: []byte(`{}`)},
				Deliveries: []models.Delivery{d},
			})
			results = append(results, models.Result{Delivery: d, Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: now, Success: true}})
		}
		_, err := s.SaveEvents(ctx, sub.Revision, batch)
		require.NoError(t, err)
		return results
	}
	removed := regexp.MustCompile(`Rows Removed by (?:Join )?Filter: (\d+)`)
	check := func(situation string, results []models.Result) {
		plan, err := s.ExplainRecord(ctx, now, results)
		require.NoError(t, err)
		text := strings.Join(plan, "\n")
		for _, m := range removed.FindAllStringSubmatch(text, -1) {
			n, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			require.LessOrEqual(t, n, len(results), "%s:\n%s", situation, text)
		}
		require.Contains(t, text, "pkey", "%s:\n%s", situation, text)
		require.NotContains(t, text, "owner_idx", "%s:\n%s", situation, text)
	}
	check("nothing known, 400 rows", accept(400))
	for range 6 { // finished ones, which leave dead entries in the index of owners
		_, err := s.Record(ctx, accept(400))
		require.NoError(t, err)
	}
	busy := accept(400)
	check("nothing known, 3,000 rows", accept(400)[:150])
	_, err = s.Rows(ctx, "ANALYZE deliveries")
	require.NoError(t, err)
	check("known, and newer rows than known", append(accept(400), busy[:50]...))
}

// TestHotStatements runs every hot statement under EXPLAIN ANALYZE on a table that has rows in it, and holds that each goes by an index.
// With -v it prints the plans: go test -v -run TestHotStatements ./store.
func TestHotStatements(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx, now := t.Context(), time.Now()
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
	require.NoError(t, s.CreateOrganization(ctx, org))
	sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
	owner, err := s.RegisterInstance(ctx, "a")
	require.NoError(t, err)
	events := func(n int, handed bool) (batch []*models.Accepted, results []models.Result) {
		for range n {
			ref := storetest.NewID()
			d := models.Delivery{
				ID: models.DeliveryID(ref, 0), OrganizationID: org.ID, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID,
				SubscriptionVersion: 1, Status: models.StatusPending, DueAt: now, CreatedAt: now,
			}
			if handed {
				d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{}
			}
			batch = append(batch, &models.Accepted{
				Event:      models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: now, Matched: 1, Data: []byte(`{}`)},
				Deliveries: []models.Delivery{d},
			})
			results = append(results, models.Result{Delivery: d, Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: now, Success: true}})
		}
		return batch, results
	}
	waiting, _ := events(500, false)
	_, err = s.SaveEvents(ctx, sub.Revision, waiting)
	require.NoError(t, err)
	handed, results := events(500, true)
	_, err = s.SaveEvents(ctx, sub.Revision, handed)
	require.NoError(t, err)
	_, err = s.Pulse(ctx, now, time.Hour)
	require.NoError(t, err)
	next, _ := events(100, true)
	subPlans := regexp.MustCompile(`(?m)^\s*SubPlan `)
	plans, err := s.ExplainHot(ctx, next, results[:100], owner, sub.ID, now)
	require.NoError(t, err)
	require.Len(t, plans, 6)
	for name, plan := range plans {
		text := strings.Join(plan, "\n")
		t.Logf("%s\n%s", name, text)
		require.Contains(t, text, "Execution Time", name)
		require.NotContains(t, text, "Seq Scan on deliveries", name)
		require.NotContains(t, text, "Seq Scan on events", name)
		if name == "backlog" {
			require.Len(t, subPlans.FindAllString(text, -1), 2, "the next lane, and when its first is due: once each")
		}
		if name == "claim" {
			require.Regexp(t, `Index Cond: .*due_at >= want\.earliest`, text, "it walks past what was claimed before")
		}
		if name == "claim" || name == "backlog" { // they visit a day once for each lane
			require.NotContains(t, text, "deliveries_"+now.UTC().AddDate(0, 0, 3).Format("20060102"), "%s looks at days that are made ahead", name)
		}
	}
}

// TestParkedGoByTheirIndex holds the plan of what a probe and a drain claim: by an index that has nothing but what is parked.
func TestParkedGoByTheirIndex(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	rows, err := s.Rows(t.Context(), `EXPLAIN SELECT id FROM deliveries WHERE subscription_id = ? AND due_at < 0
		ORDER BY due_at DESC LIMIT 64 FOR UPDATE SKIP LOCKED`, storetest.NewID().String())
	require.NoError(t, err)
	tables := 0
	for _, row := range rows {
		line, ok := row["QUERY PLAN"].(string)
		require.True(t, ok)
		require.NotContains(t, line, "Sort  (")
		if strings.Contains(line, " on deliveries_") {
			tables++
			require.Contains(t, line, "_subscription_id_due_at_idx")
		}
	}
	require.Positive(t, tables)
}

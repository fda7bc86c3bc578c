package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestStatisticsGoByIndexes holds that no question about statistics goes through the deliveries or attempts: what waits is found in the
// indexes of the queue, and the rest in hours and entries.
func TestStatisticsGoByIndexes(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := open(t), time.Now()
			ctx := t.Context()
			org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
			require.NoError(t, s.CreateOrganization(ctx, org))
			sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
			require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
			plan := func(rows []map[string]any, err error) string {
				require.NoError(t, err)
				var lines []string
				for _, r := range rows {
					for _, column := range []string{"QUERY PLAN", "detail"} {
						if line, ok := r[column]; ok {
							lines = append(lines, fmt.Sprint(line))
						}
					}
				}
				require.NotEmpty(t, lines)
				return strings.Join(lines, "\n")
			}
			waiting := plan(s.ExplainWaiting(ctx, org.ID, sub.ID))
			queue, parked := "deliveries_queue", "deliveries_parked"
			if name == "postgres" { // those of the partitions
				queue, parked = "_subscription_id_due_at_id_idx", "_subscription_id_due_at_idx"
			}
			require.Contains(t, waiting, queue)
			require.Contains(t, waiting, parked)
			require.NotContains(t, waiting, "Seq Scan on deliveries")
			require.NotContains(t, waiting, "SCAN d")
			require.NotContains(t, waiting, "_subscription_id_id_idx")

			stats := plan(s.ExplainStats(ctx, org.ID, sub.ID))
			require.NotContains(t, stats, "deliveries")
			require.NotContains(t, stats, "attempts")
			require.NotContains(t, stats, "SCAN stat_hours")
			require.NotContains(t, stats, "Seq Scan on stat_hours")
			if name == "postgres" {
				require.Regexp(t, `Index Cond: .*subject_id = ANY.* AND \(hour >= `, stats)
			} else {
				require.Contains(t, stats, "(organization_id=? AND subject_id=? AND sandbox=? AND hour>?)")
			}

			failing := plan(s.ExplainFailing(ctx, org.ID, sub.ID))
			require.NotContains(t, failing, "Seq Scan on stat_hours")
			if name == "sqlite" { // the order is written down; Postgres chooses by what there is
				require.Contains(t, failing, "SEARCH stat_hours USING INDEX stat_hours_hour")
			}
		})
	}
}

// TestReplaysGoByTheirIndex holds that an event's replays are not looked for among all deliveries that are newer than it. Postgres chooses by
// what there is.
func TestReplaysGoByTheirIndex(t *testing.T) {
	t.Parallel()
	lines, err := storetest.SQLite(t).ExplainReplays(t.Context(), storetest.NewID(), storetest.NewID())
	require.NoError(t, err)
	require.Contains(t, strings.Join(lines, "\n"), "USING INDEX deliveries_replay (organization_id=? AND event_ref=?)")
}

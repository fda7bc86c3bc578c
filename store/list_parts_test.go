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

// TestListPartsGoByIndexes holds that what bounds a part of a list is found by indexes, and that the part itself is a range of the
// primary key, whatever the filter.
func TestListPartsGoByIndexes(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := open(t), time.Now()
			org, id := storetest.NewID(), storetest.NewID()
			for what, q := range map[string]models.DeliveryQuery{
				"status":       {Status: models.StatusFailed},
				"subscription": {SubscriptionID: id, Status: models.StatusFailed},
				"time":         {From: now.Add(-time.Hour), To: now, EventName: "signer.*"},
				"further back": {After: id, Status: models.StatusFailed},
			} {
				q.OrganizationID, q.Limit = org, 51
				requireIndexed(t, what, s.ExplainDeliveryPart(t.Context(), q))
			}
			for what, q := range map[string]models.EventQuery{
				"name": {Name: "signer.*"}, "entity": {EntityKey: "a"}, "parent": {ParentKey: "a"}, "unmatched": {Unmatched: true}, "after": {After: id},
			} {
				q.OrganizationID, q.Limit = org, 51
				requireIndexed(t, what, s.ExplainEventPart(t.Context(), q))
			}
		})
	}
}

func requireIndexed(t *testing.T, what string, statements []store.Explained) {
	t.Helper()
	require.NotEmpty(t, statements)
	for _, e := range statements {
		require.NoError(t, e.Err)
		var lines []string
		for _, r := range e.Rows {
			for _, column := range []string{"QUERY PLAN", "detail"} {
				if line, ok := r[column]; ok {
					lines = append(lines, fmt.Sprint(line))
				}
			}
		}
		plan := strings.Join(lines, "\n")
		require.NotEmpty(t, plan)
		for _, bad := range []string{"Seq Scan", "SCAN deliveries", "SCAN events", "USE TEMP B-TREE", "->  Sort\n"} {
			require.NotContains(t, plan, bad, "%s: %s\n%s", what, e.SQL, plan)
		}
	}
}

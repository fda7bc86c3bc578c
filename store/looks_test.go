package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/store"
	"hookrouter/store/storetest"
)

func TestLooks(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			ctx := t.Context()
			dead, err := s.RegisterInstance(ctx, "dead")
			require.NoError(t, err)
			live, err := s.RegisterInstance(ctx, "live")
			require.NoError(t, err)
			require.NoError(t, s.Deregister(ctx, dead))
			list, err := s.Instances(ctx, time.Now())
			require.NoError(t, err)
			require.Len(t, list, 2)
			require.Equal(t, []any{live, "live", true}, []any{list[0].ID, list[0].Name, list[0].Live()})
			require.Equal(t, []any{dead, true, false}, []any{list[1].ID, list[1].Dead, list[1].Live()})
			if name == "sqlite" { // where the process's clock is the one that counts
				list, err = s.Instances(ctx, time.Now().Add(time.Hour))
				require.NoError(t, err)
				require.False(t, list[0].Live())
				require.Greater(t, list[0].Silent, 59*time.Minute)
			}

			floor, err := s.QueueFloor(ctx)
			require.NoError(t, err)
			require.Equal(t, int64(0), floor.Time().Unix())

			found, err := s.Storage(ctx, 1000)
			require.NoError(t, err)
			require.Positive(t, found.Bytes)
			require.False(t, found.More)
			if name == "sqlite" {
				require.GreaterOrEqual(t, found.Free, int64(0))
				require.Empty(t, found.Parts)
				return
			}
			days := map[string]int{}
			for _, p := range found.Parts {
				require.Positive(t, p.Bytes)
				if p.Day.IsZero() {
					days["default of "+p.Table]++
				}
				days[p.Table]++
			}
			require.Equal(t, map[string]int{
				"events": 10, "deliveries": 10, "attempts": 10, "default of events": 1, "default of deliveries": 1, "default of attempts": 1,
			}, days, "yesterday, today, seven days ahead, default")
			require.True(t, found.Parts[0].Day.IsZero(), "what should be empty comes first")
			require.True(t, found.Parts[3].Day.After(found.Parts[29].Day), "then the newest")
			found, err = s.Storage(ctx, 4)
			require.NoError(t, err)
			require.Len(t, found.Parts, 4)
			require.True(t, found.More)
		})
	}
}

// TestAuditPlans reads how the audit log is looked through: by the organization or the object, newest first, without sorting.
func TestAuditPlans(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	id := storetest.NewID()
	for query, index := range map[string]string{
		"organization_id = ?":                       "audit_entries_organization",
		"organization_id = ? AND id < x'00'":        "audit_entries_organization",
		"organization_id = ? AND object_id = 'x'":   "audit_entries_object",
		"organization_id = ? AND actor = 'program'": "audit_entries_organization",
	} {
		rows, err := s.Rows(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM audit_entries WHERE "+query+" ORDER BY id DESC LIMIT 10", id[:])
		require.NoError(t, err)
		plan := fmt.Sprint(rows)
		require.Contains(t, plan, index, query)
		require.NotContains(t, plan, "TEMP B-TREE", query)
	}
}

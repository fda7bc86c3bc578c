package store_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestMain runs fewer random command sequences than rapid's default of 100: each step is several real statements, and SQLite in Go is
// slow under the race detector. The flag goes before it.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "8"); err != nil {
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, storetest.SQLiteURL)
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	storetest.Exercise(t, storetest.PostgresURL)
}

// TestMigrateFromNothing starts several instances at once on an empty database.
func TestMigrateFromNothing(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLiteURL, "postgres": storetest.EmptyPostgresURL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := url(t)
			var stores []*store.Store
			for range 3 {
				s, err := store.Open(t.Context(), store.Options{URL: address, MasterKeys: [][]byte{storetest.MasterKey(1)}})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, s.Close()) })
				stores = append(stores, s)
			}
			errs := make([]error, len(stores))
			var wg sync.WaitGroup
			for i, s := range stores {
				wg.Go(func() { errs[i] = s.Migrate(t.Context()) })
			}
			wg.Wait()
			for i, s := range stores {
				require.NoError(t, errs[i])
				require.NoError(t, s.Migrate(t.Context()), "again")
				require.NoError(t, s.CheckMasterKey(t.Context()))
			}
		})
	}
}

// TestSchemasAgree compares the tables of both dialects: the same columns, NULL in the same places.
func TestSchemasAgree(t *testing.T) {
	t.Parallel()
	sqlite, err := storetest.SQLite(t).Rows(t.Context(), `SELECT m.name AS "table", c.name AS "column", c."notnull" = 0 AS nullable
		FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name NOT LIKE 'goose_%'`)
	require.NoError(t, err)
	postgres, err := storetest.Postgres(t).Rows(t.Context(), `SELECT c.relname AS "table", a.attname AS "column", NOT a.attnotnull AS nullable
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0
		  AND NOT a.attisdropped AND c.relname NOT LIKE 'goose_%'`)
	require.NoError(t, err)
	columns := func(rows []map[string]any) []string {
		var list []string
		for _, r := range rows {
			nullable := fmt.Sprint(r["nullable"])
			list = append(list, fmt.Sprintf("%v.%v nullable=%t", r["table"], r["column"], nullable == "true" || nullable == "1"))
		}
		return list
	}
	require.Greater(t, len(sqlite), 100)
	// On SQLite, triggers keep the sums of the ledger and there are no entries.
	both := slices.DeleteFunc(postgres, func(r map[string]any) bool { return r["table"] == "ledger_entries" })
	// And entries of the statistics come in by one.
	sqlite = slices.DeleteFunc(sqlite, func(r map[string]any) bool { return r["table"] == "attempts" && r["column"] == "tally" })
	require.ElementsMatch(t, columns(sqlite), columns(both))
}

// TestPlans reads how the statements that run all the time go about it: on SQLite by the partial indexes of what waits.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	plan := func(query string, args ...any) string {
		rows, err := s.Rows(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
		require.NoError(t, err)
		var lines []string
		for _, r := range rows {
			lines = append(lines, fmt.Sprint(r["detail"]))
		}
		return strings.Join(lines, "\n")
	}
	id := storetest.NewID()
	named := map[string]any{"since": gorm.Expr("true"), "within": gorm.Expr("true"), "after": id[:], "now": 1, "until": 1, "limit": 10, "silent": 1, "forgotten": 1}
	for name, c := range map[string]struct{ plan, index string }{
		"backlog": {plan(store.BacklogSQL, named), "deliveries_queue"},
		"pulse":   {plan(store.PulseSQL, named), "deliveries_due"},
		"handed":  {plan("SELECT id FROM deliveries WHERE "+store.HandedSQL, 1, 1), "deliveries_owner"},
		"claimed": {plan("SELECT id FROM deliveries WHERE owner = ? AND owner > 0 AND due_at > 0", 1), "deliveries_claimed"},
		"claim": {plan(`SELECT organization_id, id FROM deliveries WHERE subscription_id = ? AND due_at > 0 AND owner = 0 AND due_at <= ?
			ORDER BY due_at, id LIMIT ?`, id[:], 1, 1), "deliveries_queue"},
		"parked": {plan("SELECT id FROM deliveries WHERE subscription_id = ? AND due_at < 0 ORDER BY due_at DESC LIMIT ?", id[:], 1), "deliveries_parked"},
	} {
		require.Contains(t, c.plan, c.index, name)
		require.NotContains(t, c.plan, "SCAN deliveries", name)
		require.NotContains(t, c.plan, "TEMP B-TREE", name)
	}
}

// TestPartitions covers the days that were not prepared in time: their rows go to the default partition and move when the day is made.
func TestPartitions(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx := t.Context()
	partitions := func(table string) []string {
		rows, err := s.Rows(ctx, `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
			WHERE i.inhparent = CAST(? AS regclass) ORDER BY 1`, table)
		require.NoError(t, err)
		var names []string
		for _, r := range rows {
			names = append(names, fmt.Sprint(r["name"]))
		}
		return names
	}
	before := partitions("events")
	require.Len(t, before, 10, "yesterday, today, seven days ahead, default")
	require.Contains(t, before, "events_"+time.Now().UTC().Format("20060102"))

	day := time.Date(2031, 5, 6, 0, 0, 0, 0, time.UTC)
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: day}
	require.NoError(t, s.CreateOrganization(ctx, org))
	sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
	owner, err := s.RegisterInstance(ctx, "a")
	require.NoError(t, err)
	instants := []time.Time{day.Add(-time.Millisecond), day, day.Add(24*time.Hour - time.Millisecond), day.Add(24 * time.Hour)}
	var batch []*models.Accepted
	var results []models.Result
	for _, at := range instants {
		ref := models.FloorID(at)
		a := &models.Accepted{Event: models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: at, Matched: 1, Data: []byte(`{}`)}}
		a.Deliveries = []models.Delivery{{
			ID: ref, OrganizationID: org.ID, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID, SubscriptionVersion: 1,
			Status: models.StatusDelivering, Owner: owner, CreatedAt: at,
		}}
		batch = append(batch, a)
		results = append(results, models.Result{Delivery: a.Deliveries[0], Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: at, Success: true}})
	}
	_, err = s.SaveEvents(ctx, sub.Revision, batch)
	require.NoError(t, err)
	fenced, err := s.Record(ctx, results)
	require.NoError(t, err)
	require.Empty(t, fenced)
	for range 2 {
		require.NoError(t, s.EnsurePartitions(ctx, day, day))
	}
	for _, table := range []string{"events", "deliveries", "attempts"} {
		require.Contains(t, partitions(table), table+"_20310506")
		rows, err := s.Rows(ctx, fmt.Sprintf("SELECT count(*) AS n FROM %s_20310506", table))
		require.NoError(t, err)
		require.EqualValues(t, 2, rows[0]["n"], table)
		rows, err = s.Rows(ctx, fmt.Sprintf("SELECT count(*) AS n FROM %s", table))
		require.NoError(t, err)
		require.EqualValues(t, 4, rows[0]["n"], table)
	}
	attempts, err := s.Attempts(ctx, org.ID, batch[1].Deliveries[0].ID)
	require.NoError(t, err)
	require.Len(t, attempts, 1)
	rows, err := s.Rows(ctx, "SELECT reloptions FROM pg_class WHERE relname = 'deliveries_20310506'")
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(rows[0]["reloptions"]), "fillfactor=50")
	require.NoError(t, storetest.SQLite(t).EnsurePartitions(ctx, day, day), "nothing to do")
}

// TestOneProcessServesSQLite covers the guard: the second is refused, commands are not, and closing gives it back.
func TestOneProcessServesSQLite(t *testing.T) {
	t.Parallel()
	url := storetest.SQLiteURL(t)
	open := func() *store.Store {
		s, err := store.Open(t.Context(), store.Options{URL: url, MasterKeys: [][]byte{storetest.MasterKey(1)}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	first, second := open(), open()
	require.NoError(t, first.Migrate(t.Context()))
	require.NoError(t, first.LockProcess())
	require.NoError(t, first.LockProcess(), "again")
	err := second.LockProcess()
	require.Equal(t, models.CodeConflict, models.CodeOf(err))
	require.ErrorContains(t, err, "Another process")
	require.NoError(t, second.Migrate(t.Context()), "a command works beside the server")
	_, err = second.Organizations(t.Context())
	require.NoError(t, err)
	require.NoError(t, first.Close())
	require.NoError(t, second.LockProcess())

	pg := storetest.Postgres(t)
	require.NoError(t, pg.LockProcess())
	require.NoError(t, storetest.Open(t, store.Options{URL: storetest.PostgresURL(t)}).LockProcess())
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    store.Options
		code models.Code
	}{
		"no URL":         {store.Options{}, models.CodeInvalid},
		"another scheme": {store.Options{URL: "mysql://root:s3cret@h/db"}, models.CodeInvalid},
		"no path":        {store.Options{URL: "sqlite://"}, models.CodeInvalid},
		"memory":         {store.Options{URL: "sqlite://:memory:"}, models.CodeInvalid},
		"broken URL":     {store.Options{URL: "postgres://u:s3cret@h:port/db"}, models.CodeInvalid},
		"short key":      {store.Options{URL: "sqlite://x.db", MasterKeys: [][]byte{[]byte("s3cret")}}, models.CodeInvalid},
		"nobody there":   {store.Options{URL: "postgres://u:s3cret@127.0.0.1:1/db?connect_timeout=2"}, models.CodeUnavailable},
		"no such folder": {store.Options{URL: "sqlite:///nonexistent/s3cret/x.db"}, models.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), c.o)
			require.Error(t, err)
			require.Equal(t, c.code, models.CodeOf(err), "%v", err)
			if !strings.HasPrefix(c.o.URL, "sqlite") {
				require.NotContains(t, err.Error(), "s3cret")
			}
		})
	}
}

package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// listener collects what a store hears.
func listener(t *testing.T, s *store.Store, self models.ID) (heard chan []models.ID, ended chan error) {
	t.Helper()
	heard, ended = make(chan []models.ID, 100), make(chan error, 1)
	go func() {
		ended <- s.Listen(t.Context(), self, func(to int64, subs []models.ID) {
			require.Equal(t, int64(len(subs)), to)
			heard <- subs
		})
	}()
	require.Empty(t, within(t, heard), "it listens")
	return heard, ended
}

func within[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(20 * time.Second):
		require.Fail(t, "nothing came")
	}
	return got
}

// TestHints sends hints from one instance to another over one Postgres.
func TestHints(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	one, two := storetest.Open(t, store.Options{URL: url}), storetest.Open(t, store.Options{URL: url})
	a, b := models.ID{0xa}, models.ID{0xb}
	heard, ended := listener(t, two, b)
	ids := []models.ID{storetest.NewID(), storetest.NewID()}
	number, err := two.RegisterInstance(t.Context(), "two")
	require.NoError(t, err)
	gone, err := two.RegisterInstance(t.Context(), "gone")
	require.NoError(t, err)
	require.NoError(t, two.Deregister(t.Context(), gone))
	senders, err := one.Senders(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int64{number}, senders)
	require.NoError(t, two.Hint(t.Context(), b, 2, ids), "its own, which it does not follow")
	require.NoError(t, one.Hint(t.Context(), a, 2, ids))
	require.Equal(t, ids, within(t, heard))
	require.NoError(t, one.Hint(t.Context(), a, 0, nil))
	require.Empty(t, within(t, heard))
	require.NoError(t, one.Hint(t.Context(), a, store.MaxHinted, make([]models.ID, store.MaxHinted)))
	require.Len(t, within(t, heard), store.MaxHinted)
	require.Equal(t, models.CodeInvalid, models.CodeOf(one.Hint(t.Context(), a, 0, make([]models.ID, store.MaxHinted+1))))

	rows, err := one.Rows(t.Context(), "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()")
	require.NoError(t, err)
	require.EqualValues(t, 1, rows[0]["n"])
	require.Error(t, within(t, ended), "the connection is lost")
	heard, ended = listener(t, two, b)
	require.NoError(t, one.Hint(t.Context(), a, 2, ids))
	require.Equal(t, ids, within(t, heard))
	require.Empty(t, ended)
}

// TestHintsOnSQLite has nobody to tell.
func TestHintsOnSQLite(t *testing.T) {
	t.Parallel()
	s := storetest.SQLite(t)
	before := s.Statements()
	require.NoError(t, s.Hint(t.Context(), models.ID{0xa}, 0, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.Listen(ctx, models.ID{0xa}, func(int64, []models.ID) { t.Error("heard something") }), context.Canceled)
	require.Equal(t, before, s.Statements())
}

package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/stretchr/testify/require"

	"hookrouter/store"
	"hookrouter/store/storetest/cluster"
)

// MasterKey is a master key for tests; different bytes make different keys.
func MasterKey(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

// server is the Postgres of this test binary, and how to make databases on it.
type server struct {
	admin    *sql.DB
	template string
	strategy string // how a copy of the template is made
	url      func(database string) string
	private  bool // it goes with the process, and its databases with it
}

// theServer is started by the first test that asks.
var theServer = sync.OnceValues(startServer)

var databases atomic.Int64

// PostgresURL is the address of a new database with the schema in it and no master key's mark, which goes with the test. Without
// Postgres on the machine the test fails with what to install.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, true)
}

// EmptyPostgresURL is the address of a new database with nothing in it.
func EmptyPostgresURL(tb testing.TB) string {
	tb.Helper()
	return newDatabase(tb, false)
}

// SQLiteURL is the address of a database file that does not exist yet, in a folder that goes with the test.
func SQLiteURL(tb testing.TB) string {
	tb.Helper()
	return "sqlite://" + filepath.Join(memoryDir(tb), "hookrouter.db")
}

// memoryDir is a folder in memory where there is room, because SQLite syncs every commit; else on disk.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	memory := cluster.MemoryFolder(1 << 30)
	if memory == "" {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(memory, "hookrouter-test-")
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { require.NoError(tb, os.RemoveAll(dir)) })
	return dir
}

// Postgres is a store on a new Postgres database, migrated.
func Postgres(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, store.Options{URL: PostgresURL(tb)})
}

// SQLite is a store on a new SQLite file, migrated.
func SQLite(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, store.Options{URL: SQLiteURL(tb)})
}

// Open opens and migrates a store that is closed with the test. It fills in a master key where there is none.
func Open(tb testing.TB, o store.Options) *store.Store {
	tb.Helper()
	if o.MasterKeys == nil {
		o.MasterKeys = [][]byte{MasterKey(1)}
	}
	o.AheadOfServer = true
	s, err := store.Open(tb.Context(), o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	require.NoError(tb, s.Migrate(tb.Context()))
	return s
}

func newDatabase(tb testing.TB, migrated bool) string {
	tb.Helper()
	srv, err := theServer()
	require.NoError(tb, err, "Postgres for tests")
	name := fmt.Sprintf("hookrouter_test_%d_%d", os.Getpid(), databases.Add(1))
	query := fmt.Sprintf(`CREATE DATABASE %q`, name)
	if migrated {
		query += fmt.Sprintf(` TEMPLATE %q`, srv.template) + srv.strategy
	}
	_, err = srv.admin.ExecContext(tb.Context(), query)
	require.NoError(tb, err)
	if srv.private {
		return srv.url(name)
	}
	tb.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_, err := srv.admin.ExecContext(ctx, fmt.Sprintf(`DROP DATABASE %q WITH (FORCE)`, name))
		require.NoError(tb, err)
	})
	return srv.url(name)
}

func startServer() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	srv := &server{template: fmt.Sprintf("hookrouter_template_%d", os.Getpid())}
	adminURL := os.Getenv("TEST_POSTGRES_URL")
	if adminURL == "" {
		c, err := cluster.Start(ctx, cluster.Options{})
		if err != nil {
			return nil, fmt.Errorf("%w (or set TEST_POSTGRES_URL to a server that may be used)", err)
		}
		srv.private, srv.url, adminURL = true, c.URL, c.URL("postgres")
	} else {
		base, err := url.Parse(adminURL)
		if err != nil {
			return nil, fmt.Errorf("TEST_POSTGRES_URL is not a URL")
		}
		srv.url = func(database string) string {
			u := *base
			u.Path = "/" + database
			return u.String()
		}
	}
	var err error
	if srv.admin, err = sql.Open("pgx", adminURL); err != nil {
		return nil, fmt.Errorf("open admin connection: %w", err)
	}
	if err := waitForServer(ctx, srv.admin); err != nil {
		return nil, err
	}
	var version int
	if err := srv.admin.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return nil, fmt.Errorf("ask the server's version: %w", err)
	}
	if version >= 150000 { // before that it was the only one
		srv.strategy = " STRATEGY FILE_COPY"
	}
	if _, err := srv.admin.ExecContext(ctx, fmt.Sprintf(`CREATE DATABASE %q`, srv.template)); err != nil {
		return nil, fmt.Errorf("create template: %w", err)
	}
	s, err := store.Open(ctx, store.Options{URL: srv.url(srv.template)})
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, err
	}
	return srv, s.Close()
}

// waitForServer pings until the server, which may be starting, takes connections.
func waitForServer(ctx context.Context, db *sql.DB) error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("postgres does not answer: %w", err)
		case <-poll.C:
		}
	}
}

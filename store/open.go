package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"hookrouter/models"
)

// Options configures a [Store].
type Options struct {
	// URL is postgres://… as pgx reads it, or sqlite://PATH, where PATH is relative or absolute.
	URL string
	// MasterKeys are 32 bytes each. The first seals, all open. Without any, nothing that holds a secret can be written or read.
	MasterKeys [][]byte
	Now        func() time.Time // default time.Now
	Logger     *slog.Logger     // default: nothing is logged
	NewID      func() models.ID // default: version 7 UUIDs
	// AheadOfServer lets things be removed by a clock that is ahead of the database server's. It is for tests, which have clocks of their own.
	AheadOfServer bool
}

// Store is the database. It is safe for concurrent use.
type Store struct {
	// accept takes events, write everything else, watch and read what need not see uncommitted work: watch for the work of the
	// instance itself, read for whoever asks. On Postgres write and watch are the same, and read stands alone, so that no number of
	// slow lists keeps a heartbeat waiting. On SQLite accept and write are, and have the one connection that writes, and watch and
	// read are.
	accept, record, write, watch, read *gorm.DB
	dialect                            dialect
	keys                               *keyring
	aheadOfServer                      bool
	now                                func() time.Time
	newID                              func() models.ID
	logger                             *slog.Logger
	closers                            []*sql.DB

	statements atomic.Int64
	unfolded   atomic.Int64 // outcomes recorded since the last fold
	process    processLock
	hints      hints
	queueFloor atomic.Pointer[models.ID] // see floor
	lost       lostSaves

	backlogMu sync.Mutex
	// backlogAfter is where the last Backlog stopped for its limit, so that the next goes on from there.
	backlogAfter models.ID
}

// Open connects to the database. It does not migrate: see [Store.Migrate].
func Open(ctx context.Context, o Options) (*Store, error) {
	keys, err := newKeyring(o.MasterKeys)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{keys: keys, now: o.Now, newID: o.NewID, aheadOfServer: o.AheadOfServer, logger: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // the default of the Now field
	}
	if s.newID == nil {
		s.newID = newUUIDv7
	}
	scheme, rest, _ := strings.Cut(o.URL, "://")
	switch scheme {
	case "postgres", "postgresql":
		err = s.openPostgres(o.URL)
	case "sqlite":
		err = s.openSQLite(ctx, rest)
	default:
		err = models.Errorf(models.CodeInvalid, "The database URL begins with postgres:// or sqlite://.")
	}
	if err == nil {
		err = s.Ping(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store: %w", err), s.Close())
	}
	return s, nil
}

// newUUIDv7 panics only where the system has no randomness, and then nothing else works either.
func newUUIDv7() models.ID { return models.ID(uuid.Must(uuid.NewV7())) }

// Close ends all connections and gives the process lock back.
func (s *Store) Close() error {
	var errs []error
	for _, db := range s.closers {
		errs = append(errs, db.Close())
	}
	errs = append(errs, s.process.release())
	return errors.Join(errs...)
}

// Ping reports whether the database answers; an error has the code unavailable. It does not wait for a connection of the readers:
// lists that are slow do not make an instance unfit.
func (s *Store) Ping(ctx context.Context) error {
	for _, db := range []*gorm.DB{s.accept, s.record, s.write} {
		conns, err := db.DB()
		if err == nil {
			err = conns.PingContext(ctx)
		}
		if err != nil {
			return wrap("ping", &models.Error{Code: models.CodeUnavailable, Message: "The database does not answer.", Err: err})
		}
	}
	return nil
}

// Dialect is "postgres" or "sqlite".
func (s *Store) Dialect() string { return s.dialect.name() }

// Committers is how many commits of events may usefully run side by side.
func (s *Store) Committers() int { return s.dialect.committers() }

// Statements is how many SQL statements were sent since Open, BEGIN, COMMIT and ROLLBACK included.
func (s *Store) Statements() int64 { return s.statements.Load() }

// watcher is for the queries of the instance's own work that need not see uncommitted work.
func (s *Store) watcher(ctx context.Context) *gorm.DB { return s.watch.WithContext(ctx) }

// reader is for the lists and look-ups that are asked for. On Postgres one that takes too long ends with the code unavailable.
func (s *Store) reader(ctx context.Context) *gorm.DB { return s.read.WithContext(ctx) }

// writer runs single statements that commit by themselves.
func (s *Store) writer(ctx context.Context) *gorm.DB { return s.write.WithContext(ctx) }

// tx runs fn in one transaction: an error of fn rolls back.
func (s *Store) tx(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return s.write.WithContext(ctx).Transaction(fn)
}

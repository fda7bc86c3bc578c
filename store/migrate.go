package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"hookrouter/models"
)

//go:embed migrations
var migrationFiles embed.FS

// Partitions are made this many days back and ahead of now.
const (
	daysBack  = 1 // for clocks that are behind
	daysAhead = 7 // so that a week without a start or a sweep costs nothing
)

// Migrate brings the schema up to date, makes the partitions of the days around now, and checks the master key where one is
// given. Any number of instances may call it at the same time, and it may be called again.
func (s *Store) Migrate(ctx context.Context) error {
	folder, dialect := s.dialect.migrations()
	files, err := fs.Sub(migrationFiles, folder)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	locked, err := s.dialect.migrationLock()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	db, err := s.write.DB()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(dialect, db, files, locked, goose.WithDisableGlobalRegistry(true), goose.WithSlog(s.logger))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return wrap("migrate", err)
	}
	if err := s.checkSchema(ctx); err != nil {
		return err
	}
	today := s.now()
	if err := s.EnsurePartitions(ctx, today.AddDate(0, 0, -daysBack), today.AddDate(0, 0, daysAhead)); err != nil {
		return err
	}
	if len(s.keys.keys) == 0 {
		return nil
	}
	return s.CheckMasterKey(ctx)
}

// EnsurePartitions makes the daily partitions from the day of from to the day of to, both included, in UTC. Days that exist stay
// as they are. On SQLite, which has no partitions, it does nothing. Call it at least every few days while running.
func (s *Store) EnsurePartitions(ctx context.Context, from, to time.Time) error {
	return wrap("make partitions", s.dialect.ensurePartitions(ctx, s, from, to))
}

func (postgresDialect) migrations() (string, goose.Dialect) {
	return "migrations/postgres", goose.DialectPostgres
}

func (postgresDialect) migrationLock() (goose.ProviderOption, error) {
	// Every second, for five minutes.
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return nil, err
	}
	return goose.WithSessionLocker(locker), nil
}

func (d *sqliteDialect) migrations() (string, goose.Dialect) {
	return "migrations/sqlite", goose.DialectSQLite3
}

func (d *sqliteDialect) migrationLock() (goose.ProviderOption, error) {
	return goose.WithLocker(&migrationFileLock{path: d.path + ".migrate.lock"}), nil
}

func (d *sqliteDialect) ensurePartitions(context.Context, *Store, time.Time, time.Time) error {
	return nil
}

// checkSchema refuses a database whose first migration ran before it had its present form. Nothing was released then, so there is no way
// from there to here; without the check the first publish would fail instead.
func (s *Store) checkSchema(ctx context.Context) error {
	if err := s.writer(ctx).Exec("SELECT handed_from, swept FROM instances WHERE id = 0").Error; err != nil {
		return wrap("check the schema", models.Errorf(models.CodeConflict,
			"This database was made by a development version from before 21 November 2026, which can't be migrated. Make a new one."))
	}
	return nil
}

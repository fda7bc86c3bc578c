package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"

	"hookrouter/models"
)

// sqliteDialect is SQLite: one file, one process, one writer. See [dialect].
type sqliteDialect struct{ path string }

var _ dialect = (*sqliteDialect)(nil)

// openSQLite opens the file twice: one connection that writes, because SQLite has one writer at a time and waiting for it in a
// queue is five times faster than contending for it, and some that only read.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	if path == "" || strings.Contains(path, ":memory:") {
		return models.Errorf(models.CodeInvalid, "A sqlite:// URL names a file.")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the database file: %w", err)
	}
	s.dialect = &sqliteDialect{path: path}
	// SQLite would make the file readable for everyone, and it holds payloads. It gives its side files the same mode. Where the file
	// can't be made, opening it says why.
	if f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err == nil { // #nosec G304 -- the operator's own database
		_ = f.Close()
	}
	open := func(readOnly bool, maxOpen int) (*gorm.DB, error) {
		db, err := sql.Open("sqlite", sqliteDSN(path, readOnly))
		if err != nil {
			return nil, err
		}
		s.closers = append(s.closers, db)
		db.SetMaxOpenConns(maxOpen)
		db.SetMaxIdleConns(maxOpen) // connections to a file do not go stale, and opening one costs its caches
		if err := db.PingContext(ctx); err != nil {
			return nil, err
		}
		conn := &pool{DB: db, count: &s.statements}
		if !readOnly {
			conn.prepared = &prepared{db: db, list: map[string]*sql.Stmt{}}
		}
		dialector := gormsqlite.New(gormsqlite.Config{Conn: conn}).(*gormsqlite.Dialector)
		return gorm.Open(&moderncDialector{dialector}, gormConfig(s.logger))
	}
	if s.write, err = open(false, 1); err != nil {
		return wrap("open the database file", err)
	}
	s.accept, s.record = s.write, s.write
	if s.read, err = open(true, max(4, runtime.GOMAXPROCS(0))); err != nil {
		return wrap("open the database file", err)
	}
	s.watch = s.read
	s.statements.Store(0) // gorm asks for the version
	return nil
}

// sqliteDSN is the connection string.
//
//   - synchronous(FULL): in WAL the commit is synced, so an acknowledged event survives a power cut.
//   - _txlock=immediate: a transaction takes the write lock at its start. Otherwise one that reads before it writes fails at once
//     with SQLITE_BUSY_SNAPSHOT, whatever busy_timeout says.
//   - busy_timeout: five seconds, for the moments when a command of the CLI writes to the same file.
//   - cache_size: 32 MiB of pages for the writer, so that the top of the indexes stays in memory.
func sqliteDSN(path string, readOnly bool) string {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(5000)")
	if readOnly {
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Set("_txlock", "immediate")
		q.Add("_pragma", "journal_mode(WAL)")
		q.Add("_pragma", "synchronous(FULL)")
		q.Add("_pragma", "foreign_keys(1)")
		q.Add("_pragma", "cache_size(-32768)")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// patient does nothing: there is no limit.
func (d *sqliteDialect) patient(*gorm.DB) error { return nil }

// moderncDialector is gorm's dialector of SQLite on the driver that needs no cgo; it teaches it that driver's errors.
type moderncDialector struct{ *gormsqlite.Dialector }

// Translate turns the driver's errors into gorm's.
func (d *moderncDialector) Translate(err error) error {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch {
		case isDuplicate(e):
			return fmt.Errorf("%w: %w", gorm.ErrDuplicatedKey, err)
		case isForeignKey(e):
			return fmt.Errorf("%w: %w", gorm.ErrForeignKeyViolated, err)
		}
	}
	return err
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"hookrouter/models"
)

// processLock is an exclusive flock(2) on a file. The kernel gives it back when the process ends, however it ends.
type processLock struct {
	mu   sync.Mutex
	file *os.File
}

// take takes the lock at once or reports that another process has it.
func (l *processLock) take(path string) (taken bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil {
		return true, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // #nosec G304 -- beside the operator's own database file
	if err != nil {
		return false, fmt.Errorf("open lock file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		closeErr := f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return false, closeErr
		}
		return false, errors.Join(fmt.Errorf("lock file: %w", err), closeErr)
	}
	l.file = f
	return true, nil
}

func (l *processLock) release() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	// Closing would give the lock back too, but not while a child that is being forked at this moment has the file open.
	err := errors.Join(syscall.Flock(int(l.file.Fd()), syscall.LOCK_UN), l.file.Close())
	l.file = nil
	return err
}

// LockProcess makes this process the only one that serves a SQLite file, until [Store.Close]. Commands that only look or change
// settings do not take it. A second taker gets the code conflict. On Postgres, where instances work side by side, it does nothing.
func (s *Store) LockProcess() error {
	d, ok := s.dialect.(*sqliteDialect)
	if !ok {
		return nil
	}
	taken, err := s.process.take(d.path + ".lock")
	if err != nil {
		return wrap("lock the database file", err)
	}
	if !taken {
		return wrap("lock the database file", models.Errorf(models.CodeConflict,
			"Another process serves this SQLite file. One process at a time can; use Postgres for several."))
	}
	return nil
}

// migrationFileLock keeps processes that start at the same time from migrating the same SQLite file at the same time.
type migrationFileLock struct {
	path string
	lock processLock
}

// migrationPoll is how often a waiting process looks again. Failure policy: it waits as long as its context lets it, because the
// other one is migrating and a start without the schema would fail anyway.
const migrationPoll = 20 * time.Millisecond

// Lock is part of goose's lock.Locker.
func (l *migrationFileLock) Lock(ctx context.Context, _ *sql.DB) error {
	poll := time.NewTicker(migrationPoll)
	defer poll.Stop()
	for {
		if taken, err := l.lock.take(l.path); taken || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for another process to migrate: %w", ctx.Err())
		case <-poll.C:
		}
	}
}

// Unlock is part of goose's lock.Locker.
func (l *migrationFileLock) Unlock(context.Context, *sql.DB) error { return l.lock.release() }

package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlitecodes "modernc.org/sqlite/lib"

	"hookrouter/models"
)

// wrap names the operation of an error, and gives it a code where one is known. An error that has a code keeps it. Where the database
// was not available it says why, for whoever reads the log.
func wrap(operation string, err error) error {
	if err == nil {
		return nil
	}
	if why := cause(err); why != "" {
		return fmt.Errorf("%s: %w (%s)", operation, coded(err), why)
	}
	return fmt.Errorf("%s: %w", operation, coded(err))
}

// cause is why the database was not available, in a few words, or "" where none are known. They are those of the operating system, or of
// the server as far as it refuses a connection: what it says of a statement may quote values, so of that there is the code alone.
func cause(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
			return e.Message
		}
		if isUnavailable(err) {
			return "SQLSTATE " + e.Code
		}
		return ""
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		if isUnavailable(err) {
			return sqlite.ErrorCodeString[e.Code()&0xff]
		}
		return ""
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "timed out"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection was closed"
	}
	return ""
}

func coded(err error) error {
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, gorm.ErrRecordNotFound), errors.Is(err, sql.ErrNoRows):
		return &models.Error{Code: models.CodeNotFound, Message: "There is no such thing.", Err: err}
	case isDuplicate(err):
		return &models.Error{Code: models.CodeConflict, Message: "It exists already.", Err: err}
	case isUnavailable(err):
		return &models.Error{Code: models.CodeUnavailable, Message: "The database is not available. Try again later.", Err: err}
	}
	return err
}

// Postgres error codes (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	pgUniqueViolation     = "23505"
	pgForeignKeyViolation = "23503"
	pgSerialization       = "40001"
	pgDeadlock            = "40P01"
	pgLockNotAvailable    = "55P03"
	pgUndefinedTable      = "42P01"
	pgQueryCanceled       = "57014" // statement_timeout, or a context that ended
)

func isDuplicate(err error) bool {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == pgUniqueViolation
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == sqlitecodes.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlitecodes.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}

func isForeignKey(err error) bool {
	if errors.Is(err, gorm.ErrForeignKeyViolated) {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code == pgForeignKeyViolation
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code() == sqlitecodes.SQLITE_CONSTRAINT_FOREIGNKEY
	}
	return false
}

// isUnavailable tells what may work when tried again: the database is away, overloaded, out of room, or chose this statement as
// the victim of a conflict.
func isUnavailable(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code[:min(2, len(e.Code))] {
		case "08", "53": // connection exceptions; out of connections, memory or disk
			return true
		case "57": // an operator or a crash ended the session, or the server is starting up
			return true
		}
		return slices.Contains([]string{pgSerialization, pgDeadlock, pgLockNotAvailable, pgQueryCanceled}, e.Code)
	}
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		switch e.Code() & 0xff { // the low byte is the primary result code: https://www.sqlite.org/rescode.html
		case sqlitecodes.SQLITE_BUSY, sqlitecodes.SQLITE_LOCKED, sqlitecodes.SQLITE_FULL, sqlitecodes.SQLITE_IOERR,
			sqlitecodes.SQLITE_CANTOPEN, sqlitecodes.SQLITE_READONLY, sqlitecodes.SQLITE_INTERRUPT:
			return true
		}
		return false
	}
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || errors.As(err, &connect)
}

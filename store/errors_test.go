package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"hookrouter/models"
)

func TestErrorsGetCodes(t *testing.T) {
	t.Parallel()
	pg := func(code string) error { return &pgconn.PgError{Code: code, Message: "m"} }
	for _, c := range []struct {
		err  error
		code models.Code
	}{
		{gorm.ErrRecordNotFound, models.CodeNotFound},
		{sql.ErrNoRows, models.CodeNotFound},
		{gorm.ErrDuplicatedKey, models.CodeConflict},
		{pg("23505"), models.CodeConflict},
		{pg("08006"), models.CodeUnavailable},
		{pg("53300"), models.CodeUnavailable}, // too many connections
		{pg("53100"), models.CodeUnavailable}, // disk full
		{pg("57P01"), models.CodeUnavailable}, // shut down by an operator
		{pg("57P03"), models.CodeUnavailable}, // starting up
		{pg("57014"), models.CodeUnavailable}, // a timeout
		{pg("40P01"), models.CodeUnavailable}, // deadlock
		{pg("40001"), models.CodeUnavailable},
		{pg("55P03"), models.CodeUnavailable},
		{driver.ErrBadConn, models.CodeUnavailable},
		{sql.ErrConnDone, models.CodeUnavailable},
		{io.ErrUnexpectedEOF, models.CodeUnavailable},
		{context.DeadlineExceeded, models.CodeUnavailable},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, models.CodeUnavailable},
		{models.Errorf(models.CodeQuota, "full"), models.CodeQuota},
		{pg("42601"), models.CodeInternal}, // a syntax error is a bug
		{pg(""), models.CodeInternal},
		{context.Canceled, models.CodeInternal}, // the caller has gone and will not look at the code
		{errors.New("other"), models.CodeInternal},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			got := wrap("do it", err)
			require.Equal(t, c.code, models.CodeOf(got), "%v", err)
			require.ErrorIs(t, got, c.err)
			require.ErrorContains(t, got, "do it: ")
		}
	}
	require.NoError(t, wrap("do it", nil))
}

func TestErrorsSayWhyTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"connection refused":        &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)},
		"no such host":              &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "db.example.com"}},
		"SQLSTATE 53100":            &pgconn.PgError{Code: "53100", Message: "could not extend file: 4711"},
		"timed out":                 context.DeadlineExceeded,
		"the connection was closed": io.ErrUnexpectedEOF,
		"":                          &pgconn.PgError{Code: "22P02", Message: "invalid input: 4711"},
	} {
		got := wrap("do it", fmt.Errorf("wrapped: %w", err))
		if want != "" {
			require.ErrorContains(t, got, "("+want+")")
			require.NotContains(t, got.Error(), "4711", "what a server says of a statement may quote values")
		}
		require.Equal(t, want, cause(err))
	}
}

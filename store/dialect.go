package store

import (
	"context"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

// dialect is what differs between the databases: the hot statements, locks and clocks. Everything else has one text for both.
type dialect interface {
	name() string
	committers() int

	// saveIsOneStatement says that saveEvents is atomic by itself and needs no transaction around it.
	saveIsOneStatement() bool
	// saveEvents stores events with their deliveries, all or none: none where the rules have gone past the revision or one of the
	// publishing keys is revoked.
	saveEvents(ctx context.Context, db gorm.ConnPool, revision int64, publishers []models.ID, batch []*models.Accepted) (saved bool, err error)
	// takeKeys inserts those event keys that are free and returns how many were.
	takeKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) (int64, error)
	// findKeys reads the rows of keys with the receipts of their events.
	findKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) ([]foundKey, error)

	// claim makes due deliveries ours, in one transaction with what its caller does next.
	claim(ctx context.Context, tx *gorm.DB, owner int64, now time.Time, wants []models.Want) ([]claimedRow, error)
	// record stores results and returns the places in rs of those that were fenced. It commits by itself.
	record(ctx context.Context, db *gorm.DB, now time.Time, rs []models.Result) (fenced []int, err error)

	// idIn is the condition that a column of ids is one of ids.
	idIn(column string, ids []models.ID) clause.Expr
	// clock is the time by which instances are judged: the server's on Postgres, so that instances with wrong clocks agree.
	clock(now time.Time) clause.Expr
	// patient lifts the readers' time limit for one transaction.
	patient(tx *gorm.DB) error
	// lock and skipLocked end a select of rows that are to be changed.
	lock() string
	skipLocked() string

	migrations() (folder string, d goose.Dialect)
	// migrationLock is held while migrating, so that any number of instances may start at once.
	migrationLock() (goose.ProviderOption, error)
	ensurePartitions(ctx context.Context, s *Store, from, to time.Time) error
}

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
	// saveEvents stores events with their deliveries, all or none: none where the gate is closed.
	saveEvents(ctx context.Context, db gorm.ConnPool, g *gate, batch []*models.Accepted) (saved bool, err error)
	// takeKeys inserts those event keys that are free and returns how many were.
	takeKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) (int64, error)
	// findKeys reads the rows of keys with the receipts of their events.
	findKeys(ctx context.Context, db gorm.ConnPool, keys []eventKey) ([]foundKey, error)

	// claim makes due deliveries ours. It finds none for an owner that is dead. It commits by itself.
	claim(db *gorm.DB, owner int64, in span, now time.Time, wants []models.Want) ([]deliveryRow, error)
	// eventsAt reads events, in no particular order. There is at least one place.
	eventsAt(db *gorm.DB, places []eventPlace) ([]eventRow, error)
	// record stores results and returns the places in rs of those that were fenced. It commits by itself.
	record(ctx context.Context, db *gorm.DB, now time.Time, rs []models.Result) (fenced []int, err error)

	// enter writes entries of the ledger, where that is not done by the database itself.
	enter(tx *gorm.DB, list []entry) error
	foldLedger(db *gorm.DB) error
	// ledgerRows is what the ledger is the sum of.
	ledgerRows() string
	// statPlacesSQL lists where entries of the statistics are, up to a number of them, in the order of their subscriptions.
	statPlacesSQL() string
	// takeStatEntries takes out the entries at these places, for a transaction that is alone in doing so, or returns errBusy.
	takeStatEntries(tx *gorm.DB, places []string) ([]statEntry, error)

	// waitingSQL counts what waits of some subscriptions.
	waitingSQL() string

	// since limits a look at the queue to the days from the floor on, where that saves looking at others.
	since(floor models.ID) clause.Expr
	// within limits it to a span's days.
	within(in span) clause.Expr
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
	raiseFloor(ctx context.Context, s *Store, now time.Time) error
	// lowerFloor is for what makes deliveries wait or be claimed that may lie below it, in the same transaction.
	lowerFloor(tx *gorm.DB, s *Store, lowest models.ID) error
	storage(db *gorm.DB, most int) (models.Storage, error)
	ensurePartitions(ctx context.Context, s *Store, from, to time.Time) error

	// dropDays drops the partitions that are past their time; wanted are the old events that live deliveries need, sorted.
	dropDays(ctx context.Context, e *expiry, cut cutoffs, wanted []eventPlace) error
	// loose is what the name of a table ends in whose old rows are removed one by one.
	loose() string
	// tryAlone takes the lock of retention for the transaction, unless another instance has it.
	tryAlone(tx *gorm.DB) (bool, error)
	// payloadBoundary is an instant after which a pass over payloads must begin anew, 0 where there is none.
	payloadBoundary(tx *gorm.DB, after int64) (int64, error)
}

package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"

	"hookrouter/models"
)

// Connections of one instance. More would not be faster and would use up the server's when there are many instances. Events come in
// by connections of their own, so that no backlog can keep them waiting, and lists are read by others again, so that none keeps a
// heartbeat waiting: an instance that can't send them is declared dead.
const (
	maxPostgresConns = 8 // claims, heartbeats, changes
	maxRecordConns   = 4 // committers of outcomes
	maxReadConns     = 6 // lists and look-ups of the API
	maxAcceptConns   = 4 // committers of events, and one more for each that waits for another's idempotency key
)

// sessionSetup runs once per connection.
//
//   - synchronous_commit: a server that has it off would acknowledge events that a crash can lose.
//   - enable_…: each statement here goes with a few rows to their places in large tables by an index. The planner knows little about
//     the newest rows, takes a day's partition for nearly empty and would rather read all of it. Where there is no other way, what is
//     off here is still used.
//   - random_page_cost: the default is a spinning disk's. cpu_tuple_cost: a hundred times the default, so that a plan which looks at
//     few rows wins over one that looks at many, also in a table that is still small: going through a batch's many columns for each
//     row of a table is quadratic, and far dearer than the planner thinks.
//   - jit off: compiling takes longer than any of these statements.
//   - idle_in_transaction_session_timeout: an instance that was suspended in the middle of a transaction must not hold for long what others
//     wait for: the revision, deliveries that it was about to claim, and above all the keys of events that their publishers send again
//     through other instances, whose commits would stand still. The statements of a transaction follow one another at once, so five seconds
//     without one are a standstill.
const sessionSetup = `
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SET enable_material = off;
SET random_page_cost = 1.1;
SET cpu_tuple_cost = 1;
SET jit = off;
SET idle_in_transaction_session_timeout = '5s';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';`

// How prepared statements are planned. Those that look for deliveries are planned at each run, for a third of a millisecond: a
// plan made while a day's partition was empty takes any index for as good as another, and would go on doing so when the day has
// come. So is the one that records: made for an empty day, its plan went through the whole day for each outcome. Those that accept events
// look for nothing but keys, and keep their plan.
const (
	planEachRun = "SET plan_cache_mode = force_custom_plan;"
	planOnce    = "SET plan_cache_mode = force_generic_plan;"
)

// acceptTimeout ends the saving of events, for an instance that can't end it itself because it was suspended or has lost its host. Failure
// policy: what waits for a lock meanwhile is given up long before the instance's number is forgotten, because after that nobody would look
// for what comes in under it. See deadFor. It is longer than any commit that its publisher still waits for.
const acceptTimeout = "SET statement_timeout = '30s';"

// readTimeout ends a list that takes too long. Failure policy: it is answered with the code unavailable, because a few that go through
// a large table would otherwise keep all other readers waiting.
const readTimeout = "SET statement_timeout = '10s';"

// postgresDialect is Postgres, version 14 or later. See [dialect].
type postgresDialect struct{}

var _ dialect = postgresDialect{}

func (s *Store) openPostgres(url string) error {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		// The driver's message quotes the URL, which holds a password.
		return models.Errorf(models.CodeInvalid, "The database URL is not valid.")
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "hookrouter"
	}
	open := func(settings string, conns int) (*gorm.DB, error) {
		db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
			c.TypeMap().RegisterDefaultPgType(uid{}, "uuid")
			c.TypeMap().RegisterDefaultPgType(uidArray{}, "_uuid")
			if _, err := c.PgConn().Exec(ctx, settings+sessionSetup).ReadAll(); err != nil {
				return fmt.Errorf("set up the session: %w", err)
			}
			return nil
		}))
		limits(db, conns, conns)
		s.closers = append(s.closers, db)
		return gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: &pool{DB: db, count: &s.statements}}), gormConfig(s.logger))
	}
	s.dialect = postgresDialect{}
	if s.write, err = open(planEachRun, maxPostgresConns); err != nil {
		return fmt.Errorf("set up gorm: %w", err)
	}
	if s.accept, err = open(planOnce+acceptTimeout, maxAcceptConns); err != nil {
		return fmt.Errorf("set up gorm: %w", err)
	}
	if s.record, err = open(planEachRun, maxRecordConns); err != nil {
		return fmt.Errorf("set up gorm: %w", err)
	}
	if s.read, err = open(planEachRun+readTimeout, maxReadConns); err != nil {
		return fmt.Errorf("set up gorm: %w", err)
	}
	s.watch = s.write
	s.openHints(config)
	return nil
}

// patient is for what reads whole tables, and is asked for by operators alone.
func (postgresDialect) patient(tx *gorm.DB) error {
	return tx.Exec("SET LOCAL statement_timeout = 0").Error
}

// uidArray is a parameter of type uuid[], sent as 16 bytes each. It is a struct because gorm takes slices apart.
type uidArray struct{ ids []models.ID }

var _ pgtype.ArrayGetter = uidArray{}

// Dimensions is part of pgtype.ArrayGetter.
func (a uidArray) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(a.ids)), LowerBound: 1}} // #nosec G115 -- a batch has thousands
}

// Index is part of pgtype.ArrayGetter.
func (a uidArray) Index(i int) any { return (*uid)(&a.ids[i]) }

// IndexType is part of pgtype.ArrayGetter.
func (a uidArray) IndexType() any { return new(uid) }

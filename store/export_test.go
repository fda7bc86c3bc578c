package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"hookrouter/models"
)

// Hot statements, for the tests of their plans.
const (
	BacklogSQL = backlogSQL
	PulseSQL   = pulseSQL
	HandedSQL  = handedSQL
)

// Rows runs any query on the reading side, for tests that look at the schema.
func (s *Store) Rows(ctx context.Context, query string, args ...any) ([]map[string]any, error) {
	var rows []map[string]any
	err := s.writer(ctx).Raw(query, args...).Scan(&rows).Error
	return rows, err
}

// ExplainRecord runs the record of results with EXPLAIN ANALYZE in a transaction that is rolled back, and returns the plan. Postgres only.
func (s *Store) ExplainRecord(ctx context.Context, now time.Time, rs []models.Result) ([]string, error) {
	var plan []string
	rollback := errors.New("rolled back")
	err := s.record.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		rows, err := tx.Statement.ConnPool.QueryContext(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+recordSQL, recordArguments(now, rs)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			plan = append(plan, line)
		}
		return errors.Join(rows.Err(), rollback)
	})
	if errors.Is(err, rollback) {
		err = nil
	}
	return plan, err
}

// HoldReaders takes all connections of the readers until release is called. Postgres only.
func (s *Store) HoldReaders(ctx context.Context) (release func(), err error) {
	db, err := s.read.DB()
	if err != nil {
		return nil, err
	}
	var held []*sql.Conn
	release = func() {
		for _, c := range held {
			_ = c.Close()
		}
	}
	for range maxReadConns {
		c, err := db.Conn(ctx)
		if err != nil {
			release()
			return nil, err
		}
		held = append(held, c)
	}
	return release, nil
}

// Timeouts are the limits of a statement's time: for readers, for those who accept events, and for all others. Postgres only.
func (s *Store) Timeouts(ctx context.Context) (reads, accepts, writes string, err error) {
	err = s.reader(ctx).Raw("SHOW statement_timeout").Scan(&reads).Error
	if err == nil {
		err = s.accept.WithContext(ctx).Raw("SHOW statement_timeout").Scan(&accepts).Error
	}
	if err == nil {
		err = s.writer(ctx).Raw("SHOW statement_timeout").Scan(&writes).Error
	}
	return reads, accepts, writes, err
}

// DetachDay does the first half of dropping a day's partition. Postgres only.
func (s *Store) DetachDay(ctx context.Context, table string, day time.Time) error {
	_, _, err := s.detachDay(ctx, s.oldDay(table, day, nil))
	return err
}

// Floor is where this instance begins to look at the queue.
func (s *Store) Floor() models.ID { return s.floor() }

// SetFloor moves the floor, for this instance too.
func (s *Store) SetFloor(ctx context.Context, tb testing.TB, id models.ID) {
	tb.Helper()
	require.NoError(tb, s.writer(ctx).Exec("UPDATE queue_floor SET floor = ?", uid(id)).Error)
	s.setFloor(id)
}

// InterruptAt lets the n-th statement from now on fail, and all after it, before the database sees them, until restore is called. The
// transaction that they belong to is rolled back by the end of its connection, as in a crash.
func (s *Store) InterruptAt(n int) (restore func()) {
	left := &atomic.Int64{}
	left.Store(int64(n))
	dbs := []*gorm.DB{s.write}
	if s.accept != s.write { // on SQLite they are one
		dbs = append(dbs, s.accept, s.record)
	}
	pools := make([]gorm.ConnPool, len(dbs))
	for i, db := range dbs {
		pools[i] = db.Statement.ConnPool
		db.Statement.ConnPool = &interruptedPool{ConnPool: pools[i], left: left}
	}
	return func() {
		for i, db := range dbs {
			db.Statement.ConnPool = pools[i]
		}
	}
}

var errInterrupted = errors.New("interrupted")

type interruptedPool struct {
	gorm.ConnPool
	left *atomic.Int64
}

// next is the context of the next statement, which has ended where the statement must not happen.
func (p *interruptedPool) next(ctx context.Context) context.Context {
	if p.left.Add(-1) > 0 {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(errInterrupted)
	return ctx
}

func (p *interruptedPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return p.ConnPool.ExecContext(p.next(ctx), query, args...)
}

func (p *interruptedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return p.ConnPool.QueryContext(p.next(ctx), query, args...)
}

func (p *interruptedPool) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return p.ConnPool.QueryRowContext(p.next(ctx), query, args...)
}

func (p *interruptedPool) BeginTx(ctx context.Context, opts *sql.TxOptions) (gorm.ConnPool, error) {
	tx, err := p.ConnPool.(gorm.ConnPoolBeginner).BeginTx(p.next(ctx), opts)
	if err != nil {
		return nil, err
	}
	return &interruptedTx{interruptedPool{ConnPool: tx, left: p.left}}, nil
}

// interruptedTx is apart, because gorm takes whatever can commit for a transaction.
type interruptedTx struct{ interruptedPool }

func (p *interruptedTx) Commit() error {
	tx := p.ConnPool.(gorm.TxCommitter)
	if p.left.Add(-1) <= 0 {
		return errors.Join(errInterrupted, tx.Rollback())
	}
	return tx.Commit()
}

func (p *interruptedTx) Rollback() error { return p.ConnPool.(gorm.TxCommitter).Rollback() }

// ExplainHot runs the hot statements with EXPLAIN ANALYZE, each in a transaction that is rolled back, and returns their plans. Postgres only.
func (s *Store) ExplainHot(
	ctx context.Context, batch []*models.Accepted, rs []models.Result, owner int64, sub models.ID, now time.Time,
) (map[string][]string, error) {
	save := append([]any{int64(1 << 40), uidArray{}}, eventColumns(batch)...)
	save = append(append(save, deliveryColumns(batch)...), []int64{})
	save = append(append(save, entryColumns(accepted(batch))...), uid(batch[0].Event.Ref), parentColumn(batch))
	floor := s.floor()
	from, to := uid(s.span().from), uid(s.span().to)
	named := map[string]any{
		"now": ms(now), "until": ms(now), "since": s.dialect.since(floor), "within": s.dialect.within(s.span()), "silent": s.before(now, time.Hour), "forgotten": s.before(now, deadFor),
		"after": uid(models.FloorID(time.Time{})), "limit": 100,
	}
	plans := map[string][]string{}
	rollback := errors.New("rolled back")
	const explain = "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "
	for name, run := range map[string]func(tx *gorm.DB) *gorm.DB{
		"accept": func(tx *gorm.DB) *gorm.DB { return plain(tx, explain+saveEventsSQL, save) },
		"record": func(tx *gorm.DB) *gorm.DB { return plain(tx, explain+recordSQL, recordArguments(now, rs)) },
		"claim": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw(explain+claimSQL, uidArray{[]models.ID{sub}}, counts{[]int64{100}}, counts{[]int64{ms(now.Add(-time.Hour))}}, ms(now), from, to, owner, owner, ms(now), from, to)
		},
		"pulse":   func(tx *gorm.DB) *gorm.DB { return tx.Raw(explain+pulseSQL, named) },
		"backlog": func(tx *gorm.DB) *gorm.DB { return tx.Raw(explain+backlogSQL, named) },
		"handed": func(tx *gorm.DB) *gorm.DB {
			return tx.Raw(explain+"SELECT id FROM deliveries WHERE "+handedSQL, owner, owner)
		},
	} {
		db := s.write
		if name == "accept" || name == "record" {
			db = s.record
		}
		err := db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			var lines []string
			if err := run(tx).Scan(&lines).Error; err != nil {
				return err
			}
			plans[name] = lines
			return rollback
		})
		if !errors.Is(err, rollback) {
			return nil, wrap("explain "+name, err)
		}
	}
	return plans, nil
}

// plain passes arguments by number, past gorm, which would take slices apart.
func plain(tx *gorm.DB, query string, args []any) *gorm.DB {
	rows, err := tx.Statement.ConnPool.QueryContext(tx.Statement.Context, query, args...)
	if err != nil {
		_ = tx.AddError(err)
		return tx
	}
	return tx.Session(&gorm.Session{NewDB: true}).Raw("SELECT unnest(CAST(? AS text[]))", pgTexts(rows))
}

// pgTexts reads the one column of rows as a literal of text[].
func pgTexts(rows *sql.Rows) string {
	defer rows.Close()
	var quoted []string
	for rows.Next() {
		var line string
		if rows.Scan(&line) == nil {
			quoted = append(quoted, strconv.Quote(line))
		}
	}
	return "{" + strings.Join(quoted, ",") + "}"
}

// ExplainWaiting is the plan of counting what waits.
func (s *Store) ExplainWaiting(ctx context.Context, org, sub models.ID) ([]map[string]any, error) {
	explain := "EXPLAIN "
	if s.Dialect() == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	var rows []map[string]any
	err := s.reader(ctx).Raw(explain+s.dialect.waitingSQL(), map[string]any{
		"org": uid(org), "ids": s.dialect.idIn("s.id", []models.ID{sub}), "since": s.dialect.since(s.floor()), "most": models.MaxWaitingCount,
	}).Scan(&rows).Error
	return rows, err
}

// ExplainStats are the plans of reading statistics and activity.
func (s *Store) ExplainStats(ctx context.Context, org, sub models.ID) ([]map[string]any, error) {
	return s.explainStats(ctx, org, sub, statsSQL, activitySQL)
}

// ExplainFailing is the plan of who fails.
func (s *Store) ExplainFailing(ctx context.Context, org, sub models.ID) ([]map[string]any, error) {
	return s.explainStats(ctx, org, sub, failingSQL)
}

func (s *Store) explainStats(ctx context.Context, org, sub models.ID, queries ...string) ([]map[string]any, error) {
	explain := "EXPLAIN "
	if s.Dialect() == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	var all []map[string]any
	for _, query := range queries {
		var rows []map[string]any
		err := s.reader(ctx).Raw(explain+query, map[string]any{
			"org": uid(org), "ids": s.dialect.idIn("s.id", []models.ID{sub}), "subjects": s.dialect.idIn("subject_id", []models.ID{sub}),
			"subscriptions": s.dialect.idIn("subscription_id", []models.ID{sub}), "sandbox": false, "from": 1, "to": 2,
		}).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	return all, nil
}

// EnterStats writes an entry of the statistics with as many attempts as took has, all successes, as if they had been recorded.
func (s *Store) EnterStats(ctx context.Context, org, sub models.ID, at time.Time, took ...time.Duration) error {
	var outcomes []byte
	for _, d := range took {
		outcomes = tallyOf(&models.Result{Attempt: &models.Attempt{Success: true, Timings: models.Timings{Total: d}}}).append(outcomes)
	}
	return s.writer(ctx).Exec(`INSERT INTO stat_entries (organization_id, subscription_id, sandbox, hour, last_attempt, outcomes)
		VALUES (?, ?, FALSE, ?, ?, ?)`, uid(org), uid(sub), hourOf(at), ms(at)*2+1, outcomes).Error
}

// ExplainReplays is the plan of an event's replays, as they are listed.
func (s *Store) ExplainReplays(ctx context.Context, org, ref models.ID) (lines []string, err error) {
	explain := "EXPLAIN "
	if s.Dialect() == "sqlite" {
		explain = "EXPLAIN QUERY PLAN "
	}
	var rows []map[string]any
	err = s.reader(ctx).Raw(explain+"SELECT * FROM "+replaysSQL+" replays WHERE organization_id = ? AND id < ? ORDER BY id DESC LIMIT 50",
		uid(org), gorm.Expr("event_ref = ?", uid(ref)), uid(org), uid(ref)).Scan(&rows).Error
	for _, row := range rows {
		lines = append(lines, fmt.Sprint(row["detail"], row["QUERY PLAN"]))
	}
	return lines, err
}

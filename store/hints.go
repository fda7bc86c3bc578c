package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"hookrouter/models"
)

// Hints are Postgres's LISTEN and NOTIFY. They only shorten the wait until the next look at the queue: the rows are the truth, and a
// hint that gets lost, or never comes because a pooler in transaction mode stands in between, costs no more than that wait.
//
// They are sent after the commit they are about and never within it. A transaction that notifies takes a lock at its commit that
// all notifying transactions of the server share, and a lock like that has no place in the way of an event.

// hintChannel is the channel of the database. Those who share a database by schemas hear one another, which does no harm.
const hintChannel = "hookrouter_work"

// MaxHinted is how many subscriptions one hint can name. Postgres refuses payloads of 8,000 bytes and more
// (https://www.postgresql.org/docs/current/sql-notify.html).
const MaxHinted = 256

// hintCheck is how long a listener waits in silence before it asks whether its connection still is one. Failure policy: a
// connection that died without a word leaves this instance to its sweeps until then.
const hintCheck = 30 * time.Second

// hints is the connection for sending hints, and how to make the one for listening.
type hints struct {
	config *pgx.ConnConfig // nil on SQLite, where there is nobody to tell
	pool   *sql.DB
}

// openHints prepares the connection. It is made when the first hint is sent, so an instance that sends none has none.
func (s *Store) openHints(config *pgx.ConnConfig) {
	s.hints = hints{config: config, pool: stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, c *pgx.Conn) error {
		// A hint writes nothing that a crash could take, so it need not wait for the disk.
		if _, err := c.PgConn().Exec(ctx, "SET synchronous_commit = off").ReadAll(); err != nil {
			return fmt.Errorf("set up the session: %w", err)
		}
		return nil
	}))}
	limits(s.hints.pool, 1, 1)
	s.closers = append(s.closers, s.hints.pool)
}

// Hint tells the other instances that there may be due deliveries of these subscriptions. from is the teller's mark, by which it knows
// its own hints again, and to the number of the instance that should see to it first, or 0. More than [MaxHinted] subscriptions are
// of code invalid. On SQLite it does nothing.
func (s *Store) Hint(ctx context.Context, from models.ID, to int64, subs []models.ID) error {
	const operation = "send a hint"
	if s.hints.config == nil {
		return nil
	}
	if len(subs) > MaxHinted {
		return wrap(operation, models.Errorf(models.CodeInvalid, "A hint names at most %d subscriptions.", MaxHinted))
	}
	s.statements.Add(1)
	_, err := s.hints.pool.ExecContext(ctx, "SELECT pg_notify($1, $2)", hintChannel, hintText(from, to, subs))
	return wrap(operation, err)
}

// Senders lists the instances that send, by their numbers, as far as nobody has declared them dead.
func (s *Store) Senders(ctx context.Context) ([]int64, error) {
	var numbers []int64
	err := s.watcher(ctx).Raw("SELECT id FROM instances WHERE NOT dead ORDER BY id").Scan(&numbers).Error
	return numbers, wrap("list the instances that send", err)
}

// Listen calls heard with what other instances than self hint at, and to whom, on a connection of its own, until ctx ends or the
// connection does; it always returns an error. It calls heard with nothing as soon as it listens, because what was hinted at before
// went unheard. On SQLite it waits for the end of ctx.
func (s *Store) Listen(ctx context.Context, self models.ID, heard func(to int64, subs []models.ID)) error {
	const operation = "listen for hints"
	if s.hints.config == nil {
		<-ctx.Done()
		return wrap(operation, ctx.Err())
	}
	conn, err := pgx.ConnectConfig(ctx, s.hints.config)
	if err != nil {
		return wrap(operation, err)
	}
	defer func() {
		// The end of ctx is why we are here, most often; saying goodbye to the server gets a moment of its own.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(last)
	}()
	s.statements.Add(1)
	if _, err := conn.PgConn().Exec(ctx, "LISTEN "+hintChannel).ReadAll(); err != nil {
		return wrap(operation, err)
	}
	heard(0, nil)
	for {
		text, ok, err := nextHint(ctx, conn)
		if err != nil {
			return wrap(operation, err)
		}
		if !ok {
			s.statements.Add(1)
			continue
		}
		if from, to, subs, ok := parseHint(text); ok && from != self {
			heard(to, subs)
		}
	}
}

// nextHint waits for one. ok is false where none came for [hintCheck] and the connection was found to be good.
func nextHint(ctx context.Context, conn *pgx.Conn) (text string, ok bool, err error) {
	wait, cancel := context.WithTimeout(ctx, hintCheck)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if err == nil {
		return n.Payload, true, nil
	}
	if ctx.Err() != nil || wait.Err() == nil {
		return "", false, err
	}
	check, cancel := context.WithTimeout(ctx, hintCheck)
	defer cancel()
	return "", false, conn.Ping(check)
}

// hintText is the teller's mark, the number of who is asked first, and the ids, 16 bytes each.
func hintText(from models.ID, to int64, subs []models.ID) string {
	raw := append(make([]byte, 0, len(from)*(2+len(subs))), from[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(to))
	for i := range subs {
		raw = append(raw, subs[i][:]...)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// parseHint is the inverse of hintText. Failure policy: what it can't read was not sent by one of us, or by one of another version,
// and is passed over.
func parseHint(text string) (from models.ID, to int64, subs []models.ID, ok bool) {
	const head = len(from) + 8
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < head || (len(raw)-head)%len(from) != 0 {
		return models.ID{}, 0, nil, false
	}
	from, to = models.ID(raw[:len(from)]), int64(binary.BigEndian.Uint64(raw[len(from):head]))
	for rest := raw[head:]; len(rest) > 0; rest = rest[len(from):] {
		subs = append(subs, models.ID(rest[:len(from)]))
	}
	return from, to, subs, true
}

package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Statistics are kept like the ledger, as docs/adr/0024 tells: what records attempts enters their tallies as new rows in the same transaction, one for
// each subscription, environment and hour in a batch, and now and then entries are added to the hours. Whoever reads adds up both, so it
// makes no difference when that was.

// statEntry is a row of stat_entries.
type statEntry struct {
	OrganizationID uid
	SubscriptionID uid
	Sandbox        bool
	Hour           int64
	LastAttempt    int64
	Outcomes       []byte
}

// hourKey names a row of stat_hours. The subject is a subscription, or the organization for all of them.
type hourKey struct {
	org, subject models.ID
	sandbox      bool
	hour         int64
}

// hourSum is what a row of stat_hours holds.
type hourSum struct {
	tallies tallies
	last    int64
}

type hourSums map[hourKey]*hourSum

func (h hourSums) of(key hourKey) *hourSum {
	sum := h[key]
	if sum == nil {
		sum = &hourSum{tallies: tallies{}}
		h[key] = sum
	}
	return sum
}

// foldAhead is how many entries are looked up at once, to be folded in the order of their subscriptions: so that a transaction changes few
// hours however many subscriptions there are.
const foldAhead = 100_000

// Steps of a fold. Most of what a small one takes is its beginning and its commit, and on a busy machine these take long whatever is between
// them: fewer entries would not make a step short, and the fold would fall behind.
const (
	foldLeast = 500
	foldMost  = 20_000
	foldTime  = 50 * time.Millisecond
)

// FoldStats adds the entries written since the last time to the hours, and returns how many. It changes nothing that can be read. Any
// number of instances may call it at once; one works, in transactions that are small, and the others leave it to that. Without it
// statistics would become slow to read, not wrong.
func (s *Store) FoldStats(ctx context.Context) (folded int, err error) {
	const operation = "fold the statistics"
	s.unfolded.Store(0)
	pace := pace{now: s.now, size: foldLeast, least: foldLeast, most: foldMost, time: foldTime, rest: 1}
	for more := true; more; {
		places, err := s.statPlaces(ctx)
		if err != nil {
			return folded, wrap(operation, err)
		}
		more = len(places) == foldAhead
		for len(places) > 0 {
			err := pace.step(ctx, func(size int) error {
				part := places[:min(size, len(places))]
				places = places[len(part):]
				n, err := s.foldSome(ctx, part)
				folded += n
				return err
			})
			if errors.Is(err, errBusy) {
				return folded, nil
			}
			if err != nil {
				return folded, wrap(operation, err)
			}
		}
	}
	return folded, nil
}

// UnfoldedStats is about how many outcomes this instance has recorded since it last called FoldStats.
func (s *Store) UnfoldedStats() int { return int(s.unfolded.Load()) }

// statPlaces are where up to foldAhead entries are, in the order of their subscriptions.
func (s *Store) statPlaces(ctx context.Context) (places []string, err error) {
	err = s.watcher(ctx).Raw(s.dialect.statPlacesSQL(), foldAhead).Scan(&places).Error
	return places, err
}

// foldSome takes the entries at some places, or what is there by now, adds them to the hours, and returns how many.
func (s *Store) foldSome(ctx context.Context, places []string) (folded int, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		entries, err := s.dialect.takeStatEntries(tx, places)
		if folded = len(entries); err != nil || folded == 0 {
			return err
		}
		return s.addStatEntries(tx, entries)
	})
	if err != nil {
		return 0, err
	}
	return folded, nil
}

// statLock is the advisory lock under which hours are written.
const statLock = 0x686f6f6b73746174 // "hookstat"

func (postgresDialect) statPlacesSQL() string {
	return "SELECT ctid::text FROM (SELECT ctid, subscription_id FROM stat_entries LIMIT ?) e ORDER BY subscription_id"
}

func (*sqliteDialect) statPlacesSQL() string {
	return "SELECT CAST(rowid AS TEXT) FROM (SELECT rowid, subscription_id FROM stat_entries LIMIT ?) ORDER BY subscription_id"
}

func (postgresDialect) takeStatEntries(tx *gorm.DB, places []string) ([]statEntry, error) {
	var alone bool
	if err := tx.Raw("SELECT pg_try_advisory_xact_lock(?)", statLock).Scan(&alone).Error; err != nil {
		return nil, err
	}
	if !alone {
		return nil, errBusy
	}
	var entries []statEntry
	err := tx.Raw("DELETE FROM stat_entries WHERE ctid = ANY (?::text::tid[]) RETURNING *", `{"`+strings.Join(places, `","`)+`"}`).Scan(&entries).Error
	return entries, err
}

func (*sqliteDialect) takeStatEntries(tx *gorm.DB, places []string) ([]statEntry, error) {
	var entries []statEntry
	err := tx.Raw("DELETE FROM stat_entries WHERE rowid IN (SELECT value FROM json_each(?)) RETURNING *", "["+strings.Join(places, ",")+"]").Scan(&entries).Error
	return entries, err
}

// addStatEntries adds entries to the hours of their subscriptions and of their organizations.
func (s *Store) addStatEntries(tx *gorm.DB, entries []statEntry) error {
	added := hourSums{}
	for i := range entries {
		e := &entries[i]
		for _, subject := range [...]uid{e.SubscriptionID, e.OrganizationID} {
			sum := added.of(hourKey{models.ID(e.OrganizationID), models.ID(subject), e.Sandbox, e.Hour})
			if err := sum.tallies.addEntry(e.Outcomes, 1); err != nil {
				return err
			}
			sum.last = max(sum.last, e.LastAttempt)
		}
	}
	if err := s.addStored(tx, added); err != nil {
		return err
	}
	keys := slices.Collect(maps.Keys(added))
	return chunks(len(keys), func(from, to int) error {
		args := make([]any, 0, (to-from)*8)
		for _, key := range keys[from:to] {
			sum := added[key]
			attempts, succeeded := sum.tallies.sums()
			args = append(args, uid(key.org), uid(key.subject), key.sandbox, key.hour, attempts, succeeded, sum.last, sum.tallies.hour())
		}
		return tx.Exec(`INSERT INTO stat_hours (organization_id, subject_id, sandbox, hour, attempts, succeeded, last_attempt, counts)
			VALUES `+values(to-from, 8)+` ON CONFLICT (organization_id, subject_id, sandbox, hour) DO UPDATE
			SET attempts = excluded.attempts, succeeded = excluded.succeeded, last_attempt = excluded.last_attempt, counts = excluded.counts`,
			args...).Error
	})
}

// addStored adds what is stored already of the hours that have sums.
func (s *Store) addStored(tx *gorm.DB, sums hourSums) error {
	type group struct {
		org     models.ID
		sandbox bool
	}
	type span struct {
		subjects    []models.ID
		first, last int64
	}
	groups := map[group]*span{}
	for key := range sums {
		g := groups[group{key.org, key.sandbox}]
		if g == nil {
			g = &span{first: key.hour, last: key.hour}
			groups[group{key.org, key.sandbox}] = g
		}
		g.subjects = append(g.subjects, key.subject)
		g.first, g.last = min(g.first, key.hour), max(g.last, key.hour)
	}
	for g, span := range groups {
		for subjects := range slices.Chunk(span.subjects, 1000) {
			var rows []struct {
				SubjectID   uid
				Hour        int64
				LastAttempt int64
				Counts      []byte
			}
			err := tx.Raw(`SELECT subject_id, hour, last_attempt, counts FROM stat_hours
				WHERE organization_id = ? AND ? AND sandbox = ? AND hour >= ? AND hour <= ?`,
				uid(g.org), s.dialect.idIn("subject_id", subjects), g.sandbox, span.first, span.last).Scan(&rows).Error
			if err != nil {
				return err
			}
			for i := range rows {
				sum := sums[hourKey{g.org, models.ID(rows[i].SubjectID), g.sandbox, rows[i].Hour}]
				if sum == nil {
					continue // an hour between those of others
				}
				if err := sum.tallies.addHour(rows[i].Counts); err != nil {
					return err
				}
				sum.last = max(sum.last, rows[i].LastAttempt)
			}
		}
	}
	return nil
}

// stats removes hours that ended before an instant, the oldest first.
func (e *expiry) stats(ctx context.Context, before time.Time) error {
	if before.IsZero() {
		return nil
	}
	for more := true; more; {
		err := e.step(ctx, func(tx *gorm.DB, size int) error {
			result := tx.Exec(`DELETE FROM stat_hours WHERE (organization_id, subject_id, sandbox, hour) IN (
				SELECT organization_id, subject_id, sandbox, hour FROM stat_hours WHERE hour < ? ORDER BY hour LIMIT ?)`, hourOf(before), size)
			e.done.StatHours += result.RowsAffected
			more = result.RowsAffected > 0
			return result.Error
		})
		if err != nil {
			return err
		}
	}
	return nil
}

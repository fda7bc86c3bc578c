package store

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Retention is how long things are kept, counted from when their event was accepted. Zero keeps them for ever. They are
// independent of one another; what a live delivery needs is kept in any case.
type Retention struct {
	Events     time.Duration
	Deliveries time.Duration // with their attempts
	// Payloads is how long the events' data and the attempts' headers and bodies are kept. After that the rows are there without.
	Payloads time.Duration
	Audit    time.Duration // the entries of the audit log, counted from when their action began
	// Stats is how long statistics are kept, counted from their hour.
	Stats time.Duration
}

// Expired is what one run of [Store.Expire] did.
type Expired struct {
	// Days are the partitions that were dropped, such as "events_20261101". Kept are those that are past their time and hold more of
	// live deliveries than can be moved out of them.
	Days, Kept []string
	// Moved are rows of live deliveries that were moved out of days that were dropped.
	Moved int64
	// Events, Deliveries and Keys are rows removed one by one; Attempts are the deliveries whose attempts were.
	Events, Deliveries, Attempts, Keys int64
	// Payloads are events, and deliveries with attempts, that were gone through to be emptied.
	Payloads int64
	Audit    int64 // entries of the audit log
	// StatHours are hours of statistics.
	StatHours int64
}

// keyGrace is how much longer than its event an id or key is remembered that makes publishing again a duplicate. Failure policy: a
// producer that was cut off for some days publishes again what it has no answer to, and a short retention must not turn that into
// second events. A key is about 100 bytes.
const keyGrace = 7 * 24 * time.Hour

// maxWanted bounds the memory for the list of old events that live deliveries need, 32 bytes each. Failure policy: where it is
// longer, no event is removed until it is shorter.
const maxWanted = 1_000_000

// errBusy ends a run quietly: another instance is at it, or makes partitions.
var errBusy = errors.New("another instance is at it")

// terminalSQL is the condition that a delivery has ended.
const terminalSQL = "status IN ('delivered', 'failed', 'canceled')"

// expiry is one run.
type expiry struct {
	s    *Store
	pace pace
	done Expired
}

// cutoffs are the instants before which things go; zero keeps all.
type cutoffs struct{ events, deliveries, payloads, keys, audit, stats time.Time }

// Expire removes what is older than the retention and not needed by a live delivery. Where several instances call it, one works at a
// time. A clock that is ahead of the database server's counts as that. It may be cut off at any moment and goes on from there when it is called again. It paces itself, so that it takes a small part
// of the database's time, and a run may take long where much has to be gone through row by row: see docs/adr/0013.
func (s *Store) Expire(ctx context.Context, now time.Time, r Retention) (Expired, error) {
	e := &expiry{s: s, pace: newPace(s.now)}
	cut, err := s.cutoffs(ctx, now, r)
	if err == nil {
		err = e.run(ctx, cut)
	}
	return e.done, wrap("expire", err)
}

// cutoffs never lie after the oldest delivery that may be in an instance's hands from the commit, because such a one is live.
func (s *Store) cutoffs(ctx context.Context, now time.Time, r Retention) (cutoffs, error) {
	now, err := s.present(s.watcher(ctx), now)
	if err != nil {
		return cutoffs{}, err
	}
	handed, err := oldestHanded(s.watcher(ctx))
	if err != nil {
		return cutoffs{}, err
	}
	before := func(keep time.Duration) time.Time {
		if keep <= 0 {
			return time.Time{}
		}
		t := now.Add(-keep)
		if !handed.IsZero() && handed.Time().Before(t) {
			t = handed.Time()
		}
		return t
	}
	cut := cutoffs{events: before(r.Events), deliveries: before(r.Deliveries), payloads: before(r.Payloads)}
	if !cut.events.IsZero() {
		cut.keys = cut.events.Add(-keyGrace)
	}
	if r.Audit > 0 {
		cut.audit = now.Add(-r.Audit)
	}
	if r.Stats > 0 {
		cut.stats = now.Add(-r.Stats)
	}
	return cut, nil
}

func (e *expiry) run(ctx context.Context, cut cutoffs) error {
	var wanted []eventPlace
	if !cut.events.IsZero() {
		// Before the look at what is wanted: from now on nothing more comes to want such an event. See lockEvents.
		err := e.s.writer(ctx).Exec("UPDATE payload_progress SET dropping_before = ? WHERE id = 1 AND dropping_before < ?",
			ms(cut.events), ms(cut.events)).Error
		if err != nil {
			return err
		}
		if wanted, err = e.s.wantedEvents(ctx, cut.events); err != nil {
			return err
		}
		if len(wanted) > maxWanted {
			e.done.Kept = append(e.done.Kept, "events")
			cut.events, cut.keys, wanted = time.Time{}, time.Time{}, nil
		}
	}
	var errs []error
	for _, part := range []func() error{
		func() error { return e.s.dialect.dropDays(ctx, e, cut, wanted) },
		func() error { return e.rows(ctx, cut, wanted) },
		func() error { return e.payloads(ctx, cut.payloads) },
		func() error { return e.audit(ctx, cut) },
		func() error { return e.stats(ctx, cut.stats) },
	} {
		err := part()
		if errors.Is(err, errBusy) {
			break
		}
		errs = append(errs, err) // what can't be done now must not keep the rest from being done
	}
	return errors.Join(errs...)
}

// rows removes one by one what is not in a day that can be dropped whole: all of it on SQLite, the few in the default partitions on
// Postgres. Deliveries go first; then attempts without a delivery, and events that no live delivery wants.
func (e *expiry) rows(ctx context.Context, cut cutoffs, wanted []eventPlace) error {
	suffix := e.s.dialect.loose()
	steps := []walk{
		{table: "deliveries" + suffix, key: "id", before: cut.deliveries, gone: "t." + terminalSQL, count: &e.done.Deliveries},
		{
			table: "attempts" + suffix, key: "delivery_id", before: cut.deliveries, count: &e.done.Attempts,
			gone: "NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.organization_id = t.organization_id AND d.id = t.delivery_id)",
		},
		{table: "events" + suffix, key: "ref", before: cut.events, gone: "1 = 1", wanted: wanted, count: &e.done.Events},
	}
	for _, step := range steps {
		if step.before.IsZero() {
			continue
		}
		if err := e.walk(ctx, step); err != nil {
			return err
		}
	}
	if cut.keys.IsZero() {
		return nil
	}
	return e.keys(ctx, cut.keys)
}

// walk is a way through the old rows of a table, from organization to organization and in each by the primary key.
type walk struct {
	table, key string
	before     time.Time
	gone       string       // the condition under which a row t goes
	wanted     []eventPlace // those whose ref is a key stay
	count      *int64
}

func (e *expiry) walk(ctx context.Context, w walk) error {
	low, high := models.FloorID(time.Time{}), models.FloorID(w.before)
	for org := firstID(); ; org = successor(org) {
		next, ok, err := e.s.nextOrganization(e.s.watcher(ctx), w.table, w.key, org, low, high)
		if err != nil || !ok {
			return err
		}
		org = next
		for from := low; ; {
			var seen []models.ID
			err := e.step(ctx, func(tx *gorm.DB, size int) error {
				seen, err = w.remove(tx, e.s.dialect, org, from, high, size)
				return err
			})
			if err != nil {
				return err
			}
			if len(seen) == 0 {
				break
			}
			from = successor(seen[len(seen)-1])
		}
	}
}

// remove deletes the rows of up to size keys and returns all keys that it came past.
func (w *walk) remove(tx *gorm.DB, d dialect, org, from, high models.ID, size int) ([]models.ID, error) {
	var keys []uid
	err := tx.Raw("SELECT "+w.key+" FROM "+w.table+" t WHERE organization_id = ? AND "+w.key+" >= ? AND "+w.key+" < ? AND "+w.gone+
		" ORDER BY "+w.key+" LIMIT ?", uid(org), uid(from), uid(high), size).Scan(&keys).Error
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	seen := make([]models.ID, len(keys))
	for i, k := range keys {
		seen[i] = models.ID(k)
	}
	seen = slices.Compact(seen)
	going := slices.DeleteFunc(slices.Clone(seen), func(id models.ID) bool {
		_, stays := slices.BinarySearchFunc(w.wanted, id, eventPlace.compare)
		return stays
	})
	if len(going) == 0 {
		return seen, nil
	}
	err = tx.Exec("DELETE FROM "+w.table+" AS t WHERE organization_id = ? AND ? AND "+w.gone, uid(org), d.idIn(w.key, going)).Error
	*w.count += int64(len(going))
	return seen, err
}

// keys forgets ids and Idempotency-Keys whose event is gone, oldest first.
func (e *expiry) keys(ctx context.Context, before time.Time) error {
	for from := int64(0); ; {
		var gone []int64
		err := e.step(ctx, func(tx *gorm.DB, size int) error {
			return tx.Raw(`DELETE FROM event_keys WHERE (organization_id, kind, key) IN (
				SELECT k.organization_id, k.kind, k.key FROM event_keys k
				WHERE k.created_at >= ? AND k.created_at < ?
				  AND NOT EXISTS (SELECT 1 FROM events e WHERE e.organization_id = k.organization_id AND e.ref = k.event_ref)
				ORDER BY k.created_at LIMIT ?) RETURNING created_at`, from, ms(before), size).Scan(&gone).Error
		})
		if err != nil || len(gone) == 0 {
			return err
		}
		e.done.Keys += int64(len(gone))
		from = slices.Max(gone)
	}
}

// step runs one small transaction that no other instance's retention runs beside, and then leaves the database to others for a while.
func (e *expiry) step(ctx context.Context, fn func(tx *gorm.DB, size int) error) error {
	return e.pace.step(ctx, func(size int) error {
		return e.s.alone(ctx, func(tx *gorm.DB) error { return fn(tx, size) })
	})
}

// alone runs fn in a transaction under the lock of those who make and drop partitions, or returns errBusy.
func (s *Store) alone(ctx context.Context, fn func(tx *gorm.DB) error) error {
	return s.tx(ctx, func(tx *gorm.DB) error {
		if ok, err := s.dialect.tryAlone(tx); err != nil {
			return err
		} else if !ok {
			return errBusy
		}
		return fn(tx)
	})
}

// nextOrganization is the first organization, from one on, that has a row with a key from low, included, to high, excluded.
func (s *Store) nextOrganization(db *gorm.DB, table, key string, from, low, high models.ID) (models.ID, bool, error) {
	var ids []uid
	err := db.Raw(`SELECT o.id FROM organizations o WHERE o.id >= ?
		AND EXISTS (SELECT 1 FROM `+table+` t WHERE t.organization_id = o.id AND t.`+key+` >= ? AND t.`+key+` < ?)
		ORDER BY o.id LIMIT 1`, uid(from), uid(low), uid(high)).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return models.ID{}, false, err
	}
	return models.ID(ids[0]), true, nil
}

// eventPlace is where an event is kept.
type eventPlace struct{ org, ref models.ID }

func (p eventPlace) compare(ref models.ID) int { return p.ref.Compare(ref) }

// wantedEvents are the events from before an instant that live deliveries need, sorted by ref. Where there are more than
// maxWanted, it has at least one more than that.
func (s *Store) wantedEvents(ctx context.Context, before time.Time) ([]eventPlace, error) {
	db := s.watcher(ctx)
	var places []eventPlace
	err := s.eachLive(db, "organization_id, event_ref", "event_ref < ?", []any{uid(models.FloorID(before))}, func(query string, args []any) error {
		var rows []struct{ OrganizationID, EventRef uid }
		err := db.Raw(query+" LIMIT ?", append(slices.Clone(args), maxWanted+1)...).Scan(&rows).Error
		for _, r := range rows {
			places = append(places, eventPlace{models.ID(r.OrganizationID), models.ID(r.EventRef)})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(places, func(a, b eventPlace) int { return a.compare(b.ref) })
	return slices.Compact(places), nil
}

// eachLive calls fn with one or two queries that select columns of all live deliveries, but for those that an instance got from the
// commit. Parked ones are asked for last, and only where the ledger says that there are any. So none is missed that is parked meanwhile.
func (s *Store) eachLive(db *gorm.DB, columns, and string, args []any, fn func(query string, args []any) error) error {
	queued, bounded := and, args
	if floor := s.floor(); !floor.IsZero() { // leaves out the days that have none
		queued, bounded = "id >= ? AND "+and, append([]any{uid(floor)}, args...)
	}
	query, all := queuedSQL(columns, "deliveries", queued, bounded)
	if err := fn(query, all); err != nil {
		return err
	}
	var parked int64
	err := db.Raw("SELECT coalesce(sum(parked), 0) FROM " + s.dialect.ledgerRows() + " l").Scan(&parked).Error
	if err != nil || parked == 0 {
		return err
	}
	return fn(parkedSQL(columns, "deliveries", and), args)
}

// liveSQL selects columns of the live deliveries in a day's table. It says nothing of the id: where vacuum has not yet counted a table,
// that would lead Postgres through the whole index of owners instead of the small ones of the queue.
func (s *Store) liveSQL(columns, table string) (query string, args []any) {
	query, args = queuedSQL(columns, table, "true", nil)
	return query + " UNION ALL " + parkedSQL(columns, table, "(SELECT sum(parked) FROM "+s.dialect.ledgerRows()+" l) > 0"), args
}

// queuedSQL selects those that wait or are claimed, by the indexes of the queue.
func queuedSQL(columns, table, and string, args []any) (query string, all []any) {
	var parts []string
	for _, queued := range []string{"due_at > 0 AND owner = 0", "due_at > 0 AND owner > 0"} {
		parts = append(parts, "SELECT "+columns+" FROM "+table+" WHERE "+queued+" AND "+and)
		all = append(all, args...)
	}
	return strings.Join(parts, " UNION ALL "), all
}

func parkedSQL(columns, table, and string) string {
	return "SELECT " + columns + " FROM " + table + " WHERE due_at < 0 AND " + and
}

// firstID is the smallest id that is not NULL in a row.
func firstID() models.ID { return models.ID{15: 1} }

// successor is the next id after one.
func successor(id models.ID) models.ID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]++
		if id[i] != 0 {
			break
		}
	}
	return id
}

// How retention paces itself. A transaction on SQLite keeps the one writer, so it is to take stepTime; then the database is left to
// others for restShare times as long.
const (
	stepTime  = 10 * time.Millisecond
	restShare = 4
	leastStep = 20
	mostStep  = 2000
)

// pace finds how many rows a transaction can take within a time, from the least to the most, and waits after each for a share of the time that
// it took.
type pace struct {
	now               func() time.Time
	size, least, most int
	time              time.Duration
	rest              int           // times as long
	took              time.Duration // the last step
}

func newPace(now func() time.Time) pace {
	return pace{now: now, size: 100, least: leastStep, most: mostStep, time: stepTime, rest: restShare}
}

func (p *pace) step(ctx context.Context, fn func(size int) error) error {
	if err := p.work(fn); err != nil {
		return err
	}
	return p.pause(ctx)
}

// work is a step without the pause after it.
func (p *pace) work(fn func(size int) error) error {
	start := p.now()
	if err := fn(p.size); err != nil {
		return err
	}
	p.took = p.now().Sub(start)
	switch {
	case p.took < p.time/2:
		p.size = min(p.size*2, p.most)
	case p.took > 2*p.time:
		p.size = max(p.size/2, p.least)
	}
	return nil
}

// pause leaves the database to others after the last step.
func (p *pace) pause(ctx context.Context) error { return pauseFor(ctx, time.Duration(p.rest)*p.took) }

// pauseFor waits, or returns ctx's error when that ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-pause.C:
		return nil
	}
}

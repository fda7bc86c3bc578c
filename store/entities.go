package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

// An entity is removed in steps, each a small transaction: its next events lose their deliveries, attempts and keys and then go
// themselves, oldest first. What is live is canceled first, in the ledger too; whoever has such a delivery in hand finds it fenced when
// it comes to record. The job is a row that counts with each step, so any instance goes on with it after a restart.

const (
	// removalEvents and removalDeliveries are the most that one step takes. Failure policy: small, because on SQLite a step has the
	// one writer and on Postgres it has rows locked that attempts are recorded in.
	removalEvents     = 50
	removalDeliveries = 500
	// removalGrace is how long after the cut a job looks again. Failure policy: an event is stamped before its commit, which may come
	// later by as long as a commit and its wait take.
	removalGrace = time.Minute
)

// removalRow is an entity that is being removed.
type removalRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	EntityKey      string
	RequestedAt    int64
	CutAt          int64 // events accepted up to here go
	Events         int64
	Deliveries     int64
	Canceled       int64
}

func (removalRow) TableName() string { return "entity_removals" }

func (r *removalRow) model(done bool) models.EntityRemoval {
	return models.EntityRemoval{
		OrganizationID: models.ID(r.OrganizationID), EntityKey: r.EntityKey, RequestedAt: instant(r.RequestedAt), Events: r.Events,
		Deliveries: r.Deliveries, Canceled: r.Canceled, Done: done,
	}
}

// RemoveEntity asks for the removal of what an organization has of an entity up to now, and works on it for at most a while. What is left
// then is done by [Store.RemoveEntities]. Asking again goes on with the same job. The code is not_found where there is neither an event
// nor a job.
func (s *Store) RemoveEntity(ctx context.Context, org models.ID, entity string, now time.Time, most time.Duration) (models.EntityRemoval, error) {
	const operation = "remove entity"
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var found int64
		err := tx.Raw(`SELECT (SELECT count(*) FROM entity_removals WHERE organization_id = ? AND entity_key = ?)
			+ (SELECT count(*) FROM (SELECT 1 FROM events WHERE organization_id = ? AND entity_key = ? AND entity_key <> '' LIMIT 1) e)
			+ (SELECT count(*) FROM (SELECT 1 FROM events WHERE organization_id = ? AND entity_parent_key = ? AND entity_parent_key <> '' LIMIT 1) p)`,
			uid(org), entity, uid(org), entity, uid(org), entity).Scan(&found).Error
		if err != nil {
			return err
		}
		if found == 0 {
			return models.Errorf(models.CodeNotFound, "There is no event of this entity.")
		}
		return tx.Exec(`INSERT INTO entity_removals (organization_id, entity_key, requested_at, cut_at, events, deliveries, canceled)
			VALUES (?, ?, ?, ?, 0, 0, 0) ON CONFLICT (organization_id, entity_key) DO UPDATE SET cut_at = excluded.cut_at`,
			uid(org), entity, ms(now), ms(now)).Error
	})
	if err != nil {
		return models.EntityRemoval{}, wrap(operation, err)
	}
	job, err := s.workOff(ctx, org, entity, s.now().Add(most))
	return job, wrap(operation, err)
}

// RemoveEntities goes on with the removals that were asked for, each for at most a while, and returns how many events it removed. A job
// ends when nothing is left and no event from before its cut can come any more.
func (s *Store) RemoveEntities(ctx context.Context, now time.Time, most time.Duration) (int64, error) {
	const operation = "remove entities"
	var jobs []removalRow
	if err := s.watcher(ctx).Order("requested_at").Limit(1000).Find(&jobs).Error; err != nil {
		return 0, wrap(operation, err)
	}
	var errs []error
	removed := int64(0)
	for i := range jobs {
		job, err := s.workOff(ctx, models.ID(jobs[i].OrganizationID), jobs[i].EntityKey, s.now().Add(most))
		removed += max(job.Events-jobs[i].Events, 0)
		if err == nil && job.Done {
			err = s.writer(ctx).Exec("DELETE FROM entity_removals WHERE organization_id = ? AND entity_key = ? AND cut_at < ?",
				jobs[i].OrganizationID, jobs[i].EntityKey, ms(now.Add(-removalGrace))).Error
		}
		errs = append(errs, err)
	}
	return removed, wrap(operation, errors.Join(errs...))
}

// workOff takes steps of a job until it is done or the time is over.
func (s *Store) workOff(ctx context.Context, org models.ID, entity string, until time.Time) (models.EntityRemoval, error) {
	p := newPace(s.now)
	for {
		var job removalRow
		var done, passed bool
		err := p.work(func(int) error {
			return s.tx(ctx, func(tx *gorm.DB) error {
				var jobs []removalRow
				err := tx.Raw("SELECT * FROM entity_removals WHERE organization_id = ? AND entity_key = ? "+s.dialect.lock(), uid(org), entity).
					Scan(&jobs).Error
				if err != nil || len(jobs) == 0 {
					job, done = removalRow{OrganizationID: uid(org), EntityKey: entity}, true // it has ended meanwhile
					return err
				}
				job = jobs[0]
				done, passed, err = s.removeSome(tx, &job)
				return err
			})
		})
		if err == nil && !done && !passed && s.now().Before(until) {
			if err = p.pause(ctx); err == nil {
				continue
			}
		}
		return job.model(done), err
	}
}

// entityEvent is what a step needs to know of an event.
type entityEvent struct {
	Ref        uid
	ID         uid
	AcceptedAt int64
}

// What is of an entity itself, and what is of its parts.
const (
	eventsOfEntitySQL = "organization_id = ? AND entity_key = ? AND entity_key <> '' AND accepted_at <= ?"
	eventsOfParentSQL = "organization_id = ? AND entity_parent_key = ? AND entity_parent_key <> '' AND accepted_at <= ?"
)

// entityEventsSQL are the next events of an entity and of its parts: what is about a document goes with its pack. Each half has an index
// of its own, and takes the locks of its rows with %[1]s.
const entityEventsSQL = `
SELECT ref, id, accepted_at FROM (
  SELECT * FROM (SELECT ref, id, accepted_at FROM events WHERE ` + eventsOfEntitySQL + ` ORDER BY ref LIMIT ? %[1]s) own
  UNION
  SELECT * FROM (SELECT ref, id, accepted_at FROM events WHERE ` + eventsOfParentSQL + ` ORDER BY ref LIMIT ? %[1]s) parts
) e ORDER BY ref LIMIT ?`

// removeSome is one step. passed says that others have rows locked, so that it is better to come back later.
func (s *Store) removeSome(tx *gorm.DB, job *removalRow) (done, passed bool, err error) {
	var events []entityEvent
	own := []any{job.OrganizationID, job.EntityKey, job.CutAt}
	half := append(slices.Clone(own), removalEvents)
	left := func() (left bool, err error) {
		err = tx.Raw("SELECT EXISTS (SELECT 1 FROM events WHERE "+eventsOfEntitySQL+") OR EXISTS (SELECT 1 FROM events WHERE "+eventsOfParentSQL+")",
			slices.Concat(own, own)...).Scan(&left).Error
		return left, err
	}
	// Locked, so that no replay of one is made beside this: whoever is at that holds the event.
	err = tx.Raw(fmt.Sprintf(entityEventsSQL, s.dialect.skipLocked()), slices.Concat(half, half, []any{removalEvents})...).Scan(&events).Error
	if err == nil && len(events) == 0 {
		passed, err = left()
	}
	if err != nil || len(events) == 0 {
		return err == nil && !passed, passed, err
	}
	room := removalDeliveries
	for _, e := range events {
		found, canceled, err := s.takeDeliveries(tx, job.OrganizationID, e.Ref, room)
		if err != nil {
			return false, false, err
		}
		if err := s.removeDeliveries(tx, job.OrganizationID, found); err != nil {
			return false, false, err
		}
		job.Deliveries += int64(len(found))
		job.Canceled += canceled
		room -= len(found)
		if room <= 0 {
			break
		}
		gone, err := s.removeEvent(tx, job.OrganizationID, e)
		if err != nil {
			return false, false, err
		}
		if !gone {
			passed = true
			break
		}
		job.Events++
	}
	err = tx.Exec("UPDATE entity_removals SET events = ?, deliveries = ?, canceled = ? WHERE organization_id = ? AND entity_key = ?",
		job.Events, job.Deliveries, job.Canceled, job.OrganizationID, job.EntityKey).Error
	if err == nil && !passed && room > 0 && len(events) < removalEvents { // most have few events, and whoever asked is told at once
		more := false
		more, err = left()
		done = !more
	}
	return done && err == nil, passed, err
}

// placesOf are the conditions under which the deliveries of an event lie: those that it had when it was accepted, side by side by their ids,
// and its replays, which have an index.
func placesOf(org, ref uid) [2]clause.Expr {
	first, last := models.DeliveryIDs(models.ID(ref))
	return [2]clause.Expr{
		gorm.Expr("organization_id = ? AND id >= ? AND id <= ? AND event_ref = ?", org, uid(first), uid(last), ref),
		gorm.Expr("organization_id = ? AND event_ref = ? AND "+replaySQL, org, ref),
	}
}

// takeDeliveries locks up to limit deliveries of an event, but for those that others have locked, and cancels the live ones.
func (s *Store) takeDeliveries(tx *gorm.DB, org, ref uid, limit int) (ids []models.ID, canceled int64, err error) {
	for _, place := range placesOf(org, ref) {
		if len(ids) == limit {
			break
		}
		var rows []deliveryRow
		err = tx.Raw("SELECT id, status, asked FROM deliveries WHERE ? ORDER BY id LIMIT ? "+s.dialect.skipLocked(), place, limit-len(ids)).
			Scan(&rows).Error
		if err != nil {
			return nil, 0, err
		}
		for i := range rows {
			ids = append(ids, models.ID(rows[i].ID))
		}
		n, err := s.cancelLive(tx, models.ID(org), rows)
		if canceled += n; err != nil {
			return nil, 0, err
		}
	}
	return ids, canceled, nil
}

// cancelLive cancels those of an event's locked deliveries that have not ended, and returns how many. One that had ended and was asked for
// again is what it was.
func (s *Store) cancelLive(tx *gorm.DB, org models.ID, rows []deliveryRow) (canceled int64, err error) {
	type end struct {
		status models.DeliveryStatus
		reason models.Reason
	}
	live := map[end][]models.ID{}
	var moved entries
	for i := range rows {
		r := &rows[i]
		if r.Status.Terminal() {
			continue
		}
		to := end{models.StatusCanceled, models.ReasonDataRemoved}
		if back := parseAsked(r.Asked); back != nil && back.Status.Terminal() {
			to = end{back.Status, back.Reason}
		} else {
			canceled++
		}
		live[to] = append(live[to], models.ID(r.ID))
		moved.move(org, r.Status, to.status)
	}
	for to, ids := range live {
		from, until := bounds(ids)
		err := tx.Exec(`UPDATE deliveries SET status = ?, reason = ?, due_at = 0, owed = FALSE, asked = '', updated_at = ?
			WHERE organization_id = ? AND id >= ? AND id < ? AND ?`,
			to.status, to.reason, ms(s.now()), uid(org), uid(from), uid(until), s.dialect.idIn("id", ids)).Error
		if err != nil {
			return 0, err
		}
	}
	if len(live) == 0 {
		return 0, nil
	}
	return canceled, s.dialect.enter(tx, moved.list)
}

// removeDeliveries removes ended deliveries of one event with their attempts. They stay counted in the ledger, as those that retention
// removes do.
func (s *Store) removeDeliveries(tx *gorm.DB, org uid, ids []models.ID) error {
	if len(ids) == 0 {
		return nil
	}
	from, to := bounds(ids)
	for _, t := range [...]struct{ table, key string }{
		{"attempts", "delivery_id"}, {"payload_debts", "delivery_id"}, {"deliveries", "id"},
	} {
		err := tx.Exec("DELETE FROM "+t.table+" WHERE organization_id = ? AND "+t.key+" >= ? AND "+t.key+" < ? AND ?",
			org, uid(from), uid(to), s.dialect.idIn(t.key, ids)).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// removeEvent removes an event and its keys, unless a delivery of it is left. Its keys were made at the instant that it was accepted at,
// by which there is an index.
func (s *Store) removeEvent(tx *gorm.DB, org uid, e entityEvent) (gone bool, err error) {
	places := placesOf(org, e.Ref)
	result := tx.Exec(`DELETE FROM events WHERE organization_id = ? AND ref = ? AND NOT EXISTS (SELECT 1 FROM deliveries WHERE ?)
		AND NOT EXISTS (SELECT 1 FROM deliveries WHERE ?)`, org, e.Ref, places[0], places[1])
	if result.Error != nil || result.RowsAffected == 0 {
		return false, result.Error
	}
	return true, tx.Exec("DELETE FROM event_keys WHERE created_at = ? AND organization_id = ? AND event_ref = ?", e.AcceptedAt, org, e.Ref).Error
}

// ExpungePayload empties an event's data and what its attempts hold of it: headers and bodies. Live deliveries are canceled first, since
// there is nothing left to send. The event and its deliveries stay. The code is not_found where there is no such event.
func (s *Store) ExpungePayload(ctx context.Context, org, ref models.ID) error {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// After whoever sends again: they lock deliveries before events, and here it is the other way round.
		if _, err := lockPasses(tx, s.dialect); err != nil {
			return err
		}
		// The data goes first, under the event's lock: what would make a delivery of it from now on finds none.
		result := tx.Exec("UPDATE events SET data = '' WHERE organization_id = ? AND ref = ?", uid(org), uid(ref))
		if result.Error == nil && result.RowsAffected == 0 {
			return gorm.ErrRecordNotFound
		}
		if result.Error != nil {
			return result.Error
		}
		for _, place := range placesOf(uid(org), uid(ref)) {
			if err := s.emptyDeliveries(tx, org, place); err != nil {
				return err
			}
		}
		return nil
	})
	return wrap("expunge payload", err)
}

// emptyDeliveries cancels what is live of an event's deliveries in one of their places, and empties their attempts. It waits for those that
// others have locked: unlike a removal it does not come back.
func (s *Store) emptyDeliveries(tx *gorm.DB, org models.ID, place clause.Expr) error {
	attempts := payloadTables()[stepAttempts]
	for after := firstID(); ; {
		var rows []deliveryRow
		err := tx.Raw("SELECT id, status, asked FROM deliveries WHERE ? AND id > ? ORDER BY id LIMIT ? "+s.dialect.lock(),
			place, uid(after), removalDeliveries).Scan(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		if _, err := s.cancelLive(tx, org, rows); err != nil {
			return err
		}
		ids := make([]models.ID, len(rows))
		for i := range rows {
			ids[i] = models.ID(rows[i].ID)
		}
		from, to := bounds(ids)
		err = tx.Exec("UPDATE attempts SET "+attempts.set+" WHERE organization_id = ? AND delivery_id >= ? AND delivery_id < ? AND ?",
			uid(org), uid(from), uid(to), s.dialect.idIn("delivery_id", ids)).Error
		if err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

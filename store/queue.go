package store

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Claim makes queued deliveries this owner's that are due, or will be within [models.ClaimAhead]: for each want up to its limit, oldest
// due first, from the moment on that it gives. They are delivering from then
// on and no other claim gets them. Where another claim is at the same rows, they are passed over rather than waited for. The jobs
// are complete, and ordered by subscription and due time.
//
// An error of the code unavailable may have come after the commit; then deliveries are this owner's without its knowing, until
// it asks [Store.Owned] or is declared dead.
func (s *Store) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	if len(wants) == 0 {
		return nil, nil
	}
	rows, err := s.dialect.claim(s.writer(ctx), owner, s.span(), now, wants)
	if err != nil {
		return nil, wrap("claim deliveries", err)
	}
	jobs, lost, err := s.jobs(s.watcher(ctx), rows)
	if err == nil && len(lost) > 0 {
		err = s.tx(ctx, func(tx *gorm.DB) error { return s.giveUp(tx, lost) })
	}
	if err != nil {
		return nil, wrap("read what was claimed", errors.Join(err, s.unclaim(ctx, owner, now, rows)))
	}
	return jobs, nil
}

// unclaimTimeout bounds the giving back of what was claimed and could not be read.
const unclaimTimeout = 5 * time.Second

// unclaim gives rows back. Failure policy: where that fails too, they are this owner's without its knowing, as after a claim whose answer was
// lost.
func (s *Store) unclaim(ctx context.Context, owner int64, now time.Time, rows []deliveryRow) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unclaimTimeout)
	defer cancel()
	ids := make([]models.ID, len(rows))
	for i := range rows {
		ids[i] = models.ID(rows[i].ID)
	}
	return s.Release(ctx, owner, ids, now)
}

// jobs completes claimed rows with the events and subscriptions they need, each read once. Those of which something is missing are lost.
func (s *Store) jobs(db *gorm.DB, rows []deliveryRow) (jobs []models.Job, lost []deliveryRow, err error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	slices.SortFunc(rows, func(a, b deliveryRow) int {
		return cmp.Or(bytes.Compare(a.SubscriptionID[:], b.SubscriptionID[:]), cmp.Compare(a.DueAt, b.DueAt), bytes.Compare(a.ID[:], b.ID[:]))
	})
	events, err := s.eventsOf(db, rows)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]models.ID, 0, len(rows))
	for i := range rows {
		ids = append(ids, models.ID(rows[i].SubscriptionID))
	}
	list, err := s.currents(db.Where(s.dialect.idIn("id", slices.Compact(ids))))
	if err != nil {
		return nil, nil, err
	}
	type state struct {
		id      models.ID
		version int
	}
	current := make(map[models.ID]*models.Subscription, len(list))
	states := make(map[state]*models.Subscription, len(list))
	for _, sub := range list {
		current[sub.ID], states[state{sub.ID, sub.Version}] = sub, sub
	}
	jobs = make([]models.Job, 0, len(rows))
	for i := range rows {
		d := &rows[i]
		event := events[eventPlace{models.ID(d.OrganizationID), models.ID(d.EventRef)}]
		key := state{models.ID(d.SubscriptionID), d.SubscriptionVersion}
		// Data may be removed between the claim and this, and the delivery canceled with it: nothing is sent then.
		if event == nil || len(event.Data) == 0 || current[key.id] == nil {
			lost = append(lost, *d)
			continue
		}
		matched, ok := states[key]
		if !ok {
			if matched, err = s.readable(db)(s.version(db, models.ID(d.OrganizationID), key.id, key.version)); err != nil {
				return nil, nil, fmt.Errorf("version %d of subscription %s: %w", key.version, key.id, err)
			}
			states[key] = matched
		}
		jobs = append(jobs, models.Job{Delivery: d.model(), Event: event, Matched: matched, Current: current[key.id]})
	}
	return jobs, lost, nil
}

// eventsOf reads the events of deliveries, each once.
func (s *Store) eventsOf(db *gorm.DB, rows []deliveryRow) (map[eventPlace]*models.Event, error) {
	events := make(map[eventPlace]*models.Event, len(rows))
	var places []eventPlace
	for i := range rows {
		p := eventPlace{models.ID(rows[i].OrganizationID), models.ID(rows[i].EventRef)}
		if _, ok := events[p]; !ok {
			events[p] = nil
			places = append(places, p)
		}
	}
	list, err := s.dialect.eventsAt(db, places)
	for i := range list {
		events[eventPlace{models.ID(list[i].OrganizationID), models.ID(list[i].Ref)}] = list[i].model()
	}
	return events, err
}

// giveUp ends deliveries whose event, its data or subscription is no longer there, unless they have ended or gone with it or to another owner. Failure
// policy: they fail and are logged, because an error would come back at every claim and hold up the lanes of others.
func (s *Store) giveUp(tx *gorm.DB, lost []deliveryRow) error {
	var moved entries
	for i := range lost {
		d := &lost[i]
		update := tx.Exec(`UPDATE deliveries SET status = 'failed', reason = ?, due_at = 0, owed = FALSE, asked = ''
			WHERE organization_id = ? AND id = ? AND owner = ? AND status = 'delivering'`, models.ReasonInvalid, d.OrganizationID, d.ID, d.Owner)
		if update.Error != nil {
			return update.Error
		}
		if update.RowsAffected > 0 {
			moved.move(models.ID(d.OrganizationID), models.StatusDelivering, models.StatusFailed)
			s.logger.ErrorContext(tx.Statement.Context, "store.delivery_lost", "delivery", models.ID(d.ID).String(), "event_ref", models.ID(d.EventRef).String())
		}
	}
	return s.dialect.enter(tx, moved.list)
}

// Record stores results in one transaction: the new state of each delivery that is still delivering, owned by who says so, and at
// the number of attempts that the result's delivery has, with its attempt. The ids of the rest are returned as fenced, and these
// results leave no trace: another instance has taken them over, or the same result was recorded before and only the answer was
// lost, though the same owner may be at the next attempt by now.
func (s *Store) Record(ctx context.Context, results []models.Result) (fenced []models.ID, err error) {
	if len(results) == 0 {
		return nil, nil
	}
	s.unfolded.Add(int64(len(results)))
	places, err := s.dialect.record(ctx, s.record.WithContext(ctx), s.now(), results)
	if err != nil {
		return nil, wrap("record results", err)
	}
	for _, i := range places {
		fenced = append(fenced, results[i].Delivery.ID)
	}
	return fenced, nil
}

// Release gives deliveries back that this owner has in hand and did not send: pending, due now at the latest, and nothing counted.
// Those that are not this owner's any more are left alone.
func (s *Store) Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error {
	for part := range slices.Chunk(ids, 1000) {
		from, to := bounds(part)
		_, err := s.giveBack(ctx, now, "owner = ? AND status = 'delivering' AND id >= ? AND id < ? AND ?",
			owner, uid(from), uid(to), s.dialect.idIn("id", part))
		if err != nil {
			return wrap("release deliveries", err)
		}
	}
	return nil
}

// giveBack makes deliveries in an instance's hand wait again, at their place in the queue: one that was handed over, at that of its
// acceptance. It returns how many.
func (s *Store) giveBack(ctx context.Context, now time.Time, condition string, args ...any) (int, error) {
	var orgs []uid
	err := s.tx(ctx, func(tx *gorm.DB) error {
		orgs = nil
		all := append([]any{ms(now), ms(now), ms(now)}, args...)
		err := tx.Raw(`UPDATE deliveries SET status = 'pending', owner = 0, updated_at = ?,
			due_at = CASE WHEN due_at > 0 THEN due_at WHEN created_at < ? THEN created_at ELSE ? END
			WHERE `+condition+` RETURNING organization_id`, all...).Scan(&orgs).Error
		if err != nil {
			return err
		}
		var moved entries
		for _, org := range orgs {
			moved.move(models.ID(org), models.StatusDelivering, models.StatusPending)
		}
		return s.dialect.enter(tx, moved.list)
	})
	return len(orgs), err
}

// bounds are the first id of the earliest day, and of the day after the latest. A condition between them, the second excluded, limits
// a statement on Postgres to the partitions of these days. They are whole days on purpose: the planner knows little about the
// newest ids, and takes a narrower range for nearly empty.
func bounds(ids []models.ID) (from, to models.ID) {
	lowest, highest := ids[0], ids[0]
	for _, id := range ids[1:] {
		if bytes.Compare(id[:], lowest[:]) < 0 {
			lowest = id
		}
		if bytes.Compare(id[:], highest[:]) > 0 {
			highest = id
		}
	}
	const day = 24 * time.Hour
	return models.FloorID(lowest.Time().Truncate(day)), models.FloorID(highest.Time().Truncate(day).Add(day))
}

// backlogSQL jumps from one subscription with queued deliveries to the next by the index that claims use, so its cost is in the
// number of subscriptions and not of deliveries. The first queued row of each is the oldest due; the limit that is none keeps the planner from
// looking it up twice, for the list and for the condition.
const backlogSQL = `
WITH RECURSIVE lanes (subscription_id) AS (
  SELECT (SELECT subscription_id FROM deliveries WHERE due_at > 0 AND owner = 0 AND @within AND subscription_id > @after
          ORDER BY subscription_id LIMIT 1)
  UNION ALL
  SELECT (SELECT d.subscription_id FROM deliveries d
          WHERE d.due_at > 0 AND d.owner = 0 AND @within AND d.subscription_id > lanes.subscription_id
          ORDER BY d.subscription_id LIMIT 1)
  FROM lanes WHERE lanes.subscription_id IS NOT NULL
)
SELECT * FROM (
  SELECT subscription_id, (SELECT d.due_at FROM deliveries d
                           WHERE d.due_at > 0 AND d.owner = 0 AND @within AND d.subscription_id = lanes.subscription_id
                           ORDER BY d.due_at LIMIT 1) AS due_at
  FROM lanes WHERE subscription_id IS NOT NULL LIMIT 1000000000
) first
WHERE due_at <= @until
LIMIT @limit`

// laneRow is a subscription with queued deliveries, and when the first of them is due.
type laneRow struct {
	SubscriptionID uid
	DueAt          int64
}

// Backlog lists up to limit subscriptions that have queued deliveries which are due, or will be within [models.ClaimAhead]. Where there are
// more, the next call goes on after the last one listed, so each gets its turn.
func (s *Store) Backlog(ctx context.Context, now time.Time, limit int) ([]models.Backlog, error) {
	s.backlogMu.Lock()
	defer s.backlogMu.Unlock()
	after := s.backlogAfter
	list, err := s.backlog(ctx, now, after, limit)
	if err == nil && !after.IsZero() && len(list) < limit { // once round
		var again []laneRow
		again, err = s.backlog(ctx, now, models.ID{}, limit-len(list))
		for _, row := range again {
			if bytes.Compare(row.SubscriptionID[:], after[:]) <= 0 {
				list = append(list, row)
			}
		}
	}
	if err != nil {
		return nil, wrap("look for a backlog", err)
	}
	s.backlogAfter = models.ID{}
	if len(list) == limit {
		s.backlogAfter = models.ID(list[limit-1].SubscriptionID)
	}
	backlogs := make([]models.Backlog, len(list))
	for i, row := range list {
		backlogs[i] = models.Backlog{SubscriptionID: models.ID(row.SubscriptionID), Since: instant(row.DueAt)}
	}
	return backlogs, nil
}

func (s *Store) backlog(ctx context.Context, now time.Time, after models.ID, limit int) ([]laneRow, error) {
	var rows []laneRow
	// A zero id would be NULL, and nothing is greater than that; no subscription has the smallest id but one.
	if after.IsZero() {
		after[15] = 1
	}
	err := s.watcher(ctx).Raw(backlogSQL, map[string]any{
		"within": s.dialect.within(s.span()), "after": uid(after), "until": ms(now.Add(models.ClaimAhead)), "limit": limit,
	}).Scan(&rows).Error
	return rows, err
}

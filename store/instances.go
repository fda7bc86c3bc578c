package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

const (
	// handedSlack is how much older than the present the ids of deliveries can be that are being handed over right now: the age that
	// routing lets an event have when it is handed over, and the time that the commit may take. See routing.handoverAge.
	handedSlack = time.Minute
	// deadFor is how long a dead instance's row stays after it was declared dead. No commit comes in under its number after that: one
	// that begins after the declaration is refused, and those that had begun have ended by then, by the time limits of their sessions.
	// It counts from the declaration, which takes the place of the last heartbeat in heartbeat_at.
	deadFor = 2 * time.Minute
)

// handedFrom is the id from which on an instance may have deliveries that were handed over, when oldest is the smallest that it knows of.
// Those that it does not know of, because the answer to their save was lost, count as well.
func (s *Store) handedFrom(oldest models.ID) uid {
	return uid(earlier(models.FloorID(s.now().Add(-handedSlack)), earlier(oldest, s.lost.since())))
}

// oldestHanded is the id from which on any instance may have deliveries that were handed over, a dead one too whose work was not given
// back yet; zero where there is no instance. Such deliveries are live, and the only kind of live ones that no index finds.
func oldestHanded(db *gorm.DB) (models.ID, error) {
	var ids []uid
	err := db.Raw("SELECT handed_from FROM instances ORDER BY handed_from LIMIT 1").Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return models.ID{}, err
	}
	return models.ID(ids[0]), nil
}

// RegisterInstance gives a process a number that was never used before. Instances of the same name are its own predecessors and
// are declared dead, so their work is taken over at once.
func (s *Store) RegisterInstance(ctx context.Context, name string) (owner int64, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		clock := s.dialect.clock(s.now())
		err := tx.Exec("UPDATE instances SET dead = TRUE, heartbeat_at = ? WHERE name = ? AND NOT dead", clock, name).Error
		if err != nil {
			return err
		}
		return tx.Raw(`INSERT INTO instances (name, started_at, heartbeat_at, handed_from, dead, swept) VALUES (?, ?, ?, ?, FALSE, FALSE)
			RETURNING id`, name, clock, clock, s.handedFrom(models.ID{})).Scan(&owner).Error
	})
	return owner, wrap("register instance", err)
}

// Heartbeat says that the instance lives, and what the smallest id is of the deliveries in its hands that were handed over from the
// commit; zero where there is none. The code is fenced when it was declared dead: its deliveries belong to others now.
func (s *Store) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	result := s.writer(ctx).Exec("UPDATE instances SET heartbeat_at = ?, handed_from = ? WHERE id = ? AND NOT dead",
		s.dialect.clock(s.now()), s.handedFrom(oldest), owner)
	if result.Error == nil && result.RowsAffected == 0 {
		return wrap("heartbeat", models.Errorf(models.CodeFenced, "This instance was declared dead."))
	}
	return wrap("heartbeat", result.Error)
}

// Deregister ends an instance on its own wish. What it still owns is taken over by others.
func (s *Store) Deregister(ctx context.Context, owner int64) error {
	err := s.writer(ctx).Exec("UPDATE instances SET dead = TRUE, heartbeat_at = ? WHERE id = ? AND NOT dead",
		s.dialect.clock(s.now()), owner).Error
	return wrap("deregister instance", err)
}

const pulseSQL = `
SELECT (SELECT value FROM revisions WHERE id = 1) AS revision,
  (SELECT floor FROM queue_floor WHERE id = 1) AS floor,
  EXISTS (SELECT 1 FROM deliveries WHERE due_at > 0 AND owner = 0 AND due_at <= @now AND @since) AS due,
  EXISTS (SELECT 1 FROM subscriptions
          WHERE cancel_below_version IS NOT NULL OR cancel_retries_below_version IS NOT NULL) AS stopped,
  EXISTS (SELECT 1 FROM endpoint_conditions) AS unwell,
  (SELECT count(*) FROM instances WHERE NOT dead) AS senders,
  EXISTS (SELECT 1 FROM instances
          WHERE NOT dead AND heartbeat_at <= @silent OR dead AND (NOT swept OR heartbeat_at <= @forgotten)) AS silent`

// Pulse looks once at all that the retrier may have to act on. An instance counts as silent when its heartbeat is older than
// silentFor, or when it is dead and what it had was not given back yet.
func (s *Store) Pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	var row struct {
		models.Pulse
		Floor uid
	}
	err := s.watcher(ctx).Raw(pulseSQL, map[string]any{
		"now": ms(now.Add(models.ClaimAhead)), "since": s.dialect.since(s.floor()), "silent": s.before(now, silentFor), "forgotten": s.before(now, deadFor),
	}).Scan(&row).Error
	if err == nil {
		s.setFloor(models.ID(row.Floor))
	}
	return row.Pulse, wrap("feel the pulse", err)
}

// before is the instant before which a heartbeat is too old, on the clock that heartbeats are written by.
func (s *Store) before(now time.Time, silentFor time.Duration) any {
	clock := s.dialect.clock(now)
	clock.SQL += " - ?"
	clock.Vars = append(clock.Vars, silentFor.Milliseconds())
	return clock
}

// TakeOver declares instances dead that have been silent for silentFor, gives up to limit deliveries of the dead back as pending
// and due, keeping their place in the queue, and returns how many. The attempts that the dead were making are not counted: nobody
// knows how they ended, so they are made again.
//
// It never declares self dead, the caller's own number: who asks is alive, and was at most cut off from the database for a while. 0
// is nobody's number.
func (s *Store) TakeOver(ctx context.Context, self int64, now time.Time, silentFor time.Duration, limit int) (int, error) {
	const operation = "take over deliveries"
	err := s.writer(ctx).Exec("UPDATE instances SET dead = TRUE, heartbeat_at = ? WHERE NOT dead AND id <> ? AND heartbeat_at <= ?",
		s.dialect.clock(now), self, s.before(now, silentFor)).Error
	if err != nil {
		return 0, wrap(operation, err)
	}
	var dead []int64
	if err := s.writer(ctx).Raw(ownersLostSQL, s.before(now, deadFor)).Scan(&dead).Error; err != nil {
		return 0, wrap(operation, err)
	}
	total := 0
	for _, owner := range dead {
		n, err := s.sweep(ctx, owner, now, limit-total)
		total += n
		if err != nil {
			return total, wrap(operation, err)
		}
		if total >= limit {
			return total, nil // there may be more of this one
		}
		// Swept once, and again at the very end: what it had begun to commit when it was declared dead has come in by then. Not while
		// something is left: what another one's take-over had locked was passed over, and that one may have failed.
		const left = " AND NOT EXISTS (SELECT 1 FROM deliveries WHERE " + claimedSQL + ") AND NOT EXISTS (SELECT 1 FROM deliveries WHERE " + handedSQL + ")"
		err = s.writer(ctx).Exec("UPDATE instances SET swept = TRUE WHERE id = ? AND NOT swept"+left, owner, owner, owner, owner).Error
		if err == nil {
			err = s.writer(ctx).Exec("DELETE FROM instances WHERE id = ? AND heartbeat_at <= ?"+left,
				owner, s.before(now, deadFor), owner, owner, owner).Error
		}
		if err != nil {
			return total, wrap(operation, err)
		}
	}
	return total, nil
}

// sweep gives back up to limit deliveries that are in a dead instance's hand: claimed ones, and handed over ones.
func (s *Store) sweep(ctx context.Context, owner int64, now time.Time, limit int) (int, error) {
	const rows = "(organization_id, id) IN (SELECT organization_id, id FROM deliveries WHERE "
	claimed, err := s.giveBack(ctx, now, rows+claimedSQL+" LIMIT ? "+s.dialect.skipLocked()+")", owner, limit)
	if err != nil || claimed >= limit {
		return claimed, err
	}
	handed, err := s.giveBack(ctx, now, rows+handedSQL+" LIMIT ? "+s.dialect.skipLocked()+")", owner, owner, limit-claimed)
	return claimed + handed, err
}

// ownersLostSQL lists the owners whose deliveries are to be given back: the dead, and those that are forgotten already. Under such a
// number a claim has come in that took minutes from its first statement to its commit, as when its instance was suspended while the
// jobs were on the way to it.
const ownersLostSQL = `SELECT id FROM instances WHERE dead AND (NOT swept OR heartbeat_at <= ?)
	UNION SELECT owner FROM deliveries WHERE owner > 0 AND due_at > 0 AND NOT EXISTS (SELECT 1 FROM instances i WHERE i.id = deliveries.owner)
	ORDER BY 1`

// claimedSQL is what an instance has claimed and has in hand.
const claimedSQL = "owner = ? AND owner > 0 AND due_at > 0"

// handedSQL is what an instance was handed and has in hand. Its cost is in what it was handed since the oldest of these.
const handedSQL = `owner = ? AND owner > 0 AND due_at = 0 AND status = 'delivering'
	AND id >= (SELECT handed_from FROM instances WHERE id = ?)`

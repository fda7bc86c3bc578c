package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// deadFor is how long a dead instance's row stays at least after it was declared dead. A commit of an instance that does not know of
// its death may still come in; its deliveries must find an owner that is known to be dead. It counts from the declaration, which
// takes the place of the last heartbeat in heartbeat_at, because an instance may have been suspended for longer than that before.
const deadFor = time.Hour

// RegisterInstance gives a process a number that was never used before. Instances of the same name are its own predecessors and
// are declared dead, so their work is taken over at once.
func (s *Store) RegisterInstance(ctx context.Context, name string) (owner int64, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		clock := s.dialect.clock(s.now())
		err := tx.Exec("UPDATE instances SET dead = TRUE, heartbeat_at = ? WHERE name = ? AND NOT dead", clock, name).Error
		if err != nil {
			return err
		}
		return tx.Raw("INSERT INTO instances (name, started_at, heartbeat_at, dead) VALUES (?, ?, ?, FALSE) RETURNING id",
			name, clock, clock).Scan(&owner).Error
	})
	return owner, wrap("register instance", err)
}

// Heartbeat says that the instance lives. The code is fenced when it was declared dead: its deliveries belong to others now.
func (s *Store) Heartbeat(ctx context.Context, owner int64) error {
	result := s.writer(ctx).Exec("UPDATE instances SET heartbeat_at = ? WHERE id = ? AND NOT dead", s.dialect.clock(s.now()), owner)
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

// The OFFSET keeps Postgres from listing all that is being delivered, to look the dead up in it.
const pulseSQL = `
SELECT (SELECT value FROM revisions WHERE id = 1) AS revision,
  EXISTS (SELECT 1 FROM deliveries WHERE status IN ('pending', 'retrying') AND due_at <= ?) AS due,
  EXISTS (SELECT 1 FROM subscriptions
          WHERE cancel_below_version IS NOT NULL OR cancel_retries_below_version IS NOT NULL) AS stopped,
  EXISTS (SELECT 1 FROM instances i
          WHERE NOT i.dead AND i.heartbeat_at <= ?
             OR i.dead AND EXISTS (SELECT 1 FROM deliveries d WHERE d.owner = i.id AND d.status = 'delivering' LIMIT 1 OFFSET 0)) AS silent`

// Pulse looks once at all that the retrier may have to act on. An instance counts as silent when its heartbeat is older than
// silentFor, or when it is dead and still owns deliveries.
func (s *Store) Pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	var p models.Pulse
	err := s.watcher(ctx).Raw(pulseSQL, ms(now), s.before(now, silentFor)).Scan(&p).Error
	return p, wrap("feel the pulse", err)
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
	if err := s.writer(ctx).Raw("SELECT id FROM instances WHERE dead ORDER BY id").Scan(&dead).Error; err != nil {
		return 0, wrap(operation, err)
	}
	total := 0
	for _, owner := range dead {
		if total >= limit {
			return total, nil
		}
		result := s.writer(ctx).Exec(`UPDATE deliveries SET status = 'pending', owner = 0, updated_at = ?,
			due_at = CASE WHEN due_at < ? THEN due_at ELSE ? END
			WHERE (organization_id, id) IN (SELECT organization_id, id FROM deliveries WHERE owner = ? AND status = 'delivering'
				LIMIT ? `+s.dialect.skipLocked()+`)`,
			ms(now), ms(now), ms(now), owner, limit-total)
		if result.Error != nil {
			return total, wrap(operation, result.Error)
		}
		total += int(result.RowsAffected)
	}
	err = s.writer(ctx).Exec(`DELETE FROM instances WHERE dead AND heartbeat_at <= ?
		AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.owner = instances.id AND d.status = 'delivering')`, s.before(now, deadFor)).Error
	return total, wrap(operation, err)
}

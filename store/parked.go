package store

import (
	"bytes"
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// ParkWaiting parks up to limit deliveries of a suspended subscription that were waiting when it was suspended, each at its place in the
// queue, and returns how many it looked at. Tests go on waiting: they are sent all the same.
func (s *Store) ParkWaiting(ctx context.Context, now time.Time, sub models.Condition, limit int) (int, error) {
	const operation = "park deliveries"
	n := 0
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var rows []deliveryRow
		err := tx.Raw("SELECT organization_id, id, event_ref, status FROM deliveries WHERE subscription_id = ? AND due_at > 0 AND owner = 0 AND asked = '' AND ? LIMIT ? "+
			s.dialect.skipLocked(), uid(sub.SubscriptionID), s.dialect.since(s.floor()), limit).Scan(&rows).Error
		if n = len(rows); err != nil || n == 0 {
			return err
		}
		ids := make([]models.ID, 0, n)
		var moved entries
		for i := range rows {
			if !models.ID(rows[i].EventRef).Marked() {
				ids = append(ids, models.ID(rows[i].ID))
				moved.move(models.ID(rows[i].OrganizationID), rows[i].Status, models.StatusParked)
			}
		}
		if len(ids) == 0 {
			return nil
		}
		from, to := bounds(ids)
		err = tx.Exec(`UPDATE deliveries SET status = 'parked', due_at = -due_at, updated_at = ? WHERE organization_id = ? AND id >= ? AND id < ? AND ?`,
			ms(now), uid(sub.OrganizationID), uid(from), uid(to), s.dialect.idIn("id", ids)).Error
		if err != nil {
			return err
		}
		return s.dialect.enter(tx, moved.list)
	})
	if err != nil || n == limit {
		return n, wrap(operation, err)
	}
	// What comes to wait after this, given back by somebody, is parked when its turn to be sent comes.
	err = s.writer(ctx).Exec("UPDATE subscriptions SET parking = FALSE WHERE organization_id = ? AND id = ? AND suspended_at = ?",
		uid(sub.OrganizationID), uid(sub.SubscriptionID), ms(sub.SuspendedAt)).Error
	return n, wrap(operation, err)
}

// ClaimProbe makes the oldest parked delivery of a suspended subscription the owner's, and the next probe be due at next. There is none
// where nothing is parked, or where another instance has taken the probe that sub tells of.
func (s *Store) ClaimProbe(ctx context.Context, owner int64, now time.Time, sub models.Condition, next time.Time) ([]models.Job, error) {
	var jobs []models.Job
	err := s.tx(ctx, func(tx *gorm.DB) error {
		jobs = nil
		taken := tx.Exec(`UPDATE endpoint_conditions SET probe_at = ?, probes = probes + 1 WHERE subscription_id = ? AND probe_at = ? AND probe_at > 0`,
			ms(next), uid(sub.SubscriptionID), ms(sub.ProbeAt))
		if taken.Error != nil || taken.RowsAffected == 0 {
			return taken.Error
		}
		var err error
		if jobs, err = s.unpark(tx, owner, now, sub, 1); err == nil && len(jobs) == 0 {
			err = errUnchanged // the probe stays due for the first that is parked
		}
		for i := range jobs {
			jobs[i].Probe = true
		}
		return err
	})
	if errors.Is(err, errUnchanged) {
		return nil, nil
	}
	return jobs, wrap("claim a probe", err)
}

// TakeDrain makes the owner the one that sends what is parked, and reports whether it is: not while another living instance is.
func (s *Store) TakeDrain(ctx context.Context, owner int64, sub models.ID) (bool, error) {
	result := s.writer(ctx).Exec(`UPDATE endpoint_conditions SET drain_by = ? WHERE subscription_id = ? AND draining AND (drain_by = ?
		OR NOT EXISTS (SELECT 1 FROM instances i WHERE i.id = endpoint_conditions.drain_by AND NOT i.dead))`, owner, uid(sub), owner)
	return result.Error == nil && result.RowsAffected > 0, wrap("take a drain", result.Error)
}

// ClaimParked makes up to limit parked deliveries the owner's, the oldest first, while it drains the subscription.
func (s *Store) ClaimParked(ctx context.Context, owner int64, now time.Time, sub models.Condition, limit int) ([]models.Job, error) {
	var jobs []models.Job
	err := s.tx(ctx, func(tx *gorm.DB) error {
		jobs = nil
		var held []int64
		err := tx.Raw("SELECT drain_by FROM endpoint_conditions WHERE subscription_id = ? AND draining AND drain_by = ? "+s.dialect.lock(),
			uid(sub.SubscriptionID), owner).Scan(&held).Error
		if err != nil || len(held) == 0 {
			return err
		}
		jobs, err = s.unpark(tx, owner, now, sub, limit)
		for i := range jobs {
			jobs[i].Drained = true
		}
		return err
	})
	return jobs, wrap("claim parked deliveries", err)
}

// EndDrain ends the owner's drain of a subscription of which nothing is parked any more, and reports whether nothing is.
func (s *Store) EndDrain(ctx context.Context, owner int64, sub models.ID) (bool, error) {
	empty := false
	err := s.tx(ctx, func(tx *gorm.DB) error {
		result := tx.Exec(`UPDATE endpoint_conditions SET draining = FALSE, drain_by = 0 WHERE subscription_id = ? AND drain_by = ?
			AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = endpoint_conditions.subscription_id AND d.due_at < 0)`, uid(sub), owner)
		if empty = result.RowsAffected > 0; result.Error != nil || !empty {
			return result.Error
		}
		return tx.Exec("DELETE FROM endpoint_conditions WHERE subscription_id = ? AND "+wellSQL, uid(sub)).Error
	})
	return empty, wrap("end a drain", err)
}

// strayParkedSQL jumps from one subscription with parked deliveries to the next, like backlogSQL.
const strayParkedSQL = `
WITH RECURSIVE lanes (subscription_id) AS (
  SELECT (SELECT subscription_id FROM deliveries WHERE due_at < 0 ORDER BY subscription_id LIMIT 1)
  UNION ALL
  SELECT (SELECT d.subscription_id FROM deliveries d WHERE d.due_at < 0 AND d.subscription_id > lanes.subscription_id
          ORDER BY d.subscription_id LIMIT 1)
  FROM lanes WHERE lanes.subscription_id IS NOT NULL
)
INSERT INTO endpoint_conditions (organization_id, subscription_id, draining)
SELECT s.organization_id, s.id, TRUE FROM lanes JOIN subscriptions s ON s.id = lanes.subscription_id WHERE s.suspended_at = 0
ON CONFLICT (subscription_id) DO UPDATE SET draining = TRUE WHERE NOT endpoint_conditions.draining`

// TidyConditions finds what fell between: deliveries that an instance parked which did not know yet that their subscription was resumed are
// marked to be drained, and what is said of subscriptions that were stopped goes.
func (s *Store) TidyConditions(ctx context.Context) error {
	err := s.writer(ctx).Exec(strayParkedSQL).Error
	if err == nil {
		err = s.writer(ctx).Exec(`DELETE FROM endpoint_conditions WHERE NOT draining AND EXISTS (SELECT 1 FROM subscriptions s
			WHERE s.id = endpoint_conditions.subscription_id AND (s.deleted_at > 0 OR NOT s.enabled))`).Error
	}
	return wrap("tidy endpoint conditions", err)
}

// unpark makes the oldest parked deliveries of a subscription the owner's, unless it was declared dead.
func (s *Store) unpark(tx *gorm.DB, owner int64, now time.Time, sub models.Condition, limit int) ([]models.Job, error) {
	var ids []uid
	err := tx.Raw("SELECT id FROM deliveries WHERE subscription_id = ? AND due_at < 0 ORDER BY due_at DESC LIMIT ? "+s.dialect.skipLocked(),
		uid(sub.SubscriptionID), limit).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	list := make([]models.ID, len(ids))
	for i, id := range ids {
		list[i] = models.ID(id)
	}
	from, to := bounds(list)
	var rows []deliveryRow
	err = tx.Raw(`UPDATE deliveries SET status = 'delivering', owner = ?, due_at = -due_at, updated_at = ?
		WHERE organization_id = ? AND id >= ? AND id < ? AND ? AND EXISTS (SELECT 1 FROM instances i WHERE i.id = ? AND NOT i.dead)
		RETURNING `+deliveryColumnsSQL, owner, ms(now), uid(sub.OrganizationID), uid(from), uid(to), s.dialect.idIn("id", list), owner).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	var moved entries
	lowest := models.ID(rows[0].ID)
	for i := range rows {
		moved.move(models.ID(rows[i].OrganizationID), models.StatusParked, models.StatusDelivering)
		if id := models.ID(rows[i].ID); bytes.Compare(id[:], lowest[:]) < 0 {
			lowest = id
		}
	}
	if err := s.dialect.enter(tx, moved.list); err != nil {
		return nil, err
	}
	if err := s.dialect.lowerFloor(tx, s, lowest); err != nil {
		return nil, err
	}
	jobs, lost, err := s.jobs(tx, rows)
	if err != nil {
		return nil, err
	}
	return jobs, s.giveUp(tx, lost)
}

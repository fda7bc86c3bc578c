package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"hookrouter/models"
)

// stop is one mark of a subscription: waiting deliveries below a version are canceled, or only those that wait for a retry.
type stop struct {
	column    string
	condition string
	mark      func(*subscriptionRow) *int
	reason    func(*subscriptionRow) models.Reason
}

// stops agree with models.Delivery.Stopped, which is asked before every attempt; here it is said in SQL, of those that wait.
func stops() []stop {
	return []stop{
		{
			column: "cancel_below_version",
			mark:   func(r *subscriptionRow) *int { return r.CancelBelowVersion },
			reason: func(r *subscriptionRow) models.Reason {
				if r.State.DeletedAt != 0 {
					return models.ReasonDeleted
				}
				return models.ReasonDisabled
			},
		},
		{
			column:    "cancel_retries_below_version",
			condition: " AND attempts > uncounted AND NOT owed",
			mark:      func(r *subscriptionRow) *int { return r.CancelRetriesBelowVersion },
			reason:    func(*subscriptionRow) models.Reason { return models.ReasonAutoRetryOff },
		},
	}
}

// CancelStopped cancels up to limit waiting deliveries of subscriptions that were stopped, and returns how many. A mark goes when
// nothing below it waits any more. Deliveries in flight are decided when they are recorded; those of events accepted while the
// subscription was being stopped, when they are about to be sent.
func (s *Store) CancelStopped(ctx context.Context, now time.Time, limit int) (int, error) {
	const operation = "cancel deliveries"
	var subs []subscriptionRow
	err := s.watcher(ctx).Select("organization_id, id, deleted_at, cancel_below_version, cancel_retries_below_version").
		Where("cancel_below_version IS NOT NULL OR cancel_retries_below_version IS NOT NULL").Find(&subs).Error
	if err != nil {
		return 0, wrap(operation, err)
	}
	total := 0
	for i := range subs {
		for _, stop := range stops() {
			mark := stop.mark(&subs[i])
			if mark == nil {
				continue
			}
			if total >= limit {
				return total, nil
			}
			n, err := s.cancel(ctx, now, &subs[i], stop, *mark, limit-total)
			total += n
			if err != nil {
				return total, wrap(operation, err)
			}
		}
	}
	return total, nil
}

func (s *Store) cancel(ctx context.Context, now time.Time, sub *subscriptionRow, stop stop, mark, limit int) (int, error) {
	of := " AND subscription_version < ?" + stop.condition
	since, anyDay := s.dialect.since(s.floor()), clause.Expr{SQL: "true"} // what is parked may lie below the floor
	waiting, parked := waitingSQL+of, parkedOfSQL+of
	n, err := s.cancelThose(ctx, now, sub, stop, limit, waiting, sub.ID, since, mark)
	if err == nil && n < limit {
		var more int
		more, err = s.cancelThose(ctx, now, sub, stop, limit-n, parked, sub.ID, anyDay, mark)
		n += more
	}
	if err != nil || n == limit {
		return n, err // after as many as the limit there may be more: the mark stays
	}
	// The mark is compared, because the subscription may have been stopped again meanwhile.
	err = s.writer(ctx).Exec(`UPDATE subscriptions SET `+stop.column+` = NULL WHERE organization_id = ? AND id = ? AND `+stop.column+` = ?
		AND NOT EXISTS (SELECT 1 FROM deliveries WHERE `+waiting+`) AND NOT EXISTS (SELECT 1 FROM deliveries WHERE `+parked+`)`,
		sub.OrganizationID, sub.ID, mark, sub.ID, since, mark, sub.ID, anyDay, mark).Error
	return n, err
}

// What a subscription's deliveries are that wait in the queue, and those that are parked. What was asked for is left to whoever claims it:
// it may have been asked for after the stop, and it goes back to what it was.
const (
	waitingSQL  = "subscription_id = ? AND due_at > 0 AND owner = 0 AND asked = '' AND ?"
	parkedOfSQL = "subscription_id = ? AND due_at < 0 AND ?"
)

// cancelThose cancels up to limit deliveries of a subscription under a condition.
func (s *Store) cancelThose(
	ctx context.Context, now time.Time, sub *subscriptionRow, stop stop, limit int, condition string, args ...any,
) (n int, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var rows []deliveryRow
		err := tx.Raw("SELECT organization_id, id, status FROM deliveries WHERE "+condition+" LIMIT ? "+s.dialect.skipLocked(),
			append(args, limit)...).Scan(&rows).Error
		if n = len(rows); err != nil || n == 0 {
			return err
		}
		ids := make([]models.ID, n)
		var moved entries
		for i := range rows {
			ids[i] = models.ID(rows[i].ID)
			moved.move(models.ID(rows[i].OrganizationID), models.DeliveryStatus(rows[i].Status), models.StatusCanceled)
		}
		from, to := bounds(ids)
		err = tx.Exec(`UPDATE deliveries SET status = 'canceled', reason = ?, due_at = 0, owed = FALSE, updated_at = ?
			WHERE organization_id = ? AND id >= ? AND id < ? AND ?`,
			stop.reason(sub), ms(now), sub.OrganizationID, uid(from), uid(to), s.dialect.idIn("id", ids)).Error
		if err != nil {
			return err
		}
		return s.dialect.enter(tx, moved.list)
	})
	return n, err
}

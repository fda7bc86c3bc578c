package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// errUnchanged rolls back what turns out to have nothing to do.
var errUnchanged = errors.New("unchanged")

// SuspendSubscription makes a subscription's deliveries be parked from this revision on, and reports whether that is a change. A manual
// suspension takes the place of any other and is not probed; the others leave one that is there alone. probeAt is when the first probe may
// start. Codes: not_found, and conflict where it is disabled.
func (s *Store) SuspendSubscription(
	ctx context.Context, org, id models.ID, reason models.SuspendReason, now, probeAt time.Time,
) (*models.Subscription, bool, error) {
	sub, changed, err := s.turn(ctx, org, id, func(tx *gorm.DB, row *subscriptionRow) error {
		switch {
		case !row.State.Enabled:
			return models.Errorf(models.CodeConflict, "The subscription is disabled, so nothing is sent that could be suspended.")
		case row.SuspendedAt != 0 && (reason != models.SuspendedManual || row.StateReason == reason):
			return errUnchanged
		}
		if row.SuspendedAt == 0 {
			row.SuspendedAt = ms(now)
		}
		row.StateReason = reason
		if reason == models.SuspendedManual {
			probeAt = time.Time{}
		} else if err := s.own(tx, "webhook.suspend", row.OrganizationID, row.ID, string(reason)); err != nil {
			return err
		}
		err := tx.Exec(`UPDATE subscriptions SET suspended_at = ?, state_reason = ?, parking = TRUE WHERE organization_id = ? AND id = ?`,
			row.SuspendedAt, string(reason), row.OrganizationID, row.ID).Error
		if err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO endpoint_conditions (organization_id, subscription_id, probe_at) VALUES (?, ?, ?)
			ON CONFLICT (subscription_id) DO UPDATE SET probe_at = excluded.probe_at, probes = 0, draining = FALSE, drain_by = 0`,
			row.OrganizationID, row.ID, ms(probeAt)).Error
	})
	return sub, changed, wrap("suspend subscription", err)
}

// ResumeSubscription ends a suspension, and reports whether that is a change; what is parked is to be drained. Without byHand a manual
// one stays. Code not_found.
func (s *Store) ResumeSubscription(ctx context.Context, org, id models.ID, byHand bool) (*models.Subscription, bool, error) {
	sub, changed, err := s.turn(ctx, org, id, func(tx *gorm.DB, row *subscriptionRow) error {
		if row.SuspendedAt == 0 || row.StateReason == models.SuspendedManual && !byHand {
			return errUnchanged
		}
		if !byHand {
			if err := s.own(tx, "webhook.resume", row.OrganizationID, row.ID, "well"); err != nil {
				return err
			}
		}
		row.SuspendedAt, row.StateReason = 0, ""
		err := tx.Exec(`UPDATE subscriptions SET suspended_at = 0, state_reason = '', parking = FALSE WHERE organization_id = ? AND id = ?`,
			row.OrganizationID, row.ID).Error
		if err != nil {
			return err
		}
		return tx.Exec(`INSERT INTO endpoint_conditions (organization_id, subscription_id, draining) VALUES (?, ?, TRUE)
			ON CONFLICT (subscription_id) DO UPDATE
			SET failures = 0, failing_since = 0, probe_at = 0, probes = 0, draining = TRUE, drain_by = 0`, row.OrganizationID, row.ID).Error
	})
	return sub, changed, wrap("resume subscription", err)
}

// turn changes the state of a subscription that was not deleted: the next revision, and no new version.
func (s *Store) turn(
	ctx context.Context, org, id models.ID, edit func(*gorm.DB, *subscriptionRow) error,
) (sub *models.Subscription, changed bool, err error) {
	var row subscriptionRow
	err = s.tx(ctx, func(tx *gorm.DB) error {
		row = subscriptionRow{} // gorm would take what is in it for conditions
		revision, err := nextRevision(tx)
		if err != nil {
			return err
		}
		if err := tx.Where("organization_id = ? AND id = ? AND deleted_at = 0", uid(org), uid(id)).Take(&row).Error; err != nil {
			return err
		}
		if err := edit(tx, &row); err != nil {
			return err
		}
		row.State.Revision = revision
		return tx.Exec("UPDATE subscriptions SET revision = ? WHERE organization_id = ? AND id = ?", revision, uid(org), uid(id)).Error
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return nil, false, err
	}
	changed = err == nil
	sub, err = s.readable(s.write.WithContext(ctx))(s.current(&row))
	return sub, changed, err
}

// wellSQL is the condition that a row of endpoint_conditions says nothing any more.
const wellSQL = `failures = 0 AND probe_at = 0 AND NOT draining
	AND NOT EXISTS (SELECT 1 FROM subscriptions s WHERE s.id = endpoint_conditions.subscription_id AND s.suspended_at > 0)`

// ReportHealth counts consecutive failures, of all instances together. It returns the counts after that for the endpoints that failed, in
// no particular order, each counted under a lock: of any number of reports one alone takes a count from below a number to it.
func (s *Store) ReportHealth(ctx context.Context, now time.Time, reports []models.Health) ([]models.Condition, error) {
	reports = slices.Clone(reports) // always in the same order, so that two instances wait for one another and never in a circle
	slices.SortFunc(reports, func(a, b models.Health) int { return a.SubscriptionID.Compare(b.SubscriptionID) })
	var well []models.ID
	for i := range reports {
		if reports[i].Reset {
			well = append(well, reports[i].SubscriptionID)
		}
	}
	var list []models.Condition
	err := s.tx(ctx, func(tx *gorm.DB) error {
		list = nil
		if len(well) > 0 {
			which := s.dialect.idIn("subscription_id", well)
			if err := tx.Exec("UPDATE endpoint_conditions SET failures = 0, failing_since = 0 WHERE ? AND failures > 0", which).Error; err != nil {
				return err
			}
			if err := tx.Exec("DELETE FROM endpoint_conditions WHERE ? AND "+wellSQL, which).Error; err != nil {
				return err
			}
		}
		failed := slices.DeleteFunc(reports, func(h models.Health) bool { return h.Failures == 0 })
		return chunks(len(failed), func(from, to int) error {
			args := make([]any, 0, (to-from)*4)
			for _, h := range failed[from:to] {
				args = append(args, uid(h.OrganizationID), uid(h.SubscriptionID), h.Failures, ms(now))
			}
			var rows []conditionRow
			err := tx.Raw(`INSERT INTO endpoint_conditions (organization_id, subscription_id, failures, failing_since)
				VALUES `+values(to-from, 4)+` ON CONFLICT (subscription_id) DO UPDATE
				SET failures = endpoint_conditions.failures + excluded.failures,
				  failing_since = CASE WHEN endpoint_conditions.failures = 0 THEN excluded.failing_since ELSE endpoint_conditions.failing_since END
				RETURNING organization_id, subscription_id, failures, failing_since`, args...).Scan(&rows).Error
			for i := range rows {
				list = append(list, rows[i].model())
			}
			return err
		})
	})
	return list, wrap("report health", err)
}

// conditionRow is a row of endpoint_conditions, with what its subscription says.
type conditionRow struct {
	OrganizationID uid
	SubscriptionID uid
	Failures       int
	FailingSince   int64
	SuspendedAt    int64
	StateReason    models.SuspendReason
	Parking        bool
	ProbeAt        int64
	Probes         int
	Parked         bool
	Draining       bool
	DrainBy        int64
}

func (r *conditionRow) model() models.Condition {
	return models.Condition{
		OrganizationID: models.ID(r.OrganizationID), SubscriptionID: models.ID(r.SubscriptionID), Failures: r.Failures,
		FailingSince: instant(r.FailingSince), SuspendedAt: instant(r.SuspendedAt), Reason: r.StateReason, Parking: r.Parking,
		ProbeAt: instant(r.ProbeAt), Probes: r.Probes, Parked: r.Parked, Draining: r.Draining, DrainBy: r.DrainBy,
	}
}

// Conditions lists up to limit endpoints that are not simply well; those that need something come first. Whether some delivery is parked is
// only looked up where a probe is due.
func (s *Store) Conditions(ctx context.Context, now time.Time, limit int) ([]models.Condition, error) {
	var rows []conditionRow
	err := s.watcher(ctx).Raw(`SELECT c.organization_id, c.subscription_id, c.failures, c.failing_since, c.probe_at, c.probes, c.draining, c.drain_by,
		s.suspended_at, s.state_reason, s.parking,
		CASE WHEN c.probe_at > 0 AND c.probe_at <= ? THEN EXISTS (SELECT 1 FROM deliveries d WHERE d.subscription_id = c.subscription_id AND d.due_at < 0)
		  ELSE FALSE END AS parked
		FROM endpoint_conditions c JOIN subscriptions s ON s.id = c.subscription_id
		ORDER BY s.parking OR c.draining DESC, c.probe_at = 0, c.probe_at, c.subscription_id LIMIT ?`, ms(now), limit).Scan(&rows).Error
	list := make([]models.Condition, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, wrap("list endpoint conditions", err)
}

// Suspensions lists up to limit suspended subscriptions of all organizations, the longest suspended first.
func (s *Store) Suspensions(ctx context.Context, limit int) ([]models.Suspension, error) {
	var rows []struct {
		Condition    conditionRow `gorm:"embedded"`
		Organization string
		Endpoint     string
		ParkedCount  int
	}
	err := s.reader(ctx).Raw(`SELECT s.organization_id, s.id AS subscription_id, s.suspended_at, s.state_reason, s.parking, s.endpoint,
		o.name AS organization, coalesce(c.failures, 0) AS failures, coalesce(c.failing_since, 0) AS failing_since,
		coalesce(c.probe_at, 0) AS probe_at, coalesce(c.probes, 0) AS probes,
		(SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE d.subscription_id = s.id AND d.due_at < 0 LIMIT ?) p) AS parked_count
		FROM subscriptions s JOIN organizations o ON o.id = s.organization_id LEFT JOIN endpoint_conditions c ON c.subscription_id = s.id
		WHERE s.suspended_at > 0 ORDER BY s.suspended_at, s.id LIMIT ?`, models.MaxParkedCount, limit).Scan(&rows).Error
	list := make([]models.Suspension, len(rows))
	for i := range rows {
		r := &rows[i]
		list[i] = models.Suspension{Condition: r.Condition.model(), Organization: r.Organization, Endpoint: r.Endpoint, ParkedCount: r.ParkedCount}
		list[i].Parked = r.ParkedCount > 0
	}
	return list, wrap("list suspensions", err)
}

package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// Bounds of a step. Failure policy: what is left is done by the next one; a transaction that goes on for long would hold up others that
// send again.
const (
	scanPage  = 500 // rows that are read at a time
	stepPages = 10  // of them in one step
	stepMost  = 500 // that are put in the queue in one step
)

// stepCatchUp is how much of its rate a job may make up for that nobody used, because steps came late or no instance was there.
const stepCatchUp = 2 * time.Second

// StepResends does the next step of each job that is running, as far as the rates allow, and returns how many go on and the subscriptions
// that have got something to send. Any number of instances may do so at once: a job is one instance's at a time. Each step moves the
// job's position in the transaction that puts deliveries in the queue, so none is put there twice by a job. One that fails does not keep the
// others.
func (s *Store) StepResends(ctx context.Context, now time.Time) (running int, subs []models.ID, err error) {
	const operation = "step jobs"
	var jobs []resendRow
	err = s.watcher(ctx).Select("organization_id, id").Where("ended_at = 0").Order("id").Limit(1000).Find(&jobs).Error
	if err != nil {
		return 0, nil, wrap(operation, err)
	}
	woken := map[models.ID]bool{}
	var errs []error
	for i := range jobs {
		if ctx.Err() != nil {
			errs = append(errs, ctx.Err())
			break
		}
		for more := true; more; {
			step, err := s.stepResend(ctx, &jobs[i], now)
			errs = append(errs, err)
			for _, id := range step.subs {
				if !woken[id] {
					woken[id] = true
					subs = append(subs, id)
				}
			}
			if step.ended {
				running--
			}
			more = step.more
		}
		running++
	}
	return running, subs, wrap(operation, errors.Join(errs...))
}

// resendStep is what a step has done.
type resendStep struct {
	subs        []models.ID
	lowest      models.ID
	ended, more bool
}

func (s *Store) stepResend(ctx context.Context, at *resendRow, now time.Time) (step resendStep, err error) {
	err = s.tx(ctx, func(tx *gorm.DB) error {
		step = resendStep{}
		var rows []resendRow
		err := tx.Raw("SELECT * FROM resends WHERE organization_id = ? AND id = ? AND ended_at = 0 "+s.dialect.skipLocked(), at.OrganizationID, at.ID).
			Scan(&rows).Error
		if err != nil || len(rows) == 0 { // another instance is at it, or it was canceled
			return err
		}
		row := &rows[0]
		from := max(row.PacedTo, ms(now.Add(-stepCatchUp)))
		allowed := int((ms(now) - from) * int64(row.Rate) / 1000)
		if allowed < 1 {
			return nil
		}
		sent, before := 0, row.Sent
		if row.Kind == models.ResendBackfill {
			err = s.stepBackfill(tx, row, min(allowed, stepMost), now, &step)
		} else {
			err = s.stepRetry(tx, row, min(allowed, stepMost), now, &step)
		}
		if err != nil {
			return fmt.Errorf("job %s: %w", models.ID(row.ID), err)
		}
		sent = int(row.Sent - before)
		row.PacedTo = from + (int64(sent)*1000+int64(row.Rate)-1)/int64(row.Rate)
		step.more = !step.ended && sent == stepMost && allowed > sent
		if step.ended {
			row.EndedAt = ms(now)
		}
		row.UpdatedAt = ms(now)
		return tx.Model(&resendRow{}).Where("organization_id = ? AND id = ?", row.OrganizationID, row.ID).
			Select("state", "position", "paced_to", "sent", "skipped", "updated_at", "ended_at").Updates(row).Error
	})
	if err == nil && !step.lowest.IsZero() {
		s.sink(step.lowest)
	}
	return step, err
}

// resendBounds are the ids between which everything lies that a job is about, but for where it stands: after the first and before the
// second.
func resendBounds(r *models.Resend) (after, before models.ID) {
	after, before = models.FloorID(r.From.Add(-clockSlack)), models.FloorID(r.To.Add(clockSlack))
	if r.Position.Compare(after) > 0 {
		after = r.Position
	}
	return after, before
}

// pageOfDeliveries are the next deliveries that a job looks at, in the order of their ids.
func pageOfDeliveries(db *gorm.DB, r *models.Resend) (rows []deliveryRow, err error) {
	after, before := resendBounds(r)
	query := db.Where("organization_id = ? AND id > ? AND id < ?", uid(r.OrganizationID), uid(after), uid(before)).Order("id").Limit(scanPage)
	if !r.SubscriptionID.IsZero() {
		query = query.Where("subscription_id = ?", uid(r.SubscriptionID))
	}
	return rows, query.Find(&rows).Error
}

// pageOfEvents are the next events that a backfill looks at.
func pageOfEvents(db *gorm.DB, r *models.Resend) (rows []eventRow, err error) {
	after, before := resendBounds(r)
	return rows, db.Select(eventHeadSQL).Where("organization_id = ? AND ref > ? AND ref < ?", uid(r.OrganizationID), uid(after), uid(before)).
		Order("ref").Limit(scanPage).Find(&rows).Error
}

// stepRetry puts up to limit deliveries in the queue.
func (s *Store) stepRetry(tx *gorm.DB, row *resendRow, limit int, now time.Time, step *resendStep) error {
	r := row.model()
	passes, err := s.reopen(tx)
	if err != nil {
		return err
	}
	for range stepPages {
		rows, err := pageOfDeliveries(tx, &r)
		if err != nil {
			return err
		}
		var ids []models.ID
		for i := range rows {
			if len(ids) == limit {
				rows = rows[:i]
				break
			}
			d := rows[i].model()
			r.Position = d.ID
			if r.Selects(&d) && d.Status.Resendable() {
				ids = append(ids, d.ID)
			}
		}
		sent, err := s.resend(tx, passes, &r, ids, now, step)
		if err != nil {
			return err
		}
		row.Sent, row.Skipped, limit = row.Sent+int64(sent), row.Skipped+int64(len(ids)-sent), limit-sent
		row.Position = uid(r.Position)
		if limit <= 0 {
			return nil
		}
		if len(rows) < scanPage {
			more, err := pageOfDeliveries(tx, &r)
			if err != nil {
				return err
			}
			if len(more) == 0 {
				row.State, step.ended = models.ResendDone, true
				return nil
			}
		}
	}
	return nil
}

// resend puts those of some deliveries in the queue that a job is still about and that can be sent, and returns how many.
func (s *Store) resend(
	tx *gorm.DB, passes payloadProgress, r *models.Resend, ids []models.ID, now time.Time, step *resendStep,
) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	rows, err := s.lockDeliveries(tx, r.OrganizationID, ids)
	if err != nil {
		return 0, err
	}
	rows = slices.DeleteFunc(rows, func(row deliveryRow) bool { // it may have gone on between the two looks
		d := row.model()
		return !r.Selects(&d)
	})
	refused, err := s.again(tx, passes, r.OrganizationID, rows, now, true)
	if err != nil {
		return 0, err
	}
	for i := range rows {
		id := models.ID(rows[i].ID)
		if refused[id] != nil {
			continue
		}
		step.subs = append(step.subs, models.ID(rows[i].SubscriptionID))
		if step.lowest.IsZero() {
			step.lowest = id
		}
	}
	return len(rows) - len(refused), nil
}

// stepBackfill makes up to limit replays of events that the subscription matches now and never got.
func (s *Store) stepBackfill(tx *gorm.DB, row *resendRow, limit int, now time.Time, step *resendStep) error {
	r := row.model()
	passes, err := lockPasses(tx, s.dialect)
	if err != nil {
		return err
	}
	found, err := s.currentOf(tx, r.OrganizationID, []models.ID{r.SubscriptionID})
	if err != nil {
		return err
	}
	sub := found[r.SubscriptionID]
	if sub == nil || !sub.Live() {
		row.State, step.ended = models.ResendStopped, true
		return nil
	}
	for range stepPages {
		rows, err := pageOfEvents(tx, &r)
		if err != nil {
			return err
		}
		missed, err := s.missed(tx, &r, sub, rows)
		if err != nil {
			return err
		}
		full := len(missed) > limit
		if full {
			missed = missed[:limit]
		}
		made, err := s.backfill(tx, passes, &r, sub, missed, now)
		if err != nil {
			return err
		}
		if made > 0 {
			step.subs = append(step.subs, sub.ID)
		}
		row.Sent, row.Skipped, limit = row.Sent+int64(made), row.Skipped+int64(len(missed)-made), limit-made
		switch {
		case full:
			r.Position = models.ID(missed[len(missed)-1].Ref)
		case len(rows) > 0:
			r.Position = models.ID(rows[len(rows)-1].Ref)
		}
		row.Position = uid(r.Position)
		if !full && len(rows) < scanPage {
			row.State, step.ended = models.ResendDone, true
			return nil
		}
		if limit <= 0 {
			return nil
		}
	}
	return nil
}

func (s *Store) backfill(
	tx *gorm.DB, passes payloadProgress, r *models.Resend, sub *models.Subscription, missed []eventRow, now time.Time,
) (int, error) {
	refs := make([]models.ID, len(missed))
	for i := range missed {
		refs[i] = models.ID(missed[i].Ref)
	}
	whole, err := s.lockEvents(tx, passes, r.OrganizationID, refs)
	if err != nil {
		return 0, err
	}
	var made []deliveryRow
	for i := range missed {
		if whole[refs[i]] {
			made = append(made, s.replayOf(&missed[i], sub, models.ID{}, now))
		}
	}
	return len(made), s.addReplays(tx, passes, r.OrganizationID, made)
}

// missed are those of a page of events that a job's subscription matches now and of which it never had a delivery.
func (s *Store) missed(db *gorm.DB, r *models.Resend, sub *models.Subscription, rows []eventRow) ([]eventRow, error) {
	var list []eventRow
	var refs []models.ID
	for i := range rows {
		e := rows[i].model()
		if (r.EventName == "" || r.EventName.Match(e.Name)) && !e.AcceptedAt.Before(r.From) && e.AcceptedAt.Before(r.To) && !e.Test() && sub.Matches(e) {
			list, refs = append(list, rows[i]), append(refs, e.Ref)
		}
	}
	if len(list) == 0 {
		return nil, nil
	}
	first, _ := models.DeliveryIDs(refs[0])
	_, last := models.DeliveryIDs(refs[len(refs)-1])
	var had []uid
	err := db.Raw(`SELECT event_ref FROM deliveries WHERE subscription_id = ? AND id >= ? AND id <= ? AND organization_id = ?
		UNION ALL SELECT event_ref FROM `+replaysSQL+` replays WHERE subscription_id = ?`,
		uid(sub.ID), uid(first), uid(last), uid(r.OrganizationID),
		uid(r.OrganizationID), s.dialect.idIn("event_ref", refs), uid(sub.ID)).Scan(&had).Error
	if err != nil {
		return nil, err
	}
	got := make(map[uid]bool, len(had))
	for _, ref := range had {
		got[ref] = true
	}
	left := list[:0]
	for _, e := range list {
		if !got[e.Ref] {
			left = append(left, e)
		}
	}
	return left, nil
}

package store

import (
	"bytes"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// The callback log is made from attempts, two entries of each, when somebody asks for it: nobody but its readers pays for it. No index has
// attempts by time, so a page finds them by their deliveries. An entry is never older than its delivery; so what a page can have is of
// deliveries from before it that were called since, and of those that were made from its beginning on, as many as it takes. See
// docs/adr/0026.

const (
	// logGrowth is how many times as many deliveries are looked at next, where those so far may not be all that a page needs.
	logGrowth = 4
	// logChunk is how many deliveries one statement looks the attempts up of.
	logChunk = 2000
)

// callDelivery is a delivery that may have entries on a page.
type callDelivery struct {
	ID             uid
	SubscriptionID uid
	EventName      string
	EntityKey      string
}

// callDeliverySQL goes by the webhooks, whose ids are unique: with the organization of the deliveries beside, a planner that knows nothing
// of them yet goes through all that the organization has, once for each webhook.
const callDeliverySQL = `SELECT d.id, d.subscription_id, d.event_name, s.entity_key
	FROM subscriptions s JOIN deliveries d ON d.subscription_id = s.id WHERE `

// CallbackLog lists what is logged of the calls of webhooks that belong to entities.
func (s *Store) CallbackLog(ctx context.Context, q models.CallbackLogQuery) ([]models.CallbackEntry, error) {
	const operation = "list callback log"
	if q.After.At.IsZero() {
		q.After.At = time.UnixMilli(0) // what is compared is milliseconds, and the zero time is far before them
	}
	l := callbackLog{s: s, db: s.reader(ctx), q: q}
	l.webhooks, l.args = webhooksLogged(&q)
	floor := models.FloorID(q.After.At.Add(-clockSlack))
	before, err := l.before(floor)
	if err != nil {
		return nil, wrap(operation, err)
	}
	var entries []models.CallbackEntry
	for n := logGrowth * q.Limit; ; n *= logGrowth {
		since, err := l.since(floor, n)
		if err == nil {
			entries, err = l.entries(slices.Concat(before, since))
		}
		if err != nil {
			return nil, wrap(operation, err)
		}
		if len(since) < n {
			return entries, nil
		}
		// What is left out was made after all of these, so its entries come after the instant in the last one's id.
		last := models.ID(since[len(since)-1].ID).Time().Add(-clockSlack)
		if len(entries) == q.Limit && entries[len(entries)-1].Place.At.Before(last) {
			return entries, nil
		}
	}
}

// callbackLog is one question.
type callbackLog struct {
	s        *Store
	db       *gorm.DB
	q        models.CallbackLogQuery
	webhooks string // the condition on a webhook s
	args     []any
}

// webhooksLogged is the condition on the webhooks s that a query is about, deleted ones included.
func webhooksLogged(q *models.CallbackLogQuery) (condition string, args []any) {
	condition, args = "s.organization_id = ? AND s."+ofEntitySQL+" AND s.sandbox = ?", []any{uid(q.OrganizationID), q.Sandbox}
	if q.EntityKey != "" {
		condition, args = condition+" AND s.entity_key = ?", append(args, q.EntityKey)
	}
	if !q.SubscriptionID.IsZero() {
		condition, args = condition+" AND s.id = ?", append(args, uid(q.SubscriptionID))
	}
	return condition, args
}

// before are the deliveries from before a page that were called since. It is told by when they were recorded last; the slack in floor is
// for clocks that differ.
func (l *callbackLog) before(floor models.ID) (list []callDelivery, err error) {
	if l.q.After.At.UnixMilli() == 0 {
		return nil, nil
	}
	err = l.db.Raw(callDeliverySQL+l.webhooks+" AND d.id < ? AND d.attempts > 0 AND d.updated_at >= ?",
		append(slices.Clone(l.args), uid(floor), ms(floor.Time()))...).Scan(&list).Error
	return list, err
}

// since are the first deliveries from the beginning of a page on.
func (l *callbackLog) since(floor models.ID, limit int) (list []callDelivery, err error) {
	err = l.db.Raw(callDeliverySQL+l.webhooks+" AND d.id >= ? AND d.attempts > 0 ORDER BY d.id LIMIT ?",
		append(slices.Clone(l.args), uid(floor), limit)...).Scan(&list).Error
	return list, err
}

// entries are the first entries after the place of the page that some deliveries have.
func (l *callbackLog) entries(deliveries []callDelivery) ([]models.CallbackEntry, error) {
	var all []models.CallbackEntry
	for chunk := range slices.Chunk(deliveries, logChunk) {
		attempts, err := l.attempts(chunk)
		if err != nil {
			return nil, err
		}
		known := make(map[uid]*callDelivery, len(chunk))
		for i := range chunk {
			known[chunk[i].ID] = &chunk[i]
		}
		for i := range attempts {
			all = l.add(all, known[attempts[i].DeliveryID], attempts[i].model())
		}
	}
	slices.SortFunc(all, func(a, b models.CallbackEntry) int { return comparePlaces(a.Place, b.Place) })
	return all[:min(len(all), l.q.Limit)], nil
}

// attempts are those that the next entries are made of: those that were under way at the place, and the first that began after it. An
// attempt that is left out began after as many as the page has entries.
func (l *callbackLog) attempts(deliveries []callDelivery) (list []attemptRow, err error) {
	ids := make([]models.ID, len(deliveries))
	for i := range deliveries {
		ids[i] = models.ID(deliveries[i].ID)
	}
	from, to := bounds(ids)
	at := ms(l.q.After.At)
	for _, part := range []struct {
		when  string
		args  []any
		limit int
	}{
		{"started_at <= ? AND started_at + coalesce(total_us, 0) / 1000 >= ?", []any{at, at}, -1},
		{"started_at > ?", []any{at}, l.q.Limit},
	} {
		var rows []attemptRow
		err := l.db.Select("organization_id, delivery_id, number, started_at, total_us, success, status_code, reason, detail, endpoint").
			Where("organization_id = ? AND delivery_id >= ? AND delivery_id < ?", uid(l.q.OrganizationID), uid(from), uid(to)).
			Where(l.s.dialect.idIn("delivery_id", ids)).Where(part.when, part.args...).
			Order("started_at, delivery_id, number").Limit(part.limit).Find(&rows).Error
		if err != nil {
			return nil, err
		}
		list = append(list, rows...)
	}
	return list, nil
}

// add appends the entries of an attempt that come after the place of the page.
func (l *callbackLog) add(all []models.CallbackEntry, d *callDelivery, a models.Attempt) []models.CallbackEntry {
	for _, end := range []bool{false, true} {
		p := models.CallbackPlace{At: a.StartedAt, DeliveryID: a.DeliveryID, Number: a.Number, Ended: end}
		if end {
			p.At = p.At.Add(a.Timings.Total.Truncate(time.Millisecond))
		}
		if comparePlaces(p, l.q.After) > 0 {
			all = append(all, models.CallbackEntry{
				Place: p, SubscriptionID: models.ID(d.SubscriptionID), EntityKey: d.EntityKey, EventName: d.EventName, Attempt: a,
			})
		}
	}
	return all
}

func comparePlaces(a, b models.CallbackPlace) int { return bytes.Compare(a.Bytes(), b.Bytes()) }

package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

const deliveryColumnsSQL = `due_at, owner, created_at, updated_at, organization_id, id, event_ref, event_id, subscription_id,
	subscription_version, attempts, uncounted, sandbox, owed, status, reason, event_name, asked, replay_of`

// claim finds what is due subscription by subscription, with one statement that is kept compiled, and makes it the owner's for each organization
// at once: compiling the change with its triggers takes longer than running it. There is no one to skip: the transaction has the write
// lock.
func (d *sqliteDialect) claim(
	db *gorm.DB, owner int64, _ span, now time.Time, wants []models.Want,
) (claimed []deliveryRow, err error) {
	err = db.Transaction(func(tx *gorm.DB) error {
		claimed, err = d.claimIn(tx, owner, now, wants)
		return err
	})
	return claimed, err
}

func (d *sqliteDialect) claimIn(tx *gorm.DB, owner int64, now time.Time, wants []models.Want) ([]deliveryRow, error) {
	due := map[uid][]models.ID{} // by organization
	for _, w := range wants {
		if err := dueSQLite(tx, w, now.Add(models.ClaimAhead), due); err != nil {
			return nil, err
		}
	}
	var claimed []deliveryRow
	for org, ids := range due {
		var rows []deliveryRow
		err := tx.Raw(`UPDATE deliveries SET status = 'delivering', owner = ?, updated_at = ?
			WHERE organization_id = ? AND ? AND EXISTS (SELECT 1 FROM instances i WHERE i.id = ? AND NOT i.dead)
			RETURNING `+deliveryColumnsSQL, owner, ms(now), org, d.idIn("id", ids), owner).Scan(&rows).Error
		if err != nil {
			return nil, err
		}
		claimed = append(claimed, rows...) // none where the owner was declared dead
	}
	return claimed, nil
}

// eventsAt reads the events of one organization after the other.
func (d *sqliteDialect) eventsAt(db *gorm.DB, places []eventPlace) (list []eventRow, err error) {
	refs := map[models.ID][]models.ID{} // by organization
	for _, p := range places {
		refs[p.org] = append(refs[p.org], p.ref)
	}
	for org, some := range refs {
		var rows []eventRow
		if err := db.Where("organization_id = ?", uid(org)).Where(d.idIn("ref", some)).Find(&rows).Error; err != nil {
			return nil, err
		}
		list = append(list, rows...)
	}
	return list, nil
}

// dueSQLite adds what a subscription has that is due until then, oldest first and up to the limit.
func dueSQLite(tx *gorm.DB, w models.Want, until time.Time, due map[uid][]models.ID) error {
	rows, err := queryPrepared(tx.Statement.Context, tx.Statement.ConnPool, `SELECT organization_id, id FROM deliveries
		WHERE subscription_id = ? AND due_at > 0 AND owner = 0 AND due_at >= ? AND due_at <= ? ORDER BY due_at, id LIMIT ?`,
		uid(w.SubscriptionID), ms(w.From), ms(until), w.Limit)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var org, id uid
		if err := rows.Scan(&org, &id); err != nil {
			return err
		}
		due[org] = append(due[org], models.ID(id))
	}
	return rows.Err()
}

// record updates and inserts in chunks. The update says how many attempts each row now has, and by being silent which are fenced.
func (*sqliteDialect) record(ctx context.Context, db *gorm.DB, now time.Time, rs []models.Result) ([]int, error) {
	var fenced []int
	err := db.Transaction(func(tx *gorm.DB) error {
		fenced = nil
		pool := tx.Statement.ConnPool
		return chunks(len(rs), func(from, to int) error {
			numbers, err := recordStatesSQLite(ctx, pool, now, rs[from:to])
			if err != nil {
				return err
			}
			var sent []attemptRow
			var batch tallied
			for i := from; i < to; i++ {
				number, ours := numbers[rs[i].Delivery.ID]
				if !ours {
					fenced = append(fenced, i)
					continue
				}
				delete(numbers, rs[i].Delivery.ID) // a second result of the same delivery is fenced by the first
				if a := rs[i].Attempt; a != nil {
					row := attemptRowOf(a)
					row.OrganizationID, row.DeliveryID, row.Number = uid(rs[i].Delivery.OrganizationID), uid(rs[i].Delivery.ID), number
					batch.add(&rs[i], len(sent))
					sent = append(sent, row)
				}
			}
			return insertAttemptsSQLite(ctx, pool, sent, batch.column(len(sent)))
		})
	})
	return fenced, err
}

// recordStatesSQLite updates one chunk. The plus signs keep SQLite from going by the index of what an owner is delivering.
func recordStatesSQLite(ctx context.Context, pool gorm.ConnPool, now time.Time, rs []models.Result) (map[models.ID]int, error) {
	args := make([]any, 0, 1+len(rs)*10)
	args = append(args, ms(now))
	for i := range rs {
		r := &rs[i]
		sent, uncounted := 0, 0
		if r.Attempt != nil {
			sent = 1
		}
		if r.Uncounted {
			uncounted = 1
		}
		args = append(args, uid(r.Delivery.OrganizationID), uid(r.Delivery.ID), r.Delivery.Owner, string(r.Status), dueAt(r.Status, r.DueAt, now), r.Owed,
			string(r.Reason), sent, r.Delivery.Attempts, uncounted)
	}
	rows, err := queryPrepared(ctx, pool, `UPDATE deliveries SET status = r.column4, owner = CASE WHEN r.column5 <> 0 THEN 0 ELSE owner END,
		due_at = r.column5, owed = r.column6, reason = r.column7, attempts = attempts + r.column8, uncounted = uncounted + r.column10, asked = '', updated_at = ?
		FROM (VALUES `+values(len(rs), 10)+`) AS r
		WHERE deliveries.organization_id = r.column1 AND deliveries.id = r.column2 AND +deliveries.owner = r.column3
		  AND +deliveries.status = 'delivering' AND deliveries.attempts = r.column9
		RETURNING id, attempts`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	numbers := make(map[models.ID]int, len(rs))
	for rows.Next() {
		var id uid
		var attempts int
		if err := rows.Scan(&id, &attempts); err != nil {
			return nil, err
		}
		numbers[models.ID(id)] = attempts
	}
	return numbers, rows.Err()
}

// insertAttemptsSQLite also enters the tallies of a batch in the statistics, by a trigger.
func insertAttemptsSQLite(ctx context.Context, pool gorm.ConnPool, rows []attemptRow, tallies [][]byte) error {
	if len(rows) == 0 {
		return nil
	}
	const width = 22
	args := make([]any, 0, len(rows)*width)
	for i := range rows {
		r := &rows[i]
		args = append(args, r.OrganizationID, r.DeliveryID, r.Number, r.StartedAt, r.Success, r.BodyTruncated, number(r.StatusCode),
			number(r.Redirects), number(r.RetryAfterMs), number(r.DNSUs), number(r.ConnectUs), number(r.TLSUs), number(r.FirstByteUs),
			number(r.TotalUs), text(r.Reason), text(r.Detail), text(r.Endpoint), text(r.RequestHeaders), text(r.ResponseHeaders),
			blob(r.ResponseBody), number(r.SecretGeneration), blob(tallies[i]))
	}
	_, err := execPrepared(ctx, pool, `INSERT INTO attempts (organization_id, delivery_id, number, started_at, success, body_truncated,
		status_code, redirects, retry_after_ms, dns_us, connect_us, tls_us, first_byte_us, total_us, reason, detail, endpoint,
		request_headers, response_headers, response_body, secret_generation, tally) VALUES `+values(len(rows), width), args...)
	return err
}

// tallied gathers the tallies of a batch by subscription, environment and hour. Its zero value is empty.
type tallied []tallyGroup

type tallyGroup struct {
	org, sub models.ID
	sandbox  bool
	hour     int64
	last     int64 // the latest attempt
	place    int   // its place among the attempts
	outcomes []byte
}

// add counts a result whose attempt is at a place. Most batches have few groups, and those of one subscription come together.
func (b *tallied) add(r *models.Result, place int) {
	if !counted(r) {
		return
	}
	d, hour, last := &r.Delivery, hourOf(r.Attempt.StartedAt), lastAttempt(r.Attempt)
	i := slices.IndexFunc(*b, func(g tallyGroup) bool {
		return g.hour == hour && g.sub == d.SubscriptionID && g.sandbox == d.Sandbox && g.org == d.OrganizationID
	})
	if i < 0 {
		i = len(*b)
		*b = append(*b, tallyGroup{org: d.OrganizationID, sub: d.SubscriptionID, sandbox: d.Sandbox, hour: hour, last: last, place: place})
	}
	g := &(*b)[i]
	g.outcomes = tallyOf(r).append(g.outcomes)
	if last > g.last {
		g.last, g.place = last, place
	}
}

// column has the outcomes of each group at the place of its latest attempt, of n.
func (b tallied) column(n int) [][]byte {
	column := make([][]byte, n)
	for i := range b {
		column[b[i].place] = b[i].outcomes
	}
	return column
}

// number, text and blob are NULL for what is empty.
func number(n int32) any {
	if n == 0 {
		return nil
	}
	return int64(n)
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

package store

import (
	"context"
	"database/sql"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"

	"hookrouter/models"
)

// counts is a parameter of type int[] or bigint[]; a struct because gorm takes slices apart.
type counts struct{ pgtype.FlatArray[int64] }

// claimSQL takes each subscription's oldest due rows by the queue's index, passing over rows that another claim has locked, and none for
// an owner that was declared dead. What moves goes into the ledger. The events are read by another statement: it knows their days, and
// planning this one for all days of events takes longer than running it.
const claimSQL = `
WITH due AS (
  SELECT d.organization_id, d.id, d.status
  FROM unnest(?::uuid[], ?::bigint[], ?::bigint[]) AS want (subscription_id, most, earliest)
  CROSS JOIN LATERAL (
    SELECT q.organization_id, q.id, q.status FROM deliveries q
    WHERE q.subscription_id = want.subscription_id AND q.due_at > 0 AND q.owner = 0 AND q.due_at >= want.earliest AND q.due_at <= ? AND q.id >= ? AND q.id < ?
    ORDER BY q.due_at, q.id LIMIT want.most
    FOR UPDATE SKIP LOCKED
  ) d
  WHERE EXISTS (SELECT 1 FROM instances i WHERE i.id = ? AND NOT i.dead)
), mine AS (
  UPDATE deliveries d SET status = 'delivering', owner = ?, updated_at = ?
  FROM due WHERE d.organization_id = due.organization_id AND d.id = due.id AND d.id >= ? AND d.id < ?
  RETURNING d.due_at, d.owner, d.created_at, d.updated_at, d.organization_id, d.id, d.event_ref, d.event_id, d.subscription_id,
            d.subscription_version, d.attempts, d.uncounted, d.sandbox, d.owed, d.status, d.reason, d.event_name, d.asked, d.replay_of,
            due.status AS was
), l AS (
  INSERT INTO ledger_entries (organization_id, delivering, pending, retrying)
  SELECT organization_id, count(*), -count(*) FILTER (WHERE was = 'pending'), -count(*) FILTER (WHERE was = 'retrying')
  FROM mine GROUP BY organization_id
)
SELECT * FROM mine`

// eventsAtSQL reads events by their keys, one at a time: OFFSET 0 keeps the planner from joining all events instead.
const eventsAtSQL = `
SELECT e.* FROM unnest(?::uuid[], ?::uuid[]) AS place (organization_id, ref) CROSS JOIN LATERAL (
  SELECT * FROM events ev WHERE ev.organization_id = place.organization_id AND ev.ref = place.ref AND ev.ref >= ? AND ev.ref < ? OFFSET 0) e`

func (postgresDialect) eventsAt(db *gorm.DB, places []eventPlace) (list []eventRow, err error) {
	orgs, refs := make([]models.ID, len(places)), make([]models.ID, len(places))
	for i, p := range places {
		orgs[i], refs[i] = p.org, p.ref
	}
	from, to := bounds(refs)
	err = db.Raw(eventsAtSQL, uidArray{orgs}, uidArray{refs}, uid(from), uid(to)).Scan(&list).Error
	return list, err
}

func (postgresDialect) claim(
	db *gorm.DB, owner int64, in span, now time.Time, wants []models.Want,
) ([]deliveryRow, error) {
	ids, most, earliest := make([]models.ID, len(wants)), make([]int64, len(wants)), make([]int64, len(wants))
	for i, w := range wants {
		ids[i], most[i], earliest[i] = w.SubscriptionID, int64(w.Limit), ms(w.From)
	}
	var rows []deliveryRow
	from, to := uid(in.from), uid(in.to)
	err := db.Raw(claimSQL, uidArray{ids}, counts{most}, counts{earliest}, ms(now.Add(models.ClaimAhead)), from, to, owner, owner, ms(now), from, to).Scan(&rows).Error
	return rows, err
}

// recordSQL is one statement and so one transaction. Each result updates its row if owner, status and the attempts made so far still
// say that it is ours; only from the updated ones come attempts and the entries of the ledger and of the statistics. It answers with how many
// were updated, and which where not all were. The bounds of the ids limit it to the partitions of those days.
//
// A delivery that was handed over and has ended keeps its owner and its due_at of 0: then no index has to change. See the schema.
//
// The conditions on owner, attempts and status are written so that both concern the results too. As conditions on the row alone they would let
// the planner believe that hardly any row is left, begin with those, and compare each with every result.
const recordSQL = `
WITH u AS (
  UPDATE deliveries d
  SET status = r.status, owner = CASE WHEN r.due_at <> 0 THEN 0 ELSE d.owner END, due_at = r.due_at, owed = r.owed, reason = r.reason, attempts = d.attempts + r.sent, uncounted = d.uncounted + r.uncounted, asked = '', updated_at = $1
  FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::bigint[], $7::boolean[], $8::text[], $9::int[], $10::bigint[],
              $11::boolean[], $12::boolean[], $13::int[], $14::int[], $15::int[], $16::int[], $17::int[], $18::int[], $19::int[],
              $20::int[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[], $26::bytea[], $27::int[], $31::int[], $32::int[],
              $33::bytea[])
    WITH ORDINALITY AS r (organization_id, id, owner, status, due_at, owed, reason, sent, started_at, success, body_truncated,
                          status_code, redirects, retry_after_ms, dns_us, connect_us, tls_us, first_byte_us, total_us, why, detail,
                          endpoint, request_headers, response_headers, response_body, made, uncounted, secret_generation, outcome, place)
  WHERE d.organization_id = r.organization_id AND d.id = r.id
    AND d.owner + 0 = r.owner AND d.attempts + 0 = r.made AND d.status = 'delivering' || left(r.status, 0)
    AND d.id >= $28 AND d.id < $29
  RETURNING d.organization_id, d.id, d.status, d.attempts, r.sent, r.started_at, r.success, r.body_truncated, r.status_code, r.redirects,
            r.retry_after_ms, r.dns_us, r.connect_us, r.tls_us, r.first_byte_us, r.total_us, r.why, r.detail, r.endpoint,
            r.request_headers, r.response_headers, r.response_body, r.secret_generation, r.place, d.subscription_id, d.sandbox, r.outcome
), a AS (
  INSERT INTO attempts (organization_id, delivery_id, number, started_at, success, body_truncated, status_code, redirects,
                        retry_after_ms, dns_us, connect_us, tls_us, first_byte_us, total_us, reason, detail, endpoint,
                        request_headers, response_headers, response_body, secret_generation)
  SELECT organization_id, id, attempts, started_at, success, body_truncated, nullif(status_code, 0), nullif(redirects, 0),
         nullif(retry_after_ms, 0), nullif(dns_us, 0), nullif(connect_us, 0), nullif(tls_us, 0), nullif(first_byte_us, 0),
         nullif(total_us, 0), nullif(why, ''), nullif(detail, ''), nullif(endpoint, ''), nullif(request_headers, ''),
         nullif(response_headers, ''), nullif(response_body, ''), nullif(secret_generation, 0)
  FROM u WHERE sent = 1
), l AS (
  INSERT INTO ledger_entries (organization_id, delivering, pending, retrying, parked, delivered, failed, canceled)
  SELECT organization_id, -count(*), count(*) FILTER (WHERE status = 'pending'), count(*) FILTER (WHERE status = 'retrying'),
         count(*) FILTER (WHERE status = 'parked'), count(*) FILTER (WHERE status = 'delivered'),
         count(*) FILTER (WHERE status = 'failed'), count(*) FILTER (WHERE status = 'canceled')
  FROM u GROUP BY organization_id
), h AS (
  INSERT INTO stat_entries (organization_id, subscription_id, sandbox, hour, last_attempt, outcomes)
  SELECT organization_id, subscription_id, sandbox, started_at / 3600000, max(started_at * 2 + success::int), string_agg(outcome, '')
  FROM u WHERE outcome <> '' GROUP BY organization_id, subscription_id, sandbox, started_at / 3600000
)
SELECT count(*), CASE WHEN count(*) < $30 THEN array_agg(place) END FROM u`

func recordArguments(now time.Time, rs []models.Result) []any {
	ids := make([]models.ID, len(rs))
	for i := range rs {
		ids[i] = rs[i].Delivery.ID
	}
	from, to := bounds(ids)
	args := append([]any{ms(now)}, resultColumns(now, rs, ids)...)
	args = append(args, attemptColumns(rs)...)
	made, uncounted, generation := make([]int32, len(rs)), make([]int32, len(rs)), make([]int32, len(rs))
	for i := range rs {
		made[i] = bounded(int64(rs[i].Delivery.Attempts))
		if rs[i].Uncounted {
			uncounted[i] = 1
		}
		if a := rs[i].Attempt; a != nil {
			generation[i] = bounded(int64(a.SecretGeneration))
		}
	}
	return append(args, made, uid(from), uid(to), len(rs), uncounted, generation, outcomeColumn(rs))
}

func (postgresDialect) record(ctx context.Context, db *gorm.DB, now time.Time, rs []models.Result) ([]int, error) {
	var updated int
	var places []int64
	row := db.Statement.ConnPool.QueryRowContext(ctx, recordSQL, recordArguments(now, rs)...)
	if err := row.Scan(&updated, pgtype.NewMap().SQLScanner(&places)); err != nil {
		return nil, err
	}
	if updated == len(rs) {
		return nil, nil
	}
	done := make([]bool, len(rs))
	for _, p := range places {
		done[p-1] = true
	}
	var fenced []int
	for i := range rs {
		if !done[i] {
			fenced = append(fenced, i)
		}
	}
	return fenced, nil
}

func resultColumns(now time.Time, rs []models.Result, ids []models.ID) []any {
	n := len(rs)
	org, owner, due := make([]models.ID, n), make([]int64, n), make([]int64, n)
	status, reason := make([]string, n), make([]string, n)
	owed, sent := make([]bool, n), make([]int32, n)
	for i := range rs {
		r := &rs[i]
		org[i], owner[i], due[i] = r.Delivery.OrganizationID, r.Delivery.Owner, dueAt(r.Status, r.DueAt, now)
		status[i], reason[i], owed[i] = string(r.Status), string(r.Reason), r.Owed
		if r.Attempt != nil {
			sent[i] = 1
		}
	}
	return []any{uidArray{org}, uidArray{ids}, owner, status, due, owed, reason, sent}
}

// attemptColumns are the attempts' parts; a result without an attempt has empty ones, which go nowhere.
func attemptColumns(rs []models.Result) []any {
	n := len(rs)
	started := make([]int64, n)
	success, truncated := make([]bool, n), make([]bool, n)
	code, redirects, retryAfter := make([]int32, n), make([]int32, n), make([]int32, n)
	dns, connect, tls, first, total := make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n), make([]int32, n)
	why, detail, endpoint := make([]string, n), make([]string, n), make([]string, n)
	request, response, body := make([]string, n), make([]string, n), make([][]byte, n)
	for i := range rs {
		body[i] = []byte{}
		if rs[i].Attempt == nil {
			continue
		}
		a := attemptRowOf(rs[i].Attempt)
		started[i], success[i], truncated[i] = a.StartedAt, a.Success, a.BodyTruncated
		code[i], redirects[i], retryAfter[i] = a.StatusCode, a.Redirects, a.RetryAfterMs
		dns[i], connect[i], tls[i], first[i], total[i] = a.DNSUs, a.ConnectUs, a.TLSUs, a.FirstByteUs, a.TotalUs
		why[i], detail[i], endpoint[i] = a.Reason, a.Detail, a.Endpoint
		request[i], response[i] = a.RequestHeaders, a.ResponseHeaders
		if a.ResponseBody != nil {
			body[i] = a.ResponseBody
		}
	}
	return []any{
		started, success, truncated, code, redirects, retryAfter, dns, connect, tls, first, total, why, detail, endpoint, request,
		response, body,
	}
}

// bounded is a number that fits the column.
func bounded(n int64) int32 { return int32(min(max(n, 0), math.MaxInt32)) }

var _ sql.Scanner = (*uid)(nil)

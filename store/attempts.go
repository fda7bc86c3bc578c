package store

import (
	"context"
	"strings"
	"time"

	"hookrouter/models"
)

// attemptRow is an attempt in SQL. Numbers and texts that are empty are NULL there.
type attemptRow struct {
	StartedAt       int64
	OrganizationID  uid
	DeliveryID      uid
	Number          int
	Success         bool
	BodyTruncated   bool
	StatusCode      int32
	Redirects       int32
	RetryAfterMs    int32
	DNSUs           int32 `gorm:"column:dns_us"`
	ConnectUs       int32
	TLSUs           int32 `gorm:"column:tls_us"`
	FirstByteUs     int32
	TotalUs         int32
	Reason          string
	Detail          string
	Endpoint        string
	RequestHeaders  string
	ResponseHeaders string
	ResponseBody    []byte

	SecretGeneration int32
}

func (attemptRow) TableName() string { return "attempts" }

func attemptRowOf(a *models.Attempt) attemptRow {
	return attemptRow{
		StartedAt: ms(a.StartedAt), Success: a.Success, BodyTruncated: a.BodyTruncated,
		StatusCode: bounded(int64(a.StatusCode)), Redirects: bounded(int64(a.Redirects)), RetryAfterMs: bounded(a.RetryAfter.Milliseconds()),
		DNSUs: bounded(a.Timings.DNS.Microseconds()), ConnectUs: bounded(a.Timings.Connect.Microseconds()),
		TLSUs: bounded(a.Timings.TLS.Microseconds()), FirstByteUs: bounded(a.Timings.FirstByte.Microseconds()),
		TotalUs: bounded(a.Timings.Total.Microseconds()),
		Reason:  string(a.Reason), Detail: clean(a.Detail), Endpoint: clean(a.Endpoint),
		RequestHeaders: lines(a.RequestHeaders), ResponseHeaders: lines(a.ResponseHeaders), ResponseBody: a.ResponseBody,
		SecretGeneration: bounded(int64(a.SecretGeneration)),
	}
}

// lines joins headers to one text. A line break inside of one would make two of it and cannot have been sent.
func lines(headers []string) string {
	if len(headers) == 0 {
		return ""
	}
	var b strings.Builder
	for i, h := range headers {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.ReplaceAll(h, "\n", " "))
	}
	return clean(b.String())
}

// clean makes a text from outside storable: Postgres refuses NUL and what is not UTF-8, and a receiver's header must not make
// the record of its attempt, and of those recorded with it, fail.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func (r *attemptRow) model() models.Attempt {
	a := models.Attempt{
		DeliveryID: models.ID(r.DeliveryID), OrganizationID: models.ID(r.OrganizationID), Number: r.Number,
		StartedAt: instant(r.StartedAt), Success: r.Success, Reason: models.Reason(r.Reason), Detail: r.Detail,
		StatusCode: int(r.StatusCode), RetryAfter: time.Duration(r.RetryAfterMs) * time.Millisecond, Endpoint: r.Endpoint,
		Redirects: int(r.Redirects), ResponseBody: r.ResponseBody, BodyTruncated: r.BodyTruncated,
		SecretGeneration: int(r.SecretGeneration),
		Timings: models.Timings{
			DNS: time.Duration(r.DNSUs) * time.Microsecond, Connect: time.Duration(r.ConnectUs) * time.Microsecond,
			TLS: time.Duration(r.TLSUs) * time.Microsecond, FirstByte: time.Duration(r.FirstByteUs) * time.Microsecond,
			Total: time.Duration(r.TotalUs) * time.Microsecond,
		},
	}
	if r.RequestHeaders != "" {
		a.RequestHeaders = strings.Split(r.RequestHeaders, "\n")
	}
	if r.ResponseHeaders != "" {
		a.ResponseHeaders = strings.Split(r.ResponseHeaders, "\n")
	}
	return a
}

// Attempts lists the attempts of a delivery, oldest first.
func (s *Store) Attempts(ctx context.Context, org, delivery models.ID) ([]models.Attempt, error) {
	var rows []attemptRow
	err := s.reader(ctx).Where("organization_id = ? AND delivery_id = ?", uid(org), uid(delivery)).Order("number").Find(&rows).Error
	if err != nil {
		return nil, wrap("list attempts", err)
	}
	list := make([]models.Attempt, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

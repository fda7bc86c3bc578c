package format

import (
	"strconv"
	"time"

	"hookrouter/models"
	"hookrouter/signing"
)

// yousign is the vendor's format: a flat object of seven keys (https://developers.yousign.com/docs/webhook-messages) and the
// X-Yousign headers (https://developers.yousign.com/docs/security).
type yousign struct {
	vendorTerms
	vendorSecret
}

// yousignUserAgent is what the vendor's own calls say; the operator can set another.
const yousignUserAgent = "Yousign Webhook Bot"

// Name is the format's.
func (yousign) Name() models.Format { return models.FormatYousign }

// Body writes the seven keys in the order of the vendor's examples. It is built by appending, because a JSON encoder would
// compact or reorder the data, and the receiver is promised the producer's bytes.
func (yousign) Body(j *models.Job) []byte {
	e, s := j.Event, j.Matched
	description := ""
	if s.Description != nil {
		description = *s.Description // null is sent as "", since the vendor's type for it is a plain string
	}
	const keys = 288 // more than the keys, ids and punctuation take
	b := make([]byte, 0, keys+len(e.Name)+2*len(description)+len(e.Data))
	b = append(b, `{"event_id":"`...)
	b = e.ID.AppendText(b)
	b = append(b, `","event_name":`...)
	b = appendString(b, e.Name)
	b = append(b, `,"event_time":"`...)
	b = strconv.AppendInt(b, e.Time.Unix(), 10)
	b = append(b, `","subscription_id":"`...)
	b = s.ID.AppendText(b)
	b = append(b, `","subscription_description":`...)
	b = appendString(b, description)
	b = append(b, `,"sandbox":`...)
	b = strconv.AppendBool(b, e.Sandbox)
	b = append(b, `,"data":`...)
	b = append(b, e.Data...)
	return append(b, '}')
}

// Headers signs the body and adds the vendor's own headers.
func (yousign) Headers(dst []Header, j *models.Job, body []byte, attempt int, issuedAt time.Time) ([]Header, error) {
	dst, err := vendorSignatures(append(dst,
		Header{"Content-Type", "application/json"},
		Header{"User-Agent", yousignUserAgent},
	), j.Current, body, issuedAt)
	if err != nil {
		return dst, err
	}
	return append(dst,
		Header{signing.RetryHeader, strconv.Itoa(attempt - 1)},
		Header{signing.IssuedAtHeader, strconv.FormatInt(issuedAt.Unix(), 10)},
	), nil
}

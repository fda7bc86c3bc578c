package format

import (
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/signing"
)

// Header is one line of a request's header. Name is in canonical form (net/textproto).
type Header struct {
	Name, Value string
}

// Format writes deliveries on the wire. Implementations are stateless and safe for concurrent use.
type Format interface {
	// Body is the body of every attempt of the delivery: a function of j.Event and j.Matched alone.
	Body(j *models.Job) []byte
	// Headers appends the headers that this format adds to one attempt to dst. attempt is 1 for the first; issuedAt is the moment of
	// this call. The error wraps signing.ErrSecret where j.Current has no usable secret; it never holds the secret.
	Headers(dst []Header, j *models.Job, body []byte, attempt int, issuedAt time.Time) ([]Header, error)
}

// For looks a format up by name.
func For(name models.Format) (Format, bool) {
	switch name {
	case models.FormatYousign:
		return yousign{}, true
	}
	return nil, false
}

// Common appends the headers that go with every format: which delivery this is, and which of its attempts.
func Common(dst []Header, j *models.Job, attempt int) []Header {
	return append(dst,
		Header{signing.DeliveryHeader, j.Delivery.ID.String()},
		Header{signing.AttemptHeader, strconv.Itoa(attempt)},
	)
}

// Reserved reports whether a header belongs to the router, whatever the format: a subscription's own headers never set it. name
// may be in any case. Everything that describes the body (content-) or the connection is the sender's to say.
//
// Idempotency-Key is reserved because net/http takes a POST that carries one for repeatable, and silently sends it again when a
// reused connection breaks: the receiver would then see more calls than the attempts that are recorded.
func Reserved(name string) bool {
	lower := strings.ToLower(name)
	for _, prefix := range [...]string{"x-yousign-", "x-hookrouter-", "webhook-", "ce-", "content-", "proxy-", "sec-"} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	switch lower {
	case "host", "transfer-encoding", "connection", "keep-alive", "upgrade", "http2-settings", "te", "trailer", "expect", "range",
		"accept-encoding", "user-agent", "cookie", "idempotency-key", "x-idempotency-key", "x-documenso-secret":
		return true
	}
	return false
}

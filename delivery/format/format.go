package format

import (
	"errors"
	"net/http"
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
	// Name is how subscriptions name the format.
	Name() models.Format
	// Terms are what receivers of the format are promised about calls. They are the same each time.
	Terms() Terms
	// Secret checks a secret that somebody chose, and returns it as it is to be kept. A format that does without a secret takes "" for
	// none. The error is a *models.Error of code invalid whose message is for people, and wraps signing.ErrSecret.
	Secret(text string) (models.Secret, error)
	// Shown is how a kept secret is written for those who may see it: what the receiver verifies with. Secret takes it again
	// unless it is a public key.
	Shown(secret models.Secret) string
	// Body is the body of every attempt of the delivery: a function of j.Event and j.Matched alone.
	Body(j *models.Job) []byte
	// Verify is what a receiver that knows these secrets finds out about a call: nil where one of them fits. Otherwise the error wraps
	// [ErrUnsigned], signing.ErrNoSignature, or says what is wrong.
	Verify(header http.Header, body []byte, secrets ...string) error
	// Headers appends the headers that this format adds to one attempt to dst. attempt is 1 for the first; issuedAt is the moment of
	// this call. The error wraps signing.ErrSecret where j.Current has no usable secret; it never holds the secret.
	Headers(dst []Header, j *models.Job, body []byte, attempt int, issuedAt time.Time) ([]Header, error)
}

// ErrUnsigned says that nothing vouches for a call, and that nothing is meant to: the subscription has no secret and its format needs none.
var ErrUnsigned = errors.New("calls in this format are not signed without a secret")

// all lists every format, in the order of their documentation; the first is the default. A new format is its own file and a line here.
// It is never changed.
var all = [...]Format{
	yousign{},
	standardWebhooks{},
	cloudEvents{},
	cloudEvents{structured: true},
	documenso{},
	quicklySign{},
}

// For looks a format up by name.
func For(name models.Format) (Format, bool) {
	for _, f := range all {
		if f.Name() == name {
			return f, true
		}
	}
	return nil, false
}

// List is all formats for those who take subscriptions in and show them.
type List struct{}

// Names are the formats' names, the default first.
func (List) Names() []models.Format {
	names := make([]models.Format, len(all))
	for i, f := range all {
		names[i] = f.Name()
	}
	return names
}

// ReadSecret checks a secret that somebody chose for a format, and returns it as it is to be kept. The message of the error, of code
// invalid, is for people.
func (List) ReadSecret(name models.Format, text string) (models.Secret, error) {
	f, ok := For(name)
	if !ok {
		return models.Secret{}, unfit("There is no such format.")
	}
	return f.Secret(text)
}

// ShowSecret is how a kept secret is written for those who may see it.
func (List) ShowSecret(name models.Format, secret models.Secret) string {
	f, ok := For(name)
	if !ok {
		return secret.Reveal()
	}
	return f.Shown(secret)
}

// Confidential is the function of that name.
func (List) Confidential(name string) bool { return Confidential(name) }

// Confidential reports whether the value of a format's header is a secret: it is sent, and never stored or shown. name is in canonical form.
func Confidential(name string) bool { return name == documensoHeader }

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

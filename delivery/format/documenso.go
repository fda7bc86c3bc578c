package format

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/signing"
)

// documenso is a call of Documenso, as of its version 2.17: the page https://docs.documenso.com/developers/webhooks and, where that is
// silent, packages/lib/server-only/webhooks/execute-webhook-call.ts of github.com/documenso/documenso.
//
// It is not signed. The secret itself goes along, so it protects the receiver from strangers and nothing else.
type documenso struct{}

const (
	documensoHeader = "X-Documenso-Secret"
	// maxDocumensoSecret is how long a secret may be, in characters. Documenso sets no limit; a header of more is refused by servers.
	maxDocumensoSecret = 255
)

// Name is the format's.
func (documenso) Name() models.Format { return models.FormatDocumenso }

// Terms are those of execute-webhook-call.ts: 2xx within 10 s, and redirect: "manual". Retries there are those of the job runner, which
// the operator chose; so they are here.
func (documenso) Terms() Terms {
	return Terms{SuccessBelow: 300, TimeoutFirst: 10 * time.Second, TimeoutRetry: 10 * time.Second}
}

// Secret takes none, or printable ASCII without a blank at an end: what arrives in a header as it was sent.
func (documenso) Secret(text string) (models.Secret, error) {
	if len(text) > maxDocumensoSecret {
		return models.Secret{}, unfit("For this format the value may have at most 255 characters.")
	}
	if strings.Trim(text, " ") != text || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return models.Secret{}, unfit("For this format the value may only have printable ASCII characters, and no blank at an end.")
	}
	return models.NewSecret(text), nil
}

// Shown is the secret itself.
func (documenso) Shown(secret models.Secret) string { return secret.Reveal() }

// Verify compares the header with the secrets, in a time that does not tell where they differ.
func (documenso) Verify(header http.Header, _ []byte, secrets ...string) error {
	given := []byte(header.Get(documensoHeader))
	switch {
	case len(secrets) == 0 && len(given) == 0:
		return ErrUnsigned
	case len(given) == 0:
		return signing.ErrNoSignature
	}
	for _, secret := range secrets {
		if subtle.ConstantTimeCompare(given, []byte(secret)) == 1 {
			return nil
		}
	}
	return signing.ErrMismatch
}

// documensoTime is an instant as JavaScript writes it.
const documensoTime = "2006-01-02T15:04:05.000Z"

// Body writes the four keys. createdAt is the moment of the event and webhookEndpoint the address that the subscription had when it
// matched: Documenso writes the moment of the call and the address of the moment, so there each retry has another body.
func (documenso) Body(j *models.Job) []byte {
	e, s := j.Event, j.Matched
	const keys = 96 // more than the keys, the time and punctuation take
	b := make([]byte, 0, keys+len(e.Name)+len(s.Endpoint)+len(e.Data))
	b = append(b, `{"event":`...)
	start := len(b)
	b = appendString(b, e.Name)
	for i := start; i < len(b); i++ {
		switch c := b[i]; {
		case c == '.':
			b[i] = '_'
		case 'a' <= c && c <= 'z':
			b[i] = c - 'a' + 'A'
		}
	}
	b = append(b, `,"payload":`...)
	b = append(b, e.Data...)
	b = append(b, `,"createdAt":"`...)
	b = e.Time.UTC().AppendFormat(b, documensoTime)
	b = append(b, `","webhookEndpoint":`...)
	b = appendString(b, s.Endpoint)
	return append(b, '}')
}

// Headers carries the secret in clear, or nothing in its place: the header is always there.
func (documenso) Headers(dst []Header, j *models.Job, _ []byte, _ int, issuedAt time.Time) ([]Header, error) {
	return append(dst,
		Header{"Content-Type", "application/json"},
		Header{"User-Agent", ownUserAgent},
		Header{documensoHeader, j.Current.Signing(issuedAt).Current.Reveal()},
	), nil
}

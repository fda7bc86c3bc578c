package format

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/signing"
)

// standardWebhooks is https://www.standardwebhooks.com, version 1.0.0. The secret decides how it signs: with HMAC-SHA256 (v1), or with
// ed25519 (v1a) where it is a private key.
type standardWebhooks struct{ vendorTerms }

// ownUserAgent is what calls say in formats whose specification names none; the operator can set another.
const ownUserAgent = "Hookrouter"

// Name is the format's.
func (standardWebhooks) Name() models.Format { return models.FormatStandardWebhooks }

// Secret takes 32 characters of base64, with whsec_ before them or without, and keeps them without; or a private key with whsk_ before
// it, of which it keeps the long form.
func (standardWebhooks) Secret(text string) (models.Secret, error) {
	const wrong = "For this format the value must be 32 characters of base64, whsec_ before them or not, or whsk_ and the base64 of an ed25519 private key."
	if strings.HasPrefix(text, signing.PrivatePrefix) {
		long, err := signing.PrivateKey(text)
		if err != nil {
			return models.Secret{}, unfit(wrong)
		}
		return models.NewSecret(long), nil
	}
	text = strings.TrimPrefix(text, signing.SymmetricPrefix)
	if len(text) != signing.SecretLength || signing.CheckStandardSecret(text) != nil {
		return models.Secret{}, unfit(wrong)
	}
	return models.NewSecret(text), nil
}

// Shown is what the receiver verifies with: the symmetric secret with its prefix, or the public key. A private key is never shown.
func (standardWebhooks) Shown(secret models.Secret) string {
	text := secret.Reveal()
	if text == "" {
		return ""
	}
	if strings.HasPrefix(text, signing.PrivatePrefix) {
		return signing.PublicKey(text)
	}
	return signing.SymmetricPrefix + text
}

// Verify looks at the specification's headers, and at no time: who asks may ask later.
func (f standardWebhooks) Verify(header http.Header, body []byte, secrets ...string) error {
	shown := make([]string, len(secrets))
	for i, text := range secrets {
		shown[i] = f.Shown(models.NewSecret(text))
	}
	return signing.VerifyStandard(header, body, time.Time{}, 0, shown...)
}

// Body writes the specification's three keys and, beside them, what the other formats tell too. The data comes last, as it came.
func (standardWebhooks) Body(j *models.Job) []byte {
	e, s := j.Event, j.Matched
	description := ""
	if s.Description != nil {
		description = *s.Description
	}
	const keys = 320 // more than the keys, ids and punctuation take
	b := make([]byte, 0, keys+len(e.Name)+2*len(description)+len(e.Data))
	b = append(b, `{"type":`...)
	b = appendString(b, e.Name)
	b = append(b, `,"timestamp":"`...)
	b = e.Time.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","event_id":"`...)
	b = e.ID.AppendText(b)
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

// Headers signs id, time and body with every secret in use, in the specification's one header. The id is the event's: the same in
// every retry and for every subscription, as the specification asks ("remains the same no matter how many times a webhook that has
// failed is retried"), and it has no full stop.
func (standardWebhooks) Headers(dst []Header, j *models.Job, body []byte, _ int, issuedAt time.Time) ([]Header, error) {
	id := j.Event.ID.String()
	signatures, err := signing.SignStandard(id, issuedAt, body, inUse(j.Current, issuedAt)...)
	if err != nil {
		return dst, err
	}
	return append(dst,
		Header{"Content-Type", "application/json"},
		Header{"User-Agent", ownUserAgent},
		Header{signing.StandardIDHeader, id},
		Header{signing.StandardTimestampHeader, strconv.FormatInt(issuedAt.Unix(), 10)},
		Header{signing.StandardSignatureHeader, signatures},
	), nil
}

package format

import (
	"net/http"
	"time"

	"hookrouter/models"
	"hookrouter/signing"
)

// vendorSecret are the secrets of formats that sign as the vendor does: any 32 printable characters, shown as they are.
type vendorSecret struct{}

// Secret takes what [signing.CheckSecret] takes.
func (vendorSecret) Secret(text string) (models.Secret, error) {
	if len(text) != signing.SecretLength {
		return models.Secret{}, unfit("This value must have exactly 32 characters.")
	}
	if signing.CheckSecret(text) != nil {
		return models.Secret{}, unfit("This value may only have printable ASCII characters.")
	}
	return models.NewSecret(text), nil
}

// Verify looks at the vendor's signature headers.
func (vendorSecret) Verify(header http.Header, body []byte, secrets ...string) error {
	return signing.Verify(header, body, secrets...)
}

// Shown is the secret itself.
func (vendorSecret) Shown(secret models.Secret) string { return secret.Reveal() }

// optionalSecret are the secrets of formats that do without one: no text at all, or what [vendorSecret] takes.
type optionalSecret struct{ vendorSecret }

// Secret takes no text for no secret.
func (o optionalSecret) Secret(text string) (models.Secret, error) {
	if text == "" {
		return models.Secret{}, nil
	}
	return o.vendorSecret.Secret(text)
}

// Verify has nothing to look at without a secret.
func (o optionalSecret) Verify(header http.Header, body []byte, secrets ...string) error {
	if len(secrets) == 0 {
		return ErrUnsigned
	}
	return o.vendorSecret.Verify(header, body, secrets...)
}

// unfit is the error of a secret that can't be used, with a sentence for whoever chose it.
func unfit(sentence string) error {
	return &models.Error{Code: models.CodeInvalid, Message: sentence, Err: signing.ErrSecret}
}

// vendorSignatures appends the vendor's signature header, and beside it that of the other secret while the secret is being exchanged.
// Failure policy: without a usable current secret nothing is sent; another one that is unusable is left out, because the receiver
// verifies with the current one.
func vendorSignatures(dst []Header, s *models.Subscription, body []byte, at time.Time) ([]Header, error) {
	keys := s.Signing(at)
	secret := keys.Current.Reveal()
	if err := signing.CheckSecret(secret); err != nil {
		return dst, err
	}
	dst = append(dst, Header{signing.SignatureHeader, signing.Sign(secret, body)})
	for _, other := range [...]struct {
		name   string
		secret models.Secret
	}{{signing.NextSignatureHeader, keys.Next}, {signing.PreviousSignatureHeader, keys.Previous}} {
		if !other.secret.IsZero() && signing.CheckSecret(other.secret.Reveal()) == nil {
			dst = append(dst, Header{other.name, signing.Sign(other.secret.Reveal(), body)})
		}
	}
	return dst, nil
}

// inUse are the secrets that sign at a moment, the current one first.
func inUse(s *models.Subscription, at time.Time) []string {
	keys := s.Signing(at)
	secrets := []string{keys.Current.Reveal()}
	for _, other := range [...]models.Secret{keys.Next, keys.Previous} {
		if !other.IsZero() {
			secrets = append(secrets, other.Reveal())
		}
	}
	return secrets
}

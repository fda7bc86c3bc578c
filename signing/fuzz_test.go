package signing_test

import (
	"bytes"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"hookrouter/signing"
)

// FuzzSignVerify holds that what was signed verifies, and that nothing else does: no other secret, no body with one bit changed.
func FuzzSignVerify(f *testing.F) {
	f.Add([]byte("seed"), []byte(`{"event_name":"signer.done"}`), uint(3))
	f.Add([]byte{}, []byte{}, uint(0))
	f.Add([]byte{0xff}, []byte{0xff, 0x00}, uint(15))
	f.Fuzz(func(t *testing.T, seed, body []byte, bit uint) {
		secret := secretOf(t, seed)
		signer, err := signing.NewSigner(secret)
		if err != nil {
			t.Fatalf("a generated secret is refused: %v", err)
		}
		signature := signer.Sign(body)
		if plain := signing.Sign(secret, body); signature != plain {
			t.Fatalf("Signer made %s, Sign made %s", signature, plain)
		}
		for _, name := range []string{signing.SignatureHeader, signing.NextSignatureHeader, signing.PreviousSignatureHeader} {
			if err := signing.Verify(http.Header{name: {signature}}, body, secret); err != nil {
				t.Fatalf("own signature in %s: %v", name, err)
			}
		}

		header := http.Header{signing.SignatureHeader: {signature}}
		if err := signing.Verify(header, body, secretOf(t, append(slices.Clone(seed), 1))); !errors.Is(err, signing.ErrMismatch) && len(seed) < 24 {
			t.Fatalf("another secret: %v", err)
		}
		if len(body) > 0 {
			changed := slices.Clone(body)
			bit %= uint(len(changed)) * 8
			changed[bit/8] ^= 1 << (bit % 8)
			if err := signing.Verify(header, changed, secret); !errors.Is(err, signing.ErrMismatch) {
				t.Fatalf("bit %d changed: %v", bit, err)
			}
		}
	})
}

// FuzzVerifyHeader holds that no header value panics, that only the one true signature is accepted, and that each refusal
// has its reason.
func FuzzVerifyHeader(f *testing.F) {
	f.Add("", "", []byte{})
	f.Add("sha256=", "0", []byte("body"))
	f.Add(signing.Sign(keyA, []byte("body")), "1767349200", []byte("body"))
	f.Add(signing.Sign(keyB, []byte("body")), "-1", []byte("body"))
	f.Fuzz(func(t *testing.T, value, issuedAt string, body []byte) {
		header := http.Header{signing.SignatureHeader: {value}, signing.IssuedAtHeader: {issuedAt}}
		err := signing.Verify(header, body, keyA)
		if (err == nil) != (value == signing.Sign(keyA, body)) {
			t.Fatalf("value %q: %v", value, err)
		}
		if err != nil && !errors.Is(err, signing.ErrMalformed) && !errors.Is(err, signing.ErrMismatch) {
			t.Fatalf("value %q: refused without a reason: %v", value, err)
		}

		err = signing.CheckIssuedAt(header, time.Unix(1_767_349_200, 0), time.Minute)
		if err != nil && !errors.Is(err, signing.ErrMalformed) && !errors.Is(err, signing.ErrTooOld) && !errors.Is(err, signing.ErrTooNew) {
			t.Fatalf("issued at %q: refused without a reason: %v", issuedAt, err)
		}
	})
}

// secretOf makes a secret from the first 24 bytes of seed, filled up with zeros.
func secretOf(t *testing.T, seed []byte) string {
	t.Helper()
	secret, err := signing.GenerateSecret(bytes.NewReader(append(slices.Clone(seed), make([]byte, 24)...)))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

package signing

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
)

// SecretLength is the length of every secret in characters, which are also its bytes.
const SecretLength = 32

// secretEntropy is the number of random bytes (192 bits) that become SecretLength characters of base64 without padding.
const secretEntropy = SecretLength / 4 * 3

// ErrSecret says that a secret is missing or has the wrong form. It is a mistake in the settings, not in the request.
var ErrSecret = errors.New("unusable secret")

// GenerateSecret makes a secret from 24 bytes of random, which must be a cryptographic source such as crypto/rand.Reader.
// Every value of those bytes is another secret, so the secret is as uniform as the source. The text is standard base64:
// formats that key with the decoded bytes (Standard Webhooks does) can share the secret. It fails only when random does.
func GenerateSecret(random io.Reader) (string, error) {
	var raw [secretEntropy]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("generate secret: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw[:]), nil
}

// CheckSecret returns an error that wraps [ErrSecret] unless s is exactly 32 printable ASCII characters. It is what a secret
// chosen by a person has to satisfy; the error names the fault and never the text.
func CheckSecret(s string) error {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			// The commonest cause is the line end of the file that the secret was read from.
			return fmt.Errorf("%w: byte %d is not printable ASCII", ErrSecret, i+1)
		}
	}
	if len(s) != SecretLength {
		return fmt.Errorf("%w: it has %d characters, want %d", ErrSecret, len(s), SecretLength)
	}
	return nil
}

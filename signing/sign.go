package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"sync"
)

const (
	// scheme opens every signature and names its algorithm.
	scheme = "sha256="

	// signatureLength is the length of a whole signature in bytes.
	signatureLength = len(scheme) + 2*sha256.Size
)

// Sign returns the signature of body: the value of [SignatureHeader]. The secret must have passed [CheckSecret]. Where one
// secret signs many bodies, a [Signer] does the same with less work.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return scheme + hex.EncodeToString(mac.Sum(nil))
}

// Signer signs any number of bodies with one secret. It prepares the key once and reuses its memory.
//
// It is safe for concurrent use. Calls take turns, since the prepared state is one; a turn is about a microsecond for a
// body of 1 KiB.
type Signer struct {
	mu  sync.Mutex
	mac hash.Hash
	sum [sha256.Size]byte // lives here and not on the stack, where the call through hash.Hash would make it escape
}

// NewSigner returns a Signer for the secret, or an error that wraps [ErrSecret].
func NewSigner(secret string) (*Signer, error) {
	if err := CheckSecret(secret); err != nil {
		return nil, fmt.Errorf("new signer: %w", err)
	}
	return &Signer{mac: hmac.New(sha256.New, []byte(secret))}, nil
}

// Sign returns the signature of body, the same as the function [Sign]. It allocates the returned text and nothing else.
func (s *Signer) Sign(body []byte) string {
	var buf [signatureLength]byte
	return string(s.Append(buf[:0], body))
}

// Append appends the signature of body to dst and returns the extended slice. It allocates only where dst lacks room.
func (s *Signer) Append(dst, body []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mac.Reset()
	s.mac.Write(body)
	dst = append(dst, scheme...)
	return hex.AppendEncode(dst, s.mac.Sum(s.sum[:0]))
}

package signing

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Prefixes by which the keys of Standard Webhooks are known
// (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, "Signature scheme").
const (
	SymmetricPrefix = "whsec_" // base64 of 24 to 64 bytes; both sides have it
	PrivatePrefix   = "whsk_"  // base64 of an ed25519 private key; the sender's
	PublicPrefix    = "whpk_"  // base64 of its public key; the receiver's
)

// How long a symmetric key of Standard Webhooks may be, in bytes.
const (
	minStandardKey = 24
	maxStandardKey = 64
)

// Versions that open a signature of Standard Webhooks.
const (
	symmetricVersion  = "v1,"
	asymmetricVersion = "v1a,"
)

// ErrNoStandardHeaders says that the id, the timestamp or the signature of Standard Webhooks is absent.
var ErrNoStandardHeaders = errors.New("no " + StandardIDHeader + ", " + StandardTimestampHeader + " or " + StandardSignatureHeader + " header")

// standardKey is a key of Standard Webhooks: one of the three is set, and with private also public.
type standardKey struct {
	shared  []byte
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

// parseStandardKey reads a key by its prefix; without one it is symmetric, as the reference libraries have it. An error wraps
// [ErrSecret] and names the fault, never the text.
func parseStandardKey(text string) (standardKey, error) {
	kind, encoded := SymmetricPrefix, text
	for _, prefix := range [...]string{SymmetricPrefix, PrivatePrefix, PublicPrefix} {
		if rest, ok := strings.CutPrefix(text, prefix); ok {
			kind, encoded = prefix, rest
		}
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // the decoder would pass over line ends
		return standardKey{}, fmt.Errorf("%w: it is not base64", ErrSecret)
	}
	switch {
	case kind == SymmetricPrefix && len(raw) >= minStandardKey && len(raw) <= maxStandardKey:
		return standardKey{shared: raw}, nil
	case kind == PublicPrefix && len(raw) == ed25519.PublicKeySize:
		return standardKey{public: raw}, nil
	case kind == PrivatePrefix && (len(raw) == ed25519.SeedSize || len(raw) == ed25519.PrivateKeySize):
		private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
		if len(raw) == ed25519.PrivateKeySize && subtle.ConstantTimeCompare(private, raw) == 0 {
			return standardKey{}, fmt.Errorf("%w: its public part belongs to another key", ErrSecret)
		}
		public, _ := private.Public().(ed25519.PublicKey)
		return standardKey{private: private, public: public}, nil
	}
	return standardKey{}, fmt.Errorf("%w: a key of this kind can't have %d bytes", ErrSecret, len(raw))
}

// sign appends the signature of what was signed to dst. The key must not be a public one alone.
func (k *standardKey) sign(dst, signed []byte) []byte {
	if k.private != nil {
		dst = append(dst, asymmetricVersion...)
		return base64.StdEncoding.AppendEncode(dst, ed25519.Sign(k.private, signed))
	}
	mac := hmac.New(sha256.New, k.shared)
	mac.Write(signed)
	dst = append(dst, symmetricVersion...)
	return base64.StdEncoding.AppendEncode(dst, mac.Sum(nil))
}

// fits reports whether signature is one of the key's over signed.
func (k *standardKey) fits(signature string, signed []byte) bool {
	if k.public == nil {
		return hmac.Equal([]byte(signature), k.sign(nil, signed))
	}
	encoded, ok := strings.CutPrefix(signature, asymmetricVersion)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	return ok && err == nil && ed25519.Verify(k.public, signed, raw)
}

// signedText is what a signature of Standard Webhooks covers.
func signedText(id, timestamp string, body []byte) []byte {
	text := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	text = append(text, id...)
	text = append(text, '.')
	text = append(text, timestamp...)
	text = append(text, '.')
	return append(text, body...)
}

// SignStandard returns the value of [StandardSignatureHeader]: one signature for each of the secrets, with a blank between two. A
// secret is a symmetric one, with its prefix or without, or a private key. id must not contain a full stop, which is what divides the
// signed parts. An error wraps [ErrSecret].
func SignStandard(id string, at time.Time, body []byte, secrets ...string) (string, error) {
	signed := signedText(id, strconv.FormatInt(at.Unix(), 10), body)
	out := make([]byte, 0, 2*len(asymmetricVersion)+2*base64.StdEncoding.EncodedLen(ed25519.SignatureSize))
	for i, secret := range secrets {
		key, err := parseStandardKey(secret)
		if err != nil {
			return "", err
		}
		if key.shared == nil && key.private == nil {
			return "", fmt.Errorf("%w: a public key can't sign", ErrSecret)
		}
		if i > 0 {
			out = append(out, ' ')
		}
		out = key.sign(out, signed)
	}
	return string(out), nil
}

// CheckStandardSecret returns an error that wraps [ErrSecret] unless s is a secret that signs: a symmetric one, with its prefix or
// without, or a private key.
func CheckStandardSecret(s string) error {
	_, err := SignStandard("", time.Time{}, nil, s)
	return err
}

// PrivateKey returns a private key in the one form of its two that has the public half with it, or an error that wraps [ErrSecret].
func PrivateKey(secret string) (string, error) {
	key, err := parseStandardKey(secret)
	if err != nil {
		return "", err
	}
	if key.private == nil {
		return "", fmt.Errorf("%w: it is no private key", ErrSecret)
	}
	return PrivatePrefix + base64.StdEncoding.EncodeToString(key.private), nil
}

// PublicKey is the public key to a private one, with its prefix: what a receiver verifies with. It is "" for any other secret.
func PublicKey(secret string) string {
	key, err := parseStandardKey(secret)
	if err != nil || key.private == nil {
		return ""
	}
	return PublicPrefix + base64.StdEncoding.EncodeToString(key.public)
}

// GenerateKeyPair makes an ed25519 private key, with its prefix, from 32 bytes of random, which must be a cryptographic source.
// [PublicKey] has the other half. It fails only when random does.
func GenerateKeyPair(random io.Reader) (string, error) {
	var seed [ed25519.SeedSize]byte
	if _, err := io.ReadFull(random, seed[:]); err != nil {
		return "", fmt.Errorf("generate key pair: %w", err)
	}
	return PrivatePrefix + base64.StdEncoding.EncodeToString(ed25519.NewKeyFromSeed(seed[:])), nil
}

// VerifyStandard returns nil when one of the secrets made one of the signatures of a request in Standard Webhooks, and the request
// was issued within tolerance of now; a tolerance of 0 looks at no time. Pass the body exactly as received. A secret is a symmetric
// one, with its prefix or without, or a public key.
//
// Otherwise the error wraps [ErrNoStandardHeaders], [ErrMalformed], [ErrMismatch], [ErrTooOld] or [ErrTooNew] (refuse the request), or
// [ErrSecret] (correct the settings of the receiver). As the signature covers the time, a tolerance of some minutes bounds how long a
// recorded request can be repeated; within it, only remembering [StandardIDHeader] protects.
func VerifyStandard(header http.Header, body []byte, now time.Time, tolerance time.Duration, secrets ...string) error {
	if len(secrets) == 0 {
		return fmt.Errorf("%w: none given", ErrSecret)
	}
	keys := make([]standardKey, len(secrets))
	for i, secret := range secrets {
		var err error
		if keys[i], err = parseStandardKey(secret); err != nil {
			return err
		}
	}
	id, timestamp, signatures := header.Get(StandardIDHeader), header.Get(StandardTimestampHeader), header.Get(StandardSignatureHeader)
	if id == "" || timestamp == "" || signatures == "" {
		return ErrNoStandardHeaders
	}
	at, err := unixTime(header, StandardTimestampHeader)
	if err != nil {
		return err
	}
	signed := signedText(id, timestamp, body)
	for _, signature := range strings.Fields(signatures) {
		for i := range keys {
			if !keys[i].fits(signature, signed) {
				continue
			}
			if tolerance == 0 {
				return nil
			}
			return checkAge(at, now, tolerance)
		}
	}
	return ErrMismatch
}

package handlers

import (
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"io"
	"math/big"
	"strings"

	"hookrouter/models"
)

// A key's text is a prefix that tells its environment, 32 random bytes and a checksum, the latter two in base 62: a key is one
// word for a double click, scanners for leaked credentials find it, and garbage is refused without asking the database.
const (
	prefixProduction = "hk_live_"
	prefixSandbox    = "hk_test_"
	// A client_secret is of the same make, and no key: neither passes for the other.
	prefixClientProduction = "qs_live_"
	prefixClientSandbox    = "qs_test_"

	keyEntropy     = 32 // bytes
	keyRandomChars = 43 // 62^43 > 2^256
	keyCheckChars  = 6  // 62^6 > 2^32
	keyLength      = len(prefixProduction) + keyRandomChars + keyCheckChars
	hintLength     = len(prefixProduction) + 4
)

// prefixes are where the texts of credentials begin.
var prefixes = []string{prefixProduction, prefixSandbox, prefixClientProduction, prefixClientSandbox}

// NewKeyText makes the text of an API key from 32 bytes of random, which must be a cryptographic source. It fails only when
// random does.
func NewKeyText(random io.Reader, env models.Environment) (string, error) {
	if env == models.Sandbox {
		return newText(random, prefixSandbox)
	}
	return newText(random, prefixProduction)
}

// NewClientSecret is [NewKeyText] for the client_secret of a pair of credentials, as QuicklySign has them. The client_id beside it is the
// opaque form of the key's id: [models.ID.OpaqueKey].
func NewClientSecret(random io.Reader, env models.Environment) (string, error) {
	if env == models.Sandbox {
		return newText(random, prefixClientSandbox)
	}
	return newText(random, prefixClientProduction)
}

func newText(random io.Reader, prefix string) (string, error) {
	var raw [keyEntropy]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return "", fmt.Errorf("make key: %w", err)
	}
	body := prefix + base62(new(big.Int).SetBytes(raw[:]), keyRandomChars)
	return body + keyChecksum(body), nil
}

// HashKey is what is stored of a key.
func HashKey(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// KeyHint is the beginning of a key: enough to tell keys apart, too little to use.
func KeyHint(text string) string { return text[:min(len(text), hintLength)] }

// plausibleKey reports whether a text has the form of a key and its checksum is right.
func plausibleKey(text string) bool { return plausible(text, prefixProduction, prefixSandbox) }

// PlausibleClientSecret reports the same of a client_secret.
func PlausibleClientSecret(text string) bool {
	return plausible(text, prefixClientProduction, prefixClientSandbox)
}

func plausible(text, production, sandbox string) bool {
	if len(text) != keyLength || !strings.HasPrefix(text, production) && !strings.HasPrefix(text, sandbox) {
		return false
	}
	body := text[:keyLength-keyCheckChars]
	return keyChecksum(body) == text[len(body):]
}

func keyChecksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	const digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	var b [keyCheckChars]byte
	for i := range b {
		b[len(b)-1-i] = digits[sum%62]
		sum /= 62
	}
	return string(b[:])
}

func base62(n *big.Int, width int) string {
	s := n.Text(62)
	return strings.Repeat("0", width-len(s)) + s
}

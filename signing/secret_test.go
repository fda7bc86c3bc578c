package signing_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"hookrouter/signing"
)

func TestGenerateSecretIsBase64OfItsRandomBytes(t *testing.T) {
	t.Parallel()
	// Because every 24 bytes become a secret of their own, a uniform source makes uniform secrets.
	for _, raw := range [][]byte{
		make([]byte, 24),
		bytes.Repeat([]byte{0xff}, 24),
		[]byte("0123456789abcdefghijklmn"),
	} {
		secret, err := signing.GenerateSecret(bytes.NewReader(raw))
		require.NoError(t, err)
		require.NoError(t, signing.CheckSecret(secret))
		decoded, err := base64.StdEncoding.Strict().DecodeString(secret)
		require.NoError(t, err)
		require.Equal(t, raw, decoded)
	}
}

func TestGenerateSecretUsesEveryCharacterEverywhere(t *testing.T) {
	t.Parallel()
	const draws = 2000 // a given character is missing at a given place with probability (63/64)^2000 < 1e-13
	var seen [signing.SecretLength]map[byte]bool
	for i := range seen {
		seen[i] = map[byte]bool{}
	}
	for range draws {
		secret, err := signing.GenerateSecret(rand.Reader)
		require.NoError(t, err)
		require.Len(t, secret, signing.SecretLength)
		for i := range seen {
			seen[i][secret[i]] = true
		}
	}
	for i := range seen {
		require.Len(t, seen[i], 64, "place %d", i)
	}
}

func TestGenerateSecretReadsThroughShortReads(t *testing.T) {
	t.Parallel()
	secret, err := signing.GenerateSecret(iotest.OneByteReader(strings.NewReader("0123456789abcdefghijklmn")))
	require.NoError(t, err)
	require.Equal(t, "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", secret)
}

func TestGenerateSecretFailsWithItsSource(t *testing.T) {
	t.Parallel()
	broken := errors.New("no entropy")
	secret, err := signing.GenerateSecret(iotest.ErrReader(broken))
	require.ErrorIs(t, err, broken)
	require.Empty(t, secret)

	secret, err = signing.GenerateSecret(strings.NewReader("only 23 bytes, one less"))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Empty(t, secret)
}

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	pad := func(s string) string { return s + strings.Repeat("x", signing.SecretLength-len(s)) }
	tests := []struct {
		name   string
		secret string
		ok     bool
	}{
		{"base64", "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u", true},
		{"whole printable range", pad(" !\"#$%&'()*+,-./:;<=>?@[]^_`{|}~"), true},
		{"empty", "", false},
		{"31 characters", strings.Repeat("x", 31), false},
		{"33 characters", strings.Repeat("x", 33), false},
		{"line end of a file", strings.Repeat("x", 32) + "\n", false},
		{"line end inside the length", strings.Repeat("x", 31) + "\n", false},
		{"NUL", pad("\x00"), false},
		{"DEL", pad("\x7f"), false},
		{"32 characters of two bytes", strings.Repeat("é", 32), false},
		{"32 bytes that are 16 characters", strings.Repeat("é", 16), false},
		{"invalid UTF-8", pad("\xff"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := signing.CheckSecret(tt.secret)
			if tt.ok {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, fmt.Errorf("wrapped: %w", err), signing.ErrSecret)
			if tt.secret != "" {
				require.NotContains(t, err.Error(), tt.secret)
			}
		})
	}
}

package store

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

func testKey(fill byte) []byte { return bytes.Repeat([]byte{fill}, 32) }

func TestSealOpensWhatItSealed(t *testing.T) {
	t.Parallel()
	old, err := newKeyring([][]byte{testKey(1)})
	require.NoError(t, err)
	rotated, err := newKeyring([][]byte{testKey(2), testKey(1)})
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		text, at := rapid.String().Draw(t, "text"), rapid.String().Draw(t, "place")
		for _, ring := range []*keyring{old, rotated} {
			sealed, err := ring.seal(at, text)
			require.NoError(t, err)
			got, err := rotated.open(at, sealed)
			require.NoError(t, err)
			require.Equal(t, text, got)
			again, err := ring.seal(at, text)
			require.NoError(t, err)
			require.NotEqual(t, sealed, again, "nonces are random")

			_, err = rotated.open(at+"x", sealed)
			require.Error(t, err, "elsewhere")
			broken := bytes.Clone(sealed)
			broken[rapid.IntRange(0, len(broken)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			_, err = rotated.open(at, broken)
			require.Error(t, err, "changed")
			_, err = rotated.open(at, sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "length")])
			require.Error(t, err, "cut")
		}
		sealed, err := rotated.seal(at, text)
		require.NoError(t, err)
		_, err = old.open(at, sealed)
		require.ErrorContains(t, err, "master key 75877bb41d393b5f", "the first key seals")
	})
}

func TestPlacesDiffer(t *testing.T) {
	t.Parallel()
	a, b := models.ID{1}, models.ID{2}
	seen := map[string]bool{}
	for _, p := range []string{
		place("subscriptions", a, b, "secret"), place("subscriptions", b, a, "secret"), place("subscriptions", a, b, "headers"),
		place("subscription_versions", a, b, "secret"), checkPlace,
	} {
		require.False(t, seen[p], p)
		seen[p] = true
	}
}

func TestKeyringRefusesShortKeys(t *testing.T) {
	t.Parallel()
	_, err := newKeyring([][]byte{testKey(1), []byte("short")})
	require.Equal(t, models.CodeInvalid, models.CodeOf(err))
	require.ErrorContains(t, err, "Master key 2 has 5 bytes")
	empty, err := newKeyring(nil)
	require.NoError(t, err)
	_, err = empty.seal("place", "text")
	require.Equal(t, models.CodeInvalid, models.CodeOf(err))
}

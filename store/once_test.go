package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSealedForABrowser opens on another instance what one sealed, for its place alone, and no sealed value of a row.
func TestSealedForABrowser(t *testing.T) {
	t.Parallel()
	keys := func() *keyring {
		r, err := newKeyring([][]byte{testKey(1)})
		require.NoError(t, err)
		return r
	}
	one, other := &Store{keys: keys()}, &Store{keys: keys()}
	sealed, err := one.Seal("here", "hush")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "hush")
	text, err := other.Unseal("here", sealed)
	require.NoError(t, err)
	require.Equal(t, "hush", text)
	_, err = other.Unseal("there", sealed)
	require.Error(t, err)

	ofARow, err := one.keys.seal("subscriptions|1|2|secret", "hush")
	require.NoError(t, err)
	_, err = one.Unseal("subscriptions|1|2|secret", ofARow)
	require.Error(t, err)
}

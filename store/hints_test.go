package store

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// TestHintText sends any hint through its text, and checks that the largest fits into a notification.
func TestHintText(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(t *rapid.T) models.ID {
		return models.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	})
	rapid.Check(t, func(t *rapid.T) {
		from, to := id.Draw(t, "from"), rapid.Int64().Draw(t, "to")
		subs := rapid.SliceOfN(id, 0, MaxHinted).Draw(t, "subs")
		text := hintText(from, to, subs)
		require.Less(t, len(text), 8000)
		gotFrom, gotTo, gotSubs, ok := parseHint(text)
		require.True(t, ok)
		require.Equal(t, from, gotFrom)
		require.Equal(t, to, gotTo)
		require.ElementsMatch(t, subs, gotSubs)
	})
	for _, text := range []string{"", "x", "hello there", "AAAA", hintText(models.ID{1}, 2, nil) + "A", hintText(models.ID{1}, 2, nil)[:20]} {
		_, _, _, ok := parseHint(text)
		require.False(t, ok, text)
	}
}

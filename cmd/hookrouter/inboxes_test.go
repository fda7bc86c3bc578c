package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// TestVerdicts writes a call in each format, with a secret and, where the format does without one, without, and lets an inbox judge it.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	at := time.Unix(1767349260, 0)
	for _, name := range (format.List{}).Names() {
		f, ok := format.For(name)
		require.True(t, ok)
		for _, text := range []string{secretA, ""} {
			secret, err := f.Secret(text)
			if text == "" && err != nil {
				continue
			}
			s := &models.Subscription{Format: name, Secret: secret}
			j := &models.Job{Event: &models.Event{Name: "signer.done", Data: []byte("{}")}, Matched: s, Current: s}
			body := f.Body(j)
			lines, err := f.Headers(nil, j, body, 1, at)
			require.NoError(t, err)
			header := http.Header{}
			for _, l := range lines {
				header.Set(l.Name, l.Value)
			}
			if text == "" {
				require.Equal(t, models.VerdictUnsigned, verdictOf(s, header, body), name)
				continue
			}
			require.Equal(t, models.VerdictValid, verdictOf(s, header, body), name)
			require.Equal(t, models.VerdictMissing, verdictOf(s, http.Header{}, body), name)
			other := *s
			other.Secret = models.NewSecret(secretB)
			require.Equal(t, models.VerdictInvalid, verdictOf(&other, header, body), name)
			other.Rotation = models.Rotation{Secret: secret, EndsAt: at}
			require.Equal(t, models.VerdictValid, verdictOf(&other, header, body), name)
		}
	}
	require.Equal(t, models.VerdictUnknown, verdictOf(&models.Subscription{Format: "smoke"}, http.Header{}, []byte(strings.Repeat("x", 3))))
}

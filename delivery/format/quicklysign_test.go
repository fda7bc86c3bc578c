package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

func TestQuicklySignGolden(t *testing.T) {
	t.Parallel()
	const pack = "ahFzfnF1aWNrbHlzaWduLWRldnInCxIIRG9jdW1lbnQiGWY2VDNXNW9DejVnQWJnMTgyYjYwMDQyZTAM"
	j, f := in(t, models.FormatQuicklySign, time.Time{})
	j.Event.Name, j.Event.EntityKey = "entity_updated", pack
	s := *j.Current
	s.Secret = models.Secret{}
	j.Matched, j.Current = &s, &s
	require.Equal(t, `{"entity_type":"Document","entity_key":"`+pack+`","callback_event":"entity_updated","webhook_key":"`+s.Key()+`"}`,
		string(f.Body(j)))
	lines, err := f.Headers(nil, j, f.Body(j), 1, time.Unix(7, 0))
	require.NoError(t, err)
	require.Equal(t, []Header{{"Content-Type", "application/json"}, {"User-Agent", "Hookrouter"}}, lines, "not signed unless asked for")

	old := s
	old.V0 = true
	j.Matched = &old
	require.Equal(t, `{"entity_type":"Document","entity_key":"`+pack+`","callback_event":"entity_updated","subscription_key":"`+s.Key()+`"}`,
		string(f.Body(j)))

	// The webhook's entity, else the whole that the event's is a part of.
	j.Event.EntityKey, j.Event.EntityParentKey = "document", pack
	require.Contains(t, string(f.Body(j)), `"entity_key":"`+pack+`"`)
	old.EntityKey = "document"
	require.Contains(t, string(f.Body(j)), `"entity_key":"document"`)

	s.Secret = models.NewSecret(secret)
	lines, err = f.Headers(nil, j, f.Body(j), 1, time.Unix(7, 0))
	require.NoError(t, err)
	require.Equal(t, signing.Sign(secret, f.Body(j)), header(lines, signing.SignatureHeader))
}

func TestQuicklySignSecrets(t *testing.T) {
	t.Parallel()
	kept, err := List{}.ReadSecret(models.FormatQuicklySign, "")
	require.NoError(t, err)
	require.True(t, kept.IsZero())
	_, err = List{}.ReadSecret(models.FormatQuicklySign, "short")
	require.ErrorIs(t, err, signing.ErrSecret)
}

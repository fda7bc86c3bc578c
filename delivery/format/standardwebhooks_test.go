package format

import (
	"strconv"
	"testing"
	"time"

	reference "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

const nextSecret = "n3xtn3xtn3xtn3xtn3xtn3xtn3xtn3xt"

// in is the job of a subscription in a format, with a rotation that began at a moment.
func in(tb testing.TB, name models.Format, began time.Time) (*models.Job, Format) {
	tb.Helper()
	description := "Contracts team"
	j := job(tb, &description, "{\"z\": 1,\n \"a\":12345678901234567890}")
	s := *j.Current
	s.Format = name
	if !began.IsZero() {
		require.NoError(tb, s.Rotate(models.NewSecret(nextSecret), time.Hour, began))
	}
	j.Matched, j.Current = &s, &s
	f, ok := For(name)
	require.True(tb, ok)
	return j, f
}

// header is the last value of a name.
func header(lines []Header, name string) string {
	value := ""
	for _, l := range lines {
		if l.Name == name {
			value = l.Value
		}
	}
	return value
}

func TestStandardWebhooksGolden(t *testing.T) {
	t.Parallel()
	j, f := in(t, models.FormatStandardWebhooks, time.Time{})
	body := f.Body(j)
	require.Equal(t, `{"type":"signer.done","timestamp":"2026-01-02T10:20:00Z","event_id":"9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01",`+
		`"subscription_id":"0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001","subscription_description":"Contracts team","sandbox":true,`+
		"\"data\":{\"z\": 1,\n \"a\":12345678901234567890}}", string(body))
	issued := time.Unix(1767349260, 999)
	headers, err := f.Headers(nil, j, body, 3, issued)
	require.NoError(t, err)
	signature, err := signing.SignStandard(j.Event.ID.String(), issued, body, secret)
	require.NoError(t, err)
	require.Equal(t, []Header{
		{"Content-Type", "application/json"},
		{"User-Agent", "Hookrouter"},
		{"Webhook-Id", "9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01"},
		{"Webhook-Timestamp", "1767349260"},
		{"Webhook-Signature", signature},
	}, headers)
}

// The clock alone moves through the rotation; the reference library verifies with whichever secret a receiver may have then.
func TestRotationOnTheWire(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at                     time.Duration
		current, next, earlier string
	}{
		{0, secret, nextSecret, ""},
		{time.Hour - time.Nanosecond, secret, nextSecret, ""},
		{time.Hour, nextSecret, "", secret},
		{2*time.Hour - time.Nanosecond, nextSecret, "", secret},
		{2 * time.Hour, nextSecret, "", ""},
	} {
		at := began.Add(c.at)
		for _, name := range []models.Format{models.FormatYousign, models.FormatCloudEvents, models.FormatCloudEventsStructured} {
			j, f := in(t, name, began)
			body := f.Body(j)
			lines, err := f.Headers(nil, j, body, 1, at)
			require.NoError(t, err)
			for line, want := range map[string]string{
				signing.SignatureHeader: c.current, signing.NextSignatureHeader: c.next, signing.PreviousSignatureHeader: c.earlier,
			} {
				if want != "" {
					want = signing.Sign(want, body)
				}
				require.Equal(t, want, header(lines, line), "%s %s after %s", name, line, c.at)
			}
		}

		j, f := in(t, models.FormatStandardWebhooks, began)
		body := f.Body(j)
		lines, err := f.Headers(nil, j, body, 1, at)
		require.NoError(t, err)
		received := map[string][]string{}
		for _, l := range lines {
			received[l.Name] = []string{l.Value}
		}
		require.Equal(t, strconv.FormatInt(at.Unix(), 10), received[signing.StandardTimestampHeader][0])
		for _, s := range []string{secret, nextSecret} {
			wh, err := reference.NewWebhook("whsec_" + s)
			require.NoError(t, err)
			fits := s == c.current || s == c.next || s == c.earlier
			require.Equal(t, fits, wh.VerifyIgnoringTimestamp(body, received) == nil, "%s after %s", s, c.at)
		}
	}
}

func TestStandardWebhooksSecrets(t *testing.T) {
	t.Parallel()
	const private = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
	f, _ := For(models.FormatStandardWebhooks)
	kept, err := f.Secret(private)
	require.NoError(t, err)
	require.Equal(t, "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", f.Shown(kept), "a private key is not shown")
	again, err := f.Secret(kept.Reveal())
	require.NoError(t, err)
	require.Equal(t, kept, again)
	require.Empty(t, f.Shown(models.Secret{}))

	j, f := in(t, models.FormatStandardWebhooks, time.Time{})
	s := *j.Current
	s.Secret = kept
	j.Current = &s
	lines, err := f.Headers(nil, j, []byte("{}"), 1, time.Unix(5, 0))
	require.NoError(t, err)
	received := map[string][]string{}
	for _, l := range lines {
		received[l.Name] = []string{l.Value}
	}
	require.NoError(t, signing.VerifyStandard(received, []byte("{}"), time.Time{}, 0, f.Shown(kept)))

	s.Secret = models.NewSecret("!" + secret[1:])
	_, err = f.Headers(nil, j, []byte("{}"), 1, time.Unix(5, 0))
	require.ErrorIs(t, err, signing.ErrSecret)
	require.NotContains(t, err.Error(), secret[1:])
}

// What holds of every format, those to come included.
func TestEveryFormat(t *testing.T) {
	t.Parallel()
	require.Equal(t, models.FormatYousign, List{}.Names()[0], "the default")
	seen := map[models.Format]bool{}
	for _, name := range (List{}).Names() {
		require.False(t, seen[name])
		seen[name] = true
		j, f := in(t, name, time.Time{})
		require.Equal(t, name, f.Name())
		body := f.Body(j)
		if name != models.FormatQuicklySign { // which has no data
			require.Contains(t, string(body), string(j.Event.Data), "%s keeps the data as it came", name)
		}
		other := *j.Current
		other.ID, other.Description, other.Endpoint = models.ID{9}, nil, "https://other.example"
		j.Current = &other
		j.Delivery.Attempts = 5
		require.Equal(t, string(body), string(f.Body(j)), "%s: the body belongs to the match", name)

		lines, err := f.Headers(nil, j, body, 1, time.Unix(7, 0))
		require.NoError(t, err)
		names := map[string]bool{}
		for _, l := range append(lines, Common(nil, j, 1)...) {
			require.False(t, names[l.Name], "%s sends %s twice", name, l.Name)
			names[l.Name] = true
			require.True(t, Reserved(l.Name), "%s sends %s, so no subscription may set it", name, l.Name)
			if !Confidential(l.Name) {
				require.NotContains(t, l.Value, secret)
			}
		}
		require.True(t, names["Content-Type"])

		kept, err := List{}.ReadSecret(name, secret)
		require.NoError(t, err, "a secret that we make does for every format")
		again, err := List{}.ReadSecret(name, List{}.ShowSecret(name, kept))
		require.NoError(t, err)
		require.Equal(t, kept, again)
		_, err = List{}.ReadSecret(name, "no\x00secret")
		require.ErrorIs(t, err, signing.ErrSecret)
		require.Equal(t, models.CodeInvalid, models.CodeOf(err))
	}
	_, err := List{}.ReadSecret("smoke_signals", secret)
	require.Error(t, err)
}

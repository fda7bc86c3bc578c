package format

import (
	"encoding/json"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

const secret = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"

func job(tb testing.TB, description *string, data string) *models.Job {
	tb.Helper()
	eventID, err := models.ParseID("9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01")
	require.NoError(tb, err)
	subID, err := models.ParseID("0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001")
	require.NoError(tb, err)
	s := &models.Subscription{ID: subID, Description: description, Secret: models.NewSecret(secret), Format: models.FormatYousign}
	return &models.Job{
		Delivery: models.Delivery{ID: models.ID{0xd}},
		Event:    &models.Event{ID: eventID, Name: "signer.done", Time: time.Unix(1767349200, 0), Sandbox: true, Data: []byte(data)},
		Matched:  s,
		Current:  s,
	}
}

func TestYousignGolden(t *testing.T) {
	t.Parallel()
	f, ok := For(models.FormatYousign)
	require.True(t, ok)
	description := "Contracts team"
	// White space, key order, a number beyond 2^53 and a duplicate key must all arrive as they were sent.
	j := job(t, &description, "{\"z\": 1,\n \"a\":12345678901234567890, \"a\":1e400}")
	body := f.Body(j)
	want, err := os.ReadFile("testdata/yousign.golden")
	require.NoError(t, err)
	require.Equal(t, string(want), string(body)+"\n")

	headers, err := f.Headers(nil, j, body, 3, time.Unix(1767349260, 999))
	require.NoError(t, err)
	require.Equal(t, []Header{
		{"Content-Type", "application/json"},
		{"User-Agent", "Yousign Webhook Bot"},
		{"X-Yousign-Signature-256", signing.Sign(secret, body)},
		{"X-Yousign-Retry", "2"},
		{"X-Yousign-Issued-At", "1767349260"},
	}, headers)
	require.Equal(t, []Header{
		{"X-Hookrouter-Delivery", "0d000000-0000-0000-0000-000000000000"}, {"X-Hookrouter-Attempt", "3"},
	}, Common(nil, j, 3))
}

// The body belongs to the match: nothing that is current may show in it.
func TestBodyIgnoresTheCurrentSubscription(t *testing.T) {
	t.Parallel()
	j := job(t, nil, `{}`)
	f, _ := For(models.FormatYousign)
	before := f.Body(j)
	other := "other"
	j.Current = &models.Subscription{ID: models.ID{9}, Description: &other}
	j.Delivery.Attempts = 5
	require.Equal(t, string(before), string(f.Body(j)))
	require.Contains(t, string(before), `"subscription_description":"",`, "null is sent as an empty string")
}

func TestHeadersNeedASecret(t *testing.T) {
	t.Parallel()
	j := job(t, nil, `{}`)
	f, _ := For(models.FormatYousign)
	for _, bad := range []string{"", "short"} {
		s := *j.Current
		s.Secret = models.NewSecret(bad)
		j.Current = &s
		_, err := f.Headers(nil, j, f.Body(j), 1, time.Unix(0, 0))
		require.ErrorIs(t, err, signing.ErrSecret)
	}
}

func TestForUnknown(t *testing.T) {
	t.Parallel()
	_, ok := For("smoke_signals")
	require.False(t, ok)
}

func TestReserved(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"Host", "content-length", "Transfer-Encoding", "CONNECTION", "Upgrade", "TE", "Expect", "Content-Type", "User-Agent",
		"Idempotency-Key", "x-idempotency-key", "X-Yousign-Anything", "x-hookrouter-delivery", "Webhook-Id", "Proxy-Authorization",
		"Accept-Encoding", "Cookie", "X-Documenso-Secret", "Ce-Id", "Range", "HTTP2-Settings", "Content-Language", "content-digest",
		"Content-Encoding",
	} {
		require.True(t, Reserved(name), name)
	}
	for _, name := range []string{"Authorization", "X-Custom", "X-Api-Key", "Accept", "Yousign", "Contents", "X-Content-Type-Options"} {
		require.False(t, Reserved(name), name)
	}
}

// Whatever the description is, the body is one JSON object with the seven keys, and the description survives.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{"", "plain", `quo"te`, `back\slash`, "tab\tnl\ncr\r", "\x00\x1f\x7f", "é\u2028\u2029", "\xff\xfe", "</script>", "😀"} {
		f.Add(seed)
	}
	yousign, _ := For(models.FormatYousign)
	f.Fuzz(func(t *testing.T, description string) {
		body := yousign.Body(job(t, &description, `{"k":1}`))
		require.True(t, utf8.Valid(body))
		var got map[string]any
		require.NoError(t, json.Unmarshal(body, &got))
		require.Len(t, got, 7)
		if utf8.ValidString(description) {
			require.Equal(t, description, got["subscription_description"])
		}
	})
}

func BenchmarkYousign(b *testing.B) {
	description := "Contracts team"
	data := make([]byte, 1000)
	for i := range data {
		data[i] = 'x'
	}
	j := job(b, &description, `{"pad":"`+string(data)+`"}`)
	f, _ := For(models.FormatYousign)
	now := time.Unix(1767349260, 0)
	b.ReportAllocs()
	for b.Loop() {
		var buf [8]Header
		body := f.Body(j)
		if _, err := f.Headers(buf[:0], j, body, 1, now); err != nil {
			b.Fatal(err)
		}
	}
}

package format

import (
	"encoding/json"
	"net/url"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

// furnish gives the event everything that an event can have.
func furnish(j *models.Job) {
	j.Event.OrganizationID = models.ID{0xa, 15: 1}
	j.Event.WorkspaceID = models.ID{0xb, 15: 2}
	j.Event.Scope = "public_api"
	j.Event.EntityKey = `pack 7 "é" 100%`
}

func TestCloudEventsBinary(t *testing.T) {
	t.Parallel()
	j, f := in(t, models.FormatCloudEvents, time.Time{})
	furnish(j)
	body := f.Body(j)
	require.Equal(t, string(j.Event.Data), string(body))
	lines, err := f.Headers(nil, j, body, 2, time.Unix(1767349260, 0))
	require.NoError(t, err)
	require.Equal(t, []Header{
		{"Content-Type", "application/json"},
		{"User-Agent", "Hookrouter"},
		{"Ce-Specversion", "1.0"},
		{"Ce-Id", "9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01"},
		{"Ce-Source", "urn:uuid:0a000000-0000-0000-0000-000000000001"},
		{"Ce-Type", "signer.done"},
		{"Ce-Time", "2026-01-02T10:20:00Z"},
		{"Ce-Subscriptionid", "0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001"},
		{"Ce-Sandbox", "true"},
		{"Ce-Subject", "pack%207%20%22%C3%A9%22%20100%25"},
		{"Ce-Scope", "public_api"},
		{"Ce-Workspaceid", "0b000000-0000-0000-0000-000000000002"},
		{"X-Yousign-Signature-256", signing.Sign(secret, body)},
	}, lines)
	body[0] = 'x'
	require.Equal(t, byte('{'), j.Event.Data[0], "the body is a copy: the event is shared by all its deliveries")
}

func TestCloudEventsStructured(t *testing.T) {
	t.Parallel()
	j, f := in(t, models.FormatCloudEventsStructured, time.Time{})
	furnish(j)
	body := f.Body(j)
	require.Equal(t, `{"specversion":"1.0","id":"9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01","source":"urn:uuid:0a000000-0000-0000-0000-000000000001",`+
		`"type":"signer.done","time":"2026-01-02T10:20:00Z","subscriptionid":"0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001","sandbox":true,`+
		`"subject":"pack 7 \"é\" 100%","scope":"public_api","workspaceid":"0b000000-0000-0000-0000-000000000002",`+
		"\"datacontenttype\":\"application/json\",\"data\":{\"z\": 1,\n \"a\":12345678901234567890}}", string(body))
	lines, err := f.Headers(nil, j, body, 2, time.Unix(1767349260, 0))
	require.NoError(t, err)
	require.Equal(t, []Header{
		{"Content-Type", "application/cloudevents+json; charset=utf-8"},
		{"User-Agent", "Hookrouter"},
		{"X-Yousign-Signature-256", signing.Sign(secret, body)},
	}, lines)
}

// Attributes keep the specification's rules: names of lower-case letters and digits, at most 20 of them, and no empty values.
func TestCloudEventsAttributes(t *testing.T) {
	t.Parallel()
	j, _ := in(t, models.FormatCloudEvents, time.Time{})
	for _, full := range []bool{false, true} {
		if full {
			furnish(j)
		}
		names := map[string]string{}
		for _, a := range attributes(j) {
			require.Regexp(t, `^[a-z0-9]{1,20}$`, a.name)
			require.NotEmpty(t, a.value, a.name)
			names[a.name] = a.value
		}
		for _, required := range []string{"id", "source", "specversion", "type"} {
			require.Contains(t, names, required)
		}
		source, err := url.Parse(names["source"])
		require.NoError(t, err)
		require.True(t, source.IsAbs())
		_, err = time.Parse(time.RFC3339, names["time"])
		require.NoError(t, err)
		_, has := names["subject"]
		require.Equal(t, full, has)
	}
	for _, bad := range []string{"a\nb", "\x7f", "\u0085", "\ufdd0", "\ufffe", "\U0001ffff", "\xff"} {
		j.Event.EntityKey = bad
		for _, a := range attributes(j) {
			require.NotEqual(t, "subject", a.name, "%q", bad)
		}
	}
}

// A receiver that decodes what the binding says gets the value back, and nothing of it can end a header.
func FuzzPercentEncoded(f *testing.F) {
	for _, seed := range []string{"", "plain", "a b", "%", `"`, "é\u20ac", "\x00\r\n", "😀%20"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		encoded := percentEncoded(s)
		for i := range len(encoded) {
			require.True(t, encoded[i] > ' ' && encoded[i] <= '~' && encoded[i] != '"')
		}
		back, err := url.PathUnescape(encoded)
		require.NoError(t, err)
		require.Equal(t, s, back)
	})
}

func FuzzCloudEventsStructured(f *testing.F) {
	f.Add("signer.done", "key")
	f.Add("a\"b", "\\")
	f.Fuzz(func(t *testing.T, name, key string) {
		j, form := in(t, models.FormatCloudEventsStructured, time.Time{})
		j.Event.Name, j.Event.EntityKey = name, key
		body := form.Body(j)
		require.True(t, utf8.Valid(body))
		var got map[string]any
		require.NoError(t, json.Unmarshal(body, &got))
		if subject, has := got["subject"]; has {
			require.Equal(t, key, subject)
		}
	})
}

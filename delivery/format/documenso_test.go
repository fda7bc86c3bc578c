package format

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
)

func TestDocumensoGolden(t *testing.T) {
	t.Parallel()
	j, f := in(t, models.FormatDocumenso, time.Time{})
	s := *j.Current
	s.Endpoint = `https://hooks.acme.test/dso?a=1&b="2"`
	j.Matched, j.Current = &s, &s
	j.Event.Name, j.Event.Time = "document.recipient.completed", time.UnixMilli(1767349200123)
	body := f.Body(j)
	require.Equal(t, "{\"event\":\"DOCUMENT_RECIPIENT_COMPLETED\",\"payload\":{\"z\": 1,\n \"a\":12345678901234567890},"+
		`"createdAt":"2026-01-02T10:20:00.123Z","webhookEndpoint":"https://hooks.acme.test/dso?a=1&b=\"2\""}`, string(body))
	headers, err := f.Headers(nil, j, body, 3, time.Unix(1767349260, 0))
	require.NoError(t, err)
	require.Equal(t, []Header{
		{"Content-Type", "application/json"}, {"User-Agent", "Hookrouter"}, {"X-Documenso-Secret", secret},
	}, headers)
	require.True(t, Confidential("X-Documenso-Secret"))

	s.Secret = models.Secret{}
	headers, err = f.Headers(nil, j, body, 1, time.Unix(1767349260, 0))
	require.NoError(t, err)
	require.Contains(t, headers, Header{"X-Documenso-Secret", ""}, "empty without one")
	s.Endpoint = "https://new.acme.test"
	old := s
	old.Endpoint = "https://old.acme.test"
	j.Matched = &old
	require.Contains(t, string(f.Body(j)), `"webhookEndpoint":"https://old.acme.test"`, "of the version that matched")
}

func TestDocumensoNames(t *testing.T) {
	t.Parallel()
	j, f := in(t, models.FormatDocumenso, time.Time{})
	for name, want := range map[string]string{
		"document.created": "DOCUMENT_CREATED", "recipient.expired": "RECIPIENT_EXPIRED", "template.used": "TEMPLATE_USED",
		"document.reminder.sent": "DOCUMENT_REMINDER_SENT", "invoice_paid.v2": "INVOICE_PAID_V2",
	} {
		j.Event.Name = name
		var body struct{ Event string }
		require.NoError(t, json.Unmarshal(f.Body(j), &body))
		require.Equal(t, want, body.Event)
	}
}

func TestDocumensoSecrets(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, "x": true, "two words, and ~more~": true, strings.Repeat("y", 255): true, strings.Repeat("y", 256): false,
		" x": false, "x ": false, "a\nb": false, "é": false, "\x7f": false, "a\tb": false,
	} {
		kept, err := List{}.ReadSecret(models.FormatDocumenso, text)
		if good {
			require.NoError(t, err)
			require.Equal(t, text, List{}.ShowSecret(models.FormatDocumenso, kept))
			continue
		}
		require.ErrorIs(t, err, signing.ErrSecret)
		require.NotContains(t, err.Error(), text)
	}
}

// TestEveryFormatVerifiesItself sends what a format writes to its own receiver: with the secret, with another one, with a rotation, without.
func TestEveryFormatVerifiesItself(t *testing.T) {
	t.Parallel()
	began := time.Unix(1767349200, 0)
	for _, f := range all {
		j, _ := in(t, f.Name(), began)
		body := f.Body(j)
		for at, current := range map[time.Time]string{began: secret, began.Add(90 * time.Minute): nextSecret} {
			lines, err := f.Headers(nil, j, body, 1, at)
			require.NoError(t, err)
			header := http.Header{}
			for _, l := range lines {
				header.Set(l.Name, l.Value)
			}
			require.NoError(t, f.Verify(header, body, current), f.Name())
			require.NoError(t, f.Verify(header, body, secret, nextSecret), f.Name())
			require.ErrorIs(t, f.Verify(header, body, strings.Repeat("q", 32)), signing.ErrMismatch, f.Name())
			err = f.Verify(http.Header{}, body, current)
			require.True(t, errors.Is(err, signing.ErrNoSignature) || errors.Is(err, signing.ErrNoStandardHeaders), "%s: %v", f.Name(), err)
		}
		err := f.Verify(http.Header{}, body)
		if _, required := f.Secret(""); required == nil {
			require.ErrorIs(t, err, ErrUnsigned, f.Name())
		} else {
			require.ErrorIs(t, err, signing.ErrSecret, f.Name())
		}
	}
}

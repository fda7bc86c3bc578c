package signing_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/signing"
)

func TestVerify(t *testing.T) {
	t.Parallel()
	const body = `{"event_name":"signer.done","data":{}}`
	good := signing.Sign(keyA, []byte(body))
	other := signing.Sign(keyB, []byte(body))
	digits := strings.TrimPrefix(good, "sha256=")
	just := func(values ...string) http.Header { return http.Header{signing.SignatureHeader: values} }
	onlyA := []string{keyA}

	tests := []struct {
		name    string
		header  http.Header
		body    string
		secrets []string
		want    error
	}{
		{"good", just(good), body, onlyA, nil},
		{"wrong key", just(good), body, []string{keyB}, signing.ErrMismatch},
		{"tampered body", just(good), strings.Replace(body, "done", "dome", 1), onlyA, signing.ErrMismatch},
		{"body encoded again", just(good), strings.Replace(body, ":", ": ", 1), onlyA, signing.ErrMismatch},
		{"body cut short", just(good), body[:len(body)-1], onlyA, signing.ErrMismatch},
		{"one more line end", just(good), body + "\n", onlyA, signing.ErrMismatch},
		{"signature of another body", just(signing.Sign(keyA, nil)), body, onlyA, signing.ErrMismatch},
		{"last digit changed", just(good[:len(good)-1] + "0"), body, onlyA, signing.ErrMismatch},

		{"no headers", nil, body, onlyA, signing.ErrNoSignature},
		{"no signature among headers", http.Header{signing.RetryHeader: {"0"}}, body, onlyA, signing.ErrNoSignature},
		{"no value", just(), body, onlyA, signing.ErrNoSignature},
		{"empty value", just(""), body, onlyA, signing.ErrMalformed},
		{"upper-case digits", just("sha256=" + strings.ToUpper(digits)), body, onlyA, signing.ErrMalformed},
		{"upper-case scheme", just("SHA256=" + digits), body, onlyA, signing.ErrMalformed},
		{"missing scheme", just(digits), body, onlyA, signing.ErrMalformed},
		{"scheme alone", just("sha256="), body, onlyA, signing.ErrMalformed},
		{"other algorithm", just("sha512=" + digits), body, onlyA, signing.ErrMalformed},
		{"one digit short", just(good[:len(good)-1]), body, onlyA, signing.ErrMalformed},
		{"one digit more", just(good + "0"), body, onlyA, signing.ErrMalformed},
		{"blank around", just(" " + good), body, onlyA, signing.ErrMalformed},
		{"not a digit", just(good[:len(good)-1] + "g"), body, onlyA, signing.ErrMalformed},
		{"two in one value", just(good + "," + good), body, onlyA, signing.ErrMalformed},

		{"good after malformed", just("", "sha256=zz", good), body, onlyA, nil},
		{"good after another's", just(other, good), body, onlyA, nil},
		{"several, none fits", just(other, signing.Sign(keyB, nil)), body, onlyA, signing.ErrMismatch},
		{"several malformed", just("a", "b"), body, onlyA, signing.ErrMalformed},

		{"empty body", just(signing.Sign(keyA, nil)), "", onlyA, nil},
		{"not UTF-8", just(signing.Sign(keyA, []byte("\xff\x00"))), "\xff\x00", onlyA, nil},

		{"second of two secrets", just(good), body, []string{keyB, keyA}, nil},
		{"no secret", just(good), body, nil, signing.ErrSecret},
		{"empty secret", just(good), body, []string{""}, signing.ErrSecret},
		{"bad secret after the fitting one", just(good), body, []string{keyA, ""}, signing.ErrSecret},
		{"bad secret and no signature", nil, body, []string{keyA + "\n"}, signing.ErrSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := signing.Verify(tt.header, []byte(tt.body), tt.secrets...)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, fmt.Errorf("wrapped: %w", err), tt.want)
			for _, hidden := range append(tt.secrets, digits, tt.body) {
				if hidden != "" {
					require.NotContains(t, err.Error(), hidden)
				}
			}
		})
	}
}

// An empty key is a key that everybody has: a receiver that lost its secret must not accept what is signed with it.
func TestVerifyNeverUsesTheEmptyKey(t *testing.T) {
	t.Parallel()
	forged := http.Header{signing.SignatureHeader: {signing.Sign("", []byte("forged"))}}
	require.ErrorIs(t, signing.Verify(forged, []byte("forged"), ""), signing.ErrSecret)
	require.ErrorIs(t, signing.Verify(forged, []byte("forged"), keyA, ""), signing.ErrSecret)
}

func TestVerifyThroughARotation(t *testing.T) {
	t.Parallel()
	const older, newer, stranger = keyA, keyB, "0123456789abcdef0123456789abcdef"
	body := []byte(`{"event_name":"signer.done"}`)
	phases := []struct {
		name                  string
		header                http.Header
		older, newer, bothNow bool
	}{
		{"before", http.Header{
			signing.SignatureHeader: {signing.Sign(older, body)},
		}, true, false, true},
		{"next announced", http.Header{
			signing.SignatureHeader:     {signing.Sign(older, body)},
			signing.NextSignatureHeader: {signing.Sign(newer, body)},
		}, true, true, true},
		{"activated", http.Header{
			signing.SignatureHeader:         {signing.Sign(newer, body)},
			signing.PreviousSignatureHeader: {signing.Sign(older, body)},
		}, true, true, true},
		{"over", http.Header{
			signing.SignatureHeader: {signing.Sign(newer, body)},
		}, false, true, true},
	}
	for _, phase := range phases {
		t.Run(phase.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, phase.older, signing.Verify(phase.header, body, older) == nil, "holds the older")
			require.Equal(t, phase.newer, signing.Verify(phase.header, body, newer) == nil, "holds the newer")
			require.Equal(t, phase.bothNow, signing.Verify(phase.header, body, older, newer) == nil, "holds both")
			require.ErrorIs(t, signing.Verify(phase.header, body, stranger), signing.ErrMismatch)
			require.ErrorIs(t, signing.Verify(phase.header, append(body, ' '), older, newer), signing.ErrMismatch)
		})
	}
}

func TestCheckIssuedAt(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_767_349_200, 500_000_000)
	at := func(values ...string) http.Header { return http.Header{signing.IssuedAtHeader: values} }
	const tolerance = 5 * time.Minute

	tests := []struct {
		name      string
		header    http.Header
		tolerance time.Duration
		want      error
	}{
		{"this second", at("1767349200"), tolerance, nil},
		{"oldest allowed", at("1767348901"), tolerance, nil},
		{"too old", at("1767348900"), tolerance, signing.ErrTooOld},
		{"newest allowed", at("1767349500"), tolerance, nil},
		{"too new", at("1767349501"), tolerance, signing.ErrTooNew},
		{"the epoch", at("0"), tolerance, signing.ErrTooOld},
		{"longest number", at("999999999999"), tolerance, signing.ErrTooNew},
		{"any age allowed", at("0"), math.MaxInt64, nil},
		{"milliseconds", at("1767349200500"), tolerance, signing.ErrMalformed},
		{"absent", nil, tolerance, signing.ErrNoIssuedAt},
		{"empty", at(""), tolerance, signing.ErrMalformed},
		{"sign", at("+1767349200"), tolerance, signing.ErrMalformed},
		{"negative", at("-1"), tolerance, signing.ErrMalformed},
		{"fraction", at("1767349200.5"), tolerance, signing.ErrMalformed},
		{"RFC 3339", at("2026-01-02T10:20:00Z"), tolerance, signing.ErrMalformed},
		{"other digits", at("١٧٦"), tolerance, signing.ErrMalformed},
		{"twice", at("1767349200", "1767349200"), tolerance, signing.ErrMalformed},
		{"no check", at("rubbish"), 0, nil},
		{"no check, absent", nil, 0, nil},
		{"negative tolerance", at("1767349200"), -time.Second, signing.ErrTooOld},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := signing.CheckIssuedAt(tt.header, now, tt.tolerance)
			if tt.want == nil {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, fmt.Errorf("wrapped: %w", err), tt.want)
		})
	}
}

func TestCheckIssuedAtSaysByHowMuch(t *testing.T) {
	t.Parallel()
	header := http.Header{signing.IssuedAtHeader: {"1000"}}
	require.ErrorContains(t, signing.CheckIssuedAt(header, time.Unix(1090, 0), time.Minute), "issued 1m30s ago")
	require.ErrorContains(t, signing.CheckIssuedAt(header, time.Unix(910, 0), time.Minute), "issued 1m30s ahead")
}

package egress

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const ownToken = "0123456789abcdef0123456789abcdef"

func TestOwnHoldsExactlyItsInboxes(t *testing.T) {
	t.Parallel()
	own, err := NewOwn("http://127.0.0.1:8080/", len(ownToken))
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8080/inbox/"+ownToken, own.Address(ownToken))
	policy, err := New(Options{})
	require.NoError(t, err)
	checker := OwnChecker{Policy: policy, Own: own}
	for raw, want := range map[string]bool{
		own.Address(ownToken):                                          true,
		own.Address(ownToken) + "?":                                    false,
		own.Address(ownToken) + "?a=b":                                 false,
		own.Address(ownToken) + "#a":                                   false,
		own.Address(ownToken) + "/":                                    false,
		own.Address(ownToken) + "/../../v3/events":                     false,
		own.Address(ownToken[1:]):                                      false,
		own.Address(strings.ToUpper(ownToken)):                         false,
		own.Address("../v3/events/0123456789abcdef01"):                 false,
		own.Address("%2e%2e%2fv3%2fevents6789abcdef01"):                false,
		own.Address(strings.Replace(ownToken, "0", "%30", 1)):          false,
		"http://127.0.0.1:8080/v3/events":                              false,
		"http://127.0.0.1:8080/":                                       false,
		"http://127.0.0.1:8080//inbox/" + ownToken:                     false,
		"http://127.0.0.1:8080/%69nbox/" + ownToken:                    false,
		"http://127.0.0.1:8081/inbox/" + ownToken:                      false,
		"http://127.0.0.1/inbox/" + ownToken:                           false,
		"http://127.1:8080/inbox/" + ownToken:                          false,
		"http://localhost:8080/inbox/" + ownToken:                      false,
		"https://127.0.0.1:8080/inbox/" + ownToken:                     false,
		"http://u:p@127.0.0.1:8080/inbox/" + ownToken:                  false,
		"http://127.0.0.1:8080@evil.example:80/inbox/" + ownToken:      false,
		"http://evil.example/?http://127.0.0.1:8080/inbox/" + ownToken: false,
	} {
		if u, err := url.Parse(raw); err == nil {
			require.Equal(t, want, own.Holds(u) && !strings.Contains(raw, "#"), raw)
		}
		_, err := checker.CheckURL(raw)
		require.Equal(t, want, err == nil, raw)
	}
	_, err = checker.CheckURL("https://receiver.example/hooks")
	require.NoError(t, err)

	below, err := NewOwn("https://hooks.example.com/router", len(ownToken))
	require.NoError(t, err)
	require.Equal(t, "https://hooks.example.com/router/inbox/"+ownToken, below.Address(ownToken))
	for _, bad := range []string{"", "hooks.example.com", "ftp://a", "http://", "http://u@a", "http://a?b", "http://a?", "http://a#b", "http://a/%2f"} {
		_, err := NewOwn(bad, len(ownToken))
		require.Error(t, err, bad)
	}
	_, err = NewOwn("http://a", 0)
	require.Error(t, err)
}

// refusing is a guarded transport that lets nothing through.
type refusing struct{}

var errGuarded = errors.New("refused")

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errGuarded }

func TestOwnTransportReachesInboxesOnly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Path", r.URL.Path)
	}))
	defer server.Close()
	own, err := NewOwn(server.URL, len(ownToken))
	require.NoError(t, err)
	transport := own.Transport(refusing{})
	get := func(url, host string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, http.NoBody)
		require.NoError(t, err)
		r.Host = host
		return transport.RoundTrip(r)
	}
	resp, err := get(own.Address(ownToken), "")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "/inbox/"+ownToken, resp.Header.Get("Path"))
	for _, c := range [][2]string{{server.URL + "/admin/v1/ledger", ""}, {own.Address(ownToken) + "?a", ""}, {own.Address(ownToken), "other.example"}} {
		_, err := get(c[0], c[1]) //nolint:bodyclose // there is no answer
		require.ErrorIs(t, err, errGuarded, c[0])
	}
}

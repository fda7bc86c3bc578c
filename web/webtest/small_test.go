package webtest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// page is what a visitor reads at a path.
func (v *visitor) page(path string) string {
	v.t.Helper()
	resp, text := v.send(http.MethodGet, path, nil)
	require.Equal(v.t, http.StatusOK, resp.status, path)
	return text
}

// TestFirstWebhookIsMadeOnce presses the button twice, and looks at the overview after all is gone again.
func TestFirstWebhookIsMadeOnce(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	require.Contains(t, v.page("/developers/"), "Send me a webhook")
	first, _ := v.send(http.MethodPost, "/developers/try", nil)
	second, _ := v.send(http.MethodPost, "/developers/try", nil)
	to := first.header.Get("Location")
	require.Contains(t, to, "/developers/try/")
	require.Equal(t, to, second.header.Get("Location"))
	text := v.page(to)
	require.Contains(t, text, "Your first webhook is here already.")
	require.Contains(t, text, `data-environment="sandbox"`)
	var inboxes struct{ Data []any }
	p.api(http.StatusOK, http.MethodGet, "/v3/sandbox/inboxes", nil, &inboxes)
	require.Len(t, inboxes.Data, 1)

	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, to+"/remove", nil))
	text = v.page("/developers/?in=sandbox")
	require.NotContains(t, text, "Send me a webhook")
	require.Contains(t, text, "Nothing is subscribed here")
}

// TestDeliveryOfDeletedSubscription looks at failures in the list, and at one whose subscription is deleted then.
func TestDeliveryOfDeletedSubscription(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	t.Cleanup(endpoint.Close)
	id := p.subscribe(endpoint.URL, "Gone", map[string]any{"auto_retry": false})
	p.publish("signature_request.done")
	var list struct {
		Data []struct{ ID, Status string }
	}
	require.Eventually(t, func() bool {
		p.api(http.StatusOK, http.MethodGet, "/v3/deliveries", nil, &list)
		return len(list.Data) == 1 && list.Data[0].Status == "failed"
	}, patience, 20*time.Millisecond)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	require.Contains(t, v.page("/developers/deliveries"), "answered 418")
	path := "/developers/deliveries/" + list.Data[0].ID
	text := v.page(path)
	require.Contains(t, text, "go run ./cmd/hookrouter")
	require.Contains(t, v.page("/developers/help"), "HOOKROUTER_API_KEY=")
	require.Contains(t, text, path+"/retry")
	_, live, _ := strings.Cut(text, `id="progress"`)
	live, _, _ = strings.Cut(live, `id="body"`)
	require.Contains(t, live, path+"/retry", "the button is in the part that the stream replaces")

	// A plan and a test of an address where nothing listens are told in words.
	nobody := httptest.NewServer(nil)
	nobody.Close()
	silent := p.subscribe(nobody.URL, "Silent", map[string]any{"headers": map[string]string{"X-Team": "contracts"}, "timeout_first_ms": 1500})
	sent, _ := v.send(http.MethodPost, "/developers/subscriptions/"+silent+"/test", url.Values{"event_name": {"signature_request.done"}})
	text = v.page(sent.header.Get("Location"))
	for _, words := range []string{"What would have been sent", "Nothing took the connection.", "until it failed", "See the delivery"} {
		require.Contains(t, text, words)
	}
	require.NotContains(t, text, "first byte")
	text = v.page("/developers/subscriptions/" + silent)
	for _, words := range []string{"X-Team", "1500 ms", "Timeout, retries"} {
		require.Contains(t, text, words)
	}
	require.NotContains(t, text, "contracts", "what headers say may be a secret")
	text = v.page("/developers/subscriptions/" + silent + "/retry-plan?failing_with=dns")
	require.Contains(t, text, ">Name not found<")
	require.Contains(t, text, "Why it ends: name not found.")
	require.Contains(t, v.page("/developers/subscriptions"), "none yet, tests aside")

	p.api(http.StatusNoContent, http.MethodDelete, "/v3/webhooks/"+id, nil, nil)
	text = v.page(path)
	require.NotContains(t, text, `action="`+path+`/retry"`)
	require.Contains(t, text, "Its subscription was deleted, so it can&#39;t be sent again.")
	require.Eventually(t, func() bool { return strings.Contains(v.page("/developers/"), "Success rate") }, patience, 20*time.Millisecond,
		"the figures of the day are hidden when nothing is subscribed any more")
}

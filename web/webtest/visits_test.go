package webtest

import (
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVisits covers what answers say to somebody without a window. The parts share a program, and each makes what it needs.
func TestVisits(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for _, part := range []struct {
		name  string
		visit func(*testing.T, *program)
	}{
		{"a sandbox key knows nothing of production", visitWithSandboxKey},
		{"buttons of the shell lead to pages", visitFromEverywhere},
		{"a session that has ended", visitSignedOut},
		{"forms that are no forms", visitWithBrokenForms},
		{"parts say what the page says", visitParts},
		{"logs by id", visitLogs},
		{"a subscription's form", visitSubscriptionForm},
		{"an event type's form", visitTypeForm},
		{"what was chosen stays chosen", visitReplay},
		{"the first webhook", visitFirstWebhook},
	} {
		t.Run(part.name, func(t *testing.T) { part.visit(t, p) })
	}
}

// enter signs in with a key.
func (p *program) enter(t *testing.T, key string) *visitor {
	t.Helper()
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(key))
	return v
}

// visitWithSandboxKey names a subscription of production in addresses: not even what it is called is told.
func visitWithSandboxKey(t *testing.T, p *program) {
	t.Helper()
	id := p.subscribe("http://127.0.0.1:9/", "Of production", nil)
	_, key := p.newKey("manager", "sandbox")
	v := p.enter(t, key)
	for _, path := range []string{"/developers/deliveries?subscription=" + id, "/developers/jobs/new?subscription=" + id} {
		got, page := v.send(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, got.status, path)
		require.NotContains(t, page, "Of production", path)
		_, page = p.enter(t, p.key).send(http.MethodGet, path, nil)
		require.Contains(t, page, "Of production", "whose it is sees it")
	}
	form := url.Values{"kind": {"backfill"}, "subscription_id": {id}, "from": {"2026-05-04T10:00"}}
	_, page := v.send(http.MethodPost, "/developers/jobs/new", form)
	require.NotContains(t, page, "Of production")
}

// from says which page a form was sent from.
func from(v *visitor, path string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Referer", v.p.base+path) }
}

// byHTMX asks for a part of a page.
func byHTMX(r *http.Request) { r.Header.Set("HX-Request", "true") }

// visitFromEverywhere presses the buttons that are on every page where the address is one of forms alone, or has no list above it.
func visitFromEverywhere(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	id := p.subscribe("http://127.0.0.1:9/", "Mine", nil)
	one := "/developers/subscriptions/" + id
	for page, want := range map[string]string{
		"/developers/":                         "/developers/",
		one + "/logs?status=failed":            one + "/logs?status=failed",
		one + "/preview":                       one,
		"/developers/subscriptions/preview":    "/developers/subscriptions",
		"/developers/catalogue/types/check":    "/developers/catalogue",
		"/developers/sandbox/sample":           "/developers/sandbox",
		"/developers/operator/organizations":   "/developers/operator",
		"/developers/try/" + id + "/" + id:     "/developers/try/" + id + "/" + id,
		"/developers/try":                      "/developers/",
		"/developers/quicklysign/logs":         "/developers/quicklysign/logs",
		"/developers/entities/remove?entity=a": "/developers/entities/remove?entity=a",
		"/developers/jobs/new":                 "/developers/jobs/new",
		"/developers/nothing":                  "/developers/",
		"/docs":                                "/developers/",
	} {
		got, _ := v.send(http.MethodPost, "/developers/theme", url.Values{"theme": {"dark"}}, from(v, page))
		require.Equal(t, want, got.header.Get("Location"), page)
	}
}

// visitSignedOut does what somebody does whose session ended while they filled in a form.
func visitSignedOut(t *testing.T, p *program) {
	t.Helper()
	v := newVisitor(t, p)
	const page = "/developers/subscriptions/new"
	got, text := v.send(http.MethodPost, page, url.Values{"endpoint": {"https://hooks.example.com/"}}, from(v, page))
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.True(t, contains(text, `name="next" value="`+page+`"`), "the form's page is led back to")
	got, part := v.send(http.MethodPost, "/developers/subscriptions/preview", nil, byHTMX, from(v, page))
	require.Equal(t, http.StatusOK, got.status)
	require.Empty(t, got.header.Get("HX-Redirect"), "what was typed would be lost")
	require.True(t, contains(part, "You are signed out"))
	require.True(t, contains(part, `href="/developers/sign-in?next=`))
	got, _ = v.send(http.MethodGet, "/developers/subscriptions?q=a", nil, byHTMX)
	require.Equal(t, "/developers/sign-in?next="+url.QueryEscape("/developers/subscriptions?q=a"), got.header.Get("HX-Redirect"))
	stream := func(r *http.Request) { r.Header.Set("Accept", "text/event-stream") }
	require.Equal(t, http.StatusNoContent, v.status(http.MethodGet, "/developers/deliveries/live", nil, stream), "a browser opens it no more")
}

// visitWithBrokenForms sends what no page sends, and is told what is wrong by a page of those who are signed in.
func visitWithBrokenForms(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	for body, want := range map[string]int{"theme=%zz": http.StatusBadRequest, "a=" + strings.Repeat("x", 300<<10): http.StatusRequestEntityTooLarge} {
		got, page := v.send(http.MethodPost, "/developers/theme", nil, func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
		})
		require.Equal(t, want, got.status)
		require.True(t, contains(page, "To the overview"), "whoever is signed in is not asked to sign in")
	}
}

// visitParts asks for what replaces a list: what the page says above the list has to come with it.
func visitParts(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	for _, list := range []string{"/developers/deliveries", "/developers/events"} {
		_, part := v.send(http.MethodGet, list+"?q=0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001", nil, byHTMX)
		require.True(t, contains(part, "with this id"), "%s shows everything and does not say that nothing was found", list)
	}
	_, part := v.send(http.MethodGet, "/developers/deliveries?status=failed", nil, byHTMX)
	require.Regexp(t, `id="send-many" href="/developers/jobs/new\?status=failed" hx-swap-oob="true"`, part)
}

// visitLogs searches by an id below a tab that does not have it.
func visitLogs(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	id := p.subscribe("http://127.0.0.1:9/", "Logs", map[string]any{"auto_retry": false})
	var sent struct {
		Delivery string `json:"delivery_id"`
	}
	p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+id+"/test", map[string]any{"event_name": "signature_request.done"}, &sent)
	var delivery struct {
		Event string `json:"event_id"`
	}
	p.api(http.StatusOK, http.MethodGet, "/v3/deliveries/"+sent.Delivery, nil, &delivery)
	for _, text := range []string{sent.Delivery, delivery.Event} {
		for filter, there := range map[string]bool{
			"": true, "&status=failed": true, "&status=delivered": false, "&event=signature_request.done": true, "&event=signer.done": false,
		} {
			_, page := v.send(http.MethodGet, "/developers/subscriptions/"+id+"/logs?q="+text+filter, nil)
			require.Equal(t, there, contains(page, `href="/developers/deliveries/`+sent.Delivery), filter)
		}
	}
}

// visitSubscriptionForm sends a secret to a page that shows none, and headers with odd values.
func visitSubscriptionForm(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	form := url.Values{
		"endpoint": {"http://127.0.0.1:9/headers"}, "subscribed_events": {"*"}, "scopes": {"*"}, "workspaces": {"*"}, "sandbox": {"false"},
		"format": {"yousign"}, "enabled": {"true"}, "secret_key": {strings.Repeat("s3cret", 5) + "xx"},
	}
	form.Set("headers", "X-Team: a:b\r\n\r\nX-Empty:\r\n")
	_, page := v.send(http.MethodPost, "/developers/subscriptions/preview", form)
	require.False(t, contains(page, "s3cret"))
	require.True(t, contains(page, "Type it again"), "without scripts the form comes back without the secret")
	got, _ := v.send(http.MethodPost, "/developers/subscriptions/new", form)
	require.Equal(t, http.StatusSeeOther, got.status)
	var made struct{ Headers map[string]string }
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+path.Base(got.header.Get("Location")), nil, &made)
	require.Equal(t, map[string]string{"X-Team": "a:b", "X-Empty": ""}, made.Headers)
}

// visitTypeForm checks a change without scripts, goes on to save it, and checks a name that is taken.
func visitTypeForm(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	p.api(http.StatusCreated, http.MethodPost, "/v3/event_types", map[string]any{"name": "mine.paid", "description": "Paid", "sample": map[string]any{"a": 1}}, nil)
	form := url.Values{"was": {"mine.paid"}, "description": {"Paid at last"}, "sample": {`{"a": 1}`}}
	_, page := v.send(http.MethodPost, "/developers/catalogue/types/check", form)
	require.True(t, contains(page, "This can be saved."))
	require.True(t, contains(page, `action="/developers/catalogue/types/mine.paid/edit"`), "it is still a change")
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/catalogue/types/mine.paid/edit", form))
	form = url.Values{"name": {"mine.paid"}, "sample": {`{"a": 1}`}}
	_, part := v.send(http.MethodPost, "/developers/catalogue/types/check", form, byHTMX)
	require.True(t, contains(part, "There is one of this name already."))
	form.Set("name", "mine.sent")
	_, part = v.send(http.MethodPost, "/developers/catalogue/types/check", form, byHTMX)
	require.True(t, contains(part, "This can be saved."))
}

// visitReplay chooses a subscription, and searches for another one.
func visitReplay(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	one, other := p.subscribe("http://127.0.0.1:9/one", "Chosen first", nil), p.subscribe("http://127.0.0.1:9/other", "Found then", nil)
	var event struct {
		ID string `json:"event_id"`
	}
	p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{"event_name": "signer.done", "data": map[string]any{"id": "3d0a"}}, &event)
	replay := "/developers/events/" + event.ID + "/replay?subscription_ids=" + one + "&q="
	box := func(id, more string) string { return `value="` + id + `"` + more }
	for text, found := range map[string]bool{"found+then": true, "nothing+like+it": false} {
		_, part := v.send(http.MethodGet, replay+text, nil, byHTMX)
		require.True(t, contains(part, box(one, " checked")), "what was chosen stays")
		require.Equal(t, found, contains(part, box(other, ">")))
	}
}

// visitFirstWebhook opens the page of the first webhook with what is not its own, which its button would remove.
func visitFirstWebhook(t *testing.T, p *program) {
	t.Helper()
	v := p.enter(t, p.key)
	var inbox struct{ ID, URL string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/sandbox/inboxes", map[string]any{}, &inbox)
	foreign := p.subscribe("http://127.0.0.1:9/", "Of production", nil)
	mine := p.subscribe(inbox.URL, "Mine", map[string]any{"sandbox": true})
	for id, want := range map[string]int{foreign: http.StatusNotFound, mine: http.StatusSeeOther} {
		require.Equal(t, want, v.status(http.MethodPost, "/developers/try/"+id+"/"+inbox.ID+"/remove", nil))
	}
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+foreign, nil, nil)
	p.api(http.StatusNotFound, http.MethodGet, "/v3/webhooks/"+mine, nil, nil)
}

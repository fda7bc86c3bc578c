package webtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// receiver answers 200 to everything.
func receiver(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thanks")) }))
	t.Cleanup(s.Close)
	return s.URL
}

// TestWithoutScripts subscribes and deletes where there is no JavaScript.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	endpoint := receiver(t)
	b := startBrowser(t, p)
	b.scripts(false)
	b.signInByForm()
	b.click(`form[action="/developers/try"] button`)
	b.shown("#try-signature")
	b.open("/developers/subscriptions/new")
	b.fill("#endpoint", endpoint)
	b.click(`input[name="subscribed_events"][value="*"]`)
	b.click(`button[formaction$="/preview"]`)
	b.shown("#preview .big-number")
	b.click(`form#subscription .row button.button--main`)
	b.shown(".toast")
	b.click(`a[href$="/delete"]`)
	b.fill("#confirm", "something else")
	b.click("[data-confirmed]")
	b.shown("#confirm-error")
}

// TestEnvironmentsAreApart switches to the sandbox and back.
func TestEnvironmentsAreApart(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	p.subscribe("http://127.0.0.1:9/live", "Live", nil)
	p.subscribe("http://127.0.0.1:9/play", "Playground", map[string]any{"sandbox": true})
	b := startBrowser(t, p)
	b.signIn()
	b.open("/developers/subscriptions")
	b.see("Live")
	require.NotContains(t, b.text(), "Playground")
	b.click(`.environments a[href$="in=sandbox"]`)
	b.shown(`[data-environment="sandbox"]`)
	b.see("Playground")
	require.NotContains(t, b.text(), "Live")
	b.look()
}

// TestSigningInAndOut covers wrong keys, pages that need somebody, errors and the operator's door.
func TestSigningInAndOut(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	b := startBrowser(t, p)
	b.open("/developers/subscriptions")
	b.see("Sign in")
	b.fill("#credential", "hk_live_wrong")
	b.click("button.button--main")
	b.see("This key is not valid")
	b.fill("#credential", p.key)
	b.click("button.button--main")
	b.at("/developers/subscriptions") // the page that was asked for
	b.open("/developers/nothing/here")
	b.see("Nothing here")
	b.look()
	b.click(`form[action="/developers/sign-out"] button`)
	b.see("API key")
	b.open("/developers/")
	b.see("API key")
	b.open("/developers/operator")
	b.fill("#credential", adminToken)
	b.click("button.button--main")
	b.see("all organizations")
}

package webtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// receiver answers 200 to everything.
func receiver(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("thanks")) }))
	t.Cleanup(s.Close)
	return s.URL
}

// TestSubscriptionFromEmptyToDeleted walks what somebody does with their first subscription.
func TestSubscriptionFromEmptyToDeleted(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	endpoint := receiver(t) + "/contracts"
	b := startBrowser(t, p)
	b.open(p.link[len(p.base):])
	b.see("See a webhook arrive")
	b.look()
	b.open("/developers/subscriptions")
	b.see("No subscriptions yet")
	b.look()
	b.click(`a[href="/developers/subscriptions/new"]`)

	// What the API finds wrong stands beside the field.
	b.fill("#endpoint", "ftp://hooks.example.com/")
	b.click(`form#subscription .row button.button--main`)
	b.see("This was not saved")
	b.shown("#endpoint-error")
	b.shown("#subscribed_events-error")
	b.look()

	p.publish("signature_request.done")
	b.fill("#endpoint", endpoint)
	b.fill("#description", "Contracts team")
	b.fill(".picker__search", "signature_request.don")
	b.click(`input[value="signature_request.done"]`)
	b.see("of the latest 1 events match")
	b.see("signature_request.done goes to " + endpoint)
	b.click(`form#subscription .row button.button--main`)
	b.see("Subscription created.")
	b.look()

	b.click(`.tabs a[href$="/test"]`)
	b.click(`main form button.button--main`)
	b.see("The endpoint answered 200")
	b.look()
	b.click(`.tabs a[href$="/secret"]`)
	b.click(`main form button.button--main`)
	b.see("This is the new secret")
	b.look()
	b.click(`main form[action$="/activate"] button`)
	b.see("The new secret signs now.")
	b.click(`.tabs a[href$="/versions"]`)
	b.see("Version 3")
	b.click(`.tabs a`)
	p.publish("signature_request.done")
	b.await(`document.querySelectorAll("[data-stream] tbody tr").length === 2`, "the new delivery does not come in by itself")
	b.open(b.path())
	b.await(`document.querySelector(".chart canvas")`, "there is no chart")
	b.look()
	b.click(`a[href="#suspend"]`)
	b.click(`#suspend button`)
	b.see("Suspended by hand")
	b.click(`form[action$="/resume"] button`)
	b.see("Resumed.")
	b.click(`a[href$="/delete"]`)
	b.see("This can't be undone.")
	require.True(t, ask(b, chromedp.Evaluate[bool]("document.querySelector('[data-confirmed]').disabled")))
	b.confirm()
	b.see("Subscription deleted.")
	b.at("/developers/subscriptions")
}

// TestWithoutScripts does the same where there is no JavaScript.
func TestWithoutScripts(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	endpoint := receiver(t)
	b := startBrowser(t, p)
	b.scripts(false)
	b.signIn()
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
	b.click(`button[value="sandbox"]`)
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

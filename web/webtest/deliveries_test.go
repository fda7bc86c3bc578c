package webtest

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// count is an expression for how many elements a selector finds.
func count(selector string) string { return "document.querySelectorAll(`" + selector + "`).length" }

// awaited waits for the promise that an expression gives.
func awaited(p *runtime.EvaluateParams) { p.AwaitPromise = &yes }

const rowsOfDeliveries = "#delivery-rows tbody tr"

// TestTraffic walks deliveries, jobs and events on one program, because each takes what the one before left.
func TestTraffic(t *testing.T) {
	t.Parallel()
	w := newTraffic(t)
	for _, part := range []struct {
		name string
		walk func(*testing.T, *traffic)
	}{
		{"readers", walkAsReader},
		{"deliveries", walkDeliveries},
		{"without scripts", walkWithoutScripts},
		{"events", walkEvents},
	} {
		require.True(t, t.Run(part.name, func(t *testing.T) { part.walk(t, w) }))
	}
}

// walkDeliveries is about the list, one delivery, and what sends them again.
func walkDeliveries(t *testing.T, w *traffic) {
	t.Helper()
	b := startBrowser(t, w.program)
	b.signIn()
	b.walkDeliveryList(w)
	b.walkLive(w)
	b.walkDelivery(w)
	b.walkJobs(w)
	b.walkTwice(w)
}

// walkDeliveryList filters, and finds by ids and by what a subscription is called.
func (b *browser) walkDeliveryList(w *traffic) {
	b.t.Helper()
	b.open("/developers/deliveries")
	b.await(count(rowsOfDeliveries)+" === 7", "not all deliveries are there")
	b.put("#status", "failed")
	b.await(count(rowsOfDeliveries)+" === 3", "the filter does nothing")
	b.await(`location.search.includes("status=failed")`, "the address does not have the filter")
	b.do(chromedp.Evaluate[chromedp.Void]("history.back()"))
	b.await(count(rowsOfDeliveries)+` === 7 && document.querySelector("nav")`, "going back does not show the page before")
	for text, there := range map[string]string{
		w.failed: "/developers/deliveries/" + w.failed, w.event: "/developers/events/" + w.event,
		"crm": "/developers/deliveries?subscription=" + w.crm, w.archive: "/developers/deliveries?subscription=" + w.archive,
	} {
		b.open("/developers/deliveries")
		b.fill("#q", text)
		b.click("main form button.button")
		b.at(there)
	}
	b.open("/developers/deliveries?q=office+archive")
	b.see("No subscription of this environment has that")
	b.open("/developers/deliveries?q=0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001")
	b.see("There is no delivery, event or subscription with this id.")
	b.open("/developers/deliveries?event=nothing.like_it")
	b.see("Nothing matches")
	b.open("/developers/deliveries?status=canceled&within=1h")
	b.see("Nothing matches")
	b.look()
}

// walkLive sees a delivery come in by itself, holds the list, and lets it go on.
func (b *browser) walkLive(w *traffic) {
	b.t.Helper()
	b.open("/developers/deliveries?subscription=" + w.contracts)
	b.await(count(rowsOfDeliveries)+" === 3", "the subscription's deliveries are not there")
	w.send("signer.done", nil)
	b.await(count(rowsOfDeliveries)+" === 4", "the new delivery does not come in by itself")
	b.click(".live")
	w.send("signer.done", nil)
	w.await("delivered", w.contracts, 5)
	require.Equal(b.t, int64(4), ask(b, chromedp.Evaluate[int64](count(rowsOfDeliveries))), "the list is held")
	b.see("Paused")

	// A list that was filtered anew is held as well, and one that goes on ends the stream of what it replaced.
	b.do(chromedp.Evaluate[chromedp.Void](`window.sources = [];
		window.EventSource = class extends EventSource { constructor(to) { super(to); sources.push(this); } }`))
	b.put("#status", "delivered")
	b.await(count(rowsOfDeliveries)+" === 5", "the filter does nothing")
	require.Zero(b.t, ask(b, chromedp.Evaluate[int64]("sources.length")), "it follows again, and says that it does not")
	b.click(".live")
	w.send("signer.done", nil)
	b.await(count(rowsOfDeliveries)+" === 6", "the list does not go on")
	b.put("#status", "failed")
	b.await("sources.length === 2 && sources[0].readyState === EventSource.CLOSED", "the stream of the list before goes on")

	// Once the session is over nothing comes in any more, and the page does not say that it does.
	b.do(chromedp.Evaluate[chromedp.Void](`fetch("/developers/sign-out", {method: "POST"}).then(() => { window.over = true })`))
	b.await("window.over", "signing out does not end")
	b.click(".live")
	b.click(".live")
	b.see("Paused")
	b.signIn()
}

// walkTwice presses a button twice before the next page is there, and copies twice.
func (b *browser) walkTwice(w *traffic) {
	b.t.Helper()
	b.open("/developers/subscriptions/" + w.crm + "/test")
	went := ask(b, chromedp.Evaluate[int64](`(() => {
		let went = 0;
		addEventListener("submit", (e) => { if (!e.defaultPrevented) went++; e.preventDefault(); });
		const button = document.querySelector('form[action$="/test"] button');
		button.click();
		button.click();
		return went;
	})()`))
	require.Equal(b.t, int64(1), went, "it is sent twice")

	b.do(chromedp.Evaluate[chromedp.Void](`window.later = [];
		window.setTimeout = (then) => later.push(then);
		Object.defineProperty(navigator, "clipboard", {value: {writeText: (text) => { window.copied = text; return Promise.resolve(); }}});
		document.querySelector('[data-copy-from="test-curl"]').click();`))
	b.await(`document.querySelector("#toasts").textContent === "Copied"`, "whoever hears the page is not told")
	const label = `document.querySelector('[data-copy-from="test-curl"]').textContent`
	again := `document.querySelector('[data-copy-from="test-curl"]').click(), Promise.resolve().then(() => { later.forEach((then) => then()); return ` + label + `; })`
	require.Equal(b.t, "Copy", ask(b, chromedp.Evaluate[string](again, awaited)), "it can be copied again")
	require.Contains(b.t, ask(b, chromedp.Evaluate[string]("copied")), "/test")
}

// walkDelivery looks at deliveries that failed, that arrived, and whose endpoint tries to harm the page, and sends one again.
func (b *browser) walkDelivery(w *traffic) {
	b.t.Helper()
	b.open("/developers/deliveries/" + w.nasty)
	b.see("Cut off")
	b.see("<script>document.title")
	require.Contains(b.t, ask(b, chromedp.Evaluate[string]("document.title")), "user.completed")
	b.open("/developers/deliveries/" + w.delivered)
	b.see("It arrived at once.")
	b.see("Byte for byte")
	b.look()
	b.click(`#signature a[href*="/help/receivers"]`)
	b.click(`#receiver-python summary`)
	b.see("webhook-signature")
	b.see("base64.b64decode")
	b.open("/developers/deliveries/" + w.failed)
	b.see("The endpoint answered 503")
	b.see("It asked to wait 30 s")
	b.look()
	b.click(`form[action$="/retry"] button`)
	b.see("It is being sent again.")
	b.see("Attempt 2")
	w.await("failed", w.crm, 2)
}

// walkJobs previews a job, starts it, follows it, and cancels another.
func (b *browser) walkJobs(w *traffic) {
	b.t.Helper()
	b.open("/developers/jobs")
	b.see("No jobs")
	b.open("/developers/deliveries?subscription=" + w.crm + "&status=failed")
	b.click(`.page-head a[href^="/developers/jobs/new"]`)
	b.see("CRM")
	b.click(`button[value="preview"]`)
	b.see("Send 2")
	b.look()
	b.put("#status", "delivered")
	b.see("The form was changed.")
	b.await(count("[data-previewed]")+" === 0", "the old preview can still be sent")
	b.put("#status", "failed")
	b.click(`button[value="preview"]`)
	b.see("Send 2")
	b.click(`button[value="start"]`)
	b.see("Started.")
	b.see("Everything that was selected")
	b.see("2\nput in the queue")
	b.look()
	w.await("failed", w.crm, 2)
	b.open("/developers/jobs/new?kind=backfill&subscription=" + w.archive)
	b.fill("#rate_per_second", "0")
	b.click(`button[value="preview"]`)
	b.see("This value must be at least 1.")
	b.open("/developers/jobs/new?status=delivered")
	b.fill("#rate_per_second", "1")
	b.click(`button[value="start"]`)
	b.see("It goes from old to new.")
	for _, focused := range []string{`form[action$="/cancel"] button`, `#job-curl`, `.crumbs a`} { // a stream must not take the focus from who is about to press
		require.True(b.t, ask(b, chromedp.Evaluate[bool](fmt.Sprintf(`import(document.querySelector("script[type=module]").src.replace("app.js", "keep.js")).then(({remember}) => {
			const before = document.querySelector(%q), main = document.querySelector("main");
			before.closest("details")?.setAttribute("open", "");
			before.focus();
			const restore = remember(main);
			main.innerHTML = main.innerHTML;
			restore();
			return !before.isConnected && document.activeElement === document.querySelector(%q);
		})`, focused, focused), awaited)), focused)
	}
	b.click(`form[action$="/cancel"] button`)
	b.see("Canceled. What it had put in the queue is still sent.")
	b.open("/developers/jobs")
	b.see("Deliveries that failed")
}

// walkWithoutScripts filters and sends again where there is no JavaScript.
func walkWithoutScripts(t *testing.T, w *traffic) {
	t.Helper()
	b := startBrowser(t, w.program)
	b.scripts(false)
	b.signInByForm()
	b.open("/developers/deliveries")
	b.put("#status", "failed")
	b.click("main form button.button")
	b.shown(rowsOfDeliveries + ":nth-child(3):last-child") // three failed
	b.click(rowsOfDeliveries + " a")
	b.click(`form[action$="/retry"] button`)
	b.shown(".toast")
	b.open("/developers/events/" + w.unmatched + "/replay")
	b.click(`input[value="` + w.crm + `"]`)
	b.click(`button[value="chosen"]`)
	b.shown(".toast")
	b.shown(".attempts")
}

// walkAsReader covers what a key that may only read is shown, and what it may not do.
func walkAsReader(t *testing.T, w *traffic) {
	t.Helper()
	_, key := w.newKey("reader", "production")
	v := newVisitor(t, w.program)
	require.Equal(t, http.StatusSeeOther, v.signIn(key))
	for path, missing := range map[string]string{
		"/developers/deliveries":             "/developers/jobs/new",
		"/developers/deliveries/" + w.failed: "/retry\"",
		"/developers/jobs":                   "/developers/jobs/new",
		"/developers/events/" + w.event:      "/expunge",
		"/developers/events?entity=a":        "/developers/entities/remove",
		"/developers/catalogue":              "/types/new",
		"/developers/catalogue/scopes":       `value="add"`,
		"/developers/catalogue/workspaces":   `value="add"`,
	} {
		got, page := v.send(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, got.status, path)
		require.NotContains(t, page, `href="`+missing, path)
		require.NotContains(t, page, `action="`+path+missing, path)
	}
	confirm := url.Values{"confirm": {"signature_request.done"}, "entity": {"contract/2026-118"}}
	for _, path := range []string{
		"/developers/deliveries/" + w.failed + "/retry", "/developers/jobs/new", "/developers/events/" + w.event + "/replay",
		"/developers/events/" + w.event + "/expunge", "/developers/entities/remove", "/developers/catalogue/types/new",
		"/developers/catalogue/types/check", "/developers/catalogue/scopes", "/developers/catalogue/workspaces",
	} {
		require.Equal(t, http.StatusForbidden, v.status(http.MethodPost, path, confirm), path)
	}

	// Nor does anything of the one environment show to a key of the other.
	_, key = w.newKey("manager", "sandbox")
	v = newVisitor(t, w.program)
	require.Equal(t, http.StatusSeeOther, v.signIn(key))
	for _, path := range []string{"/developers/deliveries", "/developers/events", "/developers/deliveries?subscription=" + w.crm} {
		_, page := v.send(http.MethodGet, path, nil)
		require.NotContains(t, page, "contact.created</code>", path)
	}
	for _, path := range []string{"/developers/deliveries/" + w.failed, "/developers/events/" + w.event, "/developers/events/" + w.event + "/explain"} {
		require.Equal(t, http.StatusNotFound, v.status(http.MethodGet, path, nil), path)
	}
}

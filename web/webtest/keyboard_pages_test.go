package webtest

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// recordStops notes what gets the focus from now on, and what should: everything on the page that can be used, in the order in which it
// is read. "!" stands before what does not show that it has the focus. What a stream replaces while it has the focus gets it back, which
// is the same stop.
const recordStops = `(() => {
	const name = (e) => e.tagName + " " + (e.id || e.getAttribute("href") || e.name || "") + " " + (e.value && e.tagName === "BUTTON" ? e.value : "") + (e.innerText ?? "").trim().slice(0, 40);
	window.due = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")]
		.filter((e) => e.tabIndex >= 0 && !e.disabled && e.type !== "hidden" && e.checkVisibility({visibilityProperty: true})).map(name).filter((stop, i, all) => stop !== all[i - 1]);
	window.stops = [];
	addEventListener("focusin", (ev) => {
		const s = getComputedStyle(ev.target);
		const stop = (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1 ? "" : "!") + name(ev.target);
		if (stop !== window.stops.at(-1)) window.stops.push(stop);
	});
	return true;
})()`

// goThrough goes through a page with Tab alone until it is at the first stop again, and holds what it met against what there is.
func (b *browser) goThrough(path string) {
	b.t.Helper()
	b.open(path)
	b.settle()
	ask(b, chromedp.Evaluate[bool](`document.activeElement.blur() || true`))
	ask(b, chromedp.Evaluate[bool](recordStops))
	type walk struct{ Due, Stops []string }
	var w walk
	for range 40 { // fields for a time have several stops within
		b.press(strings.Repeat(kb.Tab, 10))
		w = ask(b, chromedp.Evaluate[walk](`({due: window.due, stops: window.stops})`))
		if len(w.Stops) > len(w.Due) {
			break
		}
	}
	require.Greater(b.t, len(w.Stops), len(w.Due), "%s: the focus does not get through, or is trapped: %q of %q", path, w.Stops, w.Due)
	require.Equal(b.t, "A #main To the content", w.Stops[0], "%s: the first stop leads past the navigation", path)
	require.Equal(b.t, w.Due, w.Stops[:len(w.Due)], "%s: the order in which it is read, and each can be seen", path)
	require.Equal(b.t, w.Due[0], w.Stops[len(w.Due)], "%s: from the end it goes on at the beginning", path)
}

// TestEveryStopByKeyboard goes through the overview and everything about a subscription with Tab, and uses what it comes by.
func TestEveryStopByKeyboard(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	id := p.subscribe(receiver(t)+"/contracts", "Contracts team", nil)
	held := p.subscribe("http://127.0.0.1:9/", "Archive", nil)
	p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+held+"/suspend", nil, nil)
	p.publish("signature_request.done")
	p.attempted(id)
	b := startBrowser(t, p)
	b.signIn()
	one := "/developers/subscriptions/" + id
	for _, path := range []string{
		"/developers/", "/developers/subscriptions", "/developers/subscriptions/new", one, one + "/edit", one + "/secret", one + "/test", one + "/logs",
		one + "/missed", one + "/retry-plan", one + "/versions", one + "/delete", "/developers/subscriptions/" + held,
	} {
		b.goThrough(path)
	}

	b.open("/developers/")
	b.tab(`.segments a[href$="7d"]`)
	b.press(kb.Enter)
	b.see("The last 7 days")
	b.tab(`.concerns a[href$="` + held + `"]`)
	b.press(kb.Enter)
	b.at("/developers/subscriptions/" + held)

	// A dialog that was opened by keyboard ends with Escape, and nothing was done.
	b.open(one)
	b.tab(`a[href="#suspend"]`)
	b.press(kb.Enter)
	b.shown("#suspend .dialog__box")
	b.press(kb.Escape)
	b.until(func(ctx context.Context) bool {
		shut, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`!document.querySelector("#suspend").checkVisibility()`))
		return err == nil && shut
	}, func() string { return "Escape does not close the dialog" })
	require.NotContains(t, b.text(), "Suspended by hand")
}

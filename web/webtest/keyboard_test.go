package webtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// press presses a key where the focus is.
func (b *browser) press(key string, options ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(key, options...))
}

// focus is what has the focus: its address, name or text; "!" follows where nobody could see that it has. It begins with "* " where that is
// what a selector names.
func (b *browser) focus(selector string) string {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[string](fmt.Sprintf(`(() => {
		const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
		const seen = r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < innerHeight && s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 1;
		return (%q && e.matches(%[1]q) ? "* " : "") + (e.getAttribute("href") ?? e.name ?? "").replace(location.origin, "") + " " + (e.value && e.tagName === "BUTTON" ? e.value : e.innerText ?? "").trim().split("\n")[0] +
			(e === document.body || seen ? "" : "!");
	})()`, selector)))
}

// tab presses Tab until what has the focus is as a selector says. All that is passed has to show that it has the focus.
func (b *browser) tab(selector string) {
	b.t.Helper()
	var passed []string
	for range 150 {
		b.press(kb.Tab)
		at := b.focus(selector)
		passed = append(passed, at)
		require.NotRegexp(b.t, "!$", at, "the focus can't be seen at %s", b.path())
		if strings.HasPrefix(at, "* ") {
			return
		}
	}
	b.t.Fatalf("%s can't be reached by keyboard at %s; passed: %q", selector, b.path(), passed)
}

// TestByKeyboardAlone goes the main way without a mouse: sign in, skip the navigation, subscribe, suspend in a dialog, resume.
func TestByKeyboardAlone(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	endpoint := receiver(t)
	b := startBrowser(t, p)
	b.open("/developers/sign-in")
	b.await(`document.activeElement.id === "credential"`, "the field to sign in has no focus")
	b.press(p.key)
	b.press(kb.Enter)
	b.at("/developers/")

	b.press(kb.Tab)
	require.Equal(t, "#main To the content", b.focus(""), "the first stop leads past the navigation")
	b.press(kb.Enter)
	b.await(`document.activeElement.id === "main"`, "it leads to the content")
	b.press(kb.Tab)
	require.True(t, ask(b, chromedp.Evaluate[bool](`document.querySelector("main").contains(document.activeElement)`)))

	b.open("/developers/")
	b.tab(`nav a[href="/developers/subscriptions"]`)
	b.press(kb.Enter)
	b.at("/developers/subscriptions")
	b.tab(`a[href="/developers/subscriptions/new"]`)
	b.press(kb.Enter)
	b.at("/developers/subscriptions/new")
	b.tab("#endpoint")
	b.press(endpoint)
	b.tab(`input[name="subscribed_events"][value="*"]`)
	b.press(" ")
	b.tab(`form#subscription .row button.button--main`)
	b.press(kb.Enter)
	b.see("Subscription created.")
	path := b.path()

	// A dialog takes the focus, keeps it, and gives it back.
	inDialog := `document.querySelector("#suspend").contains(document.activeElement)`
	b.tab(`a[href="#suspend"]`)
	b.press(kb.Enter)
	b.await(inDialog, "the dialog does not take the focus")
	for range 5 {
		b.press(kb.Tab)
		require.True(t, ask(b, chromedp.Evaluate[bool](inDialog)), "the focus leaves the dialog")
	}
	b.press(kb.Escape)
	b.await(`!document.querySelector(".dialog:target") && document.activeElement.matches('a[href="#suspend"]')`, "Escape does not lead back")
	b.press(kb.Enter)
	b.await(inDialog, "the dialog does not open again")
	b.tab("#suspend button")
	b.press(kb.Enter)
	b.see("Suspended by hand")
	b.tab(`form[action$="/resume"] button`)
	b.press(kb.Enter)
	b.see("Resumed.")

	// Tabs are links, searching has a key of its own.
	b.tab(`.tabs a[href="` + path + `/retry-plan"]`)
	b.press(kb.Enter)
	b.see("What becomes of a delivery")
	b.open("/developers/subscriptions")
	b.press("/")
	b.await(`document.activeElement.id === "q"`, "/ does not lead to the search")
}

package webtest

import (
	"context"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// What a hand does is found and done within one call into the page: streams and htmx put new elements in the place of old ones at any time,
// and an element that was found by one call may be gone at the next.

// find is the beginning of a function body that finds what a selector names, for a hand: it is to be seen, not disabled, and nothing may
// lie over it. What it returns instead says why it can't be reached, and is tried again.
const find = `
	const e = document.querySelector(%q);
	if (!e) return "it is not there";
	if (document.readyState !== "complete") return "the page is not complete";
	if (!e.checkVisibility({visibilityProperty: true})) return "it can't be seen";
	if (e.disabled) return "it is disabled";
	e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
	const r = e.getClientRects()[0];
	const hit = document.elementFromPoint(r.left + r.width / 2, r.top + r.height / 2);
	if (!e.contains(hit) && hit?.closest("label")?.control !== e) return "something lies over it: " + hit?.outerHTML.slice(0, 100);
	e.focus();`

// press clicks what was found. It returns whether that leaves the page, which is marked to know the next one from it. Where scripts are
// switched off no listener runs, and nothing can keep a link or a form from leaving.
const press = `
	const form = e.matches("button:not([type=button]), input[type=submit]") ? e.form : null;
	const link = e.closest("a[href]");
	const away = (href) => { const to = new URL(href); to.hash = ""; const here = new URL(location.href); here.hash = ""; return to.href !== here.href || !href.includes("#"); };
	let leaves = link ? !link.target && away(link.href) : !!form && (form.noValidate || e.formNoValidate || form.checkValidity());
	const held = (ev) => { if (ev.defaultPrevented) leaves = false; };
	addEventListener("click", held);
	addEventListener("submit", held);
	document.leaving = true;
	e.click();
	removeEventListener("click", held);
	removeEventListener("submit", held);
	return leaves ? "leaves" : "stays";`

// try asks a function body again until its answer is one of those. A page that is being left answers with an error, so those are asked again.
func (b *browser) try(what, body string, answers ...string) string {
	b.t.Helper()
	last := ""
	b.until(func(ctx context.Context) bool {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string]("(() => {"+body+"})()", func(p *runtime.EvaluateParams) { p.UserGesture = &yes }))
		if err != nil {
			last = err.Error()
			return false
		}
		last = got
		for _, answer := range answers {
			if got == answer {
				return true
			}
		}
		return false
	}, func() string { return what + ": " + last })
	return last
}

// until waits until something holds. It asks ever less often: what five walks ask for takes the time of what they wait for.
func (b *browser) until(holds func(context.Context) bool, otherwise func() string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for pause := 10 * time.Millisecond; !holds(ctx); pause = min(pause*3/2, 150*time.Millisecond) {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			b.t.Fatalf("%s, at %s:\n%s", otherwise(), b.path(), b.text())
		}
	}
}

// click clicks what a selector names, once a hand could. Where that leads to another page it waits until that is complete.
func (b *browser) click(selector string) {
	b.t.Helper()
	if b.try("click "+selector, fmt.Sprintf(find, selector)+press, "leaves", "stays") == "leaves" {
		b.await("!document.leaving", "clicking "+selector+" leads nowhere")
	}
}

// fill types into a field in the place of what is there, and does so again where the field was replaced meanwhile.
func (b *browser) fill(selector, text string) {
	b.t.Helper()
	same := fmt.Sprintf(`document.querySelector(%q)?.value === %q`, selector, text)
	b.until(func(ctx context.Context) bool {
		b.try("fill "+selector, fmt.Sprintf(find, selector)+`e.select(); return "ready";`, "ready")
		if text == "" {
			b.put(selector, text)
		} else if err := chromedp.Do(ctx, insert(text)); err != nil {
			return false
		}
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](same))
		return err == nil && ok
	}, func() string { return selector + " does not keep what is typed" })
}

// insert types a text where the focus is.
func insert(text string) chromedp.Action[chromedp.Void] {
	return order(input.InsertText, input.InsertTextParams{Text: text})
}

// put sets the value of a field at once: of a list that one chooses from, of many lines, or what its type would not let one type.
func (b *browser) put(selector, text string) {
	b.t.Helper()
	b.try("put into "+selector, fmt.Sprintf(find+`
		e.value = %q;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return "put";`, selector, text), "put")
}

// confirm types the words that a page asks for before it destroys something, and does it.
func (b *browser) confirm() {
	b.t.Helper()
	const words = `document.querySelector("#confirm")?.dataset.confirm`
	b.await(words, "the page asks for no words")
	b.fill("#confirm", ask(b, chromedp.Evaluate[string](words)))
	b.click("[data-confirmed]")
}

// shown waits until what a selector names can be seen.
func (b *browser) shown(selector string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`document.querySelector(%q)?.checkVisibility({visibilityProperty: true})`, selector), selector+" can't be seen")
}

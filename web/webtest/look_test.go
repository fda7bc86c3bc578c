package webtest

import (
	_ "embed"
	"strings"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/axe.min.js
var axe string

// Sizes of a desktop's window and of a phone's, in CSS pixels.
const (
	deskWidth, deskHeight   = 1280, 900
	phoneWidth, phoneHeight = 390, 844
)

// look holds the page that is open against what every page has to be: accessible (WCAG 2.2 A and AA as far as a program can tell), in
// dark as well, and on a phone, where it may not scroll sideways and what one presses has to be large enough. What neither the colors nor
// the width can change is looked at once.
func (b *browser) look() {
	b.t.Helper()
	ask(b, chromedp.Evaluate[bool](axe+"\n;true"))
	b.audit("light", `{type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}`)
	b.scheme("dark")
	b.audit("dark", `{type: "rule", values: ["color-contrast"]}`)
	b.size(phoneWidth, phoneHeight)
	wide := ask(b, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
	require.LessOrEqual(b.t, wide, int64(phoneWidth), "%s scrolls sideways on a phone", b.path())
	b.audit("phone", `{type: "rule", values: ["target-size", "scrollable-region-focusable"]}`)
	b.scheme("light")
	b.size(deskWidth, deskHeight)
}

// audit runs some of axe's rules.
func (b *browser) audit(where, rules string) {
	b.t.Helper()
	found := ask(b, chromedp.Evaluate[[]string](`axe.run(document, {runOnly: `+rules+`, resultTypes: ["violations"]})
		.then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + (n.any[0]?.message ?? ""))))`,
		func(p *runtime.EvaluateParams) { p.AwaitPromise = &yes }))
	if len(found) > 0 {
		b.t.Errorf("%s, %s:\n%s", b.path(), where, strings.Join(found, "\n"))
	}
}

var yes = true

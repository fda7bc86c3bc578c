package webtest

import (
	_ "embed"
	"fmt"
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

// look holds the page that is open against what every page has to be: accessible (WCAG 2.2 A and AA as far as a program can tell) in
// light and in dark, on a desktop and on a phone, where it may not scroll sideways.
func (b *browser) look() {
	b.t.Helper()
	ask(b, chromedp.Evaluate[bool](axe+"\n;true"))
	for _, scheme := range []string{"light", "dark"} {
		b.scheme(scheme)
		for _, width := range []int64{deskWidth, phoneWidth} {
			b.size(width, deskHeight)
			where := fmt.Sprintf("%s, %s, %d wide", b.path(), scheme, width)
			wide := ask(b, chromedp.Evaluate[int64]("document.documentElement.scrollWidth"))
			require.LessOrEqual(b.t, wide, width, "%s scrolls sideways", where)
			found := ask(b, chromedp.Evaluate[[]string](`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"]})
				.then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + (n.any[0]?.message ?? ""))))`,
				func(p *runtime.EvaluateParams) { p.AwaitPromise = &yes }))
			if len(found) > 0 {
				b.t.Errorf("%s:\n%s", where, strings.Join(found, "\n"))
			}
		}
	}
	b.size(deskWidth, deskHeight)
}

var yes = true

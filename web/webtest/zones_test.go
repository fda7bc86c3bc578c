package webtest

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// zone makes the reader's system be in a time zone; "" is that of the machine.
func (b *browser) zone(name string) {
	b.t.Helper()
	b.do(order(emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: name}))
}

// TestTimesAreOfTheReadersZone reads the same instants in two zones, and without scripts in UTC, which the page says.
func TestTimesAreOfTheReadersZone(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	id := p.subscribe("http://127.0.0.1:9/", "Mine", nil)
	b := startBrowser(t, p)
	b.signIn()
	plan := "/developers/subscriptions/" + id + "/retry-plan?failing_for=6h&from=2026-05-04T22:00:00Z"
	for _, tc := range []struct{ zone, exact, offset string }{
		{"Asia/Kolkata", "May 5, 2026, 3:30:00", "GMT+5:30"}, {"America/New_York", "May 4, 2026, 6:00:00", "EDT"},
	} {
		b.zone(tc.zone)
		b.open(plan)
		b.see(tc.exact)
		require.Contains(t, b.text(), tc.offset)
		b.open("/developers/subscriptions")
		title := ask(b, chromedp.Evaluate[string](`document.querySelector("time[data-relative]").title`))
		require.Regexp(t, `(GMT\+5:30|E[SD]T)$`, title, "the absolute time is on hover, with its zone")
	}
	b.scripts(false)
	b.open(plan)
	b.shown("time[data-exact]")
	_, page := p.visit(t, plan)
	require.Contains(t, page, "4 May 2026, 22:00:00 UTC")
}

// visit reads a page without a browser.
func (p *program) visit(t *testing.T, path string) (answer, string) {
	t.Helper()
	v := newVisitor(t, p)
	require.Equal(t, 303, v.signIn(p.key))
	return v.send("GET", path, nil)
}

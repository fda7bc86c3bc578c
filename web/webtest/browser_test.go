package webtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"hookrouter/store/storetest/cluster"
)

// patience is how long anything on a page may take before a test gives up: far longer than it takes on a busy machine.
const patience = 30 * time.Second

var stopChromium = func() {}

// chromium is the one browser of all tests. The headless shell is the same engine without the windows, extensions and services of the
// whole browser, which no test looks at and which take more time than the pages.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		path, err = exec.LookPath("chromium")
	}
	if err != nil {
		return nil, fmt.Errorf("the tests of the pages need Chromium (Debian: chromium-headless-shell or chromium); make deps installs it: %w", err)
	}
	flags := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.Headless, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("font-render-hinting", "none"),
		// It would start a process for a page of another site after each one that is opened, and there is no other site.
		chromedp.Flag("disable-features", "SpareRendererForSitePerProcess"),
	}
	// What it would do beside the pages: ask its maker for updates, lists and experiments.
	for _, flag := range []string{
		"disable-gpu", "disable-background-networking", "disable-component-update", "disable-default-apps", "disable-extensions", "disable-sync",
	} {
		flags = append(flags, chromedp.Flag(flag, true))
	}
	if cluster.MemoryFolder(1<<30) == "" {
		flags = append(flags, chromedp.Flag("disable-dev-shm-usage", true))
	}
	ctx, stop := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, cancel := chromedp.NewContext(ctx)
	stopChromium = func() { cancel(); stop() }
	return ctx, chromedp.Do(ctx)
})

// browser is a window with nothing in it of other tests.
type browser struct {
	t   *testing.T
	p   *program
	ctx context.Context

	mu     sync.Mutex
	faults []string
}

func startBrowser(t *testing.T, p *program) *browser {
	t.Helper()
	w := openWindow(t)
	b := &browser{t: t, p: p, ctx: w.ctx}
	w.reader.Store(b)
	t.Cleanup(func() {
		w.giveBack(t, b)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.faults) > 0 {
			t.Errorf("the browser saw:\n%s", strings.Join(b.faults, "\n"))
		}
	})
	b.size(deskWidth, deskHeight)
	b.scheme("light")
	return b
}

// watch notes what no page may cause.
func (b *browser) watch(ev any) {
	note := func(format string, args ...any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fmt.Sprintf(format, args...))
	}
	switch ev := ev.(type) {
	case *runtime.EventExceptionThrown:
		note("exception: %s %v", ev.ExceptionDetails.Text, ev.ExceptionDetails.Exception)
	case *runtime.EventConsoleAPICalled:
		if ev.Type == "error" || ev.Type == "warning" {
			for _, arg := range ev.Args {
				note("console: %s %s %s", ev.Type, arg.Value, arg.Description)
			}
		}
	case *log.EventEntryAdded: // violations of the policy, and files that are missing
		if ev.Entry.Level == "error" && !strings.Contains(ev.Entry.Text, "the server responded with a status of 4") {
			note("log: %s %s", ev.Entry.Text, ev.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		if url := ev.Request.URL; !strings.HasPrefix(url, b.p.base+"/") && !strings.HasPrefix(url, "about:") && !strings.HasPrefix(url, "chrome") && !strings.HasPrefix(url, "data:") {
			note("request to elsewhere: %s", url)
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// ask runs an action that has an answer and changes nothing. A page that is being left answers with the browser's error of no kind,
// -32000, so those are asked again.
func ask[T any](b *browser, a chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		v, err := chromedp.Run(ctx, a)
		var left *cdproto.Error
		if errors.As(err, &left) && left.Code == -32000 && ctx.Err() == nil {
			continue
		}
		require.NoError(b.t, err)
		return v
	}
}

// open goes to a path.
func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.p.base + path))
}

// signIn gives the window the cookie of somebody who signed in with the program's key. It opens no page.
func (b *browser) signIn() {
	b.t.Helper()
	v := newVisitor(b.t, b.p)
	signed, _ := v.send(http.MethodPost, "/developers/sign-in", url.Values{"credential": {b.p.key}})
	require.Len(b.t, signed.cookies, 1)
	cookie := signed.cookies[0]
	b.do(order(network.SetCookie, network.SetCookieParams{Name: cookie.Name, Value: cookie.Value, URL: b.p.base, HTTPOnly: &yes, SameSite: network.CookieSameSiteLax}))
}

// signInByForm does it by hand, and is at the first page then.
func (b *browser) signInByForm() {
	b.t.Helper()
	b.open("/developers/sign-in")
	b.fill("#credential", b.p.key)
	b.click("button.button--main")
	b.shown(".shell")
}

// see waits until the page says something. A page that is being left answers with an error, so those are asked again.
func (b *browser) see(text string) {
	b.t.Helper()
	b.await(fmt.Sprintf("document.body && document.body.innerText.includes(%q)", text), fmt.Sprintf("%q is not on the page", text))
}

// await waits until an expression is true on a page that is complete: what comes next may press keys, which a page that loads would lose.
func (b *browser) await(expression, otherwise string) {
	b.t.Helper()
	b.until(func(ctx context.Context) bool {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.readyState === "complete" && !!(`+expression+")"))
		return err == nil && ok
	}, func() string { return otherwise })
}

// at waits until the browser is at a path.
func (b *browser) at(path string) {
	b.t.Helper()
	b.await(fmt.Sprintf("location.pathname + location.search === %q", path), "the browser is not at "+path)
}

// text is what the page says now.
func (b *browser) text() string {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[string]("document.body.innerText"))
}

// path is where the browser is.
func (b *browser) path() string {
	b.t.Helper()
	return strings.TrimPrefix(ask(b, chromedp.Location()), b.p.base)
}

// size sets the size of the window in CSS pixels.
func (b *browser) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// scheme makes the system prefer "light" or "dark".
func (b *browser) scheme(name string) {
	b.t.Helper()
	b.do(order(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}))
}

// scripts switches JavaScript on or off for the pages that are opened from then on.
func (b *browser) scripts(on bool) {
	b.t.Helper()
	b.do(order(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on}))
}

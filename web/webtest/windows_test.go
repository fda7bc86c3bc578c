package webtest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// window is a window of Chromium with cookies of its own. To open one costs as much as to load several pages, so that tests hand theirs on
// to the next.
type window struct {
	ctx    context.Context
	close  func()
	reader atomic.Pointer[browser] // the test that has it
}

// idle are the windows that no test has.
var idle struct {
	sync.Mutex
	windows []*window
}

// openWindow takes an idle window, or opens another.
func openWindow(t *testing.T) *window {
	t.Helper()
	idle.Lock()
	defer idle.Unlock()
	if last := len(idle.windows) - 1; last >= 0 {
		w := idle.windows[last]
		idle.windows = idle.windows[:last]
		return w
	}
	parent, err := chromium()
	require.NoError(t, err)
	w := &window{}
	w.ctx, w.close = chromedp.NewContext(parent, chromedp.WithNewBrowserContext())
	require.NoError(t, chromedp.Listen(w.ctx, func(ev any) {
		if b := w.reader.Load(); b != nil {
			b.watch(ev)
		}
	}))
	require.NoError(t, chromedp.Do(w.ctx, order(network.Enable, network.EnableParams{}), order(log.Enable, cdp.Empty{}), order(runtime.Enable, cdp.Empty{})))
	return w
}

// giveBack leaves the window as it was when it was new: what a test sets with browser is set back, and nothing is kept that a page could
// have. A test that failed may have left it in any state.
func (w *window) giveBack(t *testing.T, b *browser) {
	t.Helper()
	if t.Failed() {
		w.close()
		return
	}
	b.scripts(true)
	b.zone("")
	b.do(chromedp.Navigate("about:blank")) // ends streams before their program ends
	b.do(order(network.ClearBrowserCookies, cdp.Empty{}), order(cdppage.ResetNavigationHistory, cdp.Empty{}))
	w.reader.Store(nil)
	idle.Lock()
	defer idle.Unlock()
	idle.windows = append(idle.windows, w)
}

// order is a command of Chromium of which no answer is needed.
func order[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

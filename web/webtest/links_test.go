package webtest

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"hookrouter/web"
)

// Bounds of a crawl: so many addresses of a pattern with the same names in their queries, and so many of the pattern in all.
const (
	mostAlike   = 3
	mostOfAKind = 10
)

// leads are the pages that answer with another one to somebody who is signed in, with the reason.
var leads = map[string]string{
	"GET /developers/sign-in":          "whoever is signed in needs no door",
	"GET /developers/operator/sign-in": "as above",
	"GET /developers/operator":         "asks an operator to sign in",
}

// silent are the actions that show no call of the API, with the reason.
var silent = map[string]string{
	"POST /developers/theme":             "about these pages alone",
	"POST /developers/sign-out":          "ends a session, which the API has none of",
	"POST /developers/operator/sign-out": "as above",
}

// unlinked are the pages that no link leads to, with the reason.
var unlinked = map[string]string{
	"GET /developers/design":           "for those who work on the pages",
	"GET /developers/try/{id}/{inbox}": "the button of the first page leads there, where nothing is subscribed yet",
}

// crawl follows what pages lead to.
type crawl struct {
	*visitor

	mux     *http.ServeMux // knows the patterns of the pages and actions
	queue   []string
	queued  map[string]int  // addresses, and kinds of addresses with how many of each
	reached map[string]bool // patterns
	ids     map[string]map[string]bool
	wanted  map[string][]string // fragments of pages, by their address
}

func newCrawl(v *visitor) *crawl {
	c := &crawl{
		visitor: v, mux: http.NewServeMux(), queued: map[string]int{}, reached: map[string]bool{},
		ids: map[string]map[string]bool{}, wanted: map[string][]string{},
	}
	for _, pattern := range append(web.Pages(), web.Actions()...) {
		c.mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
	}
	return c
}

// pattern is what an address is served by, "" for what is none of the pages.
func (c *crawl) pattern(method string, to *url.URL) string {
	_, pattern := c.mux.Handler(httptest.NewRequest(method, to.RequestURI(), nil))
	return pattern
}

// from follows everything from an address on.
func (c *crawl) from(path string) {
	c.t.Helper()
	to, err := url.Parse(path)
	require.NoError(c.t, err)
	c.follow(to)
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.visit(next)
	}
	for at, fragments := range c.wanted {
		for _, f := range fragments {
			if ids := c.ids[at]; ids != nil {
				assert.Contains(c.t, ids, f, "a link leads to a place that %s does not have", at)
			}
		}
	}
}

// follow queues an address that was not yet, unless there were enough of its kind.
func (c *crawl) follow(to *url.URL) {
	at := to.RequestURI()
	if to.Fragment != "" {
		c.wanted[at] = append(c.wanted[at], to.Fragment)
	}
	if c.queued[at] > 0 {
		return
	}
	kind := c.pattern(http.MethodGet, to)
	if kind == "" {
		kind = to.Path
	}
	alike := kind + "?" + strings.Join(slices.Sorted(maps.Keys(to.Query())), "&")
	if c.queued[alike] >= mostAlike || c.queued[kind] >= mostOfAKind {
		return
	}
	c.queued[at]++
	c.queued[alike]++
	c.queued[kind]++
	c.queue = append(c.queue, at)
}

// visit reads a page: it has to be there, and so has all that it leads to.
func (c *crawl) visit(at string) {
	c.t.Helper()
	here, err := url.Parse(at)
	require.NoError(c.t, err)
	pattern := c.pattern(http.MethodGet, here)
	c.reached[pattern] = true
	resp, text := c.send(http.MethodGet, at, nil)
	if _, ok := leads[pattern]; ok && resp.status == http.StatusSeeOther {
		return
	}
	if !assert.Equal(c.t, http.StatusOK, resp.status, at) || !strings.HasPrefix(resp.header.Get("Content-Type"), "text/html") {
		return
	}
	for _, mishap := range []string{"That did not work", "Nothing here"} {
		assert.NotContains(c.t, text, mishap, at)
	}
	if pattern == "" {
		return // the API's documents have tests of their own
	}
	doc, err := html.Parse(strings.NewReader(text))
	require.NoError(c.t, err)
	c.ids[at] = map[string]bool{}
	changes, shown := map[string]bool{}, false
	for n := range doc.Descendants() {
		if id := attribute(n, "id"); id != "" {
			assert.NotContains(c.t, c.ids[at], id, "%s has an id twice", at)
			c.ids[at][id] = true
		}
		for _, name := range []string{"href", "src", "hx-get", "data-stream"} {
			c.lead(here, n, name, http.MethodGet)
		}
		c.lead(here, n, "hx-post", http.MethodPost)
		switch {
		case n.Data == "form" && strings.EqualFold(attribute(n, "method"), http.MethodPost):
			if action := c.lead(here, n, "action", http.MethodPost); action != "" && silent[action] == "" {
				changes[action] = true
			}
		case n.Data == "form":
			c.lead(here, n, "action", http.MethodGet)
		case n.Data == "pre" && n.FirstChild != nil:
			shown = shown || changing(n.FirstChild.Data)
		}
	}
	assert.True(c.t, shown || len(changes) == 0, "%s does not show the calls of %v", at, slices.Collect(maps.Keys(changes)))
}

// changing reports whether a text is a call of the API that changes something.
func changing(text string) bool {
	return strings.Contains(text, "curl -sS") && (strings.Contains(text, " -X ") || strings.Contains(text, "\n  -d "))
}

// lead looks where an attribute leads, and follows it where a reader would. It returns the pattern.
func (c *crawl) lead(here *url.URL, n *html.Node, name, method string) string {
	c.t.Helper()
	value := attribute(n, name)
	if value == "" || value == "#" {
		return ""
	}
	to, err := here.Parse(value)
	require.NoError(c.t, err, "%s leads to %q", here, value)
	if to.Host != "" || to.Scheme != "" {
		return ""
	}
	pattern := c.pattern(method, to)
	mine := strings.HasPrefix(to.Path, "/developers") && !strings.HasPrefix(to.Path, "/developers/assets/")
	assert.False(c.t, mine && pattern == "", "%s leads to %s %s, which is not there", here, method, value)
	if name == "href" || name == "src" {
		c.follow(to)
	}
	return pattern
}

func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// TestNoDeadEnds follows every link from the overview on, as somebody with every right, of an organization with data and of one with
// none: each leads to a page that is there, each form to an action, each action stands beside its call of the API, and no page is left out.
func TestNoDeadEnds(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	demoScene(t, p)
	full := newCrawl(newVisitor(t, p))
	require.Equal(t, http.StatusSeeOther, full.signIn(p.key))
	require.Equal(t, http.StatusSeeOther, full.status(http.MethodPost, "/developers/operator/sign-in", url.Values{"credential": {adminToken}}))
	full.from("/developers/")
	sandbox := newCrawl(full.visitor)
	sandbox.from("/developers/?in=sandbox")
	for _, page := range pages {
		if unlinked[page.pattern] == "" {
			assert.True(t, full.reached[page.pattern] || sandbox.reached[page.pattern], "nothing leads to %s", page.pattern)
		}
	}
	for pattern := range unlinked {
		assert.False(t, full.reached[pattern], "something leads to %s after all", pattern)
	}

	var org struct{ ID string }
	p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations", map[string]any{"name": "Empty"}, &org)
	for _, role := range []string{"admin", "reader"} {
		var key struct{ Key string }
		p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations/"+org.ID+"/keys", map[string]any{"role": role, "environment": "production"}, &key)
		empty := newCrawl(newVisitor(t, p))
		require.Equal(t, http.StatusSeeOther, empty.signIn(key.Key))
		empty.from("/developers/")
		require.True(t, empty.reached["GET /developers/catalogue/types/{name}"], "what everybody has is there")
		require.False(t, empty.reached["GET /developers/subscriptions/{id}"])
	}
}

// TestOrganizationsByThePage reads the operator's list where it does not fit on a page, and searches in all of it.
func TestOrganizationsByThePage(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for n := range 60 {
		p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations", map[string]any{"name": fmt.Sprintf("customer %02d", n)}, nil)
	}
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/operator/sign-in", url.Values{"credential": {adminToken}}))
	_, first := v.send(http.MethodGet, "/developers/operator", nil)
	require.Contains(t, first, "customer 00")
	require.NotContains(t, first, "customer 50", "a page has 50")
	found := regexp.MustCompile(`href="(/developers/operator\?after=[^"]+)"`).FindStringSubmatch(first)
	require.Len(t, found, 2, "there is a next page")
	_, second := v.send(http.MethodGet, found[1], nil)
	require.Contains(t, second, "customer 59")
	require.Contains(t, second, "First page")
	require.NotContains(t, second, "customer 00")
	require.NotContains(t, second, "Next page")
	_, found59 := v.send(http.MethodGet, "/developers/operator?q=MER+59", nil)
	require.Contains(t, found59, "customer 59")
	require.NotContains(t, found59, "customer 58")
	_, none := v.send(http.MethodGet, "/developers/operator?q=nobody", nil)
	require.Contains(t, none, "Nothing matches")

	// The audit log takes times as its fields send them and as the API has them.
	for _, from := range []string{"2026-05-04T10:00", "2026-05-04T10:00:00Z"} {
		a, page := v.send(http.MethodGet, "/developers/operator/audit?from="+from, nil)
		require.Equal(t, http.StatusOK, a.status)
		require.Contains(t, page, "from=2026-05-04T10%3A00%3A00Z", "the call has the API's form")
		require.Regexp(t, `value="2026-05-04T10:00(:00)?"`, page, "the field has its own")
	}
}

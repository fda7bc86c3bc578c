package webtest

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// visitor is a browser without a window: it has cookies and follows nothing.
type visitor struct {
	t *testing.T
	p *program
	c *http.Client
}

func newVisitor(t *testing.T, p *program) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &visitor{t, p, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is what came back.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
}

func (v *visitor) send(method, path string, form url.Values, change ...func(*http.Request)) (answer, string) {
	v.t.Helper()
	req, err := http.NewRequestWithContext(v.t.Context(), method, v.p.base+path, strings.NewReader(form.Encode()))
	require.NoError(v.t, err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range change {
		c(req)
	}
	resp, err := v.c.Do(req)
	require.NoError(v.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	require.NoError(v.t, err)
	return answer{resp.StatusCode, resp.Header, resp.Cookies()}, string(b)
}

// status is the status of an answer.
func (v *visitor) status(method, path string, form url.Values, change ...func(*http.Request)) int {
	v.t.Helper()
	resp, _ := v.send(method, path, form, change...)
	return resp.status
}

func (v *visitor) signIn(key string) int {
	v.t.Helper()
	return v.status(http.MethodPost, "/developers/sign-in", url.Values{"credential": {key}})
}

// newKey makes a key by the operator's surface.
func (p *program) newKey(role, environment string) (id, text string) {
	p.t.Helper()
	var orgs struct{ Data []struct{ ID string } }
	p.as(adminToken, http.StatusOK, http.MethodGet, "/admin/v1/organizations", nil, &orgs)
	var made struct{ ID, Key string }
	p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations/"+orgs.Data[0].ID+"/keys",
		map[string]any{"role": role, "environment": environment}, &made)
	return made.ID, made.Key
}

// TestSessions covers what a session holds on to and what ends it.
func TestSessions(t *testing.T) {
	t.Parallel()
	p := newProgram(t)

	v := newVisitor(t, p)
	resp, _ := v.send(http.MethodGet, p.link[len(p.base):], nil)
	require.Equal(t, http.StatusSeeOther, resp.status)
	cookie := resp.cookies[0]
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.NotContains(t, cookie.Value, "hk_")
	require.Equal(t, http.StatusOK, v.status(http.MethodGet, "/developers/subscriptions", nil))
	require.Equal(t, http.StatusUnauthorized, newVisitor(t, p).status(http.MethodGet, p.link[len(p.base):], nil), "a link is good for once")

	// Signing out ends it for whoever copied the cookie, too.
	copied := func(r *http.Request) { r.AddCookie(cookie) }
	require.Equal(t, http.StatusOK, newVisitor(t, p).status(http.MethodGet, "/developers/subscriptions", nil, copied))
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/sign-out", nil))
	require.Equal(t, http.StatusSeeOther, newVisitor(t, p).status(http.MethodGet, "/developers/subscriptions", nil, copied))

	// So does revoking its key.
	id, text := p.newKey("reader", "sandbox")
	v = newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(text))
	_, page := v.send(http.MethodGet, "/developers/subscriptions", nil)
	require.Contains(t, page, `data-environment="sandbox"`)
	require.Equal(t, http.StatusForbidden, v.status(http.MethodGet, "/developers/subscriptions/new", nil), "a reader may not change anything")
	require.Equal(t, http.StatusForbidden, v.status(http.MethodGet, "/developers/subscriptions?in=production", nil))
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodGet, "/developers/operator", nil), "the operator signs in by other means")
	var orgs struct{ Data []struct{ ID string } }
	p.as(adminToken, http.StatusOK, http.MethodGet, "/admin/v1/organizations", nil, &orgs)
	p.as(adminToken, http.StatusNoContent, http.MethodDelete, "/admin/v1/organizations/"+orgs.Data[0].ID+"/keys/"+id, nil, nil)
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodGet, "/developers/subscriptions", nil))
	require.Equal(t, http.StatusUnauthorized, newVisitor(t, p).signIn(text))

	_, text = p.newKey("publisher", "production")
	require.Equal(t, http.StatusForbidden, newVisitor(t, p).signIn(text))

	// Guessing is slowed down, and what is right passes all the same.
	last := 0
	for range 12 {
		last = newVisitor(t, p).signIn("hk_live_guess")
	}
	require.Equal(t, http.StatusTooManyRequests, last)
	require.Equal(t, http.StatusSeeOther, newVisitor(t, p).signIn(p.key))
}

// TestFormsOfOtherSitesDoNothing sends what another site could make a browser send.
func TestFormsOfOtherSitesDoNothing(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	id := p.subscribe("http://127.0.0.1:9/", "Mine", nil)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	confirm := url.Values{"confirm": {"127.0.0.1:9"}}
	for _, header := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}} {
		status := v.status(http.MethodPost, "/developers/subscriptions/"+id+"/delete", confirm, func(r *http.Request) {
			for name, value := range header {
				r.Header.Set(name, value)
			}
		})
		require.Equal(t, http.StatusForbidden, status, header)
	}
	require.Equal(t, http.StatusMethodNotAllowed, v.status(http.MethodPut, "/developers/subscriptions/"+id+"/delete", confirm))
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, nil)
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/subscriptions/"+id+"/delete", confirm))
	p.api(http.StatusNotFound, http.MethodGet, "/v3/webhooks/"+id, nil, nil)

	// Nobody is led elsewhere after signing in.
	for _, next := range []string{"https://evil.example/", "//evil.example/", "/developers/../../evil", `/\evil.example/`, "/v3/webhooks"} {
		resp, _ := newVisitor(t, p).send(http.MethodPost, "/developers/sign-in", url.Values{"credential": {p.key}, "next": {next}})
		require.Regexp(t, "^/developers/", resp.header.Get("Location"), next)
	}
}

// TestHeaders covers what every page and every file is sent with.
func TestHeaders(t *testing.T) {
	t.Parallel()
	v := newVisitor(t, newProgram(t))
	resp, page := v.send(http.MethodGet, "/developers/sign-in", nil)
	require.Contains(t, resp.header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'; style-src 'self'")
	require.NotContains(t, resp.header.Get("Content-Security-Policy"), "unsafe")
	require.Equal(t, "DENY", resp.header.Get("X-Frame-Options"))
	require.Equal(t, "nosniff", resp.header.Get("X-Content-Type-Options"))
	require.Equal(t, "no-store", resp.header.Get("Cache-Control"))
	require.NotEmpty(t, resp.header.Get("X-Request-Id"))

	_, rest, found := strings.Cut(page, `rel="stylesheet" href="`)
	require.True(t, found)
	path, _, _ := strings.Cut(rest, `"`)
	gzipped := func(r *http.Request) { r.Header.Set("Accept-Encoding", "gzip") }
	resp, _ = v.send(http.MethodGet, path, nil, gzipped)
	require.Equal(t, http.StatusOK, resp.status)
	require.Equal(t, "gzip", resp.header.Get("Content-Encoding"))
	require.Contains(t, resp.header.Get("Cache-Control"), "immutable")
	require.Equal(t, http.StatusNotFound, v.status(http.MethodGet, "/developers/assets/000000000000/site.css", nil), "a file of another version")
}

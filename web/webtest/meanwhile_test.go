package webtest

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// editor fills the form of a subscription as it is there.
func (v *visitor) editor(one string) url.Values {
	v.t.Helper()
	_, page := v.send(http.MethodGet, one+"/edit", nil)
	version := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(page)
	require.Len(v.t, version, 2)
	return url.Values{
		"version": {version[1]}, "endpoint": {"http://127.0.0.1:9/"}, "description": {"Mine"}, "sandbox": {"false"},
		"subscribed_events": {"signature_request.*"}, "scopes": {"*"}, "workspaces": {"*"}, "auto_retry": {"true"}, "enabled": {"true"}, "format": {"yousign"},
	}
}

// TestTwoWhoEditOne opens a form twice: whoever saves last is told what the other changed, and keeps what they typed.
func TestTwoWhoEditOne(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	id := p.subscribe("http://127.0.0.1:9/", "Mine", nil)
	one := "/developers/subscriptions/" + id
	first, second := v.editor(one), v.editor(one)
	first.Set("endpoint", "http://127.0.0.1:9/moved")
	first.Set("headers", "X-Team: contracts")
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/edit", first))
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/edit", first), "sent twice, it is saved once")

	second.Set("description", "Typed <meanwhile>")
	a, page := v.send(http.MethodPost, one+"/edit", second)
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, page, "It was changed meanwhile, so this was not saved")
	require.Contains(t, page, "Version 2")
	require.Contains(t, page, `<ins>&#34;http://127.0.0.1:9/moved&#34;</ins>`)
	require.Contains(t, page, "Meanwhile this became http://127.0.0.1:9/moved.")
	require.Contains(t, page, "headers[X-Team]")
	require.Contains(t, page, `value="Typed &lt;meanwhile&gt;"`, "what was typed is kept")
	require.Contains(t, page, `name="version" value="2"`)
	var now struct {
		Endpoint, Description string
		Version               int
	}
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, &now)
	require.Equal(t, "http://127.0.0.1:9/moved", now.Endpoint)
	require.Equal(t, "Mine", now.Description)
	require.Equal(t, 2, now.Version)

	// Having seen that, one may save all the same.
	second.Set("version", "2")
	second.Set("description", "Typed meanwhile")
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/edit", second))
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, &now)
	require.Equal(t, "Typed meanwhile", now.Description)
	require.Equal(t, "http://127.0.0.1:9/", now.Endpoint)
	_, page = v.send(http.MethodPost, one+"/preview", v.editor(one))
	require.Contains(t, page, `&#34;version&#34;: 3`, "the call is the one that is made")
	typeHeaders(t, p, v)

	// Saving what is there is no change.
	same := v.editor(one)
	same.Set("description", "Typed meanwhile")
	a, _ = v.send(http.MethodPost, one+"/edit", same)
	require.Equal(t, http.StatusSeeOther, a.status)
	_, page = v.send(http.MethodGet, a.header.Get("Location"), nil)
	require.Contains(t, page, "Nothing was changed, so nothing was saved.")
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, &now)
	require.Equal(t, 3, now.Version)
}

// typeHeaders holds that a line which can't become a header is refused by its number.
func typeHeaders(t *testing.T, p *program, v *visitor) {
	t.Helper()
	id := p.subscribe("http://127.0.0.1:9/", "Mine", nil)
	one := "/developers/subscriptions/" + id
	for typed, says := range map[string]string{
		"X-A: 1\r\nbadheader\r\n":           "Line 2 has no colon: badheader.",
		"\r\n: value":                       "Line 2 has no name before its colon.",
		"X-A: 1\r\n\r\nx-a: 2":              "Line 3 names x-a again, as line 1 does.",
		"X-A: 1\r\nHost: evil":              "Line 2, Host: ",
		"X-A: 1\r\nX B: 2\r\nHost: evil":    "Line 2, X B: ",
		"X-A: 1\r\nX-B: ✓\r\nX-C: ok\r\n\n": "Line 2, X-B: ",
	} {
		form := v.editor(one)
		form.Set("headers", typed)
		for _, path := range []string{one + "/edit", one + "/preview", "/developers/subscriptions/new"} {
			_, page := v.send(http.MethodPost, path, form)
			require.Contains(t, page, says, typed+" to "+path)
		}
	}
	var now struct{ Headers map[string]string }
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, &now)
	require.Empty(t, now.Headers)
	form := v.editor(one)
	form.Set("headers", "X-A: 1:2\r\nX-Empty:\r\n")
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/edit", form))
	p.api(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, nil, &now)
	require.Equal(t, map[string]string{"X-A": "1:2", "X-Empty": ""}, now.Headers)
}

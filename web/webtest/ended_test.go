package webtest

import (
	"bytes"
	"encoding/base64"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hidden are the fields of a page that its reader does not see.
func hidden(page string) url.Values {
	fields := url.Values{}
	for _, f := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		fields.Add(f[1], html.UnescapeString(f[2]))
	}
	return fields
}

// TestFormsOutliveTheirSession sends a form whose session was ended in another window, and gets it back: with the same key alone, and
// to send once more.
func TestFormsOutliveTheirSession(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	_, other := p.newKey("admin", "production")
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/sign-out", nil))
	_, page := v.send(http.MethodGet, "/developers/sign-in", nil)
	require.Contains(t, page, "You are signed out.")

	inboxes := "/developers/sandbox/inboxes"
	from := func(r *http.Request) { r.Header.Set("Referer", p.base+inboxes+"?a=1") }
	typed := url.Values{"name": {`Ours & "theirs"`}, "mode": {"answer"}, "status": {"418"}, "delay_ms": {"0"}, "fail_first": {"0"}, "fail_status": {"500"}, "in": {"sandbox"}}
	resp, page := v.send(http.MethodPost, inboxes, typed, from)
	require.Equal(t, http.StatusUnauthorized, resp.status)
	require.Contains(t, page, "Nothing was saved")
	require.Contains(t, page, "You have signed out, here or in another window.")
	form := hidden(page)
	with := func(credential string) url.Values {
		f := url.Values{"credential": {credential}}
		for name, values := range form {
			f[name] = values
		}
		return f
	}

	kept, err := base64.RawURLEncoding.DecodeString(form.Get("held"))
	require.NoError(t, err)
	require.False(t, bytes.Contains(kept, []byte("418")) || strings.Contains(page, "theirs"), "nobody reads it who is not signed in")

	// A wrong key keeps it; another one gets nothing of it, and neither does another browser or who made it up.
	_, page = v.send(http.MethodPost, "/developers/sign-in", with("hk_live_wrong"))
	require.Equal(t, form, hidden(page))
	forged := with(p.key)
	forged.Set("held", strings.Repeat("A", 8)+form.Get("held")[8:])
	for name, c := range map[string]struct {
		form    url.Values
		cookies []*http.Cookie
	}{
		"another key":     {with(other), v.c.Jar.Cookies(must(url.Parse(p.base + "/developers")))},
		"made up":         {forged, v.c.Jar.Cookies(must(url.Parse(p.base + "/developers")))},
		"another browser": {form: with(p.key)},
	} {
		stranger := newVisitor(t, p)
		stranger.c.Jar.SetCookies(must(url.Parse(p.base)), c.cookies)
		resp, page = stranger.send(http.MethodPost, "/developers/sign-in", c.form)
		require.Equal(t, inboxes+"?a=1", resp.header.Get("Location"), name)
		require.NotContains(t, page, "theirs")
		_, page = stranger.send(http.MethodGet, inboxes, nil)
		require.Contains(t, page, "The form that waited was not sent", name)
	}

	// Another window where one signs in meanwhile takes nothing away, nor does loading the page again.
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	_, _ = v.send(http.MethodPost, "/developers/sign-in", with(p.key))
	resp, page = v.send(http.MethodPost, "/developers/sign-in", with(p.key))
	require.Equal(t, http.StatusOK, resp.status)
	require.Contains(t, page, "Not done yet")
	require.Contains(t, page, `data-environment="sandbox"`, "where one was")
	require.Contains(t, page, `method="post" action="`+inboxes+`"`)
	require.Contains(t, page, `href="`+inboxes+`?a=1"`)
	again := hidden(page)
	require.NotContains(t, again["in"], "production", "it is sent where it was meant for")
	again["in"] = typed["in"]
	again.Del("of")
	require.Equal(t, typed, again)
	_, list := v.send(http.MethodGet, inboxes, nil)
	require.NotContains(t, list, "theirs", "nothing is sent by itself")
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, inboxes, hidden(page)))
	_, list = v.send(http.MethodGet, inboxes, nil)
	require.Contains(t, list, "Ours &amp; &#34;theirs&#34;")
}

// TestEndedSessionsSayWhy follows a session whose key was revoked, and a link that somebody follows twice.
func TestEndedSessionsSayWhy(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	link := p.link[len(p.base):]
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodGet, link, nil))
	resp, _ := v.send(http.MethodGet, link, nil)
	require.Equal(t, "/developers/", resp.header.Get("Location"))
	_, page := v.send(http.MethodGet, "/developers/", nil)
	require.Contains(t, page, "You are signed in as before.")

	id, text := p.newKey("admin", "production")
	require.Equal(t, http.StatusSeeOther, v.signIn(text))
	var orgs struct{ Data []struct{ ID string } }
	p.as(adminToken, http.StatusOK, http.MethodGet, "/admin/v1/organizations", nil, &orgs)
	p.as(adminToken, http.StatusNoContent, http.MethodDelete, "/admin/v1/organizations/"+orgs.Data[0].ID+"/keys/"+id, nil, nil)
	resp, _ = v.send(http.MethodGet, "/developers/deliveries?status=failed", nil)
	require.Equal(t, "/developers/sign-in?next="+url.QueryEscape("/developers/deliveries?status=failed"), resp.header.Get("Location"))
	_, page = v.send(http.MethodGet, resp.header.Get("Location"), nil)
	require.Contains(t, page, "was revoked. Sign in with another one.")
	resp, page = v.send(http.MethodPost, "/developers/sandbox/inboxes", url.Values{"name": {"Mine"}})
	require.Equal(t, http.StatusUnauthorized, resp.status)
	require.Contains(t, page, "was revoked. Sign in with another one.")
	require.NotContains(t, page, "Mine", "nobody can get it back")

	// What is asked for while one types takes nothing away.
	htmx := func(r *http.Request) { r.Header.Set("Hx-Request", "true") }
	resp, page = v.send(http.MethodPost, "/developers/subscriptions/preview", nil, htmx)
	require.Empty(t, resp.header.Get("HX-Redirect"))
	require.Contains(t, page, "What you typed is still here.")
}

func must(u *url.URL, err error) *url.URL {
	if err != nil {
		panic(err)
	}
	return u
}

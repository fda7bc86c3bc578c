package webtest

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// inside is the text of the element with an id.
func inside(t *testing.T, page, id string) string {
	t.Helper()
	found := regexp.MustCompile(`id="` + id + `"[^>]*>([^<]*)<`).FindStringSubmatch(page)
	require.Len(t, found, 2, id)
	return html.UnescapeString(found[1])
}

// TestWhatIsShownOnceIsMadeOnce loads again what answers a form: nothing may be made by that, and nothing be shown to others.
func TestWhatIsShownOnceIsMadeOnce(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	one := "/developers/subscriptions/" + p.subscribe(receiver(t), "Mine", nil)

	// follow sends a form, goes where it leads, and returns the cookie that leads there with what the page says at first and again.
	follow := func(path string, form url.Values) (cookie *http.Cookie, to, first, again string) {
		t.Helper()
		a, _ := v.send(http.MethodPost, path, form)
		require.Equal(t, http.StatusSeeOther, a.status, path)
		for _, c := range a.cookies {
			if c.Name == "hookrouter_once" {
				cookie = c
			}
		}
		to = a.header.Get("Location")
		stranger := newVisitor(t, p)
		require.Equal(t, http.StatusSeeOther, stranger.signIn(p.key))
		if cookie != nil {
			require.True(t, cookie.HttpOnly)
			require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
			require.Equal(t, to, cookie.Path)
			_, text := stranger.send(http.MethodGet, to, nil, func(r *http.Request) { r.AddCookie(cookie) })
			require.NotContains(t, text, `id="fresh-`, "another session's")
		}
		_, first = v.send(http.MethodGet, to, nil)
		_, again = v.send(http.MethodGet, to, nil)
		return cookie, to, first, again
	}

	cookie, to, first, again := follow(one+"/secret", url.Values{"overlap": {"3600"}})
	require.Equal(t, one+"/secret", to)
	secret := inside(t, first, "fresh-secret")
	require.Len(t, secret, 32)
	require.NotContains(t, cookie.Value, secret)
	require.NotContains(t, again, secret)
	require.Contains(t, again, "Number 2")
	require.NotContains(t, again, "Number 3")
	require.Contains(t, again, "Make another one", "for whoever lost it")

	for _, path := range []string{"/developers/keys"} {
		_, to, first, again = follow(path, url.Values{"name": {"CI"}, "role": {"reader"}, "environment": {"production"}})
		require.Equal(t, path, to)
		key := inside(t, first, "fresh-key")
		p.as(key, http.StatusOK, http.MethodGet, "/v3/webhooks", nil, nil)
		require.NotContains(t, again, key)
		require.Len(t, regexp.MustCompile(`aria-label="Revoke CI"`).FindAllString(again, -1), 1)
	}

	_, to, first, again = follow(one+"/test", url.Values{"event_name": {"signature_request.done"}})
	require.Regexp(t, `/test\?delivery=[0-9a-f-]{36}$`, to)
	require.Contains(t, first, "The endpoint answered")
	require.Contains(t, again, "The endpoint answered")
	var list struct{ Data []struct{ ID string } }
	p.api(http.StatusOK, http.MethodGet, "/v3/deliveries", nil, &list)
	require.Len(t, list.Data, 1, "one test was sent")
	other := "/developers/subscriptions/" + p.subscribe("http://127.0.0.1:9/", "Other", nil)
	for _, foreign := range []string{other + "/test?delivery=" + list.Data[0].ID, one + "/test?delivery=nonsense", one + "/test?delivery=" + other[len(other)-36:]} {
		require.Equal(t, http.StatusNotFound, v.status(http.MethodGet, foreign, nil), foreign)
	}

	// The operator makes keys by the same form.
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, "/developers/operator/sign-in", url.Values{"credential": {adminToken}}))
	var orgs struct{ Data []struct{ ID string } }
	p.as(adminToken, http.StatusOK, http.MethodGet, "/admin/v1/organizations", nil, &orgs)
	keys := "/developers/operator/organizations/" + orgs.Data[0].ID + "/keys"
	require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, keys, url.Values{"name": {"Theirs"}, "role": {"reader"}, "environment": {"sandbox"}}))
	_, first = v.send(http.MethodGet, keys, nil)
	p.as(inside(t, first, "fresh-key"), http.StatusOK, http.MethodGet, "/v3/webhooks", nil, nil)
	_, again = v.send(http.MethodGet, keys, nil)
	require.NotContains(t, again, "fresh-key")
}

// TestSecretPageSaysWhatToDo holds the page of a rotation to the headers of each format, and to the warning before an activation.
func TestSecretPageSaysWhatToDo(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	for format, says := range map[string][]string{
		"yousign":           {"X-Yousign-Signature-256", "X-Hookrouter-Signature-Next", "X-Hookrouter-Signature-Previous"},
		"standard_webhooks": {"webhook-signature"},
		"documenso":         {"X-Documenso-Secret", "Add it beside the old one"},
	} {
		change := map[string]any{"format": format}
		if format == "documenso" {
			change["secret_key"] = "a secret of ours"
		}
		one := "/developers/subscriptions/" + p.subscribe("http://127.0.0.1:9/", format, change)
		_, before := v.send(http.MethodGet, one, nil)
		require.Contains(t, before, `href="`+one+`/secret"`)
		require.Contains(t, before, "/developers/help/receivers?format="+format, "what to do first")
		_, before = v.send(http.MethodGet, one+"/secret", nil)
		require.NotContains(t, before, "Nothing was accepted with this secret yet")
		require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/secret", url.Values{"overlap": {"3600"}}))
		_, waiting := v.send(http.MethodGet, one+"/secret", nil)
		for _, text := range append(says, "Nothing was accepted with this secret yet", "Accepted: ", "/developers/help/receivers?format="+format) {
			require.Contains(t, waiting, text, format)
		}
		require.Regexp(t, `signs first <time`, waiting)
		require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, one+"/secret", url.Values{"do": {"activate"}}))
		a, refused := v.send(http.MethodPost, one+"/secret", url.Values{"do": {"activate"}})
		require.Equal(t, http.StatusUnprocessableEntity, a.status)
		require.Contains(t, refused, "There is no next secret to activate.")

		// Versions that came of it say so, and nothing offers to go back to what is there.
		_, versions := v.send(http.MethodGet, one+"/versions", nil)
		require.Contains(t, versions, "Version 3")
		require.Contains(t, versions, "It is a step in the rotation of the secret")
		require.Contains(t, versions, "an old secret never comes back")
		require.NotContains(t, versions, "Revert to this")
	}
	readReceivers(t, v)
}

// TestARotationIsTakenBackOnItsPage cancels a rotation, and ends the overlap of the next one, each behind a question.
func TestARotationIsTakenBackOnItsPage(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(p.key))
	secret := "/developers/subscriptions/" + p.subscribe("http://127.0.0.1:9/", "Mine", nil) + "/secret"
	page := func() string {
		_, text := v.send(http.MethodGet, secret, nil)
		return text
	}
	do := func(step string) string {
		t.Helper()
		a, _ := v.send(http.MethodPost, secret, url.Values{"do": {step}})
		require.Equal(t, http.StatusSeeOther, a.status, step)
		require.Equal(t, secret, a.header.Get("Location"))
		return page()
	}
	for _, dialog := range []string{`id="cancel-rotation"`, `id="finish-rotation"`} {
		require.NotContains(t, page(), dialog)
	}
	rotate := func() {
		require.Equal(t, http.StatusSeeOther, v.status(http.MethodPost, secret, url.Values{"overlap": {"3600"}}))
	}
	rotate()
	require.Contains(t, page(), `id="cancel-rotation"`)
	a, refused := v.send(http.MethodPost, secret, url.Values{"do": {"finish"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, refused, "The next secret still waits.")
	canceled := do("cancel")
	require.Contains(t, canceled, "The next secret was taken back.")
	require.NotContains(t, canceled, "Number 2")

	rotate()
	require.Contains(t, page(), "Number 3")
	require.Contains(t, do("activate"), `id="finish-rotation"`)
	a, refused = v.send(http.MethodPost, secret, url.Values{"do": {"cancel"}})
	require.Equal(t, http.StatusUnprocessableEntity, a.status)
	require.Contains(t, refused, "can&#39;t be canceled any more")
	finished := do("finish")
	require.Contains(t, finished, "The previous secret has ended.")
	require.NotContains(t, finished, "Number 1")
	require.NotContains(t, finished, `id="finish-rotation"`)
}

// readReceivers reads the page of each format.
func readReceivers(t *testing.T, v *visitor) {
	t.Helper()
	for format, says := range map[string]string{
		"yousign": "event.event_name", "standard_webhooks": "webhook-timestamp", "cloudevents": "ce-type", "cloudevents_structured": "event.type",
		"documenso": "X-Documenso-Secret", "quicklysign": "unless the subscription has a secret", "": "event.event_name", "<b>": "event.event_name",
	} {
		_, page := v.send(http.MethodGet, "/developers/help/receivers?format="+url.QueryEscape(format), nil)
		require.Contains(t, page, says, format)
	}
	_, help := v.send(http.MethodGet, "/developers/help", nil)
	code := inside(t, help, "verify")
	for _, name := range []string{"X-Yousign-Signature-256", "X-Hookrouter-Signature-Next", "X-Hookrouter-Signature-Previous", "hmac.new(secret.encode()", "def verify(body, headers, secret)"} {
		require.Contains(t, code, name)
	}
	require.NotContains(t, code, "SECRET")
	require.Contains(t, help, `href="/developers/help/receivers"`)
}

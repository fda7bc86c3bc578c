package webtest

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// tabs is one visitor who has pages of both environments open at the same time.
type tabs struct {
	*visitor
	live, tried                 string // subscriptions: of production, of the sandbox
	liveEvent, triedEvent       string
	liveDelivery, triedDelivery string
}

func newTabs(t *testing.T) *tabs {
	t.Helper()
	p := newProgram(t)
	w := &tabs{visitor: newVisitor(t, p)}
	require.Equal(t, http.StatusSeeOther, w.signIn(p.key))
	endpoint := receiver(t)
	w.live = p.subscribe(endpoint+"/live", "Contracts in production", map[string]any{"subscribed_events": []string{"signer.done"}})
	w.tried = p.subscribe(endpoint+"/tried", "Contracts being tried", map[string]any{"subscribed_events": []string{"signer.notified"}, "sandbox": true})
	w.liveEvent, w.triedEvent = w.publish("signer.done", false), w.publish("signer.notified", true)
	w.liveDelivery, w.triedDelivery = p.attempted(w.live), p.attempted(w.tried)
	return w
}

func (w *tabs) publish(name string, sandbox bool) string {
	w.t.Helper()
	var out struct {
		ID string `json:"event_id"`
	}
	w.p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{"event_name": name, "sandbox": sandbox, "data": map[string]any{"id": "7"}}, &out)
	return out.ID
}

// see reads a page and requires whose band it shows.
func (w *tabs) see(path, environment string) string {
	w.t.Helper()
	got, page := w.send(http.MethodGet, path, nil)
	require.Equal(w.t, http.StatusOK, got.status, path)
	require.Contains(w.t, page, `class="band" data-environment="`+environment+`"`, path)
	return page
}

// fields are what a browser would send of the form with an action: everything that has a value.
func (w *tabs) fields(page, action string) url.Values {
	w.t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	require.NoError(w.t, err)
	form := url.Values{}
	found := false
	for n := range doc.Descendants() {
		if n.Data != "form" || attribute(n, "action") != action || found {
			continue
		}
		found = true
		for f := range n.Descendants() {
			checked := false
			for _, a := range f.Attr {
				checked = checked || a.Key == "checked" || a.Key == "selected"
			}
			switch kind := attribute(f, "type"); {
			case f.Data == "input" && (kind != "radio" && kind != "checkbox" || checked) && attribute(f, "name") != "":
				form.Set(attribute(f, "name"), attribute(f, "value"))
			case f.Data == "option" && checked:
				form.Set(attribute(f.Parent, "name"), attribute(f, "value"))
			}
		}
	}
	require.True(w.t, found, "no form of %s", action)
	return form
}

// jobs is how many there are.
func (w *tabs) jobs() int {
	w.t.Helper()
	var list struct{ Data []struct{} }
	w.p.api(http.StatusOK, http.MethodGet, "/v3/jobs", nil, &list)
	return len(list.Data)
}

const newJobPath = "/developers/jobs/new"

// press sends a form with one of its buttons.
func (w *tabs) press(path string, form url.Values, button string) (answer, string) {
	w.t.Helper()
	form.Set("do", button)
	return w.send(http.MethodPost, path, form)
}

// TestPagesKeepTheirEnvironment holds that no page shows, and no form acts in, another environment than its band says, whatever other tabs do.
func TestPagesKeepTheirEnvironment(t *testing.T) {
	t.Parallel()
	w := newTabs(t)
	for _, part := range []struct {
		name string
		hold func(*tabs)
	}{
		{"objects", holdObjects},
		{"lists", holdLists},
		{"links", holdLinks},
		{"jobs", holdJobs},
		{"previews", holdPreviews},
		{"choices", holdChoices},
		{"audit", holdAudit},
		{"ways", holdWays},
		{"organizations", holdOrganizations},
		{"live events", holdLiveEvent},
	} {
		t.Run(part.name, func(t *testing.T) {
			mine := *w
			v, p := *w.visitor, *w.p
			mine.visitor, v.t, v.p, p.t = &v, t, &p, t
			part.hold(&mine)
		})
	}
}

// holdObjects: the page of an object has the band of the object's environment, whatever its address says.
func holdObjects(w *tabs) {
	for _, said := range []string{"", "?in=production", "?in=sandbox"} {
		for environment, paths := range map[string][]string{
			"production": {
				"subscriptions/" + w.live, "subscriptions/" + w.live + "/edit", "subscriptions/" + w.live + "/missed", "events/" + w.liveEvent,
				"events/" + w.liveEvent + "/replay", "events/" + w.liveEvent + "/explain", "deliveries/" + w.liveDelivery,
			},
			"sandbox": {
				"subscriptions/" + w.tried, "subscriptions/" + w.tried + "/delete", "events/" + w.triedEvent, "events/" + w.triedEvent + "/replay",
				"deliveries/" + w.triedDelivery, "sandbox", "sandbox/inboxes",
			},
		} {
			for _, path := range paths {
				w.see("/developers/"+path+said, environment)
			}
		}
	}
	for environment, id := range map[string]string{"production": w.live, "sandbox": w.tried} {
		w.see("/developers/deliveries?in=sandbox&subscription="+id, environment)
		w.see(newJobPath+"?subscription="+id, environment)
		var test struct {
			EventID    string `json:"event_id"`
			DeliveryID string `json:"delivery_id"`
		}
		w.p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+id+"/test", map[string]any{"event_name": "signer.done"}, &test)
		for _, path := range []string{"deliveries/" + test.DeliveryID, "events/" + test.EventID} { // though its receiver is told that it is of the sandbox
			w.see("/developers/"+path, environment)
		}
	}
	require.Equal(w.t, http.StatusBadRequest, w.status(http.MethodGet, "/developers/deliveries?in=moon", nil))
}

// holdLists: a list is of the environment that its address says, and so are its stream and its filters.
func holdLists(w *tabs) {
	mine, theirs := w.liveDelivery, w.triedDelivery
	for _, environment := range []string{"production", "sandbox"} {
		page := w.see("/developers/deliveries?in="+environment, environment)
		require.Contains(w.t, page, mine)
		require.NotContains(w.t, page, theirs)
		form := w.fields(page, "/developers/deliveries")
		form.Set("status", "delivered")
		_, part := w.send(http.MethodGet, "/developers/deliveries?"+form.Encode(), nil, func(r *http.Request) { r.Header.Set("HX-Request", "true") })
		require.Contains(w.t, part, mine, "what a filter brings")
		require.NotContains(w.t, part, theirs)
		stream := regexp.MustCompile(`data-stream="([^"]*)"`).FindStringSubmatch(page)
		require.Len(w.t, stream, 2)
		part = w.first(html.UnescapeString(stream[1]))
		require.Contains(w.t, part, mine, "what a stream brings")
		require.NotContains(w.t, part, theirs)
		mine, theirs = theirs, mine
	}
	require.Contains(w.t, w.first("/developers/deliveries/live?in=sandbox&status=canceled"), `href="/developers/deliveries?in=sandbox"`, "where a stream leads")
}

// first reads a stream up to its first message.
func (w *tabs) first(path string) string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.p.base+path, nil)
	require.NoError(w.t, err)
	resp, err := w.c.Do(req)
	require.NoError(w.t, err)
	defer resp.Body.Close()
	require.Equal(w.t, "text/event-stream", resp.Header.Get("Content-Type"))
	var text strings.Builder
	for b := make([]byte, 4096); !strings.Contains(text.String(), "\n\n"); {
		n, err := resp.Body.Read(b)
		require.NoError(w.t, err)
		text.Write(b[:n])
	}
	return text.String()
}

// holdLinks: whoever is in the sandbox stays there, by every link and form, until they say otherwise.
func holdLinks(w *tabs) {
	itself := regexp.MustCompile(`^/developers/(assets/|operator|sandbox|(subscriptions|events|deliveries|jobs)/[0-9a-f]{8}-)|^#|[?&]in=(sandbox|production)`)
	for _, path := range []string{
		"/?in=sandbox", "/deliveries?in=sandbox", "/events?in=sandbox", "/subscriptions?in=sandbox", "/jobs?in=sandbox", "/jobs/new?in=sandbox", "/catalogue?in=sandbox",
		"/help?in=sandbox", "/keys?in=sandbox", "/audit?in=sandbox", "/sandbox", "/subscriptions/" + w.tried, "/events/" + w.triedEvent, "/deliveries/" + w.triedDelivery,
	} {
		doc, err := html.Parse(strings.NewReader(w.see("/developers"+path, "sandbox")))
		require.NoError(w.t, err)
		for n := range doc.Descendants() {
			for _, name := range []string{"href", "data-stream"} {
				if to := attribute(n, name); strings.HasPrefix(to, "/developers/") {
					require.Regexp(w.t, itself, to, "%s leads there", path)
				}
			}
			action := attribute(n, "action")
			if n.Data == "form" && strings.HasPrefix(action, "/developers/") && !itself.MatchString(action) && !strings.Contains(action, "/sign-out") {
				require.Equal(w.t, "in", attribute(n.FirstChild, "name"), "%s: the form of %s", path, action)
				require.Equal(w.t, "sandbox", attribute(n.FirstChild, "value"))
			}
		}
	}
}

// holdJobs: a form that sends many says which environment it was made for, and its subscription has to be of it.
func holdJobs(w *tabs) {
	before := w.jobs()
	form := w.fields(w.see(newJobPath+"?in=sandbox&status=delivered", "sandbox"), newJobPath)
	require.Equal(w.t, "sandbox", form.Get("in"))
	w.see("/developers/?in=production", "production") // another tab
	got, page := w.press(newJobPath, form, "preview")
	require.Equal(w.t, http.StatusOK, got.status)
	require.Contains(w.t, page, w.triedDelivery)
	require.NotContains(w.t, page, w.liveDelivery)

	form.Set("subscription_id", w.live)
	for _, button := range []string{"preview", "start"} {
		got, page = w.press(newJobPath, form, button)
		require.Equal(w.t, http.StatusUnprocessableEntity, got.status)
		require.Contains(w.t, page, "of the other environment")
	}
	form.Del("subscription_id")
	form.Del("in")
	got, page = w.press(newJobPath, form, "start")
	require.Equal(w.t, http.StatusBadRequest, got.status)
	require.Contains(w.t, page, "does not say which environment")
	require.Equal(w.t, before, w.jobs(), "nothing was started")

	// The list has those of its environment, and with production's those that go through both.
	of := map[string]string{}
	for name, filter := range map[string]map[string]any{"sandbox": {"subscription_id": w.tried}, "production": {"subscription_id": w.live}, "both": {}} {
		var job struct{ ID string }
		filter["from"] = "2020-01-01T00:00:00Z"
		w.p.api(http.StatusAccepted, http.MethodPost, "/v3/deliveries/retry", filter, &job)
		of[name] = job.ID
	}
	for environment, theirs := range map[string][]string{"sandbox": {"production", "both"}, "production": {"sandbox"}} {
		page := w.see("/developers/jobs?in="+environment, environment)
		require.Contains(w.t, page, of[environment])
		for _, name := range theirs {
			require.NotContains(w.t, page, of[name], name)
		}
		w.see("/developers/jobs/"+of[environment], environment)
	}
	require.Regexp(w.t, "(?s)"+of["both"]+".*?Production and sandbox", w.see("/developers/jobs", "production"))
	w.see("/developers/jobs/"+of["both"], "production")
}

// holdPreviews: what was previewed is sent as it was previewed, or not at all.
func holdPreviews(w *tabs) {
	for path, buttons := range map[string][3]string{
		newJobPath: {"preview", "start", "Send it"}, "/developers/subscriptions/" + w.live + "/missed": {"count", "send", "Send 1"},
	} {
		before := w.jobs()
		ask := path
		if path == newJobPath {
			ask += "?status=delivered"
		} else { // what it never got: an event from before it listened to it
			w.publish("signer.error", false)
			w.p.api(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+w.live, map[string]any{"subscribed_events": []string{"signer.done", "signer.error"}}, nil)
		}
		form := w.fields(w.see(ask, "production"), path)
		if path != newJobPath {
			form.Set("kind", "never")
		}
		got, page := w.press(path, form, buttons[0])
		require.Equal(w.t, http.StatusOK, got.status)
		require.Contains(w.t, page, buttons[2])
		previewed := w.fields(page, path)

		changed := w.fields(page, path)
		changed.Set("from", time.Now().UTC().Add(-48*time.Hour).Format("2006-01-02T15:04"))
		got, page = w.press(path, changed, buttons[1])
		require.Equal(w.t, http.StatusUnprocessableEntity, got.status, "the form was changed")
		require.Contains(w.t, page, "This is no longer what was previewed")

		fewer := w.fields(page, path)
		fewer.Set("previewed", strings.Replace(fewer.Get("previewed"), "matching=1", "matching=3", 1))
		got, page = w.press(path, fewer, buttons[1])
		require.Equal(w.t, http.StatusUnprocessableEntity, got.status, "there are others by now")
		require.Contains(w.t, page, "This is no longer what was previewed")
		require.Equal(w.t, before, w.jobs(), "nothing was started")

		got, _ = w.press(path, previewed, buttons[1])
		require.Equal(w.t, http.StatusSeeOther, got.status, "what was previewed is sent")
		require.Equal(w.t, before+1, w.jobs())
		_, page = w.send(http.MethodGet, got.header.Get("Location"), nil)
		require.Contains(w.t, page, "/developers/deliveries?", "the job leads to what it was about")
	}
}

// holdChoices: a subscription is found by its name, a few at a time, without scripts as well.
func holdChoices(w *tabs) {
	for range 8 {
		w.p.subscribe("https://hooks.example.com/many", "One of many", map[string]any{"sandbox": true})
	}
	form := w.fields(w.see(newJobPath+"?in=sandbox&kind=backfill", "sandbox"), newJobPath)
	_, page := w.press(newJobPath, form, "preview")
	require.Contains(w.t, page, "Choose a subscription.")
	require.Contains(w.t, page, "These are the newest.")
	require.NotContains(w.t, page, w.tried, "not all are there")
	form.Set("q", "contracts")
	_, page = w.press(newJobPath, form, "search")
	require.Contains(w.t, page, `value="`+w.tried+`"`)
	require.NotContains(w.t, page, w.live, "which is of the other environment")
	_, part := w.send(http.MethodGet, newJobPath+"?"+form.Encode(), nil, func(r *http.Request) { r.Header.Set("HX-Request", "true") })
	require.True(w.t, strings.Contains(part, w.tried) && !strings.Contains(part, "<html"), "the same for htmx")
	form.Set("subscription_id", w.tried)
	got, page := w.press(newJobPath, form, "preview")
	require.Equal(w.t, http.StatusOK, got.status)
	require.Contains(w.t, page, "There is nothing to send.")
	require.Contains(w.t, w.see(newJobPath, "production"), "Tests are left out", "so that nobody wonders about those that failed")
}

// holdAudit: a preview is told apart from what it is a preview of.
func holdAudit(w *tabs) {
	w.p.api(http.StatusOK, http.MethodPost, "/v3/deliveries/retry", map[string]any{"from": "2020-01-01T00:00:00Z", "dry_run": true}, nil)
	require.Regexp(w.t, `(?s)job\.retry.*?Preview.*?Nothing was done`, w.see("/developers/audit?action=job.retry", "production"))
}

// holdLiveEvent: the page of an event follows what becomes of its deliveries.
func holdLiveEvent(w *tabs) {
	path := "/developers/events/" + w.liveEvent
	require.Contains(w.t, w.see(path, "production"), `data-stream="`+path+`/live"`)
	require.Contains(w.t, w.first(path+"/live"), "Delivered")
}

// holdWays: the ways back to where one was stay in the sandbox too, also from what answers a form, whose address does not say it.
func holdWays(w *tabs) {
	leads := func(to, method, path string, form url.Values, from string) {
		w.t.Helper()
		got, _ := w.send(method, path, form, func(r *http.Request) { r.Header.Set("Referer", w.p.base+from) })
		require.Equal(w.t, to, got.header.Get("Location"), path)
	}
	leads("/developers/?in=sandbox", http.MethodGet, "/developers?in=sandbox", nil, "/")
	form := w.fields(w.see("/developers/subscriptions/new?in=sandbox", "sandbox"), "/developers/subscriptions/new")
	form.Set("endpoint", "nonsense")
	got, page := w.send(http.MethodPost, "/developers/subscriptions/new", form)
	require.Equal(w.t, http.StatusUnprocessableEntity, got.status)
	leads("/developers/subscriptions/new?in=sandbox", http.MethodPost, "/developers/theme", w.fields(page, "/developers/theme"), "/developers/subscriptions/new")

	keys := w.see("/developers/keys?in=sandbox", "sandbox")
	revoke := html.UnescapeString(regexp.MustCompile(`href="(/developers/keys/[^"]*/revoke[^"]*)"`).FindStringSubmatch(keys)[1])
	require.Contains(w.t, w.see(revoke, "sandbox"), `href="/developers/keys?in=sandbox"`)
	id, _ := w.p.newKey("reader", "production")
	mine := "/developers/keys/" + id + "/revoke"
	form = w.fields(w.see(mine+"?in=sandbox", "sandbox"), mine)
	_, page = w.send(http.MethodGet, mine, nil)
	form.Set("confirm", regexp.MustCompile(`data-confirm="([^"]*)"`).FindStringSubmatch(page)[1])
	leads("/developers/keys?in=sandbox", http.MethodPost, mine, form, mine)

	stranger := newVisitor(w.t, w.p)
	_, page = stranger.send(http.MethodPost, "/developers/subscriptions/new", url.Values{"in": {"sandbox"}}, func(r *http.Request) {
		r.Header.Set("Referer", w.p.base+"/developers/subscriptions/new")
	})
	require.Equal(w.t, "/developers/subscriptions/new?in=sandbox", hidden(page).Get("next"))
}

// holdOrganizations: a form makes nothing in another organization than it was made for, whoever signs in in another tab.
func holdOrganizations(w *tabs) {
	workspaces := "/developers/catalogue/workspaces"
	form := w.fields(w.see(workspaces, "production"), workspaces)
	form.Set("name", "Of the first")
	var org, key struct{ ID, Key string }
	w.p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations", map[string]any{"name": "The other"}, &org)
	w.p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations/"+org.ID+"/keys", map[string]any{"role": "admin", "environment": "production"}, &key)
	require.Equal(w.t, http.StatusSeeOther, w.signIn(key.Key))
	got, page := w.send(http.MethodPost, workspaces, form)
	require.Equal(w.t, http.StatusConflict, got.status)
	require.Contains(w.t, page, "made for another organization")
	require.NotContains(w.t, w.see(workspaces, "production"), "Of the first")
	require.Equal(w.t, http.StatusSeeOther, w.signIn(w.p.key))
	require.Equal(w.t, http.StatusSeeOther, w.status(http.MethodPost, workspaces, form))
	require.Contains(w.t, w.see(workspaces, "production"), "Of the first")
}

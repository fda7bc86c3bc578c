package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestAuthentication(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good, revoked, unknown := w.manager(), w.manager(), w.manager()
	w.revoke(revoked)
	delete(w.store.keys, HashKey(unknown))
	checksum := good[:len(good)-1] + string('a'+(good[len(good)-1]+1)%26)
	for _, path := range []string{"/v3/webhooks", "/v3/events"} {
		method := map[string]string{"/v3/webhooks": "GET", "/v3/events": "POST"}[path]
		for name, c := range map[string]struct {
			headers []string
			query   string
			lookups int
		}{
			"no header":         {},
			"empty":             {headers: []string{"Authorization:  "}},
			"scheme only":       {headers: []string{"Authorization: Bearer"}},
			"blank key":         {headers: []string{"Authorization: Bearer  "}},
			"wrong scheme":      {headers: []string{"Authorization: Basic " + good}},
			"no scheme":         {headers: []string{"Authorization: " + good}},
			"1 MB":              {headers: []string{"Authorization: Bearer " + strings.Repeat("k", 1<<20)}},
			"wrong checksum":    {headers: []string{"Authorization: Bearer " + checksum}},
			"blank after":       {headers: []string{"Authorization: Bearer " + good + " "}},
			"two headers":       {headers: []string{"Authorization: Bearer " + good, "Authorization: Bearer " + good}},
			"key in the query":  {query: "?api_key=" + good},
			"key twice":         {query: "?api_key=" + good, headers: []string{"Authorization: Bearer " + good}},
			"unknown":           {headers: []string{"Authorization: Bearer " + unknown}, lookups: 1},
			"revoked":           {headers: []string{"Authorization: Bearer " + revoked}, lookups: 1},
			"other header name": {headers: []string{"X-Api-Key: " + good}},
		} {
			before := w.store.lookups
			a := w.call(method, path+c.query, "", validEvent.with(nil), c.headers...).is(401)
			require.Equal(t, "access.unauthorized", a.json()["type"], name)
			require.True(t, strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer"), name)
			require.Equal(t, c.lookups, w.store.lookups-before, "%s: garbage costs no look-up", name)
			require.NotContains(t, a.body, good)
		}
		status := map[string]int{"GET": 200, "POST": 202}[method]
		w.call(method, path, "", validEvent.with(nil), "Authorization: bearer "+good).is(status)
	}
	require.NotContains(t, w.log.String(), good)
}

func TestARevokedKeyIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.call("GET", "/v3/webhooks", key, "").is(200)
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202)
	w.revoke(key)
	w.call("GET", "/v3/webhooks", key, "").is(401)
	lookups := w.store.lookups
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(401)
	require.Equal(t, lookups, w.store.lookups, "the commit refused it, not the cache")
	w.call("POST", "/v3/events", key, `{}`).is(401)
	require.Equal(t, lookups+1, w.store.lookups, "it is forgotten by the cache")
	require.Len(t, w.store.events, 1)
}

func TestTheKeyCacheIsBoundedAndForgets(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	publish := func() { w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202) }
	publish()
	publish()
	require.Equal(t, 1, w.store.lookups)
	w.clock = w.clock.Add(keyCacheTime)
	publish()
	require.Equal(t, 2, w.store.lookups)
	for i := range 3 * keyCacheSize {
		w.api.cache.put(HashKey(fmt.Sprint(i)), &models.APIKey{}, w.clock)
		require.LessOrEqual(t, len(w.api.cache.keys), keyCacheSize)
	}
}

func TestKeyTexts(t *testing.T) {
	t.Parallel()
	w := setup(t)
	seen := map[string]bool{}
	for range 200 {
		for env, prefix := range map[models.Environment]string{models.Production: "hk_live_", models.Sandbox: "hk_test_"} {
			text, err := NewKeyText(w, env)
			require.NoError(t, err)
			require.Regexp(t, `^`+prefix+`[0-9A-Za-z]{49}$`, text)
			require.True(t, plausibleKey(text))
			require.Equal(t, text[:12], KeyHint(text))
			require.False(t, seen[text])
			seen[text] = true
			for i := range text {
				broken := text[:i] + "_" + text[i+1:]
				require.False(t, broken != text && plausibleKey(broken))
			}
		}
	}
	zeros, err := NewKeyText(strings.NewReader(strings.Repeat("\x00", 32)), models.Production)
	require.NoError(t, err)
	require.Len(t, zeros, keyLength)
	_, err = NewKeyText(strings.NewReader("short"), models.Production)
	require.Error(t, err)
	require.Equal(t, "ab", KeyHint("ab"))
}

// address makes a path of a route, with ids where it has parameters.
func address(path string, ids map[string]string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		if name, ok := strings.CutPrefix(part, ":"); ok {
			parts[i] = ids[name]
			if name == "scenario" {
				parts[i] = "signature_done" // of everybody
			}
		}
	}
	return strings.Join(parts, "/")
}

// bodyFor is a body with which a call to the route would be good.
func bodyFor(r route) string {
	switch r.method + " " + r.path {
	case "POST /v3/webhooks":
		return validWebhook.with(nil)
	case "PATCH /v3/webhooks/:webhook":
		return `{"enabled":true}`
	case "POST /v3/events":
		return validEvent.with(nil)
	case "POST /v3/events/batch":
		return `{"events":[` + validEvent.with(nil) + `]}`
	case "POST /v3/webhooks/:webhook/test", "POST /v3/sandbox/events":
		return `{"event_name":"signer.done"}`
	case "POST /v3/sandbox/scenarios/:scenario/run":
		return `{"speed":0}`
	case "POST /v3/sandbox/inboxes", "PATCH /v3/sandbox/inboxes/:inbox":
		return `{"name":"Mine"}`
	case "POST /v3/webhooks/dry_run":
		return validWebhook.with(object{"sandbox": true})
	case "POST /v3/webhooks/:webhook/revert":
		return `{"version":1}`
	case "POST /v3/deliveries/retry", "POST /v3/webhooks/:webhook/backfill":
		return `{"from":"2026-05-04T00:00:00Z"}`
	case "POST /v3/workspaces":
		return `{"name":"Sales"}`
	case "PATCH /v3/workspaces/:workspace":
		return `{"name":"Legal"}`
	case "POST /v3/event_types", "POST /v3/event_types/dry_run":
		return `{"name":"invoice.sent","sample":{"total":1}}`
	case "PATCH /v3/event_types/:event_type":
		return `{"sample":{"total":2}}`
	case "POST /v3/scopes":
		return `{"name":"fax"}`
	case "PATCH /v3/scopes/:scope":
		return `{"description":"by post"}`
	case "POST /v3/api_keys":
		return `{"role":"reader"}`
	}
	return ""
}

// furnished is a world in which the organization has one of everything; the ids are by the names of path parameters.
func furnished(tb testing.TB) (*world, map[string]string) {
	tb.Helper()
	w := setup(tb)
	key := w.manager()
	workspace := w.call("POST", "/v3/workspaces", key, `{"name":"Sales"}`).is(201).json()["id"].(string)
	webhook := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"scopes": []string{"*"}})).is(201).json()["id"].(string)
	w.call("POST", "/v3/webhooks/"+webhook+"/rotate_secret", key, "").is(200) // so that there is something to activate
	event := w.call("POST", "/v3/events", key, validEvent.with(object{"entity_key": "ours"})).is(202).json()["event_id"].(string)
	w.call("POST", "/v3/event_types", key, `{"name":"invoice.paid","sample":{"total":1}}`).is(201)
	w.call("POST", "/v3/scopes", key, `{"name":"letter"}`).is(201)
	d := w.store.deliveries[0]
	w.store.deliveries[0].Status = models.StatusFailed
	job := w.call("POST", "/v3/deliveries/retry", key, `{"from":"2026-05-04T00:00:00Z"}`).is(202).json()["id"].(string)
	w.store.attempts[d.ID] = []models.Attempt{{DeliveryID: d.ID, OrganizationID: w.org, Number: 1, StartedAt: w.clock}}
	inbox := w.call("POST", "/v3/sandbox/inboxes", key, `{}`).is(201).json()["id"].(string)
	apiKey := w.store.keys[HashKey(w.key(w.org, models.RoleReader, models.Production))].ID.String()
	w.store.deliver = func(d *models.Delivery) { d.Status = models.StatusDelivered }
	return w, map[string]string{
		"workspace": workspace, "webhook": webhook, "event": event, "delivery": d.ID.String(), "event_type": "invoice.paid",
		"scope": "letter", "entity": "ours", "inbox": inbox, "job": job, "key": apiKey,
	}
}

func TestEveryRouteByRole(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	want := map[models.Role][]models.Action{
		models.RoleAdmin:     {models.ActionRead, models.ActionManage, models.ActionPublish, models.ActionKeys},
		models.RoleManager:   {models.ActionRead, models.ActionManage, models.ActionPublish},
		models.RolePublisher: {models.ActionPublish},
		models.RoleReader:    {models.ActionRead},
	}
	for _, r := range w.api.routes() {
		closed := r.path == "/v3/audit_log" || strings.HasPrefix(r.path, "/v3/api_keys") // not for every reader
		require.Equal(t, r.method == "GET" && !closed, r.action == models.ActionRead, "what reads is a GET: %s", r.path)
		for _, role := range models.Roles() {
			for _, env := range []models.Environment{models.Production, models.Sandbox} {
				t.Run(fmt.Sprintf("%s %s %s %s", r.method, r.path, role, env), func(t *testing.T) {
					w, ids := w, ids
					if r.method != "GET" { // it may change the world
						w, ids = furnished(t)
					}
					if strings.HasSuffix(r.path, "/finish_rotation") { // so that there is something to finish
						w.call("POST", "/v3/webhooks/"+ids["webhook"]+"/activate_secret", w.manager(), "").is(200)
					}
					a := w.in(t).call(r.method, address(r.path, ids), w.key(w.org, role, env), bodyFor(r))
					switch {
					case !slices.Contains(want[role], r.action):
						require.Equal(t, "access.forbidden", a.is(403).json()["type"])
					case env == models.Sandbox && r.production:
						require.Equal(t, typeNotEnabled, a.is(403).json()["type"])
					case env == models.Sandbox && strings.Contains(r.path, "/:") && !strings.HasPrefix(r.path, "/v3/sandbox/") && !ofCatalogue(r.path):
						a.is(404) // what is there is of production
					case r.method == "DELETE" && (strings.Contains(r.path, "workspace") || strings.Contains(r.path, "inbox")):
						a.is(204)
					default:
						require.Less(t, a.status, 300, a.body)
					}
				})
			}
		}
	}
}

// ofCatalogue tells what belongs to no environment.
func ofCatalogue(path string) bool {
	return strings.HasPrefix(path, "/v3/event_types") || strings.HasPrefix(path, "/v3/scopes") || strings.HasPrefix(path, "/v3/workspaces")
}

func TestNothingOfAnotherOrganizationIsVisible(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	for _, r := range w.api.routes() {
		for _, env := range []models.Environment{models.Production, models.Sandbox} {
			key := w.key(w.other, models.RoleAdmin, env)
			a := w.call(r.method, address(r.path, ids), key, bodyFor(r))
			name := r.method + " " + r.path
			for thing, id := range ids {
				if r.path == "/v3/audit_log" {
					break // it tells what they asked for themselves
				}
				require.NotContains(t, a.body, id, "%s shows a %s", name, thing)
			}
			if strings.Contains(r.path, ":") && !strings.Contains(r.path, ":scenario") {
				require.Contains(t, []int{404, 403}, a.status, name)
				if a.status == 403 {
					require.True(t, r.production)
				}
			}
		}
	}
	require.Len(t, w.store.inboxes, 3, "ours, and what they made for themselves")
	require.Len(t, w.store.deliveries, 1, "events of the other organization reach nobody here")
	require.True(t, w.store.subscriptions[0].DeletedAt.IsZero())
	foreign := w.key(w.other, models.RoleAdmin, models.Production)
	require.Contains(t, w.call("POST", "/v3/webhooks", foreign, validWebhook.with(object{"workspaces": []string{ids["workspace"]}})).invalid(),
		"workspaces[0]")
	for _, filter := range []string{"subscription_id=" + ids["webhook"]} {
		require.Empty(t, w.call("GET", "/v3/deliveries?"+filter, foreign, "").is(200).data())
	}
	require.Empty(t, w.call("GET", "/v3/events?entity_key=ours", foreign, "").is(200).data())
}

func TestASandboxKeySeesSandboxOnly(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	sandbox := w.key(w.org, models.RoleReader, models.Sandbox)
	w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(object{"scopes": []string{"*"}, "sandbox": true})).is(201)
	event := w.call("POST", "/v3/events", w.key(w.org, models.RolePublisher, models.Sandbox), validEvent.with(nil)).is(202).json()
	require.Equal(t, 1.0, event["matched"])
	for path, id := range map[string]string{"/v3/events": event["event_id"].(string), "/v3/deliveries": w.store.deliveries[1].ID.String()} {
		for query, n := range map[string]int{"": 1, "?sandbox=true": 1, "?sandbox=false": 0} {
			require.Len(t, w.call("GET", path+query, sandbox, "").is(200).data(), n, path+query)
		}
		require.Len(t, w.call("GET", path, w.manager(), "").is(200).data(), 2)
		w.call("GET", path+"/"+id, sandbox, "").is(200)
		w.call("GET", path+"/"+ids[strings.TrimSuffix(strings.TrimPrefix(path, "/v3/"), "s")], sandbox, "").is(404)
	}
	w.call("GET", "/v3/deliveries/"+ids["delivery"], sandbox, "").is(404)
	w.call("GET", "/v3/events/"+ids["event"]+"/deliveries", sandbox, "").is(404)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for _, path := range []string{"/", "/v3", "/v3/", "/v3/webhook", "/v3/webhooks/", "/v3/webhooks/subscriptions/x", "/v4/webhooks", "//v3/webhooks", "/admin/v1/ledger", "/v3/../admin"} {
		a := w.call("GET", path, key, "").is(404).json()
		require.Equal(t, typeNotFound, a["type"], path)
		require.NotEmpty(t, a["message"])
	}
	paths := map[string][]string{}
	for _, r := range w.api.routes() {
		paths[r.path] = append(paths[r.path], r.method)
	}
	for path, methods := range paths {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"} {
			if slices.Contains(methods, method) {
				continue
			}
			where := address(path, map[string]string{"webhook": "x", "event_type": "x", "event": "x", "delivery": "x", "workspace": "x", "scope": "x", "entity": "x", "inbox": "x", "job": "x", "key": "x"})
			a := w.call(method, where, key, "")
			if (path == "/v3/events/batch" || path == "/v3/webhooks/dry_run" || path == "/v3/event_types/dry_run" || path == "/v3/deliveries/retry") && a.status == http.StatusNotFound {
				continue // an event, webhook, event type or delivery of this id, which is none
			}
			if path == "/v3/event_types/dry_run" && method == http.MethodPatch {
				a.is(400) // an event type of this name, asked to change without saying how
				continue
			}
			a.is(405)
			allowed := strings.Split(a.header.Get("Allow"), ", ")
			for _, m := range methods {
				require.Contains(t, allowed, m, where)
			}
			body := a.json()
			require.Equal(t, body["message"], body["detail"])
			require.Equal(t, typeMethod, body["type"])
			require.NotEmpty(t, a.header.Get("RateLimit-Limit")+a.header.Get("X-Request-Id"))
		}
	}
	for _, id := range []string{"1", "nope", "9a93d3b5fb3b4abf9e7026315b33506c", "%7B9a93d3b5-fb3b-4abf-9e70-26315b33506c%7D", "%00", "%ff", "';--", "%2e%2e"} {
		for _, path := range []string{"/v3/webhooks/", "/v3/events/", "/v3/deliveries/"} {
			require.Equal(t, typeNotFound, w.call("GET", path+id, key, "").is(404).json()["type"], path+id)
		}
	}
}

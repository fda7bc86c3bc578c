package handlers

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"hookrouter/handlers/openapi"
	"hookrouter/models"
)

// TestParametersAreTheDescribedOnes calls each list of /v3 with each parameter of the description, none of which may be unknown to it, and
// with one that no list has.
func TestParametersAreTheDescribedOnes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	key := w.key(w.org, models.RoleAdmin, models.Production)
	sub := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()["id"].(string)
	event := w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202).json()["event_id"].(string)
	inbox := w.call("POST", "/v3/sandbox/inboxes", key, "{}").is(201).json()["id"].(string)
	fill := strings.NewReplacer("{webhook}", sub, "{event}", event, "{inbox}", inbox)
	unknown := func(path, name string) bool {
		return strings.Contains(w.call("GET", path+"?"+name+"=%7F", key, "").body, reason("parameter", ""))
	}
	lists := 0
	for path, item := range doc.Paths.Map() {
		if item.Get == nil || !ofV3(path) {
			continue
		}
		at := fill.Replace(path)
		for _, p := range item.Get.Parameters {
			require.False(t, p.Value.In == "query" && unknown(at, p.Value.Name), "%s %s", path, p.Value.Name)
		}
		if strings.Contains(at, "{") || strings.HasSuffix(path, "}") {
			continue // one thing, which no parameter can make another
		}
		lists++
		require.Contains(t, w.call("GET", at+"?colour=1", key, "").invalid(), "colour", path)
	}
	require.Greater(t, lists, 15)
}

// TestCallsThatDoSomethingTakeNoParameters: who sends dry_run in the address expects it to hold.
func TestCallsThatDoSomethingTakeNoParameters(t *testing.T) {
	t.Parallel()
	w, key := past(t, 3)
	delivery := w.call("GET", "/v3/deliveries?limit=1", key, "").data()[0]["id"].(string)
	id := models.ID{1}.String()
	sub := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()["id"].(string)
	for path, method := range map[string]string{
		"/v3/webhooks/" + sub + "/rotate_secret": "POST", "/v3/webhooks/" + sub + "/activate_secret": "POST", "/v3/webhooks/" + sub + "/cancel_rotation": "POST", "/v3/webhooks/" + sub + "/suspend": "POST",
		"/v3/webhooks/" + sub + "/resume": "POST", "/v3/webhooks/" + sub + "/revert": "POST", "/v3/webhooks/" + sub + "/test": "POST",
		"/v3/webhooks/" + sub + "/backfill": "POST", "/v3/deliveries/retry": "POST", "/v3/deliveries/" + delivery + "/retry": "POST",
		"/v3/events/" + id + "/replay": "POST", "/v3/sandbox/events": "POST", "/v3/sandbox/scenarios/signature_done/run": "POST",
		"/v3/jobs/" + id: "DELETE", "/v3/events/" + id + "/payload": "DELETE", "/v3/entities/pack": "DELETE",
	} {
		require.Equal(t, map[string]string{"dry_run": reason("parameter", "")}, w.call(method, path+"?dry_run=true", key, "").invalid(), path)
		require.Contains(t, w.call(method, path+"?a=%zz", key, "").invalid(), "query", path)
	}
}

// TestActionsCanBeFiltered: the audit log knows every action that a route enters, and no more than the program has.
func TestActionsCanBeFiltered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	known := models.AuditActions()
	require.IsIncreasing(t, known)
	for _, action := range actions {
		require.Contains(t, known, action)
	}
	o := w.api.Options
	o.Surfaces = []Surface{{Routes: []Route{{Method: "POST", Path: "/x", Does: "thing.do"}}}}
	_, err := New(o)
	require.ErrorContains(t, err, "thing.do", "a surface can't enter what nobody can look up")
	for _, good := range append(known, "*", "webhook.*", "event_type.*") {
		w.call("GET", "/v3/audit_log?action="+good, key, "").is(200)
	}
	for _, bad := range []string{"webhooks.delete", "webhook", "webhook.", "webhooks.*", "web*", "webhook.create.*", "WEBHOOK.CREATE"} {
		require.Contains(t, w.call("GET", "/v3/audit_log?action="+bad, key, "").invalid()["action"], strings.Join(known, ", "), bad)
	}
}

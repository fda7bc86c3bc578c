package quicklysign

import (
	"crypto/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/handlers"
	"hookrouter/models"
)

// The requests below are those of the vendor's pages, with placeholders filled in and another host. The pages are named in doc.go.

const pack = "ahFzfnF1aWNrbHlzaWduLWRldnInCxIIRG9jdW1lbnQiGWY2VDNXNW9DejVnQWJnMTgyYjYwMDQyZTAM"

// v1Create is the sample of the V1 page, v0Create that of the older one, whose callback is a placeholder.
const (
	v1Create = `{
"client_secret": "{{client_secret}}",
"client_id": "{{client_id}}",
"webhook": {
"entity_key": "` + pack + `",
"callback": "https://yourapp.com/callback"
}
}`
	v0Create = `{
    "client_secret": "{{client_secret}}",
    "webhook": {
        "entity_key": "` + pack + `",
        "callback": "https://yourownURL.io/test_callback"
    },
    "client_id": "{{client_id}}"
}`
)

var urlSafe = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// requireWebhook checks a webhook's documented fields and their types. withKey is the field that the older page shows as null.
func requireWebhook(t *testing.T, w map[string]any, callback, withKey string) {
	t.Helper()
	require.Len(t, w, 6)
	require.Regexp(t, urlSafe, w["key"])
	require.Equal(t, pack, w["entity_key"])
	require.Equal(t, callback, w["callback"])
	for _, name := range []string{"date_created", "date_updated"} {
		at, ok := w[name].(float64)
		require.True(t, ok, name)
		require.Greater(t, at, 1.4e12, "milliseconds")
		require.Equal(t, at, float64(int64(at)))
	}
	require.Contains(t, w, withKey)
	require.Nil(t, w[withKey])
}

func TestTheV1PageAsShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	created := w.raw("POST", "/v1/webhooks", v1Create, "Authorization: Bearer <ACCESS_TOKEN>", "Content-Type: application/json")
	require.Equal(t, map[string]any{"status_code": 200.0}, created.is(200).json()["status"])
	require.Len(t, created.json(), 2, "status and data")
	require.Len(t, created.data(), 1)
	hook := created.one("webhook")
	requireWebhook(t, hook, "https://yourapp.com/callback", "webhook_key")
	key := hook["key"].(string)
	require.Equal(t, 1, w.changes)

	got := w.raw("GET", "/v1/webhooks/"+key+"?client_id={{client_id}}&client_secret={{client_secret}}", "")
	require.Equal(t, hook, got.one("webhook"))
	const all = "/v1/webhooks?client_id={{client_id}}&client_secret={{client_secret}}"
	require.Equal(t, []map[string]any{hook}, w.raw("GET", all, "").many("webhooks"))
	require.Equal(t, []map[string]any{hook}, w.raw("GET", all+"&entity_key="+pack, "").many("webhooks"))
	require.Empty(t, w.raw("GET", all+"&entity_key=another", "").many("webhooks"))

	deleted := w.raw("DELETE", "/v1/webhooks/"+key+"?client_id={{client_id}}&client_secret={{client_secret}}", "")
	require.Equal(t, hook, deleted.one("webhook"))
	require.Equal(t, 2, w.changes)
	for _, method := range []string{"GET", "DELETE"} {
		gone := w.raw(method, "/v1/webhooks/"+key+"?client_id={{client_id}}&client_secret={{client_secret}}", "").is(404)
		require.Equal(t, []string{"not_found"}, gone.errors())
	}

	first, second := w.webhook(pack, "https://yourapp.com/callback"), w.webhook(pack, "https://yourapp.com/other")
	kept := w.webhook("another", "https://yourapp.com/callback")
	byEntity := w.raw("DELETE", all+"&entity_key="+pack, "").many("webhooks")
	require.Equal(t, []any{first, second}, []any{byEntity[0]["key"], byEntity[1]["key"]})
	require.Empty(t, w.raw("DELETE", all+"&entity_key="+pack, "").many("webhooks"), "once more changes nothing")
	left := w.raw("GET", all, "").many("webhooks")
	require.Len(t, left, 1)
	require.Equal(t, kept, left[0]["key"])
}

func TestTheOlderPageAsShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	created := w.raw("POST", "/v1/webhooks", v0Create)
	hook := created.one("webhook")
	requireWebhook(t, hook, "https://yourownURL.io/test_callback", "webhook_key")
	key := hook["key"].(string)
	require.Equal(t, hook, w.raw("GET", "/v1/webhooks/"+key+"?client_id=<client_id>&client_secret=<client_secret>", "").one("webhook"))
	require.Len(t, w.raw("GET", "/v1/webhooks?client_id=<client_id>&client_secret=<client_secret>", "").many("webhooks"), 1)

	// Both ways to unsubscribe are in the singular.
	require.Equal(t, hook, w.raw("DELETE", "/v1/webhook/"+key+"?client_id={{client_id}}&client_secret={{client_secret}}", "").one("webhook"))
	w.webhook(pack, "https://yourapp.com/callback")
	gone := w.raw("DELETE", "/v1/webhook?client_id={{client_id}}&client_secret={{client_secret}}&entity_key="+pack, "")
	require.Len(t, gone.many("webhooks"), 1)
	require.Empty(t, w.raw("GET", "/v1/webhook?client_id={{client_id}}&client_secret={{client_secret}}", "").many("webhooks"))

	// Migration: /webhooks was /subscriptions, and webhook_key was subscription_key.
	for _, path := range []string{"/v1/subscriptions", "/v1/subscription"} {
		for _, body := range []string{v0Create, strings.Replace(v0Create, `"webhook"`, `"subscription"`, 1)} {
			sub := w.raw("POST", path, body).one("subscription")
			requireWebhook(t, sub, "https://yourownURL.io/test_callback", "subscription_key")
			key := sub["key"].(string)
			require.Equal(t, sub, w.get(path+"/"+key).one("subscription"))
			require.Equal(t, key, w.get("/v1/webhooks/" + key).one("webhook")["key"], "the newer paths know it too")
			require.Len(t, w.get(path, "entity_key", pack).many("subscriptions"), 1)
			w.call(key, "document_updated", 200)
			require.Len(t, w.get("/v1/webhook_callback_logs", "subscription_key", key).many("webhook_callback_logs"), 2)
			require.Equal(t, sub, w.raw("DELETE", w.with(path+"/"+key), "").one("subscription"))
			require.Empty(t, w.raw("DELETE", w.with(path, "entity_key", pack), "").many("subscriptions"))
		}
	}
	require.Equal(t, []string{"webhook"}, w.raw("POST", "/v1/webhooks", strings.Replace(v0Create, `"webhook"`, `"subscription"`, 1)).is(400).errors())
}

func TestTheLogPageAsShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.webhook(pack, "https://yourapp.com/callback")
	begin := float64(w.clock.Now().UnixMilli())
	delivery := w.call(key, "document_status_changed", 200)
	got := w.raw("GET", "/v1/webhook_callback_logs?client_id={{client_id}}&client_secret={{client_secret}}", "")
	require.Equal(t, map[string]any{"status_code": 200.0}, got.json()["status"])
	require.Len(t, got.json(), 2)
	logs := got.many("webhook_callback_logs")
	require.Len(t, logs, 2)
	for i, want := range []struct {
		log string
		at  float64
	}{
		// Oldest first, as the text of the page says; its sample has them the other way round.
		{"Calling callback url https://yourapp.com/callback.", begin},
		{"Successful call to url https://yourapp.com/callback. Received 200 response", begin + 32},
	} {
		require.Len(t, logs[i], 9)
		require.Regexp(t, urlSafe, logs[i]["key"])
		require.Regexp(t, urlSafe, logs[i]["subscriber_key"])
		require.Equal(t, w.org.OpaqueKey(), logs[i]["subscriber_key"])
		require.Equal(t, map[string]any{
			"key": logs[i]["key"], "entity_key": pack, "callback_event": "document_status_changed", "log": want.log,
			"subscriber_key": logs[i]["subscriber_key"], "subscription_key": key, "date_created": want.at, "date_updated": want.at,
			"_id": delivery.String(),
		}, logs[i])
	}
	require.NotEqual(t, logs[0]["key"], logs[1]["key"])
	for name, value := range map[string]string{"entity_key": pack, "webhook_key": key} {
		require.Equal(t, logs, w.get("/v1/webhook_callback_logs", name, value).many("webhook_callback_logs"))
	}
	require.Empty(t, w.get("/v1/webhook_callback_logs", "entity_key", "another").many("webhook_callback_logs"))
	both := w.get("/v1/webhook_callback_logs", "entity_key", pack, "webhook_key", key).is(400)
	require.Equal(t, []string{"webhook_key"}, both.errors())
}

// TestWebhooksUnderV3 covers that a webhook is a subscription like any other: shown by its key, with statistics of its calls.
func TestWebhooksUnderV3(t *testing.T) {
	t.Parallel()
	w := setup(t)
	text, err := handlers.NewKeyText(rand.Reader, models.Production)
	require.NoError(t, err)
	w.save(w.org, text, models.RoleReader, models.Production)
	v3 := func(path string) map[string]any {
		a := w.raw("GET", path, "", "Authorization: Bearer "+text)
		require.Equal(t, 200, a.code, a.body)
		return a.json()
	}
	for _, path := range []string{"/v1/webhooks", "/v1/subscriptions"} {
		for _, shown := range w.raw("POST", path, v0Create).data() {
			key := shown.(map[string]any)["key"].(string)
			id, ok := models.ParseKey(key)
			require.True(t, ok)
			sub := v3("/v3/webhooks/" + id.String())
			require.Equal(t, []any{key, pack, "quicklysign"}, []any{sub["webhook_key"], sub["entity_key"], sub["format"]})

			w.call(key, "document_status_changed", 503, 200)
			stats := v3("/v3/webhooks/" + id.String() + "/stats")
			total := stats["total"].(map[string]any)
			require.Equal(t, []any{2.0, 1.0, map[string]any{"2xx": 1.0, "5xx": 1.0}}, []any{total["attempts"], total["succeeded"], total["by_status"]})
			list := v3("/v3/stats?subscription_ids=" + id.String())["webhooks"].([]any)
			require.Equal(t, true, list[0].(map[string]any)["last_attempt"].(map[string]any)["success"])

			w.raw("DELETE", w.with(path+"/"+key), "").is(200)
			require.Equal(t, 404, w.raw("GET", "/v3/webhooks/"+id.String()+"/stats", "", "Authorization: Bearer "+text).code)
		}
	}
	require.Equal(t, 4.0, v3("/v3/stats")["total"].(map[string]any)["attempts"], "what was counted stays")
}

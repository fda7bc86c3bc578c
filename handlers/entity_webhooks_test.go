package handlers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestWebhooksOfEntitiesUnderV3 makes, shows and changes subscriptions as QuicklySign has them.
func TestWebhooksOfEntitiesUnderV3(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.SubscriptionQuota, o.EntityWebhookQuota = 3, 7 })
	key := w.manager()
	pack := w.webhook(key, object{"format": "quicklysign", "entity_key": "pack"})
	require.Equal(t, 7, w.store.quota, "it counts apart from the others")
	plain := w.webhook(key, nil)
	require.Equal(t, 3, w.store.quota)
	loose := w.webhook(key, object{"format": "quicklysign"})
	require.Equal(t, 3, w.store.quota, "one of no entity is like any other")

	shown := w.call("GET", "/v3/webhooks/"+pack, key, "").is(200).json()
	id, err := models.ParseID(pack)
	require.NoError(t, err)
	require.Equal(t, id.OpaqueKey(), shown["webhook_key"])
	require.NotContains(t, w.call("GET", "/v3/webhooks/"+plain, key, "").is(200).json(), "webhook_key")

	for body, wrong := range map[string][]string{
		`{"format":"yousign"}`:                      {"format"},
		`{"entity_key":"other"}`:                    {"entity_key"},
		`{"entity_key":null}`:                       {"entity_key"},
		`{"sandbox":true}`:                          {"sandbox"},
		`{"format":"yousign","entity_key":"other"}`: {"format", "entity_key"},
	} {
		invalid := w.call("PATCH", "/v3/webhooks/"+pack, key, body).invalid()
		require.Len(t, invalid, len(wrong), body)
		for _, name := range wrong {
			require.Contains(t, invalid[name], "stays with it", body)
		}
	}
	require.Contains(t, w.call("PATCH", "/v3/webhooks/"+plain, key, `{"format":"quicklysign","entity_key":"pack"}`).invalid(), "format")
	require.Contains(t, w.call("PATCH", "/v3/webhooks/"+loose, key, `{"entity_key":"pack"}`).invalid(), "entity_key")
	w.call("PATCH", "/v3/webhooks/"+plain, key, `{"entity_key":"pack"}`).is(200)
	w.call("PATCH", "/v3/webhooks/"+loose, key, `{"format":"yousign"}`).is(200)
	changed := w.call("PATCH", "/v3/webhooks/"+pack, key,
		`{"format":"quicklysign","entity_key":"pack","endpoint":"https://b.test/","description":"x","enabled":false,"headers":{"X-A":"b"}}`).is(200).json()
	require.Equal(t, []any{"https://b.test/", "x", false}, []any{changed["endpoint"], changed["description"], changed["enabled"]})
}

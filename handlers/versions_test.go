package handlers

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// webhook makes a subscription and returns its id.
func (w *world) webhook(key string, changes object) string {
	w.t.Helper()
	return w.call("POST", "/v3/webhooks", key, validWebhook.with(changes)).is(201).json()["id"].(string)
}

func TestVersionsShowWhoChangedWhat(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, second := w.manager(), w.manager()
	id := w.webhook(key, object{"headers": object{"X-Token": "t0ken-one", "X-Old": "gone"}})
	path := "/v3/webhooks/" + id
	w.clock = w.clock.Add(time.Hour)
	w.call("PATCH", path, second, `{"subscribed_events":["*"],"max_in_flight":3,"secret_key":"abcdefghijklmnopqrstuvwxyz012345",
		"headers":{"X-Token":"t0ken-two","X-New":"n3w"}}`).is(200)
	w.clock = w.clock.Add(time.Hour)
	w.call("DELETE", path, key, "").is(204)

	for _, reader := range []string{key, w.key(w.org, models.RoleReader, models.Production)} {
		a := w.call("GET", path+"/versions", reader, "").is(200)
		for _, secret := range []string{"t0ken", "n3w", "gone", "abcdefgh", "ssssss"} {
			require.NotContains(t, a.body, secret, "no secret is shown to anybody")
		}
		list := a.data()
		require.Len(t, list, 3)
		require.Equal(t, []any{3.0, "deleted"}, []any{list[0]["version"], list[0]["action"]})
		require.Equal(t, "2026-05-04T12:00:07.123Z", list[0]["changed_at"])
		require.Equal(t, []any{}, list[0]["changes"])
		require.Equal(t, []any{1.0, "created"}, []any{list[2]["version"], list[2]["action"]})
		require.Equal(t, []any{}, list[2]["changes"])

		changed := list[1]
		require.Equal(t, "changed", changed["action"])
		require.Equal(t, w.store.keys[HashKey(second)].ID.String(), changed["changed_by"].(map[string]any)["key_id"])
		require.Equal(t, KeyHint(second), changed["changed_by"].(map[string]any)["key_hint"])
		require.Equal(t, []any{
			map[string]any{"field": "subscribed_events", "change": "changed", "before": []any{"signature_request.done", "signer.done"}, "after": []any{"*"}},
			map[string]any{"field": "max_in_flight", "change": "changed", "before": nil, "after": 3.0},
			map[string]any{"field": "secret_key", "change": "changed"},
			map[string]any{"field": "headers[X-Token]", "change": "changed"},
			map[string]any{"field": "headers[X-New]", "change": "added"},
			map[string]any{"field": "headers[X-Old]", "change": "removed"},
		}, changed["changes"])
		require.Equal(t, []any{"*"}, changed["webhook"].(map[string]any)["subscribed_events"])
	}
	w.call("GET", path+"/versions", w.key(w.other, models.RoleAdmin, models.Production), "").is(404)
	w.call("GET", "/v3/webhooks/"+w.store.newID().String()+"/versions", key, "").is(404)
	require.Contains(t, w.call("GET", path+"/versions?version=1", key, "").invalid(), "version")
}

// TestTheHistoryOfSecretsOutlivesThem changes the secret in each way there is. The store takes the secrets before the current one out of all
// versions, which must not take the changes out of the history.
func TestTheHistoryOfSecretsOutlivesThem(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := "/v3/webhooks/" + w.webhook(key, nil)
	w.call("PATCH", path, key, `{"secret_key":"abcdefghijklmnopqrstuvwxyz012345"}`).is(200)
	w.call("POST", path+"/rotate_secret", key, `{"overlap_seconds":0}`).is(200)
	w.call("PATCH", path, key, `{"format":"documenso"}`).is(200)
	w.call("PATCH", path, key, `{"secret_key":""}`).is(200)
	w.call("PATCH", path, key, `{"secret_key":"clear"}`).is(200)
	w.call("PATCH", path, key, `{"secret_key":""}`).is(200)
	w.call("PATCH", path, key, `{"format":"yousign"}`).is(200)
	for _, v := range w.store.history {
		v.Subscription.Secret = models.Secret{}
	}
	secret := map[string]any{"field": "secret_key", "change": "changed"}
	format := func(before, after string) map[string]any {
		return map[string]any{"field": "format", "change": "changed", "before": before, "after": after}
	}
	var changes []any
	for _, v := range w.call("GET", path+"/versions", key, "").is(200).data() {
		changes = append(changes, v["changes"])
	}
	require.Equal(t, []any{
		[]any{format("documenso", "yousign"), secret},
		[]any{secret},
		[]any{secret},
		[]any{secret},
		[]any{format("yousign", "documenso")},
		[]any{secret},
		[]any{secret},
		[]any{},
	}, changes)
}

func TestVersionsArePaged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := "/v3/webhooks/" + w.webhook(key, nil)
	for i := range 6 {
		w.call("PATCH", path, key, fmt.Sprintf(`{"max_in_flight":%d}`, i+1)).is(200)
	}
	var versions []any
	query := "?limit=2"
	for {
		a := w.call("GET", path+"/versions"+query, key, "").is(200)
		for _, v := range a.data() {
			versions = append(versions, v["version"])
			if v["version"] != 1.0 {
				require.Len(t, v["changes"], 1, "also the last of a page is compared")
			}
		}
		if a.next() == "" {
			break
		}
		query = "?limit=2&after=" + a.next()
	}
	require.Equal(t, []any{7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0}, versions)
	other := "/v3/webhooks/" + w.webhook(key, nil)
	require.Contains(t, w.call("GET", other+"/versions"+query, key, "").invalid(), "after", "a cursor of another list")
}

func TestASandboxKeySeesVersionsOfTheSandboxOnly(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	id := w.webhook(key, object{"description": "of production"})
	path := "/v3/webhooks/" + id
	w.call("GET", path+"/versions", sandbox, "").is(404)
	w.call("PATCH", path, key, `{"sandbox":true,"description":"of the sandbox"}`).is(200)
	w.call("PATCH", path, key, `{"max_in_flight":2}`).is(200)
	a := w.call("GET", path+"/versions", sandbox, "").is(200)
	require.NotContains(t, a.body, "of production")
	list := a.data()
	require.Len(t, list, 2)
	require.Len(t, list[0]["changes"], 1)
	require.Nil(t, list[1]["changes"], "the one before was of production")
	require.Contains(t, w.call("POST", path+"/revert", sandbox, `{"version":1}`).invalid(), "version")
	w.call("POST", path+"/revert", sandbox, `{"version":2}`).is(200)
	w.call("PATCH", path, key, `{"sandbox":false}`).is(200)
	w.call("POST", path+"/revert", sandbox, `{"version":2}`).is(404)
}

func TestRevert(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	id := w.webhook(key, object{"headers": object{"X-Token": "one"}, "secret_key": "abcdefghijklmnopqrstuvwxyz012345"})
	path := "/v3/webhooks/" + id
	const next = "012345abcdefghijklmnopqrstuvwxyz"
	w.call("PATCH", path, key, `{"endpoint":"https://other.test/","headers":{},"enabled":false,"secret_key":"`+next+`"}`).is(200)
	refreshes := w.store.refreshes
	got := w.call("POST", path+"/revert", key, `{"version":1}`).is(200).json()
	require.Equal(t, validWebhook["endpoint"], got["endpoint"])
	require.Equal(t, map[string]any{"X-Token": "one"}, got["headers"])
	require.Equal(t, true, got["enabled"])
	require.Equal(t, next, got["secret_key"], "the secret stays")
	require.Equal(t, refreshes+1, w.store.refreshes)
	list := w.call("GET", path+"/versions", key, "").is(200).data()
	require.Len(t, list, 3, "it is a new version")

	for _, body := range []string{`{"version":9}`, `{"version":0}`, `{"version":-1}`, `{"version":"1"}`, `{"version":1.5}`, `{}`, `{"version":99999999999}`} {
		require.Contains(t, w.call("POST", path+"/revert", key, body).invalid(), "version", body)
	}
	w.call("POST", "/v3/webhooks/"+w.store.newID().String()+"/revert", key, `{"version":1}`).is(404)
	w.call("POST", path+"/revert", w.key(w.other, models.RoleManager, models.Production), `{"version":1}`).is(404)
	w.call("POST", path+"/revert", w.key(w.org, models.RoleReader, models.Production), `{"version":1}`).is(403)
}

// TestARevertIsCheckedAsToday reverts to rules that were good once.
func TestARevertIsCheckedAsToday(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	workspace := w.call("POST", "/v3/workspaces", key, `{"name":"Sales"}`).is(201).json()["id"].(string)
	path := "/v3/webhooks/" + w.webhook(key, object{"workspaces": []string{workspace}})
	w.call("PATCH", path, key, `{"workspaces":["*"]}`).is(200)
	w.call("DELETE", "/v3/workspaces/"+workspace, key, "").is(204)
	require.Contains(t, w.call("POST", path+"/revert", key, `{"version":1}`).invalid(), "workspaces[0]")
	w.store.history[0].Subscription.Endpoint = "http://10.0.0.1/"
	for _, v := range w.store.versions {
		if v.Version == 1 {
			v.Endpoint, v.Scopes = "http://10.0.0.1/", []string{"forgotten"}
		}
	}
	invalid := w.call("POST", path+"/revert", key, `{"version":1}`).invalid()
	require.Contains(t, invalid, "endpoint")
	require.Contains(t, invalid, "scopes[0]")
	w.call("DELETE", path, key, "").is(204)
	w.call("POST", path+"/revert", key, `{"version":2}`).is(404)
}

// TestARevertFitsTheSecret reverts to a format that the secret of today does not do for: no call could be signed.
func TestARevertFitsTheSecret(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := "/v3/webhooks/" + w.webhook(key, object{"format": "standard_webhooks"})
	w.call("PATCH", path, key, `{"format":"yousign","secret_key":"!012345abcdefghijklmnopqrstuvwxy"}`).is(200)
	require.Contains(t, w.call("POST", path+"/revert", key, `{"version":1}`).invalid(), "format")
	require.Equal(t, "yousign", w.call("GET", path, key, "").is(200).json()["format"])

	// Nor may the one that waits for its activation be unfit.
	path = "/v3/webhooks/" + w.webhook(key, object{"format": "standard_webhooks"})
	w.call("PATCH", path, key, `{"format":"yousign"}`).is(200)
	w.call("POST", path+"/revert", key, `{"version":1}`).is(200)
	w.call("POST", path+"/revert", key, `{"version":2}`).is(200)
	w.call("POST", path+"/rotate_secret", key, `{"secret_key":"!012345abcdefghijklmnopqrstuvwxy"}`).is(200)
	require.Contains(t, w.call("POST", path+"/revert", key, `{"version":1}`).invalid(), "format")
}

package handlers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAChangeMadeForAnotherVersionIsRefused holds that two who read the same state can't undo one another without knowing.
func TestAChangeMadeForAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	s := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()
	path := "/v3/webhooks/" + s["id"].(string)
	require.Equal(t, 1.0, s["version"])

	require.Equal(t, 2.0, w.call("PATCH", path, key, `{"version":1,"description":"first"}`).is(200).json()["version"])
	refused := w.call("PATCH", path, key, `{"version":1,"description":"second","secret_key":"12345678901234567890123456789012"}`).is(409).json()
	require.Equal(t, "resource.conflict", refused["type"])
	require.Contains(t, refused["detail"], "at version 2")
	now := w.call("GET", path, key, "").is(200).json()
	require.Equal(t, "first", now["description"])
	require.Equal(t, s["secret_key"], now["secret_key"])
	require.Equal(t, 2.0, now["version"])
	for _, none := range []string{`{"description":"third"}`, `{"version":null,"description":"third"}`} {
		w.call("PATCH", path, key, none).is(200)
	}
	for bad, says := range map[string]string{`0`: "at least 1", `-1`: "at least 1", `"2"`: "whole number", `1.5`: "whole number", `true`: "whole number"} {
		wrong := w.call("PATCH", path, key, `{"version":`+bad+`,"description":"x"}`).is(400).json()["invalid_params"].([]any)
		require.Equal(t, "version", wrong[0].(map[string]any)["name"], bad)
		require.Contains(t, wrong[0].(map[string]any)["reason"], says, bad)
	}
	require.Equal(t, "third", w.call("GET", path, key, "").is(200).json()["description"])
}

// TestAChangeThatChangesNothingLeavesNoTrace sends what is there already, as clients do that send again what they want to be there.
func TestAChangeThatChangesNothingLeavesNoTrace(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	s := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"headers": object{"A": "1", "B": "2"}})).is(201).json()
	path := "/v3/webhooks/" + s["id"].(string)
	revision, entries := w.store.revision, len(w.store.audit)
	whole := object{}
	for name := range validWebhook {
		whole[name] = s[name]
	}
	for _, same := range []string{
		`{}`, `{"version":1}`, `{"enabled":true,"secret_key":null}`, `{"secret_key":"` + s["secret_key"].(string) + `"}`,
		`{"headers":{"B":"2","A":"1"}}`, whole.with(object{"version": 1}),
	} {
		require.Equal(t, s, w.call("PATCH", path, key, same).is(200).json(), same)
	}
	require.Equal(t, s, w.call("POST", path+"/revert", key, `{"version":1}`).is(200).json())
	require.Len(t, w.call("GET", path+"/versions", key, "").is(200).data(), 1)
	require.Equal(t, revision, w.store.revision)
	require.Len(t, w.store.audit, entries)

	w.call("PATCH", path, key, `{"version":2}`).is(409)
	w.call("PATCH", path, key, `{"enabled":1}`).is(400)
	require.Len(t, w.store.audit, entries+2, "a refusal is entered")
	require.Equal(t, 2.0, w.call("PATCH", path, key, `{"version":1,"description":"other"}`).is(200).json()["version"])
	require.Len(t, w.store.audit, entries+3)
}

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

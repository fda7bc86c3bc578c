package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

const (
	chosenSecret = "n3wn3wn3wn3wn3wn3wn3wn3wn3wn3wn3"
	privateKey   = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=" // RFC 8032, section 7.1, test 1
	publicKey    = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
)

// webhookPath makes a subscription and returns its path.
func (w *world) webhookPath(key string, changes object) string {
	w.t.Helper()
	return "/v3/webhooks/" + w.call("POST", "/v3/webhooks", key, validWebhook.with(changes)).is(201).json()["id"].(string)
}

// secret is what the subscription's answer shows.
func (w *world) secret(path, key string) string {
	w.t.Helper()
	return w.call("GET", path, key, "").is(200).json()["secret_key"].(string)
}

func TestRotationFromBeginToEnd(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, nil)
	first := w.secret(path, key)

	next := w.call("POST", path+"/rotate_secret", key, object{"overlap_seconds": 3600, "secret_key": chosenSecret}.with(nil)).is(200).json()
	require.Equal(t, map[string]any{
		"number": 2.0, "state": "next", "secret_key": chosenSecret, "activates_at": millis(w.clock.Add(time.Hour)), "ends_at": nil,
	}, next)
	require.Equal(t, first, w.secret(path, key), "until it is activated, the current secret is the first")
	states := func() string {
		var states []string
		for _, line := range w.call("GET", path+"/secrets", key, "").is(200).data() {
			require.NotContains(t, line, "secret_key", "a secret is shown once")
			states = append(states, fmt.Sprint(line["number"], " ", line["state"]))
		}
		return strings.Join(states, ", ")
	}
	require.Equal(t, "2 next, 1 current", states())

	w.clock = w.clock.Add(time.Minute)
	active := w.call("POST", path+"/activate_secret", key, "").is(200).json()
	require.Equal(t, map[string]any{"number": 2.0, "state": "current", "activates_at": nil, "ends_at": nil}, active)
	require.Equal(t, chosenSecret, w.secret(path, key))
	require.Equal(t, "2 current, 1 previous", states())
	require.Equal(t, "resource.conflict", w.call("POST", path+"/activate_secret", key, "").is(409).json()["type"])
	require.Contains(t, w.call("POST", path+"/rotate_secret", key, "{}").is(409).json()["detail"], "2026-05-04T11:01:07Z")

	w.clock = w.clock.Add(time.Hour - time.Millisecond)
	require.Equal(t, "2 current, 1 previous", states())
	w.clock = w.clock.Add(time.Millisecond)
	require.Equal(t, "2 current", states(), "time alone ends it")
	w.call("POST", path+"/rotate_secret", key, "").is(200)
	w.clock = w.clock.Add(24*time.Hour + time.Minute)
	require.Equal(t, "3 current, 2 previous", states(), "time alone activates it, a day later where the call does not say")
}

func TestARotationIsTakenBack(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, nil)
	first := w.secret(path, key)
	require.Contains(t, w.call("POST", path+"/cancel_rotation", key, "").is(409).json()["detail"], "no rotation")
	w.call("POST", path+"/rotate_secret", key, object{"secret_key": chosenSecret}.with(nil)).is(200)
	require.Contains(t, w.call("POST", path+"/finish_rotation", key, "").is(409).json()["detail"], "cancel_rotation")
	require.Equal(t, map[string]any{"number": 1.0, "state": "current", "activates_at": nil, "ends_at": nil},
		w.call("POST", path+"/cancel_rotation", key, "").is(200).json())
	require.Len(t, w.call("GET", path+"/secrets", key, "").is(200).data(), 1)
	require.Equal(t, first, w.secret(path, key))
	require.Equal(t, models.Signing{Current: models.NewSecret(first)}, w.store.subscriptions[0].Signing(w.clock.Add(100*time.Hour)))
	newest := w.call("GET", path+"/versions", key, "").is(200).data()[0]
	require.Equal(t, 3.0, newest["version"])
	require.NotNil(t, newest["changed_by"])
	entry := w.store.audit[len(w.store.audit)-1]
	require.Equal(t, []any{"webhook.cancel_rotation", models.AuditDone, models.ActorKey}, []any{entry.Action, entry.Outcome, entry.Actor.Kind})

	next := w.call("POST", path+"/rotate_secret", key, "").is(200).json()
	require.Equal(t, 3.0, next["number"], "the number of what was taken back is not given again")
	w.clock = w.clock.Add(24 * time.Hour)
	require.Contains(t, w.call("POST", path+"/cancel_rotation", key, "").is(409).json()["detail"], "finish_rotation", "time was faster")
	require.Contains(t, w.call("POST", path+"/rotate_secret", key, "").is(409).json()["detail"], "finish_rotation")
	require.Equal(t, 3.0, w.call("POST", path+"/finish_rotation", key, "").is(200).json()["number"])
	require.Len(t, w.call("GET", path+"/secrets", key, "").is(200).data(), 1)
	require.Equal(t, next["secret_key"], w.secret(path, key))
	require.Equal(t, "webhook.finish_rotation", w.store.audit[len(w.store.audit)-1].Action)
	require.Equal(t, []any{map[string]any{"field": "secret_key", "change": "changed"}}, w.call("GET", path+"/versions", key, "").is(200).data()[0]["changes"])
	require.Contains(t, w.call("POST", path+"/finish_rotation", key, "").is(409).json()["detail"], "no previous secret")
	w.call("POST", path+"/rotate_secret", key, "").is(200)
	for _, other := range []string{w.key(w.other, models.RoleAdmin, models.Production), w.key(w.org, models.RoleManager, models.Sandbox)} {
		w.call("POST", path+"/cancel_rotation", other, "").is(404)
	}
	w.call("POST", path+"/cancel_rotation", w.key(w.org, models.RoleReader, models.Production), "").is(403)
	require.False(t, w.store.subscriptions[0].Rotation.IsZero())
}

func TestRotationAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, nil)
	w.call("POST", path+"/rotate_secret", key, "").is(200)
	out := w.call("POST", path+"/rotate_secret", key, `{"overlap_seconds":0}`).is(200).json()
	require.Equal(t, "current", out["state"])
	require.Equal(t, 3.0, out["number"], "the one that waited had a number of its own")
	require.Equal(t, out["secret_key"], w.secret(path, key))
	stored := w.store.subscriptions[0]
	require.Zero(t, stored.Rotation)
	require.Equal(t, 2, stored.SecretGeneration)
}

func TestANextSecretCanBeReplaced(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, nil)
	lost := w.call("POST", path+"/rotate_secret", key, "").is(200).json()["secret_key"]
	again := w.call("POST", path+"/rotate_secret", key, "").is(200).json()
	require.NotEqual(t, lost, again["secret_key"])
	w.call("POST", path+"/activate_secret", key, "").is(200)
	require.Equal(t, again["secret_key"], w.secret(path, key))
}

// A PATCH replaces at once. What clients do without meaning to must not end a rotation.
func TestPatchesAndRotations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		ends bool
	}{
		"other field":          {`{"enabled":false}`, false},
		"null":                 {`{"secret_key":null}`, false},
		"what was read":        {`{"secret_key":"` + strings.Repeat("s", 32) + `"}`, false},
		"another secret":       {`{"secret_key":"` + strings.Repeat("q", 32) + `"}`, true},
		"the one that waits":   {`{"secret_key":"` + chosenSecret + `"}`, true},
		"format of no concern": {`{"format":"cloudevents"}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			key := w.manager()
			path := w.webhookPath(key, nil)
			w.call("POST", path+"/rotate_secret", key, object{"secret_key": chosenSecret}.with(nil)).is(200)
			w.call("PATCH", path, key, c.body).is(200)
			require.Equal(t, c.ends, w.store.subscriptions[0].Rotation.IsZero())
		})
	}
}

func TestBadRotations(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, nil)
	for body, want := range map[string][2]string{
		`{"overlap_seconds":-1}`:                           {"overlap_seconds", "at least 0"},
		`{"overlap_seconds":604801}`:                       {"overlap_seconds", "at most 604800"},
		`{"overlap_seconds":"1"}`:                          {"overlap_seconds", "whole number"},
		`{"overlap_seconds":1.5}`:                          {"overlap_seconds", "whole number"},
		`{"overlap_seconds":null}`:                         {"overlap_seconds", "whole number"},
		`{"secret_key":7}`:                                 {"secret_key", "string"},
		`{"secret_key":"short"}`:                           {"secret_key", "exactly 32"},
		`{"secret_key":"` + strings.Repeat("é", 16) + `"}`: {"secret_key", "ASCII"},
		`{"secret_key":"` + secretMask + `"}`:              {"secret_key", "mask"},
		`{"secret_key":"` + strings.Repeat("s", 32) + `"}`: {"secret_key", "current"},
		`{"secret_key":"` + privateKey + `"}`:              {"secret_key", "exactly 32"},
	} {
		require.Contains(t, w.call("POST", path+"/rotate_secret", key, body).invalid()[want[0]], want[1], body)
	}
	w.call("POST", path+"/rotate_secret", key, "[]").is(400)
	require.Zero(t, w.store.subscriptions[0].Rotation)
	require.Equal(t, 1, w.store.subscriptions[0].Version)
	require.NotContains(t, w.log.String(), strings.Repeat("s", 32))
}

func TestSecretsOfFormats(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for _, c := range []struct {
		format, given string
		shown         string // "" where the secret is refused
	}{
		{"yousign", chosenSecret, chosenSecret},
		{"yousign", "!" + chosenSecret[1:], "!" + chosenSecret[1:]},
		{"cloudevents", "!" + chosenSecret[1:], "!" + chosenSecret[1:]},
		{"cloudevents_structured", chosenSecret, chosenSecret},
		{"standard_webhooks", chosenSecret, "whsec_" + chosenSecret},
		{"standard_webhooks", "whsec_" + chosenSecret, "whsec_" + chosenSecret},
		{"standard_webhooks", privateKey, publicKey},
		{"standard_webhooks", "!" + chosenSecret[1:], ""},
		{"standard_webhooks", "whsec_" + chosenSecret[:31], ""},
		{"standard_webhooks", "whsec_" + chosenSecret[:31] + "\n", ""},
		{"standard_webhooks", publicKey, ""},
		{"standard_webhooks", "whsk_" + chosenSecret, ""},
		{"standard_webhooks", "", ""},
		{"yousign", "whsec_" + chosenSecret, ""},
		{"cloudevents", privateKey, ""},
	} {
		a := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"format": c.format, "secret_key": c.given}))
		if c.shown == "" {
			require.Contains(t, a.invalid(), "secret_key", "%s %q", c.format, c.given)
			continue
		}
		out := a.is(201).json()
		require.Equal(t, c.shown, out["secret_key"], c.format)
		require.Equal(t, c.format, out["format"])
		// Sending back what was read changes nothing.
		path := "/v3/webhooks/" + out["id"].(string)
		before := w.store.subscriptions[len(w.store.subscriptions)-1].Secret
		w.call("PATCH", path, key, object{"secret_key": c.shown, "format": c.format}.with(nil)).is(200)
		require.Equal(t, before, w.store.subscriptions[len(w.store.subscriptions)-1].Secret)
		require.NotContains(t, w.call("GET", path, w.key(w.org, models.RoleReader, models.Production), "").is(200).body, c.shown)
	}
	made := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"format": "standard_webhooks"})).is(201).json()["secret_key"]
	require.Regexp(t, `^whsec_.{32}$`, made, "a secret that we make does for every format")
}

func TestAFormatNeedsASecretThatDoes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := w.webhookPath(key, object{"secret_key": "!" + chosenSecret[1:]})
	require.Contains(t, w.call("PATCH", path, key, `{"format":"standard_webhooks"}`).invalid()["format"], "does not do")
	w.call("PATCH", path, key, `{"format":"cloudevents"}`).is(200)
	w.call("PATCH", path, key, object{"format": "standard_webhooks", "secret_key": privateKey}.with(nil)).is(200)
	require.Contains(t, w.call("PATCH", path, key, `{"format":"yousign"}`).invalid()["format"], "does not do")
	w.call("PATCH", path, key, `{"enabled":false}`).is(200)

	// The secret that waits has to do as well.
	path = w.webhookPath(key, object{"secret_key": chosenSecret})
	w.call("POST", path+"/rotate_secret", key, object{"secret_key": "!" + chosenSecret[1:]}.with(nil)).is(200)
	require.Contains(t, w.call("PATCH", path, key, `{"format":"standard_webhooks"}`).invalid()["format"], "does not do")
}

func TestUsesOfSecrets(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t) // with one attempt, and a secret that waits
	w.store.attempts[w.store.deliveries[0].ID][0].Success = true
	lines := w.call("GET", "/v3/webhooks/"+ids["webhook"]+"/secrets", w.manager(), "").is(200).data()
	require.Len(t, lines, 2)
	require.Equal(t, []any{0.0, 0.0, nil}, []any{lines[0]["attempts"], lines[0]["succeeded"], lines[0]["last_attempt_at"]})
	require.Equal(t, []any{1.0, 1.0, millis(w.clock)}, []any{lines[1]["attempts"], lines[1]["succeeded"], lines[1]["last_attempt_at"]})
}

// TestFormatsThatDoWithoutASecret makes subscriptions with a secret and without one, and takes it away again.
func TestFormatsThatDoWithoutASecret(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for _, format := range []string{"documenso", "quicklysign"} {
		for _, given := range []any{absent, nil, ""} {
			path := w.webhookPath(key, object{"format": format, "secret_key": given})
			require.Empty(t, w.secret(path, key), "%s, %v", format, given)
			require.Equal(t, "secret_key",
				w.call("POST", path+"/rotate_secret", key, `{"secret_key":""}`).is(400).json()["invalid_params"].([]any)[0].(map[string]any)["name"])
			next := w.call("POST", path+"/rotate_secret", key, `{"overlap_seconds":0}`).is(200).json()["secret_key"]
			require.Equal(t, next, w.secret(path, key), "a rotation makes one")
			w.call("PATCH", path, key, `{"secret_key":null}`).is(200)
			require.Equal(t, next, w.secret(path, key), "null leaves it")
			w.call("PATCH", path, key, `{"secret_key":""}`).is(200)
			require.Empty(t, w.secret(path, key), "no text takes it away")
			w.call("PATCH", path, key, `{"format":"yousign"}`).is(200)
			require.Len(t, w.secret(path, key), 32, "a format that signs gets one")
		}
	}
	w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"secret_key": ""})).is(400)
	path := w.webhookPath(key, nil)
	w.call("PATCH", path, key, `{"format":"documenso","secret_key":""}`).is(200)
	require.Empty(t, w.secret(path, key))
	w.call("POST", path+"/revert", key, `{"version":1}`).is(200)
	require.Len(t, w.secret(path, key), 32, "so does one that goes back to it")
	w.call("PATCH", path, key, `{"format":"documenso","secret_key":"a password"}`).is(200)
	require.Equal(t, "format", w.call("POST", path+"/revert", key, `{"version":1}`).is(400).json()["invalid_params"].([]any)[0].(map[string]any)["name"])
	path = w.webhookPath(key, object{"format": "documenso", "secret_key": "a password"})
	require.Equal(t, "a password", w.secret(path, key))
	require.Equal(t, "format", w.call("PATCH", path, key, `{"format":"yousign"}`).is(400).json()["invalid_params"].([]any)[0].(map[string]any)["name"])
}

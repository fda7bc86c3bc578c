package handlers

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// sampleIDs are the events of a list of samples.
func sampleIDs(list any) []string {
	out := []string{}
	for _, e := range list.(map[string]any)["samples"].([]any) {
		out = append(out, e.(map[string]any)["event_id"].(string))
	}
	return out
}

func (w *world) publish(key string, change object) string {
	w.t.Helper()
	w.clock = w.clock.Add(time.Second)
	return w.call("POST", "/v3/events", key, validEvent.with(change)).is(202).json()["event_id"].(string)
}

func TestDryRunOfANewSubscription(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	first := w.publish(key, nil)
	w.publish(key, object{"sandbox": true})
	w.publish(key, object{"event_name": "contact.created"})
	second := w.publish(key, object{"scope": "public_api"})
	body := object{"scopes": []string{"*"}, "subscribed_events": []string{"signer.*", "approver.*"}}
	got := w.call("POST", "/v3/webhooks/dry_run", key, validWebhook.with(body)).is(200).json()
	require.Equal(t, map[string]any{"examined": 3.0, "from": "2026-05-04T10:00:08.123Z", "to": "2026-05-04T10:00:11.123Z"}, got["events"])
	require.Nil(t, got["matched_before"])
	require.Equal(t, 2.0, got["matched_after"])
	require.Equal(t, []string{second, first}, sampleIDs(got["gained"]))
	require.Equal(t, map[string]any{"count": 0.0, "samples": []any{}}, got["lost"])
	require.NotContains(t, got, "changes")
	require.Equal(t, []any{
		map[string]any{"pattern": "signer.*", "events": 2.0, "last_at": "2026-05-04T10:00:11.123Z", "silent": false},
		map[string]any{"pattern": "approver.*", "events": 0.0, "last_at": nil, "silent": true},
	}, got["patterns"])
	require.Equal(t, map[string]any{"since": "2026-04-04T10:00:11.123Z", "events": 3.0, "complete": true}, got["patterns_searched"])
	require.Empty(t, w.store.subscriptions, "nothing is stored")
	require.Zero(t, w.store.refreshes)

	body["last_events"] = 1
	got = w.call("POST", "/v3/webhooks/dry_run", key, validWebhook.with(body)).is(200).json()
	require.Equal(t, []string{second}, sampleIDs(got["gained"]))
	for i := range 12 {
		w.publish(key, object{"event_name": fmt.Sprint("signer.", []string{"done", "declined"}[i%2])})
	}
	body["last_events"] = 10_000
	got = w.call("POST", "/v3/webhooks/dry_run", key, validWebhook.with(body)).is(200).json()
	require.Equal(t, 14.0, got["gained"].(map[string]any)["count"])
	require.Len(t, sampleIDs(got["gained"]), samples)
}

func TestDryRunOfAChange(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	id := w.webhook(key, object{"scopes": []string{"*"}, "subscribed_events": []string{"signer.done", "signer.declined"}})
	kept, lost := w.publish(key, nil), w.publish(key, object{"event_name": "signer.declined"})
	gained := w.publish(key, object{"event_name": "contact.created"})
	sandbox := w.publish(key, object{"sandbox": true})
	run := func(patch string) map[string]any {
		return w.call("POST", "/v3/webhooks/dry_run", key, `{"id":"`+id+`","patch":`+patch+`}`).is(200).json()
	}
	got := run(`{"subscribed_events":["signer.done","contact.*"],"secret_key":"abcdefghijklmnopqrstuvwxyz012345"}`)
	require.Equal(t, []any{2.0, 2.0}, []any{got["matched_before"], got["matched_after"]})
	require.Equal(t, []string{gained}, sampleIDs(got["gained"]))
	require.Equal(t, []string{lost}, sampleIDs(got["lost"]))
	changes := got["changes"].([]any)
	require.Len(t, changes, 2)
	require.Equal(t, map[string]any{"field": "secret_key", "change": "changed"}, changes[1])

	got = run(`{"enabled":false}`)
	require.Equal(t, []string{lost, kept}, sampleIDs(got["lost"]))
	got = run(`{"sandbox":true}`)
	require.Equal(t, 4.0, got["events"].(map[string]any)["examined"], "those of both environments")
	require.Equal(t, []string{sandbox}, sampleIDs(got["gained"]))
	require.Equal(t, []string{lost, kept}, sampleIDs(got["lost"]))
	got = run(`{}`)
	require.Equal(t, []any{0.0, 0.0}, []any{got["gained"].(map[string]any)["count"], got["lost"].(map[string]any)["count"]})
	require.NotContains(t, got, "changes")
	require.Equal(t, 1, w.store.subscriptions[0].Version, "nothing is stored")
}

func TestDryRunFindsOverlaps(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	all := object{"scopes": []string{"*"}}
	id := w.webhook(key, all)
	twin := w.webhook(key, object{"scopes": []string{"*"}, "subscribed_events": []string{"signer.*"}})
	w.webhook(key, object{"scopes": []string{"*"}, "subscribed_events": []string{"contact.created"}})
	w.webhook(key, object{"scopes": []string{"*"}, "endpoint": "https://elsewhere.test/"})
	w.webhook(key, object{"scopes": []string{"*"}, "sandbox": true})
	w.webhook(key, object{"scopes": []string{"*"}, "enabled": false})
	event := w.publish(key, nil)
	w.publish(key, object{"event_name": "signature_request.done"})
	overlaps := func(body string) (bool, []any) {
		got := w.call("POST", "/v3/webhooks/dry_run", key, body).is(200).json()["overlaps"].(map[string]any)
		return got["complete"].(bool), got["webhooks"].([]any)
	}
	complete, list := overlaps(`{"id":"` + id + `","patch":{}}`)
	require.True(t, complete)
	require.Len(t, list, 1)
	require.Equal(t, twin, list[0].(map[string]any)["subscription_id"])
	require.Equal(t, []string{event}, sampleIDs(list[0]))
	_, list = overlaps(validWebhook.with(all))
	require.Len(t, list, 2, "a new one overlaps with both")

	for range maxOverlaps {
		s := *w.store.subscriptions[1]
		s.ID = w.store.newID()
		w.store.subscriptions = append(w.store.subscriptions, &s)
	}
	complete, list = overlaps(validWebhook.with(all))
	require.False(t, complete)
	require.LessOrEqual(t, len(list), maxOverlaps)
}

// TestOverlapsAreBoundedWork gives up rather than compare for seconds.
func TestOverlapsAreBoundedWork(t *testing.T) {
	t.Parallel()
	w := setup(t)
	rules := models.Subscription{
		OrganizationID: w.org, Enabled: true, Endpoint: "https://a.test/", Events: []models.Pattern{"*"}, Scopes: []string{"*"},
	}
	for range models.MaxWorkspaces {
		rules.Workspaces = append(rules.Workspaces, w.store.newID().String())
	}
	other := rules
	other.ID = w.store.newID()
	w.store.subscriptions = append(w.store.subscriptions, &other)
	events := make([]*models.Event, maxDryRun)
	for i := range events {
		events[i] = &models.Event{OrganizationID: w.org, Name: "signer.done"}
	}
	out, err := w.api.overlaps(t.Context(), &rules, events)
	require.NoError(t, err)
	require.False(t, out.Complete)
	out, err = w.api.overlaps(t.Context(), &rules, events[:100])
	require.NoError(t, err)
	require.True(t, out.Complete)
}

func TestPatternsThatMayHaveComeEarlier(t *testing.T) {
	t.Parallel()
	seen := models.Sightings{Names: []models.Sighting{{Name: "signer.done", Count: 3, Last: time.Unix(1, 0)}}}
	out := patternsSeen([]models.Pattern{"*", "contact.*"}, seen)
	require.Equal(t, optionalFlag(false), out[0].Silent)
	require.Nil(t, out[1].Silent, "unknown")
	seen.Complete = true
	require.Equal(t, optionalFlag(true), patternsSeen([]models.Pattern{"contact.*"}, seen)[0].Silent)
}

func TestDryRunRefusesBadInput(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	id := w.webhook(key, nil)
	foreign := w.webhook(w.key(w.other, models.RoleManager, models.Production), nil)
	patch := func(id string, patch any) string {
		b, err := json.Marshal(object{"id": id, "patch": patch})
		require.NoError(t, err)
		return string(b)
	}
	for name, c := range map[string]struct{ key, body, field string }{
		"a bad endpoint":           {key, validWebhook.with(object{"endpoint": "http://10.0.0.1/"}), "endpoint"},
		"a missing field":          {key, validWebhook.with(object{"scopes": absent}), "scopes"},
		"an unknown workspace":     {key, validWebhook.with(object{"workspaces": []string{id}}), "workspaces[0]"},
		"no events":                {key, validWebhook.with(object{"last_events": 0}), "last_events"},
		"too many events":          {key, validWebhook.with(object{"last_events": 10_001}), "last_events"},
		"half an event":            {key, validWebhook.with(object{"last_events": 0.5}), "last_events"},
		"events in a text":         {key, validWebhook.with(object{"last_events": "100"}), "last_events"},
		"production by sandbox":    {sandbox, validWebhook.with(nil), "sandbox"},
		"no id":                    {key, `{"id":"x","patch":{}}`, "id"},
		"a null id":                {key, `{"id":null,"patch":{}}`, "id"},
		"no patch":                 {key, `{"id":"` + id + `"}`, "patch"},
		"a null patch":             {key, patch(id, nil), "patch"},
		"a list for a patch":       {key, patch(id, []int{1}), "patch"},
		"bad text in a patch":      {key, `{"id":"` + id + `","patch":{"description":"\u0000"}}`, "patch"},
		"an unknown webhook":       {key, patch(w.store.newID().String(), object{}), "id"},
		"somebody else's":          {key, patch(foreign, object{}), "id"},
		"production for a sandbox": {sandbox, patch(id, object{}), "id"},
		"a bad value in a patch":   {key, patch(id, object{"endpoint": "ftp://x"}), "patch.endpoint"},
		"a bad entry in a patch":   {key, patch(id, object{"scopes": []string{"nowhere"}}), "patch.scopes[0]"},
		"a workspace in a patch":   {key, patch(id, object{"workspaces": []string{id}}), "patch.workspaces[0]"},
		"a bad number of events":   {key, `{"id":"` + id + `","patch":{},"last_events":-1}`, "last_events"},
	} {
		require.Contains(t, w.call("POST", "/v3/webhooks/dry_run", c.key, c.body).invalid(), c.field, name)
	}
	w.call("POST", "/v3/webhooks/dry_run", key, `[]`).is(400)
	w.call("POST", "/v3/webhooks/dry_run", key, "").is(400)
	w.call("POST", "/v3/webhooks/dry_run", w.key(w.org, models.RoleReader, models.Production), validWebhook.with(nil)).is(403)
	w.store.fault = models.Errorf(models.CodeUnavailable, "down")
	w.call("POST", "/v3/webhooks/dry_run", key, validWebhook.with(nil)).is(503)
}

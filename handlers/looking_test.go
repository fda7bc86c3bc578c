package handlers

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// past publishes n events with some variety, a second apart.
func past(tb testing.TB, n int) (*world, string) {
	tb.Helper()
	w := setup(tb)
	key := w.manager()
	w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"scopes": []string{"*"}, "subscribed_events": []string{"signer.*"}})).is(201)
	names := []string{"signer.done", "signer.error", "contact.created"}
	for i := range n {
		e := object{"event_name": names[i%3], "data": object{"n": i}, "entity_key": fmt.Sprint("e", i%2), "sandbox": i%5 == 4}
		if i%2 == 0 {
			e["scope"], e["workspace_id"] = "app", "5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"
		}
		w.call("POST", "/v3/events", key, e.with(nil)).is(202)
		w.clock = w.clock.Add(time.Second)
	}
	return w, key
}

func TestFiltersOfEvents(t *testing.T) {
	t.Parallel()
	w, key := past(t, 12)
	start := w.clock.Add(-12 * time.Second)
	at := func(s int) string { return start.Add(time.Duration(s) * time.Second).UTC().Format(time.RFC3339Nano) }
	for query, n := range map[string]int{
		"": 12, "event_name=signer.done": 4, "event_name=signer.*": 8, "event_name=*": 12, "scope=app": 6, "scope=public_api": 0,
		"workspace_id=5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11": 6, "entity_key=e1": 6, "entity_key=%25": 0, "entity_key=e_": 0, "entity_key=%27%3B--": 0,
		"sandbox=true": 2, "sandbox=false": 10, "matched=none": 6, "matched=none&event_name=contact.created": 4,
		"from=" + at(3): 9, "to=" + at(3): 3, "from=" + at(3) + "&to=" + at(5): 2, "from=" + at(3) + "&to=" + at(3): 0,
		fmt.Sprint("from=", start.Unix()+1): 11, "from=1970-01-01T00:00:00Z&to=9999-12-31T00:00:00Z": 12,
		"scope=app&event_name=signer.done&sandbox=false": 2,
	} {
		require.Len(t, w.call("GET", "/v3/events?"+query, key, "").is(200).data(), n, query)
	}
	first := w.call("GET", "/v3/events?limit=1", key, "").is(200).data()[0]
	require.Equal(t, "contact.created", first["event_name"], "newest first")
	require.NotContains(t, first, "data")
	require.Equal(t, "2026-05-04T10:00:18.123Z", first["created_at"])
	for _, name := range []string{"scope", "workspace_id"} {
		require.Contains(t, first, name)
		require.Nil(t, first[name])
	}
}

func TestFiltersOfDeliveries(t *testing.T) {
	t.Parallel()
	w, key := past(t, 12)
	sub := w.store.subscriptions[0].ID.String()
	w.store.deliveries[0].Status = models.StatusDelivered
	for query, n := range map[string]int{
		"": 6, "status=pending": 5, "status=delivered": 1, "status=canceled": 0, "event_name=signer.error": 3, "event_name=signer.*": 6,
		"event_name=contact.created": 0, "subscription_id=" + sub: 6, "subscription_id=5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11": 0, "sandbox=true": 0,
		"from=2026-05-04T10:00:08Z": 5, "to=2026-05-04T10:00:08Z": 1,
	} {
		require.Len(t, w.call("GET", "/v3/deliveries?"+query, key, "").is(200).data(), n, query)
	}
	event := w.store.events[0].ID.String()
	of := w.call("GET", "/v3/events/"+event+"/deliveries", key, "").is(200).data()
	require.Len(t, of, 1)
	require.Equal(t, event, of[0]["event_id"])
	require.Empty(t, w.call("GET", "/v3/events/"+event+"/deliveries?status=pending", key, "").is(200).data())
	require.Nil(t, of[0]["next_attempt_at"], "nothing is planned for what is delivered")
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	w, key := past(t, 3)
	cursor := w.call("GET", "/v3/events?limit=1", key, "").next()
	require.NotEmpty(t, cursor)
	other := w.call("GET", "/v3/events?limit=1&sandbox=false", key, "").next()
	deliveries := w.call("GET", "/v3/deliveries?limit=1", key, "").next()
	types := w.call("GET", "/v3/event_types?limit=1", key, "").next()
	for _, list := range []string{"/v3/events", "/v3/deliveries", "/v3/workspaces", "/v3/scopes", "/v3/event_types"} {
		for query, field := range map[string]string{
			"limit=0": "limit", "limit=-1": "limit", "limit=101": "limit", "limit=1001": "limit", "limit=abc": "limit", "limit=1e9": "limit", "limit=": "limit",
			"limit=+1": "limit", "limit=01": "limit", "limit=1&limit=2": "limit", "limit=99999999999999999999": "limit",
			"after=": "after", "after=garbage": "after", "after=" + strings.Repeat("A", 200): "after", "after=" + strings.Repeat("A", 10<<10): "query",
			"after=" + cursor + "A": "after", "after=" + cursor[:8]: "after", "after=" + other: "after",
			"after=AQ": "after", "after=" + url.QueryEscape("AQ=="): "after",
			"offset=1": "offset", "sort=secret": "sort", "%00=1": "\x00", "a=%zz": "query", "a;b=1": "query", "after=%ff": "after", "after=%00": "after",
			strings.Repeat("a=1&", 2000): "query", "": "",
		} {
			a := w.call("GET", list+"?"+query, key, "")
			if query == "" {
				a.is(200)
				continue
			}
			require.Contains(t, a.invalid(), field, list+"?"+query)
		}
	}
	for list, foreign := range map[string]string{"/v3/events": deliveries, "/v3/deliveries": cursor, "/v3/scopes": types, "/v3/event_types": cursor} {
		require.Contains(t, w.call("GET", list+"?after="+foreign, key, "").invalid(), "after", list)
	}
	require.Contains(t, w.call("GET", "/v3/events?sandbox=true&after="+other, key, "").invalid(), "after", "other filters")
	require.Contains(t, w.call("GET", "/v3/events?after="+cursor, w.key(w.other, models.RoleAdmin, models.Production), "").invalid(), "after")
	for query, field := range map[string]string{
		"event_name=nope": "event_name", "event_name=*.done": "event_name", "event_name=": "event_name", "workspace_id=1": "workspace_id", "scope=moon": "scope",
		"sandbox=1": "sandbox", "sandbox=TRUE": "sandbox", "entity_key=": "entity_key", "entity_key=%ff": "entity_key", "entity_key=%00": "entity_key",
		"entity_key=" + strings.Repeat("a", 257): "entity_key", "from=yesterday": "from", "to=1969-01-01T00:00:00Z": "to",
		"from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "to", "matched=all": "matched", "status=pending": "status",
		"workspace_id=00000000-0000-0000-0000-000000000000": "workspace_id",
	} {
		require.Contains(t, w.call("GET", "/v3/events?"+query, key, "").invalid(), field, query)
	}
	for query, field := range map[string]string{
		"status=done": "status", "status=": "status", "subscription_id=x": "subscription_id", "matched=none": "matched", "entity_key=a": "entity_key",
	} {
		require.Contains(t, w.call("GET", "/v3/deliveries?"+query, key, "").invalid(), field, query)
	}
	require.Len(t, w.call("GET", "/v3/events?limit=0&scope=moon&sandbox=1&from=a&matched=b", key, "").invalid(), 5, "all at once")
}

func TestAPageShowsEachElementOnce(t *testing.T) {
	t.Parallel()
	w, key := past(t, 40)
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 100).Draw(rt, "limit")
		filter := rapid.SampledFrom([]string{"", "&event_name=signer.*", "&entity_key=e1", "&sandbox=false"}).Draw(rt, "filter")
		list := rapid.SampledFrom([]string{"/v3/events", "/v3/deliveries"}).Draw(rt, "list")
		if list == "/v3/deliveries" && strings.Contains(filter, "entity") {
			filter = ""
		}
		name := map[string]string{"/v3/events": "event_id", "/v3/deliveries": "id"}[list]
		var want, got []string
		for _, e := range w.call("GET", list+"?limit=100"+filter, key, "").is(200).data() {
			want = append(want, e[name].(string))
		}
		for after := ""; ; {
			a := w.call("GET", fmt.Sprintf("%s?limit=%d%s%s", list, limit, filter, after), key, "").is(200)
			require.LessOrEqual(rt, len(a.data()), limit)
			for _, e := range a.data() {
				got = append(got, e[name].(string))
			}
			if a.next() == "" {
				break
			}
			require.Len(rt, a.data(), limit)
			after = "&after=" + a.next()
			if rapid.Bool().Draw(rt, "another event meanwhile") && len(w.store.events) < 90 {
				w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202)
			}
		}
		got = slices.DeleteFunc(got, func(id string) bool { return !slices.Contains(want, id) })
		require.Equal(rt, want, got)
	})
}

func TestCatalogueLists(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	var names []string
	for after := ""; ; {
		a := w.call("GET", "/v3/event_types?limit=30"+after, key, "").is(200)
		for _, e := range a.data() {
			require.NotEmpty(t, e["description"])
			require.NotEmpty(t, e["family"])
			names = append(names, e["name"].(string))
		}
		if after = a.next(); after == "" {
			break
		}
		after = "&after=" + after
	}
	require.Len(t, names, 80)
	for i, e := range models.BuiltinCatalogue().Types() {
		require.Equal(t, e.Name, names[i])
	}
	scopes := w.call("GET", "/v3/scopes", key, "").is(200).data()
	require.Len(t, scopes, 7)
	require.Equal(t, map[string]any{"name": "app", "description": "made in the application", "subscribable": true}, scopes[0])
}

func TestWorkspaces(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	own := w.call("POST", "/v3/workspaces", key, `{"id":"5B0A3C9E-3a0e-4a52-9c06-6b0a2a1f7d11","name":"Sales"}`).is(201).json()
	require.Equal(t, map[string]any{"id": "5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11", "name": "Sales", "created_at": "2026-05-04T10:00:07Z"}, own)
	w.call("POST", "/v3/workspaces", key, `{"id":"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11","name":"Again"}`).is(409)
	made := w.call("POST", "/v3/workspaces", key, `{"name":"Legal","id":null}`).is(201).json()["id"].(string)
	page := w.call("GET", "/v3/workspaces?limit=1", key, "").is(200)
	require.Len(t, page.data(), 1)
	require.Len(t, w.call("GET", "/v3/workspaces?after="+page.next(), key, "").is(200).data(), 1)
	for body, field := range map[string]string{
		`{}`: "name", `{"name":""}`: "name", `{"name":null}`: "name", `{"name":" a"}`: "name", `{"name":"<b>"}`: "name", `{"name":"a","id":"x"}`: "id", `{"name":"a","id":1}`: "id",
		`{"name":"` + strings.Repeat("a", 129) + `"}`: "name", `[]`: "body", `{"name":"a","id":"00000000-0000-0000-0000-000000000000"}`: "id",
	} {
		require.Contains(t, w.call("POST", "/v3/workspaces", key, body).invalid(), field, body)
	}
	w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"workspaces": []string{made}})).is(201)
	require.Contains(t, w.call("DELETE", "/v3/workspaces/"+made, key, "").is(409).json()["detail"], w.store.subscriptions[0].ID.String())
	require.Empty(t, w.call("DELETE", "/v3/workspaces/5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11", key, "").is(204).body)
	w.call("DELETE", "/v3/workspaces/5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11", key, "").is(404)
	w.call("DELETE", "/v3/workspaces/x", key, "").is(404)
}

// TestWhatRetentionRemoved covers an event whose data is gone, and a delivery that is kept for longer than its event.
func TestWhatRetentionRemoved(t *testing.T) {
	t.Parallel()
	w, key := past(t, 1)
	event, d := w.store.events[0], w.store.deliveries[0]
	look := func() map[string]any { return w.call("GET", "/v3/deliveries/"+d.ID.String(), key, "").is(200).json() }
	require.Equal(t, false, w.call("GET", "/v3/events/"+event.ID.String(), key, "").is(200).json()["payload_removed"])
	event.Data = []byte{}
	out := w.call("GET", "/v3/events/"+event.ID.String(), key, "").is(200).json()
	require.Equal(t, true, out["payload_removed"])
	require.Contains(t, out, "data")
	require.Nil(t, out["data"])
	require.Equal(t, true, look()["payload_removed"])
	require.Nil(t, look()["request_body"])
	w.store.events[0].Ref, w.store.events[0].Data = w.store.newID(), []byte(`{"of":"another event of this id"}`)
	require.Equal(t, true, look()["payload_removed"])
	require.Nil(t, look()["request_body"])
	w.store.events = nil
	w.call("GET", "/v3/events/"+event.ID.String(), key, "").is(404)
	require.Equal(t, true, look()["payload_removed"])
	require.Equal(t, event.Name, look()["event_name"])
}

func TestADeliveryInDetail(t *testing.T) {
	t.Parallel()
	w, key := past(t, 1)
	d := &w.store.deliveries[0]
	d.Status, d.Attempts, d.Reason, d.DueAt = models.StatusRetrying, 2, models.ReasonTimeout, w.clock.Add(time.Minute)
	w.store.attempts[d.ID] = []models.Attempt{
		{
			DeliveryID: d.ID, OrganizationID: w.org, Number: 1, StartedAt: w.clock, Reason: models.ReasonStatus, Detail: "answered 503", StatusCode: 503,
			RetryAfter: 90 * time.Second, Endpoint: "https://hooks.acme.test:8443/yousign", Redirects: 1,
			RequestHeaders: []string{"X-Yousign-Retry: 0", "X-Own: [redacted]"}, ResponseHeaders: []string{"Server: a:b", "X-Empty:"},
			ResponseBody: []byte("<b>\xff</b>"), BodyTruncated: true,
			Timings: models.Timings{DNS: 1500 * time.Microsecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: 9 * time.Millisecond, Total: 10_001 * time.Microsecond},
		},
		{DeliveryID: d.ID, OrganizationID: w.org, Number: 2, StartedAt: w.clock, Reason: models.ReasonTimeout, Detail: "no answer"},
	}
	out := w.call("GET", "/v3/deliveries/"+d.ID.String(), key, "").is(200).json()
	require.Equal(t, "retrying", out["status"])
	require.Equal(t, 2.0, out["attempt_count"])
	require.Equal(t, "timeout", out["reason"])
	require.Equal(t, "2026-05-04T10:01:08.123Z", out["next_attempt_at"])
	require.Equal(t, `as sent: {"n":0}`, out["request_body"])
	require.Equal(t, false, out["payload_removed"])
	attempts := out["attempts"].([]any)
	require.Equal(t, map[string]any{
		"number": 1.0, "started_at": "2026-05-04T10:00:08.123Z", "success": false, "reason": "status", "detail": "answered 503",
		"endpoint": "https://hooks.acme.test:8443/yousign", "redirects": 1.0, "retry_after_seconds": 90.0,
		"request": map[string]any{"headers": []any{
			map[string]any{"name": "X-Yousign-Retry", "value": "0"}, map[string]any{"name": "X-Own", "value": "[redacted]"},
		}},
		"response": map[string]any{"status": 503.0, "body": "<b>\ufffd</b>", "body_truncated": true, "headers": []any{
			map[string]any{"name": "Server", "value": "a:b"}, map[string]any{"name": "X-Empty", "value": ""},
		}},
		"timings_ms": map[string]any{"dns": 1.5, "connect": 2.0, "tls": 3.0, "first_byte": 9.0, "total": 10.001},
	}, attempts[0])
	require.Nil(t, attempts[1].(map[string]any)["response"])
	w.call("GET", "/v3/deliveries/9a93d3b5-fb3b-4abf-9e70-26315b33506c", key, "").is(404)
}

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

func TestASubscriptionsLife(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()

	require.Equal(t, "[]\n", w.call("GET", "/v3/webhooks", key, "").is(200).body, "an empty list is an empty array")

	created := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201)
	require.Equal(t, "application/json", created.header.Get("Content-Type"))
	s := created.json()
	path := "/v3/webhooks/" + s["id"].(string)
	require.Equal(t, strings.Repeat("s", 32), s["secret_key"])
	require.Equal(t, []any{"*"}, s["workspaces"])
	require.Equal(t, "2026-05-04T10:00:07Z", s["created_at"])
	require.Nil(t, s["updated_at"])
	require.Equal(t, "yousign", s["format"])
	require.Equal(t, "active", s["state"])
	require.Equal(t, created.body, w.call("GET", path, key, "").is(200).body)
	require.Equal(t, []any{any(s)}, w.call("GET", "/v3/webhooks", key, "").is(200).list())

	changed := w.call("PATCH", path, key, `{"enabled":false,"nonsense":1}`).is(200).json()
	require.Equal(t, "2026-05-04T10:00:07Z", changed["updated_at"])
	s["enabled"], s["updated_at"], s["version"] = false, changed["updated_at"], 2.0
	require.Equal(t, s, changed, "fields that are absent keep their values")

	gone := w.call("DELETE", path, key, "").is(204)
	require.Empty(t, gone.body)
	require.Equal(t, 3, w.store.refreshes, "the rules of this instance follow every change")
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		require.Equal(t, typeNotFound, w.call(method, path, key, `{}`).is(404).json()["type"], method)
	}
	require.Equal(t, "[]\n", w.call("GET", "/v3/webhooks", key, "").is(200).body)
}

func TestASubscriptionsOwnFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	extras := object{
		"format": "yousign", "entity_key": "pack-1", "headers": object{"Authorization": "  Basic abc\t", "X-Empty": ""},
		"max_in_flight": 256.0, "rate_limit_per_second": 0.5, "timeout_first_ms": 100.0, "timeout_retry_ms": 60000.0,
	}
	s := w.call("POST", "/v3/webhooks", key, validWebhook.with(extras)).is(201).json()
	path := "/v3/webhooks/" + s["id"].(string)
	require.Equal(t, map[string]any{"Authorization": "Basic abc", "X-Empty": ""}, s["headers"])
	for _, name := range []string{"entity_key", "max_in_flight", "rate_limit_per_second", "timeout_first_ms", "timeout_retry_ms"} {
		require.Equal(t, extras[name], s[name])
	}
	stored := w.store.subscriptions[0]
	require.Equal(t, "100ms", stored.TimeoutFirst.String())
	require.Equal(t, 0.5, stored.RatePerSec)

	nulls := w.call("PATCH", path, key, `{"entity_key":null,"headers":null,"max_in_flight":null,"rate_limit_per_second":null,
		"timeout_first_ms":null,"timeout_retry_ms":null,"description":null,"secret_key":null}`).is(200).json()
	for _, name := range []string{"entity_key", "max_in_flight", "rate_limit_per_second", "timeout_first_ms", "timeout_retry_ms", "description"} {
		require.Contains(t, nulls, name)
		require.Nil(t, nulls[name], name)
	}
	require.Empty(t, nulls["headers"])
	require.Equal(t, s["secret_key"], nulls["secret_key"], "null does not change what receivers verify with")
}

func TestSecretsAreMaskedForReaders(t *testing.T) {
	t.Parallel()
	w := setup(t)
	secret := "abcdefghijklmnopqrstuvwxyz+/0123"
	id := w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(object{"secret_key": secret, "headers": object{"X-Token": "hush"}})).
		is(201).json()["id"].(string)
	for role, sees := range map[models.Role]bool{models.RoleAdmin: true, models.RoleManager: true, models.RoleReader: false} {
		key := w.key(w.org, role, models.Production)
		one := w.call("GET", "/v3/webhooks/"+id, key, "").is(200)
		all := w.call("GET", "/v3/webhooks", key, "").is(200)
		require.Equal(t, one.json(), all.list()[0])
		if sees {
			require.Equal(t, secret, one.json()["secret_key"])
			require.Equal(t, map[string]any{"X-Token": "hush"}, one.json()["headers"])
			continue
		}
		require.Equal(t, "********************************", one.json()["secret_key"])
		require.NotContains(t, one.body, "hush")
		require.Equal(t, map[string]any{"X-Token": "********"}, one.json()["headers"])
	}
	require.NotContains(t, w.log.String(), secret)
}

// each case is one change to a valid subscription and the one field that the answer must name.
var badWebhooks = []struct {
	name    string
	changes object
	field   string
	says    string
}{
	{"endpoint missing", object{"endpoint": absent}, "endpoint", "required"},
	{"endpoint null", object{"endpoint": nil}, "endpoint", "string"},
	{"endpoint empty", object{"endpoint": ""}, "endpoint", "empty"},
	{"endpoint number", object{"endpoint": 1}, "endpoint", "string"},
	{"endpoint http", object{"endpoint": "http://hooks.acme.test/"}, "endpoint", "must start with https://"},
	{"endpoint private", object{"endpoint": "https://127.0.0.1/"}, "endpoint", "127.0.0.1 is not public"},
	{"endpoint long", object{"endpoint": "https://hooks.acme.test/" + strings.Repeat("a", 1001)}, "endpoint", "1024"},
	{"description missing", object{"description": absent}, "description", "required"},
	{"description number", object{"description": 1}, "description", "string"},
	{"description long", object{"description": strings.Repeat("é", 129)}, "description", "at most 128"},
	{"description blank before", object{"description": " a"}, "description", "blank"},
	{"description blank after", object{"description": "a\n"}, "description", "blank"},
	{"description tag", object{"description": "see <b>this</b>"}, "description", "HTML"},
	{"description open tag", object{"description": "<img src=x onerror=alert(1)"}, "description", "HTML"},
	{"description closing tag", object{"description": "</script"}, "description", "HTML"},
	{"description URL", object{"description": "see https://acme.test"}, "description", "web page"},
	{"description www", object{"description": "see www.acme.test"}, "description", "web page"},
	{"description script", object{"description": "javascript:alert(1)"}, "description", "web page"},
	{"description e-mail", object{"description": "ask ada@acme.test"}, "description", "e-mail"},
	{"sandbox missing", object{"sandbox": absent}, "sandbox", "required"},
	{"sandbox text", object{"sandbox": "true"}, "sandbox", "true or false"},
	{"sandbox null", object{"sandbox": nil}, "sandbox", "true or false"},
	{"auto_retry missing", object{"auto_retry": absent}, "auto_retry", "required"},
	{"auto_retry number", object{"auto_retry": 1}, "auto_retry", "true or false"},
	{"enabled missing", object{"enabled": absent}, "enabled", "required"},
	{"enabled array", object{"enabled": []int{}}, "enabled", "true or false"},
	{"events missing", object{"subscribed_events": absent}, "subscribed_events", "required"},
	{"events null", object{"subscribed_events": nil}, "subscribed_events", "array"},
	{"events text", object{"subscribed_events": "signer.done"}, "subscribed_events", "array"},
	{"events empty", object{"subscribed_events": []string{}}, "subscribed_events", "empty"},
	{"events element number", object{"subscribed_events": []any{"signer.done", 1}}, "subscribed_events[1]", "string"},
	{"events element null", object{"subscribed_events": []any{nil}}, "subscribed_events[0]", "string"},
	{"events star in company", object{"subscribed_events": []string{"signer.done", "*"}}, "subscribed_events[1]", "only entry"},
	{"events duplicate", object{"subscribed_events": []string{"signer.done", "signer.error", "signer.done"}}, "subscribed_events[2]", "before"},
	{"events duplicate family", object{"subscribed_events": []string{"signer.*", "signer.*"}}, "subscribed_events[1]", "before"},
	{"events unknown", object{"subscribed_events": []string{"signer.dome"}}, "subscribed_events[0]", "No known event"},
	{"events unknown family", object{"subscribed_events": []string{"singer.*"}}, "subscribed_events[0]", "No known event"},
	{"events family of a leaf", object{"subscribed_events": []string{"signer.done.*"}}, "subscribed_events[0]", "No known event"},
	{"events star before", object{"subscribed_events": []string{"*.done"}}, "subscribed_events[0]", "star"},
	{"events star within", object{"subscribed_events": []string{"sign*.done"}}, "subscribed_events[0]", "star"},
	{"events star without dot", object{"subscribed_events": []string{"signer*"}}, "subscribed_events[0]", "star"},
	{"events upper case", object{"subscribed_events": []string{"SIGNER.DONE"}}, "subscribed_events[0]", "lower-case"},
	{"events empty name", object{"subscribed_events": []string{""}}, "subscribed_events[0]", "lower-case"},
	{"events 257", object{"subscribed_events": slices.Repeat([]string{"signer.done"}, 257)}, "subscribed_events", "at most 256"},
	{"scopes missing", object{"scopes": absent}, "scopes", "required"},
	{"scopes empty", object{"scopes": []string{}}, "scopes", "empty"},
	{"scopes unknown", object{"scopes": []string{"app", "moon"}}, "scopes[1]", "no scope"},
	{"scopes star in company", object{"scopes": []string{"*", "app"}}, "scopes[0]", "only entry"},
	{"scopes duplicate", object{"scopes": []string{"app", "app"}}, "scopes[1]", "before"},
	{"scopes not to subscribe to", object{"scopes": []string{"connector_hubspot_api"}}, "scopes[0]", "all scopes"},
	{"scopes 17", object{"scopes": slices.Repeat([]string{"app"}, 17)}, "scopes", "at most 16"},
	{"workspaces null", object{"workspaces": nil}, "workspaces", "array"},
	{"workspaces empty", object{"workspaces": []string{}}, "workspaces", "empty"},
	{"workspaces no UUID", object{"workspaces": []string{"marketing"}}, "workspaces[0]", "UUID"},
	{"workspaces unknown", object{"workspaces": []string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}}, "workspaces[0]", "no such workspace"},
	{"workspaces star in company", object{"workspaces": []string{"*", "5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}}, "workspaces[0]", "only entry"},
	{"workspaces 1001", object{"workspaces": slices.Repeat([]string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}, 1001)}, "workspaces", "at most 1000"},
	{
		"workspaces duplicate in another case",
		object{"workspaces": []string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11", "5B0A3C9E-3A0E-4A52-9C06-6B0A2A1F7D11"}},
		"workspaces[1]", "before",
	},
	{"workspaces in sandbox", object{"sandbox": true, "workspaces": []string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}}, "workspaces", "sandbox"},
	{"secret short", object{"secret_key": strings.Repeat("a", 31)}, "secret_key", "exactly 32"},
	{"secret long", object{"secret_key": strings.Repeat("a", 33)}, "secret_key", "exactly 32"},
	{"secret empty", object{"secret_key": ""}, "secret_key", "exactly 32"},
	{"secret number", object{"secret_key": 1}, "secret_key", "string"},
	{"secret with line end", object{"secret_key": strings.Repeat("a", 31) + "\n"}, "secret_key", "ASCII"},
	{"secret is the mask", object{"secret_key": secretMask}, "secret_key", "mask"},
	{"format unknown", object{"format": "smoke_signals"}, "format", "yousign"},
	{"format null", object{"format": nil}, "format", "string"},
	{"entity_key empty", object{"entity_key": ""}, "entity_key", "256 bytes"},
	{"entity_key long", object{"entity_key": strings.Repeat("a", 257)}, "entity_key", "256 bytes"},
	{"max_in_flight 0", object{"max_in_flight": 0}, "max_in_flight", "at least 1"},
	{"max_in_flight 257", object{"max_in_flight": 257}, "max_in_flight", "at most 256"},
	{"max_in_flight half", object{"max_in_flight": 1.5}, "max_in_flight", "whole number"},
	{"rate 0", object{"rate_limit_per_second": 0}, "rate_limit_per_second", "at least 0.01"},
	{"rate of no call ever", object{"rate_limit_per_second": 1e-300}, "rate_limit_per_second", "at least 0.01"},
	{"rate 10001", object{"rate_limit_per_second": 10001}, "rate_limit_per_second", "at most 10000"},
	{"rate text", object{"rate_limit_per_second": "1"}, "rate_limit_per_second", "number"},
	{"timeout_first_ms 99", object{"timeout_first_ms": 99}, "timeout_first_ms", "at least 100"},
	{"timeout_retry_ms 60001", object{"timeout_retry_ms": 60001}, "timeout_retry_ms", "at most 60000"},
	{"headers array", object{"headers": []string{}}, "headers", "object"},
	{"headers value number", object{"headers": object{"X-A": 1}}, "headers[X-A]", "string"},
}

func TestBadSubscriptions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	good := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201)
	path := "/v3/webhooks/" + good.json()["id"].(string)
	for _, c := range badWebhooks {
		t.Run(c.name, func(t *testing.T) {
			w := w.in(t)
			created := w.call("POST", "/v3/webhooks", key, validWebhook.with(c.changes)).invalid()
			require.Len(t, created, 1)
			require.Contains(t, created[c.field], c.says)

			changes := object{}
			for name, v := range c.changes {
				if v != absent {
					changes[name] = v
				}
			}
			if len(changes) == 0 {
				return // absent fields keep their values
			}
			changed := w.call("PATCH", path, key, changes.with(nil)).invalid()
			require.Contains(t, changed[c.field], c.says)
		})
	}
	require.Len(t, w.store.subscriptions, 1, "nothing is stored of what was refused")
	require.Equal(t, good.body, w.call("GET", path, key, "").is(200).body)
}

func TestEverythingWrongIsToldAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	wrong := w.call("POST", "/v3/webhooks", w.manager(), `{"endpoint":"http://a","description":"<b>","sandbox":"no",
		"subscribed_events":["*","signer.done","nope"],"scopes":[],"secret_key":"short","max_in_flight":0,"headers":{"Host":"a","x y":"b"}}`).invalid()
	names := []string{}
	for name := range wrong {
		names = append(names, name)
	}
	require.ElementsMatch(t, []string{
		"endpoint", "description", "sandbox", "subscribed_events[0]", "subscribed_events[2]", "scopes", "auto_retry", "enabled",
		"secret_key", "max_in_flight", "headers[Host]", "headers[x y]",
	}, names)
}

func TestGoodSubscriptions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.call("POST", "/v3/workspaces", key, `{"id":"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11","name":"Sales"}`).is(201)
	for name, changes := range map[string]object{
		"null description":     {"description": nil},
		"empty description":    {"description": ""},
		"longest description":  {"description": strings.Repeat("é", 128)},
		"harmless description": {"description": "1 < 2, R&D @ 5 pm: node.js"},
		"longest endpoint":     {"endpoint": "https://hooks.acme.test/" + strings.Repeat("a", 1000)},
		"everything":           {"subscribed_events": []string{"*"}, "scopes": []string{"*"}, "workspaces": []string{"*"}},
		"family beside names":  {"subscribed_events": []string{"signer.*", "verification.identity_video.*", "contact.created"}},
		"name in a family":     {"subscribed_events": []string{"signer.*", "signer.done"}},
		"workspace":            {"workspaces": []string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}},
		"sandbox":              {"sandbox": true, "workspaces": []string{"*"}},
		"null secret":          {"secret_key": nil},
		"own secret":           {"secret_key": "12345678901234567890123456789012"},
		"unknown fields":       {"colour": "red", "Endpoint": 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			out := w.call("POST", "/v3/webhooks", key, validWebhook.with(changes)).is(201).json()
			require.Len(t, out["secret_key"], 32)
		})
	}
	upper := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"workspaces": []string{"5B0A3C9E-3A0E-4A52-9C06-6B0A2A1F7D11"}})).is(201)
	require.Equal(t, []any{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}, upper.json()["workspaces"])
}

func TestAChangeIsCheckedTogetherWithWhatStays(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.call("POST", "/v3/workspaces", key, `{"id":"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11","name":"Sales"}`).is(201)
	id := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"workspaces": []string{"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"}})).
		is(201).json()["id"].(string)
	path := "/v3/webhooks/" + id
	require.Contains(t, w.call("PATCH", path, key, `{"sandbox":true}`).invalid()["workspaces"], "sandbox")
	w.call("PATCH", path, key, `{"sandbox":true,"workspaces":["*"]}`).is(200)
	require.Contains(t, w.call("PATCH", path, key, `{"workspaces":["5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11"]}`).invalid()["workspaces"], "sandbox")
}

func TestAChangeIsNotRefusedForWhatWasStoredUnderEarlierRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := "/v3/webhooks/" + w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()["id"].(string)
	w.store.subscriptions[0].Endpoint = "http://10.0.0.1/" // was allowed once
	w.store.subscriptions[0].Events = []models.Pattern{"gone.event"}
	w.call("PATCH", path, key, `{"enabled":false}`).is(200)
	w.call("PATCH", path, key, `{"endpoint":"http://10.0.0.1/"}`).invalid()
}

func TestQuota(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.SubscriptionQuota, o.WorkspaceQuota = 1, 1 })
	key := w.manager()
	w.call("POST", "/v3/workspaces", key, `{"name":"Sales"}`).is(201)
	require.Equal(t, "quota.exceeded", w.call("POST", "/v3/workspaces", key, `{"name":"Legal"}`).is(403).json()["type"])
	w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201)
	require.Equal(t, "quota.exceeded", w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(403).json()["type"])
}

func TestSandboxKeysAndSubscriptions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, sandbox := w.manager(), w.key(w.org, models.RoleAdmin, models.Sandbox)
	live := w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(201).json()["id"].(string)
	test := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"sandbox": true})).is(201).json()["id"].(string)

	require.Equal(t, typeNotEnabled, w.call("POST", "/v3/webhooks", sandbox, validWebhook.with(object{"sandbox": true})).is(403).json()["type"])
	require.Len(t, w.call("GET", "/v3/webhooks", key, "").is(200).list(), 2)
	require.Len(t, w.call("GET", "/v3/webhooks", sandbox, "").is(200).list(), 1)
	w.call("GET", "/v3/webhooks/"+test, sandbox, "").is(200)
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		w.call(method, "/v3/webhooks/"+live, sandbox, `{}`).is(404)
	}
	w.call("PATCH", "/v3/webhooks/"+test, sandbox, `{"enabled":false}`).is(200)
	require.Contains(t, w.call("PATCH", "/v3/webhooks/"+test, sandbox, `{"sandbox":false}`).invalid(), "sandbox")
	w.call("DELETE", "/v3/webhooks/"+test, sandbox, "").is(204)
}

func TestAFailedRefreshDoesNotFailTheChange(t *testing.T) {
	t.Parallel()
	var rules brokenRules
	w := setup(t, func(o *Options) { o.Rules = rules })
	w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(nil)).is(http.StatusCreated)
	require.Contains(t, w.log.String(), "rules.refresh_failed")
}

func TestStaticHeaders(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	long := strings.Repeat("x", 300)
	for name, headers := range map[string]object{
		"empty name": {"": "a"}, "space": {"X A": "a"}, "colon": {"X:A": "a"}, "CR": {"X\r": "a"}, "LF": {"X\nY": "a"},
		"non-ASCII name": {"X-Ä": "a"}, "long name": {long: "a"},
		"value with CR LF": {"X-A": "a\r\nX-B: c"}, "value with LF": {"X-A": "a\nb"}, "value with DEL": {"X-A": "a\x7f"},
		"long value": {"X-A": strings.Repeat("a", 5000)}, "non-ASCII value": {"X-A": "ü"}, "mask": {"X-A": headerMask},
		"11 headers": {
			"X-1": "", "X-2": "", "X-3": "", "X-4": "", "X-5": "", "X-6": "", "X-7": "", "X-8": "", "X-9": "", "X-10": "", "X-11": "",
		},
		"duplicate by case": {"X-A": "a", "x-a": "b"},
		"host":              {"Host": "a"}, "content length": {"content-length": "1"}, "transfer encoding": {"Transfer-Encoding": "chunked"},
		"connection": {"Connection": "close"}, "keep alive": {"Keep-Alive": "1"}, "upgrade": {"UPGRADE": "h2c"}, "te": {"TE": "trailers"},
		"trailer": {"Trailer": "X"}, "expect": {"Expect": "100-continue"}, "proxy": {"Proxy-Authorization": "a"},
		"webhook id": {"webhook-id": "a"}, "webhook signature": {"webhook-signature": "a"}, "idempotency": {"Idempotency-Key": "a"},
		"x idempotency": {"x-idempotency-key": "a"}, "signature": {"X-Yousign-Signature-256": "a"}, "ours": {"X-Hookrouter-Delivery": "a"},
		"content type": {"Content-Type": "text/plain"}, "content digest": {"content-digest": "a"}, "range": {"Range": "bytes=0-1"},
		"http2 settings": {"HTTP2-Settings": "a"}, "content language": {"Content-Language": "de"}, "user agent": {"User-Agent": "a"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			for field := range w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"headers": headers})).invalid() {
				require.True(t, strings.HasPrefix(field, "headers"), field)
				require.Less(t, len(field), 200)
			}
		})
	}
	require.Empty(t, w.store.subscriptions)
	for name, headers := range map[string]object{
		"authorization": {"Authorization": "Bearer abc"}, "empty value": {"X-A": ""}, "trimmed": {"X-A": " a\t"}, "none": {},
		"tab within": {"X-A": "a\tb"},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.in(t)
			w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"headers": headers})).is(201)
		})
	}
}

func TestAPatchKeepsTheSecretUnlessItHasOne(t *testing.T) {
	t.Parallel()
	made := 0
	w := setup(t, func(o *Options) {
		o.NewSecret = func() string {
			made++
			return fmt.Sprintf("%032d", made)
		}
	})
	key := w.manager()
	given := strings.Repeat("k", 32)
	for _, first := range []any{absent, nil, given} {
		s := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"secret_key": first})).is(201).json()
		path := "/v3/webhooks/" + s["id"].(string)
		for _, body := range []string{`{"secret_key":null}`, `{}`, `{"enabled":false,"secret_key":null}`, `{"endpoint":"https://hooks.acme.test/other"}`} {
			require.Equal(t, s["secret_key"], w.call("PATCH", path, key, body).is(200).json()["secret_key"], body)
			require.Equal(t, s["secret_key"], w.call("GET", path, key, "").is(200).json()["secret_key"], body)
		}
		other := strings.Repeat("n", 32)
		require.Equal(t, other, w.call("PATCH", path, key, object{"secret_key": other}.with(nil)).is(200).json()["secret_key"])
	}
	require.Equal(t, 2, made, "one for each subscription that came without")
}

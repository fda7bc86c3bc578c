package handlers

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// What the vendor's description of /webhooks asks of answers, in a table of our own. Every answer that the tests below get from
// /v3/webhooks is held against it.

// shapeOf describes one key of an object.
type shapeOf struct {
	kind     string // string, boolean, uuid, time, uri, list
	nullable bool
	longest  int
	entries  func(string) bool // for lists: which specific entries there may be beside a lone star
}

var vendorScopes = []string{"app", "public_api", "connector_zapier_api"}

// The twelve keys of a subscription; all of them are required.
var vendorSubscription = map[string]shapeOf{
	"id":                {kind: "uuid"},
	"endpoint":          {kind: "uri", longest: 1024},
	"description":       {kind: "string", nullable: true, longest: 128},
	"sandbox":           {kind: "boolean"},
	"subscribed_events": {kind: "list", entries: func(s string) bool { return models.BuiltinCatalogue().Knows(s) || strings.HasSuffix(s, ".*") }},
	"secret_key":        {kind: "string"},
	"scopes":            {kind: "list", entries: func(s string) bool { return slices.Contains(vendorScopes, s) }},
	"workspaces":        {kind: "list", entries: func(s string) bool { _, err := models.ParseID(s); return err == nil }},
	"auto_retry":        {kind: "boolean"},
	"enabled":           {kind: "boolean"},
	"created_at":        {kind: "time"},
	"updated_at":        {kind: "time", nullable: true},
}

// The operations with the statuses that the description has for them. 201 and 200 carry a subscription, the list an array of them,
// 204 nothing.
var vendorOperations = map[string]struct {
	success int
	errors  []int
}{
	"GET /v3/webhooks":             {200, []int{400, 401, 403, 405, 429, 500}},
	"POST /v3/webhooks":            {201, []int{400, 401, 403, 404, 405, 415, 429, 500}},
	"GET /v3/webhooks/:webhook":    {200, []int{400, 401, 403, 404, 405, 415, 429, 500}},
	"PATCH /v3/webhooks/:webhook":  {200, []int{400, 401, 403, 404, 405, 429, 500}},
	"DELETE /v3/webhooks/:webhook": {204, []int{400, 401, 403, 404, 405, 429, 500}},
}

// What errors must have. The vendor's two pages differ for 405 and 429, so we satisfy both.
func vendorError(status int) []string {
	if status == 405 || status == 429 {
		return []string{"message", "type", "detail"}
	}
	return []string{"type", "detail"}
}

var rateHeaders = []string{
	"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "X-RateLimit-Limit-Minute", "X-RateLimit-Limit-Hour",
	"X-RateLimit-Remaining-Minute", "X-RateLimit-Remaining-Hour",
}

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (s shapeOf) check(v any) error {
	if v == nil {
		if s.nullable {
			return nil
		}
		return fmt.Errorf("null")
	}
	switch s.kind {
	case "boolean":
		if _, ok := v.(bool); !ok {
			return fmt.Errorf("%v is no boolean", v)
		}
		return nil
	case "list":
		return s.checkList(v)
	}
	text, ok := v.(string)
	switch {
	case !ok:
		return fmt.Errorf("%v is no string", v)
	case s.longest > 0 && utf8.RuneCountInString(text) > s.longest:
		return fmt.Errorf("longer than %d", s.longest)
	case s.kind == "uuid" && !uuidForm.MatchString(text):
		return fmt.Errorf("%q is no UUID", text)
	case s.kind == "uri" && !strings.HasPrefix(text, "https://"):
		return fmt.Errorf("%q is no https URL", text)
	case s.kind == "time":
		_, err := time.Parse("2006-01-02T15:04:05Z07:00", text)
		return err
	}
	return nil
}

func (s shapeOf) checkList(v any) error {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return fmt.Errorf("%v is no list", v)
	}
	if len(list) == 1 && list[0] == "*" {
		return nil
	}
	for _, entry := range list {
		if text, ok := entry.(string); !ok || !s.entries(text) {
			return fmt.Errorf("%v may not be in the list", entry)
		}
	}
	return nil
}

// conforms holds one answer against the tables.
func conforms(t *testing.T, operation string, a answer) {
	t.Helper()
	want := vendorOperations[operation]
	for _, name := range rateHeaders {
		_, err := strconv.Atoi(a.header.Get(name))
		require.NoError(t, err, "%s %d: %s", operation, a.status, name)
	}
	if a.status == 204 {
		require.Equal(t, want.success, a.status)
		require.Empty(t, a.body)
		return
	}
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	if a.status != want.success {
		require.Contains(t, append(want.errors, 413), a.status, operation) // 413 is ours: the vendor is silent about sizes
		body := a.json()
		for _, name := range vendorError(a.status) {
			require.IsType(t, "", body[name], "%s %d: %s", operation, a.status, name)
			require.NotEmpty(t, body[name])
		}
		params, given := body["invalid_params"]
		require.Equal(t, body["type"] == "validation.error", given, "invalid_params come with validation.error and only then")
		if given {
			for _, p := range params.([]any) {
				require.Len(t, p, 2)
				require.IsType(t, "", p.(map[string]any)["name"])
				require.IsType(t, "", p.(map[string]any)["reason"])
			}
		}
		if a.status == 429 {
			_, err := strconv.Atoi(a.header.Get("Retry-After"))
			require.NoError(t, err)
		}
		return
	}
	var one map[string]any
	if operation == "GET /v3/webhooks" {
		for _, s := range a.list() {
			checkSubscription(t, s.(map[string]any))
		}
		return
	}
	require.NoError(t, json.Unmarshal([]byte(a.body), &one))
	checkSubscription(t, one)
}

func checkSubscription(t *testing.T, s map[string]any) {
	t.Helper()
	for name, shape := range vendorSubscription {
		v, given := s[name]
		require.True(t, given, "%s is required", name)
		require.NoError(t, shape.check(v), name)
	}
}

func TestEveryAnswerOfWebhooksIsAsTheVendorDescribesIt(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 10_000, Hour: 100_000} })
	key := w.manager()
	reader, sandbox := w.key(w.org, models.RoleReader, models.Production), w.key(w.org, models.RoleAdmin, models.Sandbox)
	const list, create = "GET /v3/webhooks", "POST /v3/webhooks"
	const read, update, remove = "GET /v3/webhooks/:webhook", "PATCH /v3/webhooks/:webhook", "DELETE /v3/webhooks/:webhook"
	seen := map[string]map[int]bool{}
	do := func(operation, path, key, body string, status int, headers ...string) answer {
		t.Helper()
		method, _, _ := strings.Cut(operation, " ")
		a := w.call(method, path, key, body, headers...).is(status)
		conforms(t, operation, a)
		if seen[operation] == nil {
			seen[operation] = map[int]bool{}
		}
		seen[operation][status] = true
		return a
	}

	var path string
	for _, changes := range []object{
		{},
		{"description": nil},
		{"sandbox": true},
		{"subscribed_events": []string{"*"}, "scopes": []string{"*"}},
		{"secret_key": strings.Repeat("k", 32)},
		{"headers": object{"X-A": "b"}, "max_in_flight": 5, "entity_key": "e"},
	} {
		path = "/v3/webhooks/" + do(create, "/v3/webhooks", key, validWebhook.with(changes), 201).json()["id"].(string)
		do(read, path, key, "", 200)
		do(update, path, key, `{"description":"b"}`, 200)
	}
	for _, c := range badWebhooks {
		do(create, "/v3/webhooks", key, validWebhook.with(c.changes), 400)
	}
	do(update, path, key, `{"endpoint":1}`, 400)
	do(update, path, key, `[]`, 400)
	do(create, "/v3/webhooks", key, strings.Repeat(" ", 1<<20), 413)
	do(create, "/v3/webhooks", key, `{}`, 415, "Content-Type: text/plain")
	do(create, "/v3/webhooks", sandbox, `{}`, 403)
	unknown := "/v3/webhooks/0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001"
	for _, operation := range []string{list, create, read, update, remove} {
		where := unknown
		if operation == list || operation == create {
			where = "/v3/webhooks"
		} else {
			do(operation, unknown, key, `{}`, 404)
			do(operation, "/v3/webhooks/1", key, `{}`, 404)
		}
		do(operation, where, "", `{}`, 401)
		do(operation, where, "hk_live_wrong", `{}`, 401)
		publisher := w.key(w.org, models.RolePublisher, models.Production)
		do(operation, where, publisher, `{}`, 403)
	}
	do(create, "/v3/webhooks", reader, `{}`, 403)
	do(update, path, reader, `{}`, 403)
	do(remove, path, reader, ``, 403)
	do(list, "/v3/webhooks", reader, "", 200)
	conforms(t, list, w.call("PUT", "/v3/webhooks", key, `{}`).is(405))
	conforms(t, read, w.call("POST", path, key, `{}`).is(405))
	do(remove, path, key, "", 204)

	w.failing(path, do)
	for operation, want := range vendorOperations {
		for _, status := range want.errors {
			if status == 405 || status == 400 && operation != create && operation != update || status == 415 && operation == read ||
				status == 404 && operation == create {
				continue // cannot happen, or is seen above
			}
			require.True(t, seen[operation][status], "%s %d was not tried", operation, status)
		}
	}
}

// failing tries every operation with a store that fails, and over the limit.
func (w *world) failing(path string, do func(operation, path, key, body string, status int, headers ...string) answer) {
	w.t.Helper()
	key := w.manager()
	try := func(status int) {
		for operation := range vendorOperations {
			where := path
			if !strings.Contains(operation, ":") {
				where = "/v3/webhooks"
			}
			do(operation, where, key, validWebhook.with(nil), status)
		}
	}
	w.store.fault = fmt.Errorf("the disk is gone")
	try(500)
	w.store.fault = nil
	w.api.limiter = newLimiter(Limit{Minute: 1, Hour: 1})
	w.call("GET", "/v3/webhooks", key, "").is(200)
	try(429)
}

func TestSubscriptionsAsInTheVendorsExamplesAreTaken(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for _, events := range models.BuiltinCatalogue().Types() {
		w.api.SubscriptionQuota = 0
		w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"subscribed_events": []string{events.Name}})).is(201)
	}
	for _, scope := range vendorScopes {
		w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"scopes": []string{scope}})).is(201)
	}
}

package handlers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func (w *world) publisher() string { return w.key(w.org, models.RolePublisher, models.Production) }

func TestPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(object{"scopes": []string{"*"}})).is(201)
	a := w.call("POST", "/v3/events", w.publisher(), validEvent.with(nil)).is(202)
	e := w.store.events[0]
	require.JSONEq(t, fmt.Sprintf(
		`{"event_id":%q,"event_name":"signer.done","sandbox":false,"matched":1,"duplicate":false,"created_at":"2026-05-04T10:00:07.123Z"}`, e.ID), a.body)
	require.Equal(t, "application/json", a.header.Get("Content-Type"))
	require.Equal(t, w.org, e.OrganizationID)
	require.False(t, e.Chosen)
	require.Zero(t, e.Fingerprint)
	require.Equal(t, "2026-05-04T10:00:07.123Z", millis(e.Time), "the default is now, to the millisecond")
	require.Zero(t, e.Time.Nanosecond()%1e6)
}

func TestPublishingWithEverything(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const data = "{ \"b\" : 9007199254740993, \"a\":[1e400,-0,1e-400, 0.10],\n\t\"ü\":\"\\u00fc\\/<&>\" }"
	w.call("POST", "/v3/events", w.publisher(), `{"data":`+data+`,"event_name":"signer.done","event_id":"9A93D3B5-fb3b-4abf-9e70-26315b33506c",
		"event_time":"2024-01-18T23:59:00.7+01:00","sandbox":true,"scope":"hubspot_integration",
		"workspace_id":"5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11","entity_key":"pack/ü","extra":{"a":[]},"Event_Name":"x"}`,
		"Idempotency-Key: abc 1").is(202)
	e := w.store.events[0]
	require.Equal(t, data, string(e.Data), "not a byte is changed")
	require.Equal(t, "9a93d3b5-fb3b-4abf-9e70-26315b33506c", e.ID.String())
	require.True(t, e.Chosen)
	require.NotEqual(t, e.ID, e.Ref)
	require.Equal(t, "2024-01-18T22:59:00Z", seconds(e.Time))
	require.True(t, e.Sandbox)
	require.Equal(t, "hubspot_integration", e.Scope)
	require.Equal(t, "5b0a3c9e-3a0e-4a52-9c06-6b0a2a1f7d11", e.WorkspaceID.String())
	require.Equal(t, "pack/ü", e.EntityKey)
	require.Equal(t, "abc 1", e.IdempotencyKey)
	require.NotZero(t, e.Fingerprint)

	shown := w.call("GET", "/v3/events/"+e.ID.String(), w.manager(), "").is(200)
	require.True(t, json.Valid([]byte(shown.body)))
	require.Contains(t, shown.body, data, "and it is shown as it was sent")
}

func TestNullIsTheSameAsAbsent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.call("POST", "/v3/events", w.publisher(), validEvent.with(object{
		"event_id": nil, "event_time": nil, "sandbox": nil, "scope": nil, "workspace_id": nil, "entity_key": nil,
	})).is(202)
	e := w.store.events[0]
	require.False(t, e.Chosen)
	require.Zero(t, e.WorkspaceID)
	require.Equal(t, seconds(w.clock), seconds(e.Time))
}

func TestEventTimes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	for given, want := range map[string]string{
		`"2024-01-18T22:59:00Z"`: "2024-01-18T22:59:00Z", `"2024-01-18T22:59:00.999Z"`: "2024-01-18T22:59:00Z", `0`: "1970-01-01T00:00:00Z",
		`1705618740`: "2024-01-18T22:59:00Z", `"1705618740"`: "2024-01-18T22:59:00Z", `253402300799`: "9999-12-31T23:59:59Z",
		`"2036-01-01T00:00:00-11:30"`: "2036-01-01T11:30:00Z", `"2024-01-18t22:59:00.5z"`: "2024-01-18T22:59:00Z",
		// refused
		`"0000-01-01T00:00:00Z"`: "", `"10000-01-01T00:00:00Z"`: "", `"1969-12-31T23:59:59Z"`: "", `"2024-01-18T22:59:00"`: "",
		`"2024-01-18T24:00:00Z"`: "", `"2024-01-18"`: "", `"yesterday"`: "", `""`: "", `-1`: "", `253402300800`: "", `1705618740.5`: "",
		`1e9`: "", `true`: "", `{}`: "", `"2024-02-30T00:00:00Z"`: "", `"2024-01-18T2:59:00Z"`: "", `"9999-12-31T23:59:59-01:00"`: "",
		`99999999999999999999`: "", `"2024-01-18T22:59:00+25:00"`: "", `"1970-01-01T00:00:00+01:00"`: "",
	} {
		a := w.call("POST", "/v3/events", key, `{"event_name":"signer.done","data":{},"event_time":`+given+`}`)
		if want == "" {
			require.Contains(t, a.invalid(), "event_time", given)
			continue
		}
		a.is(202)
		require.Equal(t, want, seconds(w.store.events[len(w.store.events)-1].Time), given)
	}
}

// badEventFields are changes to a valid event, and the one field that the answer must name.
var badEventFields = map[string]struct {
	changes object
	field   string
}{
	"name missing":             {object{"event_name": absent}, "event_name"},
	"name null":                {object{"event_name": nil}, "event_name"},
	"name number":              {object{"event_name": 1}, "event_name"},
	"name empty":               {object{"event_name": ""}, "event_name"},
	"name of 129 characters":   {object{"event_name": strings.Repeat("a", 129)}, "event_name"},
	"name with empty part":     {object{"event_name": "a..b"}, "event_name"},
	"name with dot before":     {object{"event_name": ".a"}, "event_name"},
	"name with dot after":      {object{"event_name": "a."}, "event_name"},
	"name with blank":          {object{"event_name": "a b"}, "event_name"},
	"name with umlaut":         {object{"event_name": "Ä.b"}, "event_name"},
	"name with slash":          {object{"event_name": "a/b"}, "event_name"},
	"name star":                {object{"event_name": "*"}, "event_name"},
	"name family":              {object{"event_name": "signer.*"}, "event_name"},
	"name with line end":       {object{"event_name": "signer.done\r\n"}, "event_name"},
	"name prototype":           {object{"event_name": "__proto__"}, "event_name"},
	"name in other case":       {object{"event_name": "Signer.Done"}, "event_name"},
	"data missing":             {object{"data": absent}, "data"},
	"data null":                {object{"data": nil}, "data"},
	"data array":               {object{"data": []int{1}}, "data"},
	"data text":                {object{"data": "{}"}, "data"},
	"id of 65 characters":      {object{"event_id": strings.Repeat("a", 65)}, "event_id"},
	"id with blanks":           {object{"event_id": " 9a93d3b5-fb3b-4abf-9e70-26315b33506c"}, "event_id"},
	"id number":                {object{"event_id": 1}, "event_id"},
	"id zero":                  {object{"event_id": "00000000-0000-0000-0000-000000000000"}, "event_id"},
	"sandbox text":             {object{"sandbox": "true"}, "sandbox"},
	"scope unknown":            {object{"scope": "moon"}, "scope"},
	"scope star":               {object{"scope": "*"}, "scope"},
	"scope empty":              {object{"scope": ""}, "scope"},
	"scope list":               {object{"scope": []string{"app"}}, "scope"},
	"workspace no UUID":        {object{"workspace_id": "sales"}, "workspace_id"},
	"entity_key empty":         {object{"entity_key": ""}, "entity_key"},
	"parent empty":             {object{"entity_key": "a", "entity_parent_key": ""}, "entity_parent_key"},
	"parent of 257 bytes":      {object{"entity_key": "a", "entity_parent_key": strings.Repeat("é", 129)}, "entity_parent_key"},
	"parent number":            {object{"entity_key": "a", "entity_parent_key": 1}, "entity_parent_key"},
	"parent of nothing":        {object{"entity_parent_key": "a"}, "entity_parent_key"},
	"parent of itself":         {object{"entity_key": "a", "entity_parent_key": "a"}, "entity_parent_key"},
	"entity_key of 257 bytes":  {object{"entity_key": strings.Repeat("é", 129)}, "entity_key"},
	"entity_key number":        {object{"entity_key": 1}, "entity_key"},
	"name in other case alone": {object{"event_name": absent, "Event_Name": "signer.done"}, "event_name"},
}

func TestBadEventFields(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	for name, c := range badEventFields {
		wrong := w.call("POST", "/v3/events", key, validEvent.with(c.changes)).invalid()
		require.Len(t, wrong, 1, name)
		require.Contains(t, wrong, c.field, name)
	}
	require.Len(t, w.call("POST", "/v3/events", key,
		`{"event_name":1,"data":1,"event_id":1,"event_time":[],"sandbox":1,"scope":1,"workspace_id":1,"entity_key":1}`).invalid(), 8)
	require.Empty(t, w.store.events)
}

// publishedBodies are the bodies of the corpus: the status they get, and the field that a 400 names.
var publishedBodies = []struct {
	name, body string
	status     int
	field      string
}{
	{"null", `null`, 400, "body"},
	{"array", `[]`, 400, "body"},
	{"text", `"x"`, 400, "body"},
	{"number", `1`, 400, "body"},
	{"open", `{`, 400, "body"},
	{"trailing", `{"event_name":"signer.done","data":{}}trailing`, 400, "body"},
	{"two documents", `{"event_name":"signer.done","data":{}}{}`, 400, "body"},
	{"byte order mark", "\ufeff" + `{"event_name":"signer.done","data":{}}`, 400, "body"},
	{"UTF-16", "{\x00\"\x00}\x00", 400, "body"},
	{"invalid UTF-8", "{\"event_name\":\"signer.done\",\"data\":{\"a\":\"\xff\"}}", 400, "data"},
	{"half a surrogate pair", `{"event_name":"signer.done","data":{"a":"\ud800"}}`, 400, "data"},
	{"other half", `{"event_name":"signer.done","data":{"a":"\udc00x"}}`, 400, "data"},
	{"surrogate pair", `{"event_name":"signer.done","data":{"a":"\ud83d\ude00"}}`, 202, ""},
	{"escaped NUL", `{"event_name":"signer.done","data":{"a":"\u0000"}}`, 400, "data"},
	{"escaped NUL after backslash", `{"event_name":"signer.done","data":{"a":"\\\u0000"}}`, 400, "data"},
	{"escaped NUL in a name", `{"event_name":"signer.done","data":{"\u0000":1}}`, 400, "data"},
	{"escaped NUL after a harmless one", `{"event_name":"signer.done","data":{"a":"\\u0000\u0000"}}`, 400, "data"},
	{"no escaped NUL", `{"event_name":"signer.done","data":{"a":"\\u0000"}}`, 202, ""},
	{"raw NUL", "{\"event_name\":\"signer.done\",\"data\":{\"a\":\"\x00\"}}", 400, "data"},
	{"control character", "{\"event_name\":\"signer.done\",\"data\":{\"a\":\"\x01\"}}", 400, "body"},
	{"duplicate name", `{"event_name":"signer.done","event_name":"signer.error","data":{}}`, 400, "body"},
	{"duplicate name by escape", `{"event_name":"signer.done","event\u005fname":"signer.error","data":{}}`, 400, "body"},
	{"duplicate name in data", `{"event_name":"signer.done","data":{"a":{"b":1,"b":2}}}`, 400, "body"},
	{"name with escape", `{"event\u005fname":"signer.done","data":{}}`, 202, ""},
	{"name with escaped escape", `{"event_name":"signer.done","\\u0064ata":{}}`, 400, "data"},
	{"other case is another name", `{"event_name":"signer.done","Event_name":"signer.error","data":{}}`, 202, ""},
	{"depth 64", `{"event_name":"signer.done","data":` + strings.Repeat(`{"a":`, 63) + `[]` + strings.Repeat(`}`, 63) + `}`, 202, ""},
	{"depth 65", `{"event_name":"signer.done","data":` + strings.Repeat(`{"a":`, 64) + `[]` + strings.Repeat(`}`, 64) + `}`, 400, "data"},
	{"depth 10,000", `{"event_name":"signer.done","data":{"a":` + strings.Repeat(`[`, 9_990) + strings.Repeat(`]`, 9_990) + `}}`, 400, "data"},
	{"depth 100,000", `{"event_name":"signer.done","data":{"a":` + strings.Repeat(`[`, 100_000), 400, "body"},
	{"10,000 values", `{"event_name":"signer.done","data":{"a":[` + strings.Repeat(`0,`, 9_997) + `0]}}`, 202, ""},
	{"10,001 values", `{"event_name":"signer.done","data":{"a":[` + strings.Repeat(`0,`, 9_998) + `0]}}`, 400, "data"},
	{"large numbers", `{"event_name":"signer.done","data":{"a":[1e400,-0,1e-400,` + strings.Repeat("9", 1000) + `]}}`, 202, ""},
	{"no number", `{"event_name":"signer.done","data":{"a":01}}`, 400, "body"},
	{"not a number", `{"event_name":"signer.done","data":{"a":NaN}}`, 400, "body"},
	{"long key", `{"event_name":"signer.done","data":{"` + strings.Repeat("k", 64<<10) + `":1}}`, 202, ""},
	{"256 KiB of data", `{"event_name":"signer.done","data":{"a":"` + strings.Repeat("k", 256<<10-8) + `"}}`, 202, ""},
	{"one byte more", `{"event_name":"signer.done","data":{"a":"` + strings.Repeat("k", 256<<10-7) + `"}}`, 400, "data"},
	{"1 MiB", `{"event_name":"signer.done","data":{"a":"` + strings.Repeat("k", 1<<20) + `"}}`, 413, ""},
	{"comment", `{"event_name":"signer.done",/**/"data":{}}`, 400, "body"},
	{"comma at the end", `{"event_name":"signer.done","data":{},}`, 400, "body"},
	{"white space around", " \r\n\t" + `{"event_name":"signer.done","data":{}}` + " \n", 202, ""},
}

func TestPublishedBodies(t *testing.T) {
	t.Parallel()
	for _, c := range publishedBodies {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			a := w.call("POST", "/v3/events", w.publisher(), c.body).is(c.status)
			batch := w.call("POST", "/v3/events/batch", w.publisher(), `{"events":[`+c.body+`]}`)
			switch c.status {
			case 202:
				require.Len(t, w.store.events, 2)
				batch.is(202)
			case 400:
				require.Contains(t, a.invalid(), c.field)
				require.Empty(t, w.store.events)
			case 413:
				require.Equal(t, "payload.too_large", a.json()["type"])
				require.Empty(t, w.store.events)
			}
			require.Less(t, batch.status, 500)
		})
	}
}

func TestBodiesThatAreNotJSON(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, body := w.publisher(), validEvent.with(nil)
	for name, c := range map[string]struct {
		header string
		status int
	}{
		"missing": {"Content-Type:", 415}, "text": {"Content-Type: text/plain", 415}, "latin1": {"Content-Type: application/json; charset=latin1", 415},
		"cloudevents": {"Content-Type: application/cloudevents+json", 415}, "broken": {"Content-Type: application/json;;=", 415},
		"form": {"Content-Type: application/x-www-form-urlencoded", 415}, "gzip": {"Content-Encoding: gzip", 415}, "br": {"Content-Encoding: br", 415},
		"utf-8": {"Content-Type: application/json; charset=UTF-8", 202}, "quoted": {`Content-Type: Application/JSON; charset="utf-8"`, 202},
		"identity": {"Content-Encoding: identity", 202},
	} {
		a := w.call("POST", "/v3/events", key, body, c.header)
		require.Equal(t, c.status, a.status, name)
		if c.status == 415 {
			require.Equal(t, "media_type.unsupported", a.json()["type"], name)
		}
	}
	require.Contains(t, w.call("POST", "/v3/events", key, "").invalid()["body"], "empty")
	require.Contains(t, w.call("POST", "/v3/events", key, " ").invalid()["body"], "empty")
}

// cutOff is a body that breaks off.
type cutOff struct{ io.Reader }

func (c cutOff) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func TestABodyThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/v3/events", cutOff{strings.NewReader(validEvent.with(nil))})
	req.Header.Set("Authorization", "Bearer "+w.publisher())
	req.Header.Set("Content-Type", "application/json")
	require.Contains(t, w.serve(req).invalid(), "body")
	require.Empty(t, w.store.events)
}

func TestTheSizeIsCheckedWithoutAContentLength(t *testing.T) {
	t.Parallel()
	w := setup(t)
	body := `{"event_name":"signer.done","data":{"a":"` + strings.Repeat("k", 1<<20) + `"}}`
	req := httptest.NewRequestWithContext(t.Context(), "POST", "/v3/events", io.NopCloser(strings.NewReader(body)))
	require.Equal(t, int64(-1), req.ContentLength)
	req.Header.Set("Authorization", "Bearer "+w.publisher())
	req.Header.Set("Content-Type", "application/json")
	w.serve(req).is(413)
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	id := object{"event_id": "9a93d3b5-fb3b-4abf-9e70-26315b33506c"}
	first := w.call("POST", "/v3/events", key, validEvent.with(id)).is(202)
	again := w.call("POST", "/v3/events", key, `{"data":{"signer":{"id":7}},"event_id":"9A93D3B5-fb3b-4abf-9e70-26315b33506c","event_name":"signer.done"}`).is(202)
	require.Equal(t, strings.Replace(first.body, `"duplicate":false`, `"duplicate":true`, 1), again.body)
	for _, other := range []object{{"data": object{}}, {"event_name": "signer.error"}, {"sandbox": true}, {"entity_key": "a"}, {"event_time": 5}, {"scope": "app"}, {"entity_key": "a", "entity_parent_key": "b"}} {
		other["event_id"] = id["event_id"]
		conflict := w.call("POST", "/v3/events", key, validEvent.with(other)).is(409).json()
		require.Equal(t, "resource.conflict", conflict["type"])
		require.Equal(t, "Another event was published with this event_id before.", conflict["detail"])
		require.NotContains(t, conflict, "invalid_params")
	}
	w.clock = w.clock.Add(1e9)
	w.call("POST", "/v3/events", key, validEvent.with(nil), "Idempotency-Key: k").is(202)
	w.clock = w.clock.Add(25 * 3600e9)
	require.Equal(t, true, w.call("POST", "/v3/events", key, validEvent.with(nil), "Idempotency-Key: k").is(202).json()["duplicate"],
		"the time of the call is not part of what was sent")
	w.call("POST", "/v3/events", key, validEvent.with(object{"data": object{}}), "Idempotency-Key: k").is(409)
	other := w.key(w.other, models.RolePublisher, models.Production)
	for _, headers := range []string{"Idempotency-Key: k", "X-Nothing: k"} {
		require.Equal(t, false, w.call("POST", "/v3/events", other, validEvent.with(object{"event_id": id["event_id"], "data": object{"a": 1}}), headers).
			status == 409, "another organization has its own ids and keys")
	}
	w.call("POST", "/v3/events", key, `{"event_name":"nope","data":{}}`, "Idempotency-Key: n").is(400)
	w.call("POST", "/v3/events", key, validEvent.with(nil), "Idempotency-Key: n").is(202)
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	send := func(values ...string) answer {
		req := httptest.NewRequestWithContext(t.Context(), "POST", "/v3/events", strings.NewReader(validEvent.with(nil)))
		req.Header.Set("Authorization", "Bearer "+key)
		req.Header.Set("Content-Type", "application/json")
		req.Header["Idempotency-Key"] = values
		return w.serve(req)
	}
	send(strings.Repeat("k", 255)).is(202)
	send("a b~!").is(202)
	for name, values := range map[string][]string{
		"256 characters": {strings.Repeat("k", 256)}, "empty": {""}, "not ASCII": {"ü"}, "tab": {"a\tb"}, "two": {"a", "b"},
		"1 MB": {strings.Repeat("k", 1<<20)},
	} {
		require.Contains(t, send(values...).invalid(), "Idempotency-Key", name)
	}
	req := w.call("POST", "/v3/events/batch", key, `{"events":[`+validEvent.with(nil)+`]}`, "Idempotency-Key: k")
	require.Contains(t, req.invalid(), "Idempotency-Key")
	require.Len(t, w.store.events, 2)
}

func TestFiftyAtOnceAreOneEvent(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Logger = nil })
	key := w.publisher()
	var wg sync.WaitGroup
	bodies := make([]string, 50)
	for i := range bodies {
		wg.Go(func() { bodies[i] = w.call("POST", "/v3/events", key, validEvent.with(nil), "Idempotency-Key: k").body })
	}
	wg.Wait()
	require.Len(t, w.store.events, 1)
	first := 0
	for _, b := range bodies {
		require.Contains(t, b, w.store.events[0].ID.String())
		first += strings.Count(b, `"duplicate":false`)
	}
	require.Equal(t, 1, first)
}

func TestTheEnvironmentOfPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	live, sandbox := w.publisher(), w.key(w.org, models.RolePublisher, models.Sandbox)
	require.Equal(t, false, w.call("POST", "/v3/events", live, validEvent.with(nil)).is(202).json()["sandbox"])
	require.Equal(t, true, w.call("POST", "/v3/events", live, validEvent.with(object{"sandbox": true})).is(202).json()["sandbox"])
	require.Equal(t, true, w.call("POST", "/v3/events", sandbox, validEvent.with(nil)).is(202).json()["sandbox"])
	require.Equal(t, true, w.call("POST", "/v3/events", sandbox, validEvent.with(object{"sandbox": true})).is(202).json()["sandbox"])
	require.Contains(t, w.call("POST", "/v3/events", sandbox, validEvent.with(object{"sandbox": false})).invalid(), "sandbox")
}

func TestBatches(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	body := `{"ignored":[1],"events":[` + strings.Join([]string{
		validEvent.with(object{"event_id": "9a93d3b5-fb3b-4abf-9e70-26315b33506c"}),
		validEvent.with(object{"event_name": "nope", "data": 1}),
		`7`,
		validEvent.with(object{"event_id": "9a93d3b5-fb3b-4abf-9e70-26315b33506c"}),
		validEvent.with(object{"event_id": "9a93d3b5-fb3b-4abf-9e70-26315b33506c", "scope": "app"}),
		validEvent.with(nil),
	}, ", ") + `]}`
	items := w.call("POST", "/v3/events/batch", key, body).is(202).json()["events"].([]any)
	require.Len(t, items, 6)
	at := func(i int) map[string]any { return items[i].(map[string]any) }
	for i, want := range []float64{202, 400, 400, 202, 409, 202} {
		require.Equal(t, want, at(i)["status"], i)
	}
	require.Equal(t, []any{false, true, false}, []any{at(0)["duplicate"], at(3)["duplicate"], at(5)["duplicate"]})
	params := at(1)["error"].(map[string]any)["invalid_params"].([]any)
	require.Len(t, params, 2)
	require.Equal(t, typeInvalid, at(2)["error"].(map[string]any)["type"])
	require.Len(t, w.store.events, 2)

	for name, body := range map[string]string{
		"missing": `{}`, "null": `{"events":null}`, "object": `{"events":{}}`, "empty": `{"events":[]}`,
		"1001": `{"events":[` + strings.Repeat(`{},`, 1000) + `{}]}`, "many": `{"events":[` + strings.Repeat(`{},`, 100_000) + `1]}`,
	} {
		require.Contains(t, w.call("POST", "/v3/events/batch", key, body).invalid(), "events", name)
	}
	for name, body := range map[string]string{"array": `[]`, "open": `{"events":[{`, "trailing": `{"events":[{}]} x`, "twice": `{"events":[{}],"events":[{}]}`} {
		require.Contains(t, w.call("POST", "/v3/events/batch", key, body).invalid(), "body", name)
	}
	require.Len(t, w.call("POST", "/v3/events/batch", key, `{"events":[`+strings.Repeat(`{"event_name":"signer.done","data":{}},`, 999)+
		`{"event_name":"signer.done","data":{}}]}`).is(202).json()["events"], 1000)
	w.call("POST", "/v3/events/batch", key, `{"events":[`+strings.Repeat(" ", 4<<20)+`]}`).is(413)
	allBad := w.call("POST", "/v3/events/batch", key, `{"events":[{},{}]}`).is(202).json()["events"].([]any)
	require.Len(t, allBad, 2)
}

func TestPublishingWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202)
	for code, status := range map[models.Code]int{models.CodeUnavailable: 503, models.CodeStale: 503, models.CodeFenced: 503, models.CodeInternal: 500} {
		w.store.fault = models.Errorf(code, "The secret cause.")
		one := w.call("POST", "/v3/events", key, validEvent.with(nil)).is(status)
		require.Equal(t, status == 503, one.header.Get("Retry-After") != "")
		w.call("POST", "/v3/events/batch", key, `{"events":[`+validEvent.with(nil)+`]}`).is(status)
		mixed := w.call("POST", "/v3/events/batch", key, `{"events":[{},`+validEvent.with(nil)+`]}`).is(202).json()["events"].([]any)
		require.Equal(t, float64(status), mixed[1].(map[string]any)["status"])
		if code != models.CodeUnavailable {
			require.NotContains(t, one.body, "secret cause")
		}
	}
}

func TestShape(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][2]int{
		`1`: {0, 1}, `"[{,}]\""`: {0, 1}, `{}`: {1, 1}, `[]`: {1, 1}, `[ ]`: {1, 1}, `[1]`: {1, 2}, `[1,2]`: {1, 3}, `{"a":1,"b":[{},{"c":""}]}`: {3, 6},
		`{ "a" : [ ] , "b" : { } }`: {2, 3}, `["\\"]`: {1, 2}, `["\\\"]"]`: {1, 2}, `[[],[[]]]`: {3, 4},
	} {
		depth, nodes := shape([]byte(in))
		require.Equal(t, want, [2]int{depth, nodes}, in)
	}
}

// FuzzShape holds the scanner against a decoder.
func FuzzShape(f *testing.F) {
	for _, c := range publishedBodies {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var v any
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		if dec.Decode(&v) != nil || !json.Valid(in) {
			return
		}
		if distinct(in) {
			depth, nodes := shape(in)
			wantDepth, wantNodes := measure(v)
			require.Equal(t, [2]int{wantDepth, wantNodes}, [2]int{depth, nodes})
		}
	})
}

// distinct reports whether no object has a name twice, of which a decoder keeps only one.
func distinct(in []byte) bool {
	var d document
	req, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(append(append([]byte(`{"a":`), in...), '}')))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	if d.read(req, 1<<20) != nil {
		return false
	}
	_, err = d.readMembers()
	return err == nil
}

func measure(v any) (depth, nodes int) {
	nodes = 1
	add := func(x any) {
		d, n := measure(x)
		depth, nodes = max(depth, d), nodes+n
	}
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			add(x)
		}
		return depth + 1, nodes
	case []any:
		for _, x := range v {
			add(x)
		}
		return depth + 1, nodes
	}
	return 0, 1
}

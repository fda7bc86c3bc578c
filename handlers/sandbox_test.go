package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/sandbox"
)

// subscribed is a world with a subscription, and its id.
func subscribed(tb testing.TB, change object) (*world, string) {
	tb.Helper()
	w := setup(tb)
	return w, w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(change)).is(201).json()["id"].(string)
}

const doneEvent = `{"event_name":"signer.done"}`

func TestATestReachesItsSubscriptionAlone(t *testing.T) {
	t.Parallel()
	w, id := subscribed(t, object{"subscribed_events": []string{"contact.created"}, "scopes": []string{"app"}})
	w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(object{"subscribed_events": []string{"*"}, "scopes": []string{"*"}, "sandbox": true})).is(201)
	w.store.deliver = func(d *models.Delivery) {
		d.Status = models.StatusFailed
		w.store.attempts[d.ID] = []models.Attempt{{DeliveryID: d.ID, OrganizationID: w.org, Number: 1, StatusCode: 500, Reason: models.ReasonStatus}}
	}
	out := w.call("POST", "/v3/webhooks/"+id+"/test", w.manager(), doneEvent).is(200).json()
	require.Equal(t, "failed", out["status"])
	require.Equal(t, true, out["sandbox"])
	require.Equal(t, "status", out["attempt"].(map[string]any)["reason"])
	require.Contains(t, out["request_body"], "signature_request")
	require.Len(t, w.store.deliveries, 1)
	d := w.store.deliveries[0]
	require.False(t, d.Sandbox, "it is of its subscription's environment")
	require.True(t, d.Test())
	require.Equal(t, id, d.SubscriptionID.String())
	require.Equal(t, d.ID.String(), out["delivery_id"])
	require.Equal(t, d.EventID.String(), out["event_id"])

	listed := w.call("GET", "/v3/deliveries", w.manager(), "").is(200).data()
	require.Equal(t, true, listed[0]["test"])
	require.Equal(t, true, listed[0]["sandbox"], "as the receiver was told")
	require.Equal(t, true, w.call("GET", "/v3/events", w.manager(), "").is(200).data()[0]["test"])
	w.store.deliver = nil
	w.call("POST", "/v3/events", w.manager(), validEvent.with(object{"sandbox": true})).is(202)
	require.Equal(t, false, w.call("GET", "/v3/events", w.manager(), "").is(200).data()[0]["test"])
}

func TestATestThatCanNotBeSent(t *testing.T) {
	t.Parallel()
	w, id := subscribed(t, nil)
	path, key := "/v3/webhooks/"+id+"/test", w.manager()
	require.Contains(t, w.call("POST", path, key, `{}`).invalid(), "event_name")
	require.Contains(t, w.call("POST", path, key, `{"event_name":7}`).invalid(), "event_name")
	require.Contains(t, w.call("POST", path, key, `{"event_name":"no.such"}`).invalid(), "event_name")
	require.Contains(t, w.call("POST", path, key, `{"event_name":"signer.*"}`).invalid(), "event_name")
	w.call("POST", "/v3/webhooks/"+w.org.String()+"/test", key, doneEvent).is(404)
	w.call("PATCH", "/v3/webhooks/"+id, key, `{"enabled":false}`).is(200)
	w.call("POST", path, key, doneEvent).is(409)
	w.call("PATCH", "/v3/webhooks/"+id, key, `{"enabled":true}`).is(200)

	w.store.deliver = func(d *models.Delivery) { d.Status = models.StatusDelivered }
	for range testsPerMinute {
		w.call("POST", path, w.manager(), doneEvent).is(200)
	}
	a := w.call("POST", path, w.manager(), doneEvent).is(429)
	require.NotEmpty(t, a.header.Get("Retry-After"))
	require.Len(t, w.store.deliveries, testsPerMinute)
	w.clock = w.clock.Add(time.Minute)
	w.call("POST", path, key, doneEvent).is(200)
}

func TestATestWaitsForItsOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, id := subscribed(t, object{"timeout_first_ms": 3000})
		key := w.manager()
		begin := time.Now()
		w.store.deliver = func(d *models.Delivery) {
			time.AfterFunc(4*time.Second, func() {
				leave, _ := w.store.enter()
				w.store.deliveries[0].Status = models.StatusDelivered
				leave()
			})
		}
		require.Equal(t, "delivered", w.call("POST", "/v3/webhooks/"+id+"/test", key, doneEvent).is(200).json()["status"])
		require.InDelta(t, 4, time.Since(begin).Seconds(), 0.3)
		w.store.deliver, begin = nil, time.Now()
		out := w.call("POST", "/v3/webhooks/"+id+"/test", key, doneEvent).is(202).json()
		require.Equal(t, "pending", out["status"])
		require.Nil(t, out["attempt"])
		require.Equal(t, 3*time.Second+testGrace, time.Since(begin))
	})
}

func TestSamplesArePublishedInTheSandbox(t *testing.T) {
	t.Parallel()
	w, _ := subscribed(t, object{"sandbox": true})
	subscriber := func() string { return w.key(w.org, models.RolePublisher, models.Production) }
	out := w.call("POST", "/v3/sandbox/events", subscriber(), doneEvent).is(202).json()
	require.Equal(t, 1.0, out["matched"])
	require.True(t, w.store.events[0].Sandbox)
	require.False(t, w.store.events[0].Test())
	require.Equal(t, 0.0, w.call("POST", "/v3/sandbox/events", subscriber(), `{"event_name":"signer.done","scope":"connector_zapier_api","entity_key":"k"}`).is(202).json()["matched"])
	require.Equal(t, "k", w.store.events[1].EntityKey)
	wrong := w.call("POST", "/v3/sandbox/events", subscriber(), `{"event_name":"signer.done","scope":"*","entity_key":""}`).invalid()
	require.Contains(t, wrong, "scope")
	require.Contains(t, wrong, "entity_key")
	require.Contains(t, w.call("POST", "/v3/sandbox/events", subscriber(), `{"event_name":"no.such"}`).invalid(), "event_name")
	for range samplesPerMinute - 2 {
		w.call("POST", "/v3/sandbox/events", subscriber(), doneEvent).is(202)
	}
	w.call("POST", "/v3/sandbox/events", subscriber(), doneEvent).is(429)
}

func TestScenarios(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var draining atomic.Bool
		w := setup(t, func(o *Options) {
			o.Now, o.Draining = time.Now, draining.Load
			o.Scenarios = sandbox.New(o.NewID, time.Now)
		})
		key := w.manager()
		list := w.call("GET", "/v3/sandbox/scenarios", key, "").is(200).data()
		require.Len(t, list, 6)
		require.Equal(t, "signature_request.activated", list[0]["steps"].([]any)[0].(map[string]any)["event_name"])

		out := w.call("POST", "/v3/sandbox/scenarios/signature_done/run", key, `{"speed":2,"scope":"app"}`).is(202).json()
		promised := out["events"].([]any)
		require.Len(t, promised, 8)
		published := func() int { leave, _ := w.store.enter(); defer leave(); return len(w.store.events) }
		require.Equal(t, 1, published())
		<-time.After(600 * time.Millisecond) // of the bubble's clock
		require.Equal(t, 2, published())
		<-time.After(time.Minute)
		require.Equal(t, 8, published())
		for i, e := range w.store.events {
			require.Equal(t, promised[i].(map[string]any)["event_id"], e.ID.String())
			require.Equal(t, promised[i].(map[string]any)["event_name"], e.Name)
			require.True(t, e.Sandbox)
			require.Equal(t, "app", e.Scope)
		}
		require.Empty(t, w.api.scenes)

		w.call("POST", "/v3/sandbox/scenarios/quicklysign_pack/run", key, `{"speed":0}`).is(202)
		require.Equal(t, 15, published())
		w.call("POST", "/v3/sandbox/scenarios/signature_expired/run", key, "").is(202)
		draining.Store(true)
		<-time.After(time.Minute)
		require.Equal(t, 16, published(), "the end of the process ends it")
		draining.Store(false)

		w.call("POST", "/v3/sandbox/scenarios/no_such/run", key, "{}").is(404)
		for _, speed := range []string{"-1", "0.01", "1001", `"fast"`, "null"} {
			require.Contains(t, w.call("POST", "/v3/sandbox/scenarios/signature_done/run", key, `{"speed":`+speed+`}`).invalid(), "speed")
		}
		for range maxScenes {
			w.api.scenes <- struct{}{}
		}
		w.call("POST", "/v3/sandbox/scenarios/signature_done/run", key, "").is(503)
		w.call("POST", "/v3/sandbox/scenarios/signature_done/run", key, `{"speed":0}`).is(202)
	})
}

func TestAScenarioStepByStep(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) {
		o.Now, o.Scenarios = time.Now, sandbox.New(o.NewID, time.Now)
		o.NewID = func() models.ID { id := models.FloorID(time.Now()); id[15] = 9; return id }
	})
	key := w.manager()
	const path = "/v3/sandbox/scenarios/signature_done/run"
	begun := w.call("POST", path, key, `{"step":1}`).is(202).json()
	run := begun["run_id"].(string)
	require.Equal(t, "signature_request.activated", begun["events"].([]any)[0].(map[string]any)["event_name"])
	second := w.call("POST", path, key, `{"step":2,"run_id":"`+run+`"}`).is(202).json()
	require.Equal(t, run, second["run_id"])
	again := w.call("POST", path, key, `{"step":2,"run_id":"`+run+`"}`).is(202).json()
	require.Equal(t, second["events"].([]any)[0].(map[string]any)["event_id"], again["events"].([]any)[0].(map[string]any)["event_id"])
	require.Len(t, w.store.events, 2, "a step that is sent twice is one event")
	subject := func(e *models.Event) string {
		var data struct {
			Request struct{ ID string } `json:"signature_request"`
		}
		require.NoError(t, json.Unmarshal(e.Data, &data))
		return data.Request.ID
	}
	require.Equal(t, subject(w.store.events[0]), subject(w.store.events[1]))
	require.Equal(t, time.Second, w.store.events[1].Time.Sub(w.store.events[0].Time))
	require.True(t, w.store.events[1].Sandbox)
	other := w.call("POST", "/v3/sandbox/scenarios/identity_failed/run", key, `{"step":1,"run_id":"`+run+`"}`).is(202).json()
	require.NotEqual(t, begun["events"], other["events"])

	for body, field := range map[string]string{
		`{"step":0}`: "step", `{"step":9}`: "step", `{"step":"a"}`: "step", `{"run_id":"` + run + `"}`: "run_id",
		`{"step":2,"run_id":"x"}`: "run_id", `{"step":2,"run_id":"00000000-0000-7000-8000-000000000000"}`: "run_id",
	} {
		require.Contains(t, w.call("POST", path, key, body).invalid(), field, body)
	}
	w.call("POST", "/v3/sandbox/scenarios/no_such/run", key, `{"step":1}`).is(404)
}

// inboxAt makes an inbox and returns its id and the path that it listens on.
func (w *world) inboxAt(body string) (id, path string) {
	w.t.Helper()
	out := w.call("POST", "/v3/sandbox/inboxes", w.manager(), body).is(201).json()
	u, err := url.Parse(out["url"].(string))
	require.NoError(w.t, err)
	return out["id"].(string), u.Path
}

func TestInboxes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	id, path := w.inboxAt(`{"name":"Mine","ttl_seconds":60,"fail_first":1}`)
	require.Regexp(t, `^/inbox/[0-9a-f]{32}$`, path)
	other, _ := w.inboxAt("")
	require.Len(t, w.call("GET", "/v3/sandbox/inboxes", key, "").is(200).data(), 2)
	first := w.call("GET", "/v3/sandbox/inboxes?limit=1", key, "").is(200)
	require.Equal(t, id, first.data()[0]["id"])
	require.Equal(t, other, w.call("GET", "/v3/sandbox/inboxes?limit=1&after="+first.next(), key, "").is(200).data()[0]["id"])

	w.call("POST", path, "", `{"a":1}`, "X-Secret: s3cret", "X-Documenso-Secret: s3cret too", "X-Yousign-Retry: 0").is(500)
	require.Equal(t, "kept\n", w.call("POST", path, "", "\xff", "Content-Type: text/plain").is(200).body)
	w.call("GET", path, "", "").is(405)
	shown := w.call("GET", "/v3/sandbox/inboxes/"+id, key, "").is(200).json()
	require.Equal(t, 2.0, shown["received"])

	list := w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?limit=1", key, "").is(200)
	require.Equal(t, "base64", list.data()[0]["body_encoding"])
	list = w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?limit=1&after="+list.next(), key, "").is(200)
	require.Equal(t, `{"a":1}`, list.data()[0]["body"])
	require.Equal(t, "unknown", list.data()[0]["signature"])
	require.Contains(t, list.body, "s3cret")
	require.Empty(t, list.next())
	masked := w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests", w.key(w.org, models.RoleReader, models.Production), "").is(200)
	require.NotContains(t, masked.body, "s3cret", "readers see neither a subscription's own headers nor its secret")
	require.Contains(t, masked.body, `{"name":"X-Yousign-Retry","value":"0"}`)
	require.Len(t, w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?from_number=2", key, "").is(200).data(), 1)
	for _, query := range []string{"from_number=-1", "from_number=a", "wait_seconds=21", "wait_seconds=01", "after=x", "limit=0", "more=1"} {
		require.NotEmpty(t, w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?"+query, key, "").invalid(), query)
	}

	w.clock = w.clock.Add(time.Minute)
	w.call("POST", path, "", "{}").is(404)
	w.call("GET", "/v3/sandbox/inboxes/"+id, key, "").is(404)
	w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests", key, "").is(404)
	w.call("DELETE", "/v3/sandbox/inboxes/"+other, key, "").is(204)
	w.call("DELETE", "/v3/sandbox/inboxes/"+other, key, "").is(404)
	for _, bad := range []string{"/inbox/", "/inbox/x", path + "0", strings.ToUpper(path[:8]) + path[8:], "/inbox/" + strings.Repeat("0", 32)} {
		w.call("POST", bad, "", "{}").is(404)
	}
	for range models.MaxInboxes {
		w.call("POST", "/v3/sandbox/inboxes", key, "{}").is(201)
	}
	require.Equal(t, "quota.exceeded", w.call("POST", "/v3/sandbox/inboxes", key, "{}").is(403).json()["type"])
	require.Len(t, w.call("POST", "/v3/sandbox/inboxes", key, `{"mode":"nap","status":1,"redirect_to":"x"}`).invalid(), 3, "all at once")
}

// TestAnInboxIsChanged lets one that was well fail twice.
func TestAnInboxIsChanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id, path := w.inboxAt(`{"name":"Mine","fail_first":1}`)
	w.call("POST", path, "", "{}").is(500)
	w.call("POST", path, "", "{}").is(200)
	changed := w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), `{"fail_first":2,"fail_status":503,"status":204}`).is(200).json()
	require.Equal(t, 2.0, changed["fails_left"])
	require.Equal(t, "Mine", changed["name"])
	w.call("POST", path, "", "{}").is(503)
	changed = w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), `{"name":"Yours"}`).is(200).json()
	require.Equal(t, 1.0, changed["fails_left"], "what is not named stays")
	require.Equal(t, "Yours", changed["name"])
	w.call("POST", path, "", "{}").is(503)
	w.call("POST", path, "", "{}").is(204)
	for body, field := range map[string]string{
		`{"status":1}`: "status", `{"mode":"nap"}`: "mode", `{"redirect_to":"x"}`: "redirect_to", `{"fail_first":"a"}`: "fail_first",
	} {
		require.Contains(t, w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), body).invalid(), field)
	}
	require.Contains(t, w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), `{"mode":"nap"}`).invalid()["mode"], "drip", "the modes are told")
	w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), `{"redirect_to":"https://a.test/"}`).is(200)
	read := w.call("GET", "/v3/sandbox/inboxes/"+id, w.manager(), "").is(200).body
	w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), `{"redirect_to":null}`).is(200)
	require.Nil(t, w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.manager(), strings.Replace(read, `"https://a.test/"`, "null", 1)).is(200).json()["redirect_to"])
	other := w.key(w.other, models.RoleManager, models.Production)
	w.call("PATCH", "/v3/sandbox/inboxes/"+id, other, `{}`).is(404)
	w.call("PATCH", "/v3/sandbox/inboxes/"+id, w.key(w.org, models.RoleReader, models.Production), `{}`).is(403)
}

// Everything has a default, so no body says as much as an empty object, however its end is told.
func TestAnInboxNeedsNoBody(t *testing.T) {
	t.Parallel()
	w := setup(t)
	want := w.call("POST", "/v3/sandbox/inboxes", w.manager(), "{}").is(201).json()
	for name, change := range map[string]func(*http.Request){
		"nothing": func(r *http.Request) { r.Body, r.ContentLength = http.NoBody, 0 },
		"of another type": func(r *http.Request) {
			r.Body, r.ContentLength = http.NoBody, 0
			r.Header.Set("Content-Type", "text/plain")
		},
		"chunked": func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("")), -1 },
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v3/sandbox/inboxes", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+w.manager())
		r.Header.Set("Content-Type", "application/json")
		change(r)
		got := w.serve(r).is(201).json()
		for _, own := range []string{"id", "url"} {
			require.NotEqual(t, want[own], got[own], name)
			got[own] = want[own]
		}
		require.Equal(t, want, got, name)
	}
	require.Contains(t, w.call("POST", "/v3/sandbox/inboxes", w.manager(), "null").invalid(), "body")
}

func TestInboxInputIsChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for field, values := range map[string][]string{
		"name": {`"` + strings.Repeat("n", 129) + `"`, `"<b>"`, `1`}, "ttl_seconds": {"59", "2592001", `"a"`}, "mode": {`"nap"`, `""`},
		"status": {"100", "600", "199"}, "delay_ms": {"-1", "60001"}, "fail_first": {"-1", "1001"}, "fail_status": {"100"},
		"redirect_to": {`"ftp://a"`, `"//a"`, `"https://u:p@a"`, `"https://"`, `"https://a/` + strings.Repeat("a", 1024) + `"`, `"https://a/é"`},
	} {
		for _, v := range values {
			require.Contains(t, w.call("POST", "/v3/sandbox/inboxes", w.manager(), fmt.Sprintf(`{%q:%s}`, field, v)).invalid(), field, v)
		}
	}
}

func TestAnInboxKnowsTheSecret(t *testing.T) {
	t.Parallel()
	w, sub := subscribed(t, object{"scopes": []string{"*"}})
	w.call("POST", "/v3/events", w.manager(), validEvent.with(nil)).is(202)
	id, path := w.inboxAt(`{}`)
	delivery := w.store.deliveries[0].ID.String()
	good := strings.Repeat("s", models.SecretLength) + "body"
	for i, tc := range []struct{ delivery, signature, want string }{
		{delivery, good, "valid"}, {delivery, "sha256=0", "invalid"}, {delivery, "", "missing"}, {w.org.String(), good, "unknown"}, {"x", good, "unknown"},
	} {
		headers := []string{"X-Hookrouter-Delivery: " + tc.delivery}
		if tc.signature != "" {
			headers = append(headers, "X-Yousign-Signature-256: "+tc.signature)
		}
		w.call("POST", path, "", "body", headers...).is(200)
		got := w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?limit=1", w.manager(), "").is(200).data()[0]
		require.Equal(t, tc.want, got["signature"], i)
		if tc.want == "unknown" {
			require.Nil(t, got["delivery_id"])
		} else {
			require.Equal(t, delivery, got["delivery_id"])
		}
	}
	w.call("DELETE", "/v3/webhooks/"+sub, w.manager(), "").is(204)
	w.call("POST", path, "", "body", "X-Hookrouter-Delivery: "+delivery).is(200)
	require.Equal(t, "unknown", w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?limit=1", w.manager(), "").data()[0]["signature"])
}

func TestInboxBehaviors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body   string
		status int
		took   time.Duration
		length int
		drops  bool
	}{
		"status":   {body: `{"status":204}`, status: 204},
		"delay":    {body: `{"delay_ms":2500}`, status: 200, took: 2500 * time.Millisecond, length: 5},
		"drop":     {body: `{"mode":"drop"}`, drops: true},
		"redirect": {body: `{"mode":"redirect","redirect_to":"https://elsewhere.test/a"}`, status: 307},
		"drip":     {body: `{"mode":"drip","status":201}`, status: 201, took: longest, length: 65},
		"huge":     {body: `{"mode":"huge"}`, status: 200, length: hugeBody},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := setup(t)
				_, path := w.inboxAt(tc.body)
				begin := time.Now()
				if tc.drops {
					require.PanicsWithValue(t, http.ErrAbortHandler, func() { w.call("POST", path, "", "{}") })
					require.Len(t, w.store.requests, 1, "kept all the same")
					return
				}
				a := w.call("POST", path, "", "{}").is(tc.status)
				require.Equal(t, tc.took, time.Since(begin))
				require.Len(t, a.body, tc.length)
				if name == "redirect" {
					require.Equal(t, "https://elsewhere.test/a", a.header.Get("Location"))
				}
				require.Empty(t, w.api.inboxes.misbehaving)
				require.Empty(t, w.api.inboxes.receiving)
			})
		})
	}
	w := setup(t)
	_, path := w.inboxAt(`{"mode":"redirect"}`)
	require.Equal(t, "https://router.test"+path, w.call("POST", path, "", "{}").is(307).header.Get("Location"))
}

// TestWhatAnInboxAnswered has each behavior met, and looks at what is told about it.
func TestWhatAnInboxAnswered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body, outcome  string
		status, waited any
		after          time.Duration // when the caller leaves
		stored         int           // afterwards: what is known beforehand costs nothing more
	}{
		"at once":       {body: `{"status":204}`, outcome: "answered", status: 204.0, waited: 0.0},
		"failing":       {body: `{"fail_first":1,"fail_status":503}`, outcome: "answered", status: 503.0, waited: 0.0},
		"redirect":      {body: `{"mode":"redirect"}`, outcome: "answered", status: 307.0, waited: 0.0},
		"huge":          {body: `{"mode":"huge","status":201}`, outcome: "answered", status: 201.0, waited: 0.0},
		"drop":          {body: `{"mode":"drop"}`, outcome: "dropped", waited: 0.0},
		"delay":         {body: `{"delay_ms":2500,"status":202}`, outcome: "answered", status: 202.0, waited: 2500.0, stored: 1},
		"late drop":     {body: `{"mode":"drop","delay_ms":700}`, outcome: "dropped", waited: 700.0, stored: 1},
		"slow, failing": {body: `{"delay_ms":2500,"fail_first":1}`, outcome: "answered", status: 500.0, waited: 0.0, stored: 1},
		"drip":          {body: `{"mode":"drip"}`, outcome: "answered", status: 200.0, waited: 0.0, stored: 1},
		"gone":          {body: `{"delay_ms":2500}`, after: 1200 * time.Millisecond, outcome: "gone", waited: 1200.0, stored: 1},
		"cut":           {body: `{"mode":"endless","delay_ms":100}`, after: time.Second, outcome: "cut", status: 200.0, waited: 100.0, stored: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := setup(t, func(o *Options) { o.Now = time.Now })
				id, path := w.inboxAt(tc.body)
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tc.after > 0 {
					time.AfterFunc(tc.after, leave)
				}
				func() {
					defer func() {
						if tc.outcome == "gone" || tc.outcome == "dropped" {
							require.Equal(t, http.ErrAbortHandler, recover())
						}
					}()
					w.serve(httptest.NewRequestWithContext(ctx, "POST", path, strings.NewReader("{}")))
				}()
				got := w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests", w.manager(), "").is(200).data()[0]["answer"]
				require.Equal(t, map[string]any{"outcome": tc.outcome, "status": tc.status, "waited_ms": tc.waited}, got)
				require.Equal(t, tc.stored, w.store.answers)
				require.Empty(t, w.api.inboxes.receiving)
			})
		})
	}
}

// TestAnAnswerThatIsNotKnown looks while an inbox waits, and after nobody has stored what became of it.
func TestAnAnswerThatIsNotKnown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id, path := w.inboxAt(`{"delay_ms":1}`)
	answer := func() map[string]any {
		return w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests", w.manager(), "").is(200).data()[0]["answer"].(map[string]any)
	}
	for range maxSlowEach {
		require.True(t, w.api.inboxes.misbehave(w.org))
	}
	w.call("POST", path, "", "{}").is(503)
	require.Equal(t, map[string]any{"outcome": "busy", "status": 503.0, "waited_ms": 0.0}, answer())
	w.store.requests[0].Answer = models.InboxReply{}
	require.Equal(t, map[string]any{"outcome": "pending", "status": nil, "waited_ms": nil}, answer())
	w.clock = w.clock.Add(2 * longest)
	require.Equal(t, map[string]any{"outcome": "unknown", "status": nil, "waited_ms": nil}, answer())
}

// TestASlowAnswerIsWholeBeforeItIsStored has a caller who must not wait for what is written down about the answer.
func TestASlowAnswerIsWholeBeforeItIsStored(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Now = time.Now })
	_, path := w.inboxAt(`{"delay_ms":1}`)
	read := make(chan struct{})
	w.store.answering = func() { <-read }
	server := httptest.NewServer(w.engine)
	defer server.Close()
	defer close(read)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+path, http.NoBody)
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "kept\n", string(body))
	require.NoError(t, resp.Body.Close())
}

func TestAnEndlessAnswerEndsWithItsReader(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Now = time.Now })
	_, path := w.inboxAt(`{"mode":"endless"}`)
	server := httptest.NewServer(w.engine)
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, http.NoBody)
	require.NoError(t, err)
	resp, err := server.Client().Do(req)
	require.NoError(t, err)
	_, err = resp.Body.Read(make([]byte, 10))
	require.NoError(t, err)
	require.Len(t, w.api.inboxes.misbehaving, 1)
	require.NoError(t, resp.Body.Close())
	require.Eventually(t, func() bool { return len(w.api.inboxes.misbehaving) == 0 }, 5*time.Second, time.Millisecond)
}

func TestInboxesAreBounded(t *testing.T) {
	t.Parallel()
	w := setup(t)
	id, path := w.inboxAt(`{"delay_ms":1}`)
	w.call("POST", path, "", strings.Repeat("b", models.MaxInboxBody+1)).is(200)
	require.True(t, w.store.requests[0].Truncated)
	require.Len(t, w.store.requests[0].Body, models.MaxInboxBody)
	require.Empty(t, w.api.inboxes.slow, "places are given back")
	for range maxSlowEach {
		require.True(t, w.api.inboxes.misbehave(w.org))
	}
	require.False(t, w.api.inboxes.misbehave(w.org))
	require.True(t, w.api.inboxes.misbehave(w.other), "one organization does not take all places")
	for range maxSlowEach {
		w.api.inboxes.behaved(w.org)
	}
	for range maxMisbehaving - 1 {
		w.api.inboxes.misbehaving <- struct{}{}
	}
	require.NotEmpty(t, w.call("POST", path, "", "{}").is(503).header.Get("Retry-After"))
	for range maxReceiving {
		w.api.inboxes.receiving <- struct{}{}
	}
	kept := len(w.store.requests)
	w.call("POST", path, "", "{}").is(503)
	require.Len(t, w.store.requests, kept)
	for range maxReceiving {
		<-w.api.inboxes.receiving
	}
	_, quick := w.inboxAt(`{}`)
	w.api.inboxes.counts[w.store.inboxes[1].ID] = inboxPerMinute
	w.api.inboxes.minute = w.clock.Unix() / 60
	w.call("POST", quick, "", "{}").is(429)
	for range maxInboxWaits {
		w.api.inboxes.waits <- struct{}{}
	}
	require.Empty(t, w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?wait_seconds=20&from_number=100", w.manager(), "").is(200).data())
}

func TestLookingAtAnInboxCanWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := setup(t)
		id, path := w.inboxAt(`{}`)
		key := w.manager()
		begin := time.Now()
		require.Empty(t, w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?wait_seconds=3", key, "").is(200).data())
		require.Equal(t, 3*time.Second, time.Since(begin))
		begin = time.Now()
		time.AfterFunc(5*time.Second, func() { w.call("POST", path, "", "{}") })
		require.Len(t, w.call("GET", "/v3/sandbox/inboxes/"+id+"/requests?wait_seconds=20", key, "").is(200).data(), 1)
		require.InDelta(t, 5, time.Since(begin).Seconds(), 0.3)
		require.Empty(t, w.api.inboxes.waits)
	})
}

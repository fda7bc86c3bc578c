package handlers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// A key of the sandbox sees nothing of production, and a test of a production subscription tells how its endpoint answered.
func TestASandboxKeySeesNoTestOfProduction(t *testing.T) {
	t.Parallel()
	w, production := subscribed(t, nil)
	tried := w.webhook(w.manager(), object{"sandbox": true})
	w.store.deliver = func(d *models.Delivery) { d.Status = models.StatusFailed }
	for _, id := range []string{production, tried} {
		w.call("POST", "/v3/webhooks/"+id+"/test", w.manager(), doneEvent).is(200)
	}
	hidden, shown := w.store.deliveries[0], w.store.deliveries[1]
	key := w.key(w.org, models.RoleManager, models.Sandbox)
	w.call("GET", "/v3/deliveries/"+hidden.ID.String(), key, "").is(404)
	w.call("POST", "/v3/deliveries/"+hidden.ID.String()+"/retry", key, "").is(404)
	require.Empty(t, w.call("GET", "/v3/events/"+hidden.EventID.String()+"/deliveries", key, "").is(200).data())
	list := w.call("GET", "/v3/deliveries", key, "").is(200).data()
	require.Len(t, list, 1)
	require.Equal(t, shown.ID.String(), list[0]["id"])
	require.Len(t, w.call("GET", "/v3/deliveries", w.manager(), "").is(200).data(), 2)
	w.call("POST", "/v3/deliveries/"+shown.ID.String()+"/retry", key, "").is(202)
}

// Rules do not decide who gets a test, so none of what asks about rules may say that they did.
func TestATestIsOutsideTheRules(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	all := object{"subscribed_events": []string{"*"}, "scopes": []string{"*"}, "sandbox": true}
	other := w.webhook(key, all)
	tried := w.webhook(key, object{"subscribed_events": []string{"contact.created"}, "sandbox": true})
	w.store.deliver = func(d *models.Delivery) { d.Status = models.StatusDelivered }
	event := w.call("POST", "/v3/webhooks/"+tried+"/test", key, doneEvent).is(200).json()["event_id"].(string)
	for _, e := range w.call("GET", "/v3/events/"+event+"/explain", key, "").is(200).data() {
		want := []string{}
		if e["subscription_id"] == other {
			want = []string{"test"}
		}
		require.Equal(t, want, rulesThatSaidNo(e))
		require.Equal(t, e["subscription_id"] == tried, e["matched"])
	}
	w.store.deliveries = nil // retention has come by
	for _, e := range w.call("GET", "/v3/events/"+event+"/explain", key, "").is(200).data() {
		require.Equal(t, []string{"test"}, rulesThatSaidNo(e))
	}
	got := w.call("POST", "/v3/webhooks/dry_run", key, validWebhook.with(all)).is(200).json()
	require.Equal(t, 0.0, got["matched_after"])
	require.Equal(t, 0.0, got["gained"].(map[string]any)["count"])
}

// A notice is not sent to the endpoint that it is about, and the explanation says so.
func TestExplainOfANotice(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	named := object{"subscribed_events": []string{"hookrouter.*"}, "scopes": []string{"*"}, "endpoint": "https://down.example/hooks?tenant=1"}
	concerned := w.webhook(key, named)
	named["endpoint"] = "https://well.example/hooks"
	well := w.webhook(key, named)
	event := w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202).json()["event_id"].(string)
	w.store.events[0].Name = models.EventEndpointSuspended
	w.store.events[0].Data = []byte(`{"webhook":{"id":"` + concerned + `","endpoint":"https://down.example/hooks"}}`)
	for _, e := range w.call("GET", "/v3/events/"+event+"/explain", key, "").is(200).data() {
		require.Equal(t, e["subscription_id"] == well, e["matched"])
		if e["subscription_id"] == concerned {
			require.Equal(t, []string{"endpoint"}, rulesThatSaidNo(e))
		}
	}
}

// The sandbox knows what the organization has added to the catalogue.
func TestSamplesOfOwnTypes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.call("POST", "/v3/event_types", key, `{"name":"invoice.paid","sample":{"total":12.50},"schema":{"required":["total"]}}`).is(201)
	w.call("POST", "/v3/scopes", key, `{"name":"letter"}`).is(201)
	id := w.webhook(key, object{"subscribed_events": []string{"invoice.*"}, "scopes": []string{"letter"}, "sandbox": true})
	w.store.deliver = func(d *models.Delivery) { d.Status = models.StatusDelivered }
	out := w.call("POST", "/v3/webhooks/"+id+"/test", key, `{"event_name":"invoice.paid"}`).is(200).json()
	require.Contains(t, out["request_body"], "12.50")
	out = w.call("POST", "/v3/sandbox/events", key, `{"event_name":"invoice.paid","scope":"letter"}`).is(202).json()
	require.Equal(t, 1.0, out["matched"])
	require.JSONEq(t, `{"total":12.50}`, string(w.store.events[1].Data))
	w.call("POST", "/v3/sandbox/scenarios/signature_done/run", key, `{"speed":0,"scope":"letter"}`).is(202)

	// The type changes after it was looked up.
	w.store.accepts = func() {
		w.store.accepts = nil
		w.call("PATCH", "/v3/event_types/invoice.paid", key, `{"schema":null}`).is(200)
	}
	w.call("POST", "/v3/sandbox/events", key, `{"event_name":"invoice.paid"}`).is(202)

	foreign := w.key(w.other, models.RoleManager, models.Production)
	require.Contains(t, w.call("POST", "/v3/sandbox/events", foreign, `{"event_name":"invoice.paid"}`).invalid(), "event_name")
	require.Contains(t, w.call("POST", "/v3/sandbox/events", foreign, `{"event_name":"signer.done","scope":"letter"}`).invalid(), "scope")
	for _, name := range []string{`a\u0000b`, "", ".", "invoice.*", "INVOICE.PAID"} {
		w.call("POST", "/v3/sandbox/events", key, `{"event_name":"`+name+`"}`).is(400)
	}
}

// An inbox that is the endpoint of a production subscription holds events of production.
func TestASandboxKeySeesNoProductionInAnInbox(t *testing.T) {
	t.Parallel()
	w, _ := subscribed(t, object{"scopes": []string{"*"}})
	w.webhook(w.manager(), object{"scopes": []string{"*"}, "sandbox": true})
	w.call("POST", "/v3/events", w.manager(), validEvent.with(nil)).is(202)
	w.call("POST", "/v3/events", w.manager(), validEvent.with(object{"sandbox": true})).is(202)
	id, path := w.inboxAt(`{}`)
	w.call("POST", path, "", "of nobody").is(200)
	for i, body := range []string{"of production", "of the sandbox"} {
		w.call("POST", path, "", body, "X-Hookrouter-Delivery: "+w.store.deliveries[i].ID.String()).is(200)
	}
	list := "/v3/sandbox/inboxes/" + id + "/requests"
	require.Contains(t, w.call("GET", list, w.manager(), "").is(200).body, "of production")
	a := w.call("GET", list, w.key(w.org, models.RoleManager, models.Sandbox), "").is(200)
	require.NotContains(t, a.body, "of production")
	require.NotContains(t, a.body, w.store.deliveries[0].ID.String())
	require.Len(t, a.data(), 3)
	require.Equal(t, "unknown", a.data()[1]["answer"].(map[string]any)["outcome"])
	require.Equal(t, "answered", a.data()[0]["answer"].(map[string]any)["outcome"])
	require.Contains(t, a.body, "of the sandbox")
	require.Contains(t, a.body, "of nobody")

	other, _ := w.inboxAt(`{}`)
	next := w.call("GET", list+"?limit=1", w.manager(), "").is(200).next()
	require.Contains(t, w.call("GET", "/v3/sandbox/inboxes/"+other+"/requests?limit=1&after="+next, w.manager(), "").invalid(), "after")
}

package handlers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// rulesThatSaidNo are the rules of an explanation.
func rulesThatSaidNo(explanation map[string]any) []string {
	rules := []string{}
	for _, r := range explanation["reasons"].([]any) {
		rules = append(rules, r.(map[string]any)["rule"].(string))
	}
	return rules
}

func TestExplainAnEvent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	all := object{"subscribed_events": []string{"*"}, "scopes": []string{"*"}}
	workspace := w.call("POST", "/v3/workspaces", key, `{"name":"Sales"}`).is(201).json()["id"].(string)
	with := func(change object) object {
		out := object{}
		for _, o := range []object{all, change} {
			for k, v := range o {
				out[k] = v
			}
		}
		return out
	}
	want := map[string][]string{}
	matched := w.webhook(key, all)
	want[matched] = []string{}
	want[w.webhook(key, with(object{"subscribed_events": []string{"contact.created", "signer.link_opened"}}))] = []string{"event"}
	want[w.webhook(key, with(object{"scopes": []string{"app"}}))] = []string{"scope"}
	want[w.webhook(key, with(object{"workspaces": []string{workspace}}))] = []string{"workspace"}
	want[w.webhook(key, with(object{"sandbox": true}))] = []string{"sandbox"}
	want[w.webhook(key, with(object{"entity_key": "e"}))] = []string{"entity"}
	want[w.webhook(key, with(object{"enabled": false, "entity_key": "e"}))] = []string{"disabled", "entity"}
	deleted := w.webhook(key, all)
	want[deleted] = []string{"deleted_before"}
	w.call("DELETE", "/v3/webhooks/"+deleted, key, "").is(204)

	want[w.webhook(key, with(object{"entity_key": "pack"}))] = []string{}
	want[w.webhook(key, with(object{"entity_key": "document"}))] = []string{}
	event := w.call("POST", "/v3/events", key, validEvent.with(object{"entity_key": "document", "entity_parent_key": "pack"})).is(202).json()["event_id"].(string)
	w.webhook(w.key(w.other, models.RoleManager, models.Production), all)
	later := w.webhook(key, all)
	want[later] = []string{"created_later"}
	// What happens afterwards changes nothing: it is the rules at acceptance that count.
	w.call("PATCH", "/v3/webhooks/"+matched, key, `{"enabled":false}`).is(200)
	w.call("DELETE", "/v3/webhooks/"+later, key, "").is(204)

	path := "/v3/events/" + event + "/explain"
	list := w.call("GET", path, key, "").is(200).data()
	require.Len(t, list, len(want))
	for _, e := range list {
		id := e["subscription_id"].(string)
		require.Equal(t, want[id], rulesThatSaidNo(e), id)
		require.Equal(t, len(want[id]) == 0, e["matched"])
		require.Equal(t, true, e["exact"])
		if id == later {
			require.Nil(t, e["subscription_version"])
		}
		for _, r := range e["reasons"].([]any) {
			require.Regexp(t, `^.{20,}\.$`, r.(map[string]any)["detail"])
		}
		one := w.call("GET", path+"?subscription_id="+id, key, "").is(200).data()
		require.Equal(t, []map[string]any{e}, one)
	}

	paged := 0
	for query := "?limit=3"; ; {
		a := w.call("GET", path+query, key, "").is(200)
		if paged += len(a.data()); a.next() == "" {
			break
		}
		query = "?limit=3&after=" + a.next()
	}
	require.Equal(t, len(want), paged)

	w.call("GET", path+"?subscription_id="+w.store.newID().String(), key, "").is(404)
	require.Contains(t, w.call("GET", path+"?subscription_id=x", key, "").invalid(), "subscription_id")
	require.Contains(t, w.call("GET", path+"?webhook="+matched, key, "").invalid(), "webhook")
	w.call("GET", "/v3/events/"+w.store.newID().String()+"/explain", key, "").is(404)
	w.call("GET", path, w.key(w.other, models.RoleAdmin, models.Production), "").is(404)
	w.call("GET", path, w.key(w.org, models.RoleReader, models.Sandbox), "").is(404)
}

func TestExplainOfAnOldEvent(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.webhook(key, nil)
	event := w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202).json()["event_id"].(string)
	w.store.events[0].Revision = models.RevisionUnknown
	list := w.call("GET", "/v3/events/"+event+"/explain", key, "").is(200).data()
	require.Equal(t, false, list[0]["exact"])
	require.Equal(t, 1.0, list[0]["subscription_version"])
}

// TestExplainForASandboxKey keeps what a subscription said in production from keys of the sandbox.
func TestExplainForASandboxKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	moved := w.webhook(key, object{"subscribed_events": []string{"contact.created"}, "scopes": []string{"app"}})
	w.webhook(key, nil)
	event := w.call("POST", "/v3/events", sandbox, validEvent.with(nil)).is(202).json()["event_id"].(string)
	path := "/v3/events/" + event + "/explain"
	require.Empty(t, w.call("GET", path, sandbox, "").is(200).data())
	w.call("PATCH", "/v3/webhooks/"+moved, key, `{"sandbox":true}`).is(200)
	list := w.call("GET", path, sandbox, "").is(200).data()
	require.Len(t, list, 1)
	require.Equal(t, []string{"sandbox"}, rulesThatSaidNo(list[0]))
	list = w.call("GET", path+"?subscription_id="+moved, key, "").is(200).data()
	require.Equal(t, []string{"sandbox", "event", "scope"}, rulesThatSaidNo(list[0]))
}

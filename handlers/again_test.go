package handlers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestRetryADelivery(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	var woken []models.ID
	w.api.Wake = func(subs []models.ID) { woken = append(woken, subs...) }
	key := w.manager()
	path := "/v3/deliveries/" + ids["delivery"] + "/retry"
	got := w.call("POST", path, key, "").is(202).json()
	require.Equal(t, ids["delivery"], got["id"])
	require.Equal(t, "pending", got["status"])
	require.Equal(t, true, got["on_demand"])
	require.Equal(t, false, got["replay"])
	require.Equal(t, w.store.deliveries[0].SubscriptionID, woken[0])
	for _, body := range []string{"{}", " null\n"} {
		w.call("POST", path, key, body).is(409)
	}
	require.Contains(t, w.call("POST", path, key, `{"dry_run":true}`).invalid(), "dry_run", "nobody who wants a dry run is to get an attempt")
	w.call("POST", "/v3/deliveries/"+w.store.newID().String()+"/retry", key, "").is(404)
}

func TestReplayAnEvent(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	woken := 0
	w.api.Wake = func(subs []models.ID) { woken += len(subs) }
	key := w.manager()
	path := "/v3/events/" + ids["event"] + "/replay"
	late := w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"scopes": []string{"*"}})).is(201).json()["id"].(string)
	w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"subscribed_events": []string{"signer.declined"}})).is(201)
	refreshes := w.store.refreshes
	for _, body := range []string{"", "{}", `{"subscription_ids":null}`} {
		made := w.call("POST", path, key, body).is(202).json()["deliveries"].([]any)
		require.Len(t, made, 2, "those that match now")
		require.Equal(t, late, made[1].(map[string]any)["subscription_id"])
		require.Equal(t, true, made[1].(map[string]any)["replay"])
	}
	require.Equal(t, refreshes+3, w.store.refreshes)
	made := w.call("POST", path, key, fmt.Sprintf(`{"subscription_ids":[%q]}`, ids["webhook"])).is(202).json()["deliveries"].([]any)
	require.Len(t, made, 1)
	require.NotEqual(t, nil, made[0].(map[string]any)["replay_of"])
	require.Equal(t, 7, woken)
	require.Len(t, w.call("GET", "/v3/events/"+ids["event"]+"/deliveries", key, "").is(200).data(), 8)

	many := make([]string, models.MaxNamedReplayTarget+1)
	for i := range many {
		many[i] = fmt.Sprintf("%q", w.store.newID())
	}
	for body, field := range map[string]string{
		`{"subscription_ids":[]}`:                                         "subscription_ids",
		`{"subscription_ids":["x"]}`:                                      "subscription_ids[0]",
		`{"subscription_ids":[1]}`:                                        "subscription_ids[0]",
		`{"subscription_ids":{}}`:                                         "subscription_ids",
		fmt.Sprintf(`{"subscription_ids":[%q,%q]}`, late, late):           "subscription_ids[1]",
		fmt.Sprintf(`{"subscription_ids":[%s]}`, strings.Join(many, ",")): "subscription_ids",
		fmt.Sprintf(`{"subscription_ids":[%s]}`, many[0]):                 "subscription_ids[0]",
	} {
		require.Contains(t, w.call("POST", path, key, body).invalid(), field, body)
	}
}

func TestJobInput(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	key := w.manager()
	sandbox := w.key(w.org, models.RoleManager, models.Sandbox)
	const from = `"from":"2026-05-04T00:00:00Z"`
	for body, field := range map[string]string{
		`{}`:            "from",
		`{"from":null}`: "from",
		`{"subscription_id":"` + ids["webhook"] + `"}`:                        "from",
		`{"from":"yesterday"}`:                                                "from",
		`{"from":"2027-01-01T00:00:00Z"}`:                                     "from",
		`{` + from + `,"to":"2026-05-03T00:00:00Z"}`:                          "to",
		`{` + from + `,"rate_per_second":0}`:                                  "rate_per_second",
		`{` + from + `,"rate_per_second":-1}`:                                 "rate_per_second",
		`{` + from + `,"rate_per_second":1001}`:                               "rate_per_second",
		`{` + from + `,"rate_per_second":0.5}`:                                "rate_per_second",
		`{` + from + `,"status":"lost"}`:                                      "status",
		`{` + from + `,"status":"delivering"}`:                                "status",
		`{` + from + `,"event_name":"no.such"}`:                               "event_name",
		`{` + from + `,"event_name":"a*b"}`:                                   "event_name",
		`{` + from + `,"subscription_id":"x"}`:                                "subscription_id",
		`{` + from + `,"dry_run":"yes"}`:                                      "dry_run",
		`{` + from + `,"subscription_id":"` + w.store.newID().String() + `"}`: "subscription_id",
	} {
		require.Contains(t, w.call("POST", "/v3/deliveries/retry", key, body).invalid(), field, body)
	}
	for _, body := range []string{`{` + from + `,"sandbox":false}`, `{` + from + `,"subscription_id":"` + ids["webhook"] + `"}`} {
		w.call("POST", "/v3/deliveries/retry", sandbox, body).is(400)
	}
	require.Len(t, w.store.resends, 1, "none was started")

	started := 0
	w.api.JobStarted = func() { started++ }
	w.call("POST", "/v3/deliveries/retry", sandbox, `{`+from+`}`).is(202)
	require.True(t, *w.store.resends[1].Sandbox, "a sandbox key's job is about sandbox only")
	job := w.call("POST", "/v3/deliveries/retry", key, `{`+from+`,"to":"2030-01-01T00:00:00Z","status":"canceled","event_name":"signer.*","rate_per_second":7}`).is(202).json()
	require.Equal(t, 2, started)
	require.Equal(t, "canceled", job["status"])
	require.Equal(t, 7.0, job["rate_per_second"])
	require.Equal(t, millis(w.clock), job["to"], "now at the latest")
	require.Equal(t, "running", job["state"])
	w.call("POST", "/v3/webhooks/"+ids["webhook"]+"/backfill", key, `{}`).invalid()
	w.call("PATCH", "/v3/webhooks/"+ids["webhook"], key, `{"enabled":false}`).is(200)
	w.call("POST", "/v3/webhooks/"+ids["webhook"]+"/backfill", key, `{`+from+`}`).is(409)
}

// TestAJobIsOfOneEnvironment has one of each: of a subscription of the sandbox and of one of production, which do not say it themselves.
func TestAJobIsOfOneEnvironment(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t) // with a job through both
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	ofSandbox := w.webhook(key, object{"sandbox": true})
	job := func(subscription string) string {
		out := w.call("POST", "/v3/deliveries/retry", key, `{"from":"2026-05-04T00:00:00Z","subscription_id":"`+subscription+`"}`).is(202).json()
		require.Equal(t, subscription == ofSandbox, out["sandbox"], "its subscription's")
		return out["id"].(string)
	}
	tried, live := job(ofSandbox), job(ids["webhook"])
	list := func(key, query string) (found []string) {
		for _, j := range w.call("GET", "/v3/jobs"+query, key, "").is(200).data() {
			found = append(found, j["id"].(string))
		}
		return found
	}
	require.Equal(t, []string{live, tried, ids["job"]}, list(key, ""))
	require.Equal(t, []string{tried}, list(key, "?sandbox=true"))
	require.Equal(t, []string{live, ids["job"]}, list(key, "?sandbox=false"))
	require.Equal(t, []string{tried}, list(sandbox, ""))
	require.Equal(t, []string{tried}, list(sandbox, "?sandbox=true"))
	require.Empty(t, list(sandbox, "?sandbox=false"))
	for _, hidden := range []string{live, ids["job"]} {
		for _, method := range []string{"GET", "DELETE"} {
			w.call(method, "/v3/jobs/"+hidden, sandbox, "").is(404)
		}
		require.Equal(t, "running", w.call("GET", "/v3/jobs/"+hidden, key, "").is(200).json()["state"])
	}
	require.Equal(t, "canceled", w.call("DELETE", "/v3/jobs/"+tried, sandbox, "").is(200).json()["state"])
	next := w.call("GET", "/v3/jobs?limit=1&sandbox=false", key, "").is(200).next()
	require.Contains(t, w.call("GET", "/v3/jobs?limit=1&sandbox=true&after="+next, key, "").invalid(), "after")
}

// TestJobsKnowOwnEventTypes names events that only this organization has.
func TestJobsKnowOwnEventTypes(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	key, other := w.manager(), w.key(w.other, models.RoleManager, models.Production)
	for _, name := range []string{"invoice.paid", "invoice.*"} {
		body := `{"from":"2026-05-04T00:00:00Z","event_name":"` + name + `"}`
		require.Equal(t, name, w.call("POST", "/v3/deliveries/retry", key, body).is(202).json()["event_name"])
		require.Equal(t, name, w.call("POST", "/v3/webhooks/"+ids["webhook"]+"/backfill", key, body).is(202).json()["event_name"])
		require.Contains(t, w.call("POST", "/v3/deliveries/retry", other, body).invalid(), "event_name")
	}
}

func TestADryRunStartsNothing(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	key := w.manager()
	w.clock = w.clock.Add(time.Second)
	got := w.call("POST", "/v3/deliveries/retry", key, `{"from":"2026-05-04T00:00:00Z","dry_run":true}`).is(200).json()
	require.Equal(t, 1.0, got["matching"])
	require.Equal(t, true, got["complete"])
	require.Equal(t, ids["delivery"], got["sample"].([]any)[0].(map[string]any)["id"])
	require.Len(t, w.store.resends, 1)
}

func TestJobs(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	key, sandbox := w.manager(), w.key(w.org, models.RoleManager, models.Sandbox)
	require.Len(t, w.call("GET", "/v3/jobs", key, "").is(200).data(), 1)
	require.Empty(t, w.call("GET", "/v3/jobs", sandbox, "").is(200).data())
	for _, method := range []string{"GET", "DELETE"} {
		w.call(method, "/v3/jobs/"+ids["job"], sandbox, "").is(404)
	}
	require.Equal(t, "running", w.call("GET", "/v3/jobs/"+ids["job"], key, "").is(200).json()["state"])
	require.Equal(t, ids["job"], w.call("GET", "/v3/jobs?sandbox=false", key, "").is(200).data()[0]["id"], "it goes through production too")
	require.Empty(t, w.call("GET", "/v3/jobs?sandbox=true", key, "").is(200).data())
	require.Contains(t, w.call("GET", "/v3/jobs?sandbox=yes", key, "").invalid(), "sandbox")
	ended := w.call("DELETE", "/v3/jobs/"+ids["job"], key, "").is(200).json()
	require.Equal(t, "canceled", ended["state"])
	w.clock = w.clock.Add(time.Hour)
	require.Equal(t, ended, w.call("DELETE", "/v3/jobs/"+ids["job"], key, "").is(200).json())
	w.call("GET", "/v3/jobs?state=running", key, "").is(400)
}

package main

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

const quickPack = "ahFzfnF1aWNrbHlzaWduLWRldnInCxIIRG9jdW1lbnQiGWY2VDNXNW9DejVnQWJnMTgyYjYwMDQyZTAM"

// quickWorld is an instance with credentials for /v1.
type quickWorld struct {
	*node
	id, secret string
	key        string // an API key of the same organization
}

// pair makes credentials as the operator does.
func (n *node) pair(flags ...string) (id, secret string) {
	n.t.Helper()
	lines := strings.Split(n.command(append([]string{"keys", "create", "--organization", "acme", "--quicklysign"}, flags...)...), "\n")
	require.Len(n.t, lines, 3, "one in each line, and nothing else")
	require.Empty(n.t, lines[2])
	return lines[0], lines[1]
}

// v1 makes a call with the credentials in the query and returns the answer's data.
func (q *quickWorld) v1(status int, method, path string, parameters url.Values, body any) map[string]any {
	q.t.Helper()
	query := url.Values{"client_id": {q.id}, "client_secret": {q.secret}}
	maps.Copy(query, parameters)
	var answer struct {
		Status struct {
			Code int `json:"status_code"`
		}
		Data map[string]any
	}
	q.must(status, method, "/v1/"+path+"?"+query.Encode(), "", body, &answer)
	require.Equal(q.t, status, answer.Status.Code)
	return answer.Data
}

// subscribe makes a webhook for a receiver; one is "webhook" or, in V0, "subscription".
func (q *quickWorld) quickSubscribe(r *quickReceiver, one string) (key, callback string) {
	q.t.Helper()
	server := httptest.NewServer(r)
	q.t.Cleanup(server.Close)
	callback = server.URL + "/" + one
	made := q.v1(http.StatusOK, http.MethodPost, one+"s", nil, map[string]any{
		one: map[string]string{"entity_key": r.pack, "callback": callback + "?token=hush"},
	})[one].(map[string]any)
	key = made["key"].(string)
	r.with(func() { r.webhook = key })
	return key, callback
}

func (q *quickWorld) publish(event string, members map[string]any) string {
	q.t.Helper()
	body := map[string]any{"event_name": event, "data": map[string]string{"entity_type": "Document"}, "entity_key": quickPack}
	maps.Copy(body, members)
	var answer struct {
		ID string `json:"event_id"`
	}
	q.must(http.StatusAccepted, http.MethodPost, "/v3/events", q.key, body, &answer)
	return answer.ID
}

// logs are the entries of the log, each without what differs from run to run.
func (q *quickWorld) logs(parameters url.Values) (list []map[string]any) {
	q.t.Helper()
	for _, e := range q.v1(http.StatusOK, http.MethodGet, "webhook_callback_logs", parameters, nil)["webhook_callback_logs"].([]any) {
		list = append(list, e.(map[string]any))
	}
	return list
}

// TestQuicklySign follows webhooks of both versions from their making to the removal of their document pack: every event of the vendor's
// pages arrives at receivers that were written from these pages.
func TestQuicklySign(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, databaseURL string) {
		n := newNode(t, databaseURL, "HOOKROUTER_LOG_LEVEL=debug")
		q := &quickWorld{node: n}
		q.id, q.secret = n.pair()
		q.key = n.key("acme", models.RoleAdmin)
		n.start()
		v1, v0 := newQuickReceiver(quickPack, "webhook_key"), newQuickReceiver(quickPack, "subscription_key")
		webhook, callback := q.quickSubscribe(v1, "webhook")
		q.quickSubscribe(v0, "subscription")

		want := map[string]int{"document_status_changed": 1} // more of it comes of a document
		for _, event := range []string{"entity_updated", "document_status_changed", "final_document_generated", "signatory_updated", "audit_trail_updated"} {
			q.publish(event, nil)
			want[event]++
		}
		q.publish("document_updated", nil)
		child := q.publish("document_status_changed", map[string]any{"entity_key": "a document of it", "entity_parent_key": quickPack})
		q.publish("entity_updated", map[string]any{"entity_key": "another pack"})
		q.publish("signature_request.done", nil)
		want0 := maps.Clone(want)
		want0["document_updated"]++
		for r, want := range map[*quickReceiver]map[string]int{v1: want, v0: want0} {
			require.Eventually(t, func() (all bool) {
				r.with(func() { all = maps.Equal(want, r.got) })
				return all
			}, 20*time.Second, 10*time.Millisecond, "want %v, got %v", want, r.got)
			r.with(func() {
				require.Empty(t, r.refused)
				for _, h := range r.headers {
					for name := range h {
						require.NotContains(t, strings.ToLower(name), "signature", "callbacks are not signed")
						require.NotContains(t, strings.ToLower(name), "yousign")
					}
				}
			})
		}
		q.afterCallbacks(child, webhook, callback, v1)
		q.seenUnderV3(webhook)
		q.entityRemoved()
		q.pairRevoked()
		require.False(t, n.log.contains(q.secret), "no secret is logged")
		require.False(t, n.log.contains("hush"), "nor the query of a callback")
	})
}

// afterCallbacks looks at the log, lets a callback fail and sends it again by hand.
func (q *quickWorld) afterCallbacks(child, webhook, callback string, r *quickReceiver) {
	t := q.t
	only := url.Values{"webhook_key": {webhook}}
	settledLogs := func(want int) (list []map[string]any) {
		require.Eventually(t, func() bool { list = q.logs(only); return len(list) == want }, 20*time.Second, 10*time.Millisecond)
		return list
	}
	settledLogs(12)
	r.with(func() { r.answer = http.StatusNotModified })
	event := q.publish("audit_trail_updated", nil)
	list := settledLogs(14)[12:]
	require.Equal(t, "Calling callback url "+callback+".", list[0]["log"])
	require.Equal(t, "Failed call to url "+callback+". Received 304 response. Redirects are not followed", list[1]["log"])
	delivery := list[0]["_id"].(string)
	var retrying struct{ Status string }
	q.must(http.StatusOK, http.MethodGet, "/v3/deliveries/"+delivery, q.key, nil, &retrying)
	require.Equal(t, "retrying", retrying.Status, "a 3xx is no success")
	q.must(http.StatusAccepted, http.MethodPost, "/v3/deliveries/"+delivery+"/retry", q.key, map[string]any{}, nil)
	list = settledLogs(16)[14:]
	require.Equal(t, "Calling callback url "+callback+". Retry 1.", list[0]["log"])
	require.Equal(t, "Successful call to url "+callback+". Received 200 response", list[1]["log"])
	for _, e := range list {
		require.Equal(t, []any{quickPack, "audit_trail_updated", webhook}, []any{e["entity_key"], e["callback_event"], e["subscription_key"]})
	}
	require.Len(t, q.logs(url.Values{"entity_key": {quickPack}}), 16+14+2, "those of the other webhook too")
	q.v1(http.StatusBadRequest, http.MethodGet, "webhook_callback_logs", url.Values{"entity_key": {quickPack}, "webhook_key": {webhook}}, nil)

	var page struct {
		Data []struct {
			ParentKey string `json:"entity_parent_key"`
			ID        string `json:"event_id"`
		}
	}
	q.must(http.StatusOK, http.MethodGet, "/v3/events?entity_parent_key="+quickPack, q.key, nil, &page)
	require.Len(t, page.Data, 1)
	require.Equal(t, child, page.Data[0].ID)
	require.Equal(t, quickPack, page.Data[0].ParentKey)
	require.NotEqual(t, child, event)
}

// seenUnderV3 looks at the webhook as a subscription.
func (q *quickWorld) seenUnderV3(webhook string) {
	t := q.t
	id, ok := models.ParseKey(webhook)
	require.True(t, ok)
	var s map[string]any
	path := "/v3/webhooks/" + id.String()
	q.must(http.StatusOK, http.MethodGet, path, q.key, nil, &s)
	require.Equal(t, []any{"quicklysign", quickPack, webhook, "active", ""}, []any{s["format"], s["entity_key"], s["webhook_key"], s["state"], s["secret_key"]})
	var deliveries struct{ Data []any }
	q.must(http.StatusOK, http.MethodGet, "/v3/deliveries?subscription_id="+id.String(), q.key, nil, &deliveries)
	require.Len(t, deliveries.Data, 7)
	q.must(http.StatusBadRequest, http.MethodPatch, path, q.key, map[string]any{"entity_key": "another"}, nil)
	q.must(http.StatusOK, http.MethodPatch, path, q.key, map[string]any{"description": "The pack of flat 42"}, nil)
}

// entityRemoved removes the pack: the log goes with it, of what is deleted too.
func (q *quickWorld) entityRemoved() {
	t := q.t
	require.Len(t, q.v1(http.StatusOK, http.MethodDelete, "webhooks", url.Values{"entity_key": {quickPack}}, nil)["webhooks"], 2)
	require.Empty(t, q.v1(http.StatusOK, http.MethodGet, "webhooks", nil, nil)["webhooks"])
	require.NotEmpty(t, q.logs(nil), "the log stays as long as the pack")
	require.Eventually(t, func() bool {
		status, err := q.call(t.Context(), http.MethodDelete, "/v3/entities/"+quickPack, q.key, nil, nil)
		return err == nil && (status == http.StatusOK || status == http.StatusNotFound || status == http.StatusNoContent)
	}, 20*time.Second, 50*time.Millisecond)
	require.Empty(t, q.logs(nil))
	require.Empty(t, q.logs(url.Values{"entity_key": {quickPack}}))
}

// pairRevoked ends the credentials with the operator's commands.
func (q *quickWorld) pairRevoked() {
	t := q.t
	var row string
	for line := range strings.Lines(q.command("keys", "list", "--organization", "acme")) {
		if strings.Contains(line, q.secret[:12]) {
			row = line
		}
	}
	require.Contains(t, row, "manager")
	require.NotContains(t, row, q.secret)
	q.command("keys", "revoke", strings.Fields(row)[0])
	q.v1(http.StatusUnauthorized, http.MethodGet, "webhooks", nil, nil)
}

func TestPairsOfCredentials(t *testing.T) {
	t.Parallel()
	n := newNode(t, "sqlite://"+t.TempDir()+"/hookrouter.db", "HOOKROUTER_QUICKLYSIGN_SIGNATURE=true", "HOOKROUTER_QUOTA_QUICKLYSIGN=1",
		"HOOKROUTER_QUICKLYSIGN_LIMIT_MINUTE=8")
	q := &quickWorld{node: n}
	q.id, q.secret = n.pair("--environment", "sandbox", "--role", "admin")
	require.True(t, strings.HasPrefix(q.secret, "qs_test_"))
	key := n.key("acme", models.RoleAdmin)
	n.start()
	hook := map[string]any{"webhook": map[string]string{"entity_key": quickPack, "callback": "http://receiver.test/"}}
	made := q.v1(http.StatusOK, http.MethodPost, "webhooks", nil, hook)["webhook"].(map[string]any)
	require.Len(t, made["secret_key"], models.SecretLength, "asked for by a setting")
	var list []map[string]any
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks", key, nil, &list)
	require.Len(t, list, 1)
	require.Equal(t, []any{true, made["secret_key"]}, []any{list[0]["sandbox"], list[0]["secret_key"]})
	q.v1(http.StatusForbidden, http.MethodPost, "webhooks", nil, hook)
	q.v1(http.StatusOK, http.MethodGet, "webhooks", nil, nil)
	q.v1(http.StatusOK, http.MethodGet, "webhooks", nil, nil)
	q.v1(http.StatusTooManyRequests, http.MethodGet, "webhooks", nil, nil)
	n.must(http.StatusUnauthorized, http.MethodGet, "/v3/webhooks", q.secret, nil, nil)
}

package webtest

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// hostile is what somebody would put into every field, to have it run in another's browser.
const hostile = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`

// tame is the worst that goes into a field which takes no tags.
const tame = `A'b"c & d < e onerror=x`

// hostileScene fills the program with things whose names, texts, payloads, headers and answers are hostile. It returns the places that
// pages are about.
func hostileScene(t *testing.T, p *program) map[string]string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Answer", hostile)
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte(hostile))
	}))
	t.Cleanup(s.Close)
	places := map[string]string{"typed": url.QueryEscape(hostile)}
	id := p.subscribe(s.URL+"/%3Cscript%3E?q="+url.QueryEscape(hostile), tame, map[string]any{
		"subscribed_events": []string{"*"}, "headers": map[string]string{"X-Team": hostile},
	})
	places["subscription"] = id
	p.api(http.StatusCreated, http.MethodPost, "/v3/event_types", map[string]any{
		"name": "hostile.event", "description": tame, "sample": map[string]any{hostile: hostile},
	}, nil)
	p.api(http.StatusCreated, http.MethodPost, "/v3/scopes", map[string]any{"name": "hostile", "description": tame}, nil)
	p.api(http.StatusCreated, http.MethodPost, "/v3/workspaces", map[string]any{"name": tame}, nil)
	var event struct {
		ID string `json:"event_id"`
	}
	p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{
		"event_name": "hostile.event", "data": map[string]any{hostile: hostile}, "entity_key": hostile, "scope": "hostile",
	}, &event)
	places["event"] = event.ID
	places["delivery"] = p.attempted(id)
	places["type"], places["job"] = "hostile.event", p.retryAll()
	p.packs(s.URL, hostile)
	p.inboxScene(places, hostile)
	p.keyScene(places, hostile)
	var made struct{ ID string }
	p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations", map[string]any{"name": hostile}, &made)
	p.api(http.StatusOK, http.MethodPost, "/v3/webhooks/"+id+"/suspend", nil, nil)
	return places
}

// retryAll starts a job that sends again what has failed.
func (p *program) retryAll() string {
	p.t.Helper()
	var job struct{ ID string }
	p.api(http.StatusAccepted, http.MethodPost, "/v3/deliveries/retry", map[string]any{"from": "2020-01-01T00:00:00Z"}, &job)
	return job.ID
}

// attempted waits until a subscription has a delivery with an attempt, and returns its id.
func (p *program) attempted(subscription string) (id string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		var list struct {
			Data []struct {
				ID       string
				Attempts int `json:"attempt_count"`
			}
		}
		p.api(http.StatusOK, http.MethodGet, "/v3/deliveries?subscription_id="+subscription, nil, &list)
		for _, d := range list.Data {
			if d.Attempts > 0 {
				id = d.ID
			}
		}
		return id != ""
	}, patience, 20*time.Millisecond)
	return id
}

// packs makes a webhook of QuicklySign for a document pack, and publishes an event of it.
func (p *program) packs(endpoint, pack string) {
	p.t.Helper()
	id := p.subscribe(endpoint+"/callback", "", map[string]any{
		"format": "quicklysign", "entity_key": pack, "subscribed_events": []string{"entity_updated", "document_status_changed"},
	})
	for _, name := range []string{"entity_updated", "document_status_changed"} {
		p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{
			"event_name": name, "data": map[string]any{"entity_type": "DocumentPack"}, "entity_key": pack,
		}, nil)
	}
	p.attempted(id)
}

// inboxScene makes an inbox that got something by hand and something by a scenario, of which two steps are played.
func (p *program) inboxScene(places map[string]string, text string) {
	p.t.Helper()
	var inbox struct{ ID, URL string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/sandbox/inboxes", map[string]any{"name": "Archive, fails twice", "fail_first": 2}, &inbox)
	places["inbox"] = inbox.ID
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, inbox.URL, strings.NewReader(text))
	require.NoError(p.t, err)
	req.Header.Set("X-From", text)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	require.NoError(p.t, resp.Body.Close())
	places["subscribed"] = p.subscribe(inbox.URL, "Archive", map[string]any{"sandbox": true, "subscribed_events": []string{"*"}})
	run := url.Values{}
	for step := 1; step <= 3; step++ {
		body := map[string]any{"step": step}
		if run.Has("run") {
			body["run_id"] = run.Get("run")
		}
		var out struct {
			RunID  string `json:"run_id"`
			Events []struct {
				ID string `json:"event_id"`
			}
		}
		p.api(http.StatusAccepted, http.MethodPost, "/v3/sandbox/scenarios/signature_done/run", body, &out)
		run.Set("run", out.RunID)
		run.Add("event", out.Events[0].ID)
	}
	places["run"] = "?" + run.Encode()
	require.Eventually(p.t, func() bool {
		var list struct{ Data []struct{} }
		p.api(http.StatusOK, http.MethodGet, "/v3/sandbox/inboxes/"+inbox.ID+"/requests", nil, &list)
		return len(list.Data) >= 4
	}, patience, 20*time.Millisecond)
}

// keyScene makes a key of a name, and revokes another.
func (p *program) keyScene(places map[string]string, name string) {
	p.t.Helper()
	var orgs struct{ Data []struct{ ID string } }
	p.as(adminToken, http.StatusOK, http.MethodGet, "/admin/v1/organizations", nil, &orgs)
	places["organization"] = orgs.Data[0].ID
	var made struct{ ID string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/api_keys", map[string]any{"name": "Old key of the CRM", "role": "manager"}, &made)
	p.api(http.StatusNoContent, http.MethodDelete, "/v3/api_keys/"+made.ID, nil, nil)
	p.api(http.StatusCreated, http.MethodPost, "/v3/api_keys", map[string]any{"name": name, "role": "reader", "environment": "sandbox"}, &made)
	places["key"] = made.ID
}

// demoScene fills the program with what a small company would have.
func demoScene(t *testing.T, p *program) map[string]string {
	t.Helper()
	places := map[string]string{"typed": "signer.done"}
	ids := seed(t, p)
	p.company()
	places["subscription"] = ids[0]
	places["delivery"] = p.attempted(ids[0])
	p.api(http.StatusCreated, http.MethodPost, "/v3/event_types", map[string]any{
		"name": "invoice.paid", "description": "An invoice was paid.", "sample": map[string]any{"total": 12.5},
		"schema": map[string]any{"type": "object", "required": []string{"total"}, "properties": map[string]any{"total": map[string]any{"type": "number"}}},
	}, nil)
	places["type"], places["job"] = "invoice.paid", p.retryAll()
	var list struct {
		Data []struct {
			ID string `json:"event_id"`
		}
	}
	p.api(http.StatusOK, http.MethodGet, "/v3/events?event_name=signature_request.done", nil, &list)
	places["event"] = list.Data[0].ID
	p.packs(receiver(t), "ahFzfnF1aWNrbHlzaWdu")
	p.inboxScene(places, `{"hello": "from curl"}`)
	p.keyScene(places, "CI of the contracts team")
	for _, key := range []struct{ name, role string }{{"Signing platform", "publisher"}, {"Dashboards", "reader"}} {
		p.api(http.StatusCreated, http.MethodPost, "/v3/api_keys", map[string]any{"name": key.name, "role": key.role}, nil)
	}
	for _, name := range []string{"Nordwind Legal", "Atelier Blanc"} {
		p.as(adminToken, http.StatusCreated, http.MethodPost, "/admin/v1/organizations", map[string]any{"name": name}, nil)
	}
	return places
}

// workspace makes a workspace and returns its id.
func (p *program) workspace() string {
	p.t.Helper()
	var made struct{ ID string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/workspaces", map[string]any{"name": "Paris"}, &made)
	return made.ID
}

func contains(page, text string) bool { return strings.Contains(page, text) }

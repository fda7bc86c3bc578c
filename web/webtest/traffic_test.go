package webtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// traffic is a program with subscriptions whose endpoints do well, fail, can't be reached, and answer what could harm a page.
type traffic struct {
	*program
	contracts, crm, archive, hostile string // subscriptions
	failed, delivered, nasty         string // deliveries
	event, unmatched                 string
}

// nastyText is what no page may run or obey.
const nastyText = `<script>document.title="taken"</script><img src=x onerror="document.title='taken'">"'&`

// endpoints is a server with an endpoint of each kind.
func endpoints(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/crm":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`{"error":"maintenance","since":"2026-11-26T08:00:00Z"}`))
		case "/hostile":
			w.Header().Set("X-Nasty", nastyText)
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte(nastyText + strings.Repeat("x", 40_000)))
		default:
			_, _ = w.Write([]byte(`{"received":true}`))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func newTraffic(t *testing.T) *traffic {
	t.Helper()
	w := &traffic{program: newProgram(t)}
	base := endpoints(t)
	one := func(path, description string, events ...string) string {
		return w.subscribe(base+path, description, map[string]any{"subscribed_events": events})
	}
	w.contracts = one("/contracts", "Contracts team", "signature_request.*", "signer.done")
	w.archive = w.subscribe(base+"/archive", "Archive of signed documents", map[string]any{"subscribed_events": []string{"signature_request.done"}, "format": "standard_webhooks"})
	w.crm = w.subscribe(base+"/crm", "CRM", map[string]any{"subscribed_events": []string{"contact.created"}, "auto_retry": false})
	w.hostile = w.subscribe(base+"/hostile", "Playground of the interns", map[string]any{"subscribed_events": []string{"user.completed"}, "auto_retry": false})
	w.subscribe(base+"/billing", "Billing", map[string]any{"subscribed_events": []string{"signature_request.done"}, "enabled": false})
	w.subscribe(base+"/paris", "Office in Paris", map[string]any{"subscribed_events": []string{"signature_request.done"}, "scopes": []string{"app"}})

	var paris struct{ ID string }
	w.api(http.StatusCreated, http.MethodPost, "/v3/workspaces", map[string]any{"name": "Paris"}, &paris)
	w.send("signature_request.activated", map[string]any{"workspace_id": paris.ID, "scope": "public_api", "entity_key": "contract/2026-118"})
	w.send("signer.done", map[string]any{"workspace_id": paris.ID, "entity_key": "contract/2026-118"})
	w.event = w.send("signature_request.done", map[string]any{
		"workspace_id": paris.ID, "scope": "public_api", "entity_key": "contract/2026-118",
		"data": json.RawMessage(`{"signature_request":{"id":"3d0a4c","name":"Lease, 12 rue de Rivoli","status":"done","signers":[{"id":"7","info":{"first_name":"Ada"}}]}}`),
	})
	w.send("contact.created", nil)
	w.send("contact.created", nil)
	w.send("user.completed", map[string]any{"entity_key": nastyText, "data": map[string]any{"name": nastyText}})
	w.unmatched = w.send("signer.link_opened", map[string]any{"entity_key": "contract/2026-118"})
	w.delivered = w.await("delivered", w.archive, 1)
	w.await("delivered", w.contracts, 3)
	w.failed = w.await("failed", w.crm, 2)
	w.nasty = w.await("failed", w.hostile, 1)
	return w
}

// send publishes an event and returns its id.
func (w *traffic) send(name string, more map[string]any) string {
	w.t.Helper()
	body := map[string]any{"event_name": name, "data": map[string]any{"id": "3d0a"}}
	for k, v := range more {
		body[k] = v
	}
	var receipt struct {
		ID string `json:"event_id"`
	}
	w.api(http.StatusAccepted, http.MethodPost, "/v3/events", body, &receipt)
	return receipt.ID
}

// await waits until a subscription has so many deliveries of a status, and returns the newest.
func (w *traffic) await(status, sub string, n int) string {
	w.t.Helper()
	var list struct{ Data []struct{ ID string } }
	require.Eventually(w.t, func() bool {
		w.api(http.StatusOK, http.MethodGet, fmt.Sprintf("/v3/deliveries?status=%s&subscription_id=%s", status, sub), nil, &list)
		return len(list.Data) >= n
	}, patience, 20*time.Millisecond, "%d deliveries that are %s", n, status)
	return list.Data[0].ID
}

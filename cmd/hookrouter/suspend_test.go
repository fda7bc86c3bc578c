package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestAnEndpointIsGoneAndComesBack follows an endpoint that answers 410: what is published for it is parked, also over a crash; another
// subscription hears of it; by a call it resumes and gets everything.
func TestAnEndpointIsGoneAndComesBack(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		var status atomic.Int64
		status.Store(http.StatusGone)
		var calls atomic.Int64
		bad := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			calls.Add(1)
			w.WriteHeader(int(status.Load()))
		}))
		defer bad.Close()
		var mu sync.Mutex
		heard := map[string]json.RawMessage{}
		ops := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body := readBody(r)
			var event struct {
				Data json.RawMessage
			}
			_ = json.Unmarshal(body, &event)
			mu.Lock()
			defer mu.Unlock()
			heard[field(body, "event_name")] = event.Data
		}))
		defer ops.Close()
		hears := func(name string) {
			t.Helper()
			require.Eventually(t, func() bool {
				mu.Lock()
				defer mu.Unlock()
				return heard[name] != nil
			}, 10*time.Second, 10*time.Millisecond)
		}

		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		id := n.subscribe(key, bad.URL, crashSecret, nil)
		n.subscribe(key, ops.URL, crashSecret, map[string]any{"subscribed_events": []string{"hookrouter.*"}})
		n.subscribe(key, bad.URL, crashSecret, map[string]any{"subscribed_events": []string{"hookrouter.*"}})
		publish := func() {
			n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{"event_name": "signer.done", "data": map[string]any{}}, nil)
		}
		var webhook struct {
			State  string
			Reason *string `json:"state_reason"`
		}
		state := func() string {
			n.must(http.StatusOK, http.MethodGet, "/v3/webhooks/"+id, key, nil, &webhook)
			return webhook.State
		}
		publish()
		require.Eventually(t, func() bool { return state() == "suspended" }, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, "gone", *webhook.Reason)
		hears(models.EventEndpointSuspended)
		for range 5 {
			publish()
		}
		n.kill()
		n.start()
		publish()
		var list struct {
			Data []struct {
				ID     string `json:"webhook_id"`
				Parked int
			}
		}
		require.Eventually(t, func() bool {
			n.must(http.StatusOK, http.MethodGet, "/admin/v1/suspensions", testAdminToken, nil, &list)
			return len(list.Data) == 1 && list.Data[0].ID == id && list.Data[0].Parked == 7
		}, 10*time.Second, 10*time.Millisecond)
		require.Equal(t, int64(1), calls.Load())

		status.Store(http.StatusOK)
		n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+id+"/resume", key, nil, &webhook)
		require.Equal(t, "active", webhook.State)
		hears(models.EventEndpointResumed)
		var ledger struct {
			Balanced bool
			Data     []struct {
				Deliveries map[models.DeliveryStatus]int64
			}
		}
		require.Eventually(t, func() bool {
			n.must(http.StatusOK, http.MethodGet, "/admin/v1/ledger", testAdminToken, nil, &ledger)
			return ledger.Data[0].Deliveries[models.StatusDelivered] == 9 // 7 and two notices, which the endpoint concerned did not get
		}, 20*time.Second, 20*time.Millisecond)
		require.True(t, ledger.Balanced)
		require.Equal(t, int64(8), calls.Load())
	})
}

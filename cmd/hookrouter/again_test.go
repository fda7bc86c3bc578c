package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// rejecting answers 500 until it is well, and keeps the bodies that it got for each event.
type rejecting struct {
	well atomic.Bool

	mu     sync.Mutex
	bodies map[string][]string
}

func (r *rejecting) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := readBody(req)
	r.mu.Lock()
	r.bodies[field(body, "event_id")] = append(r.bodies[field(body, "event_id")], string(body))
	r.mu.Unlock()
	if !r.well.Load() {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// TestSendAgain lets deliveries fail for good, and sends them again: one by hand, then all by a job that is killed on its way. Another
// webhook gets by a job what was there before it.
func TestSendAgain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		receiver := &rejecting{bodies: map[string][]string{}}
		server := httptest.NewServer(receiver)
		defer server.Close()
		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		first := n.subscribe(key, server.URL, crashSecret, map[string]any{"auto_retry": false})
		const events = 6
		for range events {
			n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{"event_name": "signer.done", "data": map[string]any{"n": 1}}, nil)
		}
		var page struct {
			Data []struct {
				ID, Status   string
				AttemptCount int    `json:"attempt_count"`
				EventID      string `json:"event_id"`
			}
		}
		all := func(subscription, status string, attempts int) func() bool {
			return func() bool {
				n.must(http.StatusOK, http.MethodGet, "/v3/deliveries?subscription_id="+subscription, key, nil, &page)
				good := 0
				for _, d := range page.Data {
					if d.Status == status && d.AttemptCount >= attempts {
						good++
					}
				}
				return good == events
			}
		}
		eventually := func(done func() bool) {
			t.Helper()
			require.Eventually(t, done, 20*time.Second, 20*time.Millisecond)
		}
		eventually(all(first, "failed", 1))
		byHand := page.Data[0].ID
		n.must(http.StatusAccepted, http.MethodPost, "/v3/deliveries/"+byHand+"/retry", key, nil, nil)
		eventually(func() bool { return all(first, "failed", 1)() && page.Data[0].AttemptCount == 2 })

		receiver.well.Store(true)
		var job struct {
			ID, State string
			Sent      int
		}
		filter := map[string]any{"from": "2020-01-01T00:00:00Z", "rate_per_second": 4}
		n.must(http.StatusAccepted, http.MethodPost, "/v3/deliveries/retry", key, filter, &job)
		var sandbox struct{ Key string }
		n.must(http.StatusCreated, http.MethodPost, "/v3/api_keys", key, map[string]any{"role": "manager", "environment": "sandbox"}, &sandbox)
		var seen struct{ Data []struct{ ID string } }
		n.must(http.StatusOK, http.MethodGet, "/v3/jobs", sandbox.Key, nil, &seen)
		require.Empty(t, seen.Data, "it goes through production too")
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			n.must(http.StatusNotFound, method, "/v3/jobs/"+job.ID, sandbox.Key, nil, nil)
		}
		n.must(http.StatusOK, http.MethodGet, "/v3/jobs?sandbox=false", key, nil, &seen)
		require.Equal(t, job.ID, seen.Data[0].ID)
		progress := func() int {
			n.must(http.StatusOK, http.MethodGet, "/v3/jobs/"+job.ID, key, nil, &job)
			return job.Sent
		}
		eventually(func() bool { return progress() > 0 })
		require.Less(t, progress(), events, "it is on its way")
		n.kill()
		n.start()
		eventually(func() bool { progress(); return job.State == "done" })
		require.Equal(t, events, job.Sent)
		eventually(all(first, "delivered", 2))
		for _, d := range page.Data {
			want := 2
			if d.ID == byHand {
				want = 3
			}
			require.Equal(t, want, d.AttemptCount, "each was sent once by the job")
		}

		second := n.subscribe(key, server.URL, crashSecret, nil)
		n.must(http.StatusAccepted, http.MethodPost, "/v3/webhooks/"+second+"/backfill", key, filter, &job)
		eventually(all(second, "delivered", 1))
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events/"+page.Data[0].EventID+"/replay", key, map[string]any{"subscription_ids": []string{first}}, nil)
		ledger := settled(t, openStore(t, url), 20*time.Second)
		require.True(t, ledger.Balanced())
		require.Equal(t, int64(2*events+1), ledger.Expected)

		receiver.mu.Lock()
		defer receiver.mu.Unlock()
		require.Len(t, receiver.bodies, events)
		for _, bodies := range receiver.bodies {
			require.Equal(t, bodies[0], bodies[1], "what is sent again is what was sent first")
		}
	})
}

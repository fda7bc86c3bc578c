package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// attemptsCounted holds that statistics say what the attempts say, and returns how many these are. Both are read one after the other, and
// what a program sent before it was killed may be committed in between, so that they are read again until they agree.
func attemptsCounted(t *testing.T, db *store.Store) (attempts int64) {
	t.Helper()
	ctx := t.Context()
	orgs, err := db.Organizations(ctx)
	require.NoError(t, err)
	for _, org := range orgs {
		now := time.Now().Truncate(time.Hour)
		q := models.StatsQuery{OrganizationID: org.ID, From: now.Add(-24 * time.Hour), To: now.Add(2 * time.Hour), Interval: time.Hour}
		var kept []models.StatsBucket
		require.EventuallyWithT(t, func(t *assert.CollectT) {
			var err error
			kept, err = db.Stats(ctx, q)
			require.NoError(t, err)
			storetest.RequireStatsCounted(t, db, q, kept)
		}, 10*time.Second, 20*time.Millisecond)
		for _, b := range kept {
			attempts += b.Attempts
		}
	}
	return attempts
}

// TestStatistics delivers to an endpoint that is well and to one that is not, and asks for the statistics of both.
func TestStatistics(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/bad") {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		defer receiver.Close()
		n := newNode(t, url, "HOOKROUTER_RETRY_SCHEDULE=1h")
		key := n.key("acme", models.RoleAdmin)
		n.start()
		good, bad := n.subscribe(key, receiver.URL+"/good", crashSecret, nil), n.subscribe(key, receiver.URL+"/bad", crashSecret, nil)
		const events = 20
		for range events {
			body := map[string]any{"event_name": "signer.done", "data": map[string]any{}}
			require.NoError(t, n.expect(t.Context(), http.StatusAccepted, http.MethodPost, "/v3/events", key, body, nil))
		}
		type counts struct {
			Attempts, Succeeded, Failed int64
			ByReason                    map[string]int64   `json:"by_reason"`
			Latency                     map[string]float64 `json:"latency_ms"`
		}
		type answer struct {
			Total   counts
			Waiting struct {
				Retrying    int64
				NextRetries []struct {
					At    time.Time
					Count int64
				} `json:"next_retries"`
			}
			Last     *struct{ Success bool } `json:"last_attempt"`
			Webhooks []struct {
				ID    string                              `json:"subscription_id"`
				Last  *struct{ Success bool }             `json:"last_attempt"`
				Hours []struct{ Succeeded, Failed int64 } `json:"last_24_hours"`
			}
		}
		ask := func(path string) (got answer) {
			require.NoError(t, n.expect(t.Context(), http.StatusOK, http.MethodGet, path, key, nil, &got))
			return got
		}
		require.Eventually(t, func() bool { return ask("/v3/stats").Total.Attempts == 2*events }, 15*time.Second, 50*time.Millisecond)
		all := ask("/v3/stats?subscription_ids=" + good + "," + bad)
		require.Equal(t, []int64{2 * events, events, events}, []int64{all.Total.Attempts, all.Total.Succeeded, all.Total.Failed})
		for i, w := range all.Webhooks {
			require.Equal(t, []string{good, bad}[i], w.ID)
			require.Equal(t, w.ID == good, w.Last.Success)
			var ok, failed int64
			for _, h := range w.Hours {
				ok, failed = ok+h.Succeeded, failed+h.Failed
			}
			require.Equal(t, [][]int64{{events, 0}, {0, events}}[i], []int64{ok, failed})
		}
		one := ask("/v3/webhooks/" + bad + "/stats")
		require.Equal(t, map[string]int64{"status": events}, one.Total.ByReason)
		require.Positive(t, one.Total.Latency["p50"])
		require.GreaterOrEqual(t, one.Total.Latency["p99"], one.Total.Latency["p50"])
		require.Equal(t, int64(events), one.Waiting.Retrying)
		require.NotEmpty(t, one.Waiting.NextRetries)
		require.False(t, one.Last.Success)
		require.Equal(t, int64(2*events), attemptsCounted(t, openStore(t, url)))
	})
}

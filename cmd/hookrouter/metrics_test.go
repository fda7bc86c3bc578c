package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/handlers/metrics"
	"hookrouter/models"
)

// TestGoldenMetricsDocuments keeps docs/metrics.md and docs/alerts.yml equal to the catalogue and the alerts in the code.
func TestGoldenMetricsDocuments(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"../../docs/metrics.md": metrics.Document(), "../../docs/alerts.yml": metrics.AlertRules()} {
		if *update {
			require.NoError(t, os.WriteFile(path, []byte(want), 0o600))
		}
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(have), "%s is made from the code: run make golden", path)
	}
}

// scrape reads an instance's page: values by series.
func scrape(t *testing.T, address string) map[string]float64 {
	t.Helper()
	resp, err := http.Get("http://" + address + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	page := map[string]float64{}
	for s := bufio.NewScanner(resp.Body); s.Scan(); {
		if line := s.Text(); !strings.HasPrefix(line, "#") {
			at := strings.LastIndexByte(line, ' ')
			page[line[:at]], err = strconv.ParseFloat(line[at+1:], 64)
			require.NoError(t, err, line)
		}
	}
	return page
}

// TestMetricsOfARun publishes to an endpoint that fails once and to one that leads to an address which the guard refuses, and reads on
// the page, which has a listener of its own, what has happened.
func TestMetricsOfARun(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		var calls atomic.Int64
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		defer receiver.Close()
		trap := httptest.NewServer(http.RedirectHandler("http://127.0.0.66/", http.StatusTemporaryRedirect))
		defer trap.Close()
		address := freeAddress(t)
		n := newNode(t, url, "HOOKROUTER_METRICS_LISTEN="+address, "HOOKROUTER_RETRY_SCHEDULE=1s")
		key := n.key("acme", models.RoleAdmin)
		n.start()
		n.subscribe(key, receiver.URL, crashSecret, nil)
		event := map[string]any{"event_name": "signer.done", "event_id": "0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001", "data": map[string]any{}}
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, event, nil)
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, event, nil)
		event["data"] = map[string]any{"other": true}
		n.must(http.StatusConflict, http.MethodPost, "/v3/events", key, event, nil)
		n.subscribe(key, trap.URL, crashSecret, map[string]any{"auto_retry": false, "subscribed_events": []string{"signer.declined"}})
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{"event_name": "signer.declined", "data": map[string]any{}}, nil)

		want := map[string]float64{
			"hookrouter_events_accepted_total":                                               2,
			"hookrouter_events_duplicate_total":                                              1,
			`hookrouter_events_refused_total{code="conflict"}`:                               1,
			"hookrouter_events_waiting":                                                      0,
			"hookrouter_matches_total":                                                       3,
			`hookrouter_attempts_total{outcome="success"}`:                                   2,
			`hookrouter_attempts_total{outcome="status"}`:                                    1,
			`hookrouter_attempts_total{outcome="blocked_address"}`:                           1,
			`hookrouter_deliveries_recorded_total{reason="",status="delivered"}`:             2,
			`hookrouter_deliveries_recorded_total{reason="status",status="retrying"}`:        1,
			`hookrouter_deliveries_recorded_total{reason="blocked_address",status="failed"}`: 1,
			"hookrouter_first_attempt_delay_seconds_count":                                   3,
			"hookrouter_attempt_duration_seconds_count":                                      4,
			"hookrouter_deliveries_claimed_total":                                            1, // the retry
			"hookrouter_calls_in_flight":                                                     0,
			`hookrouter_http_requests_total{route="POST /v3/events",status="2xx"}`:           3,
			`hookrouter_http_requests_total{route="POST /v3/events",status="4xx"}`:           1,
			`hookrouter_http_requests_total{route="POST /v3/webhooks",status="2xx"}`:         2,
			`hookrouter_http_request_duration_seconds_count{route="POST /v3/webhooks"}`:      2,
			"hookrouter_subscriptions":                                                       2,
			"hookrouter_instances_live":                                                      1,
			"hookrouter_queue_oldest_due_seconds":                                            0,
			`hookrouter_database_look_success{look="queue"}`:                                 1,
			"hookrouter_panics_total":                                                        0,
			`hookrouter_database_look_success{look="ledger"}`:                                1,
			"hookrouter_ledger_unbalanced_organizations":                                     0,
		}
		var page map[string]float64
		require.Eventually(t, func() bool {
			page = scrape(t, address)
			for series, value := range want {
				if have, ok := page[series]; !ok || have != value {
					return false
				}
			}
			return true
		}, 20*time.Second, 20*time.Millisecond, "%s", differences{want, &page})
		for _, series := range []string{
			"hookrouter_accept_commit_seconds_count", "hookrouter_record_commit_seconds_count", "hookrouter_claim_seconds_count",
			"hookrouter_database_statements_total", "hookrouter_rules_revision", "hookrouter_lanes", "hookrouter_calls_in_flight_limit",
			"hookrouter_events_waiting_limit", "hookrouter_events_waiting_limit_bytes", "hookrouter_memory_deliveries_limit", "hookrouter_memory_data_limit_bytes",
		} {
			require.Positive(t, page[series], series)
		}
		require.Less(t, page["hookrouter_heartbeat_age_seconds"], 8.0)

		status, err := n.call(t.Context(), http.MethodGet, "/metrics", key, nil, nil)
		require.NoError(t, err)
		require.Equal(t, http.StatusNotFound, status, "not on the listener of the API")
		resp, err := http.Get("http://" + address + "/v3/webhooks")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusNotFound, resp.StatusCode, "nor the other way round")
		require.NoError(t, n.terminate())
	})
}

// differences prints what the page has of what was wanted, when it is too late.
type differences struct {
	want map[string]float64
	page *map[string]float64
}

func (d differences) String() string {
	have := map[string]float64{}
	for series, value := range d.want {
		if got := (*d.page)[series]; got != value {
			have[series] = got
		}
	}
	b, err := json.Marshal(have)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// TestMetricsAddressThatIsTaken is found before anything starts.
func TestMetricsAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	_, err = inProcess(t, filepath.Join(t.TempDir(), "hookrouter.db"),
		"serve", "--listen", "127.0.0.1:0", "--metrics-listen", listener.Addr().String())
	require.ErrorContains(t, err, "listen for metrics")
	require.Equal(t, 1, exitCode(err))
}

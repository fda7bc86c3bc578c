package metrics

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// everything makes each metric show.
func (w *world) everything() {
	for _, name := range []Name{
		EventsLimit, EventsBytesLimit, Subscriptions, RulesRevision, CallsInFlight, RetryCallsInFlight, CallsLimit, MemoryDeliveries,
		MemoryLimit, MemoryBytes, MemoryBytesLimit, Lanes, LanesBacklogged, LanesSlow, ResultsWaiting, DeliveriesDropped, Statements,
	} {
		w.held[name] = 1
	}
	w.Heartbeat(w.clock, nil)
	w.Failed(OperationClaim, models.Errorf(models.CodeUnavailable, "The database is away."))
	w.Recorded([]models.Result{w.result(1, models.StatusRetrying, models.ReasonTimeout)}, nil, time.Millisecond, nil)
	slog.New(w.Logs(slog.DiscardHandler)).Warn("partitions.late")
	w.Calls(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
}

// TestPageHoldsTheCatalogue scrapes over HTTP: every metric of the documents is there with its type and labels, no other of ours is,
// and Prometheus' linter has nothing to say.
func TestPageHoldsTheCatalogue(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.everything()
	text := w.text()
	known := map[string]bool{}
	for _, c := range catalogue() {
		for _, e := range c.entries {
			known[string(e.name)] = true
			require.Contains(t, text, "# TYPE "+string(e.name)+" "+string(e.kind)+"\n")
			labels := `(_sum|_count)?`
			if len(e.labels) > 0 {
				pairs := make([]string, len(e.labels))
				for i, l := range sorted(e.labels) {
					pairs[i] = l + `="[^"]*"`
				}
				labels += `\{` + strings.Join(pairs, ",") + `\}`
			}
			require.Regexp(t, `(?m)^`+string(e.name)+labels+` \S+$`, text, e.name)
			require.True(t, strings.HasSuffix(e.help, "."), e.name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^# TYPE (hookrouter_\S+) `).FindAllStringSubmatch(text, -1) {
		require.True(t, known[match[1]], "%s is not in the catalogue", match[1])
	}
	require.Contains(t, text, "go_goroutines")
	require.Contains(t, text, "process_cpu_seconds_total")

	problems, err := testutil.GatherAndLint(w.registry)
	require.NoError(t, err)
	require.Empty(t, problems)
	problems, err = testutil.CollectAndLint(w.collector()) // in a registry that also compares with what was described
	require.NoError(t, err)
	require.Empty(t, problems)
}

func sorted(labels []string) []string {
	out := append([]string(nil), labels...)
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// TestSeriesAreFixedByTheCode sends what tenants and strangers can choose: it reaches no label, and the number of series stays.
func TestSeriesAreFixedByTheCode(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.everything()
	engine := gin.New()
	engine.GET("/v3/webhooks/:webhook", func(*gin.Context) {})
	h := w.Calls(engine)
	before := len(w.page())
	for _, path := range []string{"/v3/webhooks/tenant-1", "/v3/webhooks/tenant-2", "/tenant-3", "/v3/webhooks/tenant-4/x", "//tenant-5"} {
		for _, method := range []string{http.MethodGet, "TENANT"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
		}
	}
	r := w.result(7, models.StatusRetrying, models.ReasonTimeout)
	r.Attempt.Endpoint, r.Delivery.EventName = "https://tenant.test", "tenant.done"
	w.Recorded([]models.Result{r}, nil, time.Millisecond, nil)
	require.Len(t, w.page(), before)
	require.NotContains(t, w.text(), "tenant")
}

func TestNewChecksItsOptions(t *testing.T) {
	t.Parallel()
	good := Options{Read: func(func(Name, float64)) {}, Ledger: &database{}, Now: time.Now}
	for name, change := range map[string]func(*Options){
		"no Read":   func(o *Options) { o.Read = nil },
		"no Ledger": func(o *Options) { o.Ledger = nil },
		"no Now":    func(o *Options) { o.Now = nil },
		"negative":  func(o *Options) { o.LookTimeout = -1 },
	} {
		o := good
		change(&o)
		_, err := New(o)
		require.Error(t, err, name)
	}
	_, err := New(good)
	require.NoError(t, err)
}

func TestHandlerServesOnlyThePage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for target, want := range map[string]int{
		"GET /metrics": http.StatusOK, "HEAD /metrics": http.StatusOK, "POST /metrics": http.StatusMethodNotAllowed,
		"GET /": http.StatusNotFound, "GET /debug/pprof/": http.StatusNotFound, "GET /metrics/": http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(target, " ")
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, httptest.NewRequest(method, path, nil))
		require.Equal(t, want, rec.Code, target)
	}
}

func TestAcceptingIsCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.Offered(5, 500)
	w.Offered(1, 10)
	require.InDelta(t, 6, w.page()["hookrouter_events_waiting"], 0)
	require.InDelta(t, 510, w.page()["hookrouter_events_waiting_bytes"], 0)
	w.Answered(5, 500, []models.Outcome{
		{Receipt: models.Receipt{Matched: 3}},
		{Receipt: models.Receipt{Matched: 0}},
		{Receipt: models.Receipt{Matched: 9, Duplicate: true}},
		{Err: models.Errorf(models.CodeConflict, "Another event has this id.")},
		{Err: errors.New("bug")},
	})
	w.Committed(5, 3*time.Millisecond, nil)
	w.Committed(5, time.Millisecond, models.Errorf(models.CodeStale, "The rules have changed."))
	w.has(map[string]float64{
		"hookrouter_events_waiting":                                           1,
		"hookrouter_events_waiting_bytes":                                     10,
		"hookrouter_events_accepted_total":                                    2,
		"hookrouter_events_duplicate_total":                                   1,
		"hookrouter_matches_total":                                            3,
		`hookrouter_events_refused_total{code="conflict"}`:                    1,
		`hookrouter_events_refused_total{code="internal"}`:                    1,
		"hookrouter_accept_batch_events_sum":                                  10,
		"hookrouter_accept_commit_seconds_count":                              2,
		`hookrouter_accept_commit_seconds_bucket{le="0.001"}`:                 1,
		`hookrouter_database_failures_total{code="stale",operation="accept"}`: 1,
	})
}

// has compares some series of the page.
func (w *world) has(want map[string]float64) {
	w.t.Helper()
	page := w.page()
	for series, value := range want {
		have, ok := page[series]
		require.True(w.t, ok, "%s is not on the page", series)
		require.InDelta(w.t, value, have, 1e-9, series)
	}
}

func TestRecordingIsCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	again := w.result(3, models.StatusFailed, models.ReasonStatus)
	again.Attempt.Number, again.Attempt.Timings.Total = 9, 2*time.Second
	results := []models.Result{
		w.result(1, models.StatusDelivered, ""),
		w.result(2, models.StatusRetrying, models.ReasonTimeout),
		again,
		{Delivery: models.Delivery{ID: models.ID{4}}, Status: models.StatusCanceled, Reason: models.ReasonDeleted},
		w.result(5, models.StatusDelivered, ""), // fenced
	}
	w.Recorded(results, nil, time.Millisecond, models.Errorf(models.CodeUnavailable, "The database is away."))
	w.has(map[string]float64{ // nothing was recorded
		`hookrouter_attempts_total{outcome="success"}`: 0, "hookrouter_attempt_duration_seconds_count": 0,
		`hookrouter_database_failures_total{code="unavailable",operation="record"}`: 1,
	})
	w.Recorded(results, []models.ID{{5}}, time.Millisecond, nil)
	w.has(map[string]float64{
		`hookrouter_attempts_total{outcome="success"}`:                                          1,
		`hookrouter_attempts_total{outcome="timeout"}`:                                          1,
		`hookrouter_attempts_total{outcome="status"}`:                                           1,
		`hookrouter_deliveries_recorded_total{reason="",status="delivered"}`:                    1,
		`hookrouter_deliveries_recorded_total{reason="timeout",status="retrying"}`:              1,
		`hookrouter_deliveries_recorded_total{reason="status",status="failed"}`:                 1,
		`hookrouter_deliveries_recorded_total{reason="subscription_deleted",status="canceled"}`: 1,
		"hookrouter_results_fenced_total":                                                       1,
		"hookrouter_attempt_duration_seconds_count":                                             3,
		"hookrouter_attempt_duration_seconds_sum":                                               2.06,
		`hookrouter_attempt_duration_seconds_bucket{le="0.05"}`:                                 2,
		"hookrouter_first_attempt_delay_seconds_count":                                          2,
		`hookrouter_first_attempt_delay_seconds_bucket{le="0.001"}`:                             0,
		`hookrouter_first_attempt_delay_seconds_bucket{le="0.0025"}`:                            2,
		"hookrouter_record_batch_results_sum":                                                   10,
		"hookrouter_record_commit_seconds_count":                                                2,
	})
}

func TestQueueIsCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	away := models.Errorf(models.CodeUnavailable, "The database is away.")
	w.Claimed(40, 7*time.Millisecond, nil)
	w.Claimed(0, 10*time.Second, away)
	w.Canceled(3, nil)
	w.GaveBack(2, nil)
	w.GaveBack(9, away)
	w.TookOver(5, away) // some were, before it failed
	require.NotContains(t, w.page(), "hookrouter_heartbeat_age_seconds", "there was none")
	w.Heartbeat(w.clock, nil)
	w.clock = w.clock.Add(3 * time.Second)
	w.Heartbeat(w.clock, models.Errorf(models.CodeFenced, "This instance was declared dead."))
	w.has(map[string]float64{
		"hookrouter_deliveries_claimed_total":                                        40,
		"hookrouter_claim_seconds_count":                                             2,
		"hookrouter_deliveries_canceled_waiting_total":                               3,
		"hookrouter_deliveries_given_back_total":                                     2,
		"hookrouter_deliveries_taken_over_total":                                     5,
		"hookrouter_heartbeat_age_seconds":                                           3,
		`hookrouter_database_failures_total{code="fenced",operation="heartbeat"}`:    1,
		`hookrouter_database_failures_total{code="unavailable",operation="release"}`: 1,
		`hookrouter_database_failures_total{code="unavailable",operation="sweep"}`:   1,
		`hookrouter_database_failures_total{code="unavailable",operation="claim"}`:   1,
	})
}

func TestLogLinesAreCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var written strings.Builder
	log := slog.New(w.Logs(slog.NewTextHandler(&written, &slog.HandlerOptions{Level: slog.LevelError}))).With("a", 1).WithGroup("g")
	require.False(t, log.Enabled(t.Context(), slog.LevelInfo))
	log.Info("event.accepted")
	log.Warn("delivery.fenced", "delivery", "secret-of-a-tenant")
	log.Error("http.panic", "b", 2)
	page := w.page()
	require.InDelta(t, 1, page[`hookrouter_log_lines_total{level="warn",message="delivery.fenced"}`], 0)
	require.InDelta(t, 1, page[`hookrouter_log_lines_total{level="error",message="http.panic"}`], 0)
	require.InDelta(t, 1, page["hookrouter_panics_total"], 0)
	require.NotContains(t, w.text(), "event.accepted")
	require.Equal(t, 1, strings.Count(written.String(), "\n"), "the handler still writes only what it wants")
	require.Contains(t, written.String(), "a=1 g.b=2")
}

// TestBuildInfo is what a dashboard shows first.
func TestBuildInfo(t *testing.T) {
	t.Parallel()
	require.Regexp(t, `hookrouter_build_info\{database="sqlite",goversion="go[^"]+",version="v1\.2\.3"\} 1`, setup(t).text())
}

func failing(context.Context) ([]models.Ledger, error) { return nil, errors.New("away") }

package metrics

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// moves says, for each alert, what happens in the instance and which series it asks for must rise or fall by that.
func moves() map[string]struct {
	series string
	happen func(w *world)
} {
	type move = struct {
		series string
		happen func(w *world)
	}
	away := models.Errorf(models.CodeUnavailable, "The database is away.")
	later := func(w *world) { w.clock = w.clock.Add(time.Minute) } // the figures of the database are read again
	return map[string]move{
		"HookrouterLedgerUnbalanced": {"hookrouter_ledger_unbalanced_organizations", func(w *world) { w.ledger.Expected++; later(w) }},
		"HookrouterPublishersRefused": {`hookrouter_events_refused_total{code="unavailable"}`, func(w *world) {
			w.Offered(1, 2)
			w.Answered(1, 2, []models.Outcome{{Err: away}})
		}},
		"HookrouterHeartbeatOld":   {"hookrouter_heartbeat_age_seconds", func(w *world) { w.clock = w.clock.Add(9 * time.Second) }},
		"HookrouterNobodySends":    {"hookrouter_instances_live", func(w *world) { w.vitals.Instances++; later(w) }},
		"HookrouterDatabaseUnseen": {`hookrouter_database_look_success{look="ledger"}`, func(w *world) { w.db.ledger = failing; later(w) }},
		"HookrouterWorkTakenOver":  {"hookrouter_deliveries_taken_over_total", func(w *world) { w.TookOver(1, nil) }},
		"HookrouterResultsFenced": {"hookrouter_results_fenced_total", func(w *world) {
			w.Recorded([]models.Result{w.result(1, models.StatusDelivered, "")}, []models.ID{{1}}, 0, nil)
		}},
		"HookrouterPanics": {"hookrouter_panics_total", func(w *world) { slog.New(w.Logs(slog.DiscardHandler)).Error("delivery.panic") }},
		"HookrouterErrorsLogged": {"hookrouter_log_errors_total", func(w *world) {
			slog.New(w.Logs(slog.DiscardHandler)).Error("http.failed", "error", errors.New("bug"))
		}},
		"HookrouterGuardDenials": {`hookrouter_attempts_total{outcome="blocked_address"}`, func(w *world) {
			w.Recorded([]models.Result{w.result(1, models.StatusRetrying, models.ReasonBlockedAddress)}, nil, 0, nil)
		}},
		"HookrouterPartitionsMissing": {"hookrouter_partitions_ahead", func(w *world) { w.vitals.PartitionsAhead = 1; later(w) }},
		"HookrouterClockOff": {"hookrouter_database_clock_offset_seconds", func(w *world) {
			later(w)
			w.vitals.Clock = w.clock.Add(-2 * time.Second)
		}},
		"HookrouterDeliveriesLate": {"hookrouter_queue_oldest_due_seconds", func(w *world) { w.vitals.OldestDue = w.clock; later(w) }},
		"HookrouterBacklog": {`hookrouter_ledger_deliveries{status="pending"}`, func(w *world) {
			w.ledger.ByStatus = map[models.DeliveryStatus]int64{models.StatusPending: 200_000}
			later(w)
		}},
		"HookrouterAttemptsFail": {`hookrouter_attempts_total{outcome="connect"}`, func(w *world) {
			w.Recorded([]models.Result{w.result(1, models.StatusRetrying, models.ReasonConnect)}, nil, 0, nil)
		}},
		"HookrouterGivenUp": {`hookrouter_deliveries_recorded_total{reason="status",status="failed"}`, func(w *world) {
			w.Recorded([]models.Result{w.result(1, models.StatusFailed, models.ReasonStatus)}, nil, 0, nil)
		}},
		"HookrouterAcceptSlow":   {`hookrouter_accept_commit_seconds_bucket{le="1"}`, func(w *world) { w.Committed(1, time.Second, nil) }},
		"HookrouterRecordSlow":   {`hookrouter_record_commit_seconds_bucket{le="1"}`, func(w *world) { w.Recorded(nil, nil, time.Second, nil) }},
		"HookrouterClaimSlow":    {`hookrouter_claim_seconds_bucket{le="1"}`, func(w *world) { w.Claimed(1, time.Second, nil) }},
		"HookrouterVacuumBehind": {"hookrouter_queue_dead_rows", func(w *world) { w.vitals.DeadRows = 6_000_000; later(w) }},
		"HookrouterAPIFails": {`hookrouter_http_requests_total{route="GET /v3/scopes",status="5xx"}`, func(w *world) {
			engine := gin.New()
			engine.GET("/v3/scopes", func(c *gin.Context) { c.Status(http.StatusInternalServerError) })
			w.Calls(engine).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v3/scopes", nil))
		}},
	}
}

// TestAlertsMove lets what each alert is about happen, and sees the metric that it asks for change.
func TestAlertsMove(t *testing.T) {
	t.Parallel()
	all := moves()
	require.Len(t, all, len(alerts()))
	for _, a := range alerts() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.Heartbeat(w.clock, nil)
			m, ok := all[a.name]
			require.True(t, ok, "no test moves it")
			name, _, _ := strings.Cut(m.series, "{")
			require.Contains(t, a.expr, name, "the alert asks for what moves")
			before := w.page()
			m.happen(w)
			after := w.page()
			require.Contains(t, after, m.series)
			//nolint:testifylint // whether it moved at all is the question
			require.NotEqual(t, before[m.series], after[m.series])
		})
	}
}

// TestAlertsAskForWhatThereIs finds each metric and label of every expression in the catalogue.
func TestAlertsAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, a := range alerts() {
		require.False(t, seen[a.name], a.name)
		seen[a.name] = true
		require.Contains(t, []string{page, ticket}, a.severity)
		_, err := time.ParseDuration(a.wait)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`(hookrouter_\w+)(?:\{(\w+)[!=~]+"[^"]*"\})?`).FindAllStringSubmatch(a.expr, -1) {
			e := find(Name(strings.TrimSuffix(match[1], "_bucket")))
			require.Equal(t, e.kind == histogram, strings.HasSuffix(match[1], "_bucket"), a.name)
			require.Equal(t, e.kind == counter, strings.Contains(a.expr, "increase(") || strings.Contains(a.expr, "rate(") && e.kind != histogram, a.name)
			if match[2] != "" {
				require.Contains(t, e.labels, match[2], a.name)
			}
		}
	}
}

// TestAlertRulesAreYAML reads the rule file back.
func TestAlertRulesAreYAML(t *testing.T) {
	t.Parallel()
	file, err := yaml.Parser().Unmarshal([]byte(AlertRules()))
	require.NoError(t, err)
	group := file["groups"].([]any)[0].(map[string]any)
	rules := group["rules"].([]any)
	require.Len(t, rules, len(alerts()))
	for i, a := range alerts() {
		rule := rules[i].(map[string]any)
		require.Equal(t, a.name, rule["alert"])
		require.Equal(t, a.expr, rule["expr"])
		require.Equal(t, a.meaning, rule["annotations"].(map[string]any)["summary"])
		require.Contains(t, Document(), "`"+a.name+"`")
	}
}

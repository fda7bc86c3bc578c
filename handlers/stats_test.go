package handlers

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// tried stores a delivery of a subscription with attempts of it.
func (w *world) tried(sub string, sandbox bool, status models.DeliveryStatus, due time.Time, attempts ...models.Attempt) {
	w.t.Helper()
	id, err := models.ParseID(sub)
	require.NoError(w.t, err)
	d := models.Delivery{
		ID: w.store.newID(), OrganizationID: w.org, SubscriptionID: id, Sandbox: sandbox, Status: status, DueAt: due, Attempts: len(attempts),
	}
	for i := range attempts {
		attempts[i].Number = i + 1
	}
	w.store.deliveries = append(w.store.deliveries, d)
	w.store.attempts[d.ID] = attempts
}

func TestStats(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	sub, quiet := w.webhook(key, nil), w.webhook(key, nil)
	at := func(ago time.Duration, ok bool) models.Attempt {
		a := models.Attempt{StartedAt: w.clock.Add(-ago), Success: ok, StatusCode: 200, Timings: models.Timings{Total: 40 * time.Millisecond}}
		if !ok {
			a.StatusCode, a.Reason = 503, models.ReasonStatus
		}
		return a
	}
	w.tried(sub, false, models.StatusDelivered, time.Time{}, at(3*time.Hour, false), at(time.Minute, true))
	w.tried(sub, false, models.StatusFailed, time.Time{}, at(2*time.Minute, false))
	w.tried(sub, false, models.StatusRetrying, w.clock.Add(time.Minute), at(30*time.Hour, false))
	w.tried(sub, false, models.StatusParked, time.Time{})
	w.tried(sub, false, models.StatusPending, w.clock)
	w.tried(sub, true, models.StatusDelivered, time.Time{}, at(0, true)) // a test

	got := w.call("GET", "/v3/webhooks/"+sub+"/stats", key, "").is(200).json()
	require.Equal(t, []any{sub, false, "2026-05-03T11:00:00Z", "2026-05-04T11:00:00Z", "hour"},
		[]any{got["subscription_id"], got["sandbox"], got["from"], got["to"], got["interval"]})
	total := got["total"].(map[string]any)
	rate := total["success_rate"].(float64)
	latency := total["latency_ms"].(map[string]any)
	require.InDelta(t, 1.0/3, rate, 1e-9)
	for _, p := range []string{"p50", "p90", "p95", "p99"} {
		require.InEpsilon(t, 40, latency[p], models.LatencyError)
	}
	delete(total, "success_rate")
	delete(total, "latency_ms")
	require.Equal(t, map[string]any{
		"attempts": 3.0, "succeeded": 1.0, "failed": 2.0, "gave_up": 1.0, "by_reason": map[string]any{"status": 2.0},
		"by_status": map[string]any{"2xx": 1.0, "5xx": 2.0},
	}, total)
	require.Equal(t, map[string]any{
		"pending": 1.0, "retrying": 1.0, "parked": 1.0, "capped": false,
		"next_retries": []any{map[string]any{"at": "2026-05-04T10:01:07.123Z", "count": 1.0}},
	}, got["waiting"])
	require.Equal(t, map[string]any{"at": "2026-05-04T09:59:07.123Z", "success": true}, got["last_attempt"])
	intervals := got["intervals"].([]any)
	require.Len(t, intervals, 24)
	last := intervals[23].(map[string]any)
	require.Equal(t, []any{"2026-05-04T10:00:00Z", 0.0, nil, nil}, []any{last["at"], last["attempts"], last["success_rate"], last["latency_ms"]})
	before := intervals[22].(map[string]any)
	require.Equal(t, []any{"2026-05-04T09:00:00Z", 2.0, 0.5}, []any{before["at"], before["attempts"], before["success_rate"]})
	require.NotContains(t, got, "webhooks")

	tests := w.call("GET", "/v3/webhooks/"+sub+"/stats?sandbox=true", key, "").is(200).json()
	require.Equal(t, []any{true, 1.0}, []any{tests["sandbox"], tests["total"].(map[string]any)["attempts"]})
	days := w.call("GET", "/v3/stats?interval=day", w.key(w.org, models.RoleReader, models.Production), "").is(200).json()
	require.Len(t, days["intervals"], 30)
	require.Equal(t, 4.0, days["total"].(map[string]any)["attempts"])
	require.Equal(t, []any{"2026-04-05T00:00:00Z", "2026-05-05T00:00:00Z"}, []any{days["from"], days["to"]})

	list := w.call("GET", "/v3/stats?subscription_ids="+sub+","+quiet, key, "").is(200).json()["webhooks"].([]any)
	require.Len(t, list, 2)
	one, two := list[0].(map[string]any), list[1].(map[string]any)
	require.Equal(t, []any{sub, quiet, nil}, []any{one["subscription_id"], two["subscription_id"], two["last_attempt"]})
	require.Equal(t, map[string]any{"at": "2026-05-04T09:59:07.123Z", "success": true}, one["last_attempt"])
	require.Len(t, one["last_24_hours"], 24)
	require.Equal(t, map[string]any{"at": "2026-05-04T09:00:00Z", "succeeded": 1.0, "failed": 1.0}, one["last_24_hours"].([]any)[22])
}

func TestStatsPeriods(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for query, want := range map[string][2]string{
		"":                           {"2026-05-03T11:00:00Z", "2026-05-04T11:00:00Z"},
		"?from=2026-05-04T08:30:00Z": {"2026-05-04T08:00:00Z", "2026-05-04T11:00:00Z"},
		"?to=2026-05-02T00:00:00Z":   {"2026-05-01T00:00:00Z", "2026-05-02T00:00:00Z"},
		"?from=2026-05-01T10:10:00Z&to=2026-05-01T10:10:01Z":    {"2026-05-01T10:00:00Z", "2026-05-01T11:00:00Z"},
		"?from=2026-05-01T00:00:00Z&to=2026-06-01T00:00:00Z":    {"2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"},
		"?from=2026-05-09T00:30:00Z":                            {"2026-05-09T00:00:00Z", "2026-05-09T01:00:00Z"}, // nothing yet
		"?from=2026-05-03T13:00:00%2B02:00&interval=day":        {"2026-05-03T00:00:00Z", "2026-05-05T00:00:00Z"},
		"?from=1743465600&to=2026-05-05T00:00:00Z&interval=day": {"2025-04-01T00:00:00Z", "2026-05-05T00:00:00Z"},
	} {
		got := w.call("GET", "/v3/stats"+query, key, "").is(200).json()
		require.Equal(t, want, [2]string{got["from"].(string), got["to"].(string)}, query)
		asked := w.store.asked[len(w.store.asked)-1]
		require.Equal(t, want, [2]string{seconds(asked.From), seconds(asked.To)}, query)
		require.Len(t, got["intervals"], int(asked.To.Sub(asked.From)/asked.Interval), query)
	}
	id := w.webhook(key, nil)
	for query, field := range map[string]string{
		"?from=yesterday": "from",
		"?from=2026-04-01T00:00:00Z&to=2026-05-02T01:00:00Z": "from", // an hour too many
		"?from=2025-03-01T00:00:00Z&interval=day":            "from",
		"?from=0":                    "from",
		"?to=9999-12-31T23:59:59Z":   "to",
		"?from=9999-12-31T23:59:59Z": "to",
		"?from=2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z": "to",
		"?from=2026-05-02T00:00:00Z&to=2026-05-02T00:00:00Z": "to",
		"?interval=minute":                   "interval",
		"?sandbox=yes":                       "sandbox",
		"?limit=5":                           "limit",
		"?after=x":                           "after",
		"?status=failed":                     "status",
		"?subscription_ids=":                 "subscription_ids[0]",
		"?subscription_ids=x":                "subscription_ids[0]",
		"?subscription_ids=" + id + "," + id: "subscription_ids[1]",
		"?subscription_ids=" + id + ",%00":   "subscription_ids[1]",
		"?subscription_ids=" + id + "," + w.store.newID().String():           "subscription_ids[1]",
		"?subscription_ids=" + strings.Repeat(id+",", maxStatsWebhooks) + id: "subscription_ids",
	} {
		require.Contains(t, w.call("GET", "/v3/stats"+query, key, "").invalid(), field, query)
	}
	var many []string
	for range maxStatsWebhooks - 1 {
		many = append(many, w.webhook(key, nil))
	}
	path := "/v3/stats?subscription_ids=" + strings.Join(many, ",") + "&interval=day&from="
	w.call("GET", path+"2026-04-01T00:00:00Z", key, "").is(200)
	require.Contains(t, w.call("GET", path+"2026-03-01T00:00:00Z", key, "").invalid(), "from")
	require.Contains(t, w.call("GET", "/v3/webhooks/"+id+"/stats?subscription_ids="+id, key, "").invalid(), "subscription_ids")
}

func TestStatsAreKeptApart(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	sub := w.webhook(key, nil)
	w.tried(sub, false, models.StatusRetrying, w.clock, models.Attempt{StartedAt: w.clock})
	attempts := func(a answer) any { return a.is(200).json()["total"].(map[string]any)["attempts"] }
	require.Equal(t, 1.0, attempts(w.call("GET", "/v3/stats", key, "")))

	sandbox := w.key(w.org, models.RoleAdmin, models.Sandbox)
	require.Equal(t, 0.0, attempts(w.call("GET", "/v3/stats", sandbox, "")))
	require.Contains(t, w.call("GET", "/v3/stats?sandbox=false", sandbox, "").invalid(), "sandbox")
	require.Contains(t, w.call("GET", "/v3/stats?subscription_ids="+sub, sandbox, "").invalid(), "subscription_ids[0]")
	w.call("GET", "/v3/webhooks/"+sub+"/stats", sandbox, "").is(404)

	other := w.key(w.other, models.RoleAdmin, models.Production)
	require.Equal(t, 0.0, attempts(w.call("GET", "/v3/stats", other, "")))
	require.Contains(t, w.call("GET", "/v3/stats?subscription_ids="+sub, other, "").invalid(), "subscription_ids[0]")
	w.call("GET", "/v3/webhooks/"+sub+"/stats", other, "").is(404)
	w.call("GET", "/v3/stats", w.publisher(), "").is(403)
}

// TestStatsAnswerIsDocumented holds the example in docs/api.md against the answer: it has every field, and no other.
func TestStatsAnswerIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "## Statistics")
	require.True(t, found)
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(section)
	require.Len(t, block, 2)
	var out statsOutput
	decoder := json.NewDecoder(strings.NewReader(block[1]))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&out))
	again, err := json.Marshal(out)
	require.NoError(t, err)
	require.JSONEq(t, block[1], string(again))
	require.Equal(t, out.Total.Attempts, out.Total.Succeeded+out.Total.Failed)
}

package handlers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestRetryPlan(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	path := "/v3/webhooks/" + w.webhook(key, nil) + "/retry_plan"
	from := time.Date(2026, 5, 5, 8, 0, 0, 0, time.UTC)
	for query, want := range map[string]models.Outage{
		"":                 {Start: w.clock, Reason: models.ReasonStatus},
		"?failing_for=90m": {Start: w.clock, End: w.clock.Add(90 * time.Minute), Reason: models.ReasonStatus},
		"?failing_for=0s":  {Start: w.clock, End: w.clock, Reason: models.ReasonStatus},
		"?failing_for=6h&from=2026-05-05T08:00:00Z&failing_with=timeout": {
			Start: from, End: from.Add(6 * time.Hour), Reason: models.ReasonTimeout,
		},
		"?failing_for=6h&from=1777968000&retry_after=120": {
			Start: from, End: from.Add(6 * time.Hour), Reason: models.ReasonStatus, RetryAfter: 2 * time.Minute,
		},
	} {
		w.call("GET", path+query, key, "").is(200)
		require.Equal(t, want, w.store.planned[len(w.store.planned)-1], query)
	}

	got := w.call("GET", path+"?failing_for=6h", key, "").is(200).json()
	require.Equal(t, "2026-05-04T10:00:07.123Z", got["from"])
	require.Equal(t, "2026-05-04T16:00:07.123Z", got["until"])
	require.Equal(t, "delivered", got["status"])
	require.Equal(t, "2026-05-04T16:00:07.123Z", got["delivered_at"], "the one that is planned")
	require.Equal(t, 0.1, got["jitter"])
	attempts := got["attempts"].([]any)
	require.Len(t, attempts, 3)
	require.Equal(t, map[string]any{
		"number": 2.0, "at": "2026-05-04T16:00:07.123Z", "earliest": "2026-05-04T15:59:07.123Z", "latest": "2026-05-04T16:01:07.123Z",
		"success": true, "certain": false,
	}, attempts[1])
	require.Nil(t, attempts[2].(map[string]any)["at"])

	failing := "/v3/webhooks/" + w.webhook(key, object{"auto_retry": false}) + "/retry_plan"
	got = w.call("GET", failing, w.key(w.org, models.RoleReader, models.Production), "").is(200).json()
	require.Equal(t, []any{"failed", "status", nil, nil}, []any{got["status"], got["reason"], got["delivered_at"], got["until"]})

	for query, field := range map[string]string{
		"?failing_for=6":                      "failing_for",
		"?failing_for=-1h":                    "failing_for",
		"?failing_for=8761h":                  "failing_for",
		"?failing_for=9999999999h":            "failing_for",
		"?from=yesterday":                     "from",
		"?from=9999-12-31T23:59:59Z":          "from",
		"?failing_with=boredom":               "failing_with",
		"?failing_with=subscription_deleted":  "failing_with",
		"?retry_after=-1":                     "retry_after",
		"?retry_after=99999999999999999999":   "retry_after",
		"?retry_after=5&failing_with=timeout": "retry_after",
		"?limit=5":                            "limit",
		"?after=x":                            "after",
		"?failing_for=1h&failing_for=2h":      "failing_for",
		"?failingfor=1h":                      "failingfor",
	} {
		require.Contains(t, w.call("GET", path+query, key, "").invalid(), field, query)
	}
	w.call("GET", path, w.key(w.other, models.RoleAdmin, models.Production), "").is(404)
}

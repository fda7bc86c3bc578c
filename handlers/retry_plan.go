package handlers

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// maxOutage bounds failing_for. Failure policy: longer ones are refused as typing errors; to leave it out means for ever.
const maxOutage = 365 * 24 * time.Hour

// farthest is more than any plan's last attempt is after its first: the longest schedule that the settings take is of eight years, with all jitter.
// Failure policy: a plan that could lead beyond the year 9999, which RFC 3339 can't write, is refused.
const farthest = 20 * maxOutage

// retryPlanOutput is what becomes of a delivery whose first attempt is at From, when every call fails until Until.
type retryPlanOutput struct {
	From        string                 `json:"from"`
	Until       *string                `json:"until"`
	Status      models.DeliveryStatus  `json:"status"`
	Reason      *models.Reason         `json:"reason"`
	DeliveredAt *string                `json:"delivered_at"`
	Jitter      float64                `json:"jitter"`
	Attempts    []plannedAttemptOutput `json:"attempts"`
}

// plannedAttemptOutput is one attempt of the plan. At is without jitter, and null for an attempt that only jitter can bring about.
type plannedAttemptOutput struct {
	Number   int     `json:"number"`
	At       *string `json:"at"`
	Earliest string  `json:"earliest"`
	Latest   string  `json:"latest"`
	Success  bool    `json:"success"`
	Certain  bool    `json:"certain"`
}

// retryPlan answers when a delivery of a subscription would be tried if the endpoint failed for some time.
func (a *api) retryPlan(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	q, err := readQuery(c, "failing_for", "from", "failing_with", "retry_after")
	if err != nil {
		return err
	}
	o := q.outage(a.Now().UTC().Truncate(time.Millisecond))
	if err := q.err(); err != nil {
		return err
	}
	plan := a.Planner.RetryPlan(s, o)
	out := retryPlanOutput{
		From: millis(o.Start), Until: shown(o.End), Status: plan.Status, Reason: optional(plan.Reason), Jitter: plan.Jitter,
		Attempts: make([]plannedAttemptOutput, 0, len(plan.Attempts)),
	}
	for _, p := range plan.Attempts {
		out.Attempts = append(out.Attempts, plannedAttemptOutput{
			Number: p.Number, At: shown(p.At), Earliest: millis(p.Earliest), Latest: millis(p.Latest), Success: p.Succeeds, Certain: p.Certain,
		})
		if p.Succeeds && !p.At.IsZero() {
			out.DeliveredAt = shown(p.At)
		}
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// outage reads what a plan supposes: an outage from a time on, by default from now on for ever, by default with errors.
func (q *query) outage(now time.Time) models.Outage {
	for _, name := range []string{"after", "limit"} { // those of lists
		if _, given := q.take(name); given {
			q.fail(name, "parameter")
		}
	}
	o := models.Outage{Start: now, Reason: models.ReasonStatus}
	if from := q.time("from"); !from.IsZero() {
		if o.Start = from; !sane(from.Add(farthest)) {
			q.fail("from", "far")
		}
	}
	if v, ok := q.take("failing_for"); ok {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 || d > maxOutage {
			q.fail("failing_for", "failing_for")
		}
		o.End = o.Start.Add(d)
	}
	if v, ok := q.take("failing_with"); ok {
		o.Reason = models.Reason(v)
		if !slices.Contains(models.AttemptReasons(), o.Reason) {
			q.fail("failing_with", "failing_with")
		}
	}
	if v, ok := q.take("retry_after"); ok {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 || n > int(maxOutage/time.Second) {
			q.fail("retry_after", "retry_after")
		} else if o.Reason != models.ReasonStatus {
			q.fail("retry_after", "retry_after_status")
		}
		o.RetryAfter = time.Duration(n) * time.Second
	}
	return o
}

package handlers

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"hookrouter/models"
)

// Bounds of a question about statistics. Failure policy: what asks for more is refused and says which parameter is at fault.
const (
	maxHours = 31 * 24 // intervals of an hour
	maxDays  = 400     // intervals of a day
	// maxStatsWebhooks is how many subscriptions may be named, which is a page of them.
	maxStatsWebhooks = 50
	// maxStatsHours bounds what is read for named subscriptions: their number times the hours.
	maxStatsHours = 50_000
)

const day = 24 * time.Hour

// statsOutput answers what came of attempts, and what waits.
type statsOutput struct {
	SubscriptionID *models.ID       `json:"subscription_id,omitempty"`
	Sandbox        bool             `json:"sandbox"`
	From           string           `json:"from"`
	To             string           `json:"to"`
	Interval       string           `json:"interval"`
	Total          countsOutput     `json:"total"`
	Waiting        waitingOutput    `json:"waiting"`
	LastAttempt    *lastOutput      `json:"last_attempt,omitempty"`
	Intervals      []intervalOutput `json:"intervals"`
	Webhooks       []activityOutput `json:"webhooks,omitempty"` // those that were named
}

type countsOutput struct {
	Attempts    int64                        `json:"attempts"`
	Succeeded   int64                        `json:"succeeded"`
	Failed      int64                        `json:"failed"`
	SuccessRate *float64                     `json:"success_rate"` // null without attempts
	GaveUp      int64                        `json:"gave_up"`
	ByReason    map[models.Reason]int64      `json:"by_reason"`
	ByStatus    map[models.StatusClass]int64 `json:"by_status"`
	Latency     *percentilesOutput           `json:"latency_ms"` // null where no attempt reached the endpoint
}

type percentilesOutput struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

type intervalOutput struct {
	At string `json:"at"`
	countsOutput
}

type waitingOutput struct {
	Pending     int64             `json:"pending"`
	Retrying    int64             `json:"retrying"`
	Parked      int64             `json:"parked"`
	Capped      bool              `json:"capped"`
	NextRetries []nextRetryOutput `json:"next_retries"`
}

type nextRetryOutput struct {
	At    string `json:"at"`
	Count int64  `json:"count"`
}

type lastOutput struct {
	At      string `json:"at"`
	Success bool   `json:"success"`
}

// activityOutput is how a subscription fared of late.
type activityOutput struct {
	SubscriptionID models.ID            `json:"subscription_id"`
	LastAttempt    *lastOutput          `json:"last_attempt"`
	Hours          []activityHourOutput `json:"last_24_hours"`
}

type activityHourOutput struct {
	At        string `json:"at"`
	Succeeded int64  `json:"succeeded"`
	Failed    int64  `json:"failed"`
}

// webhookStats answers the statistics of one subscription.
func (a *api) webhookStats(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	q, err := readQuery(c, "from", "to", "interval", "sandbox")
	if err != nil {
		return err
	}
	ask := q.stats(key, a.Now(), s.Sandbox)
	ask.SubscriptionIDs = []models.ID{s.ID}
	if err := q.err(); err != nil {
		return err
	}
	activity, err := a.Store.Activity(c.Request.Context(), key.OrganizationID, ask.SubscriptionIDs, a.Now())
	if err != nil {
		return err
	}
	out, err := a.statsOf(c, ask)
	if err != nil {
		return err
	}
	out.SubscriptionID = &s.ID
	if len(activity) == 1 {
		out.LastAttempt = showLast(&activity[0])
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// stats answers the statistics of an organization, or of some of its subscriptions together with how each of these fared of late.
func (a *api) stats(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c, "from", "to", "interval", "sandbox", "subscription_ids")
	if err != nil {
		return err
	}
	ask := q.stats(key, a.Now(), key.Environment == models.Sandbox)
	ask.SubscriptionIDs = q.ids("subscription_ids", maxStatsWebhooks)
	if hours := int(ask.To.Sub(ask.From) / time.Hour); hours*len(ask.SubscriptionIDs) > maxStatsHours {
		q.fail("from", "stats_hours")
	}
	if err := q.err(); err != nil {
		return err
	}
	activity, err := a.Store.Activity(c.Request.Context(), key.OrganizationID, ask.SubscriptionIDs, a.Now())
	if err != nil {
		return err
	}
	if q.visible("subscription_ids", key, ask.SubscriptionIDs, activity); q.err() != nil {
		return q.err()
	}
	out, err := a.statsOf(c, ask)
	if err != nil {
		return err
	}
	for i := range activity {
		out.Webhooks = append(out.Webhooks, showActivity(&activity[i]))
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// statsOf reads and shows what is common to both.
func (a *api) statsOf(c *gin.Context, ask models.StatsQuery) (statsOutput, error) {
	ctx := c.Request.Context()
	var buckets []models.StatsBucket
	var waiting models.Waiting
	var asked errgroup.Group
	asked.Go(func() (err error) {
		buckets, err = a.Store.Stats(ctx, ask)
		return err
	})
	asked.Go(func() (err error) {
		waiting, err = a.Store.Waiting(ctx, ask.OrganizationID, ask.SubscriptionIDs, ask.Sandbox)
		return err
	})
	if err := asked.Wait(); err != nil {
		return statsOutput{}, err
	}
	out := statsOutput{
		Sandbox: ask.Sandbox, From: seconds(ask.From), To: seconds(ask.To), Interval: intervalName(ask.Interval),
		Waiting:   showWaiting(waiting),
		Intervals: make([]intervalOutput, 0, int(ask.To.Sub(ask.From)/ask.Interval)),
	}
	total, none := models.NewCounts(), models.NewCounts()
	for at := ask.From; at.Before(ask.To); at = at.Add(ask.Interval) {
		counts := none
		if len(buckets) > 0 && buckets[0].At.Equal(at) {
			counts, buckets = buckets[0].Counts, buckets[1:]
			total.Merge(counts)
		}
		out.Intervals = append(out.Intervals, intervalOutput{At: seconds(at), countsOutput: showCounts(counts)})
	}
	out.Total = showCounts(total)
	return out, nil
}

// stats reads the period, the interval and the environment of a question. Periods are widened to full intervals.
func (q *query) stats(key *models.APIKey, now time.Time, sandbox bool) models.StatsQuery {
	for _, name := range []string{"after", "limit"} { // those of lists
		if _, given := q.take(name); given {
			q.fail(name, "parameter")
		}
	}
	ask := models.StatsQuery{OrganizationID: key.OrganizationID, Sandbox: sandbox, Interval: time.Hour}
	span, most := 24*time.Hour, maxHours
	switch v, given := q.take("interval"); {
	case v == intervalName(day):
		ask.Interval, span, most = day, 30*day, maxDays
	case given && v != intervalName(time.Hour):
		q.fail("interval", "interval")
	}
	if asked := q.flag("sandbox"); asked != nil {
		if ask.Sandbox = *asked; !sees(key, *asked) {
			q.fail("sandbox", "sandbox_key")
		}
	}
	from, to := q.time("from"), q.time("to")
	if to.IsZero() {
		to = now.UTC()
		if from.After(to) {
			to = from.Add(1)
		}
	}
	ask.To = to.Add(ask.Interval - 1).Truncate(ask.Interval)
	if from.IsZero() {
		from = ask.To.Add(-span)
	}
	ask.From = from.Truncate(ask.Interval)
	switch {
	case !sane(ask.To):
		q.fail("to", "far")
	case !ask.From.Before(ask.To):
		q.fail("to", "after_from")
	case ask.To.Sub(ask.From)/ask.Interval > time.Duration(most):
		q.wrong = append(q.wrong, models.FieldError{Name: "from", Reason: reason("intervals", strconv.Itoa(most))})
	}
	return ask
}

// ids reads a list with commas of at most so many different ids.
func (q *query) ids(name string, most int) []models.ID {
	v, ok := q.take(name)
	if !ok {
		return nil
	}
	parts := strings.Split(v, ",")
	if len(parts) > most {
		q.wrong = append(q.wrong, models.FieldError{Name: name, Reason: reason("max/slice", strconv.Itoa(most))})
		return nil
	}
	ids, seen := make([]models.ID, 0, len(parts)), map[models.ID]bool{}
	for i, part := range parts {
		id, err := models.ParseID(part)
		place := name + "[" + strconv.Itoa(i) + "]"
		switch {
		case err != nil || id.IsZero():
			q.fail(place, "uuid")
		case seen[id]:
			q.fail(place, "duplicate")
		}
		seen[id] = true
		ids = append(ids, id)
	}
	return ids
}

// visible holds that each of ids is of a subscription which was found and that the caller sees.
func (q *query) visible(name string, key *models.APIKey, ids []models.ID, found []models.Activity) {
	seen := make(map[models.ID]bool, len(found))
	for i := range found {
		seen[found[i].SubscriptionID] = sees(key, found[i].Sandbox)
	}
	for i, id := range ids {
		if !seen[id] {
			q.fail(name+"["+strconv.Itoa(i)+"]", "known_webhook")
		}
	}
}

func intervalName(d time.Duration) string {
	if d == day {
		return "day"
	}
	return "hour"
}

func showCounts(c *models.Counts) countsOutput {
	out := countsOutput{
		Attempts: c.Attempts, Succeeded: c.Succeeded, Failed: c.Attempts - c.Succeeded, GaveUp: c.GaveUp, ByReason: c.ByReason, ByStatus: c.ByClass,
	}
	if c.Attempts > 0 {
		rate := float64(c.Succeeded) / float64(c.Attempts)
		out.SuccessRate = &rate
	}
	if c.Latency.Count() > 0 {
		out.Latency = &percentilesOutput{
			P50: milliseconds(c.Latency.Quantile(0.5)), P90: milliseconds(c.Latency.Quantile(0.9)),
			P95: milliseconds(c.Latency.Quantile(0.95)), P99: milliseconds(c.Latency.Quantile(0.99)),
		}
	}
	return out
}

func showWaiting(w models.Waiting) waitingOutput {
	out := waitingOutput{
		Pending: w.Pending, Retrying: w.Retrying, Parked: w.Parked, Capped: w.Capped, NextRetries: make([]nextRetryOutput, len(w.NextRetries)),
	}
	for i, r := range w.NextRetries {
		out.NextRetries[i] = nextRetryOutput{At: millis(r.At), Count: r.Count}
	}
	return out
}

func showLast(a *models.Activity) *lastOutput {
	if a.LastAt.IsZero() {
		return nil
	}
	return &lastOutput{At: millis(a.LastAt), Success: a.LastSuccess}
}

func showActivity(a *models.Activity) activityOutput {
	out := activityOutput{SubscriptionID: a.SubscriptionID, LastAttempt: showLast(a), Hours: make([]activityHourOutput, len(a.Hours))}
	for i, h := range a.Hours {
		out.Hours[i] = activityHourOutput{At: seconds(h.At), Succeeded: h.Succeeded, Failed: h.Failed}
	}
	return out
}

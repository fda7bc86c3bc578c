package web

import (
	"cmp"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// span is a period that statistics are shown of.
type span struct {
	key, label string
	interval   string // of the API
	long       time.Duration
}

// spans are those that one can choose from; the first is shown where none was chosen. What is long is counted by the day, which are few.
func spans() []span {
	const day = 24 * time.Hour
	return []span{
		{key: "24h", label: "24 hours", interval: "hour", long: day},
		{key: "7d", label: "7 days", interval: "hour", long: 7 * day},
		{key: "30d", label: "30 days", interval: "day", long: 30 * day},
	}
}

// spanOf is the period that the address names.
func (v *view) spanOf() span {
	for _, s := range spans() {
		if s.key == v.r.URL.Query().Get("range") {
			return s
		}
	}
	return spans()[0]
}

// spanTabs lead from one period to another.
func spanTabs(path string, chosen span) []ui.Tab {
	var tabs []ui.Tab
	for _, s := range spans() {
		tabs = append(tabs, ui.Tab{Label: s.label, Href: path + "?range=" + s.key, Current: s.key == chosen.key})
	}
	return tabs
}

// statistics is what came of attempts, as the API answers it.
type statistics struct {
	Interval    string        `json:"interval"`
	Total       statCounts    `json:"total"`
	Waiting     statWaiting   `json:"waiting"`
	LastAttempt *statLast     `json:"last_attempt"`
	Intervals   []statBetween `json:"intervals"`
}

type statCounts struct {
	Attempts  int64                   `json:"attempts"`
	Succeeded int64                   `json:"succeeded"`
	Failed    int64                   `json:"failed"`
	Rate      *float64                `json:"success_rate"`
	GaveUp    int64                   `json:"gave_up"`
	ByReason  map[models.Reason]int64 `json:"by_reason"`
	Latency   *struct {
		P50 float64 `json:"p50"`
		P90 float64 `json:"p90"`
		P95 float64 `json:"p95"`
		P99 float64 `json:"p99"`
	} `json:"latency_ms"`
}

type statBetween struct {
	At time.Time `json:"at"`
	statCounts
}

type statLast struct {
	At      time.Time `json:"at"`
	Success bool      `json:"success"`
}

// statWaiting is what is in the queue.
type statWaiting struct {
	Pending  int64 `json:"pending"`
	Retrying int64 `json:"retrying"`
	Parked   int64 `json:"parked"`
	Capped   bool  `json:"capped"`
	Next     []struct {
		At    time.Time `json:"at"`
		Count int64     `json:"count"`
	} `json:"next_retries"`
}

// statsCall asks for the statistics of a period that ends now.
func statsCall(path string, s span, sandbox bool, now time.Time) ui.Call {
	q := url.Values{"interval": {s.interval}, "from": {now.Add(-s.long).UTC().Format(time.RFC3339)}, "sandbox": {strconv.FormatBool(sandbox)}}
	return ui.Call{Method: "GET", Path: path + "?" + q.Encode()}
}

// stats reads the statistics of a call.
func (v *view) stats(c ui.Call) (*statistics, error) {
	s := &statistics{}
	return s, v.do(c, s)
}

// waiting is what waits of a subscription now.
func (v *view) waiting(w *webhook) (statWaiting, error) {
	s, err := v.stats(ui.Call{Method: "GET", Path: w.call("/stats?from=" + url.QueryEscape(v.Now().UTC().Format(time.RFC3339)))})
	return s.Waiting, err
}

// chart is the attempts over time.
func (s *statistics) chart(id string) ui.Chart {
	each, daily := "Attempts an hour", s.Interval == "day"
	if daily {
		each = "Attempts a day"
	}
	c := ui.Chart{ID: id, Title: each, Stacked: true, UTC: daily, Series: []ui.Series{{Label: "Succeeded"}, {Label: "Failed"}}}
	for _, i := range s.Intervals {
		c.Times = append(c.Times, i.At)
		c.Series[0].Values = append(c.Series[0].Values, float64(i.Succeeded))
		c.Series[1].Values = append(c.Series[1].Values, float64(i.Failed))
	}
	return c
}

// figures are the numbers above a chart.
func (s *statistics) figures() []ui.Figure {
	t := s.Total
	rate := ui.Figure{Label: "Success rate", Value: "–"}
	if t.Rate != nil {
		rate.Value, rate.Note = percent(*t.Rate), count(t.Failed)+" of "+count(t.Attempts)+" failed"
		switch {
		case *t.Rate < 0.9:
			rate.Tone = ui.Bad
		case *t.Rate < 0.99:
			rate.Tone = ui.Wait
		}
	}
	gaveUp := ui.Figure{Label: "Failed for good", Value: count(t.GaveUp), Note: "deliveries after their last attempt"}
	if t.GaveUp > 0 {
		gaveUp.Tone = ui.Bad
	}
	latency := ui.Figure{Label: "Response time, median", Value: "–"}
	if t.Latency != nil {
		latency.Value = millis(t.Latency.P50)
		latency.Note = "p90 " + unbroken(millis(t.Latency.P90)) + " · p95 " + unbroken(millis(t.Latency.P95)) + " · p99 " + unbroken(millis(t.Latency.P99))
	}
	return []ui.Figure{{Label: "Attempts", Value: count(t.Attempts), Note: count(t.Succeeded) + " succeeded"}, rate, gaveUp, latency}
}

// reasonLine is how often attempts failed for a reason.
type reasonLine struct {
	reason models.Reason
	n      int64
}

// reasons are why attempts failed, the most frequent first.
func (s *statistics) reasons() []reasonLine {
	lines := make([]reasonLine, 0, len(s.Total.ByReason))
	for r, n := range s.Total.ByReason {
		lines = append(lines, reasonLine{r, n})
	}
	slices.SortFunc(lines, func(a, b reasonLine) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.reason, b.reason)) })
	return lines
}

// sparkOf is a subscription's last hours for a sparkline.
func sparkOf(a *models.Activity) []ui.Point {
	points := make([]ui.Point, len(a.Hours))
	for i, h := range a.Hours {
		points[i] = ui.Point{OK: int(h.Succeeded), Failed: int(h.Failed)}
	}
	return points
}

// percent rounds down, so that 100 % means all.
func percent(rate float64) string {
	return strconv.FormatFloat(math.Floor(rate*1000)/10, 'f', -1, 64) + " %"
}

func millis(ms float64) string { return ui.Duration(time.Duration(ms * float64(time.Millisecond))) }

// count is a number in groups of three.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "\u202f" + s[at:]
	}
	return s
}

// atMost is a number that counting may have ended at.
func atMost(n int64, capped bool) string {
	if capped {
		return "more than " + count(models.MaxWaitingCount)
	}
	return count(n)
}

// unbroken is a text that stays on one line.
func unbroken(s string) string { return strings.ReplaceAll(s, " ", "\u00a0") }

package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What is read of the program's own metrics.
const (
	statementsMetric = "hookrouter_database_statements_total"
	claimMetric      = "hookrouter_claim_seconds"
)

// samples are the lines of a scrape: a series with its labels, and its value.
type samples map[string]float64

// scrape reads the program's metrics. Where this version of it has none, there are no samples.
func (p *program) scrape(ctx context.Context) (samples, error) {
	if p.metrics == "" {
		return nil, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("read the metrics: %w", err)
	}
	defer resp.Body.Close()
	out := samples{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		series, text, ok := cutLast(lines.Text(), " ")
		if value, err := strconv.ParseFloat(text, 64); ok && err == nil && !strings.HasPrefix(series, "#") {
			out[series] = value
		}
	}
	return out, lines.Err()
}

func cutLast(s, separator string) (before, after string, ok bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// sum adds the series of a metric up; it is false where there is none.
func (s samples) sum(metric string) (float64, bool) {
	total, found := 0.0, false
	for series, value := range s {
		if name, _, _ := strings.Cut(series, "{"); name == metric {
			total, found = total+value, true
		}
	}
	return total, found
}

// quantile is that of a histogram, interpolated within its bucket. It is false where nothing was observed, or where the quantile is
// above the largest bucket.
func (s samples) quantile(metric string, q float64) (float64, bool) {
	counts := map[float64]float64{} // by upper bound, of all series together
	for series, value := range s {
		labels, ok := strings.CutPrefix(series, metric+"_bucket{")
		if !ok {
			continue
		}
		_, rest, _ := strings.Cut(labels, `le="`)
		text, _, _ := strings.Cut(rest, `"`)
		if bound, err := strconv.ParseFloat(text, 64); err == nil {
			counts[bound] += value
		}
	}
	total := counts[math.Inf(1)]
	low, below := 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(counts)) {
		n := counts[bound]
		if n >= q*total && n > below && !math.IsInf(bound, 1) {
			return low + (bound-low)*(q*total-below)/(n-below), true
		}
		low, below = bound, n
	}
	return 0, false
}

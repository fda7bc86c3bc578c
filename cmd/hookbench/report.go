package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// report is everything that was measured.
type report struct {
	options   options
	yardstick float64
	load      load
	arrivals  arrivals
	usage     *usage
}

// figures is the report as numbers: milliseconds, seconds of CPU, MiB.
type figures struct {
	Events         int                `json:"events"`
	Fanout         int                `json:"fanout"`
	Rate           float64            `json:"offered_rate"`
	Strangers      int                `json:"strangers"`
	Accepted       int                `json:"accepted"`
	Refused        int                `json:"refused"`
	EventsPerSec   float64            `json:"events_per_s"`
	DeliveriesPerS float64            `json:"deliveries_per_s"`
	Yardstick      float64            `json:"bare_posts_per_s"`
	AnswerMS       map[string]float64 `json:"answer_ms"`
	DelayMS        map[string]float64 `json:"delay_ms"`
	Missing        int                `json:"missing"`
	Duplicates     int                `json:"duplicates"`
	CPUPer1000     float64            `json:"cpu_s_per_1000_deliveries"`
	CPU            map[string]float64 `json:"cpu_s"`
	PeakRSS        map[string]float64 `json:"peak_rss_mib"`
}

func (r report) figures() figures {
	took := r.load.took
	f := figures{
		Events: r.options.events, Fanout: r.options.fanout, Rate: r.options.rate, Strangers: r.options.strangers,
		Accepted: r.load.accepted, Refused: r.load.refused, EventsPerSec: float64(r.load.accepted) / took.Seconds(),
		Yardstick: r.yardstick, AnswerMS: quantiles(r.load.answers), DelayMS: quantiles(r.arrivals.delays),
		Missing: r.load.accepted*r.options.fanout - r.arrivals.pairs, Duplicates: r.arrivals.duplicate,
		CPU: map[string]float64{}, PeakRSS: map[string]float64{},
	}
	f.DeliveriesPerS = float64(r.arrivals.pairs) / max(took, r.arrivals.last.Sub(r.load.start)).Seconds()
	if r.arrivals.pairs > 0 {
		f.CPUPer1000 = r.usage.total().Seconds() / float64(r.arrivals.pairs) * 1000
	}
	for name, t := range r.usage.cpu {
		f.CPU[name] = t.Seconds()
		f.PeakRSS[name] = float64(r.usage.peak[name]) / (1 << 20)
	}
	return f
}

// quantiles of sorted durations, in milliseconds.
func quantiles(sorted []time.Duration) map[string]float64 {
	out := map[string]float64{}
	for name, q := range map[string]float64{"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1} {
		if len(sorted) > 0 {
			out[name] = float64(sorted[int(q*float64(len(sorted)-1))].Microseconds()) / 1000
		}
	}
	return out
}

func (r report) print(w io.Writer) error {
	f := r.figures()
	if r.options.json {
		return json.NewEncoder(w).Encode(f)
	}
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "accepted\t%.0f events/s\t(%d events, %d refused)\n", f.EventsPerSec, f.Accepted, f.Refused)
	fmt.Fprintf(t, "delivered\t%.0f deliveries/s\t(fan-out %d, missing %d, duplicates %d)\n", f.DeliveriesPerS, f.Fanout, f.Missing, f.Duplicates)
	fmt.Fprintf(t, "yardstick\t%.0f posts/s\t(bare client to bare server, same run)\n", f.Yardstick)
	row := func(name string, q map[string]float64) {
		fmt.Fprintf(t, "%s\tp50 %.2f  p90 %.2f  p99 %.2f  max %.2f ms\n", name, q["p50"], q["p90"], q["p99"], q["max"])
	}
	row("publish to answer", f.AnswerMS)
	row("publish to arrival", f.DelayMS)
	fmt.Fprintf(t, "CPU\t%.3f s per 1,000 deliveries\t%v\n", f.CPUPer1000, f.CPU)
	fmt.Fprintf(t, "memory\t%.0f MiB\t(router, peak)\n", f.PeakRSS["router"])
	return t.Flush()
}

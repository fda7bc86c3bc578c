package metrics

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hookrouter/models"
)

// scraped are the metrics that are made when the page is read.
func scraped() []Name {
	return []Name{
		eventsWaiting, eventsBytes, EventsLimit, EventsBytesLimit, Subscriptions, RulesRevision, ResultsWaiting, CallsInFlight,
		RetryCallsInFlight, CallsLimit, MemoryDeliveries, MemoryLimit, MemoryBytes, MemoryBytesLimit, Lanes, LanesBacklogged, LanesSlow,
		DeliveriesDropped, Statements, heartbeatAge, lookSuccess, lookAge, oldestDue, suspended, instances, partitionsAhead, deadRows, clockOffset,
		ledgerDeliveries, ledgerEvents, ledgerMatches, ledgerUnbalanced,
	}
}

// shown is how a metric is made at a scrape.
type shown struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// describe prepares what is scraped.
func (m *Metrics) describe() {
	for _, name := range scraped() {
		e := find(name)
		s := shown{desc: prometheus.NewDesc(string(name), e.help, e.labels, nil), kind: prometheus.GaugeValue}
		if e.kind == counter {
			s.kind = prometheus.CounterValue
		}
		m.shown[name] = s
	}
}

// collector reads everything that nobody has to count.
type collector struct{ m *Metrics }

var _ prometheus.Collector = collector{}

func (m *Metrics) collector() prometheus.Collector { return collector{m} }

// Describe is part of prometheus.Collector.
func (c collector) Describe(out chan<- *prometheus.Desc) {
	for _, s := range c.m.shown {
		out <- s.desc
	}
}

// Collect is part of prometheus.Collector.
func (c collector) Collect(out chan<- prometheus.Metric) {
	m := c.m
	show := func(name Name, value float64, labels ...string) {
		if s, ok := m.shown[name]; ok && !math.IsNaN(value) {
			out <- prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
		}
	}
	show(eventsWaiting, float64(m.waiting.Load()))
	show(eventsBytes, float64(m.waitingBytes.Load()))
	if last := m.heartbeat.Load(); last != 0 {
		show(heartbeatAge, max(m.o.Now().Sub(time.Unix(0, last)), 0).Seconds())
	}
	m.o.Read(func(name Name, value float64) { show(name, value) })
	// The library gives collectors no context; each look has a timeout of its own.
	ctx := context.Background() //nolint:forbidigo // a scrape's context does not reach a prometheus.Collector
	var looks sync.WaitGroup
	looks.Go(func() { m.showVitals(ctx, show) })
	m.showLedger(ctx, show)
	looks.Wait()
}

func (m *Metrics) showVitals(ctx context.Context, show func(Name, float64, ...string)) {
	if m.vitals.read == nil {
		return
	}
	seen, at, err := m.vitals.get(ctx)
	if !m.showLook("queue", at, err, show) {
		return
	}
	show(oldestDue, seen.oldest.Seconds())
	show(suspended, float64(seen.Suspended))
	show(instances, float64(seen.Instances))
	show(partitionsAhead, known(int64(seen.PartitionsAhead)))
	show(deadRows, known(seen.DeadRows))
	show(clockOffset, seen.offset.Seconds())
}

func (m *Metrics) showLedger(ctx context.Context, show func(Name, float64, ...string)) {
	sum, at, err := m.ledger.get(ctx)
	if !m.showLook("ledger", at, err, show) {
		return
	}
	for _, status := range models.Statuses() { // those without a delivery too
		show(ledgerDeliveries, float64(sum.byStatus[status]), string(status))
	}
	show(ledgerEvents, float64(sum.events))
	show(ledgerMatches, float64(sum.matches))
	show(ledgerUnbalanced, float64(sum.unbalanced))
}

// showLook shows how a look went and reports whether there is more to show.
func (m *Metrics) showLook(name string, at time.Time, err error, show func(Name, float64, ...string)) bool {
	if err != nil {
		show(lookSuccess, 0, name)
		return false
	}
	show(lookSuccess, 1, name)
	show(lookAge, max(m.o.Now().Sub(at), 0).Seconds(), name)
	return true
}

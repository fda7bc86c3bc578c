package metrics

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"hookrouter/models"
)

// Ledger counts all deliveries. Implemented by *store.Store.
type Ledger interface {
	Ledger(ctx context.Context) ([]models.Ledger, error)
}

// Vitals looks at the queue and the instances with one cheap statement. Implemented by *store.Store.
type Vitals interface {
	Vitals(ctx context.Context, now time.Time) (models.Vitals, error)
}

// Options are what [Metrics] need. Read, Ledger and Now are required.
type Options struct {
	// Read reports what the parts of the instance hold at the moment of a scrape: set is to be called at most once for each exported
	// [Name]. What is not set is not shown. It is called by one goroutine at a time for each scrape and must not block.
	Read   func(set func(name Name, value float64))
	Ledger Ledger
	Vitals Vitals // optional: without it, its metrics are not shown

	Version  string // of the program
	Database string // postgres or sqlite

	// VitalsEvery and LedgerEvery are how long the figures of one look at the database are shown before the next. Default: 10 s and
	// 15 s. LookTimeout bounds one look. Default: 3 s. Failure policy: a look that fails is tried again only after the same time, and
	// what it would have shown is left out, because an old figure that looks new is worse than none.
	VitalsEvery, LedgerEvery, LookTimeout time.Duration

	Now func() time.Time // required
}

// Metrics counts and shows. Its methods are safe for concurrent use.
type Metrics struct {
	o        Options
	registry *prometheus.Registry

	accepted, duplicate, matches prometheus.Counter
	refused                      *prometheus.CounterVec
	waiting, waitingBytes        atomic.Int64
	acceptBatch, acceptCommit    prometheus.Histogram
	attempts                     map[string]prometheus.Counter // by outcome
	recorded                     *prometheus.CounterVec
	delivered                    prometheus.Counter // of recorded: by far the most
	attemptTime, firstDelay      *tally
	recordBatch, recordCommit    prometheus.Histogram
	claim                        prometheus.Histogram
	claimed, takenOver, fenced   prometheus.Counter
	givenBack, canceled          prometheus.Counter
	failures                     *prometheus.CounterVec
	heartbeat                    atomic.Int64 // Unix nanoseconds of the last good one; 0 before the first
	logLines                     *prometheus.CounterVec
	logErrors, panics            prometheus.Counter
	requests                     *prometheus.CounterVec
	durations                    *prometheus.HistogramVec
	vitals                       look[vitalsSeen]
	ledger                       look[ledgerSum]
	shown                        map[Name]shown // by the collector
}

// New checks the options and makes metrics that are all zero.
func New(o Options) (*Metrics, error) {
	if o.Read == nil || o.Ledger == nil || o.Now == nil {
		return nil, errors.New("metrics: Read, Ledger and Now are required")
	}
	if min(o.VitalsEvery, o.LedgerEvery, o.LookTimeout) < 0 {
		return nil, errors.New("metrics: a duration is negative")
	}
	m := &Metrics{o: o, registry: prometheus.NewRegistry(), shown: map[Name]shown{}}
	m.countAccepting()
	m.countSending()
	m.countQueue()
	m.countInstance()
	m.prepareLooks()
	m.describe()
	for _, c := range []prometheus.Collector{
		m.collector(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := m.registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

func (m *Metrics) countAccepting() {
	m.accepted, m.duplicate, m.matches = m.counter(eventsAccepted), m.counter(eventsDuplicate), m.counter(matches)
	m.refused = m.counters(eventsRefused)
	for _, code := range []models.Code{models.CodeConflict, models.CodeUnauthorized, models.CodeUnavailable, models.CodeInternal} {
		m.refused.WithLabelValues(string(code)) // shown from the start: a rate does not see what a series begins with
	}
	m.acceptBatch, m.acceptCommit = m.histogram(acceptBatch, batchBounds()), m.histogram(acceptCommit, statementBounds())
}

func (m *Metrics) countSending() {
	outcomes := m.counters(attempts)
	m.attempts = map[string]prometheus.Counter{"": outcomes.WithLabelValues("success")}
	m.recorded = m.counters(recorded)
	for _, reason := range models.AttemptReasons() {
		m.attempts[string(reason)] = outcomes.WithLabelValues(string(reason))
		m.recorded.WithLabelValues(string(models.StatusRetrying), string(reason))
		m.recorded.WithLabelValues(string(models.StatusFailed), string(reason))
	}
	m.delivered = m.recorded.WithLabelValues(string(models.StatusDelivered), "")
	m.attemptTime = m.tally(attemptDuration, []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30})
	m.firstDelay = m.tally(firstDelay, []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 15, 60, 300, 3600})
	m.recordBatch, m.recordCommit = m.histogram(recordBatch, batchBounds()), m.histogram(recordCommit, statementBounds())
}

func (m *Metrics) countQueue() {
	m.claimed, m.takenOver, m.fenced = m.counter(claimed), m.counter(takenOver), m.counter(fenced)
	m.givenBack, m.canceled = m.counter(givenBack), m.counter(canceledWaiting)
	m.claim = m.histogram(claimSeconds, statementBounds())
}

func (m *Metrics) countInstance() {
	m.failures = m.counters(databaseFailures)
	m.logLines = m.counters(logLines)
	m.logErrors, m.panics = m.counter(logErrors), m.counter(panics)
	m.requests = m.counters(requests)
	m.durations = prometheus.NewHistogramVec(histogramOpts(requestDuration, []float64{
		.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15,
	}), find(requestDuration).labels)
	m.registry.MustRegister(m.durations)
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: string(buildInfo), Help: find(buildInfo).help}, find(buildInfo).labels)
	build.WithLabelValues(m.o.Version, runtime.Version(), m.o.Database).Set(1)
	m.registry.MustRegister(build)
}

// batchBounds are for how much is in a batch, statementBounds for how long a statement takes, in seconds.
func batchBounds() []float64 { return []float64{1, 2, 5, 10, 25, 50, 100, 200, 350, 512, 1000} }

func statementBounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

func (m *Metrics) counter(name Name) prometheus.Counter {
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: string(name), Help: find(name).help})
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) counters(name Name) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: string(name), Help: find(name).help}, find(name).labels)
	m.registry.MustRegister(c)
	return c
}

func (m *Metrics) histogram(name Name, bounds []float64) prometheus.Histogram {
	h := prometheus.NewHistogram(histogramOpts(name, bounds))
	m.registry.MustRegister(h)
	return h
}

func (m *Metrics) tally(name Name, bounds []float64) *tally {
	t := newTally(find(name), bounds)
	m.registry.MustRegister(t)
	return t
}

func histogramOpts(name Name, bounds []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{Name: string(name), Help: find(name).help, Buckets: bounds}
}

// scrapeTimeout bounds one scrape, well above what a look at the database may take. Prometheus gives up after 10 s itself.
const scrapeTimeout = 9 * time.Second

// maxScrapes is how many scrapes run at once. Failure policy: further ones get a 503, because who asks that often needs no answer.
const maxScrapes = 4

// Handler serves the page at /metrics, and nothing else.
func (m *Metrics) Handler() http.Handler {
	page := promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		// Failure policy: what can be gathered is shown although one part can't.
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: maxScrapes,
		Timeout:             scrapeTimeout,
	})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", page)
	return mux
}

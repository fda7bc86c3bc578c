package main

import (
	"context"
	"time"

	"hookrouter/delivery"
	"hookrouter/handlers"
	"hookrouter/handlers/metrics"
	"hookrouter/models"
	"hookrouter/routing"
)

// The wrappers below stand at the seams between the parts and tell the metrics what passes: one call for each batch. The parts do not
// know of them.

// observedAccepter counts what publishers want stored and what became of it.
type observedAccepter struct {
	handlers.Accepter

	m *metrics.Metrics
}

func (a observedAccepter) Accept(ctx context.Context, events []*models.Event) []models.Outcome {
	size := 0
	for _, e := range events {
		size += len(e.Data)
	}
	a.m.Offered(len(events), size)
	outcomes := a.Accepter.Accept(ctx, events)
	a.m.Answered(len(events), size, outcomes)
	return outcomes
}

// observedOutbox measures the commits of events.
type observedOutbox struct {
	routing.Outbox

	m *metrics.Metrics
}

func (o observedOutbox) SaveEvents(ctx context.Context, revision int64, batch []*models.Accepted) ([]models.Outcome, error) {
	start := time.Now()
	outcomes, err := o.Outbox.SaveEvents(ctx, revision, batch)
	o.m.Committed(len(batch), time.Since(start), err)
	return outcomes, err
}

// observedQueue measures the commits of results and the claims, and counts what else the queue is asked for.
type observedQueue struct {
	delivery.Queue

	m *metrics.Metrics
}

func (q observedQueue) RegisterInstance(ctx context.Context, name string) (int64, error) {
	start := time.Now()
	owner, err := q.Queue.RegisterInstance(ctx, name)
	q.m.Heartbeat(start, err)
	return owner, err
}

func (q observedQueue) Heartbeat(ctx context.Context, owner int64, oldest models.ID) error {
	start := time.Now()
	err := q.Queue.Heartbeat(ctx, owner, oldest)
	q.m.Heartbeat(start, err)
	return err
}

func (q observedQueue) Pulse(ctx context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	pulse, err := q.Queue.Pulse(ctx, now, silentFor)
	q.m.Failed(metrics.OperationSweep, err)
	return pulse, err
}

func (q observedQueue) TakeOver(ctx context.Context, self int64, now time.Time, silentFor time.Duration, limit int) (int, error) {
	n, err := q.Queue.TakeOver(ctx, self, now, silentFor, limit)
	q.m.TookOver(n, err)
	return n, err
}

func (q observedQueue) CancelStopped(ctx context.Context, now time.Time, limit int) (int, error) {
	n, err := q.Queue.CancelStopped(ctx, now, limit)
	q.m.Canceled(n, err)
	return n, err
}

func (q observedQueue) Backlog(ctx context.Context, now time.Time, limit int) ([]models.Backlog, error) {
	backlogs, err := q.Queue.Backlog(ctx, now, limit)
	q.m.Failed(metrics.OperationSweep, err)
	return backlogs, err
}

func (q observedQueue) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	start := time.Now()
	jobs, err := q.Queue.Claim(ctx, owner, now, wants)
	q.m.Claimed(len(jobs), time.Since(start), err)
	return jobs, err
}

func (q observedQueue) Record(ctx context.Context, results []models.Result) ([]models.ID, error) {
	start := time.Now()
	fenced, err := q.Queue.Record(ctx, results)
	q.m.Recorded(results, fenced, time.Since(start), err)
	return fenced, err
}

func (q observedQueue) Release(ctx context.Context, owner int64, ids []models.ID, now time.Time) error {
	err := q.Queue.Release(ctx, owner, ids, now)
	q.m.GaveBack(len(ids), err)
	return err
}

func (s *server) accepter() handlers.Accepter { return observedAccepter{s.router, s.metrics} }
func (s *server) outbox() routing.Outbox      { return observedOutbox{s.db, s.metrics} }
func (s *server) queue() delivery.Queue       { return observedQueue{s.db, s.metrics} }

// holdings tells a scrape what the parts hold at that moment. The parts are there before the page is served.
func (s *server) holdings(set func(name metrics.Name, value float64)) {
	set(metrics.RulesRevision, float64(s.matcher.Revision()))
	set(metrics.Statements, float64(s.db.Statements()))
	set(metrics.Subscriptions, float64(s.matcher.Len()))
	events, bytes := s.router.Limits()
	set(metrics.EventsLimit, float64(events))
	set(metrics.EventsBytesLimit, float64(bytes))
	if s.dispatcher == nil {
		return
	}
	d := s.dispatcher.Stats()
	set(metrics.CallsInFlight, float64(d.InFlight))
	set(metrics.RetryCallsInFlight, float64(d.InFlightRetry))
	set(metrics.CallsLimit, float64(s.config.MaxInFlight))
	set(metrics.MemoryDeliveries, float64(d.Queued))
	set(metrics.MemoryBytes, float64(d.Bytes))
	deliveries, bytes := s.dispatcher.Limits()
	set(metrics.MemoryLimit, float64(deliveries))
	set(metrics.MemoryBytesLimit, float64(bytes))
	set(metrics.Lanes, float64(d.Lanes))
	set(metrics.LanesBacklogged, float64(d.Backlogged))
	set(metrics.LanesSlow, float64(d.Slow))
	set(metrics.ResultsWaiting, float64(d.RecordWaiting))
	set(metrics.DeliveriesDropped, float64(d.Lost))
}

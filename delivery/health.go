package delivery

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"hookrouter/models"
)

// maxExhausted is how many deliveries that failed for good one notice names; the rest is counted.
const maxExhausted = 20

// health learns from what was recorded how endpoints are doing, and suspends and resumes them. While every attempt succeeds and no
// endpoint is known to fail it costs a look at each result, and no statement.
//
// Failure policy: what can't be stored here is logged and not tried again. The failures that follow lead to the same decision, and so
// does the next probe.
type health struct {
	o *Options

	mu      sync.Mutex
	failing map[models.ID]struct{} // subscriptions whose next success is to be told; of all instances, as far as known
	reports map[models.ID]*report  // what is to be told
	resting bool                   // what comes gathers: see gather
	cut     context.CancelFunc     // ends what gather is telling; nil before there was any
	closed  bool
	closing chan struct{} // closed with it
	telling sync.WaitGroup
}

func newHealth(o *Options) *health {
	return &health{o: o, failing: make(map[models.ID]struct{}), closing: make(chan struct{})}
}

// report is what was recorded of one subscription since it was last told.
type report struct {
	models.Health

	last        *models.Attempt // the last counted failure
	gone        bool            // some answer was 410
	relapsed    bool            // what had been parked kept failing
	well        bool            // a probe succeeded, or what somebody asked for: a send on demand, a test
	operational bool            // the last failure was of an operational event
	exhausted   []models.Delivery
	count       int // of exhausted ones
}

// know replaces what is known of failing endpoints by what the database says of all instances.
func (h *health) know(list []models.Condition) {
	failing := make(map[models.ID]struct{}, len(list))
	for i := range list {
		if list[i].Failures > 0 {
			failing[list[i].SubscriptionID] = struct{}{}
		}
	}
	h.mu.Lock()
	h.failing = failing
	h.mu.Unlock()
}

// observe is told what a commit recorded.
func (h *health) observe(ctx context.Context, results []models.Result, fenced []models.ID) {
	if h.read(results, fenced) {
		h.rest(ctx)
		h.tell(ctx)
	}
}

// rest lets what follows gather.
func (h *health) rest(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.o.HealthPace <= 0 || h.resting || h.closed {
		return
	}
	h.resting = true
	ctx, cut := context.WithCancel(context.WithoutCancel(ctx)) // that of one commit
	h.cut = cut
	h.telling.Go(func() {
		defer cut()
		h.gather(ctx)
	})
}

// gather tells what has come whenever a pace is over, until one brings nothing. What comes while it tells waits for the next: where the
// database is slow, one statement waits for it and not one for each pace.
func (h *health) gather(ctx context.Context) {
	for timer := time.NewTimer(h.o.HealthPace); ; timer.Reset(h.o.HealthPace) {
		select {
		case <-timer.C:
		case <-h.closing:
			timer.Stop()
			return
		}
		h.mu.Lock()
		h.resting = len(h.reports) > 0
		more := h.resting
		h.mu.Unlock()
		if !more {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, statementTimeout)
		h.tell(ctx)
		cancel()
	}
}

// flush tells what is left, until ctx ends. Nothing is observed after it.
func (h *health) flush(ctx context.Context) {
	h.mu.Lock()
	cut := h.cut
	if !h.closed {
		h.closed = true
		close(h.closing)
	}
	h.mu.Unlock()
	if cut != nil {
		defer context.AfterFunc(ctx, cut)()
	}
	h.telling.Wait()
	h.tell(ctx)
}

// take takes what has gathered, to tell it. Whose failures are told is known to fail from then on: a success that is recorded before the
// database has answered is to be told, too.
func (h *health) take() map[models.ID]*report {
	h.mu.Lock()
	defer h.mu.Unlock()
	reports := h.reports
	h.reports = nil
	for id, r := range reports {
		if r.Failures > 0 && h.o.Suspend.After > 0 {
			h.failing[id] = struct{}{}
		}
	}
	return reports
}

// tell stores what has gathered, and does what follows from it.
func (h *health) tell(ctx context.Context) {
	reports := h.take()
	if len(reports) == 0 {
		return
	}
	now := h.o.Now()
	counts := h.count(ctx, now, reports)
	for id, r := range reports {
		sub, ok := h.o.Directory.Subscription(id)
		if !ok || !sub.Live() {
			continue
		}
		h.judge(ctx, now, sub, r, counts[id])
		if r.count > 0 {
			h.notify(&models.Notice{
				Event: models.EventDeliveryExhausted, At: now, Subscription: sub, Last: r.last, Exhausted: r.exhausted, Count: r.count,
			})
		}
	}
}

// read adds a batch to the reports, and says whether they are to be told now. It leaves out subscriptions of which there is nothing to tell.
func (h *health) read(results []models.Result, fenced []models.ID) (now bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range results {
		r := &results[i]
		id := r.Delivery.SubscriptionID
		if r.Attempt == nil {
			continue
		}
		if r.Attempt.Success && !r.Uncounted && h.reports[id] == nil {
			if _, failing := h.failing[id]; !failing {
				continue
			}
		}
		if slices.Contains(fenced, r.Delivery.ID) {
			continue
		}
		if h.reports == nil {
			h.reports = make(map[models.ID]*report)
		}
		if h.reports[id] == nil {
			h.reports[id] = &report{Health: models.Health{OrganizationID: r.Delivery.OrganizationID, SubscriptionID: id}}
		}
		h.reports[id].add(r)
		now = now || h.reports[id].urgent()
	}
	return len(h.reports) > 0 && (now || !h.resting)
}

// urgent says that the endpoint's state changes whatever else is counted.
func (p *report) urgent() bool { return p.gone || p.relapsed || p.well }

// add takes one attempt in.
func (p *report) add(r *models.Result) {
	switch {
	case r.Attempt.Success:
		p.Reset, p.Failures, p.well = true, 0, p.well || r.Uncounted
		return
	case r.Uncounted:
		return
	}
	p.Failures++
	p.last, p.operational = r.Attempt, models.Operational(r.Delivery.EventName)
	p.gone = p.gone || r.Attempt.StatusCode == http.StatusGone
	p.relapsed = p.relapsed || r.Relapse
	if r.Status == models.StatusFailed && !p.operational {
		if p.count++; len(p.exhausted) < maxExhausted {
			p.exhausted = append(p.exhausted, r.Delivery)
		}
	}
}

// count stores the batch's failures and successes, and returns how many failures in a row that makes for those that failed.
func (h *health) count(ctx context.Context, now time.Time, reports map[models.ID]*report) map[models.ID]models.Condition {
	list := make([]models.Health, 0, len(reports))
	h.mu.Lock()
	for id, r := range reports {
		// What failed and was well again within one batch need not be told, unless somebody has told of failures before.
		if _, failing := h.failing[id]; r.Failures > 0 || r.Reset && failing {
			list = append(list, r.Health)
		}
	}
	h.mu.Unlock()
	if len(list) == 0 || h.o.Suspend.After == 0 {
		return nil
	}
	counted, err := h.o.Conditions.ReportHealth(ctx, now, list)
	if err != nil {
		h.o.Logger.Warn("endpoint.health", "error", err, "endpoints", len(list))
		return nil
	}
	counts := make(map[models.ID]models.Condition, len(counted))
	for i := range counted {
		counts[counted[i].SubscriptionID] = counted[i]
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range list { // know may have put another map in its place
		if id := list[i].SubscriptionID; list[i].Failures > 0 {
			h.failing[id] = struct{}{}
		} else {
			delete(h.failing, id)
		}
	}
	return counts
}

// judge suspends, warns or resumes.
func (h *health) judge(ctx context.Context, now time.Time, sub *models.Subscription, r *report, c models.Condition) {
	before := c.Failures - r.Failures
	switch {
	case sub.Suspended():
		if r.well {
			h.resume(ctx, now, sub)
		}
	case r.gone:
		h.suspend(ctx, now, sub, models.SuspendedGone, r, c)
	case r.relapsed, r.Failures > 0 && h.o.Suspend.suspends(c.Failures, c.FailingSince, now):
		h.suspend(ctx, now, sub, models.SuspendedFailures, r, c)
	default:
		if percent := h.o.Suspend.warns(before, c.Failures); percent > 0 && !r.operational {
			h.notify(&models.Notice{
				Event: models.EventEndpointFailing, At: now, Subscription: sub, Failures: c.Failures, FailingSince: c.FailingSince,
				Percent: percent, Last: r.last,
			})
		}
	}
}

func (h *health) suspend(ctx context.Context, now time.Time, sub *models.Subscription, reason models.SuspendReason, r *report, c models.Condition) {
	next, changed, err := h.o.Conditions.SuspendSubscription(ctx, sub.OrganizationID, sub.ID, reason, now, now.Add(probeWait(0)))
	if !h.settled(ctx, "suspended", next, err) || !changed {
		return
	}
	h.o.Logger.Warn("endpoint.suspended", "subscription", sub.ID, "reason", reason, "failures", c.Failures)
	if !r.operational {
		h.notify(&models.Notice{
			Event: models.EventEndpointSuspended, At: now, Subscription: next, Reason: reason, Failures: c.Failures,
			FailingSince: c.FailingSince, Last: r.last,
		})
	}
}

func (h *health) resume(ctx context.Context, now time.Time, sub *models.Subscription) {
	next, changed, err := h.o.Conditions.ResumeSubscription(ctx, sub.OrganizationID, sub.ID, false)
	if !h.settled(ctx, "active", next, err) || !changed {
		return
	}
	h.o.Logger.Info("endpoint.resumed", "subscription", sub.ID, "suspended_for", now.Sub(sub.SuspendedAt))
	h.notify(&models.Notice{Event: models.EventEndpointResumed, At: now, Subscription: next, Reason: sub.StateReason})
}

// settled lets this instance follow a change at once: what is about to be sent asks the directory. Other instances learn of it by their
// next sweep, or by the next event that they accept.
func (h *health) settled(ctx context.Context, to string, sub *models.Subscription, err error) bool {
	if err == nil {
		err = h.o.Directory.Sync(ctx, sub.Revision)
	}
	if err != nil && models.CodeOf(err) != models.CodeNotFound && models.CodeOf(err) != models.CodeConflict { // stopped meanwhile
		h.o.Logger.Warn("endpoint.turn", "to", to, "error", err)
	}
	return err == nil
}

func (h *health) notify(n *models.Notice) {
	if h.o.Notify != nil {
		h.o.Notify(*n)
	}
}

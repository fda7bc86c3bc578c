package metrics

import (
	"slices"
	"time"

	"hookrouter/models"
)

// Operation is what a statement of the hot path was for.
type Operation string

// The operations that [Metrics.Failed] counts.
const (
	OperationAccept    Operation = "accept"
	OperationRecord    Operation = "record"
	OperationClaim     Operation = "claim"
	OperationHeartbeat Operation = "heartbeat"
	OperationSweep     Operation = "sweep"
	OperationRelease   Operation = "release"
)

// Offered says that a call wants so many events with so many bytes of data stored. [Metrics.Answered] follows.
func (m *Metrics) Offered(events, bytes int) {
	m.waiting.Add(int64(events))
	m.waitingBytes.Add(int64(bytes))
}

// Answered says what became of the events of a call, which is no longer waiting.
func (m *Metrics) Answered(events, bytes int, outcomes []models.Outcome) {
	m.waiting.Add(-int64(events))
	m.waitingBytes.Add(-int64(bytes))
	accepted, duplicate, matched := 0, 0, 0
	for i := range outcomes {
		switch o := &outcomes[i]; {
		case o.Err != nil:
			m.refused.WithLabelValues(string(models.CodeOf(o.Err))).Inc()
		case o.Receipt.Duplicate:
			duplicate++
		default:
			accepted++
			matched += o.Receipt.Matched
		}
	}
	if accepted > 0 {
		m.accepted.Add(float64(accepted))
		m.matches.Add(float64(matched))
	}
	if duplicate > 0 {
		m.duplicate.Add(float64(duplicate))
	}
}

// Committed says that a commit of events was tried.
func (m *Metrics) Committed(events int, took time.Duration, err error) {
	m.acceptBatch.Observe(float64(events))
	m.acceptCommit.Observe(took.Seconds())
	m.Failed(OperationAccept, err)
}

// Recorded says that a commit of results was tried. refused are the ids of those deliveries that were no longer this instance's.
func (m *Metrics) Recorded(results []models.Result, refused []models.ID, took time.Duration, err error) {
	m.recordBatch.Observe(float64(len(results)))
	m.recordCommit.Observe(took.Seconds())
	if err != nil {
		m.Failed(OperationRecord, err)
		return // the results come again
	}
	m.fenced.Add(float64(len(refused)))
	var times, delays sheet
	succeeded, delivered := 0, 0
	for i := range results {
		r := &results[i]
		if len(refused) > 0 && slices.Contains(refused, r.Delivery.ID) {
			continue
		}
		if r.Status == models.StatusDelivered {
			delivered++
		} else {
			m.recorded.WithLabelValues(string(r.Status), string(r.Reason)).Inc()
		}
		a := r.Attempt
		if a == nil {
			continue
		}
		if a.Success {
			succeeded++
		} else if c, ok := m.attempts[string(a.Reason)]; ok {
			c.Inc()
		}
		m.attemptTime.note(&times, a.Timings.Total)
		if a.Number == 1 {
			m.firstDelay.note(&delays, a.StartedAt.Sub(r.Delivery.CreatedAt))
		}
	}
	m.delivered.Add(float64(delivered))
	m.attempts[""].Add(float64(succeeded))
	m.attemptTime.add(&times)
	m.firstDelay.add(&delays)
}

// Claimed says that a claim was tried, and how many deliveries it brought.
func (m *Metrics) Claimed(deliveries int, took time.Duration, err error) {
	m.claim.Observe(took.Seconds())
	m.claimed.Add(float64(deliveries))
	m.Failed(OperationClaim, err)
}

// TookOver says that so many deliveries of dead instances were given back.
func (m *Metrics) TookOver(deliveries int, err error) {
	m.takenOver.Add(float64(deliveries))
	m.Failed(OperationSweep, err)
}

// Canceled says that so many deliveries were canceled while they waited in the database.
func (m *Metrics) Canceled(deliveries int, err error) {
	m.canceled.Add(float64(deliveries))
	m.Failed(OperationSweep, err)
}

// GaveBack says that this instance was to give so many deliveries back.
func (m *Metrics) GaveBack(deliveries int, err error) {
	if err == nil {
		m.givenBack.Add(float64(deliveries))
	}
	m.Failed(OperationRelease, err)
}

// Heartbeat says that one was sent or the instance registered, at a moment before the statement.
func (m *Metrics) Heartbeat(at time.Time, err error) {
	if err == nil {
		m.heartbeat.Store(at.UnixNano())
	}
	m.Failed(OperationHeartbeat, err)
}

// Failed counts a failed statement; a nil error is none.
func (m *Metrics) Failed(operation Operation, err error) {
	if err != nil {
		m.failures.WithLabelValues(string(operation), string(models.CodeOf(err))).Inc()
	}
}

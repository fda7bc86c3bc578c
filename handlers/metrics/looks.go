package metrics

import (
	"cmp"
	"context"
	"math"
	"time"

	"hookrouter/models"
)

// lookShare bounds what looking costs: after a look that took long, that many times as long passes before the next. Failure policy: on
// a database where the ledger takes a second to count, its figures come every 20 seconds rather than keeping a connection busy.
const lookShare = 20

// look is a read of the database whose answer is kept for a while. However often the page is scraped, the database is asked no more
// than that.
type look[T any] struct {
	read  func(ctx context.Context) (T, error) // nil: there is nothing to look at
	every time.Duration
	limit time.Duration
	now   func() time.Time

	turn chan struct{} // holds one token while somebody looks; guards what follows
	seen T
	err  error
	at   time.Time // when seen or err came; zero before the first look
	next time.Time // when to look again
}

// get is the newest answer, with the time it came, or the error of the newest look. It waits for one look at most.
func (l *look[T]) get(ctx context.Context) (T, time.Time, error) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	start := l.now()
	if !l.at.IsZero() && start.Before(l.next) {
		return l.seen, l.at, l.err
	}
	ctx, cancel := context.WithTimeout(ctx, l.limit)
	defer cancel()
	l.seen, l.err = l.read(ctx)
	l.at = l.now()
	l.next = l.at.Add(max(l.every, lookShare*l.at.Sub(start)))
	return l.seen, l.at, l.err
}

// vitalsSeen is a look at the queue, with the database's clock set against ours.
type vitalsSeen struct {
	models.Vitals

	oldest time.Duration // how long the oldest due delivery has been due
	offset time.Duration
}

// ledgerSum is the ledger over all organizations.
type ledgerSum struct {
	events, matches int64
	unbalanced      int
	byStatus        map[models.DeliveryStatus]int64
}

// prepareLooks fills the defaults.
func (m *Metrics) prepareLooks() {
	limit := cmp.Or(m.o.LookTimeout, 3*time.Second)
	m.ledger = look[ledgerSum]{
		read: m.readLedger, every: cmp.Or(m.o.LedgerEvery, 15*time.Second), limit: limit, now: m.o.Now, turn: make(chan struct{}, 1),
	}
	if m.o.Vitals != nil {
		m.vitals = look[vitalsSeen]{
			read: m.readVitals, every: cmp.Or(m.o.VitalsEvery, 10*time.Second), limit: limit, now: m.o.Now, turn: make(chan struct{}, 1),
		}
	}
}

func (m *Metrics) readVitals(ctx context.Context) (vitalsSeen, error) {
	before := m.o.Now()
	v, err := m.o.Vitals.Vitals(ctx, before)
	if err != nil {
		return vitalsSeen{}, err
	}
	after := m.o.Now()
	s := vitalsSeen{Vitals: v}
	if !v.OldestDue.IsZero() {
		s.oldest = max(before.Sub(v.OldestDue), 0)
	}
	// The database read its clock at some moment in between; taking the middle is wrong by half the round trip at most.
	s.offset = v.Clock.Sub(before.Add(after.Sub(before) / 2))
	return s, nil
}

func (m *Metrics) readLedger(ctx context.Context) (ledgerSum, error) {
	all, err := m.o.Ledger.Ledger(ctx)
	if err != nil {
		return ledgerSum{}, err
	}
	sum := ledgerSum{byStatus: make(map[models.DeliveryStatus]int64, len(models.Statuses()))}
	for _, l := range all {
		sum.events += l.Events
		sum.matches += l.Expected
		if !l.Balanced() {
			sum.unbalanced++
		}
		for status, n := range l.ByStatus {
			sum.byStatus[status] += n
		}
	}
	return sum, nil
}

// known turns a count that a database does not have into nothing to show.
func known(n int64) float64 {
	if n < 0 {
		return math.NaN()
	}
	return float64(n)
}

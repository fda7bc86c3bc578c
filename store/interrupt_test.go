package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestInterruptedAtEveryStatement ends each operation of the queue before its first statement, before its second, and so on up to its
// commit, as a crash would. After each, the ledger and the statistics must say what the rows say, nothing may be half done, and the same operation must go
// through when it is tried again.
func TestInterruptedAtEveryStatement(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for operation, make := range interruptible {
				if operation == "fold" && name == "sqlite" {
					continue // there is nothing to fold
				}
				t.Run(operation, func(t *testing.T) {
					t.Parallel()
					interruptEverywhere(t, open(t), make)
				})
			}
		})
	}
}

// interruptible are the operations that move deliveries. Each prepares some and returns what is to be interrupted.
var interruptible = map[string]func(w *interrupted) func() error{
	"save": func(w *interrupted) func() error {
		pending, handed, keyed := w.event(0), w.event(w.owner), w.event(w.owner)
		keyed.Event.Chosen, keyed.Event.ID, keyed.Event.Fingerprint = true, storetest.NewID(), [16]byte{1}
		return func() error {
			_, err := w.SaveEvents(w.ctx, w.sub.Revision, []*models.Accepted{pending, handed, keyed})
			return err
		}
	},
	"claim": func(w *interrupted) func() error {
		w.save(w.event(0), w.event(0))
		return w.claim
	},
	"record": func(w *interrupted) func() error {
		a, b, c := w.event(w.owner), w.event(w.owner), w.event(w.owner)
		w.save(a, b, c)
		results := []models.Result{
			{Delivery: a.Deliveries[0], Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: w.now, Success: true}},
			{Delivery: b.Deliveries[0], Status: models.StatusRetrying, DueAt: w.now.Add(time.Hour), Attempt: &models.Attempt{StartedAt: w.now}},
			{Delivery: c.Deliveries[0], Status: models.StatusCanceled, Reason: models.ReasonDisabled},
		}
		return func() error {
			_, err := w.Record(w.ctx, results)
			return err
		}
	},
	"release": func(w *interrupted) func() error {
		a, b := w.event(w.owner), w.event(0)
		w.save(a, b)
		require.NoError(w.t, w.claim())
		ids := []models.ID{a.Deliveries[0].ID, b.Deliveries[0].ID}
		return func() error { return w.Release(w.ctx, w.owner, ids, w.now) }
	},
	"take over": func(w *interrupted) func() error {
		w.save(w.event(w.owner), w.event(0))
		require.NoError(w.t, w.claim())
		w.register()
		return func() error {
			_, err := w.TakeOver(w.ctx, w.owner, w.now, time.Hour, 100)
			return err
		}
	},
	"cancel": func(w *interrupted) func() error {
		w.save(w.event(0), w.event(0))
		sub, err := w.UpdateSubscription(w.ctx, w.org, w.sub.ID, models.ID{}, w.now, func(s *models.Subscription) error {
			s.Enabled = !s.Enabled
			return nil
		})
		require.NoError(w.t, err)
		w.sub = sub
		return func() error {
			_, err := w.CancelStopped(w.ctx, w.now, 100)
			return err
		}
	},
	"fold": func(w *interrupted) func() error {
		w.save(w.event(0), w.event(w.owner))
		return func() error { return w.FoldLedger(w.ctx) }
	},
	"fold statistics": func(w *interrupted) func() error {
		for range 2 {
			a := w.event(w.owner)
			w.save(a)
			_, err := w.Record(w.ctx, []models.Result{
				{Delivery: a.Deliveries[0], Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: w.now, Success: true}},
			})
			require.NoError(w.t, err)
		}
		return func() error {
			_, err := w.FoldStats(w.ctx)
			return err
		}
	},
}

func interruptEverywhere(t *testing.T, s *store.Store, prepare func(w *interrupted) func() error) {
	t.Helper()
	w := newQueued(t, s, time.Now())
	for n := 1; ; n++ {
		operation := prepare(w)
		before := w.ledger("before")
		restore := s.InterruptAt(n)
		err := operation()
		restore()
		after := w.ledger(fmt.Sprintf("interrupted at statement %d", n))
		if err == nil {
			require.Greater(t, n, 1, "nothing was interrupted")
			return
		}
		require.Equal(t, before.Events, after.Events, "an event of a failed save is stored")
		require.NoError(t, operation(), "again, after statement %d", n)
		w.ledger("again")
	}
}

// interrupted is a store with what its operations need.
type interrupted struct {
	*store.Store
	t     *testing.T
	ctx   context.Context //nolint:containedctx // of the test
	now   time.Time
	org   models.ID
	sub   *models.Subscription
	owner int64
}

func (w *interrupted) register() {
	w.t.Helper()
	owner, err := w.RegisterInstance(w.ctx, "a")
	require.NoError(w.t, err)
	w.owner = owner
}

// event has one delivery, handed to owner where that is not 0.
func (w *interrupted) event(owner int64) *models.Accepted {
	ref := storetest.NewID()
	d := models.Delivery{
		ID: models.DeliveryID(ref, 0), OrganizationID: w.org, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: w.sub.ID,
		SubscriptionVersion: w.sub.Version, Status: models.StatusPending, DueAt: w.now, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if owner != 0 {
		d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{}
	}
	return &models.Accepted{
		Event:      models.Event{ID: ref, Ref: ref, OrganizationID: w.org, Name: "a", AcceptedAt: w.now, Time: w.now, Matched: 1, Data: []byte(`{}`)},
		Deliveries: []models.Delivery{d},
	}
}

func (w *interrupted) save(batch ...*models.Accepted) {
	w.t.Helper()
	_, err := w.SaveEvents(w.ctx, w.sub.Revision, batch)
	require.NoError(w.t, err)
}

func (w *interrupted) claim() error {
	_, err := w.Claim(w.ctx, w.owner, w.now, []models.Want{{SubscriptionID: w.sub.ID, Limit: 100}})
	return err
}

// ledger is what is kept, which must balance and equal a count.
func (w *interrupted) ledger(when string) models.Ledger {
	w.t.Helper()
	kept, err := w.Ledger(w.ctx)
	require.NoError(w.t, err)
	counted, err := w.CountLedger(w.ctx)
	require.NoError(w.t, err)
	require.Equal(w.t, counted, kept, when)
	require.Len(w.t, kept, 1)
	require.True(w.t, kept[0].Balanced(), when)
	hour := w.now.Truncate(time.Hour)
	q := models.StatsQuery{OrganizationID: w.org, From: hour, To: hour.Add(time.Hour), Interval: time.Hour}
	stats, err := w.Stats(w.ctx, q)
	require.NoError(w.t, err)
	storetest.RequireStatsCounted(w.t, w.Store, q, stats)
	return kept[0]
}

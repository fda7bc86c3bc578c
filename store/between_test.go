package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestChangesBetweenAClaimAndItsReading is what others do to one of two deliveries when both were just claimed and their events are yet to
// be read. The other one is sent in any case, and the ledger says what the rows say.
func TestChangesBetweenAClaimAndItsReading(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newQueued(t, open(t), time.Now())
			for what, change := range between {
				t.Run(what, func(t *testing.T) {
					w.t, w.ctx = t, t.Context()
					changed, other := w.event(0), w.event(0)
					changed.Event.EntityKey, changed.Event.Name = "pack", "changed"
					w.save(changed, other)
					owner := w.owner
					var check func()
					restore := w.BeforeEventsAreRead(func() { check = change(w, &changed.Deliveries[0]) })
					jobs, err := w.Claim(w.ctx, owner, w.now, []models.Want{{SubscriptionID: w.sub.ID, Limit: 10}})
					restore()
					require.NoError(t, err)
					require.NotNil(t, check, "nothing came between")
					require.Len(t, jobs, 1)
					require.Equal(t, other.Deliveries[0].ID, jobs[0].Delivery.ID)
					require.NotEmpty(t, jobs[0].Event.Data)
					check()
					ledger, err := w.Ledger(w.ctx)
					require.NoError(t, err)
					require.True(t, ledger[0].Balanced(), "%+v", ledger)
					rows, err := w.Rows(w.ctx, "SELECT count(*) AS n FROM deliveries WHERE status = 'delivering'")
					require.NoError(t, err)
					require.EqualValues(t, rows[0]["n"], ledger[0].ByStatus[models.StatusDelivering])
				})
			}
		})
	}
}

// between does something to a claimed delivery, and returns what must be true of it afterwards.
var between = map[string]func(w *interrupted, d *models.Delivery) (check func()){
	"its payload is emptied": func(w *interrupted, d *models.Delivery) func() {
		require.NoError(w.t, w.ExpungePayload(w.ctx, w.org, d.EventRef))
		return func() {
			got, err := w.Delivery(w.ctx, w.org, d.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, models.StatusCanceled, got.Status)
			require.Equal(w.t, models.ReasonDataRemoved, got.Reason)
		}
	},
	"its entity is removed": func(w *interrupted, d *models.Delivery) func() {
		job, err := w.RemoveEntity(w.ctx, w.org, "pack", w.now, time.Minute)
		require.NoError(w.t, err)
		require.EqualValues(w.t, 1, job.Canceled)
		return func() {
			_, err := w.Delivery(w.ctx, w.org, d.ID)
			require.Equal(w.t, models.CodeNotFound, models.CodeOf(err))
		}
	},
	"its event is lost": func(w *interrupted, d *models.Delivery) func() {
		w.loseEvent()
		return func() {
			got, err := w.Delivery(w.ctx, w.org, d.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, models.StatusFailed, got.Status)
		}
	},
	"its event is lost, and another instance has it": func(w *interrupted, d *models.Delivery) func() {
		w.register() // the first is dead with that
		_, err := w.TakeOver(w.ctx, w.owner, w.now, time.Hour, 10)
		require.NoError(w.t, err)
		jobs, err := w.Claim(w.ctx, w.owner, w.now, []models.Want{{SubscriptionID: w.sub.ID, Limit: 10}})
		require.NoError(w.t, err)
		require.GreaterOrEqual(w.t, len(jobs), 2) // and what the others left
		w.loseEvent()
		return func() {
			got, err := w.Delivery(w.ctx, w.org, d.ID)
			require.NoError(w.t, err)
			require.Equal(w.t, models.StatusDelivering, got.Status)
			require.Equal(w.t, w.owner, got.Owner)
		}
	},
}

// loseEvent removes the event from under its delivery, as nothing does.
func (w *interrupted) loseEvent() {
	w.t.Helper()
	_, err := w.Rows(w.ctx, "DELETE FROM events WHERE name = 'changed'")
	require.NoError(w.t, err)
}

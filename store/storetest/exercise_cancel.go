package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func cancelTests() []exercise {
	return []exercise{
		{"deleting cancels what waits", func(w *world) {
			exerciseStop(w, models.ReasonDeleted, func(s *models.Subscription) {
				require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, s.ID, models.ID{}, w.clock.Now()))
			})
		}},
		{"disabling cancels what waits", func(w *world) {
			exerciseStop(w, models.ReasonDisabled, func(s *models.Subscription) {
				w.change(s, func(s *models.Subscription) { s.Enabled = false })
			})
		}},
		{"disabling and deleting", func(w *world) {
			exerciseStop(w, models.ReasonDeleted, func(s *models.Subscription) {
				w.change(s, func(s *models.Subscription) { s.Enabled = false })
				require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, s.ID, models.ID{}, w.clock.Now()))
			})
		}},
		{"switching auto_retry off cancels retries that are not owed", exerciseAutoRetryOff},
		{"what comes after enabling again survives", exerciseEnabledAgain},
		{"a subscription remembers at which version it was stopped", func(w *world) {
			sub := w.subscribe()
			require.Zero(w, sub.StoppedBelow)
			off := w.change(sub, func(s *models.Subscription) { s.Enabled = false })
			on := w.change(sub, func(s *models.Subscription) { s.Enabled = true })
			require.Equal(w, off.Version, off.StoppedBelow)
			require.Equal(w, off.Version, on.StoppedBelow)
			read, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, off.Version, read.StoppedBelow)
		}},
		{"limits and marks", exerciseCancelLimit},
		{"other changes cancel nothing", func(w *world) {
			sub := w.subscribe()
			w.save(w.event(sub))
			w.change(sub, func(s *models.Subscription) { s.Endpoint = "https://new.example/" })
			off := w.subscribe(func(s *models.Subscription) { s.Enabled, s.AutoRetry = false, false })
			w.change(off, func(s *models.Subscription) { s.Enabled, s.AutoRetry = true, true })
			require.False(w, w.stopped())
			require.Zero(w, w.cancel(10))
		}},
	}
}

func (w *world) stopped() bool {
	w.Helper()
	p, err := w.Pulse(w.Context(), w.clock.Now(), time.Hour)
	require.NoError(w, err)
	return p.Stopped
}

func (w *world) cancel(limit int) int {
	w.Helper()
	n, err := w.CancelStopped(w.Context(), w.clock.Now(), limit)
	require.NoError(w, err)
	return n
}

// lives are deliveries of a subscription in all the states that a stop may meet.
type lives struct{ pending, retrying, owed, delivering, delivered models.Delivery }

func (w *world) lives(sub *models.Subscription) lives {
	w.Helper()
	owner := w.register("lives")
	var batch []*models.Accepted
	for range 5 {
		batch = append(batch, owned(w.event(sub), owner))
	}
	batch[0].Deliveries[0].Status, batch[0].Deliveries[0].Owner = models.StatusPending, 0
	w.save(batch...)
	at := func(i int) models.Delivery { return batch[i].Deliveries[0] }
	future := w.clock.Now().Add(time.Hour)
	owed := failed(at(2), w.clock.Now(), future)
	owed.Owed = true
	require.Empty(w, w.record(failed(at(1), w.clock.Now(), future), owed, succeeded(at(4), w.clock.Now())))
	return lives{pending: at(0), retrying: at(1), owed: at(2), delivering: at(3), delivered: at(4)}
}

func exerciseStop(w *world, reason models.Reason, stop func(*models.Subscription)) {
	sub, other := w.subscribe(), w.subscribe()
	l, o := w.lives(sub), w.lives(other)
	require.False(w, w.stopped())
	stop(sub)
	require.True(w, w.stopped())
	now := w.clock.Advance(time.Second)
	require.Equal(w, 3, w.cancel(100))
	require.False(w, w.stopped())
	for _, d := range []models.Delivery{l.pending, l.retrying, l.owed} {
		got := w.delivery(d.ID)
		require.Equal(w, models.StatusCanceled, got.Status)
		require.Equal(w, reason, got.Reason)
		require.Equal(w, now, got.UpdatedAt)
	}
	require.Equal(w, models.StatusDelivering, w.delivery(l.delivering.ID).Status, "decided when it is recorded")
	require.Equal(w, models.StatusDelivered, w.delivery(l.delivered.ID).Status)
	require.Equal(w, models.StatusPending, w.delivery(o.pending.ID).Status)
	require.Equal(w, models.StatusRetrying, w.delivery(o.retrying.ID).Status)
	require.True(w, w.ledger().Balanced())
}

func exerciseAutoRetryOff(w *world) {
	sub := w.subscribe()
	l := w.lives(sub)
	w.change(sub, func(s *models.Subscription) { s.AutoRetry = false })
	require.True(w, w.stopped())
	require.Equal(w, 1, w.cancel(100))
	require.False(w, w.stopped())
	require.Equal(w, models.ReasonAutoRetryOff, w.delivery(l.retrying.ID).Reason)
	require.Equal(w, models.StatusRetrying, w.delivery(l.owed.ID).Status)
	require.Equal(w, models.StatusPending, w.delivery(l.pending.ID).Status)
}

func exerciseEnabledAgain(w *world) {
	sub := w.subscribe()
	l := w.lives(sub)
	off := w.change(sub, func(s *models.Subscription) { s.Enabled, s.AutoRetry = false, false })
	on := w.change(off, func(s *models.Subscription) { s.Enabled, s.AutoRetry = true, true })
	fresh := w.lives(on)
	require.Equal(w, 3, w.cancel(100))
	require.False(w, w.stopped())
	for _, d := range []models.Delivery{l.pending, l.retrying, l.owed} {
		require.Equal(w, models.ReasonDisabled, w.delivery(d.ID).Reason)
	}
	require.Equal(w, models.StatusPending, w.delivery(fresh.pending.ID).Status)
	require.Equal(w, models.StatusRetrying, w.delivery(fresh.retrying.ID).Status)
}

func exerciseCancelLimit(w *world) {
	one, two := w.subscribe(), w.subscribe()
	var batch []*models.Accepted
	for range 5 {
		batch = append(batch, w.event(one, two))
	}
	w.save(batch...)
	w.change(one, func(s *models.Subscription) { s.Enabled = false })
	w.change(two, func(s *models.Subscription) { s.Enabled = false })
	require.Equal(w, 3, w.cancel(3))
	require.True(w, w.stopped())
	require.Equal(w, 4, w.cancel(4))
	require.True(w, w.stopped())
	require.Equal(w, 3, w.cancel(4))
	require.False(w, w.stopped())
	l := w.ledger()
	require.Equal(w, int64(10), l.ByStatus[models.StatusCanceled])
	require.True(w, l.Balanced())
}

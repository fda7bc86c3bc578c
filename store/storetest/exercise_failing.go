package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// exerciseFailing covers who fails, and the last attempts of deliveries, from entries as from hours.
func exerciseFailing(w *world) {
	ctx := w.Context()
	good, bad, worse, owner := w.subscribe(), w.subscribe(), w.subscribe(), w.register("a")
	sandbox := w.subscribe(func(s *models.Subscription) { s.Sandbox = true })
	var tried []models.ID
	try := func(sub *models.Subscription, ok bool) {
		a := owned(w.event(sub), owner)
		a.Event.Sandbox, a.Deliveries[0].Sandbox = sub.Sandbox, sub.Sandbox
		w.save(a)
		r := succeeded(a.Deliveries[0], w.clock.Now())
		if !ok {
			r = failed(a.Deliveries[0], w.clock.Now(), w.clock.Now().Add(time.Hour))
		}
		require.Empty(w, w.record(r))
		tried = append(tried, a.Deliveries[0].ID)
	}
	try(bad, false)
	w.clock.Advance(3 * time.Hour)
	now := w.clock.Now()
	try(good, true)
	try(bad, false)
	try(bad, true)
	try(worse, false)
	try(worse, false)
	try(sandbox, false)
	for range 2 {
		failing := func(org models.ID, sandbox bool, from time.Time, limit int) []models.ID {
			w.Helper()
			ids, err := w.Failing(ctx, org, sandbox, from, limit)
			require.NoError(w, err)
			return ids
		}
		require.Equal(w, []models.ID{worse.ID, bad.ID}, failing(w.org.ID, false, now, 10))
		require.Equal(w, []models.ID{worse.ID}, failing(w.org.ID, false, now, 1))
		require.Equal(w, []models.ID{bad.ID, worse.ID}, failing(w.org.ID, false, now.Add(-4*time.Hour), 10), "the older of two alike first")
		require.Equal(w, []models.ID{sandbox.ID}, failing(w.org.ID, true, now, 10))
		require.Empty(w, failing(w.org.ID, false, now.Add(2*time.Hour), 10))
		require.Empty(w, failing(w.organization(NewID().String()).ID, false, now, 10))
		w.fold()
	}
	last, err := w.LastAttempts(ctx, w.org.ID, append(tried[:4:4], NewID()))
	require.NoError(w, err)
	require.Len(w, last, 4)
	require.False(w, last[tried[0]].Success)
	require.True(w, last[tried[1]].Success)
	require.Equal(w, 200, last[tried[1]].StatusCode)
	last, err = w.LastAttempts(ctx, w.organization(NewID().String()).ID, tried)
	require.NoError(w, err)
	require.Empty(w, last)
	last, err = w.LastAttempts(ctx, w.org.ID, nil)
	require.NoError(w, err)
	require.Empty(w, last)
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, worse.ID, models.ID{}, w.clock.Now()))
	ids, err := w.Failing(ctx, w.org.ID, false, now, 10)
	require.NoError(w, err)
	require.Equal(w, []models.ID{bad.ID}, ids)
}

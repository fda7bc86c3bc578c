package storetest

import (
	"database/sql"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func instanceTests() []exercise {
	return []exercise{
		{"numbers are never used twice", func(w *world) {
			ctx := w.Context()
			a := w.register("a")
			require.NoError(w, w.Deregister(ctx, a))
			_, err := w.TakeOver(ctx, 0, w.clock.Advance(10*time.Hour), 0, 10)
			require.NoError(w, err)
			b := w.register("b")
			require.Greater(w, b, a)
			require.NoError(w, w.Heartbeat(ctx, b))
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a))
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, 999))
		}},
		{"a silent instance is declared dead and its work taken over", exerciseTakeOver},
		{"work that comes in after death is taken over too", func(w *world) {
			ctx := w.Context()
			sub, a := w.subscribe(), w.register("a")
			w.register("a")
			n, err := w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Zero(w, n)
			pulse, err := w.Pulse(ctx, w.clock.Now(), time.Hour)
			require.NoError(w, err)
			require.False(w, pulse.Silent, "dead, and owns nothing")
			w.save(owned(w.event(sub), a)) // a does not know of its death
			pulse, err = w.Pulse(ctx, w.clock.Now(), time.Hour)
			require.NoError(w, err)
			require.True(w, pulse.Silent)
			n, err = w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Equal(w, 1, n)
		}},
		{"who was silent for long stays known after it is declared dead", exerciseLongSilence},
		{"an instance does not declare itself dead", func(w *world) {
			ctx := w.Context()
			a := w.register("a")
			w.save(owned(w.event(w.subscribe()), a))
			w.silence(a)
			n, err := w.TakeOver(ctx, a, w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Zero(w, n)
			require.NoError(w, w.Heartbeat(ctx, a))

			w.silence(a)
			n, err = w.TakeOver(ctx, w.register("b"), w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Equal(w, 1, n, "another does")
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a))
		}},
		{"an owner can ask what it owns", func(w *world) {
			sub, a, b := w.subscribe(), w.register("a"), w.register("b")
			one, two, foreign := owned(w.event(sub), a), owned(w.event(sub), a), owned(w.event(sub), b)
			w.save(one, two, foreign, w.event(sub))
			then := w.clock.Now()
			w.clock.Advance(time.Minute)
			w.save(owned(w.event(sub), a))
			ids, err := w.Owned(w.Context(), a, then.Add(time.Second), 10)
			require.NoError(w, err)
			require.ElementsMatch(w, []models.ID{one.Deliveries[0].ID, two.Deliveries[0].ID}, ids, "not the one that is being handed over")
			ids, err = w.Owned(w.Context(), a, then.Add(time.Second), 1)
			require.NoError(w, err)
			require.Len(w, ids, 1)
			require.NoError(w, w.Release(w.Context(), a, ids, w.clock.Now()))
			require.Equal(w, models.StatusPending, w.delivery(ids[0]).Status)
		}},
	}
}

// silence lets two hours pass without a word from an instance. Postgres goes by its own clock, so there its last heartbeat is moved.
func (w *world) silence(owner int64) {
	w.Helper()
	if w.Dialect() == "sqlite" {
		w.clock.Advance(2 * time.Hour)
		return
	}
	db, err := sql.Open("pgx", w.url)
	require.NoError(w, err)
	_, err = db.ExecContext(w.Context(), "UPDATE instances SET heartbeat_at = heartbeat_at - 7200000 WHERE id = $1", owner)
	require.NoError(w, err)
	require.NoError(w, db.Close())
}

// exerciseLongSilence is an instance that was suspended, is declared dead, and goes on with what it was about to do.
func exerciseLongSilence(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	w.silence(a)
	b := w.register("b")
	n, err := w.TakeOver(ctx, b, w.clock.Now(), time.Hour, 10)
	require.NoError(w, err)
	require.Zero(w, n, "it owns nothing yet")
	w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a))
	saved, claimed := owned(w.event(sub), a), w.event(sub)
	w.save(saved, claimed)
	require.Len(w, w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 10}), 1)
	n, err = w.TakeOver(ctx, b, w.clock.Now(), time.Hour, 10)
	require.NoError(w, err)
	require.Equal(w, 2, n)
	for _, e := range []*models.Accepted{saved, claimed} {
		require.Equal(w, models.StatusPending, w.delivery(e.Deliveries[0].ID).Status)
	}
}

func exerciseTakeOver(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	var batch []*models.Accepted
	for range 5 {
		batch = append(batch, w.event(sub))
	}
	retried := w.event(sub)
	w.save(append(batch, retried)...)
	for _, j := range w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 10}) {
		if j.Delivery.ID == retried.Deliveries[0].ID {
			r := failed(j.Delivery, w.clock.Now(), w.clock.Now())
			r.Owed = true
			w.record(r)
		}
	}
	w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 10})
	n, err := w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 100)
	require.NoError(w, err)
	require.Zero(w, n, "it lives")
	pulse, err := w.Pulse(ctx, w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.False(w, pulse.Silent)
	pulse, err = w.Pulse(ctx, w.clock.Now(), 0)
	require.NoError(w, err)
	require.True(w, pulse.Silent)

	now := w.clock.Advance(time.Minute)
	n, err = w.TakeOver(ctx, 0, now, 0, 4)
	require.NoError(w, err)
	require.Equal(w, 4, n, "up to the limit")
	pulse, err = w.Pulse(ctx, now, time.Hour)
	require.NoError(w, err)
	require.True(w, pulse.Silent, "it still owns something")
	n, err = w.TakeOver(ctx, 0, now, time.Hour, 4)
	require.NoError(w, err)
	require.Equal(w, 2, n)
	pulse, err = w.Pulse(ctx, now, time.Hour)
	require.NoError(w, err)
	require.False(w, pulse.Silent)
	for _, a := range append(batch, retried) {
		got := w.delivery(a.Deliveries[0].ID)
		require.Equal(w, models.StatusPending, got.Status)
		require.Zero(w, got.Owner)
		require.False(w, got.DueAt.After(now))
		require.Equal(w, now, got.UpdatedAt)
	}
	got := w.delivery(retried.Deliveries[0].ID)
	require.Equal(w, 1, got.Attempts)
	require.True(w, got.Owed)
	require.Len(w, w.claim(w.register("b"), models.Want{SubscriptionID: sub.ID, Limit: 10}), 6)
}

package storetest

import (
	"context"
	"fmt"
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
			require.NoError(w, w.Heartbeat(ctx, b, models.ID{}))
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a, models.ID{}))
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, 999, models.ID{}))
		}},
		{"a silent instance is declared dead and its work taken over", exerciseTakeOver},
		{"nothing comes in under the number of a dead instance", exerciseDeadNumber},
		{"a dead instance is looked at once more at the end and then forgotten", exerciseForget},
		{"an instance does not declare itself dead", func(w *world) {
			ctx := w.Context()
			a := w.register("a")
			handed := owned(w.event(w.subscribe()), a)
			w.save(handed)
			w.silence(a)
			n, err := w.TakeOver(ctx, a, w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Zero(w, n)
			require.NoError(w, w.Heartbeat(ctx, a, handed.Deliveries[0].ID))

			w.silence(a)
			n, err = w.TakeOver(ctx, w.register("b"), w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Equal(w, 1, n, "another does")
			w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a, models.ID{}))
		}},
		{"what a lost answer hides is found, however late it is looked for", exerciseLostAnswer},
		{"what came in under a number that is forgotten is taken over", func(w *world) {
			ctx := w.Context()
			sub, a := w.subscribe(), w.register("a")
			w.save(w.event(sub))
			w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 1})
			w.exec(fmt.Sprintf("DELETE FROM instances WHERE id = %d", a)) // as if the claim had been committed minutes after its beginning
			n, err := w.TakeOver(ctx, w.register("b"), w.clock.Now(), time.Hour, 10)
			require.NoError(w, err)
			require.Equal(w, 1, n)
			require.Len(w, w.claim(w.register("c"), models.Want{SubscriptionID: sub.ID, Limit: 10}), 1)
		}},
		{"the pulse counts those who send", func(w *world) {
			senders := func() int {
				p, err := w.Pulse(w.Context(), w.clock.Now(), time.Hour)
				require.NoError(w, err)
				return p.Senders
			}
			require.Zero(w, senders())
			a := w.register("a")
			w.register("b")
			require.Equal(w, 2, senders())
			require.NoError(w, w.Deregister(w.Context(), a))
			require.Equal(w, 1, senders())
		}},
		{"an owner can ask what it owns", exerciseOwned},
	}
}

// exerciseDeadNumber is about an instance that was declared dead because its name was registered again.
func exerciseDeadNumber(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	b := w.register("a")
	pulse, err := w.Pulse(ctx, w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.True(w, pulse.Silent, "dead, and nobody has looked at what it had")
	n, err := w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 10)
	require.NoError(w, err)
	require.Zero(w, n)
	late := w.event(sub)
	waiting := w.event(sub)
	w.save(waiting)
	_, err = w.SaveEvents(ctx, w.revision(), []*models.Accepted{owned(late, a), owned(w.event(sub), b)})
	w.requireCode(models.CodeFenced, err)
	require.Empty(w, w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 10}))
	require.Len(w, w.claim(b, models.Want{SubscriptionID: sub.ID, Limit: 10}), 1)
	_, err = w.Event(ctx, w.org.ID, late.Event.ID)
	w.requireCode(models.CodeNotFound, err)
	pulse, err = w.Pulse(ctx, w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.False(w, pulse.Silent)
}

// exerciseOwned is how an instance finds what a lost answer may have left it, and no more than that.
func exerciseOwned(w *world) {
	sub, a, b := w.subscribe(), w.register("a"), w.register("b")
	one, two, foreign := owned(w.event(sub), a), owned(w.event(sub), a), owned(w.event(sub), b)
	w.save(one, two, foreign, w.event(sub))
	then := w.clock.Now()
	w.clock.Advance(time.Minute)
	w.save(owned(w.event(sub), a))
	ids, err := w.Owned(w.Context(), a, then.Add(time.Second), 10)
	require.NoError(w, err)
	require.Empty(w, ids, "no answer was lost")
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_, err = w.SaveEvents(ctx, 0, []*models.Accepted{w.event(sub)})
	require.Error(w, err)
	ids, err = w.Owned(w.Context(), a, then.Add(time.Second), 10)
	require.NoError(w, err)
	require.Empty(w, ids, "it had nothing that was handed over")
	w.loseAnswer(owned(w.event(sub), a))
	ids, err = w.Owned(w.Context(), a, then.Add(time.Second), 10)
	require.NoError(w, err)
	require.ElementsMatch(w, []models.ID{one.Deliveries[0].ID, two.Deliveries[0].ID}, ids, "not the one that is being handed over")
	ids, err = w.Owned(w.Context(), a, then.Add(time.Second), 1)
	require.NoError(w, err)
	require.Len(w, ids, 1)
	require.NoError(w, w.Release(w.Context(), a, ids, w.clock.Now()))
	require.Equal(w, models.StatusPending, w.delivery(ids[0]).Status)
	w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 10})
	for range lookAgain {
		_, err = w.Owned(w.Context(), a, w.clock.Now(), 10)
		require.NoError(w, err)
	}
	ids, err = w.Owned(w.Context(), a, w.clock.Advance(10*time.Minute), 10)
	require.NoError(w, err)
	require.Len(w, ids, 2, "what was claimed is known at any time")
}

// silence lets two hours pass without a word from an instance. Postgres goes by its own clock, so there its last heartbeat is moved.
func (w *world) silence(owner int64) {
	w.Helper()
	if w.Dialect() == "sqlite" {
		w.clock.Advance(2 * time.Hour)
		return
	}
	w.exec(fmt.Sprintf("UPDATE instances SET heartbeat_at = heartbeat_at - 7200000 WHERE id = %d", owner))
}

// loseAnswer lets the save of a batch end with an error before it begins, which its caller can't tell from one after the commit.
func (w *world) loseAnswer(batch ...*models.Accepted) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	_, err := w.SaveEvents(ctx, w.revision(), batch)
	require.Error(w, err)
}

// exerciseLostAnswer is an event that was stored while its publisher was told that it may not have been. Its instance goes on, and
// then either looks what it owns or dies.
func exerciseLostAnswer(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	batch := owned(w.event(sub), a)
	w.save(batch)
	w.loseAnswer(batch)
	for range 20 { // the database is away, and nobody publishes
		w.clock.Advance(30 * time.Second)
		require.NoError(w, w.Heartbeat(ctx, a, models.ID{}))
	}
	for range 2 { // it is suspected, then known to be lost
		w.clock.Advance(30 * time.Second)
		require.NoError(w, w.Heartbeat(ctx, a, models.ID{}))
		ids, err := w.Owned(ctx, a, w.clock.Now().Add(-time.Second), 10)
		require.NoError(w, err)
		require.Equal(w, []models.ID{batch.Deliveries[0].ID}, ids)
	}
	require.NoError(w, w.Deregister(ctx, a))
	n, err := w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 10)
	require.NoError(w, err)
	require.Equal(w, 1, n)

	b := w.register("b")
	w.loseAnswer(owned(w.event(sub), b))
	handed := owned(w.event(sub), b)
	w.save(handed)
	for range lookAgain {
		ids, err := w.Owned(ctx, b, w.clock.Now().Add(time.Hour), 10)
		require.NoError(w, err)
		require.NotEmpty(w, ids)
	}
	ids, err := w.Owned(ctx, b, w.clock.Now().Add(time.Hour), 10)
	require.NoError(w, err)
	require.Empty(w, ids, "whatever was lost would have been found by now")
}

// lookAgain is how many looks at what was handed over follow a lost answer.
const lookAgain = 10

// exerciseForget is an instance whose last commit came in late, between the first look at what it had and the last.
func exerciseForget(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	take := func() int {
		n, err := w.TakeOver(ctx, 0, w.clock.Now(), 100*time.Hour, 10)
		require.NoError(w, err)
		return n
	}
	silent := func() bool {
		p, err := w.Pulse(ctx, w.clock.Now(), 100*time.Hour)
		require.NoError(w, err)
		return p.Silent
	}
	late, handed := w.event(sub), owned(w.event(sub), a)
	w.save(late, handed)
	require.NoError(w, w.Deregister(ctx, a))
	require.True(w, silent())
	require.Equal(w, 1, take())
	require.False(w, silent(), "once is enough for now")
	w.exec(fmt.Sprintf("UPDATE deliveries SET owner = %d, status = 'delivering', due_at = 0 WHERE event_name = 'signer.done' AND status = 'pending'", a))
	w.silence(a)
	require.True(w, silent(), "the last look")
	require.Equal(w, 2, take())
	require.False(w, silent())
	require.Zero(w, take())
	w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a, models.ID{}))
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

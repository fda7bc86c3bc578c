package storetest

import (
	"context"
	"database/sql"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// removalTests are about what is removed by request while it is being sent again.
func removalTests() []exercise {
	return []exercise{
		{"an entity goes with the replays of its events", entityRemovedWithReplays},
		{"a payload goes with what replays sent of it", payloadExpungedWithReplays},
		{"what had ended stays what it was", removalKeepsTheEnd},
		{"an event that is being sent again is come back for", removalPassesReplays},
	}
}

// replayed is an event that was delivered and sent again twice: one replay has been delivered too, the other waits.
func (w *world) replayed(sub *models.Subscription, owner int64, entity string) (first, sent, waits models.Delivery) {
	w.Helper()
	a := owned(of(entity, w.event(sub)), owner)
	w.save(a)
	require.Empty(w, w.record(succeeded(a.Deliveries[0], w.clock.Now())))
	w.clock.Advance(time.Minute)
	made := w.replay(a.Event.Ref, true, sub.ID)
	jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.Equal(w, made[0].ID, jobs[0].Delivery.ID)
	result := succeeded(jobs[0].Delivery, w.clock.Now())
	result.Attempt.ResponseBody, result.Attempt.RequestHeaders = []byte("who"), []string{"X-A: b"}
	require.Empty(w, w.record(result))
	w.clock.Advance(time.Minute)
	return a.Deliveries[0], made[0], w.replay(a.Event.Ref, true, sub.ID)[0]
}

func entityRemovedWithReplays(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	_, _, stays := w.replayed(w.subscribe(), owner, "other")
	first, sent, waits := w.replayed(sub, owner, "pack")
	job, err := w.RemoveEntity(w.Context(), w.org.ID, "pack", w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.True(w, job.Done)
	require.EqualValues(w, 1, job.Events)
	require.EqualValues(w, 3, job.Deliveries)
	require.EqualValues(w, 1, job.Canceled)
	for _, d := range []models.Delivery{first, sent, waits} {
		w.requireCode(models.CodeNotFound, second(w.Delivery(w.Context(), w.org.ID, d.ID)))
		attempts, err := w.Attempts(w.Context(), w.org.ID, d.ID)
		require.NoError(w, err)
		require.Empty(w, attempts)
	}
	kept, err := w.Ledger(w.Context())
	require.NoError(w, err)
	require.True(w, kept[0].Balanced(), "%+v", kept)
	require.EqualValues(w, 1, kept[0].ByStatus[models.StatusCanceled])
	require.EqualValues(w, 4, kept[0].ByStatus[models.StatusDelivered])
	require.Equal(w, models.StatusPending, w.delivery(stays.ID).Status)
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}))
}

func payloadExpungedWithReplays(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	_, other, _ := w.replayed(w.subscribe(), owner, "")
	first, sent, waits := w.replayed(sub, owner, "")
	require.NoError(w, w.ExpungePayload(w.Context(), w.org.ID, first.EventRef))
	canceled := w.delivery(waits.ID)
	require.Equal(w, models.StatusCanceled, canceled.Status)
	require.Equal(w, models.ReasonDataRemoved, canceled.Reason)
	attempts, err := w.Attempts(w.Context(), w.org.ID, sent.ID)
	require.NoError(w, err)
	require.Len(w, attempts, 1)
	require.Empty(w, attempts[0].ResponseBody)
	require.Empty(w, attempts[0].RequestHeaders)
	kept, err := w.Attempts(w.Context(), w.org.ID, other.ID)
	require.NoError(w, err)
	require.NotEmpty(w, kept[0].ResponseBody, "another event's is untouched")
	require.True(w, w.ledger().Balanced())
}

// removalKeepsTheEnd removes data of deliveries that had ended and wait for an attempt on demand: the attempt is not made, and that is all.
func removalKeepsTheEnd(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	retried := func(status models.DeliveryStatus) models.Delivery {
		d := w.ended(sub, owner, status)
		require.NoError(w, second(w.Retry(w.Context(), w.org.ID, d.ID, w.clock.Now())))
		return d
	}
	delivered, failed, waiting := retried(models.StatusDelivered), retried(models.StatusFailed), retried(models.StatusRetrying)
	inHand := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1})[0].Delivery
	for _, d := range []models.Delivery{delivered, failed, waiting} {
		require.NoError(w, w.ExpungePayload(w.Context(), w.org.ID, d.EventRef))
	}
	for _, before := range []models.Delivery{delivered, failed} {
		got := w.delivery(before.ID)
		require.Equal(w, before.Status, got.Status)
		require.Equal(w, before.Reason, got.Reason)
		require.Nil(w, got.Back)
		require.True(w, got.DueAt.IsZero())
	}
	got := w.delivery(waiting.ID)
	require.Equal(w, models.StatusCanceled, got.Status)
	require.Equal(w, models.ReasonDataRemoved, got.Reason)
	require.Nil(w, got.Back)
	require.Len(w, w.record(succeeded(inHand, w.clock.Now())), 1, "the call under way leaves no trace")
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}))
	require.True(w, w.ledger().Balanced())
}

// removalPassesReplays holds an event as a replay does until it commits: were it removed meanwhile, the replay would have no event. On
// SQLite there is one writer.
func removalPassesReplays(w *world) {
	if w.Dialect() == "sqlite" {
		return
	}
	a := of("pack", w.event(w.subscribe()))
	w.save(a)
	db, err := sql.Open("pgx", w.url)
	require.NoError(w, err)
	defer func() { require.NoError(w, db.Close()) }()
	tx, err := db.BeginTx(w.Context(), nil)
	require.NoError(w, err)
	_, err = tx.ExecContext(w.Context(), "SELECT 1 FROM events WHERE ref = $1 FOR UPDATE", a.Event.Ref.String())
	require.NoError(w, err)
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second) // where it waits for ever
	defer cancel()
	job, err := w.RemoveEntity(ctx, w.org.ID, "pack", w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.False(w, job.Done)
	require.Zero(w, job.Deliveries)
	require.NoError(w, tx.Rollback())
	job, err = w.RemoveEntity(ctx, w.org.ID, "pack", w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.True(w, job.Done)
	require.EqualValues(w, 1, job.Events)
}

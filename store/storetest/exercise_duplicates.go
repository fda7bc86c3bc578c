package storetest

import (
	"slices"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func duplicateTests() []exercise {
	return []exercise{
		{"one after the other", exerciseSequentialDuplicates},
		{"in one batch", exerciseBatchDuplicates},
		{"fifty at the same time", exerciseParallelDuplicates},
		{"both an id and a key", exerciseTwoKeys},
		{"an id that we gave ourselves is taken", func(w *world) {
			first := w.event()
			w.save(first)
			again := chosen(w.event(), first.Event.ID)
			requireConflict(w, w.outcomes(again)[0], "event_id")
			got, err := w.Event(w.Context(), w.org.ID, first.Event.ID)
			require.NoError(w, err)
			require.Equal(w, first.Event.Ref, got.Ref)
		}},
		{"a batch that was stored with other deliveries is not taken for the one at hand", func(w *world) {
			a, b, owner := w.subscribe(), w.subscribe(), w.register("a")
			first := w.event(a)
			w.save(first)
			for name, change := range map[string]func(d *models.Delivery){
				"another subscription": func(d *models.Delivery) { d.SubscriptionID = b.ID },
				"another version":      func(d *models.Delivery) { d.SubscriptionVersion++ },
				"handed over":          func(d *models.Delivery) { d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{} },
			} { // as when the rules changed between the lost answer and the second try
				again := *first
				again.Deliveries = slices.Clone(first.Deliveries)
				change(&again.Deliveries[0])
				require.True(w, w.outcomes(&again)[0].Receipt.Duplicate, name)
			}
			require.False(w, w.outcomes(first)[0].Receipt.Duplicate, "the very same")
		}},
		{"organizations do not meet", func(w *world) {
			id := NewID()
			a := chosen(w.event(), id)
			a.Event.IdempotencyKey = "k"
			w.save(a)
			b := chosen(w.event(), id)
			b.Event.IdempotencyKey, b.Event.OrganizationID = "k", w.organization("other").ID
			require.False(w, w.save(b)[0].Duplicate)
		}},
	}
}

func (w *world) outcomes(batch ...*models.Accepted) []models.Outcome {
	w.Helper()
	outcomes, err := w.SaveEvents(w.Context(), w.revision(), batch)
	require.NoError(w, err)
	require.Len(w, outcomes, len(batch))
	return outcomes
}

func requireConflict(w *world, o models.Outcome, field string) {
	w.Helper()
	w.requireCode(models.CodeConflict, o.Err)
	var e *models.Error
	require.ErrorAs(w, o.Err, &e)
	require.Equal(w, field, e.Fields[0].Name)
	require.Zero(w, o.Receipt)
}

func requireDuplicate(w *world, of models.Receipt, o models.Outcome) {
	w.Helper()
	require.NoError(w, o.Err)
	of.Duplicate = true
	require.Equal(w, of, o.Receipt)
}

// keyed is an event with an Idempotency-Key and a fingerprint.
func (w *world) keyed(key string, print byte, subs ...*models.Subscription) *models.Accepted {
	a := w.event(subs...)
	a.Event.IdempotencyKey, a.Event.Fingerprint = key, [16]byte{print}
	return a
}

func exerciseSequentialDuplicates(w *world) {
	sub := w.subscribe()
	first := w.keyed("k", 1, sub)
	receipt := w.save(first)[0]
	id := NewID()
	second := chosen(w.event(sub, sub), id)
	second.Event.Fingerprint = [16]byte{2}
	secondReceipt := w.save(second)[0]

	w.clock.Advance(1e9)
	again := chosen(w.event(), id)
	again.Event.Fingerprint = [16]byte{2}
	otherID := chosen(w.event(), id)
	otherID.Event.Fingerprint = [16]byte{3}
	fresh := w.event(sub)
	got := w.outcomes(w.keyed("k", 1), w.keyed("k", 9, sub), again, otherID, fresh, w.keyed("K", 1))
	requireDuplicate(w, receipt, got[0])
	requireConflict(w, got[1], "Idempotency-Key")
	requireDuplicate(w, secondReceipt, got[2])
	requireConflict(w, got[3], "event_id")
	require.NoError(w, got[4].Err)
	require.Equal(w, fresh.Event.ID, got[4].Receipt.EventID)
	require.False(w, got[5].Receipt.Duplicate, "keys are compared byte by byte")
	l := w.ledger()
	require.Equal(w, int64(4), l.Events)
	require.Equal(w, int64(4), l.Expected)
	require.True(w, l.Balanced())
}

func exerciseBatchDuplicates(w *world) {
	sub := w.subscribe()
	a, same, other := w.keyed("k", 1, sub), w.keyed("k", 1, sub), w.keyed("k", 2, sub)
	id := NewID()
	b, sameID := chosen(w.event(sub), id), chosen(w.event(sub), id)
	got := w.outcomes(a, same, other, b, sameID)
	require.NoError(w, got[0].Err)
	requireDuplicate(w, got[0].Receipt, got[1])
	requireConflict(w, got[2], "Idempotency-Key")
	require.False(w, got[3].Receipt.Duplicate)
	requireDuplicate(w, got[3].Receipt, got[4])
	l := w.ledger()
	require.Equal(w, int64(2), l.Events)
	require.True(w, l.Balanced())
}

func exerciseParallelDuplicates(w *world) {
	const n = 50
	sub := w.subscribe()
	stores := []*store.Store{w.Store, w.open()}
	revision := w.revision()
	outcomes := make([][]models.Outcome, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		// The same two keys in either order, between strangers, so that batches wait for one another.
		batch := []*models.Accepted{w.keyed("k", 1, sub), w.event(sub), w.keyed("l", 1, sub)}
		if i%2 == 1 {
			batch[0], batch[2] = batch[2], batch[0]
		}
		wg.Go(func() {
			outcomes[i], errs[i] = stores[i%len(stores)].SaveEvents(w.Context(), revision, batch)
		})
	}
	wg.Wait()
	firsts := 0
	ids := map[models.ID]bool{}
	for i := range n {
		require.NoError(w, errs[i])
		for _, place := range []int{0, 2} {
			o := outcomes[i][place]
			require.NoError(w, o.Err)
			if !o.Receipt.Duplicate {
				firsts++
			}
			ids[o.Receipt.EventID] = true
		}
		require.False(w, outcomes[i][1].Receipt.Duplicate)
	}
	require.Equal(w, 2, firsts)
	require.Len(w, ids, 2, "all got the receipts of the same two events")
	l := w.ledger()
	require.Equal(w, int64(n+2), l.Events)
	require.True(w, l.Balanced())
}

// exerciseTwoKeys covers items that bring two keys of which one is taken: they take nothing, so the other key stays free.
func exerciseTwoKeys(w *world) {
	old := w.save(w.keyed("old", 1))[0]
	id := NewID()
	both := func(key string, print byte) *models.Accepted { return chosen(w.keyed(key, print), id) }

	got := w.outcomes(both("old", 1), both("new", 1), both("newer", 1))
	requireDuplicate(w, old, got[0])
	require.NoError(w, got[1].Err)
	require.False(w, got[1].Receipt.Duplicate, "the id is free, because the item before it took nothing")
	requireDuplicate(w, got[1].Receipt, got[2])

	got = w.outcomes(w.keyed("newer", 1), both("old", 2), chosen(w.keyed("old", 1), NewID()))
	require.False(w, got[0].Receipt.Duplicate)
	require.Error(w, got[1].Err)
	requireDuplicate(w, old, got[2])
	require.Equal(w, int64(3), w.ledger().Events)
}

package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func eventTests() []exercise {
	return []exercise{
		{"an event and its deliveries come back as given", exerciseEventRoundTrip},
		{"data is kept byte for byte", exerciseVerbatim},
		{"a stale revision stores nothing", exerciseStale},
		{"a revoked key concerns its own items only", exerciseRevoked},
		{"saving again after a lost answer", exerciseSavedAgain},
		{"a lone event and its delivery cost eight statements at most", func(w *world) { exerciseBudget(w, 1) }},
		{"a batch of 500 costs Postgres no more than a lone event", func(w *world) { exerciseBudget(w, 500) }},
		{"an event without matches", func(w *world) {
			r := w.save(w.event())[0]
			require.Zero(w, r.Matched)
			l := w.ledger()
			require.Equal(w, int64(1), l.Events)
			require.True(w, l.Balanced())
		}},
		{"an empty batch", func(w *world) {
			outcomes, err := w.SaveEvents(w.Context(), 0, nil)
			require.NoError(w, err)
			require.Empty(w, outcomes)
		}},
		{"events far from today", func(w *world) {
			a := w.event()
			for i, year := range []int{1999, 2040} {
				b := *a
				b.Event.Ref = models.FloorID(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC))
				b.Event.Ref[15] = byte(i + 1)
				b.Event.ID = b.Event.Ref
				w.save(&b)
				got, err := w.Event(w.Context(), w.org.ID, b.Event.ID)
				require.NoError(w, err)
				require.Equal(w, b.Event.Ref, got.Ref)
			}
		}},
	}
}

func exerciseEventRoundTrip(w *world) {
	ctx := w.Context()
	sub, key, owner := w.subscribe(), w.key(w.org.ID), w.register("a")
	full := w.event(sub, w.subscribe())
	full.Event.Scope, full.Event.WorkspaceID, full.Event.EntityKey, full.Event.Sandbox = "app", NewID(), "entity ü", true
	full.Event.EntityParentKey = "its parent"
	full.Event.PublishedBy, full.Event.Time = key.ID, time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	full.Deliveries[0].Status, full.Deliveries[0].Owner, full.Deliveries[0].Sandbox = models.StatusDelivering, owner, true
	full.Deliveries[0].DueAt = time.Time{} // it does not wait
	full.Deliveries[1].Sandbox = true
	producers := chosen(w.event(sub), NewID())
	producers.Event.Fingerprint = [16]byte{1}
	bare := w.event()
	batch := []*models.Accepted{full, producers, bare}
	for i, r := range w.save(batch...) {
		e := batch[i].Event
		require.Equal(w, models.Receipt{EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox, Matched: e.Matched, CreatedAt: e.AcceptedAt}, r)
		got, err := w.Event(ctx, w.org.ID, e.ID)
		require.NoError(w, err)
		e.Fingerprint = [16]byte{} // it lives with the event's keys
		require.Equal(w, &e, got)
		for _, d := range batch[i].Deliveries {
			require.Equal(w, d, w.delivery(d.ID))
		}
	}
	_, err := w.Event(ctx, w.org.ID, producers.Event.Ref)
	w.requireCode(models.CodeNotFound, err) // the address is the id, not our ref
	_, err = w.Event(ctx, w.org.ID, NewID())
	w.requireCode(models.CodeNotFound, err)
	other := w.organization("other")
	for _, a := range batch {
		_, err = w.Event(ctx, other.ID, a.Event.ID)
		w.requireCode(models.CodeNotFound, err)
	}
	_, err = w.Delivery(ctx, other.ID, full.Deliveries[0].ID)
	w.requireCode(models.CodeNotFound, err)
}

func exerciseVerbatim(w *world) {
	sub := w.subscribe()
	for i, data := range []string{
		`{}`, "{ \"b\" : 1,\r\n\t\"a\":2 }\n", `{"big":123456789012345678901234567890,"e":1E400,"neg":-0}`,
		`{"a":1,"a":2}`, `{"emoji":"👩‍👩‍👧","escape":"\ud83d\ude00\u0000","slash":"\/"}`, `{"s":"it's \\ $1 ? % _ -- ;"}`,
		"{\"line\":\"\u2028\"}", fmt.Sprintf(`{"long":"%0100000d"}`, 7),
	} {
		a := w.event(sub)
		a.Event.Data = []byte(data)
		w.save(a)
		got, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
		require.NoError(w, err)
		require.Equal(w, data, string(got.Data))
		jobs := w.claim(w.register(fmt.Sprint(i)), models.Want{SubscriptionID: sub.ID, Limit: 1})
		require.Len(w, jobs, 1)
		require.Equal(w, data, string(jobs[0].Event.Data))
	}
}

func exerciseStale(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	behind := w.revision()
	w.change(sub, func(s *models.Subscription) { s.EntityKey = "x" })
	withKey := w.event(sub)
	withKey.Event.IdempotencyKey = "k"
	for _, batch := range [][]*models.Accepted{{w.event(sub)}, {withKey, w.event(sub)}} {
		outcomes, err := w.SaveEvents(ctx, behind, batch)
		w.requireCode(models.CodeStale, err)
		require.Nil(w, outcomes)
	}
	require.Zero(w, w.ledger().Events)
	require.False(w, w.save(withKey)[0].Duplicate, "its key was not taken")
	_, err := w.SaveEvents(ctx, behind, []*models.Accepted{withKey})
	w.requireCode(models.CodeStale, err) // also where all are duplicates
}

func exerciseRevoked(w *world) {
	ctx := w.Context()
	good, bad, worse := w.key(w.org.ID), w.key(w.org.ID), w.key(w.org.ID)
	require.NoError(w, w.RevokeKey(ctx, bad.ID, w.clock.Now()))
	require.NoError(w, w.RevokeKey(ctx, worse.ID, w.clock.Now()))
	sub := w.subscribe()
	by := func(k models.APIKey) *models.Accepted {
		a := w.event(sub)
		a.Event.PublishedBy = k.ID
		return a
	}
	for _, keyed := range []bool{false, true} {
		batch := []*models.Accepted{by(bad), by(good), w.event(sub), by(worse), by(bad), by(good)}
		if keyed {
			for i, a := range batch {
				a.Event.IdempotencyKey = fmt.Sprint("key", i)
			}
			batch[1].Event.IdempotencyKey = "key0" // that of an item which is refused: it takes nothing
		}
		outcomes, err := w.SaveEvents(ctx, w.revision(), batch)
		require.NoError(w, err)
		for i, o := range outcomes {
			_, err := w.Event(ctx, w.org.ID, batch[i].Event.ID)
			if by := batch[i].Event.PublishedBy; by == bad.ID || by == worse.ID {
				w.requireCode(models.CodeUnauthorized, o.Err)
				w.requireCode(models.CodeNotFound, err)
				continue
			}
			require.NoError(w, o.Err)
			require.NoError(w, err)
			require.False(w, o.Receipt.Duplicate)
			require.Equal(w, batch[i].Event.ID, o.Receipt.EventID)
		}
	}
	outcomes, err := w.SaveEvents(ctx, w.revision(), []*models.Accepted{by(bad)})
	require.NoError(w, err)
	w.requireCode(models.CodeUnauthorized, outcomes[0].Err)
	l := w.ledger()
	require.Equal(w, int64(6), l.Events)
	require.True(w, l.Balanced())
}

// exerciseBudget counts the statements of accepting and delivering n events, BEGIN and COMMIT included.
func exerciseBudget(w *world, n int) {
	sub, owner, key := w.subscribe(), w.register("a"), w.key(w.org.ID)
	batch := make([]*models.Accepted, n)
	results := make([]models.Result, n)
	for i := range batch {
		batch[i] = owned(w.event(sub), owner)
		batch[i].Event.PublishedBy = key.ID
		results[i] = succeeded(batch[i].Deliveries[0], w.clock.Now())
	}
	revision := w.revision()
	before := w.Statements()
	_, err := w.SaveEvents(w.Context(), revision, batch)
	require.NoError(w, err)
	require.Empty(w, w.record(results...))
	spent := w.Statements() - before
	w.Logf("%d events: %d statements", n, spent)
	switch {
	case w.Dialect() == "postgres":
		require.LessOrEqual(w, spent, int64(2))
	case n == 1:
		require.LessOrEqual(w, spent, int64(8))
	default:
		require.LessOrEqual(w, float64(spent)/float64(n), 0.1)
	}
	require.Equal(w, int64(n), w.ledger().ByStatus[models.StatusDelivered])
}

// exerciseSavedAgain saves a batch whose first save was committed although the caller does not know, beside an event that is new.
func exerciseSavedAgain(w *world) {
	sub := w.subscribe()
	plain, byID, matchedAgain, fresh := w.event(sub, w.subscribe()), chosen(w.event(sub), NewID()), w.event(sub), w.event(sub)
	w.save(plain, byID, matchedAgain)
	others := *matchedAgain
	others.Deliveries = w.event(sub).Deliveries // the rules changed before the second save, so it has other deliveries
	receipts := w.save(plain, fresh, byID, &others)
	for i, a := range []*models.Accepted{plain, fresh, byID, matchedAgain} {
		require.Equal(w, a.Event.ID, receipts[i].EventID)
		require.Equal(w, len(a.Deliveries), receipts[i].Matched)
		require.Equal(w, i == 3, receipts[i].Duplicate, "item %d: these deliveries are not the stored ones", i)
		for k := range a.Deliveries {
			require.Equal(w, a.Deliveries[k], w.delivery(a.Deliveries[k].ID))
		}
	}
	l := w.ledger()
	require.True(w, l.Balanced(), "%+v", l)
	require.Equal(w, int64(4), l.Events)
}

package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func catalogueTests() []exercise {
	return []exercise{
		{"entries are kept, changed and removed", entriesLive},
		{"changes are found by their revision", entriesByRevision},
		{"an entry that subscriptions need stays", entriesInUse},
		{"there are not too many", entriesAreBounded},
		{"a change makes older matches stale", entriesMakeStale},
		{"an entity goes with all that it had", entityRemoved},
		{"the removal of an entity goes on", entityRemovalGoesOn},
		{"an event's payload is emptied", payloadExpunged},
	}
}

func (w *world) entry(kind models.CatalogueKind, name string) models.CatalogueEntry {
	w.Helper()
	e := models.CatalogueEntry{
		OrganizationID: w.org.ID, Kind: kind, Name: name, Description: "What it is.", CreatedAt: w.clock.Now(),
	}
	if kind == models.KindEventType {
		e.Sample, e.Schema = []byte(`{"total": 12.50}`), []byte(`{"required":["total"]}`)
	}
	require.NoError(w, w.CreateCatalogueEntry(w.Context(), &e))
	return e
}

func entriesLive(w *world) {
	ctx, org := w.Context(), w.org.ID
	made := w.entry(models.KindEventType, "invoice.paid")
	w.entry(models.KindEventType, "invoice.sent")
	w.entry(models.KindScope, "invoice.paid") // kinds have their own names
	got, err := w.CatalogueEntry(ctx, org, models.KindEventType, "invoice.paid")
	require.NoError(w, err)
	require.Equal(w, made, got)
	again := made
	w.requireCode(models.CodeConflict, w.CreateCatalogueEntry(ctx, &again))
	w.requireCode(models.CodeNotFound, w.CreateCatalogueEntry(ctx, &models.CatalogueEntry{OrganizationID: NewID(), Kind: models.KindScope, Name: "a"}))

	now := w.clock.Advance(time.Second)
	changed, err := w.UpdateCatalogueEntry(ctx, org, models.KindEventType, "invoice.paid", now, func(e *models.CatalogueEntry) error {
		e.Schema = nil
		return nil
	})
	require.NoError(w, err)
	require.Equal(w, now, changed.UpdatedAt)
	require.Greater(w, changed.Revision, made.Revision)
	refusal := models.Errorf(models.CodeInvalid, "no")
	_, err = w.UpdateCatalogueEntry(ctx, org, models.KindEventType, "invoice.paid", now, func(*models.CatalogueEntry) error { return refusal })
	require.ErrorIs(w, err, refusal)

	list, err := w.CatalogueEntries(ctx, org, models.KindEventType, "", 10)
	require.NoError(w, err)
	require.Len(w, list, 2)
	require.Empty(w, list[0].Schema)
	require.Equal(w, made.Sample, list[0].Sample)
	list, err = w.CatalogueEntries(ctx, org, models.KindEventType, "invoice.paid", 10)
	require.NoError(w, err)
	require.Len(w, list, 1)
	own, err := w.OwnCatalogue(ctx, org)
	require.NoError(w, err)
	require.Len(w, own, 3)
	other := w.organization("other")
	own, err = w.OwnCatalogue(ctx, other.ID)
	require.NoError(w, err)
	require.Empty(w, own)
	w.requireCode(models.CodeNotFound, w.DeleteCatalogueEntry(ctx, other.ID, models.KindScope, "invoice.paid", now))

	require.NoError(w, w.DeleteCatalogueEntry(ctx, org, models.KindEventType, "invoice.paid", now))
	_, err = w.CatalogueEntry(ctx, org, models.KindEventType, "invoice.paid")
	w.requireCode(models.CodeNotFound, err)
	w.requireCode(models.CodeNotFound, w.DeleteCatalogueEntry(ctx, org, models.KindEventType, "invoice.paid", now))
	w.entry(models.KindEventType, "invoice.paid") // the name is free again
}

func entriesByRevision(w *world) {
	ctx := w.Context()
	first := w.entry(models.KindEventType, "a")
	w.entry(models.KindScope, "b")
	w.subscribe()
	all, now, err := w.CatalogueSince(ctx, 0)
	require.NoError(w, err)
	require.Len(w, all, 2)
	require.Equal(w, w.revision(), now)
	require.Equal(w, first.Schema, all[0].Schema)
	require.Empty(w, all[0].Sample)
	require.NoError(w, w.DeleteCatalogueEntry(ctx, w.org.ID, models.KindEventType, "a", w.clock.Now()))
	changed, later, err := w.CatalogueSince(ctx, now)
	require.NoError(w, err)
	require.Len(w, changed, 1)
	require.True(w, changed[0].Deleted)
	require.Empty(w, changed[0].Schema)
	require.Equal(w, later, changed[0].Revision)
	changed, _, err = w.CatalogueSince(ctx, later)
	require.NoError(w, err)
	require.Empty(w, changed)
	all, _, err = w.CatalogueSince(ctx, 0)
	require.NoError(w, err)
	require.Len(w, all, 1)
}

func entriesInUse(w *world) {
	ctx, now := w.Context(), w.clock.Now()
	for _, name := range []string{"invoice.paid", "invoice.sent", "order.paid"} {
		w.entry(models.KindEventType, name)
	}
	w.entry(models.KindScope, "letter")
	named := w.subscribe(func(s *models.Subscription) {
		s.Events, s.Scopes = []models.Pattern{"invoice.paid", "invoice.*"}, []string{"letter"}
	})
	family := w.subscribe(func(s *models.Subscription) { s.Events = []models.Pattern{"order.*"} })
	gone := func(kind models.CatalogueKind, name string) error {
		return w.DeleteCatalogueEntry(ctx, w.org.ID, kind, name, now)
	}
	for name, sub := range map[string]*models.Subscription{"invoice.paid": named, "order.paid": family} {
		err := gone(models.KindEventType, name)
		w.requireCode(models.CodeConflict, err)
		require.ErrorContains(w, err, sub.ID.String())
	}
	require.NoError(w, gone(models.KindEventType, "invoice.sent"), "the family still reaches the other")
	err := gone(models.KindScope, "letter")
	w.requireCode(models.CodeConflict, err)
	require.ErrorContains(w, err, named.ID.String())
	for _, s := range []*models.Subscription{named, family} {
		require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, s.ID, models.ID{}, now))
	}
	for name, kind := range map[string]models.CatalogueKind{"invoice.paid": models.KindEventType, "letter": models.KindScope} {
		require.NoError(w, gone(kind, name))
	}
}

func entriesAreBounded(w *world) {
	for i := range models.MaxOwnEntries {
		w.entry(models.KindScope, fmt.Sprintf("scope_%d", i))
	}
	e := models.CatalogueEntry{OrganizationID: w.org.ID, Kind: models.KindScope, Name: "more"}
	err := w.CreateCatalogueEntry(w.Context(), &e)
	w.requireCode(models.CodeQuota, err)
	require.ErrorContains(w, err, "200 scopes")
	e.Kind = models.KindEventType
	require.NoError(w, w.CreateCatalogueEntry(w.Context(), &e))
}

func entriesMakeStale(w *world) {
	before := w.revision()
	w.entry(models.KindEventType, "invoice.paid")
	_, err := w.SaveEvents(w.Context(), before, []*models.Accepted{w.event()})
	w.requireCode(models.CodeStale, err)
	w.save(w.event())
}

// of gives an event an entity.
func of(entity string, a *models.Accepted) *models.Accepted {
	a.Event.EntityKey = entity
	return a
}

func entityRemoved(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	owner := w.register("a")
	id := NewID()
	delivered := chosen(of("pack", w.event(sub)), id)
	delivered.Event.IdempotencyKey, delivered.Event.Fingerprint = "once", [16]byte{1}
	waiting, inHand := of("pack", w.event(sub, sub)), owned(of("pack", w.event(sub)), owner)
	stays, later := of("other", w.event(sub)), of("pack", w.event(sub))
	part, above := of("document", w.event(sub)), of("pack", w.event(sub))
	part.Event.EntityParentKey, above.Event.EntityParentKey = "pack", "folder"
	w.save(delivered, waiting, inHand, stays, part, above)
	cut := w.clock.Now()
	w.clock.Advance(time.Second)
	later.Event.AcceptedAt = w.clock.Now()

	_, err := w.RemoveEntity(ctx, w.org.ID, "nothing", cut, time.Minute)
	w.requireCode(models.CodeNotFound, err)
	_, err = w.RemoveEntity(ctx, NewID(), "pack", cut, time.Minute)
	w.requireCode(models.CodeNotFound, err)
	w.save(later)
	job, err := w.RemoveEntity(ctx, w.org.ID, "pack", cut, 0) // one step: whoever asks for little is told at once that it is done
	require.NoError(w, err)
	require.True(w, job.Done)
	require.EqualValues(w, 5, job.Events, "with those of its parts")
	require.EqualValues(w, 6, job.Deliveries)
	require.EqualValues(w, 6, job.Canceled)
	left, err := w.Events(ctx, models.EventQuery{OrganizationID: w.org.ID, Limit: 10})
	require.NoError(w, err)
	require.Len(w, left, 2, "another entity's, and what came after the call")
	deliveries, err := w.Deliveries(ctx, models.DeliveryQuery{OrganizationID: w.org.ID, Limit: 10})
	require.NoError(w, err)
	require.Len(w, deliveries, 2)
	fenced := w.record(succeeded(inHand.Deliveries[0], w.clock.Now()))
	require.Len(w, fenced, 1, "the call under way leaves no trace")

	// The id and the key are free: they are forgotten too.
	fresh := chosen(w.event(), id)
	fresh.Event.IdempotencyKey = "once"
	require.False(w, w.save(fresh)[0].Duplicate)
}

func entityRemovalGoesOn(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	var batch []*models.Accepted
	for range 130 {
		batch = append(batch, of("pack", w.event(sub)))
	}
	w.save(batch...)
	job, err := w.RemoveEntity(ctx, w.org.ID, "pack", w.clock.Now(), 0)
	require.NoError(w, err)
	require.False(w, job.Done)
	require.EqualValues(w, 50, job.Events, "one step")
	again, err := w.RemoveEntity(ctx, w.org.ID, "pack", w.clock.Now(), 0)
	require.NoError(w, err)
	require.EqualValues(w, 100, again.Events, "the same job")

	restarted := w.open()
	n, err := restarted.RemoveEntities(ctx, w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.EqualValues(w, 30, n)
	late := of("pack", w.event(sub)) // stamped before the cut, committed after
	w.save(late)
	n, err = restarted.RemoveEntities(ctx, w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.EqualValues(w, 1, n)
	w.clock.Advance(2 * time.Minute)
	n, err = restarted.RemoveEntities(ctx, w.clock.Now(), time.Minute)
	require.NoError(w, err)
	require.Zero(w, n)
	_, err = w.RemoveEntity(ctx, w.org.ID, "pack", w.clock.Now(), 0)
	w.requireCode(models.CodeNotFound, err)
	kept, err := w.Ledger(ctx)
	require.NoError(w, err)
	require.True(w, kept[0].Balanced(), "%+v", kept)
	require.EqualValues(w, 131, kept[0].ByStatus[models.StatusCanceled])
}

func payloadExpunged(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	owner := w.register("a")
	now := w.clock.Now()
	a, other := w.event(sub, sub), w.event(sub)
	w.save(a, other)
	jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10})
	require.Len(w, jobs, 3)
	for i := range jobs {
		if jobs[i].Delivery.ID == a.Deliveries[0].ID || jobs[i].Event.Ref == other.Event.Ref {
			result := succeeded(jobs[i].Delivery, now)
			result.Attempt.ResponseBody, result.Attempt.RequestHeaders = []byte("who"), []string{"X-A: b"}
			require.Empty(w, w.record(result))
		}
	}
	w.requireCode(models.CodeNotFound, w.ExpungePayload(ctx, w.org.ID, NewID()))
	w.requireCode(models.CodeNotFound, w.ExpungePayload(ctx, NewID(), a.Event.Ref))
	for range 2 { // it may be called again
		require.NoError(w, w.ExpungePayload(ctx, w.org.ID, a.Event.Ref))
	}
	e, err := w.Event(ctx, w.org.ID, a.Event.ID)
	require.NoError(w, err)
	require.Empty(w, e.Data)
	require.Equal(w, models.StatusDelivered, w.delivery(a.Deliveries[0].ID).Status)
	canceled := w.delivery(a.Deliveries[1].ID)
	require.Equal(w, models.StatusCanceled, canceled.Status)
	require.Equal(w, models.ReasonDataRemoved, canceled.Reason)
	attempts, err := w.Attempts(ctx, w.org.ID, a.Deliveries[0].ID)
	require.NoError(w, err)
	require.Len(w, attempts, 1)
	require.Empty(w, attempts[0].ResponseBody)
	require.Empty(w, attempts[0].RequestHeaders)
	kept, err := w.Attempts(ctx, w.org.ID, other.Deliveries[0].ID)
	require.NoError(w, err)
	require.NotEmpty(w, kept[0].ResponseBody, "another event's is untouched")
	require.True(w, w.ledger().Balanced())
}

package storetest

import (
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// exerciseListParts looks for a few among many, a bounded number at a time, and finds each of them once.
func exerciseListParts(w *world) {
	ctx := w.Context()
	one, two := w.subscribe(), w.subscribe()
	owner := w.register("a")
	var wantEvents []models.ID
	wantDeliveries := map[string][]models.ID{}
	for i := range 20 {
		a := w.event(one, two)
		a.Event.Data = []byte(`{"large":true}`)
		if i%7 == 3 {
			a = owned(a, owner)
			a.Event.Name = "contact.created"
			wantEvents = append([]models.ID{a.Event.Ref}, wantEvents...)
			wantDeliveries["all"] = append([]models.ID{a.Deliveries[1].ID, a.Deliveries[0].ID}, wantDeliveries["all"]...)
			wantDeliveries["one"] = append([]models.ID{a.Deliveries[0].ID}, wantDeliveries["one"]...)
		}
		w.save(a)
	}
	foreign := w.event()
	foreign.Event.OrganizationID = w.organization("other").ID
	w.save(foreign)

	no := false
	for name, sub := range map[string]models.ID{"all": {}, "one": one.ID} {
		for _, limit := range []int{1, 2, 50} {
			var got []models.ID
			q := models.DeliveryQuery{OrganizationID: w.org.ID, SubscriptionID: sub, Status: models.StatusDelivering, Sandbox: &no, Limit: limit}
			for parts := 1; ; parts++ {
				require.Less(w, parts, 30)
				p, err := w.DeliveryPart(ctx, q, 5)
				require.NoError(w, err)
				require.LessOrEqual(w, len(p.Items), limit)
				for _, d := range p.Items {
					got = append(got, d.ID)
					q.After = d.ID
				}
				if q.After = p.Reached; !p.Reached.IsZero() {
					require.Less(w, len(p.Items), limit)
				} else if len(p.Items) == limit {
					q.After = p.Items[limit-1].ID
				} else {
					break
				}
			}
			require.Equal(w, wantDeliveries[name], got, "%s, %d at a time", name, limit)
		}
	}
	p, err := w.DeliveryPart(ctx, models.DeliveryQuery{OrganizationID: w.org.ID, SubscriptionID: one.ID, Limit: 50}, 5)
	require.NoError(w, err)
	require.Len(w, p.Items, 20, "what an index finds is not bounded")
	p, err = w.DeliveryPart(ctx, models.DeliveryQuery{OrganizationID: w.org.ID, Sandbox: &no, Limit: 50, To: w.clock.Now()}, 5)
	require.NoError(w, err)
	require.Empty(w, p.Items, "all were created now")

	var got []models.ID
	q := models.EventQuery{OrganizationID: w.org.ID, Name: "contact.*", Limit: 50}
	for {
		p, err := w.EventPart(ctx, q, 6)
		require.NoError(w, err)
		for _, e := range p.Items {
			require.Empty(w, e.Data)
			require.Equal(w, "contact.created", e.Name)
			got = append(got, e.Ref)
		}
		if q.After = p.Reached; q.After.IsZero() {
			break
		}
	}
	require.Equal(w, wantEvents, got)
	events, err := w.EventPart(ctx, models.EventQuery{OrganizationID: w.org.ID, Unmatched: true, Limit: 50}, 1)
	require.NoError(w, err)
	require.Empty(w, events.Items)
	require.True(w, events.Reached.IsZero(), "the index has only what matched nothing")
}

// exerciseSubscriptionTitles covers live ones, deleted ones, foreign ones, those that there never were, and those of one environment.
func exerciseSubscriptionTitles(w *world) {
	ctx := w.Context()
	text := "Contracts"
	live := w.subscribe(func(s *models.Subscription) { s.Endpoint, s.Description = "https://hooks.example.com/a", &text })
	gone := w.subscribe(func(s *models.Subscription) { s.Endpoint, s.Sandbox = "https://hooks.example.com/b", true })
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, gone.ID, models.ID{}, w.clock.Now()))
	foreign := w.spec(w.organization("other").ID)
	require.NoError(w, w.CreateSubscription(ctx, foreign, 0, models.ID{}))
	titles, err := w.SubscriptionTitles(ctx, w.org.ID, nil, []models.ID{live.ID, gone.ID, foreign.ID, NewID()})
	require.NoError(w, err)
	require.Equal(w, map[models.ID]models.SubscriptionTitle{
		live.ID: {Endpoint: "https://hooks.example.com/a", Description: "Contracts"},
		gone.ID: {Endpoint: "https://hooks.example.com/b", Sandbox: true, Deleted: true},
	}, titles)
	titles, err = w.SubscriptionTitles(ctx, w.org.ID, nil, nil)
	require.NoError(w, err)
	require.Empty(w, titles)
	rehearsal := w.subscribe(func(s *models.Subscription) { s.Sandbox = true })
	for _, sandbox := range []bool{true, false} {
		titles, err = w.SubscriptionTitles(ctx, w.org.ID, &sandbox, []models.ID{live.ID, rehearsal.ID})
		require.NoError(w, err)
		require.Len(w, titles, 1)
		require.Equal(w, sandbox, titles[live.ID] == models.SubscriptionTitle{}, "what is of the other environment is left out")
	}
}

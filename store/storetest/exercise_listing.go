package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func listingTests() []exercise {
	return []exercise{
		{"events by every filter", exerciseEventFilters},
		{"deliveries by every filter", exerciseDeliveryFilters},
		{"pages cover everything once while more comes in", exercisePages},
		{"parts of lists are bounded and find everything once", exerciseListParts},
		{"titles of subscriptions", exerciseSubscriptionTitles},
		{"the ledger has every organization", func(w *world) {
			sub := w.subscribe()
			w.organization("empty")
			w.save(w.event(sub, sub), w.event(), w.event(sub))
			list, err := w.Ledger(w.Context())
			require.NoError(w, err)
			require.Equal(w, []models.Ledger{
				{OrganizationID: w.org.ID, Organization: "acme", Events: 3, Expected: 3, ByStatus: byStatus(3)},
				{OrganizationID: list[1].OrganizationID, Organization: "empty", ByStatus: byStatus(0)},
			}, list)
		}},
	}
}

func exerciseEventFilters(w *world) {
	sub, ws := w.subscribe(), NewID()
	var all []*models.Accepted
	add := func(name string, change func(*models.Event), subs ...*models.Subscription) {
		a := w.event(subs...)
		a.Event.Name = name
		change(&a.Event)
		all = append(all, a)
	}
	plain := func(*models.Event) {}
	add("signer.done", plain, sub)
	add("signer.link_opened", func(e *models.Event) { e.Scope = "app" })
	add("signers.done", func(e *models.Event) { e.WorkspaceID = ws }, sub)
	add("signer_x.done", func(e *models.Event) { e.EntityKey, e.EntityParentKey = "e'1", "p'1" }, sub)
	add("signer", func(e *models.Event) { e.Sandbox = true }, sub)
	later := w.clock.Now().Add(time.Hour)
	add("signer.identity.video.done", func(e *models.Event) { e.AcceptedAt = later }, sub)
	all[5].Event.Ref = models.FloorID(later)
	all[5].Event.ID = all[5].Event.Ref
	all[5].Deliveries = nil
	all[5].Event.Matched = 0
	w.save(all...)
	foreign := w.event()
	foreign.Event.OrganizationID = w.organization("other").ID
	w.save(foreign)

	yes, no := true, false
	for name, c := range map[string]struct {
		q    models.EventQuery
		want []int
	}{
		"all":         {models.EventQuery{}, []int{5, 4, 3, 2, 1, 0}},
		"star":        {models.EventQuery{Name: models.Any}, []int{5, 4, 3, 2, 1, 0}},
		"name":        {models.EventQuery{Name: "signer.done"}, []int{0}},
		"family":      {models.EventQuery{Name: "signer.*"}, []int{5, 1, 0}},
		"subfamily":   {models.EventQuery{Name: "signer.identity.*"}, []int{5}},
		"unknown":     {models.EventQuery{Name: "nothing"}, nil},
		"scope":       {models.EventQuery{Scope: "app"}, []int{1}},
		"workspace":   {models.EventQuery{WorkspaceID: ws}, []int{2}},
		"entity":      {models.EventQuery{EntityKey: "e'1"}, []int{3}},
		"its parent":  {models.EventQuery{ParentKey: "p'1"}, []int{3}},
		"sandbox":     {models.EventQuery{Sandbox: &yes}, []int{4}},
		"production":  {models.EventQuery{Sandbox: &no}, []int{5, 3, 2, 1, 0}},
		"unmatched":   {models.EventQuery{Unmatched: true}, []int{5, 1}},
		"from":        {models.EventQuery{From: w.clock.Now().Add(time.Millisecond)}, []int{5}},
		"from now":    {models.EventQuery{From: w.clock.Now()}, []int{5, 4, 3, 2, 1, 0}},
		"to":          {models.EventQuery{To: later}, []int{4, 3, 2, 1, 0}},
		"to now":      {models.EventQuery{To: w.clock.Now()}, nil},
		"after":       {models.EventQuery{After: all[2].Event.Ref}, []int{1, 0}},
		"limit":       {models.EventQuery{Limit: 2}, []int{5, 4}},
		"combination": {models.EventQuery{Name: "signer.*", Unmatched: true, Scope: "app", From: w.clock.Now(), After: all[4].Event.Ref}, []int{1}},
	} {
		c.q.OrganizationID = w.org.ID
		if c.q.Limit == 0 {
			c.q.Limit = 100
		}
		list, err := w.Events(w.Context(), c.q)
		require.NoError(w, err, name)
		var got []int
		for _, e := range list {
			i := slices.IndexFunc(all, func(a *models.Accepted) bool { return a.Event.Ref == e.Ref })
			require.GreaterOrEqual(w, i, 0, name)
			require.Equal(w, &all[i].Event, e, name)
			got = append(got, i)
		}
		require.Equal(w, c.want, got, name)
	}
}

func exerciseDeliveryFilters(w *world) {
	one, two := w.subscribe(), w.subscribe()
	owner := w.register("a")
	first := w.event(one, two)
	second := owned(w.event(one), owner)
	for i := range first.Deliveries {
		first.Deliveries[i].Sandbox = true
		first.Deliveries[i].EventName = "signer.link_opened"
	}
	third := w.event(two)
	later := w.clock.Now().Add(time.Hour)
	third.Deliveries[0].ID = models.FloorID(later)
	third.Deliveries[0].CreatedAt = later
	w.save(first, second, third)
	all := slices.Concat(first.Deliveries, second.Deliveries, third.Deliveries) // 0: one, 1: two, 2: one, 3: two

	yes, no := true, false
	for name, c := range map[string]struct {
		q    models.DeliveryQuery
		want []int
	}{
		"all":          {models.DeliveryQuery{}, []int{3, 2, 1, 0}},
		"subscription": {models.DeliveryQuery{SubscriptionID: one.ID}, []int{2, 0}},
		"event":        {models.DeliveryQuery{EventRef: first.Event.Ref}, []int{1, 0}},
		"status":       {models.DeliveryQuery{Status: models.StatusDelivering}, []int{2}},
		"pending":      {models.DeliveryQuery{Status: models.StatusPending, SubscriptionID: one.ID}, []int{0}},
		"name":         {models.DeliveryQuery{EventName: "signer.done"}, []int{3, 2}},
		"family":       {models.DeliveryQuery{EventName: "signer.*"}, []int{3, 2, 1, 0}},
		"sandbox":      {models.DeliveryQuery{Sandbox: &yes}, []int{1, 0}},
		"production":   {models.DeliveryQuery{Sandbox: &no}, []int{3, 2}},
		"from":         {models.DeliveryQuery{From: later}, []int{3}},
		"to":           {models.DeliveryQuery{To: later}, []int{2, 1, 0}},
		"after":        {models.DeliveryQuery{After: all[2].ID}, []int{1, 0}},
		"limit":        {models.DeliveryQuery{Limit: 1}, []int{3}},
	} {
		c.q.OrganizationID = w.org.ID
		if c.q.Limit == 0 {
			c.q.Limit = 100
		}
		list, err := w.Deliveries(w.Context(), c.q)
		require.NoError(w, err, name)
		var got []int
		for _, d := range list {
			i := slices.IndexFunc(all, func(a models.Delivery) bool { return a.ID == d.ID })
			require.GreaterOrEqual(w, i, 0, name)
			require.Equal(w, all[i], d, name)
			got = append(got, i)
		}
		require.Equal(w, c.want, got, name)
	}
	list, err := w.Deliveries(w.Context(), models.DeliveryQuery{OrganizationID: w.organization("other").ID, SubscriptionID: one.ID, Limit: 9})
	require.NoError(w, err)
	require.Empty(w, list)
}

func exercisePages(w *world) {
	sub := w.subscribe()
	want := map[models.ID]bool{}
	for range 7 {
		a := w.event(sub)
		w.save(a)
		want[a.Event.Ref] = true
	}
	got := map[models.ID]bool{}
	q := models.EventQuery{OrganizationID: w.org.ID, Limit: 2}
	for page := 0; ; page++ {
		require.Less(w, page, 9)
		list, err := w.Events(w.Context(), q)
		require.NoError(w, err)
		for _, e := range list {
			require.False(w, got[e.Ref], fmt.Sprint(page))
			got[e.Ref] = true
			q.After = e.Ref
		}
		if len(list) < q.Limit {
			break
		}
		w.save(w.event(sub)) // newer: it does not move the pages
	}
	require.Equal(w, want, got)
}

// byStatus is a ledger's part of so many pending deliveries and no others.
func byStatus(pending int64) map[models.DeliveryStatus]int64 {
	m := map[models.DeliveryStatus]int64{}
	for _, status := range models.Statuses() {
		m[status] = 0
	}
	m[models.StatusPending] = pending
	return m
}

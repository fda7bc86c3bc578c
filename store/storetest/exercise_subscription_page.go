package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// exerciseSubscriptionPage covers filters, search and pages of the list that people see.
func exerciseSubscriptionPage(w *world) {
	ctx := w.Context()
	other := w.organization("other")
	text := func(s string) *string { return &s }
	newest := func(change func(*models.Subscription)) *models.Subscription { return w.subscribe(change) }
	contracts := newest(func(s *models.Subscription) {
		s.Endpoint, s.Description, s.Events = "https://hooks.example.com/Contracts", text("Team 100%_sure"), []models.Pattern{"signer.*"}
	})
	sandbox := newest(func(s *models.Subscription) { s.Sandbox = true })
	off := newest(func(s *models.Subscription) { s.Enabled = false })
	held := newest(func(s *models.Subscription) { s.Description = text("held") })
	gone := newest(func(*models.Subscription) {})
	foreign := w.spec(other.ID)
	require.NoError(w, w.CreateSubscription(ctx, foreign, 0, models.ID{}))
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, gone.ID, models.ID{}, w.clock.Now()))
	_, _, err := w.SuspendSubscription(ctx, w.org.ID, held.ID, models.SuspendedManual, w.clock.Now(), time.Time{})
	require.NoError(w, err)
	a := owned(w.event(contracts), w.register("a"))
	w.save(a)
	require.Empty(w, w.record(succeeded(a.Deliveries[0], w.clock.Now())))
	team := NewID()
	require.NoError(w, w.CreateWorkspace(ctx, models.Workspace{ID: team, OrganizationID: w.org.ID, Name: "team", CreatedAt: w.clock.Now()}, 0))
	w.change(off, func(s *models.Subscription) { s.Workspaces = []string{team.String()} })
	w.change(held, func(s *models.Subscription) { require.NoError(w, s.Rotate(secondSecret, overlap, w.clock.Now())) })

	page := func(change func(*models.SubscriptionQuery)) []models.ID {
		w.Helper()
		q := models.SubscriptionQuery{OrganizationID: w.org.ID, Limit: 10}
		change(&q)
		list, err := w.SubscriptionPage(ctx, q)
		require.NoError(w, err)
		ids := []models.ID{}
		for _, l := range list {
			ids = append(ids, l.ID)
		}
		return ids
	}
	yes, no := true, false
	ids := func(list ...*models.Subscription) []models.ID {
		out := []models.ID{}
		for _, s := range list {
			out = append(out, s.ID)
		}
		return out
	}
	for name, c := range map[string]struct {
		change func(*models.SubscriptionQuery)
		want   []models.ID
	}{
		"all":                {func(*models.SubscriptionQuery) {}, ids(held, off, sandbox, contracts)},
		"sandbox":            {func(q *models.SubscriptionQuery) { q.Sandbox = &yes }, ids(sandbox)},
		"production":         {func(q *models.SubscriptionQuery) { q.Sandbox = &no }, ids(held, off, contracts)},
		"active":             {func(q *models.SubscriptionQuery) { q.State = models.SubscriptionsActive }, ids(sandbox, contracts)},
		"suspended":          {func(q *models.SubscriptionQuery) { q.State = models.SubscriptionsSuspended }, ids(held)},
		"disabled":           {func(q *models.SubscriptionQuery) { q.State = models.SubscriptionsDisabled }, ids(off)},
		"silent":             {func(q *models.SubscriptionQuery) { q.State = models.SubscriptionsSilent }, ids(sandbox)},
		"rotating":           {func(q *models.SubscriptionQuery) { q.State = models.SubscriptionsRotating }, ids(held)},
		"some":               {func(q *models.SubscriptionQuery) { q.IDs = []models.ID{off.ID, foreign.ID} }, ids(off)},
		"of a workspace":     {func(q *models.SubscriptionQuery) { q.WorkspaceID = team }, ids(held, off, sandbox, contracts)},
		"of another":         {func(q *models.SubscriptionQuery) { q.WorkspaceID = NewID() }, ids(held, sandbox, contracts)},
		"endpoint, any case": {func(q *models.SubscriptionQuery) { q.Text = "cONTRACTs" }, ids(contracts)},
		"description":        {func(q *models.SubscriptionQuery) { q.Text = "team" }, ids(contracts)},
		"what LIKE knows":    {func(q *models.SubscriptionQuery) { q.Text = "100%_" }, ids(contracts)},
		"means itself":       {func(q *models.SubscriptionQuery) { q.Text = "e_m" }, ids()},
		"event":              {func(q *models.SubscriptionQuery) { q.Text = "signer." }, ids(contracts)},
		"id":                 {func(q *models.SubscriptionQuery) { q.Text = off.ID.String() }, ids(off)},
		"foreign id":         {func(q *models.SubscriptionQuery) { q.Text = foreign.ID.String() }, ids()},
		"search and state": {func(q *models.SubscriptionQuery) {
			q.Text, q.State = "contracts", models.SubscriptionsDisabled
		}, ids()},
		"a page":   {func(q *models.SubscriptionQuery) { q.Limit = 2 }, ids(held, off)},
		"the next": {func(q *models.SubscriptionQuery) { q.Limit, q.After = 2, off.ID }, ids(sandbox, contracts)},
	} {
		require.Equal(w, c.want, page(c.change), name)
	}

	list, err := w.SubscriptionPage(ctx, models.SubscriptionQuery{OrganizationID: w.org.ID, Limit: 10})
	require.NoError(w, err)
	require.Equal(w, "Team 100%_sure", list[3].Description)
	require.Equal(w, []models.Pattern{"signer.*"}, list[3].Events)
	require.Equal(w, models.SuspendedManual, list[0].StateReason)
}

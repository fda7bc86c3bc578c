package storetest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func ruleTests() []exercise {
	return []exercise{
		{"versions are listed with who and when", testVersions},
		{"rules as of a revision are what they were", testRulesAsOf},
		{"events know the revision of their rules", testEventRevision},
		{"recent events are bounded and without data", testRecentEvents},
		{"sightings say how far they looked", testSightings},
		{"subscriptions of an endpoint", testSubscriptionsTo},
	}
}

func testVersions(w *world) {
	key := w.key(w.org.ID)
	sub := w.spec(w.org.ID)
	require.NoError(w, w.CreateSubscription(w.Context(), sub, 0, key.ID))
	second := w.clock.Advance(time.Minute)
	changed, err := w.UpdateSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, second, func(s *models.Subscription) error {
		s.Sandbox, s.Secret = true, models.NewSecret("an0ther-an0ther-an0ther-an0ther-")
		return nil
	})
	require.NoError(w, err)
	third := w.clock.Advance(time.Minute)
	require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, sub.ID, key.ID, third))

	q := models.VersionQuery{OrganizationID: w.org.ID, SubscriptionID: sub.ID, Limit: 10}
	list, err := w.SubscriptionVersions(w.Context(), q)
	require.NoError(w, err)
	require.Len(w, list, 3)
	require.Equal(w, []int{3, 2, 1}, []int{list[0].Subscription.Version, list[1].Subscription.Version, list[2].Subscription.Version})
	require.Equal(w, third, list[0].Subscription.DeletedAt, "also of a deleted one")
	require.Equal(w, []time.Time{third, second, sub.CreatedAt}, []time.Time{list[0].ChangedAt, list[1].ChangedAt, list[2].ChangedAt})
	require.Equal(w, []models.ID{key.ID, {}, key.ID}, []models.ID{list[0].ChangedBy, list[1].ChangedBy, list[2].ChangedBy})
	require.Equal(w, []string{key.Hint, "", key.Hint}, []string{list[0].KeyHint, list[1].KeyHint, list[2].KeyHint})
	require.Equal(w, changed, list[1].Subscription, "with its secret, which is how a change of it is known")

	q.Before, q.Limit = 3, 1
	page, err := w.SubscriptionVersions(w.Context(), q)
	require.NoError(w, err)
	require.Equal(w, list[1:2], page)
	production := false
	q = models.VersionQuery{OrganizationID: w.org.ID, SubscriptionID: sub.ID, Sandbox: &production, Limit: 10}
	page, err = w.SubscriptionVersions(w.Context(), q)
	require.NoError(w, err)
	require.Equal(w, list[2:], page)
	q.OrganizationID = w.organization("other").ID
	page, err = w.SubscriptionVersions(w.Context(), q)
	require.NoError(w, err)
	require.Empty(w, page)
}

// testRulesAsOf changes subscriptions at random and asks afterwards what they were at each revision.
func testRulesAsOf(w *world) {
	random := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- choices of a test
	patterns := [][]models.Pattern{{"*"}, {"signer.done"}, {"signer.*", "contact.created"}}
	type moment struct {
		revision int64
		at       time.Time
		rules    map[models.ID]*models.Subscription
	}
	now := map[models.ID]*models.Subscription{}
	moments := []moment{{at: w.clock.Now().Add(-time.Hour), rules: map[models.ID]*models.Subscription{}}}
	for range 40 {
		at := w.clock.Advance(time.Second)
		var live []*models.Subscription
		for _, s := range now {
			if s.DeletedAt.IsZero() {
				live = append(live, s)
			}
		}
		slices.SortFunc(live, func(a, b *models.Subscription) int { return a.ID.Compare(b.ID) })
		var sub *models.Subscription
		switch die := random.IntN(6); {
		case die == 0 && len(live) > 0:
			sub = live[random.IntN(len(live))]
			require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, at))
			gone := *sub
			gone.DeletedAt, gone.UpdatedAt, gone.Version, gone.Revision, gone.StoppedBelow = at, at, sub.Version+1, w.revision(), sub.Version+1
			if !sub.Enabled {
				gone.StoppedBelow = sub.StoppedBelow
			}
			sub = &gone
		case die < 3 || len(live) == 0:
			sub = w.subscribe(func(s *models.Subscription) { s.Events, s.Sandbox = patterns[random.IntN(3)], random.IntN(2) == 0 })
		default:
			sub = w.change(live[random.IntN(len(live))], func(s *models.Subscription) {
				s.Enabled, s.Events, s.Sandbox = random.IntN(3) > 0, patterns[random.IntN(3)], random.IntN(2) == 0
			})
		}
		now[sub.ID] = sub
		rules := make(map[models.ID]*models.Subscription, len(now))
		for id, s := range now {
			rules[id] = s
		}
		moments = append(moments, moment{w.revision(), at, rules})
	}
	other := w.spec(w.organization("other").ID)
	require.NoError(w, w.CreateSubscription(w.Context(), other, 0, models.ID{}))

	for _, m := range moments {
		for _, q := range []models.RulesQuery{{Revision: m.revision}, {Revision: models.RevisionUnknown, At: m.at}} {
			q.OrganizationID, q.Limit = w.org.ID, 7
			list := w.rulesAsOf(q)
			require.Len(w, list, len(now), "each that ever existed")
			require.True(w, slices.IsSortedFunc(list, func(a, b models.RulesThen) int { return a.ID.Compare(b.ID) }))
			for _, then := range list {
				want := m.rules[then.ID]
				if want == nil {
					require.Nil(w, then.Then, "at revision %d", m.revision)
					continue
				}
				bare := *want
				bare.Secret = models.Secret{}
				require.Equal(w, &bare, then.Then, "at revision %d", m.revision)
			}
		}
	}
	last := moments[len(moments)-1]
	for id, s := range last.rules {
		for _, sandbox := range []bool{true, false} {
			q := models.RulesQuery{OrganizationID: w.org.ID, SubscriptionID: id, Sandbox: &sandbox, Revision: last.revision, Limit: 2}
			list, err := w.RulesAsOf(w.Context(), q)
			require.NoError(w, err)
			require.Equal(w, s.Sandbox == sandbox, len(list) == 1)
		}
	}
}

// rulesAsOf are all that a query selects, page by page.
func (w *world) rulesAsOf(q models.RulesQuery) (list []models.RulesThen) {
	w.Helper()
	for {
		page, err := w.RulesAsOf(w.Context(), q)
		require.NoError(w, err)
		if list = append(list, page...); len(page) < q.Limit {
			return list
		}
		q.After = page[len(page)-1].ID
	}
}

func testEventRevision(w *world) {
	before := w.event()
	w.save(before)
	sub := w.subscribe()
	after := w.event(sub)
	batch := []*models.Accepted{after, w.event(sub)}
	_, err := w.SaveEvents(w.Context(), 5, batch) // matched by rules that this database is not at: the gate alone can't tell
	require.NoError(w, err)
	e, err := w.Event(w.Context(), w.org.ID, before.Event.ID)
	require.NoError(w, err)
	require.NotEqual(w, int64(models.RevisionUnknown), e.Revision)
	for _, a := range batch {
		e, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
		require.NoError(w, err)
		require.Equal(w, int64(5), e.Revision)
	}
	list, err := w.Events(w.Context(), models.EventQuery{OrganizationID: w.org.ID, Limit: 2})
	require.NoError(w, err)
	require.Equal(w, int64(5), list[0].Revision)
}

func testRecentEvents(w *world) {
	var want []models.ID
	for i := range 30 {
		w.clock.Advance(time.Millisecond)
		a := w.event()
		a.Event.Sandbox = i%3 == 0
		w.save(a)
		if a.Event.Sandbox {
			want = append([]models.ID{a.Event.Ref}, want...)
		}
	}
	other := w.event()
	other.Event.OrganizationID = w.organization("other").ID
	w.save(other)
	for _, c := range []struct{ limit, scan, want int }{{100, 100, 10}, {4, 100, 4}, {100, 9, 3}, {100, 30, 10}} {
		list, err := w.RecentEvents(w.Context(), w.org.ID, true, c.limit, c.scan)
		require.NoError(w, err)
		require.Len(w, list, c.want)
		for i, e := range list {
			require.Equal(w, want[i], e.Ref)
			require.Empty(w, e.Data)
			require.Equal(w, "signer.done", e.Name)
		}
	}
}

func testSightings(w *world) {
	start := w.clock.Now()
	names := []string{"signer.done", "contact.created", "signer.done", "signer.notified", "contact.created"}
	var at []time.Time
	for i, name := range names {
		at = append(at, w.clock.Advance(time.Hour))
		a := w.event()
		a.Event.Name, a.Event.Sandbox = name, i == 3
		w.save(a)
	}
	all := models.Sightings{
		Names:  []models.Sighting{{Name: "contact.created", Count: 2, Last: at[4]}, {Name: "signer.done", Count: 2, Last: at[2]}},
		Events: 4, Since: start, Complete: true,
	}
	got, err := w.Sightings(w.Context(), w.org.ID, false, start, 5)
	require.NoError(w, err)
	require.Equal(w, all, got)
	got, err = w.Sightings(w.Context(), w.org.ID, true, start, 5)
	require.NoError(w, err)
	require.Equal(w, []models.Sighting{{Name: "signer.notified", Count: 1, Last: at[3]}}, got.Names)
	got, err = w.Sightings(w.Context(), w.org.ID, false, at[2], 5)
	require.NoError(w, err)
	require.True(w, got.Complete)
	require.Equal(w, 2, got.Events)
	got, err = w.Sightings(w.Context(), w.org.ID, false, start, 2)
	require.NoError(w, err)
	require.False(w, got.Complete)
	require.Equal(w, at[2], got.Since, "one more than scan is looked at")
	got, err = w.Sightings(w.Context(), w.organization("other").ID, false, start, 2)
	require.NoError(w, err)
	require.Equal(w, models.Sightings{Since: start, Complete: true}, got)
}

func testSubscriptionsTo(w *world) {
	const endpoint = "https://shared.example/hooks"
	var want []models.ID
	for i := range 4 {
		sub := w.subscribe(func(s *models.Subscription) { s.Endpoint, s.Sandbox = endpoint, i == 3 })
		if i < 3 {
			want = append(want, sub.ID)
		}
	}
	slices.SortFunc(want, models.ID.Compare)
	w.subscribe()
	w.subscribe(func(s *models.Subscription) { s.Endpoint, s.Enabled = endpoint, false })
	gone := w.subscribe(func(s *models.Subscription) { s.Endpoint = endpoint })
	require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, gone.ID, models.ID{}, w.clock.Now()))
	foreign := w.spec(w.organization("other").ID)
	foreign.Endpoint = endpoint
	require.NoError(w, w.CreateSubscription(w.Context(), foreign, 0, models.ID{}))
	for limit, n := range map[int]int{10: 3, 2: 2} {
		list, err := w.SubscriptionsTo(w.Context(), w.org.ID, false, endpoint, limit)
		require.NoError(w, err)
		require.Len(w, list, n)
		for i, s := range list {
			require.Equal(w, want[i], s.ID)
			require.True(w, s.Secret.IsZero())
		}
	}
	unknown := w.spec(w.org.ID)
	unknown.Workspaces = []string{NewID().String()}
	require.Equal(w, models.CodeInvalid, models.CodeOf(w.CheckSubscription(w.Context(), unknown)))
	require.NoError(w, w.CheckSubscription(w.Context(), w.spec(w.org.ID)))
}

package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func tenantTests() []exercise {
	return []exercise{
		{"organizations", exerciseOrganizations},
		{"a page of organizations", exerciseOrganizationPage},
		{"workspaces", exerciseWorkspaces},
		{"workspaces are bounded", exerciseWorkspaceQuota},
		{"bounds hold under parallel creates", exerciseParallelBounds},
		{"a workspace that subscriptions name stays", exerciseNamedWorkspace},
		{"keys", exerciseKeys},
		{"rate windows are shared by all instances", exerciseRateWindows},
		{"a refused call is counted in no window", exerciseRefusedHits},
		{"parallel hits are all counted", exerciseParallelHits},
		{"parallel hits stay within the limit", exerciseParallelLimit},
	}
}

func exerciseOrganizationPage(w *world) {
	ctx := w.Context()
	ids := map[string]models.ID{w.org.Name: w.org.ID}
	for _, name := range []string{"Nordwind 100%", "atelier_blanc", "atelier blanc", "nordwind", "zeta"} {
		ids[name] = NewID()
		require.NoError(w, w.CreateOrganization(ctx, models.Organization{ID: ids[name], Name: name, CreatedAt: w.clock.Now()}))
	}
	names := func(q models.OrganizationQuery) (list []string) {
		found, err := w.OrganizationPage(ctx, q)
		require.NoError(w, err)
		for _, o := range found {
			require.Equal(w, ids[o.Name], o.ID)
			list = append(list, o.Name)
		}
		return list
	}
	whole, err := w.Organizations(ctx)
	require.NoError(w, err)
	var all, paged []string
	for _, o := range whole {
		all = append(all, o.Name)
	}
	require.Len(w, all, len(ids))
	after := ""
	for {
		page := names(models.OrganizationQuery{After: after, Limit: 2})
		if len(page) == 0 {
			break
		}
		paged, after = append(paged, page...), page[len(page)-1]
	}
	require.Equal(w, all, paged, "pages are the list in its order, nothing twice and nothing left out")

	for text, want := range map[string][]string{
		"NORDWIND": {"Nordwind 100%", "nordwind"}, "100%": {"Nordwind 100%"}, "r_b": {"atelier_blanc"}, "%": {"Nordwind 100%"}, `\`: nil,
		ids["zeta"].String(): {"zeta"}, NewID().String(): nil,
	} {
		require.ElementsMatch(w, want, names(models.OrganizationQuery{Text: text, Limit: 10}), text)
	}
	require.Len(w, names(models.OrganizationQuery{Text: "nordwind", After: names(models.OrganizationQuery{Text: "nordwind", Limit: 1})[0], Limit: 10}), 1)
}

func exerciseOrganizations(w *world) {
	ctx := w.Context()
	quota := 0
	beta := models.Organization{ID: NewID(), Name: "beta", CreatedAt: w.clock.Now(), SubscriptionQuota: &quota}
	require.NoError(w, w.CreateOrganization(ctx, beta))
	w.requireCode(models.CodeConflict, w.CreateOrganization(ctx, models.Organization{ID: NewID(), Name: "beta", CreatedAt: w.clock.Now()}))
	list, err := w.Organizations(ctx)
	require.NoError(w, err)
	require.Equal(w, []models.Organization{w.org, beta}, list)

	got, err := w.Organization(ctx, beta.ID)
	require.NoError(w, err)
	require.Equal(w, beta, got)
	got, err = w.OrganizationByName(ctx, "beta")
	require.NoError(w, err)
	require.Equal(w, beta, got)
	_, err = w.Organization(ctx, NewID())
	w.requireCode(models.CodeNotFound, err)
	_, err = w.OrganizationByName(ctx, "Beta")
	w.requireCode(models.CodeNotFound, err)

	five := 5
	got, err = w.UpdateOrganization(ctx, beta.ID, func(o *models.Organization) error {
		o.Name, o.SubscriptionQuota = "gamma", &five
		return nil
	})
	require.NoError(w, err)
	stored, err := w.Organization(ctx, beta.ID)
	require.NoError(w, err)
	require.Equal(w, got, stored)
	require.Equal(w, "gamma", stored.Name)
	require.Equal(w, 5, *stored.SubscriptionQuota)
	stored, err = w.UpdateOrganization(ctx, beta.ID, func(o *models.Organization) error {
		o.SubscriptionQuota = nil
		return nil
	})
	require.NoError(w, err)
	require.Nil(w, stored.SubscriptionQuota)

	_, err = w.UpdateOrganization(ctx, beta.ID, func(o *models.Organization) error {
		o.Name = "acme"
		return nil
	})
	w.requireCode(models.CodeConflict, err)
	no := errors.New("no")
	_, err = w.UpdateOrganization(ctx, beta.ID, func(o *models.Organization) error {
		o.Name = "delta"
		return no
	})
	require.ErrorIs(w, err, no)
	_, err = w.OrganizationByName(ctx, "delta")
	w.requireCode(models.CodeNotFound, err)
	_, err = w.UpdateOrganization(ctx, NewID(), func(*models.Organization) error { return nil })
	w.requireCode(models.CodeNotFound, err)
}

func exerciseWorkspaces(w *world) {
	ctx := w.Context()
	var all []models.Workspace
	for _, name := range []string{"one", "two", "three"} {
		ws := models.Workspace{ID: NewID(), OrganizationID: w.org.ID, Name: name, CreatedAt: w.clock.Now()}
		require.NoError(w, w.CreateWorkspace(ctx, ws, 0))
		all = append(all, ws)
	}
	w.requireCode(models.CodeConflict, w.CreateWorkspace(ctx, all[0], 0))
	other := w.organization("other")
	same := all[0]
	same.OrganizationID = other.ID
	require.NoError(w, w.CreateWorkspace(ctx, same, 0), "an id is unique within its organization only")
	lost := same
	lost.OrganizationID = NewID()
	w.requireCode(models.CodeNotFound, w.CreateWorkspace(ctx, lost, 0))

	list, err := w.Workspaces(ctx, w.org.ID, models.ID{}, 10)
	require.NoError(w, err)
	require.Equal(w, all, list)
	list, err = w.Workspaces(ctx, w.org.ID, all[0].ID, 1)
	require.NoError(w, err)
	require.Equal(w, all[1:2], list)

	require.NoError(w, w.DeleteWorkspace(ctx, w.org.ID, all[0].ID))
	w.requireCode(models.CodeNotFound, w.DeleteWorkspace(ctx, w.org.ID, all[0].ID))
	list, err = w.Workspaces(ctx, other.ID, models.ID{}, 10)
	require.NoError(w, err)
	require.Equal(w, []models.Workspace{same}, list)
}

func exerciseWorkspaceQuota(w *world) {
	ctx := w.Context()
	other := w.organization("other")
	create := func(org, id models.ID, quota int) error {
		return w.CreateWorkspace(ctx, models.Workspace{ID: id, OrganizationID: org, Name: "one", CreatedAt: w.clock.Now()}, quota)
	}
	first := NewID()
	require.NoError(w, create(w.org.ID, first, 2))
	require.NoError(w, create(w.org.ID, NewID(), 2))
	refused := NewID()
	err := create(w.org.ID, refused, 2)
	w.requireCode(models.CodeQuota, err)
	require.ErrorContains(w, err, "2 workspaces")
	_, err = w.Workspace(ctx, w.org.ID, refused)
	w.requireCode(models.CodeNotFound, err)
	w.requireCode(models.CodeConflict, create(w.org.ID, first, 2)) // what is there is known though there is no room
	require.NoError(w, create(other.ID, first, 2), "each organization has its own")
	require.NoError(w, create(w.org.ID, NewID(), 0), "0 is no limit")
	w.requireCode(models.CodeQuota, create(w.org.ID, NewID(), 2)) // a quota that was lowered
	require.NoError(w, w.DeleteWorkspace(ctx, w.org.ID, first))
	require.NoError(w, create(w.org.ID, NewID(), 3))
}

// exerciseParallelBounds fills what is bounded from two instances at the same time.
func exerciseParallelBounds(w *world) {
	ctx, now := w.Context(), w.clock.Now()
	const room = 3
	for range models.MaxInboxes - room {
		w.inbox(w.org.ID)
	}
	var job models.Resend
	for range models.MaxRunningResends - room {
		job = w.resend()
	}
	other := w.open()
	for name, create := range map[string]func(*store.Store, models.ID) error{
		"workspaces": func(s *store.Store, id models.ID) error {
			return s.CreateWorkspace(ctx, models.Workspace{ID: id, OrganizationID: w.org.ID, CreatedAt: now}, room)
		},
		"keys": func(s *store.Store, id models.ID) error {
			return s.CreateOwnKey(ctx, models.APIKey{
				ID: id, OrganizationID: w.org.ID, Hash: [32]byte(append(id[:], id[:]...)), Role: models.RoleReader, Environment: models.Sandbox, CreatedAt: now,
			}, room)
		},
		"inboxes": func(s *store.Store, id models.ID) error {
			return s.CreateInbox(ctx, models.Inbox{
				ID: id, OrganizationID: w.org.ID, Token: id.String(), CreatedAt: now, ExpiresAt: now.Add(time.Hour),
			})
		},
		"jobs": func(s *store.Store, id models.ID) error {
			r := job
			r.ID = id
			return s.CreateResend(ctx, &r)
		},
	} {
		var wg sync.WaitGroup
		errs := make([]error, 4*room)
		for i := range errs {
			s := []*store.Store{w.Store, other}[i%2]
			wg.Go(func() { errs[i] = create(s, NewID()) })
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
				continue
			}
			w.requireCode(models.CodeQuota, err)
		}
		require.Equal(w, room, made, name)
	}
}

func exerciseNamedWorkspace(w *world) {
	ctx := w.Context()
	ws := models.Workspace{ID: NewID(), OrganizationID: w.org.ID, Name: "one", CreatedAt: w.clock.Now()}
	require.NoError(w, w.CreateWorkspace(ctx, ws, 0))
	sub := w.subscribe(func(s *models.Subscription) { s.Workspaces = []string{ws.ID.String()} })
	err := w.DeleteWorkspace(ctx, w.org.ID, ws.ID)
	w.requireCode(models.CodeConflict, err)
	require.ErrorContains(w, err, sub.ID.String())
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, sub.ID, models.ID{}, w.clock.Now()))
	require.NoError(w, w.DeleteWorkspace(ctx, w.org.ID, ws.ID))
}

func exerciseKeys(w *world) {
	ctx := w.Context()
	first, second := w.key(w.org.ID), w.key(w.org.ID)
	elsewhere := w.key(w.organization("other").ID)
	got, err := w.KeyByHash(ctx, second.Hash)
	require.NoError(w, err)
	require.Equal(w, second, got)
	_, err = w.KeyByHash(ctx, [32]byte{1})
	w.requireCode(models.CodeNotFound, err)
	list, err := w.Keys(ctx, w.org.ID)
	require.NoError(w, err)
	require.Equal(w, []models.APIKey{first, second}, list)

	orphan := elsewhere
	orphan.ID, orphan.OrganizationID, orphan.Hash = NewID(), NewID(), [32]byte{2}
	w.requireCode(models.CodeNotFound, w.CreateKey(ctx, orphan))
	twin := first
	twin.ID = NewID()
	w.requireCode(models.CodeConflict, w.CreateKey(ctx, twin))

	at := w.clock.Now()
	require.NoError(w, w.RevokeKey(ctx, first.ID, at))
	require.NoError(w, w.RevokeKey(ctx, first.ID, w.clock.Advance(time.Hour)), "again")
	got, err = w.KeyByHash(ctx, first.Hash)
	require.NoError(w, err)
	require.Equal(w, at, got.RevokedAt, "the first time counts")
	got, err = w.KeyByHash(ctx, second.Hash)
	require.NoError(w, err)
	require.True(w, got.RevokedAt.IsZero())
	w.requireCode(models.CodeNotFound, w.RevokeKey(ctx, NewID(), at))
}

func exerciseRateWindows(w *world) {
	key, other := w.key(w.org.ID), w.key(w.org.ID)
	stores := []*store.Store{w.Store, w.open()}
	noon := time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)
	steps := []struct {
		key          models.ID
		at           time.Time
		minute, hour int
	}{
		{key.ID, noon, 1, 1},
		{key.ID, noon.Add(time.Second), 2, 2},
		{other.ID, noon.Add(time.Second), 1, 1},
		{key.ID, noon.Add(29 * time.Second), 3, 3},
		{key.ID, noon.Add(30 * time.Second), 1, 4},                      // the next minute
		{key.ID, noon.Add(29 * time.Second), 2, 5},                      // an instance whose clock is behind does not open a window again
		{key.ID, noon.Add(59*time.Minute + 30*time.Second), 1, 1},       // the next hour
		{key.ID, noon.Add(-2 * time.Hour), 1, 1},                        // far behind: the other clock was wrong
		{key.ID, noon.Add(-2*time.Hour + 10*time.Millisecond), 2, 2},    //
		{key.ID, noon.Add(time.Hour + time.Minute + time.Second), 1, 1}, // and it goes on
	}
	for i, step := range steps {
		minute, hour, err := stores[i%2].Hit(w.Context(), step.key, 0, 0, step.at)
		require.NoError(w, err)
		require.Equal(w, [2]int{step.minute, step.hour}, [2]int{minute, hour}, "step %d", i)
	}
}

func exerciseRefusedHits(w *world) {
	stores := []*store.Store{w.Store, w.open()}
	noon := time.Date(2026, 11, 20, 12, 0, 30, 0, time.UTC)
	type step struct {
		times        int
		after        time.Duration // since noon
		minute, hour int           // of the last of the calls
	}
	for name, c := range map[string]struct {
		mostMinute, mostHour int
		steps                []step
	}{
		"the minute is full": {2, 10, []step{
			{1, 0, 1, 1},
			{1, 0, 2, 2},
			{1, 0, 3, 2},                // refused: the minute is above its limit, the hour as it was
			{50, time.Second, 3, 2},     // however often
			{2, 30 * time.Second, 2, 4}, // the next minute
			{9, 31 * time.Second, 3, 4},
			{1, 59*time.Minute + 30*time.Second, 1, 1}, // the next hour
		}},
		"the hour is full": {10, 3, []step{
			{3, 0, 3, 3},
			{1, 0, 3, 4},
			{50, time.Second, 3, 4},
			{5, 30 * time.Second, 0, 4}, // a minute that begins with refusals has nothing in it
			{1, 59*time.Minute + 30*time.Second, 1, 1},
		}},
		"both are full":       {2, 2, []step{{2, 0, 2, 2}, {1, 0, 3, 3}, {7, 0, 3, 3}, {4, 30 * time.Second, 0, 3}}},
		"the minute is off":   {0, 2, []step{{2, 0, 2, 2}, {3, 0, 2, 3}}},
		"the hour is off":     {2, 0, []step{{2, 0, 2, 2}, {3, 0, 3, 2}, {1, 30 * time.Second, 1, 3}}},
		"both are off":        {0, 0, []step{{100, 0, 100, 100}}},
		"a limit of one":      {1, 1, []step{{1, 0, 1, 1}, {1, 0, 2, 2}}},
		"the other clock lag": {2, 10, []step{{2, 30 * time.Second, 2, 2}, {3, 29 * time.Second, 3, 2}}},
	} {
		key := w.key(w.org.ID).ID
		for i, step := range c.steps {
			var minute, hour int
			for n := range step.times {
				var err error
				minute, hour, err = stores[n%2].Hit(w.Context(), key, c.mostMinute, c.mostHour, noon.Add(step.after))
				require.NoError(w, err)
			}
			require.Equal(w, [2]int{step.minute, step.hour}, [2]int{minute, hour}, "%s, step %d", name, i)
		}
	}
	// A limit that is made smaller within a window keeps what is counted, so nobody gets more than the larger one.
	key := w.key(w.org.ID).ID
	for _, most := range []int{5, 5, 5, 2, 2, 5, 5, 5} {
		_, _, err := w.Hit(w.Context(), key, most, 0, noon)
		require.NoError(w, err)
	}
	minute, hour, err := w.Hit(w.Context(), key, 5, 0, noon)
	require.NoError(w, err)
	require.Equal(w, [2]int{6, 5}, [2]int{minute, hour})
}

func exerciseParallelHits(w *world) {
	seen := w.hits(40, 0, 0)
	require.Len(w, seen, 40)
	for n := 1; n <= 40; n++ {
		require.Equal(w, 1, seen[[2]int{n, n}])
	}
}

// However many instances count at the same time, exactly as many calls as the limit are let in, and only they are in the hour.
func exerciseParallelLimit(w *world) {
	const most = 7
	seen := w.hits(40, most, 100)
	for n := 1; n <= most; n++ {
		require.Equal(w, 1, seen[[2]int{n, n}])
	}
	require.Equal(w, 40-most, seen[[2]int{most + 1, most}], "the rest is refused")
}

// hits makes n calls of a new key at the same time on two instances and returns how often each pair of counts came back.
func (w *world) hits(n, mostMinute, mostHour int) map[[2]int]int {
	key := w.key(w.org.ID)
	stores := []*store.Store{w.Store, w.open()}
	var mu sync.Mutex
	seen := map[[2]int]int{}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			minute, hour, err := stores[i%2].Hit(w.Context(), key.ID, mostMinute, mostHour, w.clock.Now())
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				seen[[2]int{minute, hour}]++
			}
		})
	}
	wg.Wait()
	return seen
}

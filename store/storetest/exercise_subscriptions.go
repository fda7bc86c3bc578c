package storetest

import (
	"errors"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func subscriptionTests() []exercise {
	return []exercise{
		{"a page of subscriptions for people", exerciseSubscriptionPage},
		{"everything comes back", exerciseRoundTrip},
		{"changes make versions and revisions", exerciseVersions},
		{"a refused change leaves no trace", func(w *world) {
			sub := w.subscribe()
			before := w.revision()
			no := errors.New("no")
			_, err := w.UpdateSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, w.clock.Now(), func(s *models.Subscription) error {
				s.Enabled = false
				return no
			})
			require.ErrorIs(w, err, no)
			got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, sub, got)
			require.Equal(w, before, w.revision())
		}},
		{"a deleted one is gone and stays as a tombstone", exerciseDelete},
		{"lists are of one organization, oldest first", exerciseSubscriptionLists},
		{"changes since a revision", exerciseChangedSince},
		{"quotas", exerciseQuotas},
		{"quotas hold under parallel creates", func(w *world) {
			var wg sync.WaitGroup
			codes := make([]models.Code, 12)
			other := w.open()
			for i := range codes {
				s := w.Store
				if i%2 == 1 {
					s = other
				}
				sub := w.spec(w.org.ID)
				wg.Go(func() {
					codes[i] = ""
					if err := s.CreateSubscription(w.Context(), sub, 5, models.ID{}); err != nil {
						codes[i] = models.CodeOf(err)
					}
				})
			}
			wg.Wait()
			made := 0
			for _, c := range codes {
				if c == "" {
					made++
				} else {
					require.Equal(w, models.CodeQuota, c)
				}
			}
			require.Equal(w, 5, made)
		}},
		{"unknown workspaces are named", exerciseUnknownWorkspaces},
		{"a change that changes nothing leaves no trace", func(w *world) {
			description := "one"
			sub := w.subscribe(func(s *models.Subscription) {
				s.Description = &description
				s.Headers = []models.Header{{Name: "A", Value: models.NewSecret("1")}, {Name: "B", Value: models.NewSecret("2")}}
				require.NoError(w, s.Rotate(secondSecret, overlap, w.clock.Now()))
			})
			revision := w.revision()
			w.clock.Advance(time.Minute)
			got := w.change(sub, func(s *models.Subscription) {
				same := description
				s.Description, s.Headers = &same, []models.Header{s.Headers[1], s.Headers[0]}
				s.Version = 77 // not a change's business
			})
			require.Equal(w, sub, got)
			require.Equal(w, revision, w.revision())
			_, err := w.SubscriptionVersion(w.Context(), w.org.ID, sub.ID, 2)
			w.requireCode(models.CodeNotFound, err)
			changed, err := w.ChangedSince(w.Context(), revision)
			require.NoError(w, err)
			require.Empty(w, changed)
			require.Equal(w, 2, w.change(sub, func(s *models.Subscription) { s.AutoRetry = !s.AutoRetry }).Version)
		}},
		{"parallel updates are all kept", func(w *world) {
			sub := w.subscribe()
			var wg sync.WaitGroup
			const n = 16
			errs := make([]error, n)
			other := w.open()
			for i := range n {
				s := w.Store
				if i%2 == 1 {
					s = other
				}
				wg.Go(func() {
					_, errs[i] = s.UpdateSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, w.clock.Now(), func(s *models.Subscription) error {
						s.MaxInFlight++
						return nil
					})
				})
			}
			wg.Wait()
			require.NoError(w, errors.Join(errs...))
			got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, n, got.MaxInFlight)
			require.Equal(w, n+1, got.Version)
		}},
	}
}

func exerciseRoundTrip(w *world) {
	ctx := w.Context()
	ws := models.Workspace{ID: NewID(), OrganizationID: w.org.ID, Name: "one", CreatedAt: w.clock.Now()}
	require.NoError(w, w.CreateWorkspace(ctx, ws, 0))
	description := "Contracts team 📝"
	full := &models.Subscription{
		ID: NewID(), OrganizationID: w.org.ID, Enabled: true, Sandbox: true, Events: []models.Pattern{"signer.*", "user.completed"},
		Scopes: []string{"app", "public_api"}, Workspaces: []string{ws.ID.String()}, EntityKey: "entity ü", Endpoint: "https://r.example/?q=1",
		Description: &description, Secret: models.NewSecret("k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"), Format: models.FormatYousign,
		Headers: []models.Header{
			{Name: "Authorization", Value: models.NewSecret("Bearer x")}, {Name: "X-Empty", Value: models.NewSecret("")},
		},
		AutoRetry: true, MaxInFlight: 7, RatePerSec: 2.5, TimeoutFirst: 1500 * time.Millisecond, TimeoutRetry: 20 * time.Second,
		CreatedAt: w.clock.Now(),
	}
	bare := &models.Subscription{
		ID: NewID(), OrganizationID: w.org.ID, Events: []models.Pattern{models.Any}, Scopes: []string{models.Any}, Workspaces: []string{models.Any},
		Endpoint: "https://r.example/", Format: models.FormatYousign, CreatedAt: w.clock.Now(),
	}
	for _, sub := range []*models.Subscription{full, bare} {
		want := *sub
		require.NoError(w, w.CreateSubscription(ctx, sub, 0, models.ID{}))
		require.Equal(w, 1, sub.Version)
		require.Equal(w, w.revision(), sub.Revision)
		want.Version, want.Revision = sub.Version, sub.Revision
		require.Equal(w, &want, sub)
		got, err := w.Subscription(ctx, w.org.ID, sub.ID)
		require.NoError(w, err)
		require.Equal(w, &want, got)
		version, err := w.SubscriptionVersion(ctx, w.org.ID, sub.ID, 1)
		require.NoError(w, err)
		require.Equal(w, &want, version)
	}
	nameless := w.spec(w.org.ID)
	nameless.ID, nameless.CreatedAt = models.ID{}, time.Time{}
	require.NoError(w, w.CreateSubscription(ctx, nameless, 0, models.ID{}))
	require.False(w, nameless.ID.IsZero())
	require.Equal(w, w.clock.Now(), nameless.CreatedAt)
	w.requireCode(models.CodeNotFound, w.CreateSubscription(ctx, w.spec(NewID()), 0, models.ID{}))
}

func exerciseVersions(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	now := w.clock.Advance(time.Second)
	next, err := w.UpdateSubscription(ctx, w.org.ID, sub.ID, NewID(), now, func(s *models.Subscription) error {
		require.Equal(w, sub, s)
		s.Endpoint, s.Secret, s.Description = "https://new.example/", models.NewSecret("n3wn3wn3wn3wn3wn3wn3wn3wn3wn3wn3"), nil
		s.Version, s.ID, s.CreatedAt, s.DeletedAt = 77, NewID(), now, now // not a change's business
		return nil
	})
	require.NoError(w, err)
	want := *sub
	want.Endpoint, want.Secret = "https://new.example/", models.NewSecret("n3wn3wn3wn3wn3wn3wn3wn3wn3wn3wn3")
	want.Version, want.Revision, want.UpdatedAt = 2, sub.Revision+1, now
	require.Equal(w, &want, next)
	got, err := w.Subscription(ctx, w.org.ID, sub.ID)
	require.NoError(w, err)
	require.Equal(w, &want, got)
	for version, want := range map[int]*models.Subscription{1: sub, 2: &want} {
		got, err := w.SubscriptionVersion(ctx, w.org.ID, sub.ID, version)
		require.NoError(w, err)
		require.Equal(w, want, got)
	}
	_, err = w.SubscriptionVersion(ctx, w.org.ID, sub.ID, 3)
	w.requireCode(models.CodeNotFound, err)
	_, err = w.SubscriptionVersion(ctx, w.organization("other").ID, sub.ID, 1)
	w.requireCode(models.CodeNotFound, err)
}

func exerciseDelete(w *world) {
	ctx := w.Context()
	sub := w.subscribe()
	other := w.organization("other")
	w.requireCode(models.CodeNotFound, w.DeleteSubscription(ctx, other.ID, sub.ID, models.ID{}, w.clock.Now()))
	_, err := w.Subscription(ctx, other.ID, sub.ID)
	w.requireCode(models.CodeNotFound, err)
	_, err = w.UpdateSubscription(ctx, other.ID, sub.ID, models.ID{}, w.clock.Now(), func(*models.Subscription) error { return nil })
	w.requireCode(models.CodeNotFound, err)

	now := w.clock.Advance(time.Second)
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, sub.ID, models.ID{}, now))
	_, err = w.Subscription(ctx, w.org.ID, sub.ID)
	w.requireCode(models.CodeNotFound, err)
	w.requireCode(models.CodeNotFound, w.DeleteSubscription(ctx, w.org.ID, sub.ID, models.ID{}, now))
	_, err = w.UpdateSubscription(ctx, w.org.ID, sub.ID, models.ID{}, now, func(*models.Subscription) error { return nil })
	w.requireCode(models.CodeNotFound, err)
	list, err := w.Subscriptions(ctx, w.org.ID, nil)
	require.NoError(w, err)
	require.Empty(w, list)
	changed, err := w.ChangedSince(ctx, sub.Revision)
	require.NoError(w, err)
	require.Len(w, changed, 1)
	require.Equal(w, now, changed[0].DeletedAt)
	require.Equal(w, 2, changed[0].Version)
	require.Equal(w, sub.Secret, changed[0].Secret)
}

func exerciseSubscriptionLists(w *world) {
	ctx := w.Context()
	first := w.subscribe()
	w.clock.Advance(time.Second)
	second := w.subscribe(func(s *models.Subscription) { s.Sandbox = true })
	w.clock.Advance(time.Second)
	third := w.subscribe(func(s *models.Subscription) { s.Enabled = false })
	other := w.organization("other")
	foreign := w.spec(other.ID)
	require.NoError(w, w.CreateSubscription(ctx, foreign, 0, models.ID{}))
	yes, no := true, false
	for _, c := range []struct {
		org     models.ID
		sandbox *bool
		want    []*models.Subscription
	}{
		{w.org.ID, nil, []*models.Subscription{first, second, third}},
		{w.org.ID, &yes, []*models.Subscription{second}},
		{w.org.ID, &no, []*models.Subscription{first, third}},
		{other.ID, nil, []*models.Subscription{foreign}},
		{NewID(), nil, []*models.Subscription{}},
	} {
		got, err := w.Subscriptions(ctx, c.org, c.sandbox)
		require.NoError(w, err)
		require.Equal(w, c.want, got)
	}
}

func exerciseChangedSince(w *world) {
	ctx := w.Context()
	first, second, third := w.subscribe(), w.subscribe(), w.subscribe()
	second = w.change(second, func(s *models.Subscription) { s.Enabled = false })
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, third.ID, models.ID{}, w.clock.Now()))
	first = w.change(first, func(s *models.Subscription) { s.EntityKey = "x" })

	all, err := w.ChangedSince(ctx, 0)
	require.NoError(w, err)
	require.Equal(w, []*models.Subscription{second, first}, all, "from 0: what is not deleted, in order of revision")
	since, err := w.ChangedSince(ctx, second.Revision)
	require.NoError(w, err)
	require.Len(w, since, 2)
	require.Equal(w, third.ID, since[0].ID)
	require.False(w, since[0].DeletedAt.IsZero())
	require.Equal(w, first, since[1])
	none, err := w.ChangedSince(ctx, w.revision())
	require.NoError(w, err)
	require.Empty(w, none)
}

func exerciseQuotas(w *world) {
	ctx := w.Context()
	create := func(quota int) error { return w.CreateSubscription(ctx, w.spec(w.org.ID), quota, models.ID{}) }
	require.NoError(w, create(2))
	sub := w.spec(w.org.ID)
	require.NoError(w, w.CreateSubscription(ctx, sub, 2, models.ID{}))
	before := w.revision()
	w.requireCode(models.CodeQuota, create(2))
	require.Equal(w, before, w.revision())
	require.NoError(w, create(0), "no quota")
	require.NoError(w, w.DeleteSubscription(ctx, w.org.ID, sub.ID, models.ID{}, w.clock.Now()))
	require.NoError(w, create(3), "a deleted one does not count")
	set := func(quota *int) {
		_, err := w.UpdateOrganization(ctx, w.org.ID, func(o *models.Organization) error {
			o.SubscriptionQuota = quota
			return nil
		})
		require.NoError(w, err)
	}
	four, none := 4, 0
	set(&four)
	require.NoError(w, create(1), "the organization's own goes first")
	w.requireCode(models.CodeQuota, create(100))
	set(&none)
	require.NoError(w, create(1))
}

func exerciseUnknownWorkspaces(w *world) {
	ctx := w.Context()
	ws := models.Workspace{ID: NewID(), OrganizationID: w.org.ID, Name: "one", CreatedAt: w.clock.Now()}
	require.NoError(w, w.CreateWorkspace(ctx, ws, 0))
	foreign := models.Workspace{ID: NewID(), OrganizationID: w.organization("other").ID, Name: "one", CreatedAt: w.clock.Now()}
	require.NoError(w, w.CreateWorkspace(ctx, foreign, 0))
	requireFields := func(err error, names ...string) {
		w.requireCode(models.CodeInvalid, err)
		var e *models.Error
		require.ErrorAs(w, err, &e)
		var got []string
		for _, f := range e.Fields {
			got = append(got, f.Name)
		}
		require.Equal(w, names, got)
	}
	sub := w.spec(w.org.ID)
	sub.Workspaces = []string{NewID().String(), ws.ID.String(), foreign.ID.String(), "nonsense"}
	requireFields(w.CreateSubscription(ctx, sub, 0, models.ID{}), "workspaces[0]", "workspaces[2]", "workspaces[3]")
	sub.Workspaces = []string{ws.ID.String()}
	require.NoError(w, w.CreateSubscription(ctx, sub, 0, models.ID{}))
	_, err := w.UpdateSubscription(ctx, w.org.ID, sub.ID, models.ID{}, w.clock.Now(), func(s *models.Subscription) error {
		s.Workspaces = []string{ws.ID.String(), NewID().String()}
		return nil
	})
	requireFields(err, "workspaces[1]")
}

package store_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestFloorWaitsForWhatWasHandedOver is an installation that was away for some days, with deliveries in the hand of an instance. No
// index of the queue shows these, and they wait again when they are taken over.
func TestFloorWaitsForWhatWasHandedOver(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	s := storetest.Open(t, store.Options{URL: storetest.PostgresURL(t), Now: clock.Now})
	w := newQueued(t, s, clock.Now())
	require.NoError(t, s.EnsurePartitions(w.ctx, clock.Now().AddDate(0, 0, -5), clock.Now()))
	present := clock.Now()
	clock.Advance(-4 * 24 * time.Hour)
	w.now = clock.Now()
	w.register()
	ref := models.FloorID(w.now)
	handed := w.event(w.owner)
	handed.Event.ID, handed.Event.Ref = ref, ref
	handed.Deliveries[0].ID, handed.Deliveries[0].EventRef, handed.Deliveries[0].EventID = models.DeliveryID(ref, 0), ref, ref
	w.save(handed)

	clock.Advance(present.Sub(w.now))
	raise := func() {
		require.NoError(t, s.RaiseFloor(w.ctx, clock.Now()))
		_, err := s.Pulse(w.ctx, clock.Now(), 100*time.Hour)
		require.NoError(t, err)
	}
	raise()
	w.register() // it comes back
	n, err := s.TakeOver(w.ctx, w.owner, clock.Now(), 100*time.Hour, 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	raise()
	backlogs, err := s.Backlog(w.ctx, clock.Now(), 10)
	require.NoError(t, err)
	require.Len(t, backlogs, 1, "it is found again")
	require.Equal(t, w.sub.ID, backlogs[0].SubscriptionID)
	w.now = clock.Now()
	jobs, err := s.Claim(w.ctx, w.owner, w.now, []models.Want{{SubscriptionID: w.sub.ID, Limit: 10}})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
}

// TestFloorDoesNotFollowAWrongClock is one instance whose clock is far ahead. The floor never comes down, so it would hide all that the
// others accept.
func TestFloorDoesNotFollowAWrongClock(t *testing.T) {
	t.Parallel()
	w := newQueued(t, storetest.Postgres(t), time.Now())
	require.NoError(t, w.Deregister(w.ctx, w.owner))
	_, err := w.Rows(w.ctx, "DELETE FROM instances")
	require.NoError(t, err)
	require.NoError(t, w.RaiseFloor(w.ctx, time.Now().AddDate(0, 1, 0)))
	w.save(w.event(0))
	for range 2 { // the first reads the floor
		p, err := w.Pulse(w.ctx, w.now, time.Hour)
		require.NoError(t, err)
		require.True(t, p.Due)
	}
}

// TestDeadInstanceIsKeptWhileItsRowsAreLocked is a take-over beside another one that fails: what that one had locked is passed over,
// and must not be forgotten for that.
func TestDeadInstanceIsKeptWhileItsRowsAreLocked(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	s := storetest.Open(t, store.Options{URL: url})
	w := newQueued(t, s, time.Now())
	w.save(w.event(w.owner), w.event(0))
	require.NoError(t, w.claim())
	require.NoError(t, s.Deregister(w.ctx, w.owner))
	exec := func(db interface {
		ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	}, query string,
	) {
		_, err := db.ExecContext(w.ctx, query)
		require.NoError(t, err)
	}
	other, err := sql.Open("pgx", url)
	require.NoError(t, err)
	defer other.Close()
	take := func() int {
		n, err := s.TakeOver(w.ctx, 0, time.Now(), 100*time.Hour, 10)
		require.NoError(t, err)
		return n
	}
	silent := func() bool {
		p, err := s.Pulse(w.ctx, time.Now(), 100*time.Hour)
		require.NoError(t, err)
		return p.Silent
	}
	for _, last := range []bool{false, true} {
		if last {
			exec(other, "UPDATE instances SET swept = TRUE, heartbeat_at = heartbeat_at - 7200000")
		}
		tx, err := other.BeginTx(w.ctx, nil)
		require.NoError(t, err)
		exec(tx, "UPDATE deliveries SET updated_at = updated_at + 1")
		require.Zero(t, take())
		require.NoError(t, tx.Rollback())
		require.True(t, silent(), "there is something left; last look: %t", last)
	}
	require.Equal(t, 2, take())
	require.False(t, silent())
}

// newQueued is a store with an organization, a subscription and an instance.
func newQueued(t *testing.T, s *store.Store, now time.Time) *interrupted {
	t.Helper()
	w := &interrupted{Store: s, t: t, ctx: t.Context(), now: now, org: storetest.NewID()}
	require.NoError(t, s.CreateOrganization(w.ctx, models.Organization{ID: w.org, Name: "acme", CreatedAt: now}))
	w.sub = &models.Subscription{OrganizationID: w.org, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(w.ctx, w.sub, 0, models.ID{}))
	w.register()
	return w
}

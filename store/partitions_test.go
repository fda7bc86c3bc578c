package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestPartitionsBesideTraffic makes partitions while instances accept, claim and record, which lock the same tables in another order.
func TestPartitionsBesideTraffic(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx := t.Context()
	now := time.Now()
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
	require.NoError(t, s.CreateOrganization(ctx, org))
	sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))

	made := make(chan struct{})
	errs := make([]error, 3)
	rounds := make([]int, len(errs))
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for stopped := false; !stopped && errs[i] == nil; rounds[i]++ {
				select {
				case <-made:
					stopped = true
				default:
				}
				errs[i] = oneRound(ctx, s, int64(i+1), org.ID, sub, now)
			}
		})
	}
	day := time.Date(2032, 1, 1, 0, 0, 0, 0, time.UTC)
	makers := make([]error, 2) // instances that start at the same time
	var making sync.WaitGroup
	for i := range makers {
		making.Go(func() { makers[i] = s.EnsurePartitions(ctx, day, day.AddDate(0, 0, 9)) })
	}
	making.Wait()
	close(made)
	wg.Wait()
	for _, err := range append(errs, makers...) {
		require.NoError(t, err)
	}
	for _, n := range rounds {
		require.Positive(t, n)
	}
	rows, err := s.Rows(ctx, "SELECT count(*) AS n FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relname LIKE '%s_2032%' AND c.relkind = 'r'")
	require.NoError(t, err)
	require.EqualValues(t, 30, rows[0]["n"])
}

// oneRound accepts an event with a key of its own, which takes a transaction of several statements, claims and records.
func oneRound(ctx context.Context, s *store.Store, owner int64, org models.ID, sub *models.Subscription, now time.Time) error {
	ref := storetest.NewID()
	a := &models.Accepted{
		Event: models.Event{ID: ref, Ref: ref, OrganizationID: org, Name: "a", AcceptedAt: now, Matched: 1, Data: []byte(`{}`), Chosen: true},
		Deliveries: []models.Delivery{{
			ID: storetest.NewID(), OrganizationID: org, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID,
			SubscriptionVersion: 1, Status: models.StatusPending, CreatedAt: now, DueAt: now,
		}},
	}
	if _, err := s.SaveEvents(ctx, sub.Revision, []*models.Accepted{a}); err != nil {
		return err
	}
	jobs, err := s.Claim(ctx, owner, now, []models.Want{{SubscriptionID: sub.ID, Limit: 2}})
	if err != nil {
		return err
	}
	results := make([]models.Result, len(jobs))
	for i, j := range jobs {
		results[i] = models.Result{Delivery: j.Delivery, Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: now, Success: true}}
	}
	_, err = s.Record(ctx, results)
	return err
}

// TestHeartbeatsBesideReads takes every connection that lists are read by and sees that the instance's own work goes on.
func TestHeartbeatsBesideReads(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx := t.Context()
	owner, err := s.RegisterInstance(ctx, "a")
	require.NoError(t, err)
	release, err := s.HoldReaders(ctx)
	require.NoError(t, err)
	defer release()
	late, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = s.Organizations(late)
	require.Equal(t, models.CodeUnavailable, models.CodeOf(err), "a list waits")
	own, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	require.NoError(t, s.Heartbeat(own, owner, models.ID{}))
	_, err = s.Pulse(own, time.Now(), time.Hour)
	require.NoError(t, err)
	_, err = s.ChangedSince(own, 0)
	require.NoError(t, err)
	_, err = s.Owned(own, owner, time.Now(), 10)
	require.NoError(t, err)
	require.NoError(t, s.Ping(own))
}

// TestReadsEnd looks at the limit of a list's time, and at what has none.
func TestReadsEnd(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	reads, accepts, writes, err := s.Timeouts(t.Context())
	require.NoError(t, err)
	require.Equal(t, "10s", reads)
	require.Equal(t, "30s", accepts, "less than a dead instance's number is remembered")
	require.Equal(t, "0", writes)
	_, err = s.Ledger(t.Context())
	require.NoError(t, err)
	reads, _, _, err = s.Timeouts(t.Context())
	require.NoError(t, err)
	require.Equal(t, "10s", reads, "the ledger lifts it for itself only")
}

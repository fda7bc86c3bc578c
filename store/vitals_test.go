package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestVitals lets each of the figures move.
func TestVitals(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, ctx, now := open(t), t.Context(), time.Now()
			v, err := s.Vitals(ctx, now)
			require.NoError(t, err)
			require.True(t, v.OldestDue.IsZero(), "nothing is due")
			require.Zero(t, v.Instances)
			require.WithinDuration(t, now, v.Clock, 5*time.Second)

			_, err = s.RegisterInstance(ctx, "one")
			require.NoError(t, err)
			gone, err := s.RegisterInstance(ctx, "two")
			require.NoError(t, err)
			require.NoError(t, s.Deregister(ctx, gone))

			org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
			require.NoError(t, s.CreateOrganization(ctx, org))
			sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
			require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
			ref, due := storetest.NewID(), now.Add(-time.Minute)
			accepted := &models.Accepted{
				Event: models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: due, Matched: 1, Data: []byte(`{}`)},
				Deliveries: []models.Delivery{{
					ID: models.DeliveryID(ref, 0), OrganizationID: org.ID, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID,
					SubscriptionVersion: 1, Status: models.StatusPending, CreatedAt: due, DueAt: due,
				}},
			}
			_, err = s.SaveEvents(ctx, sub.Revision, []*models.Accepted{accepted})
			require.NoError(t, err)

			v, err = s.Vitals(ctx, now)
			require.NoError(t, err)
			require.Equal(t, 1, v.Instances)
			require.WithinDuration(t, due, v.OldestDue, time.Millisecond)
			before, err := s.Vitals(ctx, now.Add(-time.Hour))
			require.NoError(t, err)
			require.True(t, before.OldestDue.IsZero(), "it was not due then")

			if name == "sqlite" {
				require.Equal(t, -1, v.PartitionsAhead)
				require.Equal(t, int64(-1), v.DeadRows)
				return
			}
			today := now.UTC().Truncate(24 * time.Hour)
			ahead := v.PartitionsAhead
			require.NoError(t, s.EnsurePartitions(ctx, today, today.AddDate(0, 0, ahead+2)))
			v, err = s.Vitals(ctx, now)
			require.NoError(t, err)
			require.Equal(t, ahead+2, v.PartitionsAhead)
		})
	}
}

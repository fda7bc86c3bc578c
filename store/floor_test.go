package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestFloor covers what keeps a look at the queue as cheap with a year of days as with one: it begins at the day of the oldest delivery
// that waits, and finds everything that does.
func TestFloor(t *testing.T) {
	t.Parallel()
	s := storetest.Postgres(t)
	ctx, now := t.Context(), time.Now().UTC()
	today := now.Truncate(24 * time.Hour)
	require.NoError(t, s.EnsurePartitions(ctx, today.AddDate(0, 0, -40), today))
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
	require.NoError(t, s.CreateOrganization(ctx, org))
	sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, s.CreateSubscription(ctx, sub, 0, models.ID{}))
	owner, err := s.RegisterInstance(ctx, "a")
	require.NoError(t, err)
	accept := func(at time.Time) models.Delivery {
		ref := models.FloorID(at)
		d := models.Delivery{
			ID: models.DeliveryID(ref, 0), OrganizationID: org.ID, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: sub.ID,
			SubscriptionVersion: 1, Status: models.StatusPending, CreatedAt: at, DueAt: at,
		}
		_, err := s.SaveEvents(ctx, sub.Revision, []*models.Accepted{{
			Event:      models.Event{ID: ref, Ref: ref, OrganizationID: org.ID, Name: "a", AcceptedAt: at, Matched: 1, Data: []byte(`{}`)},
			Deliveries: []models.Delivery{d},
		}})
		require.NoError(t, err)
		return d
	}
	finish := func(jobs int) {
		t.Helper()
		for range jobs {
			claimed, err := s.Claim(ctx, owner, now, []models.Want{{SubscriptionID: sub.ID, Limit: 1}})
			require.NoError(t, err)
			require.Len(t, claimed, 1)
			require.NoError(t, s.RaiseFloor(ctx, now))
			p, err := s.Pulse(ctx, now, time.Hour)
			require.NoError(t, err)
			require.LessOrEqual(t, s.Floor().Compare(claimed[0].Delivery.ID), 0, "%v: what is claimed holds the floor, too", p)
			_, err = s.Record(ctx, []models.Result{{Delivery: claimed[0].Delivery, Status: models.StatusDelivered}})
			require.NoError(t, err)
		}
	}
	// raised is the day where the floor is then, counted from today, and the partitions that a pulse looks at.
	raised := func(due bool) (day, partitions int) {
		t.Helper()
		require.NoError(t, s.RaiseFloor(ctx, now))
		for range 2 { // the first reads the floor, the second goes by it
			p, err := s.Pulse(ctx, now, time.Hour)
			require.NoError(t, err)
			require.Equal(t, due, p.Due)
		}
		rows, err := s.Rows(ctx, "EXPLAIN "+store.PulseSQL, map[string]any{
			"now": 1, "since": gorm.Expr("id >= ?", s.Floor().String()), "silent": 1, "forgotten": 1,
		})
		require.NoError(t, err)
		for _, r := range rows {
			if strings.Contains(fmt.Sprint(r), "due_at") && strings.Contains(fmt.Sprint(r), "Scan") {
				partitions++
			}
		}
		return int(s.Floor().Time().Sub(today) / (24 * time.Hour)), partitions
	}

	day, partitions := raised(false)
	require.Equal(t, -1, day)
	require.Less(t, partitions, 15)
	fresh := accept(now.Add(-time.Hour))
	day, _ = raised(true)
	require.Equal(t, -1, day)

	old := models.FloorID(today.AddDate(0, 0, -2))
	_, err = s.SaveEvents(ctx, sub.Revision, []*models.Accepted{{Event: models.Event{
		ID: old, Ref: old, OrganizationID: org.ID, Name: "a", AcceptedAt: now, Data: []byte(`{}`),
	}}})
	require.Equal(t, models.CodeUnavailable, models.CodeOf(err), "an instance whose clock is behind")

	// Nothing makes an old delivery wait, so these are put there before the floor has risen.
	s.SetFloor(ctx, t, models.FloorID(time.Time{}))
	accept(today.AddDate(0, 0, -20).Add(time.Hour))
	accept(today.AddDate(0, 0, -3))
	day, partitions = raised(true)
	require.Equal(t, -20, day)
	require.Greater(t, partitions, 15)
	backlogs, err := s.Backlog(ctx, now, 10)
	require.NoError(t, err)
	require.Len(t, backlogs, 1)
	require.Equal(t, sub.ID, backlogs[0].SubscriptionID)
	finish(1)
	day, _ = raised(true)
	require.Equal(t, -3, day)
	finish(2)
	day, partitions = raised(false)
	require.Equal(t, -1, day)
	require.Less(t, partitions, 15)
	got, err := s.Delivery(ctx, org.ID, fresh.ID)
	require.NoError(t, err)
	require.Equal(t, models.StatusDelivered, got.Status)

	// One of a day that has no partition holds the floor where it is.
	s.SetFloor(ctx, t, models.FloorID(time.Time{}))
	accept(today.AddDate(0, 0, -60))
	day, _ = raised(true)
	require.Less(t, day, -60)
	finish(1)
	day, _ = raised(false)
	require.Equal(t, -1, day)
}

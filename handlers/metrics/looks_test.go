package metrics

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestDatabaseIsShown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.vitals = models.Vitals{
		OldestDue: w.clock.Add(-90 * time.Second), Suspended: 2, Instances: 3, PartitionsAhead: 6, DeadRows: 1234, Clock: w.clock.Add(250 * time.Millisecond),
	}
	one := models.Ledger{Events: 10, Expected: 12, ByStatus: map[models.DeliveryStatus]int64{models.StatusDelivered: 11, models.StatusPending: 1}}
	two := models.Ledger{Events: 1, Expected: 5, ByStatus: map[models.DeliveryStatus]int64{models.StatusDelivered: 4}} // one is missing
	w.db.ledger = func(context.Context) ([]models.Ledger, error) { return []models.Ledger{one, two}, nil }
	w.has(map[string]float64{
		`hookrouter_database_look_success{look="queue"}`:   1,
		`hookrouter_database_look_success{look="ledger"}`:  1,
		"hookrouter_queue_oldest_due_seconds":              90,
		"hookrouter_instances_live":                        3,
		"hookrouter_subscriptions_suspended":               2,
		"hookrouter_partitions_ahead":                      6,
		"hookrouter_queue_dead_rows":                       1234,
		"hookrouter_database_clock_offset_seconds":         0.25,
		`hookrouter_ledger_deliveries{status="delivered"}`: 15,
		`hookrouter_ledger_deliveries{status="pending"}`:   1,
		`hookrouter_ledger_deliveries{status="parked"}`:    0,
		"hookrouter_ledger_events":                         11,
		"hookrouter_ledger_matches":                        17,
		"hookrouter_ledger_unbalanced_organizations":       1,
	})
}

// TestWhatADatabaseDoesNotHaveIsLeftOut is SQLite.
func TestWhatADatabaseDoesNotHaveIsLeftOut(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.vitals.PartitionsAhead, w.vitals.DeadRows = -1, -1
	page := w.page()
	require.NotContains(t, page, "hookrouter_partitions_ahead")
	require.NotContains(t, page, "hookrouter_queue_dead_rows")
	require.InDelta(t, 0, page["hookrouter_queue_oldest_due_seconds"], 0, "nothing is due")

	w = setup(t, func(o *Options) { o.Vitals = nil })
	require.NotContains(t, w.page(), "hookrouter_queue_oldest_due_seconds")
	require.Contains(t, w.page(), "hookrouter_ledger_events")
}

// TestLooksAreKept scrapes without pause: the database is asked once in 10 and once in 15 seconds.
func TestLooksAreKept(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for range 60 {
		w.page()
		w.clock = w.clock.Add(time.Second)
	}
	require.Equal(t, int64(6+4), w.db.looks.Load())
	w.clock = w.clock.Add(-55 * time.Second) // a clock that was set back
	require.Contains(t, w.page(), "hookrouter_ledger_events")
}

func TestFailedLookIsLeftOutAndNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Contains(t, w.page(), "hookrouter_ledger_events")
	w.clock = w.clock.Add(time.Minute)
	good := w.db.ledger
	w.db.ledger = failing
	w.db.vitals = func(context.Context, time.Time) (models.Vitals, error) { return models.Vitals{}, errors.New("away") }
	page := w.page()
	require.NotContains(t, page, "hookrouter_ledger_events", "an old figure must not look new")
	require.NotContains(t, page, "hookrouter_instances_live")
	require.NotContains(t, page, `hookrouter_database_look_age_seconds{look="ledger"}`)
	w.has(map[string]float64{`hookrouter_database_look_success{look="queue"}`: 0, `hookrouter_database_look_success{look="ledger"}`: 0})
	require.Contains(t, page, "hookrouter_events_waiting", "everything else is shown")

	looks := w.db.looks.Load()
	w.db.ledger = good
	w.clock = w.clock.Add(9 * time.Second)
	w.page()
	require.Equal(t, looks, w.db.looks.Load(), "a database in trouble is not asked more often")
	w.clock = w.clock.Add(6 * time.Second)
	require.Contains(t, w.page(), "hookrouter_ledger_events")
}

// TestSlowDatabaseDoesNotHoldUpAScrape lets looks hang for ever: their timeout ends them, and the next scrapes do not wait at all.
func TestSlowDatabaseDoesNotHoldUpAScrape(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := setup(t, func(o *Options) { o.Now = time.Now })
		w.db.ledger = func(ctx context.Context) ([]models.Ledger, error) { <-ctx.Done(); return nil, ctx.Err() }
		w.db.vitals = func(ctx context.Context, _ time.Time) (models.Vitals, error) {
			<-ctx.Done()
			return models.Vitals{}, ctx.Err()
		}
		start := time.Now()
		for range 3 { // at the same moment, and after
			go func() { _, _ = w.registry.Gather() }()
		}
		_, err := w.registry.Gather()
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		require.Less(t, 3*time.Second, scrapeTimeout)
		_, err = w.registry.Gather()
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, time.Since(start))
		synctest.Wait()
		require.Equal(t, int64(2), w.db.looks.Load())
	})
}

// TestExpensiveLookIsTakenRarely counts a ledger that takes two seconds: it takes a twentieth of a connection's time at most.
func TestExpensiveLookIsTakenRarely(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := setup(t, func(o *Options) { o.Now, o.Vitals = time.Now, nil })
		w.db.ledger = func(context.Context) ([]models.Ledger, error) { <-time.After(2 * time.Second); return nil, nil }
		for range 400 {
			_, err := w.registry.Gather()
			require.NoError(t, err)
			<-time.After(time.Second)
		}
		require.InDelta(t, 10, w.db.looks.Load(), 1)
	})
}

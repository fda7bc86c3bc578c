package store_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// BenchmarkStats reads and folds statistics: 50 subscriptions with 31 days of hours, and the entries of a minute at full load, which are
// 12,000 with 40 attempts each.
func BenchmarkStats(b *testing.B) {
	for name, open := range map[string]func(testing.TB) *store.Store{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(name, func(b *testing.B) { benchmarkStats(b, open(b)) })
	}
}

func benchmarkStats(b *testing.B, s *store.Store) {
	b.Helper()
	ctx, now := b.Context(), time.Now()
	org := models.Organization{ID: storetest.NewID(), Name: "acme", CreatedAt: now}
	require.NoError(b, s.CreateOrganization(ctx, org))
	var subs []models.ID
	for range 50 {
		sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Format: models.FormatYousign}
		require.NoError(b, s.CreateSubscription(ctx, sub, 0, models.ID{}))
		subs = append(subs, sub.ID)
	}
	took := func(n int) (list []time.Duration) {
		for range n {
			list = append(list, time.Duration(float64(40*time.Millisecond)*(1+rand.ExpFloat64()))) // #nosec G404 -- a benchmark
		}
		return list
	}
	fold := func() {
		_, err := s.FoldStats(ctx)
		require.NoError(b, err)
	}
	for hour := range 31 * 24 {
		for _, sub := range subs {
			require.NoError(b, s.EnterStats(ctx, org.ID, sub, now.Add(-time.Duration(hour)*time.Hour), took(100)...))
		}
	}
	fold()
	hour := now.Truncate(time.Hour)
	month := models.StatsQuery{OrganizationID: org.ID, From: hour.Add(-30 * 24 * time.Hour), To: hour.Add(time.Hour), Interval: time.Hour}
	ask := func(name string, q models.StatsQuery) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, err := s.Stats(ctx, q)
				require.NoError(b, err)
			}
		})
	}
	ask("organization", month)
	named := month
	named.SubscriptionIDs = subs
	ask("named", named)
	b.Run("activity", func(b *testing.B) {
		for range b.N {
			_, err := s.Activity(ctx, org.ID, subs, now)
			require.NoError(b, err)
		}
	})
	b.Run("waiting", func(b *testing.B) {
		for range b.N {
			_, err := s.Waiting(ctx, org.ID, nil, false)
			require.NoError(b, err)
		}
	})
	fill := func() {
		for i := range 12_000 {
			require.NoError(b, s.EnterStats(ctx, org.ID, subs[i%50], now, took(40)...))
		}
	}
	fill()
	ask("unfolded", month)
	b.Run("fold", func(b *testing.B) {
		for i := range b.N {
			b.StopTimer()
			if i > 0 {
				fill()
			}
			b.StartTimer()
			fold()
		}
	})
	if s.Dialect() == "postgres" {
		rows, err := s.Rows(ctx, "SELECT pg_total_relation_size('stat_hours') / count(*) AS bytes, avg(length(counts)) AS counts FROM stat_hours")
		require.NoError(b, err)
		b.Log(rows)
	}
}

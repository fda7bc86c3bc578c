package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// BenchmarkClaim is one round of what brings waiting deliveries into an instance: the look for lanes that have a backlog, and a claim of
// 192 deliveries of 48 lanes. More waits than is claimed. What was claimed is given back outside of the measured time.
func BenchmarkClaim(b *testing.B) {
	const lanes, each = 48, 4
	for name, url := range map[string]func(testing.TB) string{
		"postgres": storetest.PostgresURL,
		"sqlite":   func(tb testing.TB) string { tb.Helper(); return fmt.Sprintf("sqlite://%s/bench.db", tb.TempDir()) },
	} {
		b.Run(name, func(b *testing.B) {
			s := storetest.Open(b, store.Options{URL: url(b)})
			ctx := b.Context()
			org := models.Organization{ID: storetest.NewID(), Name: storetest.NewID().String(), CreatedAt: time.Now()}
			require.NoError(b, s.CreateOrganization(ctx, org))
			owner, err := s.RegisterInstance(ctx, "bench")
			require.NoError(b, err)
			var subs []*models.Subscription
			var wants []models.Want
			for range lanes {
				sub := &models.Subscription{OrganizationID: org.ID, Enabled: true, Endpoint: "https://receiver.example/hooks", Format: models.FormatYousign}
				require.NoError(b, s.CreateSubscription(ctx, sub, 0, models.ID{}))
				subs, wants = append(subs, sub), append(wants, models.Want{SubscriptionID: sub.ID, Limit: each})
			}
			batch, _ := benchBatch(org.ID, subs, 0, []byte(`{"padding":"x"}`), 100)
			for _, a := range batch {
				for i := range a.Deliveries {
					a.Deliveries[i].Status, a.Deliveries[i].Owner, a.Deliveries[i].DueAt = models.StatusPending, 0, a.Deliveries[i].CreatedAt
				}
			}
			_, err = s.SaveEvents(ctx, subs[lanes-1].Revision, batch)
			require.NoError(b, err)
			_, err = s.Pulse(ctx, time.Now(), time.Hour) // learns the floor of the queue
			require.NoError(b, err)
			var look, claim time.Duration
			for b.Loop() {
				start := time.Now()
				backlogs, err := s.Backlog(ctx, time.Now(), 1000)
				require.NoError(b, err)
				require.Len(b, backlogs, lanes)
				look += time.Since(start)
				start = time.Now()
				jobs, err := s.Claim(ctx, owner, time.Now(), wants)
				require.NoError(b, err)
				require.Len(b, jobs, lanes*each)
				claim += time.Since(start)
				b.StopTimer()
				back := make([]models.ID, len(jobs))
				for i := range jobs {
					back[i] = jobs[i].Delivery.ID
				}
				require.NoError(b, s.Release(ctx, owner, back, time.Now()))
				b.StartTimer()
			}
			b.ReportMetric(float64(look.Microseconds())/float64(b.N), "look-us")
			b.ReportMetric(float64(claim.Microseconds())/float64(b.N), "claim-us")
		})
	}
}

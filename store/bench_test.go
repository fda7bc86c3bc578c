package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// BenchmarkPipeline is what the database does for an event: accept it with its deliveries, then record an attempt of each. The
// events come in batches, have 1 KiB of data, and the figure per operation is one event. SQLite is on disk and syncs;
// BENCH_DATABASE_URL names a Postgres to measure instead of the tests' own, which does not.
func BenchmarkPipeline(b *testing.B) {
	for _, d := range []struct {
		name string
		url  func(testing.TB) string
	}{{"sqlite", func(tb testing.TB) string { tb.Helper(); return "sqlite://" + filepath.Join(tb.TempDir(), "bench.db") }}, {"postgres", storetest.PostgresURL}} {
		for _, batch := range []int{1, 50, 500} {
			for _, fanOut := range []int{1, 10} {
				b.Run(fmt.Sprintf("%s/batch=%d/fanout=%d", d.name, batch, fanOut), func(b *testing.B) {
					url := os.Getenv("BENCH_DATABASE_URL")
					if d.name == "sqlite" || url == "" {
						url = d.url(b)
					}
					benchmarkPipeline(b, url, batch, fanOut)
				})
			}
		}
	}
}

func benchmarkPipeline(b *testing.B, url string, size, fanOut int) {
	b.Helper()
	s := storetest.Open(b, store.Options{URL: url})
	ctx := b.Context()
	org := models.Organization{ID: storetest.NewID(), Name: storetest.NewID().String(), CreatedAt: time.Now()}
	require.NoError(b, s.CreateOrganization(ctx, org))
	var subs []*models.Subscription
	for range fanOut {
		sub := &models.Subscription{
			OrganizationID: org.ID, Enabled: true, Events: []models.Pattern{"*"}, Scopes: []string{"*"}, Workspaces: []string{"*"},
			Endpoint: "https://receiver.example/hooks", Format: models.FormatYousign,
		}
		require.NoError(b, s.CreateSubscription(ctx, sub, 0, models.ID{}))
		subs = append(subs, sub)
	}
	owner, err := s.RegisterInstance(ctx, "bench")
	require.NoError(b, err)
	data := []byte(`{"padding":"` + strings.Repeat("x1y2", 250) + `"}`)
	var save, record time.Duration
	before := s.Statements()
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += size {
		b.StopTimer()
		batch, results := benchBatch(org.ID, subs, owner, data, min(size, b.N-done))
		b.StartTimer()
		start := time.Now()
		_, err := s.SaveEvents(ctx, subs[fanOut-1].Revision, batch)
		require.NoError(b, err)
		save += time.Since(start)
		start = time.Now()
		for from := 0; from < len(results); from += 500 {
			fenced, err := s.Record(ctx, results[from:min(from+500, len(results))])
			require.NoError(b, err)
			require.Empty(b, fenced)
		}
		record += time.Since(start)
	}
	b.ReportMetric(float64(save.Microseconds())/float64(b.N), "save-us/event")
	b.ReportMetric(float64(record.Microseconds())/float64(b.N), "record-us/event")
	b.ReportMetric(float64(b.N)/(save+record).Seconds(), "events/s")
	b.ReportMetric(float64(s.Statements()-before)/float64(b.N), "statements/event")
}

func benchBatch(org models.ID, subs []*models.Subscription, owner int64, data []byte, n int) ([]*models.Accepted, []models.Result) {
	var batch []*models.Accepted
	var results []models.Result
	now := time.Now()
	for range n {
		ref := storetest.NewID()
		a := &models.Accepted{Event: models.Event{
			ID: ref, Ref: ref, OrganizationID: org, Name: "signature_request.done", Scope: "public_api", Time: now, Data: data,
			AcceptedAt: now, Matched: len(subs),
		}}
		for _, sub := range subs {
			d := models.Delivery{
				ID: models.DeliveryID(ref, len(a.Deliveries)), OrganizationID: org, EventRef: ref, EventID: ref, EventName: a.Event.Name, SubscriptionID: sub.ID,
				SubscriptionVersion: 1, Status: models.StatusDelivering, Owner: owner, CreatedAt: now, UpdatedAt: now,
			}
			a.Deliveries = append(a.Deliveries, d)
			results = append(results, models.Result{Delivery: d, Status: models.StatusDelivered, Attempt: &models.Attempt{
				StartedAt: now, Success: true, StatusCode: 200, Endpoint: "https://receiver.example/hooks",
				Timings:         models.Timings{FirstByte: time.Millisecond, Total: 2 * time.Millisecond},
				RequestHeaders:  []string{"Content-Type: application/json", "X-Yousign-Retry: 0", "User-Agent: Yousign Webhook Bot"},
				ResponseHeaders: []string{"Content-Length: 2", "Content-Type: text/plain"}, ResponseBody: []byte("ok"),
			}})
		}
		batch = append(batch, a)
	}
	return batch, results
}

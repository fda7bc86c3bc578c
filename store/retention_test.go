package store_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// retentionWorld is a Postgres store with an organization and a subscription.
type retentionWorld struct {
	*store.Store
	org models.ID
	sub *models.Subscription
}

func newRetentionWorld(t *testing.T) *retentionWorld {
	t.Helper()
	w := &retentionWorld{Store: storetest.Postgres(t), org: storetest.NewID()}
	require.NoError(t, w.CreateOrganization(t.Context(), models.Organization{ID: w.org, Name: "acme", CreatedAt: time.Now()}))
	w.sub = &models.Subscription{OrganizationID: w.org, Enabled: true, Format: models.FormatYousign}
	require.NoError(t, w.CreateSubscription(t.Context(), w.sub, 0, models.ID{}))
	_, err := w.Pulse(t.Context(), time.Now(), time.Hour) // which tells it where the queue begins
	require.NoError(t, err)
	return w
}

// accept stores events of an instant, each with one delivery.
func (w *retentionWorld) accept(t *testing.T, at time.Time, n int, status models.DeliveryStatus) []*models.Accepted {
	t.Helper()
	due := at
	if status.Terminal() {
		due = time.Time{}
	}
	batch := make([]*models.Accepted, n)
	for i := range batch {
		ref, floor := storetest.NewID(), models.FloorID(at)
		copy(ref[:6], floor[:6])
		batch[i] = &models.Accepted{
			Event: models.Event{ID: ref, Ref: ref, OrganizationID: w.org, Name: "a", AcceptedAt: at, Matched: 1, Data: []byte(`{}`)},
			Deliveries: []models.Delivery{{
				ID: models.DeliveryID(ref, 0), OrganizationID: w.org, EventRef: ref, EventID: ref, EventName: "a", SubscriptionID: w.sub.ID,
				SubscriptionVersion: 1, Status: status, CreatedAt: at, DueAt: due,
			}},
		}
	}
	_, err := w.SaveEvents(t.Context(), w.sub.Revision, batch)
	require.NoError(t, err)
	return batch
}

func (w *retentionWorld) count(t *testing.T, query string) int {
	t.Helper()
	rows, err := w.Rows(t.Context(), "SELECT count(*)::int AS n FROM "+query)
	require.NoError(t, err)
	n, err := strconv.Atoi(fmt.Sprint(rows[0]["n"]))
	require.NoError(t, err)
	return n
}

// longAgo is a day without a partition until a test makes one.
var longAgo = time.Date(2025, 3, 4, 0, 0, 0, 0, time.UTC)

const keepDays = 30 * 24 * time.Hour

// TestRetentionDropsDays looks at the tables: a day goes with its partitions, what is live of it is in the default partition, and a day
// of which too much is live stays whole.
func TestRetentionDropsDays(t *testing.T) {
	t.Parallel()
	w := newRetentionWorld(t)
	ctx := t.Context()
	next := longAgo.AddDate(0, 0, 1)
	require.NoError(t, w.EnsurePartitions(ctx, longAgo, next))
	w.accept(t, longAgo.Add(time.Hour), 300, models.StatusDelivered)
	live := w.accept(t, longAgo.Add(2*time.Hour), 20, models.StatusPending)
	w.accept(t, next, 501, models.StatusRetrying)
	w.accept(t, longAgo.AddDate(0, 0, -1), 5, models.StatusFailed) // in the default partition

	keep := store.Retention{Events: keepDays, Deliveries: keepDays}
	done, err := w.Expire(ctx, time.Now(), keep)
	require.NoError(t, err)
	require.Equal(t, []string{"deliveries_20250304", "attempts_20250304", "events_20250304"}, done.Days)
	require.Equal(t, []string{"deliveries_20250305", "attempts_20250305", "events_20250305"}, done.Kept)
	require.EqualValues(t, 2*len(live), done.Moved)
	require.EqualValues(t, 5, done.Deliveries, "of the default partition")
	require.EqualValues(t, 5, done.Events)
	require.Equal(t, len(live), w.count(t, "deliveries_default"))
	require.Equal(t, len(live), w.count(t, "events_default"))
	require.Equal(t, 521, w.count(t, "deliveries"))
	require.Zero(t, w.count(t, "pg_class WHERE relname LIKE '%_20250304%'"))

	jobs, err := w.Claim(ctx, register(t, w.Store), time.Now(), []models.Want{{SubscriptionID: w.sub.ID, Limit: 1000}})
	require.NoError(t, err)
	require.Len(t, jobs, 521, "all that is live can be claimed, with its event")
}

// TestRetentionAfterACrash stops between detaching a day and dropping it: the next run drops what is left over, and nothing else.
func TestRetentionAfterACrash(t *testing.T) {
	t.Parallel()
	w := newRetentionWorld(t)
	ctx := t.Context()
	require.NoError(t, w.EnsurePartitions(ctx, longAgo, longAgo.AddDate(0, 0, 1)))
	w.accept(t, longAgo, 10, models.StatusDelivered)
	live := w.accept(t, longAgo, 1, models.StatusPending)
	require.NoError(t, w.DetachDay(ctx, "deliveries", longAgo))
	_, err := w.Rows(ctx, "ALTER TABLE events DETACH PARTITION events_20250305") // by an operator
	require.NoError(t, err)
	require.Equal(t, 1, w.count(t, "deliveries"), "what is live was moved by the same transaction")
	require.Equal(t, 11, w.count(t, "events"))
	require.Equal(t, 11, w.count(t, "deliveries_20250304_expired"))

	done, err := w.Expire(ctx, time.Now(), store.Retention{Deliveries: keepDays})
	require.NoError(t, err)
	require.Contains(t, done.Days, "deliveries_20250304")
	require.Contains(t, done.Days, "attempts_20250304")
	require.Zero(t, w.count(t, "pg_class WHERE relname LIKE '%_expired'"))
	require.Equal(t, 1, w.count(t, "pg_class WHERE relname = 'events_20250305'"))
	_, err = w.Delivery(ctx, w.org, live[0].Deliveries[0].ID)
	require.NoError(t, err)
	require.NoError(t, w.EnsurePartitions(ctx, longAgo, longAgo), "the day can be made again, and takes its rows back")
	require.Equal(t, 1, w.count(t, "deliveries_20250304"))
}

func register(t *testing.T, s *store.Store) int64 {
	t.Helper()
	owner, err := s.RegisterInstance(t.Context(), "retention")
	require.NoError(t, err)
	return owner
}

// load is rounds of accept, claim and record by several instances, and how long each took.
type load struct {
	stop  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	took  []time.Duration
	first error
}

func startLoad(t *testing.T, w *retentionWorld, instances int) *load {
	t.Helper()
	l := &load{stop: make(chan struct{})}
	ctx := t.Context()
	for i := range instances {
		owner, err := w.RegisterInstance(ctx, fmt.Sprint("instance", i))
		require.NoError(t, err)
		l.wg.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				start := time.Now()
				err := oneRound(ctx, w.Store, owner, w.org, w.sub, start)
				l.mu.Lock()
				l.took = append(l.took, time.Since(start))
				if l.first == nil {
					l.first = err
				}
				l.mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	return l
}

// end stops the load and returns the median, the 99th percentile and the longest of its rounds.
func (l *load) end(t *testing.T) (p50, p99, longest time.Duration) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	require.NoError(t, l.first)
	require.NotEmpty(t, l.took)
	slices.Sort(l.took)
	return l.took[len(l.took)/2], l.took[len(l.took)*99/100], l.took[len(l.took)-1]
}

// TestRetentionBesideLoad drops days while instances accept, claim and record, which take the same tables' locks in their own order. It
// prints what the drop does to the delays. TEST_RETENTION_ROWS is how many events the day has: make test-retention says 5,000,000,
// and then the 99th percentile must stay below 1.5 times that without the drop.
func TestRetentionBesideLoad(t *testing.T) {
	t.Parallel()
	w := newRetentionWorld(t)
	ctx := t.Context()
	rows, days, calm := 2000, 5, 300*time.Millisecond
	long := os.Getenv("TEST_RETENTION_ROWS")
	if long != "" {
		var err error
		rows, err = strconv.Atoi(long)
		require.NoError(t, err)
		days, calm = 1, 10*time.Second
	}
	require.NoError(t, w.EnsurePartitions(ctx, longAgo, longAgo.AddDate(0, 0, days-1)))
	for day := range days {
		fillDay(t, w, longAgo.AddDate(0, 0, day), rows)
	}

	if long != "" { // a day that is past its time was vacuumed and written to disk long ago
		for _, table := range []string{"events", "deliveries", "attempts"} {
			_, err := w.Rows(ctx, "VACUUM (FREEZE, ANALYZE) "+table+longAgo.Format("_20060102"))
			require.NoError(t, err)
		}
		_, err := w.Rows(ctx, "CHECKPOINT")
		require.NoError(t, err)
	}

	l := startLoad(t, w, 4)
	<-time.After(calm)
	p50, p99, longest := l.end(t)
	t.Logf("without: p50 %v, p99 %v, longest %v, rounds %d", p50, p99, longest, len(l.took))

	for day := range days { // what is live of the days is claimed while they go
		w.accept(t, longAgo.AddDate(0, 0, day), 100, models.StatusPending)
	}
	l = startLoad(t, w, 4)
	over := time.After(calm)
	start := time.Now()
	var done store.Expired
	for len(done.Days) < 3*days { // a day whose lock is not to be had is left to the next run
		more, err := w.Expire(ctx, time.Now(), store.Retention{Events: keepDays, Deliveries: keepDays})
		require.NoError(t, err)
		done.Days = append(done.Days, more.Days...)
	}
	took := time.Since(start)
	<-over
	p50, dropping, longest := l.end(t)
	t.Logf("with %d days of %d events dropped in %v: p50 %v, p99 %v, longest %v, rounds %d; p99 ratio %.2f",
		days, rows, took, p50, dropping, longest, len(l.took), float64(dropping)/float64(p99))
	require.Zero(t, w.count(t, "pg_class WHERE relname LIKE '%_2025%'"))
	w.drain(t)
	if long != "" {
		require.Less(t, float64(dropping), 1.5*float64(p99))
	}
}

// drain delivers all that waits, and sees by the ledger that nothing is left which can't be found.
func (w *retentionWorld) drain(t *testing.T) {
	t.Helper()
	owner := register(t, w.Store)
	for {
		jobs, err := w.Claim(t.Context(), owner, time.Now(), []models.Want{{SubscriptionID: w.sub.ID, Limit: 500}})
		require.NoError(t, err)
		if len(jobs) == 0 {
			break
		}
		results := make([]models.Result, len(jobs))
		for i, j := range jobs {
			results[i] = models.Result{Delivery: j.Delivery, Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: time.Now(), Success: true}}
		}
		fenced, err := w.Record(t.Context(), results)
		require.NoError(t, err)
		require.Empty(t, fenced)
	}
	ledgers, err := w.Ledger(t.Context())
	require.NoError(t, err)
	require.Equal(t, ledgers[0].Expected, ledgers[0].ByStatus[models.StatusDelivered])
}

// fillDay fills a day with events of 400 bytes that were delivered at once.
func fillDay(t *testing.T, w *retentionWorld, day time.Time, rows int) {
	t.Helper()
	name := day.Format("20060102")
	id := fmt.Sprintf(`(lpad(to_hex(%d + g * (86400000::bigint) / %d), 12, '0') || '7000' || '8000' || lpad(to_hex(g), 12, '0'))::uuid`, day.UnixMilli(), rows)
	fill := func(table, columns, values string) {
		_, err := w.Rows(t.Context(), fmt.Sprintf("INSERT INTO %s_%s (%s) SELECT %s FROM generate_series(0, %d) g", table, name, columns, values, rows-1))
		require.NoError(t, err)
	}
	org, sub := "'"+w.org.String()+"'::uuid", "'"+w.sub.ID.String()+"'::uuid"
	fill("events", "accepted_at, happened_at, organization_id, ref, id, matched, sandbox, name, scope, entity_key, data",
		fmt.Sprintf("%d, 0, %s, %s, %s, 1, false, 'a', '', '', repeat('x', 400)", day.UnixMilli(), org, id, id))
	fill("deliveries", "due_at, owner, created_at, updated_at, organization_id, id, event_ref, event_id, subscription_id, subscription_version, attempts, sandbox, owed, status, reason, event_name",
		fmt.Sprintf("0, 1, 0, 0, %s, %s, %s, %s, %s, 1, 1, false, false, 'delivered', '', 'a'", org, id, id, id, sub))
	fill("attempts", "started_at, organization_id, delivery_id, number, success, body_truncated, status_code, request_headers, response_headers",
		fmt.Sprintf("0, %s, %s, 1, true, false, 200, repeat('h', 300), repeat('h', 100)", org, id))
}

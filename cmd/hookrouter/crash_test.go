package main

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/signing"
	"hookrouter/store"
)

const crashSecret = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"

// journal is a receiver that remembers every arrival before it answers, which is what a receiver that must lose nothing does.
type journal struct {
	mu       sync.Mutex
	arrivals map[string]int       // by event id and subscription
	byID     map[string]int       // by delivery id
	byAgent  map[string]int       // by the caller's name
	first    map[string]time.Time // first arrivals, by event id
	bad      int                  // arrivals whose signature does not verify
}

func newJournal() *journal {
	return &journal{arrivals: map[string]int{}, byID: map[string]int{}, byAgent: map[string]int{}, first: map[string]time.Time{}}
}

func (j *journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := readBody(r)
	j.mu.Lock()
	defer j.mu.Unlock()
	if signing.Verify(r.Header, body, crashSecret) != nil {
		j.bad++
	}
	event := field(body, "event_id")
	j.arrivals[event+" "+field(body, "subscription_id")]++
	j.byID[r.Header.Get(signing.DeliveryHeader)]++
	j.byAgent[r.UserAgent()]++
	if _, known := j.first[event]; !known {
		j.first[event] = time.Now()
	}
	w.WriteHeader(http.StatusOK)
}

// publisher publishes events until it is stopped. Each has an id of its own and is published again until it is accepted.
type publisher struct {
	node     *node
	key      string
	mu       sync.Mutex
	accepted []string
	retried  atomic.Int64
}

func (p *publisher) run(ctx context.Context) {
	for ctx.Err() == nil {
		p.publish(ctx, uuid.NewString())
	}
}

func (p *publisher) publish(ctx context.Context, id string) {
	event := map[string]any{"event_name": "signature_request.done", "event_id": id, "data": map[string]any{"n": 12345678901234567}}
	for {
		status, err := p.node.call(context.WithoutCancel(ctx), http.MethodPost, "/v3/events", p.key, event, nil)
		if err == nil && status == http.StatusAccepted {
			p.mu.Lock()
			p.accepted = append(p.accepted, id)
			p.mu.Unlock()
			return
		}
		p.retried.Add(1)
		// The instance is down or starting. An event that was never accepted may be given up when the load ends.
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestCrash kills the real program with SIGKILL under load, again and again. Every accepted event must arrive at every subscription that
// matched, duplicates must be explained by what was in flight, and the ledger and the statistics must add up after each kill.
func TestCrash(t *testing.T) {
	t.Parallel()
	kills := 20
	if text := os.Getenv("TEST_KILLS"); text != "" {
		var err error
		kills, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	eachDatabase(t, func(t *testing.T, url string) {
		j := newJournal()
		receiver := httptest.NewServer(j)
		defer receiver.Close()
		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		var subscriptions []string
		for range 3 {
			subscriptions = append(subscriptions, n.subscribe(key, receiver.URL, crashSecret, nil))
		}
		db := openStore(t, url)

		ctx, stop := context.WithCancelCause(t.Context())
		p := &publisher{node: n, key: key}
		var load sync.WaitGroup
		for range 8 {
			load.Go(func() { p.run(ctx) })
		}
		mayRepeat := 0
		for kill := range kills {
			<-time.After(time.Duration(100+rand.IntN(300)) * time.Millisecond)
			n.kill()
			mayRepeat += len(j.unrecorded(t, db, time.Time{}))
			ledgers, err := db.Ledger(t.Context())
			require.NoError(t, err)
			require.True(t, ledgers[0].Balanced(), "kill %d: %+v", kill, ledgers[0])
			attemptsCounted(t, db)
			n.start()
		}
		stop(errStopped)
		load.Wait()

		ledger := settled(t, db, time.Minute)
		require.True(t, ledger.Balanced(), "%+v", ledger)
		j.mu.Lock()
		defer j.mu.Unlock()
		lost, repeated := 0, 0
		for _, event := range p.accepted {
			for _, subscription := range subscriptions {
				got := j.arrivals[event+" "+subscription]
				if got == 0 {
					lost++
				}
				repeated += max(0, got-1)
			}
		}
		t.Logf("%d kills, %d events accepted, %d publishes sent again, lost %d, repeated %d of at most %d in flight, ledger %v",
			kills, len(p.accepted), p.retried.Load(), lost, repeated, mayRepeat, ledger.ByStatus)
		require.Zero(t, lost)
		require.Zero(t, j.bad)
		require.NotEmpty(t, p.accepted)
		require.LessOrEqual(t, repeated, mayRepeat)
	})
}

// unrecorded lists the deliveries made before a time, if one is given, that have arrived but whose outcome is not recorded: the calls
// that were in flight when the process was killed. Only these may arrive twice.
func (j *journal) unrecorded(t *testing.T, db *store.Store, before time.Time) (ids []models.ID) {
	t.Helper()
	orgs, err := db.Organizations(t.Context())
	require.NoError(t, err)
	j.mu.Lock()
	defer j.mu.Unlock()
	q := models.DeliveryQuery{OrganizationID: orgs[0].ID, Status: models.StatusDelivering, To: before, Limit: 100}
	for {
		page, err := db.Deliveries(t.Context(), q)
		require.NoError(t, err)
		for _, d := range page {
			if j.byID[d.ID.String()] > 0 {
				ids = append(ids, d.ID)
			}
		}
		if len(page) < q.Limit {
			return ids
		}
		q.After = page[len(page)-1].ID
	}
}

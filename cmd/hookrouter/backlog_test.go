package main

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery"
	"hookrouter/models"
	"hookrouter/routing"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// gauge is the store, with a look at what draining a backlog asks of it.
type gauge struct {
	*store.Store

	mu      sync.Mutex
	claims  []claimed
	claimed int
	records int
	drained int // results recorded
	size    int
	done    chan struct{} // closed when all is drained
}

// claimed is one claim that brought something.
type claimed struct {
	jobs   int
	before int // jobs of earlier claims
	begun  time.Time
	took   time.Duration
}

func (g *gauge) Claim(ctx context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	begun := time.Now()
	jobs, err := g.Store.Claim(ctx, owner, now, wants)
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(jobs) > 0 {
		g.claims = append(g.claims, claimed{len(jobs), g.claimed, begun, time.Since(begun)})
		g.claimed += len(jobs)
	}
	return jobs, err
}

func (g *gauge) Record(ctx context.Context, rs []models.Result) ([]models.ID, error) {
	fenced, err := g.Store.Record(ctx, rs)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.records++
	if err == nil && g.drained < g.size {
		if g.drained += len(rs) - len(fenced); g.drained >= g.size {
			close(g.done)
		}
	}
	return fenced, err
}

// tenth is what was claimed of one tenth of the backlog.
func (g *gauge) tenth(n int) (claims, jobs int, slowest time.Duration, rate int) {
	var times []time.Duration
	var first, last claimed
	for _, c := range g.claims {
		if c.before*10/g.size != n {
			continue
		}
		if claims == 0 {
			first = c
		}
		last = c
		claims++
		jobs += c.jobs
		times = append(times, c.took)
	}
	if claims == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(times)
	span := last.begun.Add(last.took).Sub(first.begun)
	return claims, jobs, times[(len(times)-1)*99/100], int(float64(jobs) / span.Seconds())
}

// backlogSize is how many deliveries wait in the backlog test; a campaign asks for more.
func backlogSize(t *testing.T) int {
	t.Helper()
	text := os.Getenv("TEST_BACKLOG")
	if text == "" {
		return 10_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// A backlog drains at the same cost from the first delivery to the last, and a lane with a long one does not keep a short one waiting.
func TestBacklogDrains(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		size := backlogSize(t)
		db := storetest.Open(t, store.Options{URL: url})
		org := models.Organization{ID: newID(), Name: "acme", CreatedAt: time.Now()}
		require.NoError(t, db.CreateOrganization(t.Context(), org))
		long, short := backlogLane(t, db, org.ID), backlogLane(t, db, org.ID)
		fill(t, db, long, size)
		const few = 50
		fill(t, db, short, few)
		matcher := routing.NewMatcher(db)
		require.NoError(t, matcher.Refresh(t.Context()))
		g := &gauge{Store: db, size: size + few, done: make(chan struct{})}
		var mu sync.Mutex
		sent := map[models.ID]int{}
		longSent, behind := 0, 0
		d, err := delivery.NewDispatcher(delivery.Options{
			Queue: g, Directory: matcher, Name: "backlog", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
			Sender: sends(func(j models.Job) {
				mu.Lock()
				defer mu.Unlock()
				sent[j.Delivery.ID]++
				if j.Delivery.SubscriptionID == long.ID {
					longSent++
				} else {
					behind = max(behind, longSent)
				}
			}),
		})
		require.NoError(t, err)
		require.NoError(t, d.Start(t.Context()))
		d.Overflow([]models.ID{long.ID, short.ID})
		select {
		case <-g.done:
		case <-time.After(10 * time.Minute):
			t.Fatal("the backlog does not drain")
		}
		require.NoError(t, d.Stop(t.Context()))
		require.Len(t, sent, size+few)
		for _, n := range sent {
			require.Equal(t, 1, n)
		}
		require.LessOrEqual(t, behind, 2000, "the short lane had its turn in the first claims")
		for n := range 10 {
			claims, jobs, slowest, rate := g.tenth(n)
			t.Logf("tenth %d: %d claims of %d deliveries, %d/s, p99 of a claim %v", n, claims, jobs, rate, slowest.Round(time.Microsecond))
			require.LessOrEqual(t, claims, jobs/100+10, "claims are of many at a time, also at the end")
		}
		require.LessOrEqual(t, g.records, size/20, "and so are records")
	})
}

// sends is a sender whose calls succeed at once.
type sends func(models.Job)

func (s sends) Send(_ context.Context, j models.Job) models.Attempt {
	s(j)
	return models.Attempt{
		DeliveryID: j.Delivery.ID, OrganizationID: j.Delivery.OrganizationID, Number: j.Delivery.Attempts + 1,
		StartedAt: time.Now(), StatusCode: 200, Success: true, Timings: models.Timings{Total: time.Millisecond},
	}
}

func backlogLane(t *testing.T, db *store.Store, org models.ID) *models.Subscription {
	t.Helper()
	s := &models.Subscription{
		ID: newID(), OrganizationID: org, Enabled: true, Events: []models.Pattern{models.Any}, Scopes: []string{models.Any},
		Workspaces: []string{models.Any}, Endpoint: "https://receiver.example/hooks", Format: models.FormatYousign, AutoRetry: true,
	}
	require.NoError(t, db.CreateSubscription(t.Context(), s, 0, models.ID{}))
	return s
}

// fill stores pending deliveries, each with its event.
func fill(t *testing.T, db *store.Store, s *models.Subscription, n int) {
	t.Helper()
	for n > 0 {
		batch := make([]*models.Accepted, min(n, 1000))
		for i := range batch {
			now, ref := time.Now(), newID()
			batch[i] = &models.Accepted{
				Event: models.Event{ID: ref, Ref: ref, OrganizationID: s.OrganizationID, Name: "a.b", AcceptedAt: now, Time: now, Matched: 1, Data: []byte(`{"n":1}`)},
				Deliveries: []models.Delivery{{
					ID: newID(), OrganizationID: s.OrganizationID, EventRef: ref, EventID: ref, EventName: "a.b", SubscriptionID: s.ID,
					SubscriptionVersion: s.Version, Status: models.StatusPending, CreatedAt: now, DueAt: now,
				}},
			}
		}
		_, err := db.SaveEvents(t.Context(), 1<<40, batch)
		require.NoError(t, err)
		n -= len(batch)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestExplanationsAreExact publishes events while rules change without pause, on PostgreSQL through another instance than the one that
// changes them. Afterwards each event is explained: what is said to have matched is what got a delivery, in the version that it was
// matched with.
func TestExplanationsAreExact(t *testing.T) {
	t.Parallel()
	eachDatabase(t, explanationsAreExact)
}

func explanationsAreExact(t *testing.T, url string) {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	n := newNode(t, url)
	key := n.key("acme", models.RoleAdmin)
	n.start()
	publisher := n
	if strings.HasPrefix(url, "postgres") {
		publisher = newNode(t, url)
		publisher.start()
	}
	const changed = 3
	var webhooks [changed]string
	for i := range webhooks {
		webhooks[i] = n.subscribe(key, receiver.URL, crashSecret, map[string]any{"enabled": i == 0})
	}
	var events []string
	var work sync.WaitGroup
	var published, patched error
	done := make(chan struct{})
	work.Go(func() {
		defer close(done)
		for i := 0; i < 80 && published == nil; i++ {
			var receipt struct {
				ID string `json:"event_id"`
			}
			body := map[string]any{"event_name": []string{"signer.done", "contact.created"}[i%2], "data": map[string]any{}}
			published = publisher.expect(t.Context(), http.StatusAccepted, http.MethodPost, "/v3/events", key, body, &receipt)
			events = append(events, receipt.ID)
		}
	})
	work.Go(func() {
		patches := []map[string]any{{"enabled": true}, {"subscribed_events": []string{"signer.*"}}, {"enabled": false}, {"subscribed_events": []string{"*"}}}
		for i := 0; patched == nil; i++ {
			select {
			case <-done:
				return
			default:
			}
			path := "/v3/webhooks/" + webhooks[i%changed]
			patched = n.expect(t.Context(), http.StatusOK, http.MethodPatch, path, key, patches[i/changed%len(patches)], nil)
		}
	})
	work.Wait()
	require.NoError(t, errors.Join(published, patched))

	db := openStore(t, url)
	settled(t, db, 20*time.Second)
	matches := 0
	for _, event := range events {
		var deliveries struct {
			Data []struct {
				Subscription string `json:"subscription_id"`
				Version      int    `json:"subscription_version"`
			}
		}
		n.must(http.StatusOK, http.MethodGet, "/v3/events/"+event+"/deliveries", key, nil, &deliveries)
		want := map[string]int{}
		for _, d := range deliveries.Data {
			want[d.Subscription] = d.Version
		}
		var explanations struct {
			Data []struct {
				Subscription string `json:"subscription_id"`
				Version      int    `json:"subscription_version"`
				Matched      bool
				Exact        bool
			}
		}
		n.must(http.StatusOK, http.MethodGet, "/v3/events/"+event+"/explain", key, nil, &explanations)
		require.Len(t, explanations.Data, changed)
		got := map[string]int{}
		for _, e := range explanations.Data {
			require.True(t, e.Exact)
			if e.Matched {
				got[e.Subscription] = e.Version
			}
		}
		require.Equal(t, want, got, "event %s", event)
		matches += len(got)
	}
	require.Positive(t, matches)
	askedByOthers(t, n, key, webhooks[0])
}

// askedByOthers asks what else can be asked about a subscription, over the real store.
func askedByOthers(t *testing.T, n *node, key, webhook string) {
	t.Helper()
	var versions struct{ Data []struct{ Version int } }
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks/"+webhook+"/versions?limit=1", key, nil, &versions)
	require.Greater(t, versions.Data[0].Version, 1)

	n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+webhook+"/revert", key, map[string]any{"version": 1}, nil)
	var trial struct {
		Events struct{ Examined int }
		Before int `json:"matched_before"`
		After  int `json:"matched_after"`
		Lost   struct{ Count int }
	}
	change := map[string]any{"id": webhook, "patch": map[string]any{"subscribed_events": []string{"signer.*"}}}
	n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/dry_run", key, change, &trial)
	require.Equal(t, []int{80, 80, 40, 40}, []int{trial.Events.Examined, trial.Before, trial.After, trial.Lost.Count})

	var plan struct {
		Status   string
		Attempts []struct{ At time.Time }
	}
	n.must(http.StatusOK, http.MethodGet, "/v3/webhooks/"+webhook+"/retry_plan?failing_for=2500ms", key, nil, &plan)
	require.Equal(t, "delivered", plan.Status)
	require.Len(t, plan.Attempts, 4, "the schedule of the tests: each second")
	require.Equal(t, 3*time.Second, plan.Attempts[3].At.Sub(plan.Attempts[0].At))
}

// expect is call for answers that have to have a status, outside the test's own goroutine.
func (n *node) expect(ctx context.Context, status int, method, path, key string, body, answer any) error {
	got, err := n.call(ctx, method, path, key, body, answer)
	if err == nil && got != status {
		err = fmt.Errorf("%s %s: %d", method, path, got)
	}
	return err
}

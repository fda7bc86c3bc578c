package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store/storetest"
)

// TestDrain restarts the program with SIGTERM under load: it ends by itself, loses nothing, and since it was given the time to finish its
// calls, nothing arrives twice.
func TestDrain(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		j := newJournal()
		receiver := httptest.NewServer(j)
		defer receiver.Close()
		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		subscription := n.subscribe(key, receiver.URL, crashSecret, nil)

		ctx, stop := context.WithCancelCause(t.Context())
		p := &publisher{node: n, key: key}
		var load sync.WaitGroup
		for range 8 {
			load.Go(func() { p.run(ctx) })
		}
		for range 5 {
			<-time.After(300 * time.Millisecond)
			require.NoError(t, n.terminate(), "SIGTERM ends the program with status 0")
			n.start()
		}
		stop(errStopped)
		load.Wait()
		db := openStore(t, url)
		ledger := settled(t, db, time.Minute)
		require.True(t, ledger.Balanced(), "%+v", ledger)
		j.mu.Lock()
		defer j.mu.Unlock()
		require.NotEmpty(t, p.accepted)
		for _, event := range p.accepted {
			require.Equal(t, 1, j.arrivals[event+" "+subscription], "event %s", event)
		}
		t.Logf("%d events over 5 restarts, %d publishes sent again", len(p.accepted), p.retried.Load())
	})
}

// TestTakeOver kills one of two instances that share a PostgreSQL while its calls hang. The other sends what the dead one owned.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	var mu sync.Mutex
	calls := map[string]int{}
	release := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := field(readBody(r), "event_id")
		mu.Lock()
		calls[id]++
		first := calls[id] == 1
		mu.Unlock()
		if first { // the first call hangs until the test ends: its instance dies with it
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}
	}))
	defer receiver.Close()
	defer close(release)

	one := newNode(t, url, "HOOKROUTER_TIMEOUT_FIRST=60s")
	two := newNode(t, url, "HOOKROUTER_TIMEOUT_FIRST=60s")
	key := one.key("acme", models.RoleAdmin)
	one.start()
	two.start()
	one.subscribe(key, receiver.URL, crashSecret, nil)
	for range 3 {
		one.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{"event_name": "signer.done", "data": map[string]any{}}, nil)
	}
	require.Eventually(t, func() bool { mu.Lock(); defer mu.Unlock(); return len(calls) == 3 }, 10*time.Second, 10*time.Millisecond)
	one.kill()
	killed := time.Now()
	ledger := settled(t, openStore(t, url), 25*time.Second)
	t.Logf("taken over and delivered %s after the kill", time.Since(killed).Round(time.Millisecond))
	require.Less(t, time.Since(killed), 20*time.Second, "the promise is take-over within 20 s; this is a bound, not a measurement")
	require.Equal(t, int64(3), ledger.ByStatus[models.StatusDelivered])
	require.True(t, ledger.Balanced())
}

// TestRulesAreExactOnEveryInstance changes subscriptions on one instance and publishes on the other right after the answer.
func TestRulesAreExactOnEveryInstance(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	one, two := newNode(t, url), newNode(t, url)
	key := one.key("acme", models.RoleAdmin)
	one.start()
	two.start()
	event := map[string]any{"event_name": "signer.done", "data": map[string]any{}}
	matched := func(n *node) int {
		var receipt struct{ Matched int }
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, event, &receipt)
		return receipt.Matched
	}
	require.Zero(t, matched(two))
	for range 20 {
		id := one.subscribe(key, receiver.URL, crashSecret, nil)
		require.Equal(t, 1, matched(two), "created")
		one.must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+id, key, map[string]any{"enabled": false}, nil)
		require.Zero(t, matched(two), "disabled")
		two.must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+id, key, map[string]any{"enabled": true}, nil)
		require.Equal(t, 1, matched(one), "enabled on the other")
		one.must(http.StatusNoContent, http.MethodDelete, "/v3/webhooks/"+id, key, nil, nil)
		require.Zero(t, matched(two), "deleted")
	}
}

// TestRevokedKeyIsRefusedOnEveryInstance revokes a key through one instance that the other has used and remembers.
func TestRevokedKeyIsRefusedOnEveryInstance(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	one, two := newNode(t, url), newNode(t, url)
	one.start()
	two.start()
	db := openStore(t, url)
	event := map[string]any{"event_name": "signer.done", "data": map[string]any{}}
	for range 5 {
		key := one.key("acme", models.RolePublisher)
		two.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, event, nil)
		org, err := db.OrganizationByName(t.Context(), "acme")
		require.NoError(t, err)
		keys, err := db.Keys(t.Context(), org.ID)
		require.NoError(t, err)
		for _, k := range keys {
			one.command("keys", "revoke", k.ID.String())
		}
		two.must(http.StatusUnauthorized, http.MethodPost, "/v3/events", key, event, nil)
	}
}

// TestSecondProcessOnOneSQLiteFileIsRefused starts the program twice on one file.
func TestSecondProcessOnOneSQLiteFileIsRefused(t *testing.T) {
	t.Parallel()
	url := "sqlite://" + t.TempDir() + "/hookrouter.db"
	one := newNode(t, url)
	one.start()
	keys, err := masterKeys(testMasterKey)
	require.NoError(t, err)
	require.NotEmpty(t, keys)
	db := openStore(t, url)
	require.Error(t, db.LockProcess())
}

// TestStalledUploadDoesNotUseUpTheDrain leaves a request half sent while calls to an endpoint are in flight: these still get their time.
func TestStalledUploadDoesNotUseUpTheDrain(t *testing.T) {
	t.Parallel()
	arrived, answer := make(chan struct{}, 1), make(chan struct{})
	var calls atomic.Int32
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls.Add(1)
		arrived <- struct{}{}
		<-answer
	}))
	defer receiver.Close()
	url := "sqlite://" + t.TempDir() + "/hookrouter.db"
	n := newNode(t, url, "HOOKROUTER_TIMEOUT_FIRST=30s", "HOOKROUTER_DRAIN_TIMEOUT=20s")
	key := n.key("acme", models.RoleAdmin)
	n.start()
	n.subscribe(key, receiver.URL, crashSecret, nil)
	n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{"event_name": "signer.done", "data": map[string]any{}}, nil)
	<-arrived
	stalled, err := net.Dial("tcp", n.listen)
	require.NoError(t, err)
	defer stalled.Close()
	_, err = stalled.Write([]byte("POST /v3/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key +
		"\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"))
	require.NoError(t, err)
	// The answer comes when the stalled request has been cut off, which is when its connection ends.
	go func() {
		_, _ = io.Copy(io.Discard, stalled)
		close(answer)
	}()
	require.NoError(t, n.terminate())
	ledger := settled(t, openStore(t, url), time.Second)
	require.Equal(t, int64(1), ledger.ByStatus[models.StatusDelivered], "%v", ledger.ByStatus)
	require.Equal(t, int32(1), calls.Load())
}

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// fleet is several instances of the real program on one PostgreSQL, with a receiver that remembers everything. Each instance calls
// under a name of its own, so that the receiver knows who it was.
type fleet struct {
	t             *testing.T
	nodes         []*node
	key           string
	subscriptions []string
	journal       *journal
	db            *store.Store
}

// newFleet starts instances of these roles and subscribes the receiver, which takes some time to answer, to everything so many times.
func newFleet(t *testing.T, subscriptions int, answering time.Duration, roles ...role) *fleet {
	t.Helper()
	f := &fleet{t: t, journal: newJournal()}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.journal.ServeHTTP(w, r)
		<-time.After(answering)
	}))
	t.Cleanup(receiver.Close)
	url := storetest.PostgresURL(t)
	for i, role := range roles {
		f.nodes = append(f.nodes, newNode(t, url, "HOOKROUTER_ROLE="+string(role), "HOOKROUTER_USER_AGENT="+agent(i)))
	}
	f.key = f.nodes[0].key("acme", models.RoleAdmin)
	var starting sync.WaitGroup
	for _, n := range f.nodes {
		starting.Go(n.launch)
	}
	starting.Wait()
	for _, n := range f.nodes {
		n.awaitReady()
	}
	for range subscriptions {
		f.subscriptions = append(f.subscriptions, f.nodes[0].subscribe(f.key, receiver.URL, crashSecret, nil))
	}
	f.db = openStore(t, url)
	return f
}

func agent(i int) string { return "node-" + strconv.Itoa(i) }

// calls is how many calls an instance has made.
func (f *fleet) calls(i int) int {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	return f.journal.byAgent[agent(i)]
}

// everyoneCalls waits until each of these instances has made more calls than it had when this was called.
func (f *fleet) everyoneCalls(nodes ...int) {
	f.t.Helper()
	before := map[int]int{}
	for _, i := range nodes {
		before[i] = f.calls(i)
	}
	require.Eventually(f.t, func() bool {
		return !slices.ContainsFunc(nodes, func(i int) bool { return f.calls(i) == before[i] })
	}, 30*time.Second, 10*time.Millisecond, "an instance delivers nothing")
}

// load publishes through several instances until it is stopped. Every event is published until it is accepted.
type load struct {
	fleet    *fleet
	through  []*node
	cancel   context.CancelFunc
	running  sync.WaitGroup
	next     atomic.Int64
	mu       sync.Mutex
	accepted map[string]time.Time // by event id: when it was answered
	again    int                  // publishes that were sent again
	most     int                  // the most tries that one event took
	longest  time.Duration        // that one event took
}

// publishing starts so many publishers that go from one instance to the next, with a pause between two events.
func (f *fleet) publishing(publishers int, pause time.Duration, through ...*node) *load {
	ctx, cancel := context.WithCancel(f.t.Context())
	l := &load{fleet: f, through: through, cancel: cancel, accepted: map[string]time.Time{}}
	for range publishers {
		l.running.Go(func() {
			for ctx.Err() == nil {
				l.publish(f.t.Context())
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	return l
}

// publish is a careful client: it gives an instance two seconds, and then, or after any answer but the right one, asks the next.
func (l *load) publish(ctx context.Context) {
	id, begun := uuid.NewString(), time.Now()
	event := map[string]any{"event_name": "signer.done", "event_id": id, "data": map[string]any{"n": 1}}
	first := int(l.next.Add(1))
	for try := 1; ctx.Err() == nil; try++ {
		n := l.through[(first+try)%len(l.through)]
		call, cancel := context.WithTimeout(ctx, 2*time.Second)
		status, err := n.call(call, http.MethodPost, "/v3/events", l.fleet.key, event, nil)
		cancel()
		if err == nil && status == http.StatusAccepted {
			l.mu.Lock()
			l.accepted[id] = time.Now()
			l.again += try - 1
			l.most = max(l.most, try)
			l.longest = max(l.longest, time.Since(begun))
			l.mu.Unlock()
			return
		}
	}
}

// count is how many events are accepted so far.
func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.accepted)
}

// stop ends the load when every event that was begun is accepted.
func (l *load) stop() {
	l.cancel()
	l.running.Wait()
}

// check waits until everything has come to its end, and holds it against what was accepted: nothing lost, the ledger exact, and at most so
// many arrivals too many. It returns how many those were.
func (l *load) check(mayRepeat int) (repeated int) {
	f := l.fleet
	f.t.Helper()
	ledger := settled(f.t, f.db, 25*time.Second)
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	lost := 0
	for id := range l.accepted {
		for _, subscription := range f.subscriptions {
			n := f.journal.arrivals[id+" "+subscription]
			if n == 0 {
				lost++
			}
			repeated += max(0, n-1)
		}
	}
	f.t.Logf("%d events accepted, %d publishes sent again, the longest took %s, lost %d, repeated %d of at most %d, by instance %v, ledger %v",
		len(l.accepted), l.again, l.longest.Round(time.Millisecond), lost, repeated, mayRepeat, f.journal.byAgent, ledger.ByStatus)
	require.NotEmpty(f.t, l.accepted)
	require.Zero(f.t, lost)
	require.Zero(f.t, f.journal.bad)
	require.LessOrEqual(f.t, repeated, mayRepeat)
	require.True(f.t, ledger.Balanced(), "%+v", ledger)
	require.Equal(f.t, int64(len(l.accepted)*len(f.subscriptions)), ledger.ByStatus[models.StatusDelivered], "%+v", ledger)
	return repeated
}

// rounds runs a test once, or as often as the long form of `make test-cluster` wants.
func rounds(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	text := os.Getenv("TEST_CLUSTER_ROUNDS")
	if text == "" {
		test(t)
		return
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	for i := range n {
		t.Run(fmt.Sprint(i+1), test)
	}
}

// TestClusterKill kills one of three instances under load. The others send what it had, within 20 s.
func TestClusterKill(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T) {
		f := newFleet(t, 2, 20*time.Millisecond, roleAll, roleAll, roleAll)
		l := f.publishing(8, 5*time.Millisecond, f.nodes...)
		f.everyoneCalls(0, 1, 2) // publishes are spread, and so are calls
		<-time.After(500 * time.Millisecond)
		f.nodes[2].kill()
		killed := time.Now()
		<-time.After(2 * time.Second) // what the living had in flight at the kill is recorded by then; the dead is not missed yet
		inFlight := f.journal.unrecorded(t, f.db, killed)
		l.stop()
		l.check(len(inFlight))
		t.Logf("all delivered %s after the kill", time.Since(killed).Round(time.Millisecond))
		require.Less(t, time.Since(killed), 20*time.Second, "the promise; this is a bound, not a measurement")
	})
}

// TestClusterSuspend stops one of three instances with SIGSTOP for longer than its silence may last. The others send what it had. When it
// wakes, what it had in hand is refused, and it goes on under a new number.
func TestClusterSuspend(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T) {
		f := newFleet(t, 2, 50*time.Millisecond, roleAll, roleAll, roleAll)
		sleeper := f.nodes[2]
		l := f.publishing(8, 5*time.Millisecond, f.nodes...)
		f.everyoneCalls(2)
		<-time.After(500 * time.Millisecond)
		sleeper.signal(syscall.SIGSTOP)
		stopped := time.Now()
		<-time.After(2 * time.Second)
		inFlight := f.journal.unrecorded(t, f.db, stopped)
		require.NotEmpty(t, inFlight, "it was stopped in the middle of calls")
		l.stop()
		require.Less(t, l.longest, 12*time.Second, "it may hold the key of an event that is sent again, but not for long")
		l.check(len(inFlight))
		require.Greater(t, time.Since(stopped), 8*time.Second, "it was missed first")
		attempts := f.attempts(inFlight)

		sleeper.signal(syscall.SIGCONT)
		require.Eventually(t, func() bool { return sleeper.log.contains("instance.fenced") }, 20*time.Second, 20*time.Millisecond)
		more := f.publishing(2, 5*time.Millisecond, sleeper)
		f.everyoneCalls(2)
		more.stop()
		for id, at := range more.accepted {
			l.accepted[id] = at
		}
		// A call that was about to be made when the instance was stopped is made when it wakes.
		l.check(2 * len(inFlight))
		require.Equal(t, attempts, f.attempts(inFlight), "what the sleeper had in hand leaves no trace")
		require.NoError(t, sleeper.terminate())
	})
}

// attempts is what is recorded of deliveries.
func (f *fleet) attempts(ids []models.ID) [][]models.Attempt {
	f.t.Helper()
	orgs, err := f.db.Organizations(f.t.Context())
	require.NoError(f.t, err)
	var all [][]models.Attempt
	for _, id := range ids {
		attempts, err := f.db.Attempts(f.t.Context(), orgs[0].ID, id)
		require.NoError(f.t, err)
		all = append(all, attempts)
	}
	return all
}

// TestClusterRollingRestart restarts three instances one after the other with SIGTERM under load. Nothing arrives twice, and a publish that
// fails succeeds when it is sent once more.
func TestClusterRollingRestart(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T) {
		f := newFleet(t, 2, 5*time.Millisecond, roleAll, roleAll, roleAll)
		l := f.publishing(8, 5*time.Millisecond, f.nodes...)
		for i, n := range f.nodes {
			f.everyoneCalls(i)
			require.NoError(t, n.terminate(), "SIGTERM ends the program with status 0")
			n.start()
		}
		f.everyoneCalls(0, 1, 2)
		l.stop()
		l.check(0)
		require.LessOrEqual(t, l.most, 2, "tries of one event")
	})
}

// TestClusterRoles lets one kind of instance accept and another send: events get to the workers at once, each worker has its part, and
// restarting them under load repeats nothing.
func TestClusterRoles(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T) {
		f := newFleet(t, 1, 2*time.Millisecond, roleAPI, roleWorker, roleWorker)
		api := f.nodes[0]
		alone := f.publishing(1, 20*time.Millisecond, api)
		<-time.After(2 * time.Second)
		alone.stop()
		alone.check(0)
		var delays []time.Duration
		for id, answered := range alone.accepted {
			delays = append(delays, f.journal.first[id].Sub(answered))
		}
		slices.Sort(delays)
		median := delays[len(delays)/2]
		t.Logf("from the answer to the arrival: median %s, most %s", median, delays[len(delays)-1])
		require.Less(t, median, 200*time.Millisecond, "a worker that only polls would take half a second")

		crowd := f.publishing(16, 0, api)
		<-time.After(2 * time.Second)
		first, second := f.calls(1), f.calls(2)
		require.GreaterOrEqual(t, 4*min(first, second), first+second, "%d and %d: a quarter is the least that is even", first, second)
		for _, worker := range f.nodes[1:] {
			require.NoError(t, worker.terminate())
			worker.start()
		}
		f.everyoneCalls(1, 2)
		crowd.stop()
		for id, at := range alone.accepted {
			crowd.accepted[id] = at
		}
		crowd.check(0)
		require.Zero(t, f.calls(0), "the api instance sends nothing")
		for _, worker := range []int{1, 2} {
			status, err := f.nodes[worker].call(t.Context(), http.MethodPost, "/v3/events", f.key, map[string]any{}, nil)
			require.NoError(t, err)
			require.Equal(t, http.StatusNotFound, status, "a worker has no API")
		}
		for _, n := range f.nodes {
			require.NoError(t, n.terminate())
		}
	})
}

// TestClusterSharesOverflow publishes through one of two instances more than it can send by itself, however slow the machine is, and the
// other helps.
func TestClusterSharesOverflow(t *testing.T) {
	t.Parallel()
	rounds(t, func(t *testing.T) {
		f := newFleet(t, 1, 100*time.Millisecond, roleAll, roleAll)
		// Each makes half of these calls, and they take 100 ms: 20 a second, which any machine publishes in no time.
		f.nodes[0].must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+f.subscriptions[0], f.key, map[string]any{"max_in_flight": 4}, nil)
		l := f.publishing(8, 5*time.Millisecond, f.nodes[0])
		require.Eventually(t, func() bool { return l.count() >= 120 }, 10*time.Second, 5*time.Millisecond)
		l.stop()
		l.check(0)
		busy, helper := f.calls(0), f.calls(1)
		require.GreaterOrEqual(t, 4*helper, busy+helper, "%d and %d", busy, helper)
	})
}

// TestClusterRulesAreExact changes subscriptions through one instance, and publishes through another right after the answer, while others
// again send.
func TestClusterRulesAreExact(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, 0, roleAPI, roleAPI, roleWorker, roleWorker)
	receiver := httptest.NewServer(f.journal)
	defer receiver.Close()
	one, two := f.nodes[0], f.nodes[1]
	total := 0
	matched := func(n *node, want int, what string) {
		var receipt struct{ Matched int }
		n.must(http.StatusAccepted, http.MethodPost, "/v3/events", f.key, map[string]any{"event_name": "signer.done", "data": map[string]any{}}, &receipt)
		require.Equal(t, want, receipt.Matched, what)
		total += receipt.Matched
	}
	matched(two, 0, "nothing yet")
	for range 10 {
		id := one.subscribe(f.key, receiver.URL, crashSecret, nil)
		matched(two, 1, "created")
		one.must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+id, f.key, map[string]any{"enabled": false}, nil)
		matched(two, 0, "disabled")
		two.must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+id, f.key, map[string]any{"enabled": true}, nil)
		matched(one, 1, "enabled on the other")
		one.must(http.StatusNoContent, http.MethodDelete, "/v3/webhooks/"+id, f.key, nil, nil)
		matched(two, 0, "deleted")
	}
	ledger := settled(t, f.db, 20*time.Second)
	require.True(t, ledger.Balanced(), "%+v", ledger)
	require.Equal(t, int64(total), ledger.ByStatus[models.StatusDelivered]+ledger.ByStatus[models.StatusCanceled])
}

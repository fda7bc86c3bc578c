package routing

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// throng is many publishers who publish one event each, again and again until it is stored.
type throng struct {
	*stand
	publishers sync.WaitGroup

	mu      sync.Mutex
	stored  int
	refused int
	longest time.Duration // that anyone waited for an answer
	most    int           // events that waited at the same time
}

// publish lets one more publisher begin. It comes back after the time that the API names in Retry-After.
func (c *throng) publish(t *testing.T, n int) {
	t.Helper()
	e := newEvent("a.b")
	e.ID, e.Chosen = testID('c', n), true
	c.publishers.Go(func() {
		for {
			begun := time.Now()
			err := c.Accept(t.Context(), []*models.Event{e})[0].Err
			c.mu.Lock()
			c.longest = max(c.longest, time.Since(begun))
			if err == nil {
				c.stored++
				c.mu.Unlock()
				return
			}
			c.refused++
			c.mu.Unlock()
			if models.CodeOf(err) != models.CodeUnavailable {
				t.Errorf("publisher %d: %v", n, err)
			}
			<-time.After(time.Second)
		}
	})
}

// begin lets publishers begin, so many in each tenth of a second.
func (c *throng) begin(t *testing.T, n, each int) {
	t.Helper()
	for i := range n {
		c.publish(t, i)
		if i%each == each-1 {
			<-time.After(100 * time.Millisecond)
		}
		c.intake.mu.Lock()
		c.most = max(c.most, c.intake.events)
		c.intake.mu.Unlock()
	}
}

// When the database gets stuck, what waits in memory stays bounded, everyone is answered soon, and when it is back everything is stored.
func TestPublishersAreHeldBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		waiting int           // events that may wait
		sick    time.Duration // how long the database is
		commit  time.Duration // how long one takes meanwhile; 0 for ever
		longest time.Duration // that anyone may wait for an answer
	}{
		"it hangs, and there is much room": {10_000, 40 * time.Second, 0, patience + defaultCommitTimeout},
		"it hangs, and there is no room":   {100, 40 * time.Second, 0, patience + defaultCommitTimeout},
		"it crawls":                        {10_000, 40 * time.Second, 2 * time.Second, patience + 2*time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, func(o *RouterOptions) { o.Committers, o.BatchEvents, o.WaitingEvents = 2, 50, c.waiting })
				s.source.put(1, nil)
				require.NoError(t, s.o.Matcher.Refresh(t.Context()))
				well := time.Now().Add(c.sick)
				s.outbox.before = func(ctx context.Context, _ int, _ []*models.Accepted) error {
					took := time.Millisecond
					if time.Now().Before(well) {
						if took = c.commit; took == 0 {
							took = time.Hour
						}
					}
					select {
					case <-time.After(took):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				s.Start(t.Context())
				all := &throng{stand: s}
				const publishers = 1000
				all.begin(t, publishers, 10) // 100 each second, for 10 s
				all.publishers.Wait()
				require.Equal(t, publishers, all.stored)
				require.Len(t, s.outbox.events, publishers, "each once")
				require.Positive(t, all.refused)
				require.LessOrEqual(t, all.longest, c.longest)
				require.LessOrEqual(t, all.most, c.waiting)
				require.LessOrEqual(t, all.most, 100*6+2*50, "no more than comes in while the oldest is waited for")
				require.Less(t, time.Since(well), 20*time.Second, "it recovers by itself")
				s.stop(t)
				require.Zero(t, s.intake.events)
				require.Zero(t, s.intake.size)
			})
		})
	}
}

// A database that is down, and says so, is no reason to wait: every publisher is told at once, with few attempts to store anything.
func TestPublishersAreToldWhenTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, func(o *RouterOptions) { o.Committers, o.BatchEvents = 2, 100 })
		s.outbox.before = func(context.Context, int, []*models.Accepted) error {
			return models.Errorf(models.CodeUnavailable, "connection refused")
		}
		begun := time.Now()
		var promises []*promise
		for i := range 1000 {
			promises = append(promises, s.accept(t.Context(), newEvent(fmt.Sprint("e", i))))
		}
		synctest.Wait()
		s.Start(t.Context())
		for _, p := range promises {
			require.Equal(t, models.CodeUnavailable, models.CodeOf(p.wait()[0].Err))
		}
		require.Equal(t, begun, time.Now(), "at once")
		require.LessOrEqual(t, s.outbox.calls(), 3*1000/100+3, "a whole batch and its halves")
		s.stop(t)
	})
}

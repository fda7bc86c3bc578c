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

func TestBatchesClose(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*RouterOptions)
		events []int // of each submission that waits
		sizes  []int // of the commits that follow
	}{
		"at the number of events": {func(o *RouterOptions) { o.BatchEvents = 4 }, []int{2, 2, 1, 3, 1}, []int{4, 4, 1}},
		"at the bytes":            {func(o *RouterOptions) { o.BatchBytes = 28 }, []int{2, 1, 1, 1}, []int{4, 1}},
		"at the deliveries":       {func(o *RouterOptions) { o.BatchDeliveries = 5 }, []int{1, 1, 1, 1}, []int{3, 1}},
		"never within a call":     {func(o *RouterOptions) { o.BatchEvents = 2 }, []int{5, 1, 1}, []int{5, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, c.change)
				s.source.put(1, nil)
				s.source.put(2, nil)
				require.NoError(t, s.o.Matcher.Refresh(t.Context()))
				var promises []*promise
				for i, n := range c.events {
					events := make([]*models.Event, n)
					for j := range events {
						events[j] = newEvent(fmt.Sprintf("e%d_%d", i, j))
					}
					promises = append(promises, s.accept(t.Context(), events...))
					synctest.Wait()
				}
				s.Start(t.Context())
				for i, p := range promises {
					for j, o := range p.wait() {
						require.NoError(t, o.Err)
						require.Equal(t, fmt.Sprintf("e%d_%d", i, j), o.Receipt.EventName)
					}
				}
				var sizes []int
				for _, b := range s.outbox.batches {
					sizes = append(sizes, len(b))
				}
				require.Equal(t, c.sizes, sizes)
				s.stop(t)
			})
		})
	}
}

func TestCommittersRunSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, func(o *RouterOptions) { o.Committers = 2 })
		open := make(chan struct{})
		s.outbox.before = func(context.Context, int, []*models.Accepted) error {
			<-open
			return nil
		}
		s.Start(t.Context())
		s.Start(t.Context()) // a second start changes nothing
		var promises []*promise
		for range 5 {
			promises = append(promises, s.accept(t.Context(), newEvent("a")))
			synctest.Wait()
		}
		require.Equal(t, 2, s.outbox.calls())
		close(open)
		for _, p := range promises {
			require.NoError(t, p.wait()[0].Err)
		}
		require.LessOrEqual(t, s.outbox.calls(), 4)
		s.stop(t)
	})
}

// TestCommitsBesideOthers: another commit begins when as many events wait as are being committed, and not before.
func TestCommitsBesideOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &intake{maxEvents: 1000, maxSize: 1 << 20, maxBatchEvents: 100, maxBatchSize: 1 << 20}
		q.work.L = &q.mu
		put := func(events int) *submission {
			s := &submission{events: make([]*models.Event, events), arrived: time.Now()}
			require.NoError(t, q.put(s))
			return s
		}
		var taken []int
		var mu sync.Mutex
		committer := func() (batch []*submission) {
			batch = q.take(nil)
			mu.Lock()
			defer mu.Unlock()
			taken = append(taken, len(batch))
			return batch
		}
		began := func(want ...int) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			require.Equal(t, want, taken)
		}
		first := put(5)
		began()
		committer()
		began(1)
		go committer()
		for range 4 {
			put(1)
			began(1)
		}
		put(1)
		began(1, 5) // as many as the first
		go committer()
		put(4)
		began(1, 5) // ten are being committed
		q.leave(first)
		began(1, 5) // five are
		put(1)
		began(1, 5, 2)
		go committer()
		put(3)
		<-time.After(company - 1)
		began(1, 5, 2)
		<-time.After(1)
		began(1, 5, 2, 1) // the others may hang
		go committer()
		put(1)
		began(1, 5, 2, 1)
		q.close()
		began(1, 5, 2, 1, 1) // the end waits for nothing
		committer()
		began(1, 5, 2, 1, 1, 0)
	})
}

func TestAdmissionIsBounded(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*RouterOptions){
		"events": func(o *RouterOptions) { o.BatchEvents, o.WaitingEvents = 1, 4 },
		"bytes":  func(o *RouterOptions) { o.BatchBytes, o.WaitingBytes = 7, 28 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, change)
				open := make(chan struct{})
				s.outbox.before = func(context.Context, int, []*models.Accepted) error {
					<-open
					return nil
				}
				s.Start(t.Context())
				promises := []*promise{s.accept(t.Context(), newEvent("a"), newEvent("b"), newEvent("c"))}
				synctest.Wait()
				promises = append(promises, s.accept(t.Context(), newEvent("d")))
				synctest.Wait()
				begun := time.Now()
				full := s.Accept(t.Context(), []*models.Event{newEvent("e"), newEvent("f")})
				require.Len(t, full, 2)
				require.Equal(t, models.CodeUnavailable, models.CodeOf(full[0].Err))
				require.Equal(t, begun, time.Now(), "at once")
				close(open)
				for _, p := range promises {
					require.NoError(t, p.wait()[0].Err)
				}
				big := make([]*models.Event, 9)
				for i := range big {
					big[i] = newEvent("big")
				}
				require.NoError(t, s.Accept(t.Context(), big)[0].Err, "nothing is too large for an idle router")
				s.stop(t)
				require.Zero(t, s.intake.events)
				require.Zero(t, s.intake.size)
			})
		})
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	t.Run("commits what waits", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, func(o *RouterOptions) { o.BatchEvents = 1 })
			open := make(chan struct{})
			s.outbox.before = func(context.Context, int, []*models.Accepted) error {
				<-open
				return nil
			}
			s.Start(t.Context())
			promises := []*promise{s.accept(t.Context(), newEvent("a")), s.accept(t.Context(), newEvent("b"))}
			synctest.Wait()
			stopped := make(chan error)
			go func() { stopped <- s.Stop(t.Context()) }()
			synctest.Wait()
			late := s.Accept(t.Context(), []*models.Event{newEvent("c")})
			require.Equal(t, models.CodeUnavailable, models.CodeOf(late[0].Err))
			close(open)
			require.NoError(t, <-stopped)
			for _, p := range promises {
				require.NoError(t, p.wait()[0].Err)
			}
			require.Len(t, s.outbox.events, 2)
			s.stop(t) // twice is fine
		})
	})
	t.Run("aborts when its time is over", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, func(o *RouterOptions) { o.BatchEvents = 1 })
			s.outbox.before = func(ctx context.Context, _ int, _ []*models.Accepted) error {
				<-ctx.Done()
				return ctx.Err()
			}
			s.Start(t.Context())
			promises := []*promise{s.accept(t.Context(), newEvent("a")), s.accept(t.Context(), newEvent("b"))}
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, s.Stop(ctx), context.DeadlineExceeded)
			for _, p := range promises {
				require.Equal(t, models.CodeUnavailable, models.CodeOf(p.wait()[0].Err))
			}
			s.stop(t)
		})
	})
	t.Run("without a start", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newStand(t, nil)
			p := s.accept(t.Context(), newEvent("a"))
			synctest.Wait()
			s.stop(t)
			require.NoError(t, p.wait()[0].Err)
		})
	})
}

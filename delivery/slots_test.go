package delivery

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// fill starts calls of one kind until there is no room, and returns how many there were.
func (s *slots) fill(c class, p pace) (n int) {
	for ; s.room(c, p) > 0; n++ {
		s.taken[c][p]++
	}
	return n
}

func TestSlotsDefault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		class class
		pace  pace
		want  int // of 512, where nothing else runs
	}{
		"fresh of quick lanes":     {fresh, quick, 410},
		"fresh of new lanes":       {fresh, untried, 384},
		"fresh of slow lanes":      {fresh, slow, 256},
		"retries of quick lanes":   {retries, quick, 256},
		"retries of untried lanes": {retries, untried, 256},
		"retries of slow lanes":    {retries, slow, 128},
	} {
		s := slots{max: 512}
		require.Equal(t, c.want, s.fill(c.class, c.pace), name)
	}
}

// However the slots are taken, none is taken twice, and whoever is entitled to some finds one.
func TestSlotsAreKeptForEach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := slots{max: rapid.IntRange(20, 2000).Draw(t, "max")}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			c := class(rapid.IntRange(int(fresh), int(retries)).Draw(t, "class"))
			p := pace(rapid.IntRange(int(quick), int(slow)).Draw(t, "pace"))
			if n := rapid.IntRange(-s.max, s.max).Draw(t, "calls"); n < 0 {
				s.taken[c][p] -= min(-n, s.taken[c][p])
			} else {
				s.taken[c][p] += max(min(n, s.room(c, p)), 0)
			}
			require.LessOrEqual(t, s.of(fresh)+s.of(retries), s.max)
		}
		bad := s
		bad.taken[fresh][quick], bad.taken[retries][quick] = 0, 0
		bad.fill(fresh, slow)
		bad.fill(retries, slow)
		bad.fill(fresh, untried)
		require.GreaterOrEqual(t, bad.room(fresh, quick), s.max*3/20, "whatever hangs, what is quick has slots")
		busy := slots{max: s.max}
		busy.fill(fresh, quick)
		require.Positive(t, busy.fill(fresh, slow), "slow lanes go on beside a flood of quick ones")
		busy.fill(fresh, untried)
		busy.fill(retries, slow)
		require.Positive(t, busy.fill(retries, quick), "retries go on beside a flood of all the others")
		again := slots{max: s.max}
		again.fill(retries, quick)
		again.fill(retries, slow)
		require.GreaterOrEqual(t, again.room(fresh, quick), s.max*4/10, "a flood of retries leaves room")
	})
}

// The smallest instance can send everything there is.
func TestSlotsOfSmallInstances(t *testing.T) {
	t.Parallel()
	for n := 2; n < 20; n++ {
		for c := range classes {
			for p := range paces {
				s := slots{max: n}
				require.Positive(t, s.room(c, p), "%d: %v %v", n, c, p)
				s.fill(c, p)
				require.LessOrEqual(t, s.of(c), n)
			}
		}
	}
}

func TestFair(t *testing.T) {
	t.Parallel()
	for _, lanes := range []int{1, 4, 20, 100} {
		s, held := slots{max: 512}, make([]int, lanes)
		for more := true; more; {
			more = false
			for i := range held {
				if room := s.room(fresh, quick); room > 0 && fair(held[i], room) {
					s.taken[fresh][quick]++
					held[i]++
					more = true
				}
			}
		}
		require.Positive(t, s.room(fresh, quick), "%d greedy lanes leave a slot for one more", lanes)
		require.GreaterOrEqual(t, s.of(fresh), 410*lanes/(lanes+1)-lanes, "and take their parts")
	}
}

// census counts the calls that run, by class.
type census struct {
	mu      sync.Mutex
	running map[models.ID][classes]int
	release chan struct{}
}

func newCensus() *census {
	return &census{running: map[models.ID][classes]int{}, release: make(chan struct{})}
}

// send holds every call until the release.
func (c *census) send(_ context.Context, j models.Job) models.Attempt {
	c.mu.Lock()
	n := c.running[j.Delivery.SubscriptionID]
	n[classOf(&j.Delivery)]++
	c.running[j.Delivery.SubscriptionID] = n
	c.mu.Unlock()
	<-c.release
	return answering(j, 200, 0)
}

func (c *census) of(which class, subs ...*models.Subscription) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range subs {
		n += c.running[s.ID][which]
	}
	return n
}

// Fresh deliveries go before retries and quick lanes before others, and a tenth of the slots is kept for who comes second.
func TestDispatcherKeepsSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCensus()
		w := newWorld(t, c.send, func(o *Options) { o.MaxInFlight = 40 })
		w.start()
		var busy []*models.Subscription
		for range 40 {
			busy = append(busy, w.quickSub(nil))
			w.publish(busy[len(busy)-1], 4)
		}
		newcomers := []*models.Subscription{w.sub(nil), w.sub(nil), w.sub(nil), w.sub(nil), w.sub(nil)}
		for _, s := range newcomers {
			w.publish(s, 4)
		}
		retried := []*models.Subscription{w.quickSub(nil), w.quickSub(nil), w.quickSub(nil), w.quickSub(nil), w.quickSub(nil)}
		for _, s := range retried {
			w.publishRetries(s, 8)
		}
		synctest.Wait()
		require.Equal(t, 32, c.of(fresh, busy...), "eight tenths")
		require.Equal(t, 4, c.of(fresh, newcomers...), "one tenth")
		require.Equal(t, 4, c.of(retries, retried...), "one tenth")
		close(c.release)
		w.waitFor(func(n map[models.DeliveryStatus]int) bool { return n[models.StatusDelivered] == 160+20+40 })
		w.stop()
	})
}

// A flood of retries that hang leaves fresh deliveries the slots that they need, also in lanes that are not tried yet.
func TestDispatcherRetriesLeaveSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCensus()
		w := newWorld(t, c.send, func(o *Options) { o.MaxInFlight = 40 })
		w.start()
		var stuck []*models.Subscription
		for i := range 60 {
			s := w.quickSub(nil)
			if i%2 == 0 {
				w.d.board.lane(s.ID).tempo.observe(&models.Attempt{Reason: models.ReasonTimeout, Timings: models.Timings{Total: longCall}})
			}
			stuck = append(stuck, s)
			w.publishRetries(s, 8)
		}
		synctest.Wait()
		require.Equal(t, 20, c.of(retries, stuck...), "half of the slots")
		well, newcomer := w.quickSub(nil), w.sub(nil)
		w.publish(well, 4)
		w.publish(newcomer, 4)
		synctest.Wait()
		require.Equal(t, 4, c.of(fresh, well))
		require.Equal(t, 4, c.of(fresh, newcomer))
		close(c.release)
		w.waitFor(func(n map[models.DeliveryStatus]int) bool { return n[models.StatusDelivered] == 60*8+8 })
		w.stop()
	})
}

package routing

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestNothingIsLostOrHandedOverTwice publishes from many goroutines while commits fail, rules change, callers leave, the room runs
// out and the handover drains, and then compares what the callers were told with what is stored and what was handed over.
func TestNothingIsLostOrHandedOverTwice(t *testing.T) {
	t.Parallel()
	rounds := 60
	if raceEnabled {
		rounds = 15
	}
	for round := range rounds {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			storm(t, uint64(round))
		})
	}
}

// told is what one caller learned about one event.
type told struct {
	event *models.Event
	models.Outcome
}

func storm(t *testing.T, seed uint64) {
	t.Helper()
	var mu sync.Mutex
	source := rand.New(rand.NewPCG(seed, 4))
	chance := func(percent int) bool {
		mu.Lock()
		defer mu.Unlock()
		return source.IntN(100) < percent
	}
	s := newStand(t, func(o *RouterOptions) {
		o.Committers, o.BatchEvents, o.BatchDeliveries = 1+int(seed%2), 8, 30
	})
	for slot := range 4 {
		s.source.put(slot, nil)
	}
	s.handover.room.Store(200)
	s.outbox.before = func(_ context.Context, _ int, batch []*models.Accepted) error {
		s.handover.draining.Store(chance(10))
		if chance(15) {
			s.source.put(int(seed)%5, func(s *models.Subscription) { s.Enabled = chance(60) })
		}
		for _, a := range batch {
			if a.Event.Name == "poison" {
				return errBroken
			}
		}
		if chance(10) {
			return errBroken
		}
		return nil
	}
	s.outbox.refuse = func(e *models.Event) error {
		if e.Name == "revoked" {
			return models.Errorf(models.CodeUnauthorized, "revoked")
		}
		return nil
	}
	s.Start(t.Context())

	var all []told
	var publishers sync.WaitGroup
	for publisher := range 8 {
		publishers.Go(func() {
			for n := range 20 {
				var events []*models.Event
				for i := range 1 + n%3 {
					e := newEvent("fine")
					e.ID, e.Chosen = testID('c', publisher*1000+n*10+i), true
					switch {
					case chance(3):
						e.Name = "poison"
					case chance(3):
						e.Name = "revoked"
					case chance(5):
						e.ID = testID('c', publisher*1000) // again
					}
					events = append(events, e)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if chance(5) {
					cancel()
				}
				outcomes := s.Accept(ctx, events)
				cancel()
				mu.Lock()
				for i, o := range outcomes {
					all = append(all, told{events[i], o})
				}
				mu.Unlock()
			}
		})
	}
	publishers.Wait()
	s.stop(t)
	judge(t, s, all)
}

func judge(t *testing.T, s *stand, all []told) {
	t.Helper()
	handed := map[models.ID]int{}
	for _, j := range s.handover.jobs {
		handed[j.Delivery.ID]++
		require.Equal(t, j.Delivery.SubscriptionID, j.Matched.ID)
		require.Equal(t, j.Delivery.SubscriptionVersion, j.Matched.Version)
		require.True(t, j.Matched.Live())
	}
	overflowed := map[models.ID]bool{}
	for _, subs := range s.handover.overflows {
		for _, id := range subs {
			overflowed[id] = true
		}
	}
	delivering := 0
	for _, a := range s.outbox.events {
		require.Len(t, a.Deliveries, a.Event.Matched)
		for _, d := range a.Deliveries {
			if d.Status == models.StatusDelivering {
				delivering++
				require.Equal(t, 1, handed[d.ID], "stored as delivering and handed over %d times", handed[d.ID])
			} else {
				require.Zero(t, handed[d.ID])
				require.True(t, overflowed[d.SubscriptionID], "pending and nobody was told")
			}
		}
	}
	require.Len(t, s.handover.jobs, delivering, "a job that is not stored")
	stored := 0
	for _, o := range all {
		kept, there := s.outbox.chosen[o.event.ID]
		switch {
		case o.Err == nil && !o.Receipt.Duplicate:
			stored++
			require.True(t, there, "acknowledged and not stored")
			require.Equal(t, o.Receipt.Matched, kept.Event.Matched)
		case o.Err == nil:
			require.True(t, there, "called a duplicate of nothing")
		case errors.Is(o.Err, context.Canceled): // unknown, as the message says
		default:
			require.False(t, there && kept.Event.Name != "fine", "refused and stored all the same: %v", o.Err)
		}
	}
	require.Positive(t, stored)
}

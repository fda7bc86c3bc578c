package routing

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestRouterOptions(t *testing.T) {
	t.Parallel()
	good := newStand(t, nil).o
	for name, change := range map[string]func(*RouterOptions){
		"no matcher":          func(o *RouterOptions) { o.Matcher = nil },
		"no outbox":           func(o *RouterOptions) { o.Outbox = nil },
		"no handover":         func(o *RouterOptions) { o.Handover = nil },
		"no clock":            func(o *RouterOptions) { o.Now = nil },
		"no ids":              func(o *RouterOptions) { o.NewID = nil },
		"no logger":           func(o *RouterOptions) { o.Logger = nil },
		"negative":            func(o *RouterOptions) { o.Committers = -1 },
		"less than one batch": func(o *RouterOptions) { o.WaitingEvents = 10 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := good
			change(&o)
			_, err := NewRouter(o)
			require.Error(t, err)
		})
	}
}

func TestAcceptStampsAndHandsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Date(2026, 1, 2, 3, 4, 5, 6_789_000, time.FixedZone("", 3600))
		s := newStand(t, func(o *RouterOptions) { o.Now = func() time.Time { return now } })
		sub := s.source.put(1, nil)
		s.Start(t.Context())
		chosen := newEvent("b")
		chosen.ID, chosen.Chosen = testID('c', 1), true
		events := []*models.Event{newEvent("a"), chosen}
		outcomes := s.Accept(t.Context(), events)

		require.Len(t, outcomes, 2)
		require.NoError(t, outcomes[0].Err)
		require.Equal(t, "a", outcomes[0].Receipt.EventName)
		require.Equal(t, 1, outcomes[0].Receipt.Matched)
		require.Equal(t, chosen.ID, outcomes[1].Receipt.EventID)
		require.True(t, events[0].Ref.IsZero(), "the caller's events are left alone")

		require.Len(t, s.handover.jobs, 2)
		require.Empty(t, s.handover.overflows)
		for i, j := range s.handover.jobs {
			e := j.Event
			require.Same(t, sub, j.Matched)
			require.Same(t, sub, j.Current)
			require.False(t, e.Ref.IsZero())
			require.Equal(t, outcomes[i].Receipt.EventID, e.ID)
			require.Equal(t, i == 0, e.ID == e.Ref)
			require.Equal(t, 1, e.Matched)
			require.Equal(t, time.Date(2026, 1, 2, 2, 4, 5, 6_000_000, time.UTC), e.AcceptedAt)
			stored := s.outbox.events[e.Ref]
			require.Equal(t, []models.Delivery{j.Delivery}, stored.Deliveries)
			require.Equal(t, models.Delivery{
				ID: j.Delivery.ID, OrganizationID: e.OrganizationID, EventRef: e.Ref, EventID: e.ID, EventName: e.Name,
				SubscriptionID: sub.ID, SubscriptionVersion: 1, Status: models.StatusDelivering, Owner: fakeOwner,
				CreatedAt: e.AcceptedAt, UpdatedAt: e.AcceptedAt,
			}, j.Delivery)
		}
		require.Empty(t, s.Accept(t.Context(), nil))
		s.stop(t)
	})
}

// TestPublishesShareCommits holds one commit and counts: whatever comes meanwhile is one more, without a timer.
func TestPublishesShareCommits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		s.source.put(1, nil)
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		open := make(chan struct{})
		s.outbox.before = func(context.Context, int, []*models.Accepted) error {
			<-open
			return nil
		}
		s.Start(t.Context())
		begun := time.Now()
		var promises []*promise
		for i := range 100 {
			promises = append(promises, s.accept(t.Context(), newEvent(fmt.Sprintf("e%d", i))))
			if i == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		require.Equal(t, 1, s.outbox.calls())
		require.Len(t, s.outbox.batches[0], 1, "an idle router does not wait for company")
		close(open)
		for i, p := range promises {
			outcomes := p.wait()
			require.Len(t, outcomes, 1)
			require.NoError(t, outcomes[0].Err)
			require.Equal(t, fmt.Sprintf("e%d", i), outcomes[0].Receipt.EventName)
		}
		require.Equal(t, 2, s.outbox.calls())
		require.Len(t, s.outbox.batches[1], 99)
		require.Equal(t, begun, time.Now(), "no timer was waited for")
		require.Len(t, s.handover.jobs, 100)
		s.stop(t)
	})
}

// TestChangesBetweenMatchAndCommitAreHonoured is what makes rules exact on every instance: the commit sees that the rules have
// moved on.
func TestChangesBetweenMatchAndCommitAreHonoured(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	first := s.source.put(1, nil)
	require.NoError(t, s.o.Matcher.Refresh(t.Context()))
	var second, updated *models.Subscription
	s.outbox.before = func(_ context.Context, call int, _ []*models.Accepted) error {
		switch call {
		case 1:
			second = s.source.put(2, nil)
		case 2:
			updated = s.source.put(1, func(s *models.Subscription) { s.Endpoint = "https://example.com/new" })
		}
		return nil
	}
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
	require.NoError(t, outcomes[0].Err)
	require.Equal(t, 2, outcomes[0].Receipt.Matched)
	require.Equal(t, 3, s.outbox.calls())
	require.Same(t, s.outbox.batches[0][0], s.outbox.batches[2][0], "the same event, under the same ref")
	require.Len(t, s.handover.jobs, 2)
	for _, j := range s.handover.jobs {
		require.NotSame(t, first, j.Matched)
		require.Contains(t, []*models.Subscription{second, updated}, j.Matched)
		require.Equal(t, j.Matched.Version, j.Delivery.SubscriptionVersion)
	}
	s.stop(t)
}

// TestOldestMatchOfABatchCounts lets the matcher move on while a batch is being matched: what was matched before that must be
// matched again, though the matcher is up to date when the batch is saved.
func TestOldestMatchOfABatchCounts(t *testing.T) {
	t.Parallel()
	for when := 1; when <= 4; when++ { // an id for each event of the first call, then for each delivery, then the second call's
		var s *stand
		calls := 0
		s = newStand(t, func(o *RouterOptions) {
			o.NewID = func() models.ID {
				if calls++; calls == when {
					s.source.put(2, nil)
					if err := s.o.Matcher.Refresh(t.Context()); err != nil {
						t.Error(err)
					}
				}
				return testID('n', calls)
			}
		})
		s.source.put(1, nil)
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		var batch []*submission
		for range 2 {
			sub := &submission{arrived: time.Now(), events: []*models.Event{newEvent("a"), newEvent("b")}, answered: make(chan struct{})}
			require.NoError(t, s.intake.put(sub))
			batch = append(batch, sub)
		}
		s.Start(t.Context())
		for _, sub := range batch {
			<-sub.answered
			for _, o := range sub.outcomes {
				require.NoError(t, o.Err)
				require.Equal(t, 2, o.Receipt.Matched, "change at id %d", when)
			}
		}
		s.stop(t)
	}
}

func TestRulesThatNeverRest(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.outbox.before = func(context.Context, int, []*models.Accepted) error {
		s.source.put(1, nil)
		return nil
	}
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
	require.Equal(t, models.CodeUnavailable, models.CodeOf(outcomes[0].Err))
	require.Empty(t, s.handover.jobs)
	s.stop(t)
}

func TestRefreshFailureIsAnswered(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	s.source.before = func(context.Context, int64) error { return errBroken }
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a"), newEvent("b")})
	require.Len(t, outcomes, 2)
	require.ErrorIs(t, outcomes[0].Err, errBroken)
	require.ErrorIs(t, outcomes[1].Err, errBroken)
	s.stop(t)
}

func TestDuplicatesAndRefusedGiveRoomBack(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	s.outbox.refuse = func(e *models.Event) error {
		if e.Name == "bad" {
			return models.Errorf(models.CodeUnauthorized, "revoked")
		}
		return nil
	}
	s.Start(t.Context())
	twice := newEvent("a")
	twice.ID, twice.Chosen = testID('c', 1), true
	outcomes := s.Accept(t.Context(), []*models.Event{twice, twice, newEvent("bad"), newEvent("b")})
	require.False(t, outcomes[0].Receipt.Duplicate)
	require.True(t, outcomes[1].Receipt.Duplicate)
	require.Equal(t, models.CodeUnauthorized, models.CodeOf(outcomes[2].Err))
	require.NoError(t, outcomes[3].Err)
	require.Len(t, s.handover.jobs, 2)
	s.stop(t)
}

func TestNoRoomLeavesDeliveriesPending(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	s.source.put(2, nil)
	s.handover.room.Store(3)
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a"), newEvent("b"), newEvent("c")})
	require.Len(t, s.handover.jobs, 3)
	require.Len(t, s.handover.overflows, 1)
	require.Subset(t, []models.ID{testID('s', 1), testID('s', 2)}, s.handover.overflows[0])
	require.Len(t, s.handover.overflows[0], 2, "each subscription is named once")
	pending := 0
	for _, o := range outcomes {
		require.NoError(t, o.Err)
	}
	for _, a := range s.outbox.events {
		for _, d := range a.Deliveries {
			if d.Status == models.StatusPending {
				require.Zero(t, d.Owner)
				pending++
			}
		}
	}
	require.Equal(t, 3, pending)
	s.stop(t)
}

func TestDrainingHandoverOwnsNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	s.handover.draining.Store(true)
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
	require.NoError(t, outcomes[0].Err)
	require.Equal(t, 1, outcomes[0].Receipt.Matched)
	require.Empty(t, s.handover.jobs)
	require.Equal(t, [][]models.ID{{testID('s', 1)}}, s.handover.overflows)
	s.stop(t)
}

// TestDeadOwnerIsHandedNothing is an instance that was declared dead and does not know it yet: its events are accepted all the same.
func TestDeadOwnerIsHandedNothing(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	s.outbox.before = func(_ context.Context, _ int, batch []*models.Accepted) error {
		for _, a := range batch {
			for _, d := range a.Deliveries {
				if d.Owner == fakeOwner {
					return models.Errorf(models.CodeFenced, "declared dead")
				}
			}
		}
		return nil
	}
	s.Start(t.Context())
	for range 2 {
		outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
		require.NoError(t, outcomes[0].Err)
		require.Equal(t, 1, outcomes[0].Receipt.Matched)
	}
	require.Empty(t, s.handover.jobs)
	require.Len(t, s.handover.overflows, 2)
	require.Len(t, s.outbox.events, 2)
	for _, a := range s.outbox.events {
		require.Equal(t, models.StatusPending, a.Deliveries[0].Status)
		require.False(t, a.Deliveries[0].DueAt.IsZero())
	}
	s.stop(t)
}

// TestOldEventsAreNotHandedOver is a commit that has been tried for long: what a dead instance was handed is looked for among young
// events only.
func TestOldEventsAreNotHandedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		s.source.put(1, nil)
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		s.outbox.before = func(_ context.Context, call int, batch []*models.Accepted) error {
			owned := batch[0].Deliveries[0].Owner == fakeOwner
			require.Equal(t, call < 3, owned, "call %d", call)
			if call < 3 {
				<-time.After(handoverAge * 2 / 3)
				s.source.put(1, nil) // and the rules change
			}
			return nil
		}
		s.Start(t.Context())
		outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
		require.NoError(t, outcomes[0].Err)
		require.Empty(t, s.handover.jobs)
		s.stop(t)
	})
}

// TestSecondTryOfAnOldEvent is the same where the first try has failed: nothing matched the event again in between.
func TestSecondTryOfAnOldEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		s.source.put(1, nil)
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		s.outbox.before = func(_ context.Context, call int, batch []*models.Accepted) error {
			require.Equal(t, call == 1, batch[0].Deliveries[0].Owner == fakeOwner, "call %d", call)
			if call == 1 {
				<-time.After(handoverAge)
				return errBroken
			}
			return nil
		}
		s.Start(t.Context())
		outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
		require.NoError(t, outcomes[0].Err)
		require.Empty(t, s.handover.jobs)
		s.stop(t)
	})
}

// renumbered is the handover of an instance that gets a new number between two matches of the same batch.
type renumbered struct {
	*fakeHandover
	asked atomic.Int64
}

func (r *renumbered) Owner() (int64, bool) { return fakeOwner + min(r.asked.Add(1)-1, 1), true }

// TestNewNumberIsNotTakenForTheDeadOne is a batch that was matched under two numbers, the first of which is dead.
func TestNewNumberIsNotTakenForTheDeadOne(t *testing.T) {
	t.Parallel()
	var handover *renumbered
	s := newStand(t, func(o *RouterOptions) {
		handover = &renumbered{fakeHandover: o.Handover.(*fakeHandover)}
		o.Handover = handover
	})
	s.source.put(1, nil)
	require.NoError(t, s.o.Matcher.Refresh(t.Context()))
	s.outbox.before = func(_ context.Context, _ int, batch []*models.Accepted) error {
		for _, a := range batch {
			if a.Deliveries[0].Owner == fakeOwner {
				return models.Errorf(models.CodeFenced, "declared dead")
			}
		}
		return nil
	}
	var batch []*submission
	for range 2 {
		sub := &submission{arrived: time.Now(), events: []*models.Event{newEvent("a")}, answered: make(chan struct{})}
		require.NoError(t, s.intake.put(sub))
		batch = append(batch, sub)
	}
	s.Start(t.Context())
	for _, sub := range batch {
		<-sub.answered
		require.NoError(t, sub.outcomes[0].Err)
	}
	require.Len(t, s.handover.jobs, 2, "both under the new number")
	for _, j := range s.handover.jobs {
		require.Equal(t, int64(fakeOwner+1), j.Delivery.Owner)
	}
	s.stop(t)
}

// TestOneBadSubmissionFailsAlone finds the one that the database will not take among many.
func TestOneBadSubmissionFailsAlone(t *testing.T) {
	t.Parallel()
	for bad := range 9 {
		s := newStand(t, nil)
		s.source.put(1, nil)
		require.NoError(t, s.o.Matcher.Refresh(t.Context()))
		s.outbox.before = func(_ context.Context, _ int, batch []*models.Accepted) error {
			for _, a := range batch {
				if a.Event.Name == "bad" {
					return errBroken
				}
			}
			return nil
		}
		var batch []*submission
		for i := range 9 {
			name := "good"
			if i == bad {
				name = "bad"
			}
			sub := &submission{arrived: time.Now(), events: []*models.Event{newEvent(name)}, answered: make(chan struct{})}
			require.NoError(t, s.intake.put(sub))
			batch = append(batch, sub)
		}
		s.Start(t.Context())
		for i, sub := range batch {
			<-sub.answered
			if i == bad {
				require.ErrorIs(t, sub.outcomes[0].Err, errBroken)
			} else {
				require.NoError(t, sub.outcomes[0].Err)
			}
		}
		require.Len(t, s.handover.jobs, 8)
		require.LessOrEqual(t, s.outbox.calls(), 10)
		s.stop(t)
	}
}

func TestBrokenDatabaseIsAskedThreeTimes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 64} {
		s := newStand(t, nil)
		s.outbox.before = func(context.Context, int, []*models.Accepted) error { return errBroken }
		var batch []*submission
		for range n {
			sub := &submission{arrived: time.Now(), events: []*models.Event{newEvent("a")}, answered: make(chan struct{})}
			require.NoError(t, s.intake.put(sub))
			batch = append(batch, sub)
		}
		s.Start(t.Context())
		for _, sub := range batch {
			<-sub.answered
			require.ErrorIs(t, sub.outcomes[0].Err, errBroken)
		}
		require.LessOrEqual(t, s.outbox.calls(), 3)
		s.stop(t)
	}
}

func TestLoneSubmissionIsSavedTwice(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	require.NoError(t, s.o.Matcher.Refresh(t.Context()))
	lost := false
	s.outbox.lose = func() error { // the first commit happens, but its answer does not arrive
		if lost {
			return nil
		}
		lost = true
		return errBroken
	}
	s.Start(t.Context())
	outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
	require.NoError(t, outcomes[0].Err)
	require.Len(t, s.outbox.events, 1, "the same ref")
	require.Len(t, s.handover.jobs, 1)
	for _, a := range s.outbox.events {
		require.Equal(t, a.Deliveries[0].ID, s.handover.jobs[0].Delivery.ID, "the same delivery")
	}
	s.stop(t)
}

func TestCommitTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, func(o *RouterOptions) { o.CommitTimeout = 3 * time.Second })
		s.outbox.before = func(ctx context.Context, _ int, _ []*models.Accepted) error {
			<-ctx.Done()
			return ctx.Err()
		}
		s.Start(t.Context())
		begun := time.Now()
		outcomes := s.Accept(t.Context(), []*models.Event{newEvent("a")})
		require.Equal(t, models.CodeUnavailable, models.CodeOf(outcomes[0].Err))
		require.Equal(t, 3*time.Second, time.Since(begun), "once, not twice")
		require.Equal(t, 1, s.outbox.calls())
		s.stop(t)
	})
}

func TestCallerThatLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		s := newStand(t, func(o *RouterOptions) {
			o.Logger = slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		s.source.put(1, nil)
		open := make(chan struct{})
		s.outbox.before = func(context.Context, int, []*models.Accepted) error {
			<-open
			return nil
		}
		s.Start(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		leaves, stays := s.accept(ctx, newEvent("a")), s.accept(t.Context(), newEvent("b"))
		synctest.Wait()
		cancel()
		err := leaves.wait()[0].Err
		require.Equal(t, models.CodeUnavailable, models.CodeOf(err))
		require.ErrorIs(t, err, context.Canceled)
		close(open)
		require.NoError(t, stays.wait()[0].Err)
		s.stop(t)
		require.Len(t, s.outbox.events, 2, "the batch went on")
		require.Len(t, s.handover.jobs, 2)
		require.Equal(t, 2, bytes.Count(lines.Bytes(), []byte("event.accepted")), "and has its line")
	})
}

func TestBrokenOutboxIsNoPanic(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	s.source.put(1, nil)
	o := s.o
	o.Outbox = shortOutbox{}
	r, err := NewRouter(o)
	require.NoError(t, err)
	r.Start(t.Context())
	outcomes := r.Accept(t.Context(), []*models.Event{newEvent("a"), newEvent("b")})
	require.Len(t, outcomes, 2)
	require.Error(t, outcomes[1].Err)
	require.NoError(t, r.Stop(t.Context()))
	require.Zero(t, s.handover.reserved.Load())
}

type shortOutbox struct{}

func (shortOutbox) SaveEvents(context.Context, int64, []*models.Accepted) ([]models.Outcome, error) {
	return make([]models.Outcome, 1), nil
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var lines bytes.Buffer
		s := newStand(t, func(o *RouterOptions) {
			o.Logger = slog.New(slog.NewJSONHandler(&lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		s.source.put(1, nil)
		s.source.put(2, nil)
		s.handover.room.Store(1)
		s.outbox.before = func(_ context.Context, call int, _ []*models.Accepted) error {
			if call == 1 {
				return errBroken
			}
			return nil
		}
		s.Start(t.Context())
		e := newEvent("a.b")
		e.ID, e.Chosen = testID('c', 1), true
		require.NoError(t, s.Accept(t.Context(), []*models.Event{e})[0].Err)
		var line map[string]any
		require.NoError(t, json.Unmarshal(lines.Bytes(), &line))
		delete(line, "time")
		require.Equal(t, map[string]any{
			"level": "DEBUG", "msg": "event.accepted", "organization": testID('o', 1).String(), "event_id": testID('c', 1).String(),
			"event_name": "a.b", "sandbox": false, "matched": 2.0, "enqueued": 1.0, "duplicate": false, "ms": 0.0,
		}, line)
		lines.Reset()
		require.True(t, s.Accept(t.Context(), []*models.Event{e})[0].Receipt.Duplicate)
		require.Contains(t, lines.String(), `"enqueued":0,"duplicate":true`)
		s.stop(t)
	})
}

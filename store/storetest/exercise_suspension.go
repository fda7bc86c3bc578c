package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func suspensionTests() []exercise {
	return []exercise{
		{"a suspension is a revision and no version", exerciseSuspend},
		{"by hand it is not probed, and nothing but a hand ends it", exerciseSuspendByHand},
		{"what waits is parked, probed, drained", exercisePark},
		{"a dead instance's probe and drain go on elsewhere", exerciseDrainTakenOver},
		{"stopping cancels what is parked", exerciseStopParked},
		{"failures are counted over all instances", exerciseHealth},
		{"what was parked too late is found", exerciseStrayParked},
		{"parked for days, drained below the floor", exerciseParkedForDays},
	}
}

func (w *world) suspend(s *models.Subscription, reason models.SuspendReason) *models.Subscription {
	w.Helper()
	got, changed, err := w.SuspendSubscription(w.Context(), s.OrganizationID, s.ID, reason, w.clock.Now(), w.clock.Now().Add(time.Minute))
	require.NoError(w, err)
	require.True(w, changed)
	return got
}

func (w *world) resume(s *models.Subscription) *models.Subscription {
	w.Helper()
	got, changed, err := w.ResumeSubscription(w.Context(), s.OrganizationID, s.ID, true)
	require.NoError(w, err)
	require.True(w, changed)
	return got
}

// condition is what is known of a subscription's endpoint, nil where it is well.
func (w *world) condition(s *models.Subscription) *models.Condition {
	w.Helper()
	list, err := w.Conditions(w.Context(), w.clock.Now(), 100)
	require.NoError(w, err)
	p, err := w.Pulse(w.Context(), w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.Equal(w, len(list) > 0, p.Unwell)
	for i := range list {
		if list[i].SubscriptionID == s.ID {
			return &list[i]
		}
	}
	return nil
}

// parkedEvent is an event as the router stores it for a suspended subscription.
func (w *world) parkedEvent(s *models.Subscription) *models.Accepted {
	a := w.event(s)
	a.Deliveries[0].Status = models.StatusParked
	return a
}

func exerciseSuspend(w *world) {
	sub, other := w.subscribe(), w.subscribe()
	before := w.revision()
	got := w.suspend(sub, models.SuspendedFailures)
	require.Equal(w, before+1, w.revision())
	require.Equal(w, before+1, got.Revision)
	require.Equal(w, sub.Version, got.Version)
	require.Equal(w, w.clock.Now(), got.SuspendedAt)
	require.Equal(w, models.SuspendedFailures, got.StateReason)
	changed, err := w.ChangedSince(w.Context(), before)
	require.NoError(w, err)
	require.Equal(w, []*models.Subscription{got}, changed)

	_, again, err := w.SuspendSubscription(w.Context(), w.org.ID, sub.ID, models.SuspendedGone, w.clock.Now(), w.clock.Now())
	require.NoError(w, err)
	require.False(w, again)
	require.Equal(w, before+1, w.revision(), "nothing changed, so there is nothing to read")

	next := w.change(sub, func(s *models.Subscription) { s.SuspendedAt, s.Endpoint = time.Time{}, "https://new.example/" })
	require.True(w, next.Suspended(), "a change of rules changes no state")
	require.Equal(w, int64(1), w.condition(sub).ProbeAt.UnixMilli(), "a new endpoint is probed soon")

	list, err := w.Suspensions(w.Context(), 10)
	require.NoError(w, err)
	require.Len(w, list, 1)
	require.Equal(w, sub.ID, list[0].SubscriptionID)
	require.Equal(w, "acme", list[0].Organization)

	require.False(w, w.resume(sub).Suspended())
	_, again, err = w.ResumeSubscription(w.Context(), w.org.ID, sub.ID, true)
	require.NoError(w, err)
	require.False(w, again)
	_, _, err = w.ResumeSubscription(w.Context(), w.organization("other").ID, sub.ID, true)
	w.requireCode(models.CodeNotFound, err)
	off := w.change(other, func(s *models.Subscription) { s.Enabled = false })
	_, _, err = w.SuspendSubscription(w.Context(), w.org.ID, off.ID, models.SuspendedManual, w.clock.Now(), w.clock.Now())
	w.requireCode(models.CodeConflict, err)
}

func exerciseSuspendByHand(w *world) {
	sub := w.subscribe()
	first := w.suspend(sub, models.SuspendedFailures)
	w.clock.Advance(time.Second)
	got := w.suspend(sub, models.SuspendedManual)
	require.Equal(w, first.SuspendedAt, got.SuspendedAt)
	require.True(w, w.condition(sub).ProbeAt.IsZero())
	_, changed, err := w.ResumeSubscription(w.Context(), w.org.ID, sub.ID, false)
	require.NoError(w, err)
	require.False(w, changed)
	w.resume(sub)
}

func exercisePark(w *world) {
	sub := w.subscribe()
	l := w.lives(sub)
	owner := w.register("probing")
	sub = w.suspend(sub, models.SuspendedFailures)
	c := w.condition(sub)
	require.True(w, c.Parking)
	n, err := w.ParkWaiting(w.Context(), w.clock.Now(), *c, 2)
	require.NoError(w, err)
	require.Equal(w, 2, n)
	require.True(w, w.condition(sub).Parking)
	n, err = w.ParkWaiting(w.Context(), w.clock.Now(), *c, 2)
	require.NoError(w, err)
	require.Equal(w, 1, n)
	require.False(w, w.condition(sub).Parking)
	late := w.parkedEvent(sub)
	late.Deliveries[0].DueAt = w.clock.Now().Add(2 * time.Hour)
	w.save(late)
	require.Equal(w, int64(4), w.ledger().ByStatus[models.StatusParked])
	require.Equal(w, late.Deliveries[0].DueAt, w.delivery(late.Deliveries[0].ID).DueAt)
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}), "parked is not queued")

	require.False(w, w.condition(sub).Parked, "not looked up before the probe is due")
	w.clock.Advance(time.Minute)
	c = w.condition(sub)
	require.True(w, c.Parked)
	next := w.clock.Now().Add(2 * time.Minute)
	jobs, err := w.ClaimProbe(w.Context(), owner, w.clock.Now(), *c, next)
	require.NoError(w, err)
	require.Len(w, jobs, 1)
	require.True(w, jobs[0].Probe && jobs[0].Current.Suspended() && len(jobs[0].Event.Data) > 0)
	require.Equal(w, l.pending.ID, jobs[0].Delivery.ID, "the oldest")
	again, err := w.ClaimProbe(w.Context(), owner, w.clock.Now(), *c, next)
	require.NoError(w, err)
	require.Empty(w, again, "one at a time")
	require.Equal(w, next, w.condition(sub).ProbeAt)

	back := failed(jobs[0].Delivery, w.clock.Now(), jobs[0].Delivery.DueAt)
	back.Status, back.Uncounted = models.StatusParked, true
	require.Empty(w, w.record(back))
	got := w.delivery(l.pending.ID)
	require.Equal(w, models.StatusParked, got.Status)
	require.Equal(w, [2]int{1, 1}, [2]int{got.Attempts, got.Uncounted})
	require.Zero(w, got.Owner)
	require.True(w, w.ledger().Balanced())

	sub = w.resume(sub)
	c = w.condition(sub)
	none, err := w.ClaimParked(w.Context(), owner, w.clock.Now(), *c, 10)
	require.NoError(w, err)
	require.Empty(w, none, "the drain is nobody's")
	taken, err := w.TakeDrain(w.Context(), owner, sub.ID)
	require.NoError(w, err)
	require.True(w, taken)
	var order []models.ID
	for {
		jobs, err := w.ClaimParked(w.Context(), owner, w.clock.Now(), *c, 3)
		require.NoError(w, err)
		if len(jobs) == 0 {
			break
		}
		ended, err := w.EndDrain(w.Context(), owner, sub.ID)
		require.NoError(w, err)
		require.Equal(w, len(jobs) < 3, ended)
		for _, j := range jobs {
			order = append(order, j.Delivery.ID)
			require.Empty(w, w.record(succeeded(j.Delivery, w.clock.Now())))
		}
		if ended {
			break
		}
	}
	require.Len(w, order, 4)
	require.Equal(w, l.pending.ID, order[0])
	require.Equal(w, late.Deliveries[0].ID, order[3])
	require.Nil(w, w.condition(sub))
	require.True(w, w.ledger().Balanced())
}

func exerciseDrainTakenOver(w *world) {
	sub := w.subscribe()
	sub = w.suspend(sub, models.SuspendedFailures)
	w.save(w.parkedEvent(sub), w.parkedEvent(sub))
	dead, alive := w.register("a"), w.register("b")
	sub = w.resume(sub)
	take := func(owner int64) bool {
		taken, err := w.TakeDrain(w.Context(), owner, sub.ID)
		require.NoError(w, err)
		return taken
	}
	require.True(w, take(dead))
	require.True(w, take(dead))
	require.False(w, take(alive))
	jobs, err := w.ClaimParked(w.Context(), dead, w.clock.Now(), *w.condition(sub), 1)
	require.NoError(w, err)
	require.Len(w, jobs, 1)
	require.NoError(w, w.Deregister(w.Context(), dead))
	require.True(w, take(alive))
	n, err := w.TakeOver(w.Context(), alive, w.clock.Now(), time.Hour, 10)
	require.NoError(w, err)
	require.Equal(w, 1, n)
	require.Equal(w, models.StatusPending, w.delivery(jobs[0].Delivery.ID).Status)
	require.True(w, w.ledger().Balanced())
}

func exerciseStopParked(w *world) {
	sub := w.subscribe()
	sub = w.suspend(sub, models.SuspendedGone)
	w.save(w.parkedEvent(sub), w.parkedEvent(sub), w.parkedEvent(sub))
	off := w.change(sub, func(s *models.Subscription) { s.Enabled = false })
	require.False(w, off.Suspended())
	require.Nil(w, w.condition(sub))
	require.Equal(w, 2, w.cancel(2))
	require.Equal(w, 1, w.cancel(2))
	require.False(w, w.stopped())
	require.Equal(w, int64(3), w.ledger().ByStatus[models.StatusCanceled])
	require.True(w, w.ledger().Balanced())
}

func exerciseHealth(w *world) {
	one, two := w.subscribe(), w.subscribe()
	report := func(s *models.Subscription, reset bool, n int) []models.Condition {
		list, err := w.ReportHealth(w.Context(), w.clock.Now(), []models.Health{
			{OrganizationID: w.org.ID, SubscriptionID: s.ID, Reset: reset, Failures: n},
		})
		require.NoError(w, err)
		return list
	}
	require.Empty(w, report(one, true, 0))
	require.Nil(w, w.condition(one))
	began := w.clock.Now()
	require.Equal(w, 3, report(one, false, 3)[0].Failures)
	w.clock.Advance(time.Minute)
	got := report(one, false, 4)[0]
	require.Equal(w, 7, got.Failures)
	require.Equal(w, began, got.FailingSince)
	require.Nil(w, w.condition(two))
	got = report(one, true, 2)[0]
	require.Equal(w, 2, got.Failures)
	require.Equal(w, w.clock.Now(), got.FailingSince)
	require.Empty(w, report(one, true, 0))
	require.Nil(w, w.condition(one))
	both, err := w.ReportHealth(w.Context(), w.clock.Now(), []models.Health{
		{OrganizationID: w.org.ID, SubscriptionID: two.ID, Failures: 1}, {OrganizationID: w.org.ID, SubscriptionID: one.ID, Failures: 1},
	})
	require.NoError(w, err)
	require.Len(w, both, 2)
	require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, one.ID, models.ID{}, w.clock.Now()))
	report(one, false, 1) // a call that was in flight
	require.NoError(w, w.TidyConditions(w.Context()))
	require.Nil(w, w.condition(one))
	require.NotNil(w, w.condition(two))
}

func exerciseStrayParked(w *world) {
	sub, other := w.subscribe(), w.subscribe()
	w.suspend(other, models.SuspendedManual)
	w.save(w.parkedEvent(sub), w.parkedEvent(other))
	require.Nil(w, w.condition(sub))
	require.NoError(w, w.TidyConditions(w.Context()))
	require.True(w, w.condition(sub).Draining)
	require.False(w, w.condition(other).Draining)
}

func exerciseParkedForDays(w *world) {
	sub := w.subscribe()
	sub = w.suspend(sub, models.SuspendedFailures)
	a := w.parkedEvent(sub)
	w.save(a)
	w.passDays(5)
	require.NoError(w, w.RaiseFloor(w.Context(), w.clock.Now()))
	owner := w.register("late")
	w.revision() // a pulse reads the floor
	sub = w.resume(sub)
	_, err := w.TakeDrain(w.Context(), owner, sub.ID)
	require.NoError(w, err)
	jobs, err := w.ClaimParked(w.Context(), owner, w.clock.Now(), *w.condition(sub), 1)
	require.NoError(w, err)
	require.Len(w, jobs, 1)
	require.Empty(w, w.record(failed(jobs[0].Delivery, w.clock.Now(), w.clock.Now())))
	w.revision()
	require.NoError(w, w.RaiseFloor(w.Context(), w.clock.Now()))
	require.Len(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1}), 1, "it waits again, below where the floor was")
}

package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func queueTests() []exercise {
	return []exercise{
		{"a job is complete", exerciseJob},
		{"a delivery without its event fails alone", func(w *world) {
			sub := w.subscribe()
			orphan := w.event(sub)
			orphan.Deliveries[0].EventRef = NewID()
			w.save(orphan, w.event(sub))
			jobs := w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 10})
			require.Len(w, jobs, 1)
			got := w.delivery(orphan.Deliveries[0].ID)
			require.Equal(w, models.StatusFailed, got.Status)
			require.True(w, w.ledger().Balanced())
		}},
		{"what is claimed ahead of its time and given back keeps its time", func(w *world) {
			sub, owner := w.subscribe(), w.register("a")
			a := w.event(sub)
			a.Deliveries[0].DueAt = w.clock.Now().Add(models.ClaimAhead)
			later := w.event(sub)
			later.Deliveries[0].DueAt = w.clock.Now().Add(models.ClaimAhead + time.Millisecond)
			w.save(a, later)
			require.Len(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}), 1)
			id := a.Deliveries[0].ID
			require.NoError(w, w.Release(w.Context(), owner, []models.ID{id}, w.clock.Now()))
			require.Equal(w, a.Deliveries[0].DueAt, w.delivery(id).DueAt)
		}},
		{"attempts that do not count are counted apart", func(w *world) {
			sub, owner := w.subscribe(), w.register("a")
			a := owned(w.event(sub), owner)
			w.save(a)
			for _, uncounted := range []bool{true, false, true} {
				r := failed(w.delivery(a.Deliveries[0].ID), w.clock.Now(), w.clock.Now())
				r.Uncounted = uncounted
				require.Empty(w, w.record(r))
				jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 1})
				require.Len(w, jobs, 1)
				require.Equal(w, w.delivery(a.Deliveries[0].ID), jobs[0].Delivery)
			}
			got := w.delivery(a.Deliveries[0].ID)
			require.Equal(w, 3, got.Attempts)
			require.Equal(w, 2, got.Uncounted)
		}},
		{"claims take the oldest due of each lane up to its limit", exerciseClaimOrder},
		{"two claimers never share a delivery", exerciseParallelClaims},
		{"a result and its attempt", exerciseRecord},
		{"every status can be recorded", exerciseRecordStatuses},
		{"a result without an attempt", func(w *world) {
			a := owned(w.event(w.subscribe()), w.register("a"))
			w.save(a)
			d := a.Deliveries[0]
			require.Empty(w, w.record(models.Result{Delivery: d, Status: models.StatusCanceled, Reason: models.ReasonDeleted}))
			got := w.delivery(d.ID)
			require.Equal(w, models.StatusCanceled, got.Status)
			require.Equal(w, models.ReasonDeleted, got.Reason)
			require.Zero(w, got.Attempts)
			attempts, err := w.Attempts(w.Context(), w.org.ID, d.ID)
			require.NoError(w, err)
			require.Empty(w, attempts)
		}},
		{"what is not ours is fenced and leaves no trace", exerciseFence},
		{"hostile texts of a receiver are stored", exerciseHostileTexts},
		{"a large batch of results, some fenced", exerciseLargeRecord},
		{"released deliveries wait again", exerciseRelease},
		{"a claim looks from where it is told to", exerciseClaimFrom},
		{"what was claimed and can't be read is given back", exerciseUnclaimed},
		{"the backlog lists lanes that are due", exerciseBacklog},
		{"the backlog goes round", exerciseBacklogTurns},
	}
}

func exerciseJob(w *world) {
	sub := w.subscribe(func(s *models.Subscription) {
		s.Headers = []models.Header{{Name: "X-A", Value: models.NewSecret("1")}}
	})
	a := w.event(sub)
	a.Event.Scope, a.Event.WorkspaceID, a.Event.EntityKey, a.Event.PublishedBy = "app", NewID(), "e", w.key(w.org.ID).ID
	a.Event.EntityParentKey = "p"
	b := chosen(w.event(sub), NewID())
	w.save(a, b)
	next := w.change(sub, func(s *models.Subscription) { s.Endpoint = "https://new.example/" })
	owner := w.register("a")
	now := w.clock.Advance(time.Second)
	jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10})
	require.Len(w, jobs, 2)
	for i, a := range []*models.Accepted{a, b} {
		want := a.Deliveries[0]
		want.Status, want.Owner, want.UpdatedAt = models.StatusDelivering, owner, now
		require.Equal(w, want, jobs[i].Delivery)
		require.Equal(w, want, w.delivery(want.ID))
		require.Equal(w, &a.Event, jobs[i].Event)
		require.Equal(w, sub, jobs[i].Matched)
		require.Equal(w, next, jobs[i].Current)
	}
	require.Same(w, jobs[0].Current, jobs[1].Current)
	require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, now))
	w.record(failed(jobs[0].Delivery, now, now))
	jobs = w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10})
	require.Len(w, jobs, 1, "deleted: the claimer sees it and stops it")
	_, stopped := jobs[0].Delivery.Stopped(jobs[0].Current)
	require.True(w, stopped)
}

func exerciseClaimOrder(w *world) {
	one, two, three := w.subscribe(), w.subscribe(), w.subscribe()
	var batch []*models.Accepted
	due := map[models.ID]time.Time{}
	for i := range 12 {
		a := w.event(one, two)
		for k := range a.Deliveries {
			// Neither in order of id nor all due: 7 is coprime to 12.
			a.Deliveries[k].DueAt = w.clock.Now().Add(time.Duration((i*7)%12-8) * time.Second)
			due[a.Deliveries[k].ID] = a.Deliveries[k].DueAt
		}
		batch = append(batch, a)
	}
	w.save(batch...)
	owner := w.register("a")
	jobs := w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 4}, models.Want{SubscriptionID: two.ID, Limit: 100}, models.Want{SubscriptionID: three.ID, Limit: 5})
	perLane := map[models.ID][]time.Duration{}
	for _, j := range jobs {
		require.Equal(w, due[j.Delivery.ID], j.Delivery.DueAt)
		perLane[j.Delivery.SubscriptionID] = append(perLane[j.Delivery.SubscriptionID], j.Delivery.DueAt.Sub(w.clock.Now())/time.Second)
	}
	require.Equal(w, map[models.ID][]time.Duration{
		one.ID: {-8, -7, -6, -5}, two.ID: {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2}, // and what is due within ClaimAhead
	}, perLane)
	jobs = w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 100})
	require.Len(w, jobs, 7)
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 100}))
	require.Empty(w, w.claim(owner))
	w.clock.Advance(time.Second)
	require.Len(w, w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 100}), 1)
}

func exerciseParallelClaims(w *world) {
	subs := []*models.Subscription{w.subscribe(), w.subscribe()}
	var batch []*models.Accepted
	for range 100 {
		batch = append(batch, w.event(subs...))
	}
	w.save(batch...)
	stores := []*store.Store{w.Store, w.open(), w.open(), w.open()}
	var mu sync.Mutex
	claimedBy := map[models.ID]int64{}
	errs := make([]error, len(stores))
	var wg sync.WaitGroup
	for i, s := range stores {
		owner := w.register(fmt.Sprint(i))
		wg.Go(func() {
			// Rows that another has locked are passed over, so an empty answer does not mean that none is left.
			for range 60 {
				jobs, err := s.Claim(w.Context(), owner, w.clock.Now(), []models.Want{{SubscriptionID: subs[0].ID, Limit: 3}, {SubscriptionID: subs[1].ID, Limit: 5}})
				if err != nil {
					errs[i] = err
					return
				}
				mu.Lock()
				for _, j := range jobs {
					if other, ok := claimedBy[j.Delivery.ID]; ok {
						errs[i] = fmt.Errorf("%s claimed by %d and %d", j.Delivery.ID, other, owner)
					}
					claimedBy[j.Delivery.ID] = owner
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(w, err)
	}
	require.Len(w, claimedBy, 200)
	for id, owner := range claimedBy {
		require.Equal(w, owner, w.delivery(id).Owner)
	}
}

func exerciseRecord(w *world) {
	owner := w.register("a")
	a := owned(w.event(w.subscribe()), owner)
	w.save(a)
	d := a.Deliveries[0]
	started := w.clock.Now()
	now := w.clock.Advance(time.Second)
	due := now.Add(2 * time.Minute)
	attempt := models.Attempt{
		DeliveryID: d.ID, OrganizationID: w.org.ID, Number: 1, StartedAt: started, Reason: models.ReasonStatus, Detail: "503 from the receiver",
		StatusCode: 503, RetryAfter: 90 * time.Second, Endpoint: "https://r.example/x", Redirects: 2,
		Timings:        models.Timings{DNS: 1 * time.Microsecond, Connect: 2 * time.Microsecond, TLS: 3 * time.Millisecond, FirstByte: 4 * time.Millisecond, Total: 10 * time.Second},
		RequestHeaders: []string{"Content-Type: application/json", "X-A: ***"}, ResponseHeaders: []string{"Server: x", "Empty: "},
		ResponseBody: []byte{0, 255, '<'}, BodyTruncated: true,
	}
	require.Empty(w, w.record(models.Result{Delivery: d, Attempt: &attempt, Status: models.StatusRetrying, DueAt: due, Owed: true, Reason: models.ReasonStatus}))
	want := d
	want.Status, want.Owner, want.Attempts, want.DueAt, want.Owed, want.Reason, want.UpdatedAt = models.StatusRetrying, 0, 1, due, true, models.ReasonStatus, now
	require.Equal(w, want, w.delivery(d.ID))

	w.clock.Advance(2 * time.Minute)
	jobs := w.claim(owner, models.Want{SubscriptionID: d.SubscriptionID, Limit: 1})
	require.Len(w, jobs, 1)
	require.True(w, jobs[0].Delivery.Owed)
	require.Equal(w, 1, jobs[0].Delivery.Attempts)
	require.Empty(w, w.record(succeeded(jobs[0].Delivery, w.clock.Now())))
	got := w.delivery(d.ID)
	require.Equal(w, models.StatusDelivered, got.Status)
	require.Equal(w, 2, got.Attempts)
	require.False(w, got.Owed)
	require.Empty(w, got.Reason)
	require.True(w, got.DueAt.IsZero())

	attempts, err := w.Attempts(w.Context(), w.org.ID, d.ID)
	require.NoError(w, err)
	require.Len(w, attempts, 2)
	require.Equal(w, attempt, attempts[0])
	second := succeeded(jobs[0].Delivery, w.clock.Now()).Attempt
	require.Equal(w, *second, attempts[1])
	none, err := w.Attempts(w.Context(), w.organization("other").ID, d.ID)
	require.NoError(w, err)
	require.Empty(w, none)
}

func exerciseRecordStatuses(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	for _, status := range models.Statuses() {
		if status == models.StatusDelivering {
			continue
		}
		a := owned(w.event(sub), owner)
		w.save(a)
		r := succeeded(a.Deliveries[0], w.clock.Now())
		r.Status = status
		require.Empty(w, w.record(r))
		got := w.delivery(a.Deliveries[0].ID)
		require.Equal(w, status, got.Status)
		if status == models.StatusPending || status == models.StatusRetrying {
			require.Zero(w, got.Owner)
			require.Len(w, w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 10}), 1, "it waits for whoever claims it")
			continue
		}
		require.Equal(w, int64(1), w.ledger().ByStatus[status])
	}
	require.True(w, w.ledger().Balanced())
}

func exerciseFence(w *world) {
	ctx := w.Context()
	sub, a := w.subscribe(), w.register("a")
	accepted := w.event(sub)
	w.save(accepted)
	jobA := w.claim(a, models.Want{SubscriptionID: sub.ID, Limit: 1})[0]

	b := w.register("a") // a new start of the same instance: a is dead
	w.requireCode(models.CodeFenced, w.Heartbeat(ctx, a, models.ID{}))
	n, err := w.TakeOver(ctx, 0, w.clock.Now(), time.Hour, 100)
	require.NoError(w, err)
	require.Equal(w, 1, n)
	result := succeeded(jobA.Delivery, w.clock.Now())
	id := jobA.Delivery.ID
	require.Equal(w, []models.ID{id}, w.record(result), "given back")
	jobB := w.claim(b, models.Want{SubscriptionID: sub.ID, Limit: 1})[0]
	require.Equal(w, []models.ID{id}, w.record(result), "owned by another")
	require.NoError(w, w.Release(ctx, a, []models.ID{id}, w.clock.Now()))
	require.Equal(w, b, w.delivery(id).Owner, "a can not release it either")
	attempts, err := w.Attempts(ctx, w.org.ID, id)
	require.NoError(w, err)
	require.Empty(w, attempts)

	require.Empty(w, w.record(failed(jobB.Delivery, w.clock.Now(), w.clock.Now())))
	require.Equal(w, []models.ID{id}, w.record(succeeded(jobB.Delivery, w.clock.Now())), "recorded before")
	attempts, err = w.Attempts(ctx, w.org.ID, id)
	require.NoError(w, err)
	require.Len(w, attempts, 1)
	require.Equal(w, models.StatusRetrying, w.delivery(id).Status)

	again := w.claim(b, models.Want{SubscriptionID: sub.ID, Limit: 1})[0]
	require.Equal(w, []models.ID{id}, w.record(failed(jobB.Delivery, w.clock.Now(), w.clock.Now())), "the first attempt, while the same owner is at the second")
	attempts, err = w.Attempts(ctx, w.org.ID, id)
	require.NoError(w, err)
	require.Len(w, attempts, 1)
	require.Equal(w, models.StatusDelivering, w.delivery(id).Status)
	require.Equal(w, []models.ID{id, id}, w.record(succeeded(jobB.Delivery, w.clock.Now()), succeeded(again.Delivery, w.clock.Now()), succeeded(again.Delivery, w.clock.Now())),
		"of two in one batch one is recorded")
	require.Equal(w, 2, w.delivery(id).Attempts)

	unknown := jobB.Delivery
	unknown.ID = NewID()
	require.Equal(w, []models.ID{unknown.ID}, w.record(succeeded(unknown, w.clock.Now())))
}

func exerciseHostileTexts(w *world) {
	owner, sub := w.register("a"), w.subscribe()
	a, b := owned(w.event(sub), owner), owned(w.event(sub), owner)
	w.save(a, b)
	hostile := failed(a.Deliveries[0], w.clock.Now(), w.clock.Now())
	hostile.Attempt.Detail = "nul \x00 and \xff\xfe"
	hostile.Attempt.Endpoint = "https://\xff/"
	hostile.Attempt.ResponseHeaders = []string{"X: \x00\xff", "Y: a\nb"}
	hostile.Attempt.ResponseBody = []byte("\x00\xff\xfe")
	hostile.Attempt.StatusCode = 999
	hostile.Attempt.RetryAfter = 1 << 62
	hostile.Attempt.Timings.Total = 1 << 62
	require.Empty(w, w.record(hostile, succeeded(b.Deliveries[0], w.clock.Now())))
	attempts, err := w.Attempts(w.Context(), w.org.ID, a.Deliveries[0].ID)
	require.NoError(w, err)
	require.Len(w, attempts, 1)
	require.Equal(w, hostile.Attempt.ResponseBody, attempts[0].ResponseBody)
	require.Len(w, attempts[0].ResponseHeaders, 2)
	require.True(w, strings.HasPrefix(attempts[0].Detail, "nul "))
	require.Positive(w, attempts[0].Timings.Total)
}

func exerciseLargeRecord(w *world) {
	const n = 1200
	owner, sub := w.register("a"), w.subscribe()
	var batch []*models.Accepted
	var results []models.Result
	var foreign []models.ID
	for i := range n {
		a := owned(w.event(sub), owner)
		batch = append(batch, a)
		d := a.Deliveries[0]
		if i%100 == 7 {
			d.Owner++ // somebody else's
			foreign = append(foreign, d.ID)
		}
		results = append(results, succeeded(d, w.clock.Now()))
	}
	w.save(batch...)
	require.Equal(w, foreign, w.record(results...))
	l := w.ledger()
	require.Equal(w, int64(n-len(foreign)), l.ByStatus[models.StatusDelivered])
	require.True(w, l.Balanced())
}

func exerciseRelease(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	first, second, third := w.event(sub), w.event(sub), w.event(sub)
	w.save(first)
	w.clock.Advance(time.Second)
	w.save(second)
	w.clock.Advance(time.Second)
	w.save(third)
	jobs := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 2})
	require.Len(w, jobs, 2)
	now := w.clock.Advance(time.Second)
	require.NoError(w, w.Release(w.Context(), owner, []models.ID{jobs[0].Delivery.ID, jobs[1].Delivery.ID, third.Deliveries[0].ID, NewID()}, now))
	require.NoError(w, w.Release(w.Context(), owner, nil, now))
	for _, a := range []*models.Accepted{first, second, third} {
		got := w.delivery(a.Deliveries[0].ID)
		require.Equal(w, models.StatusPending, got.Status)
		require.Zero(w, got.Owner)
		require.Zero(w, got.Attempts)
		require.Equal(w, a.Deliveries[0].DueAt, got.DueAt, "it keeps its place")
	}
	again := w.claim(owner, models.Want{SubscriptionID: sub.ID, Limit: 3})
	require.Len(w, again, 3)
	require.Equal(w, jobs[0].Delivery.ID, again[0].Delivery.ID)
}

func exerciseClaimFrom(w *world) {
	one, two, owner := w.subscribe(), w.subscribe(), w.register("a")
	begun := w.clock.Now()
	var saved []*models.Accepted
	for range 3 {
		a := w.event(one, two)
		w.save(a)
		saved = append(saved, a)
		w.clock.Advance(time.Second)
	}
	backlogs, err := w.Backlog(w.Context(), w.clock.Now(), 10)
	require.NoError(w, err)
	require.Len(w, backlogs, 2)
	for _, b := range backlogs {
		require.WithinDuration(w, begun, b.Since, 0, "the first is due then")
	}
	jobs := w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 2, From: begun.Add(time.Second)}, models.Want{SubscriptionID: two.ID, Limit: 1})
	got := map[models.ID]bool{}
	for i := range jobs {
		got[jobs[i].Delivery.ID] = true
	}
	want := map[models.ID]bool{saved[1].Deliveries[0].ID: true, saved[2].Deliveries[0].ID: true, saved[0].Deliveries[1].ID: true}
	require.Equal(w, want, got, "from that moment on, itself included, and each subscription from its own")
	require.Empty(w, w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 2, From: begun.Add(time.Second)}))
	require.Len(w, w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 2}), 1, "nothing was lost")
}

func exerciseUnclaimed(w *world) {
	sub, owner := w.subscribe(), w.register("a")
	good, bad := w.event(sub), w.event(sub)
	bad.Deliveries[0].SubscriptionVersion = 99 // there is none
	w.save(good, bad)
	wants := []models.Want{{SubscriptionID: sub.ID, Limit: 10}}
	before := w.ledger()
	now := w.clock.Advance(time.Minute)
	for range 2 {
		_, err := w.Claim(w.Context(), owner, now, wants)
		require.Error(w, err)
		for _, a := range []*models.Accepted{good, bad} {
			got := w.delivery(a.Deliveries[0].ID)
			require.Equal(w, models.StatusPending, got.Status)
			require.Equal(w, a.Deliveries[0].DueAt, got.DueAt, "it keeps its place")
			require.Zero(w, got.Owner)
		}
		require.Equal(w, before, w.ledger())
	}
}

func exerciseBacklog(w *world) {
	one, two, three, four := w.subscribe(), w.subscribe(), w.subscribe(), w.subscribe()
	owner := w.register("a")
	backlog := func(wantComing ...models.ID) (due []models.ID) {
		found, err := w.Backlog(w.Context(), w.clock.Now(), 10)
		require.NoError(w, err)
		var coming []models.ID
		for _, b := range found {
			if b.Since.After(w.clock.Now()) {
				coming = append(coming, b.SubscriptionID)
			} else {
				due = append(due, b.SubscriptionID)
			}
		}
		require.Equal(w, wantComing, coming)
		return due
	}
	require.Empty(w, backlog())
	later := w.event(two)
	later.Deliveries[0].DueAt = w.clock.Now().Add(time.Minute)
	w.save(w.event(one, three), w.event(one), later, owned(w.event(four), owner))
	require.Equal(w, []models.ID{one.ID, three.ID}, backlog())
	pulse, err := w.Pulse(w.Context(), w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.True(w, pulse.Due)
	w.claim(owner, models.Want{SubscriptionID: one.ID, Limit: 10}, models.Want{SubscriptionID: three.ID, Limit: 10})
	require.Empty(w, backlog())
	pulse, err = w.Pulse(w.Context(), w.clock.Now(), time.Hour)
	require.NoError(w, err)
	require.False(w, pulse.Due)
	w.clock.Advance(time.Minute - models.ClaimAhead - time.Millisecond)
	require.Empty(w, backlog())
	w.clock.Advance(time.Millisecond)
	require.Empty(w, backlog(two.ID))
	w.clock.Advance(models.ClaimAhead)
	require.Equal(w, []models.ID{two.ID}, backlog())
}

func exerciseBacklogTurns(w *world) {
	var subs []*models.Subscription
	for range 5 {
		subs = append(subs, w.subscribe())
	}
	w.save(w.event(subs...))
	seen := map[models.ID]int{}
	for range 5 {
		backlogs, err := w.Backlog(w.Context(), w.clock.Now(), 2)
		require.NoError(w, err)
		require.Len(w, backlogs, 2)
		for _, b := range backlogs {
			seen[b.SubscriptionID]++
		}
	}
	require.Len(w, seen, 5)
	for _, n := range seen {
		require.Equal(w, 2, n, "five looks at two of five lanes see each twice")
	}
}

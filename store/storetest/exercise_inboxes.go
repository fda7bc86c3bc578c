package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func inboxTests() []exercise {
	return []exercise{
		{"inboxes", exerciseInboxes},
		{"an inbox keeps the newest requests", exerciseInboxBounds},
		{"a test event's mark is stored with it", exerciseTestMark},
	}
}

func (w *world) inbox(org models.ID) models.Inbox {
	w.Helper()
	id := w.newID()
	b := models.Inbox{
		ID: id, OrganizationID: org, Token: fmt.Sprintf("%x", id[:]), Name: "mine", CreatedAt: w.clock.Now(),
		Behavior:  models.InboxBehavior{Mode: models.InboxAnswer, Status: 202, Delay: time.Second, FailFirst: 2, FailStatus: 500},
		ExpiresAt: w.clock.Now().Add(time.Hour),
	}
	require.NoError(w, w.CreateInbox(w.Context(), b))
	return b
}

func (w *world) arrive(b models.Inbox, change ...func(*models.InboxRequest)) int {
	w.Helper()
	r := models.InboxRequest{
		InboxID: b.ID, OrganizationID: b.OrganizationID, ReceivedAt: w.clock.Now(), Method: "POST",
		Headers: []string{"A: 1", "B: two"}, Body: []byte("body\x00"), Signature: models.VerdictMissing,
	}
	for _, c := range change {
		c(&r)
	}
	n, err := w.KeepInboxRequest(w.Context(), r, models.InboxBehavior{Mode: models.InboxAnswer, Status: 202, FailFirst: 1, FailStatus: 500})
	require.NoError(w, err)
	return n
}

func exerciseInboxes(w *world) {
	ctx := w.Context()
	other := w.organization("other")
	b := w.inbox(w.org.ID)
	foreign := w.inbox(other.ID)
	w.requireCode(models.CodeNotFound, w.CreateInbox(ctx, models.Inbox{ID: NewID(), OrganizationID: NewID(), Token: "x", CreatedAt: w.clock.Now()}))

	got, err := w.Inbox(ctx, w.org.ID, b.ID, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, b, got)
	got, err = w.InboxByToken(ctx, b.Token, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, b, got)
	_, err = w.Inbox(ctx, w.org.ID, foreign.ID, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	w.requireCode(models.CodeNotFound, w.DeleteInbox(ctx, w.org.ID, foreign.ID))
	b.Name, b.Behavior = "Renamed", models.InboxBehavior{Mode: models.InboxDrop, Status: 200, FailFirst: 1, FailStatus: 503, FailFrom: 4}
	require.NoError(w, w.UpdateInbox(ctx, b, w.clock.Now()))
	foreign.OrganizationID = w.org.ID
	w.requireCode(models.CodeNotFound, w.UpdateInbox(ctx, foreign, w.clock.Now()))
	w.requireCode(models.CodeNotFound, w.UpdateInbox(ctx, b, b.ExpiresAt))
	list, err := w.Inboxes(ctx, w.org.ID, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, []models.Inbox{b}, list)

	delivery := NewID()
	require.Equal(w, 1, w.arrive(b))
	require.Equal(w, 2, w.arrive(b, func(r *models.InboxRequest) {
		r.DeliveryID, r.Signature, r.Truncated, r.Headers, r.Body = delivery, models.VerdictValid, true, nil, nil
	}))
	_, err = w.KeepInboxRequest(ctx, models.InboxRequest{InboxID: b.ID, OrganizationID: other.ID, Method: "POST"}, b.Behavior)
	w.requireCode(models.CodeNotFound, err)
	requests, err := w.InboxRequests(ctx, w.org.ID, b.ID, 0, 0, 10)
	require.NoError(w, err)
	require.Equal(w, []models.InboxRequest{
		{
			InboxID: b.ID, OrganizationID: w.org.ID, Number: 2, ReceivedAt: w.clock.Now(), Method: "POST", Truncated: true,
			DeliveryID: delivery, Signature: models.VerdictValid, Answer: models.InboxReply{Outcome: models.InboxAnswered, Status: 202},
		},
		{
			InboxID: b.ID, OrganizationID: w.org.ID, Number: 1, ReceivedAt: w.clock.Now(), Method: "POST", Body: []byte("body\x00"),
			Headers: []string{"A: 1", "B: two"}, Signature: models.VerdictMissing,
			Answer: models.InboxReply{Outcome: models.InboxAnswered, Status: 500},
		},
	}, requests)
	gone := models.InboxReply{Outcome: models.InboxGone, Waited: 1500 * time.Millisecond}
	require.NoError(w, w.AnswerInboxRequest(ctx, w.org.ID, b.ID, 2, gone))
	require.NoError(w, w.AnswerInboxRequest(ctx, other.ID, b.ID, 1, gone), "it is not there, as one that was removed meanwhile")
	answered, err := w.InboxRequests(ctx, w.org.ID, b.ID, 0, 0, 10)
	require.NoError(w, err)
	require.Equal(w, gone, answered[0].Answer)
	require.Equal(w, requests[1], answered[1])
	for _, tc := range []struct{ before, from, limit, want int }{{2, 0, 10, 1}, {0, 2, 10, 2}, {0, 0, 1, 2}} {
		requests, err = w.InboxRequests(ctx, w.org.ID, b.ID, tc.before, tc.from, tc.limit)
		require.NoError(w, err)
		require.Len(w, requests, 1)
		require.Equal(w, tc.want, requests[0].Number)
	}
	requests, err = w.InboxRequests(ctx, other.ID, b.ID, 0, 0, 10)
	require.NoError(w, err)
	require.Empty(w, requests)

	w.clock.Advance(time.Hour)
	_, err = w.Inbox(ctx, w.org.ID, b.ID, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	_, err = w.InboxByToken(ctx, b.Token, w.clock.Now())
	w.requireCode(models.CodeNotFound, err)
	list, err = w.Inboxes(ctx, w.org.ID, w.clock.Now())
	require.NoError(w, err)
	require.Empty(w, list)
	later := w.inbox(w.org.ID)
	w.arrive(later)
	n, err := w.ExpireInboxes(ctx, w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, int64(2), n)
	require.NoError(w, w.DeleteInbox(ctx, w.org.ID, later.ID))
	w.requireCode(models.CodeNotFound, w.DeleteInbox(ctx, w.org.ID, later.ID))
	requests, err = w.InboxRequests(ctx, w.org.ID, later.ID, 0, 0, 10)
	require.NoError(w, err)
	require.Empty(w, requests, "they go with the inbox")
}

func exerciseInboxBounds(w *world) {
	ctx := w.Context()
	boxes := []models.Inbox{}
	for range models.MaxInboxes {
		boxes = append(boxes, w.inbox(w.org.ID))
	}
	extra := boxes[0]
	extra.ID, extra.Token = NewID(), "extra"
	w.requireCode(models.CodeQuota, w.CreateInbox(ctx, extra))

	half := func(r *models.InboxRequest) {
		r.Headers, r.Body = nil, bytes.Repeat([]byte("b"), models.MaxInboxBytes/2)
	}
	w.arrive(boxes[0], half)
	w.arrive(boxes[0], half)
	w.arrive(boxes[0])
	kept, err := w.InboxRequests(ctx, w.org.ID, boxes[0].ID, 0, 0, 10)
	require.NoError(w, err)
	require.Len(w, kept, 2)
	require.Equal(w, 3, kept[0].Number)
	w.arrive(boxes[0], func(r *models.InboxRequest) { r.Body = bytes.Repeat([]byte("b"), models.MaxInboxBytes+1) })
	kept, err = w.InboxRequests(ctx, w.org.ID, boxes[0].ID, 0, 0, 10)
	require.NoError(w, err)
	require.Len(w, kept, 1, "the newest stays whatever its size")

	for range models.MaxInboxRequests + 3 {
		w.arrive(boxes[1])
	}
	kept, err = w.InboxRequests(ctx, w.org.ID, boxes[1].ID, 0, 0, 2*models.MaxInboxRequests)
	require.NoError(w, err)
	require.Len(w, kept, models.MaxInboxRequests)
	require.Equal(w, models.MaxInboxRequests+3, kept[0].Number)
	require.Equal(w, 4, kept[len(kept)-1].Number)
}

// exerciseTestMark follows an event's mark through commit, claim and look-up.
func exerciseTestMark(w *world) {
	sub := w.subscribe()
	a := w.event(sub)
	a.Event.Ref = models.MarkTest(a.Event.Ref)
	a.Event.ID = a.Event.Ref
	d := &a.Deliveries[0]
	d.ID, d.EventRef, d.EventID = models.DeliveryID(a.Event.Ref, 0), a.Event.Ref, a.Event.Ref
	w.save(a, w.event(sub))
	e, err := w.Event(w.Context(), w.org.ID, a.Event.ID)
	require.NoError(w, err)
	require.True(w, e.Test())
	jobs := w.claim(w.register("one"), models.Want{SubscriptionID: sub.ID, Limit: 10})
	require.Len(w, jobs, 2)
	marked := 0
	for i := range jobs {
		require.Equal(w, jobs[i].Delivery.Test(), jobs[i].Event.Test())
		if jobs[i].Delivery.Test() {
			marked++
		}
	}
	require.Equal(w, 1, marked)
}

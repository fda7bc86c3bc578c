package storetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/models"
)

// subscription is one of the model's as it is now.
func (m *model) subscription(id models.ID) *models.Subscription {
	return m.subs[slices.IndexFunc(m.subs, func(s *models.Subscription) bool { return s.ID == id })]
}

// retryOne asks for any delivery, also one that can't be had.
func (m *model) retryOne(t *rapid.T) {
	if len(m.order) == 0 {
		return
	}
	d := m.deliveries[rapid.SampledFrom(m.order).Draw(t, "delivery")]
	now := m.clock.Now()
	got, err := m.Retry(m.Context(), m.org.ID, d.ID, now)
	if !d.Status.Resendable() || !m.subscription(d.SubscriptionID).Enabled || !m.whole(d.EventRef) {
		m.requireCode(models.CodeConflict, err)
		return
	}
	require.NoError(t, err)
	ask(d, now)
	require.Equal(t, *d, got)
}

// replayOne sends the event of any delivery to all subscriptions that are enabled.
func (m *model) replayOne(t *rapid.T) {
	if len(m.order) == 0 {
		return
	}
	ref := m.deliveries[rapid.SampledFrom(m.order).Draw(t, "delivery")].EventRef
	var to []models.ID
	enabled := 0
	for _, s := range m.subs {
		to = append(to, s.ID)
		if s.Enabled {
			enabled++
		}
	}
	if !m.whole(ref) {
		m.requireCode(models.CodeConflict, second(m.Replay(m.Context(), m.org.ID, ref, to, false, m.clock.Now())))
		return
	}
	made := m.replay(ref, false, to...)
	require.Len(t, made, enabled)
	for _, d := range made {
		var last models.ID
		for _, old := range m.deliveries {
			if old.EventRef == ref && old.SubscriptionID == d.SubscriptionID && old.ID.Compare(last) > 0 {
				last = old.ID
			}
		}
		require.True(t, d.Replay)
		require.Equal(t, last, d.ReplayOf)
		m.add(d)
	}
}

// goBack does what a sender does with deliveries on demand whose subscription was stopped: those that had ended are what they were.
func (m *model) goBack() {
	owner, now := m.register("last"), m.clock.Now()
	for _, s := range m.subs {
		var results []models.Result
		for _, j := range m.claim(owner, models.Want{SubscriptionID: s.ID, Limit: 10_000}) {
			r := models.Result{Delivery: j.Delivery, Status: models.StatusCanceled, Reason: models.ReasonDeleted}
			if back := j.Delivery.Back; back.Status.Terminal() {
				r.Status, r.Reason = back.Status, back.Reason
			}
			d := m.deliveries[j.Delivery.ID]
			d.Status, d.Reason, d.Owner, d.DueAt, d.Back, d.UpdatedAt = r.Status, r.Reason, owner, time.Time{}, nil, now
			results = append(results, r)
		}
		require.Empty(m.T, m.record(results...))
	}
}

package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

const overlap = time.Hour

var (
	firstSecret  = models.NewSecret("k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3") // of world.spec
	secondSecret = models.NewSecret("n3wn3wn3wn3wn3wn3wn3wn3wn3wn3wn3")
)

func rotationTests() []exercise {
	return []exercise{
		{"who shares an endpoint is told without any secret", exerciseSharedEndpoint},
		{"a rotation is a change like any other, and ends by itself", exerciseRotation},
		{"an activation by call is known to every instance", exerciseActivation},
		{"a finished rotation leaves no trace of the old secret", exerciseForgotten},
		{"a rotation that is taken back leaves its number only, on every instance", exerciseCanceled},
		{"an overlap that is ended by call leaves no trace of the old secret", func(w *world) {
			sub := w.rotating()
			w.clock.Advance(overlap)
			revision := w.revision()
			w.change(sub, func(s *models.Subscription) { require.NoError(w, s.FinishRotation(w.clock.Now())) })
			changed, err := w.open().ChangedSince(w.Context(), revision)
			require.NoError(w, err)
			require.Len(w, changed, 1)
			require.Equal(w, models.Signing{Current: secondSecret, Generation: 1}, changed[0].Signing(w.clock.Now()))
			w.requireForgotten(sub, 2)
			w.clock.Advance(overlap)
			done, err := w.FinishRotations(w.Context(), w.clock.Now())
			require.NoError(w, err)
			require.Zero(w, done, "there is nothing left to finish")
		}},
		{"a secret that is replaced at once leaves no trace either", func(w *world) {
			sub := w.change(w.subscribe(), func(s *models.Subscription) {
				require.NoError(w, s.Rotate(secondSecret, 0, w.clock.Now()))
			})
			require.Equal(w, secondSecret, sub.Secret)
			require.Equal(w, 1, sub.SecretGeneration)
			w.requireForgotten(sub, 1)
		}},
		{"a subscription may lose its secret and get one", func(w *world) {
			sub := w.change(w.subscribe(), func(s *models.Subscription) {
				require.NoError(w, s.Rotate(models.Secret{}, 0, w.clock.Now()))
			})
			got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.True(w, got.Secret.IsZero())
			old, err := w.SubscriptionVersion(w.Context(), w.org.ID, sub.ID, 1)
			require.NoError(w, err)
			require.True(w, old.Secret.IsZero(), "it leaves no trace")
			sub = w.change(sub, func(s *models.Subscription) { require.NoError(w, s.Rotate(secondSecret, overlap, w.clock.Now())) })
			keys := sub.Signing(w.clock.Now())
			require.True(w, keys.Current.IsZero())
			require.Equal(w, secondSecret, keys.Next)
			w.clock.Advance(2 * overlap)
			done, err := w.FinishRotations(w.Context(), w.clock.Now())
			require.NoError(w, err)
			require.Equal(w, 1, done)
			got, err = w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, secondSecret, got.Secret)
		}},
		{"two instances finish a rotation once", func(w *world) {
			sub := w.rotating()
			w.clock.Advance(2 * overlap)
			other := w.open()
			type outcome struct {
				done int
				err  error
			}
			outcomes := make(chan outcome, 2)
			for _, s := range []*store.Store{w.Store, other} {
				go func() {
					done, err := s.FinishRotations(w.Context(), w.clock.Now())
					outcomes <- outcome{done, err}
				}()
			}
			total := 0
			for range 2 {
				o := <-outcomes
				require.NoError(w, o.err)
				total += o.done
			}
			require.Equal(w, 1, total)
			got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, sub.Version+1, got.Version)
			entries, err := w.Audit(w.Context(), models.AuditQuery{OrganizationID: w.org.ID, Action: "webhook.finish_rotation", Limit: 10})
			require.NoError(w, err)
			require.Len(w, entries, 1)
			require.Equal(w, sub.ID.String(), entries[0].ObjectID)
		}},
		{"a deleted subscription has no rotation to finish", func(w *world) {
			sub := w.rotating()
			require.NoError(w, w.DeleteSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, w.clock.Now()))
			w.clock.Advance(2 * overlap)
			done, err := w.FinishRotations(w.Context(), w.clock.Now())
			require.NoError(w, err)
			require.Zero(w, done)
		}},
		{"attempts are counted by the secret that signed them", exerciseSecretUses},
	}
}

// rotating is a subscription with a new secret that waits for its activation.
func (w *world) rotating() *models.Subscription {
	w.Helper()
	return w.change(w.subscribe(), func(s *models.Subscription) {
		require.NoError(w, s.Rotate(secondSecret, overlap, w.clock.Now()))
	})
}

func exerciseRotation(w *world) {
	before := w.revision()
	sub := w.rotating()
	require.Equal(w, 2, sub.Version)
	require.Greater(w, w.revision(), before)
	require.Equal(w, models.Rotation{
		Secret: secondSecret, Generation: 1, ActivatesAt: w.clock.Now().Add(overlap), EndsAt: w.clock.Now().Add(2 * overlap),
	}, sub.Rotation)

	// Every way to read it has the same.
	got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
	require.NoError(w, err)
	require.Equal(w, sub, got)
	changed, err := w.open().ChangedSince(w.Context(), before)
	require.NoError(w, err)
	require.Equal(w, []*models.Subscription{sub}, changed[len(changed)-1:])
	w.save(w.event(sub))
	jobs := w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.Len(w, jobs, 1)
	require.Equal(w, sub, jobs[0].Current)

	raw, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
	require.NoError(w, err)
	for at, want := range map[time.Duration]models.Signing{
		0:               {Current: firstSecret, Next: secondSecret},
		overlap - 1:     {Current: firstSecret, Next: secondSecret},
		overlap:         {Current: secondSecret, Generation: 1, Previous: firstSecret},
		2*overlap - 1:   {Current: secondSecret, Generation: 1, Previous: firstSecret},
		2 * overlap:     {Current: secondSecret, Generation: 1},
		100 * time.Hour: {Current: secondSecret, Generation: 1},
	} {
		require.Equal(w, want, raw.Signing(w.clock.Now().Add(at)), at)
	}

	revision := w.revision()
	for _, step := range []time.Duration{0, overlap, overlap - 1} { // the clock is cut to milliseconds: still before the end
		done, err := w.FinishRotations(w.Context(), w.clock.Now().Add(step))
		require.NoError(w, err)
		require.Zero(w, done)
	}
	require.Equal(w, revision, w.revision(), "nothing is written before the end")
	w.clock.Advance(2 * overlap)
	done, err := w.FinishRotations(w.Context(), w.clock.Now())
	require.NoError(w, err)
	require.Equal(w, 1, done)
	got, err = w.Subscription(w.Context(), w.org.ID, sub.ID)
	require.NoError(w, err)
	require.Equal(w, secondSecret, got.Secret)
	require.Equal(w, 1, got.SecretGeneration)
	require.Zero(w, got.Rotation)
	require.Greater(w, got.Revision, revision, "so that every instance forgets it too")
	done, err = w.FinishRotations(w.Context(), w.clock.Now())
	require.NoError(w, err)
	require.Zero(w, done)
}

func exerciseActivation(w *world) {
	sub := w.rotating()
	revision := w.revision()
	now := w.clock.Advance(time.Minute)
	w.change(sub, func(s *models.Subscription) { require.NoError(w, s.Activate(now)) })
	changed, err := w.open().ChangedSince(w.Context(), revision)
	require.NoError(w, err)
	require.Len(w, changed, 1)
	require.Equal(w, models.Signing{Current: secondSecret, Generation: 1, Previous: firstSecret}, changed[0].Signing(now))
	require.Equal(w, now.Add(overlap), changed[0].Rotation.EndsAt)
	_, err = w.UpdateSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, now, func(s *models.Subscription) error { return s.Activate(now) })
	w.requireCode(models.CodeConflict, err)
}

func exerciseCanceled(w *world) {
	sub := w.rotating()
	revision := w.revision()
	canceled := w.change(sub, func(s *models.Subscription) { require.NoError(w, s.CancelRotation(w.clock.Now())) })
	require.Equal(w, sub.Version+1, canceled.Version)
	changed, err := w.open().ChangedSince(w.Context(), revision)
	require.NoError(w, err)
	require.Equal(w, []*models.Subscription{canceled}, changed)
	w.save(w.event(canceled))
	jobs := w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.Len(w, jobs, 1)
	require.Equal(w, canceled, jobs[0].Current)
	// The statement fails where the row has anything but the number.
	w.exec("INSERT INTO revisions (id, value) SELECT 1, 1 FROM subscriptions WHERE next_secret IS NOT NULL OR activates_at <> 0 OR rotation_ends_at <> 0")
	w.clock.Advance(3 * overlap)
	require.Equal(w, models.Signing{Current: firstSecret}, canceled.Signing(w.clock.Now()))
	done, err := w.FinishRotations(w.Context(), w.clock.Now())
	require.NoError(w, err)
	require.Zero(w, done)

	again := w.change(canceled, func(s *models.Subscription) { require.NoError(w, s.Rotate(secondSecret, overlap, w.clock.Now())) })
	require.Equal(w, 2, again.Rotation.Generation, "so attempts of two secrets are never counted together")
	_, err = w.UpdateSubscription(w.Context(), w.org.ID, sub.ID, models.ID{}, w.clock.Now(),
		func(s *models.Subscription) error { return s.FinishRotation(w.clock.Now()) })
	w.requireCode(models.CodeConflict, err)
}

func exerciseForgotten(w *world) {
	sub := w.rotating()
	w.clock.Advance(2 * overlap)
	_, err := w.FinishRotations(w.Context(), w.clock.Now())
	require.NoError(w, err)
	w.requireForgotten(sub, 2)

	// What matched under an old version can still be claimed, and is signed with what the subscription has now.
	w.save(w.event(sub))
	jobs := w.claim(w.register("a"), models.Want{SubscriptionID: sub.ID, Limit: 1})
	require.Len(w, jobs, 1)
	require.Equal(w, secondSecret, jobs[0].Current.Secret)
	require.True(w, jobs[0].Matched.Secret.IsZero())
}

// requireForgotten looks at the versions before the one that knows the new secret only.
func (w *world) requireForgotten(sub *models.Subscription, old int) {
	w.Helper()
	for version := 1; version <= old; version++ {
		got, err := w.SubscriptionVersion(w.Context(), w.org.ID, sub.ID, version)
		require.NoError(w, err)
		require.True(w, got.Secret.IsZero(), "version %d", version)
		require.Zero(w, got.Rotation)
	}
	last, err := w.SubscriptionVersion(w.Context(), w.org.ID, sub.ID, old+1)
	require.NoError(w, err)
	require.Equal(w, secondSecret, last.Secret)
}

func exerciseSecretUses(w *world) {
	sub, other, owner := w.subscribe(), w.subscribe(), w.register("a")
	uses, err := w.SecretUses(w.Context(), w.org.ID, sub.ID)
	require.NoError(w, err)
	require.Empty(w, uses)

	attempt := func(s *models.Subscription, generation int, fails bool) time.Time {
		w.clock.Advance(time.Second)
		a := owned(w.event(s), owner)
		w.save(a)
		r := succeeded(w.delivery(a.Deliveries[0].ID), w.clock.Now())
		if fails {
			r = failed(r.Delivery, w.clock.Now(), w.clock.Now().Add(time.Hour))
		}
		r.Attempt.SecretGeneration = generation
		require.Empty(w, w.record(r))
		attempts, err := w.Attempts(w.Context(), w.org.ID, r.Delivery.ID)
		require.NoError(w, err)
		require.Equal(w, generation, attempts[0].SecretGeneration)
		return w.clock.Now()
	}
	attempt(sub, 0, true)
	first := attempt(sub, 0, false)
	attempt(other, 7, false)
	second := attempt(sub, 1, false)
	uses, err = w.SecretUses(w.Context(), w.org.ID, sub.ID)
	require.NoError(w, err)
	require.Equal(w, []models.SecretUse{
		{Generation: 1, Attempts: 1, Succeeded: 1, LastAt: second},
		{Generation: 0, Attempts: 2, Succeeded: 1, LastAt: first},
	}, uses)
	uses, err = w.SecretUses(w.Context(), NewID(), sub.ID)
	require.NoError(w, err)
	require.Empty(w, uses, "of another organization")
}

// exerciseSharedEndpoint damages what is sealed, as it is for an instance that has not got a new master key yet: it need not be opened.
func exerciseSharedEndpoint(w *world) {
	sub := w.subscribe()
	w.change(sub, func(s *models.Subscription) {
		require.NoError(w, s.Rotate(models.NewSecret("n3xtn3xtn3xtn3xtn3xtn3xtn3xtn3xt"), time.Hour, w.clock.Now()))
	})
	w.exec("UPDATE subscriptions SET next_secret = secret")
	list, err := w.SubscriptionsTo(w.Context(), w.org.ID, false, sub.Endpoint, 10)
	require.NoError(w, err)
	require.Len(w, list, 1)
	require.True(w, list[0].Rotation.IsZero())
}

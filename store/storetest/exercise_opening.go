package storetest

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

func openingTests() []exercise {
	return []exercise{
		{"migrating again and at the same time changes nothing", func(w *world) {
			sub := w.subscribe()
			var wg sync.WaitGroup
			errs := make([]error, 4)
			for i := range errs {
				s := w.open()
				wg.Go(func() { errs[i] = s.Migrate(w.Context()) })
			}
			wg.Wait()
			for _, err := range errs {
				require.NoError(w, err)
			}
			got, err := w.Subscription(w.Context(), w.org.ID, sub.ID)
			require.NoError(w, err)
			require.Equal(w, sub, got)
		}},
		{"a wrong master key is refused at start", func(w *world) {
			require.NoError(w, w.CheckMasterKey(w.Context()))
			s, err := store.Open(w.Context(), store.Options{URL: w.url, MasterKeys: [][]byte{MasterKey(9)}})
			require.NoError(w, err)
			defer func() { require.NoError(w, s.Close()) }()
			require.ErrorContains(w, s.CheckMasterKey(w.Context()), "master key 72cd6e8422c407fb")
			require.ErrorContains(w, s.Migrate(w.Context()), "master key 72cd6e8422c407fb")
		}},
		{"without a master key secrets cannot be stored", func(w *world) {
			s, err := store.Open(w.Context(), store.Options{URL: w.url})
			require.NoError(w, err)
			defer func() { require.NoError(w, s.Close()) }()
			require.Error(w, s.CheckMasterKey(w.Context()))
			require.Error(w, s.CreateSubscription(w.Context(), w.spec(w.org.ID), 0, models.ID{}))
		}},
		{"master keys rotate", func(w *world) {
			old := w.subscribe(func(s *models.Subscription) {
				s.Headers = []models.Header{{Name: "Authorization", Value: models.NewSecret("Bearer old")}}
			})
			both := Open(w.t, store.Options{URL: w.url, MasterKeys: [][]byte{MasterKey(2), MasterKey(1)}})
			got, err := both.Subscription(w.Context(), w.org.ID, old.ID)
			require.NoError(w, err)
			require.Equal(w, old, got)
			fresh := w.spec(w.org.ID)
			require.NoError(w, both.CreateSubscription(w.Context(), fresh, 0, models.ID{}))

			_, err = w.Subscription(w.Context(), w.org.ID, fresh.ID) // this store has the old key only
			require.ErrorContains(w, err, "not among the 1 given")
			require.NotContains(w, err.Error(), fresh.Secret.Reveal())
		}},
		{"a secret of an unknown master key does not stop the others", exerciseUnreadable},
		{"statements are counted", func(w *world) {
			before := w.Statements()
			_, err := w.Organizations(w.Context())
			require.NoError(w, err)
			require.Equal(w, int64(1), w.Statements()-before)
		}},
		{"an ended context is an error and leaves the store usable", func(w *world) {
			ctx, cancel := context.WithCancel(w.Context())
			cancel()
			_, err := w.SaveEvents(ctx, w.revision(), []*models.Accepted{w.event()})
			require.ErrorIs(w, err, context.Canceled)
			w.save(w.event())
			require.Equal(w, int64(1), w.ledger().Events)
		}},
		{"a deadline is unavailable", func(w *world) {
			ctx, cancel := context.WithDeadline(w.Context(), time.Unix(1, 0))
			defer cancel()
			_, err := w.Record(ctx, []models.Result{{Delivery: models.Delivery{ID: NewID()}}})
			w.requireCode(models.CodeUnavailable, err)
		}},
	}
}

// exerciseUnreadable is an instance that does not have the new master key yet, beside one that has.
func exerciseUnreadable(w *world) {
	ctx := w.Context()
	var log bytes.Buffer
	behind := Open(w.t, store.Options{URL: w.url, Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	ahead := Open(w.t, store.Options{URL: w.url, Now: w.clock.Now, MasterKeys: [][]byte{MasterKey(2), MasterKey(1)}})
	old, fresh := w.subscribe(), w.spec(w.org.ID)
	fresh.Headers = []models.Header{{Name: "Authorization", Value: models.NewSecret("Bearer n3w")}}
	require.NoError(w, ahead.CreateSubscription(ctx, fresh, 0, models.ID{}))
	version1 := *fresh
	_, err := ahead.UpdateSubscription(ctx, w.org.ID, fresh.ID, models.ID{}, w.clock.Now(), func(s *models.Subscription) error {
		s.MaxInFlight++
		return nil
	})
	require.NoError(w, err)
	check := func(subs ...*models.Subscription) {
		w.Helper()
		require.Len(w, subs, 2)
		for _, sub := range subs {
			if sub.ID == old.ID {
				require.Equal(w, old, sub)
				continue
			}
			require.Equal(w, fresh.ID, sub.ID)
			require.Equal(w, fresh.Endpoint, sub.Endpoint)
			require.True(w, sub.Secret.IsZero())
			require.Empty(w, sub.Headers)
		}
		require.Contains(w, log.String(), "subscription="+fresh.ID.String())
		require.Contains(w, log.String(), "master_key=")
		require.NotContains(w, log.String(), "subscription="+old.ID.String())
		require.NotContains(w, log.String(), fresh.Secret.Reveal())
		log.Reset()
	}
	list, err := behind.ChangedSince(ctx, 0)
	require.NoError(w, err)
	check(list...)
	list, err = behind.Subscriptions(ctx, w.org.ID, nil)
	require.NoError(w, err)
	check(list...)

	w.save(w.event(old, &version1))
	wants := []models.Want{{SubscriptionID: old.ID, Limit: 1}, {SubscriptionID: fresh.ID, Limit: 1}}
	jobs, err := behind.Claim(ctx, w.register("a"), w.clock.Now(), wants)
	require.NoError(w, err)
	require.Len(w, jobs, 2)
	check(jobs[0].Current, jobs[1].Current)
	for _, j := range jobs {
		require.Equal(w, 1, j.Matched.Version)
		require.Equal(w, j.Current.Secret, j.Matched.Secret)
	}

	for _, read := range []func() error{
		func() error { _, err := behind.Subscription(ctx, w.org.ID, fresh.ID); return err },
		func() error { _, err := behind.SubscriptionVersion(ctx, w.org.ID, fresh.ID, 1); return err },
		func() error {
			_, err := behind.UpdateSubscription(ctx, w.org.ID, fresh.ID, models.ID{}, w.clock.Now(), func(*models.Subscription) error { return nil })
			return err
		},
	} {
		require.ErrorContains(w, read(), "not among the 1 given", "alone it is an error, and nothing overwrites it")
	}
	got, err := ahead.Subscription(ctx, w.org.ID, fresh.ID)
	require.NoError(w, err)
	require.Equal(w, fresh.Secret, got.Secret)
	require.Equal(w, fresh.Headers, got.Headers)
}

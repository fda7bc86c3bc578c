package storetest

import (
	"context"
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

package storetest

import (
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// exerciseResendSuspended has failures of an endpoint that is suspended and of one that is not.
func exerciseResendSuspended(w *world) {
	down, well, owner := w.subscribe(), w.subscribe(), w.register("a")
	held := w.ended(down, owner, models.StatusFailed)
	sent := w.ended(well, owner, models.StatusFailed)
	w.suspend(down, models.SuspendedFailures)
	r := w.resend()
	w.clock.Advance(time.Second)
	w.step(w.Store)
	require.Equal(w, models.StatusFailed, w.delivery(held.ID).Status)
	require.Equal(w, models.StatusPending, w.delivery(sent.ID).Status)
	got, err := w.Resend(w.Context(), w.org.ID, r.ID)
	require.NoError(w, err)
	require.EqualValues(w, 1, got.Sent)
	require.EqualValues(w, 1, got.Skipped)
	require.Equal(w, models.ResendDone, got.State)
	require.NoError(w, second(w.Retry(w.Context(), w.org.ID, held.ID, w.clock.Now())), "by hand it is sent")

	// A backfill is parked with the rest.
	fresh := w.subscribe()
	w.suspend(fresh, models.SuspendedFailures)
	w.resend(func(r *models.Resend) { r.Kind, r.SubscriptionID, r.Status = models.ResendBackfill, fresh.ID, "" })
	w.clock.Advance(time.Second)
	w.step(w.Store)
	n, err := w.ParkWaiting(w.Context(), w.clock.Now(), *w.condition(fresh), 100)
	require.NoError(w, err)
	require.Equal(w, 2, n)
	require.True(w, w.ledger().Balanced())
}

// exerciseResendEnvironments lists jobs of another organization: of each environment, and through both.
func exerciseResendEnvironments(w *world) {
	org := w.organization("environments").ID
	yes, no := true, false
	made := map[*bool]models.Resend{}
	for _, sandbox := range []*bool{&yes, &no, nil} {
		made[sandbox] = w.resend(func(r *models.Resend) { r.OrganizationID, r.Sandbox = org, sandbox })
	}
	for sandbox, want := range map[*bool][]models.Resend{
		&yes: {made[&yes]},
		&no:  {made[nil], made[&no]}, // what goes through both sends in production too
		nil:  {made[nil], made[&no], made[&yes]},
	} {
		list, err := w.Resends(w.Context(), org, sandbox, models.ID{}, 10)
		require.NoError(w, err)
		require.Equal(w, want, list)
		list, err = w.Resends(w.Context(), org, sandbox, want[0].ID, 10)
		require.NoError(w, err)
		require.Equal(w, want[1:], append([]models.Resend{}, list...))
	}
}

// exerciseResendIsolated damages the subscription of one job. Jobs are taken in the order in which they were made.
func exerciseResendIsolated(w *world) {
	bad, well, owner := w.subscribe(), w.subscribe(), w.register("a")
	sent := w.ended(well, owner, models.StatusFailed)
	w.resend(func(r *models.Resend) { r.Kind, r.SubscriptionID, r.Status = models.ResendBackfill, bad.ID, "" })
	w.clock.Advance(time.Millisecond)
	w.resend(func(r *models.Resend) { r.SubscriptionID = well.ID })
	w.exec("UPDATE subscriptions SET scopes = 'no list' WHERE revision = (SELECT min(revision) FROM subscriptions)")
	w.clock.Advance(time.Second)
	running, subs, err := w.StepResends(w.Context(), w.clock.Now())
	require.Error(w, err)
	require.Equal(w, 1, running)
	require.Equal(w, []models.ID{well.ID}, subs)
	require.Equal(w, models.StatusPending, w.delivery(sent.ID).Status)
}

package main

import (
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// TestRetentionInTheProgram starts the program on a database with an event of last week and lets its cron job find it.
func TestRetentionInTheProgram(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		n := newNode(t, url, "HOOKROUTER_MAINTENANCE_CRON=@every 1s", "HOOKROUTER_RETENTION_PAYLOADS=48h", "HOOKROUTER_RETENTION_STATS=96h",
			"HOOKROUTER_LOG_LEVEL=info")
		key := n.key("acme", models.RoleAdmin)
		db := openStore(t, url)
		orgs, err := db.Organizations(t.Context())
		require.NoError(t, err)
		at := time.Now().AddDate(0, 0, -7).Truncate(time.Millisecond)
		ref, floor := storetest.NewID(), models.FloorID(at)
		copy(ref[:6], floor[:6])
		_, err = db.SaveEvents(t.Context(), 0, []*models.Accepted{{Event: models.Event{
			ID: ref, Ref: ref, OrganizationID: orgs[0].ID, Name: "signer.done", Time: at, AcceptedAt: at, Data: []byte(`{"n":1}`),
		}}})
		require.NoError(t, err)

		sub := &models.Subscription{ID: storetest.NewID(), OrganizationID: orgs[0].ID, Enabled: true, Format: models.FormatYousign, CreatedAt: at}
		require.NoError(t, db.CreateSubscription(t.Context(), sub, 0, models.ID{}))
		attempted(t, db, sub, at)
		attempted(t, db, sub, time.Now())
		hours := func() int {
			q := models.StatsQuery{OrganizationID: orgs[0].ID, From: at.Truncate(time.Hour), To: time.Now().Add(time.Hour), Interval: time.Hour}
			list, err := db.Stats(t.Context(), q)
			require.NoError(t, err)
			return len(list)
		}
		upkeep := &server{db: db, log: slog.New(slog.DiscardHandler)}
		upkeep.foldBeyond(t.Context(), 3)
		require.Equal(t, 2, db.UnfoldedStats(), "not worth it yet")
		upkeep.foldBeyond(t.Context(), 2)
		require.Zero(t, db.UnfoldedStats())
		attempted(t, db, sub, time.Now())
		upkeep.fold(t.Context())
		left, err := db.FoldStats(t.Context())
		require.NoError(t, err)
		require.Zero(t, left, "it was done")
		require.Equal(t, 2, hours())
		old := models.AuditEntry{ID: ref, OrganizationID: orgs[0].ID, At: at, Action: "webhook.update", Actor: models.Actor{Kind: models.ActorProgram}}
		require.NoError(t, db.BeginAudit(t.Context(), old))
		entries := func() int {
			found, err := db.Audit(t.Context(), models.AuditQuery{Limit: 10})
			require.NoError(t, err)
			return len(found)
		}

		read := func() (status int, data map[string]int, removed bool) {
			var answer struct {
				Data           map[string]int `json:"data"`
				PayloadRemoved bool           `json:"payload_removed"`
			}
			status, err := n.call(t.Context(), http.MethodGet, "/v3/events/"+ref.String(), key, nil, &answer)
			require.NoError(t, err)
			return status, answer.Data, answer.PayloadRemoved
		}
		n.start()
		require.Eventually(t, func() bool { _, data, removed := read(); return data == nil && removed }, 15*time.Second, 50*time.Millisecond)
		require.Eventually(t, func() bool { return hours() == 1 }, 15*time.Second, 50*time.Millisecond)
		require.NoError(t, n.terminate())
		require.Equal(t, 2, entries(), "that, and the making of the key")
		n.env = append(n.env, "HOOKROUTER_RETENTION_EVENTS=72h", "HOOKROUTER_RETENTION_AUDIT=72h")
		n.start()
		require.Eventually(t, func() bool { status, _, _ := read(); return status == http.StatusNotFound }, 15*time.Second, 50*time.Millisecond)
		require.Eventually(t, func() bool { return entries() == 1 }, 15*time.Second, 50*time.Millisecond)
		require.NoError(t, n.terminate())
		require.True(t, n.log.contains("retention.done"))
	})
}

// attempted records an attempt that started at a time.
func attempted(t *testing.T, db *store.Store, sub *models.Subscription, at time.Time) {
	t.Helper()
	owner, err := db.RegisterInstance(t.Context(), "test")
	require.NoError(t, err)
	ref := storetest.NewID()
	d := models.Delivery{
		ID: models.DeliveryID(ref, 0), OrganizationID: sub.OrganizationID, EventRef: ref, EventID: ref, EventName: "signer.done", SubscriptionID: sub.ID,
		SubscriptionVersion: 1, Status: models.StatusDelivering, Owner: owner, CreatedAt: time.Now(),
	}
	_, err = db.SaveEvents(t.Context(), sub.Revision, []*models.Accepted{{
		Event: models.Event{
			ID: ref, Ref: ref, OrganizationID: sub.OrganizationID, Name: "signer.done", Time: at, AcceptedAt: time.Now(), Matched: 1, Data: []byte(`{}`),
		},
		Deliveries: []models.Delivery{d},
	}})
	require.NoError(t, err)
	fenced, err := db.Record(t.Context(), []models.Result{{
		Delivery: d, Status: models.StatusDelivered, Attempt: &models.Attempt{StartedAt: at, Success: true, StatusCode: 200},
	}})
	require.NoError(t, err)
	require.Empty(t, fenced)
	require.NoError(t, db.Deregister(t.Context(), owner))
}

// TestSchedulesAreRefusedAtStart covers specs that the cron library takes and does not mean.
func TestSchedulesAreRefusedAtStart(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"TZ=", "@every 100ms", "0 0 31 2 *", "soon"} {
		err := run(t.Context(), []string{
			"serve", "--listen", "127.0.0.1:0", "--database-url", "sqlite://" + filepath.Join(t.TempDir(), "x.db"),
			"--master-key", testMasterKey, "--maintenance-cron", spec,
		}, nil, io.Discard, io.Discard)
		require.ErrorContains(t, err, "maintenance_cron: cron spec", spec)
		require.Equal(t, 2, exitCode(err))
	}
}

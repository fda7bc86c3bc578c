package routing

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// operational is a matcher with a subscription that is suspended, one that wants to hear of that, one that does on the very endpoint, and
// one to everything.
func operational(t *testing.T) (*Matcher, *models.Subscription) {
	t.Helper()
	of := func(id byte, endpoint string, events ...models.Pattern) *models.Subscription {
		return &models.Subscription{
			ID: models.ID{id}, OrganizationID: models.ID{9}, Enabled: true, Version: 1, Revision: int64(id), Events: events,
			Scopes: []string{models.Any}, Workspaces: []string{models.Any}, Endpoint: endpoint,
		}
	}
	m := NewMatcher(nil)
	concerned := of(1, "https://u:p@bad.example/hooks?token=secret", "hookrouter.*")
	concerned.SuspendedAt, concerned.StateReason = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), models.SuspendedFailures
	m.apply([]*models.Subscription{
		concerned, of(2, "https://good.example/", models.EventEndpointSuspended), of(3, "https://all.example/", models.Any),
		of(4, concerned.Endpoint, "hookrouter.*"),
	})
	return m, concerned
}

func TestOperationalEventsReachWhoNamesThem(t *testing.T) {
	t.Parallel()
	m, concerned := operational(t)
	for name, want := range map[string]int{models.EventEndpointSuspended: 3, models.EventEndpointResumed: 2, "signer.done": 1} {
		e := &models.Event{OrganizationID: concerned.OrganizationID, Name: name}
		got := m.Match(e, nil)
		require.Len(t, got, want, name)
		for _, s := range got {
			require.True(t, s.Matches(e))
		}
	}
}

func TestNotifier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, concerned := operational(t)
		away := 2
		var published []*models.Event
		accept := func(_ context.Context, events []*models.Event) []models.Outcome {
			if away--; away >= 0 {
				return []models.Outcome{{Err: models.Errorf(models.CodeUnavailable, "away")}}
			}
			published = append(published, events...)
			return make([]models.Outcome, len(events))
		}
		n, err := NewNotifier(NotifierOptions{Matcher: m, Accept: accept, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, n.Stop(t.Context()))
		n.Start(t.Context())
		notice := models.Notice{
			Event: models.EventEndpointSuspended, At: concerned.SuspendedAt, Subscription: concerned, Reason: models.SuspendedFailures,
			Failures: 10, FailingSince: concerned.SuspendedAt.Add(-5 * time.Minute),
			Last: &models.Attempt{StartedAt: concerned.SuspendedAt, Reason: models.ReasonStatus, StatusCode: 503},
		}
		n.Notify(notice)
		other := *concerned
		other.OrganizationID = models.ID{8}
		notice.Subscription = &other
		n.Notify(notice) // nobody there subscribed to it
		synctest.Wait()
		timer := time.NewTimer(time.Minute)
		<-timer.C
		synctest.Wait()
		require.Len(t, published, 1)
		e := published[0]
		require.Equal(t, models.PublicEndpoint(concerned.Endpoint), e.NotTo)
		require.Equal(t, concerned.OrganizationID, e.OrganizationID)
		require.NotContains(t, string(e.Data), "secret")
		var data map[string]any
		require.NoError(t, json.Unmarshal(e.Data, &data))
		require.Equal(t, 10.0, data["failures"])
		require.Equal(t, "2026-11-01T11:55:00Z", data["failing_since"])
		require.Equal(t, "https://bad.example/hooks", data["webhook"].(map[string]any)["endpoint"])
		require.Equal(t, 503.0, data["last_failure"].(map[string]any)["status_code"])
		for range 2 * noticeQueue {
			n.Notify(notice)
		}
		require.NoError(t, n.Stop(t.Context()))
		require.NoError(t, n.Stop(t.Context()))
	})
}

func TestSuspendedMatchesAreParkedAndTheEndpointConcernedIsSpared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newStand(t, nil)
		well := s.source.put(1, nil)
		held := s.source.put(2, func(s *models.Subscription) { s.SuspendedAt, s.Endpoint = time.Unix(1000, 0), "https://held.example/" })
		s.Start(t.Context())
		about := newEvent("b")
		about.NotTo = models.PublicEndpoint(held.Endpoint)
		for i, e := range []*models.Event{newEvent("a"), about} {
			outcome := s.Accept(t.Context(), []*models.Event{e})[0]
			require.NoError(t, outcome.Err)
			require.Equal(t, 2-i, outcome.Receipt.Matched)
		}
		statuses := map[models.ID][]models.DeliveryStatus{}
		for _, a := range s.outbox.events {
			for _, d := range a.Deliveries {
				statuses[d.SubscriptionID] = append(statuses[d.SubscriptionID], d.Status)
				require.Equal(t, d.Status == models.StatusParked, d.DueAt.Equal(a.Event.AcceptedAt))
			}
		}
		require.Equal(t, []models.DeliveryStatus{models.StatusParked}, statuses[held.ID])
		require.Len(t, statuses[well.ID], 2)
		require.Len(t, s.handover.jobs, 2)
		require.Empty(t, s.handover.overflows, "what is parked is nobody's to claim")
		s.stop(t)
	})
}

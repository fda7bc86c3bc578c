package handlers

import (
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestSuspendAndResume(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	var notices []models.Notice
	w.api.Notify = func(n models.Notice) { notices = append(notices, n) }
	key, path := w.manager(), "/v3/webhooks/"+ids["webhook"]
	got := w.call("POST", path+"/suspend", key, "").is(200).json()
	require.Equal(t, "suspended", got["state"])
	require.Equal(t, "manual", got["state_reason"])
	require.NotNil(t, got["suspended_at"])
	require.Equal(t, got, w.call("GET", path, key, "").is(200).json())
	require.Equal(t, got, w.call("POST", path+"/suspend", key, "").is(200).json(), "twice is once")
	require.Len(t, notices, 1)
	require.Equal(t, models.EventEndpointSuspended, notices[0].Event)

	got = w.call("POST", path+"/resume", key, "").is(200).json()
	require.Equal(t, "active", got["state"])
	require.Nil(t, got["suspended_at"])
	require.Nil(t, got["state_reason"])
	w.call("POST", path+"/resume", key, "").is(200)
	require.Len(t, notices, 2)

	for _, call := range []string{"/suspend", "/resume", "/activate_secret", "/cancel_rotation", "/finish_rotation"} {
		require.Contains(t, w.call("POST", path+call, key, `{"until":"2026-05-05T00:00:00Z"}`).invalid(), "until", call)
	}
	require.Len(t, notices, 2)
	w.call("PATCH", path, key, `{"enabled":false}`).is(200)
	require.Equal(t, "resource.conflict", w.call("POST", path+"/suspend", key, "").is(409).json()["type"])
	w.call("POST", "/v3/webhooks/"+models.ID{1}.String()+"/suspend", key, "").is(404)
}

// Operational events can be subscribed to, and only the router publishes them.
func TestOperationalEventsAreTheRouters(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	for _, events := range [][]string{{"hookrouter.*"}, {models.EventEndpointSuspended, models.EventDeliveryExhausted}} {
		w.call("POST", "/v3/webhooks", key, validWebhook.with(object{"subscribed_events": events})).is(201)
	}
	require.Contains(t, w.call("POST", "/v3/events", key, validEvent.with(object{"event_name": models.EventEndpointSuspended})).invalid(), "event_name")
}

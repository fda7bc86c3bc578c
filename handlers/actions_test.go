package handlers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestActionsRefuseUnknownFields misspells a field of each call that does something at once.
func TestActionsRefuseUnknownFields(t *testing.T) {
	t.Parallel()
	w, ids := furnished(t)
	deliveries := len(w.store.deliveries)
	for route, body := range map[string]string{
		"/v3/deliveries/retry":                `{"from":"2026-05-04T00:00:00Z","%s":true}`,
		"/v3/webhooks/:webhook/backfill":      `{"from":"2026-05-04T00:00:00Z","%s":true}`,
		"/v3/events/:event/replay":            `{"%s":["9a93d3b5-fb3b-4abf-9e70-26315b33506c"]}`,
		"/v3/webhooks/:webhook/rotate_secret": `{"%s":0}`,
		"/v3/webhooks/:webhook/revert":        `{"version":1,"%s":0}`,
		"/v3/webhooks/:webhook/test":          `{"event_name":"signer.done","%s":1}`,
		"/v3/sandbox/events":                  `{"event_name":"signer.done","%s":1}`,
		"/v3/sandbox/scenarios/:scenario/run": `{"%s":0}`,
	} {
		for _, name := range []string{"dryrun", "Subscription_id", "", strings.Repeat("x", 500)} {
			a := w.call("POST", address(route, ids), w.manager(), strings.Replace(body, "%s", name, 1))
			wrong := a.invalid()
			require.Len(t, wrong, 1, route)
			require.Contains(t, a.body, "There is no field of this name here.", route)
		}
	}
	require.Len(t, w.store.deliveries, deliveries)
	require.Len(t, w.store.resends, 1)
}

package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestAPatchKeepsTheSecret asks the real program and both databases: null and absent change nothing that receivers verify with.
func TestAPatchKeepsTheSecret(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		var made struct {
			ID     string `json:"id"`
			Secret string `json:"secret_key"`
		}
		n.must(http.StatusCreated, http.MethodPost, "/v3/webhooks", key, map[string]any{
			"endpoint": "http://127.0.0.1:9/", "description": nil, "sandbox": false, "subscribed_events": []string{"*"}, "scopes": []string{"*"},
			"auto_retry": true, "enabled": true,
		}, &made)
		require.Len(t, made.Secret, models.SecretLength)
		before := made.Secret
		for _, change := range []map[string]any{{"secret_key": nil}, {"description": "b"}, {"secret_key": nil, "enabled": false}} {
			n.must(http.StatusOK, http.MethodPatch, "/v3/webhooks/"+made.ID, key, change, &made)
			require.Equal(t, before, made.Secret)
			n.must(http.StatusOK, http.MethodGet, "/v3/webhooks/"+made.ID, key, nil, &made)
			require.Equal(t, before, made.Secret)
		}
	})
}

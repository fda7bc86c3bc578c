package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestCallsInsideTheProcess covers that a key in the context opens what it may and no more, uncounted, and that nothing from outside gets
// such a context.
func TestCallsInsideTheProcess(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Limit = Limit{Minute: 1, Hour: 1} })
	call := func(ctx context.Context, method, path string) *httptest.ResponseRecorder {
		out := httptest.NewRecorder()
		w.handler.ServeHTTP(out, httptest.NewRequestWithContext(ctx, method, path, http.NoBody))
		return out
	}
	keyOf := func(text string) *models.APIKey { k := w.store.keys[HashKey(text)]; return &k }
	reader := keyOf(w.key(w.org, models.RoleReader, models.Production))
	for range 3 {
		require.Equal(t, http.StatusOK, call(WithKey(t.Context(), reader), "GET", "/v3/webhooks").Code, "these calls are not counted")
	}
	require.Equal(t, http.StatusForbidden, call(WithKey(t.Context(), reader), "POST", "/v3/webhooks").Code)
	require.Equal(t, http.StatusForbidden, call(WithKey(t.Context(), reader), "POST", "/v3/events").Code)
	sandbox := keyOf(w.key(w.org, models.RoleAdmin, models.Sandbox))
	require.Equal(t, http.StatusForbidden, call(WithKey(t.Context(), sandbox), "POST", "/v3/webhooks").Code)
	require.Equal(t, http.StatusUnauthorized, call(t.Context(), "GET", "/v3/webhooks").Code)
	require.Equal(t, http.StatusUnauthorized, call(AsOperator(t.Context()), "GET", "/v3/webhooks").Code)
	var refused []string
	for _, e := range w.store.audit {
		require.Equal(t, []any{models.ActorKey, models.AuditRefused, 403}, []any{e.Actor.Kind, e.Outcome, e.Status})
		refused = append(refused, e.Actor.KeyID.String()+" "+e.Action)
	}
	require.Equal(t, []string{reader.ID.String() + " webhook.create", sandbox.ID.String() + " webhook.create"}, refused, "entered as any call is")
	//nolint:staticcheck // what a package that can't name the type would try
	require.Equal(t, http.StatusUnauthorized, call(context.WithValue(t.Context(), "keyOfCall", reader), "GET", "/v3/webhooks").Code)
}

// TestPagesAreMounted covers that pages have what every call has, and nothing of them is there without.
func TestPagesAreMounted(t *testing.T) {
	t.Parallel()
	var surface http.Handler
	w := setup(t, func(o *Options) {
		o.Pages = func(api http.Handler) (http.Handler, error) {
			surface = api
			return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/developers/broken" {
					panic("broken")
				}
			}), nil
		}
	})
	require.Same(t, w.engine, surface)
	require.NotEmpty(t, w.call("GET", "/developers/some/page", "", "").is(200).header.Get(headerRequestID))
	w.call("GET", "/developers/broken", "", "").is(500)
	require.Equal(t, "/developers/", w.call("GET", "/", "", "").is(303).header.Get("Location"))
	bare := setup(t)
	bare.call("GET", "/developers/", "", "").is(404)
	bare.call("GET", "/", "", "").is(404)
}

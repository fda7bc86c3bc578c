package handlers

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProbesAlone asks an instance without an API for everything: it answers its probes, and knows nothing else.
func TestProbesAlone(t *testing.T) {
	t.Parallel()
	var o Options
	setup(t, func(all *Options) { o = *all })
	h, err := NewProbes(ProbeOptions{Store: o.Store, Rules: o.Rules, Draining: o.Draining, NewID: o.NewID, Now: o.Now})
	require.NoError(t, err)
	ask := func(method, path string) int {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
		return rec.Code
	}
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/healthz"))
	require.Equal(t, http.StatusOK, ask(http.MethodGet, "/readyz"))
	require.Equal(t, http.StatusMethodNotAllowed, ask(http.MethodPost, "/healthz"))
	a := &api{}
	for _, r := range a.routes() {
		require.Equal(t, http.StatusNotFound, ask(r.method, r.path), r.path)
	}
	_, err = NewProbes(ProbeOptions{})
	require.Error(t, err)
}

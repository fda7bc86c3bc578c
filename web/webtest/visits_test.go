package webtest

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVisits covers what answers say to somebody without a window. The parts share a program, and each makes what it needs.
func TestVisits(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for _, part := range []struct {
		name  string
		visit func(*testing.T, *program)
	}{
		{"a sandbox key knows nothing of production", visitWithSandboxKey},
	} {
		t.Run(part.name, func(t *testing.T) { part.visit(t, p) })
	}
}

// enter signs in with a key.
func (p *program) enter(t *testing.T, key string) *visitor {
	t.Helper()
	v := newVisitor(t, p)
	require.Equal(t, http.StatusSeeOther, v.signIn(key))
	return v
}

// visitWithSandboxKey names a subscription of production in addresses: not even what it is called is told.
func visitWithSandboxKey(t *testing.T, p *program) {
	t.Helper()
	id := p.subscribe("http://127.0.0.1:9/", "Of production", nil)
	_, key := p.newKey("manager", "sandbox")
	v := p.enter(t, key)
	for _, path := range []string{"/developers/deliveries?subscription=" + id, "/developers/jobs/new?subscription=" + id} {
		got, page := v.send(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, got.status, path)
		require.NotContains(t, page, "Of production", path)
		_, page = p.enter(t, p.key).send(http.MethodGet, path, nil)
		require.Contains(t, page, "Of production", "whose it is sees it")
	}
	form := url.Values{"kind": {"backfill"}, "subscription_id": {id}, "from": {"2026-05-04T10:00"}}
	_, page := v.send(http.MethodPost, "/developers/jobs/new", form)
	require.NotContains(t, page, "Of production")
}

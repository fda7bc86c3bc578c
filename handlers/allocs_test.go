//go:build !race

package handlers

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPublishAllocates holds the garbage of one publish to a budget, a tenth above what it was when this was written: it is most of
// what a publish costs here. The race detector allocates too, and drops what pools keep.
func TestPublishAllocates(t *testing.T) {
	const budget = 25
	w := setup(t, func(o *Options) {
		o.Accepter, o.Logger, o.Limit = commit{}, nil, Limit{Minute: 60, Hour: 1200}
	})
	event := `{"event_name":"signer.done","scope":"app","data":{"pad":"` + strings.Repeat("x", 1000) + `"}}`
	body := bytes.NewReader(nil)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v3/events", io.NopCloser(body))
	require.NoError(t, err)
	req.Header = http.Header{"Authorization": {"Bearer " + w.publisher()}, "Content-Type": {"application/json"}}
	req.ContentLength = int64(len(event))
	out := sink{}
	allocs := testing.AllocsPerRun(500, func() {
		body.Reset([]byte(event))
		out.header = make(http.Header, 16)
		w.engine.ServeHTTP(&out, req)
	})
	require.Equal(t, http.StatusAccepted, out.status)
	require.LessOrEqual(t, allocs, float64(budget))
	t.Logf("%v allocations", allocs)
}

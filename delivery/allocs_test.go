//go:build !race

package delivery

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// canned answers without a network. What it allocates is counted with the rest: an answer, its header and its body.
type canned struct{}

func (canned) RoundTrip(req *http.Request) (*http.Response, error) {
	_, err := io.Copy(io.Discard, req.Body)
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(nil)), Request: req,
	}, err
}

// TestSendAllocates holds the garbage of one attempt, all but net/http's own, to a budget: a tenth above what it was when this was
// written. The race detector allocates too, and drops what pools keep.
func TestSendAllocates(t *testing.T) {
	const budget = 55
	j := testJob(t, "http://receiver.example/hook")
	s := newSender(t, func(o *SenderOptions) { o.Transport = canned{} })
	success := true
	allocs := testing.AllocsPerRun(500, func() { success = s.Send(t.Context(), j).Success && success })
	require.True(t, success)
	require.LessOrEqual(t, allocs, float64(budget))
	t.Logf("%v allocations", allocs)
}

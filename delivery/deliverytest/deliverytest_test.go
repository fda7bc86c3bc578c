package deliverytest

import (
	"bytes"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// recordingTB notes that a check failed instead of failing.
type recordingTB struct {
	testing.TB
	failed bool
}

func (r *recordingTB) Helper()               {}
func (r *recordingTB) Errorf(string, ...any) { r.failed = true }

func TestAssertLeaksNothingFindsLeaks(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]any{
		"text":   "a hunter2 b",
		"bytes":  []byte("hunter2"),
		"nested": struct{ A []map[string]string }{[]map[string]string{{"k": "hunter2"}}},
	} {
		r := &recordingTB{TB: t}
		AssertLeaksNothing(r, what, "hunter2")
		require.True(t, r.failed, name)
	}
	AssertLeaksNothing(t, struct{ A string }{"clean"}, "hunter2")
}

func TestReceiverFollowsItsScript(t *testing.T) {
	t.Parallel()
	r := NewReceiver(t, Status(500), Answer(201, "made"))
	r.On("/own", Status(204))
	var got []int
	for _, path := range []string{"/", "/", "/", "/own"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+path, bytes.NewBufferString("body"))
		require.NoError(t, err)
		resp, err := r.Server.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		got = append(got, resp.StatusCode)
	}
	require.Equal(t, []int{500, 201, 201, 204}, got)
	journal := r.Await(t.Context(), 4)
	require.Equal(t, "body", string(journal[3].Body))
	require.Equal(t, 3, r.Count("/"))
}

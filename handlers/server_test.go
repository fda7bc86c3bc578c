package handlers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/egress"
)

var _ EndpointChecker = (*egress.Policy)(nil)

// TestOverRealConnections looks at what only a server shows: that the answer to a body which is too large reaches a client that is
// still sending it, and that broken framing is a 400 and stores nothing.
func TestOverRealConnections(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	server := httptest.NewServer(w.engine)
	t.Cleanup(server.Close)
	for _, path := range []string{"/v3/events", "/v3/webhooks", "/v3/workspaces"} {
		for name, body := range map[string]io.Reader{
			"sized": strings.NewReader(strings.Repeat(" ", 1<<20)), "chunked": io.NopCloser(strings.NewReader(strings.Repeat(" ", 1<<20))),
		} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, body)
			require.NoError(t, err)
			req.Header.Set("Authorization", "Bearer "+key)
			req.Header.Set("Content-Type", "application/json")
			res, err := server.Client().Do(req)
			require.NoError(t, err, name)
			require.Equal(t, http.StatusRequestEntityTooLarge, res.StatusCode, name)
			require.NoError(t, res.Body.Close())
		}
	}
	event := validEvent.with(nil)
	head := "POST /v3/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAuthorization: Bearer " + key + "\r\n"
	for name, raw := range map[string]string{
		"longer than the body":  fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(event)+5, event),
		"shorter than the body": fmt.Sprintf("%sConnection: close\r\nContent-Length: %d\r\n\r\n%s", head, len(event)-5, event),
		"bad chunk":             head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
		"negative length":       head + "Content-Length: -1\r\n\r\n",
		"two encodings":         head + "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
		"expects, sends none":   head + "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 1048576\r\n\r\n",
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, raw)
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil { // the server may also just hang up on what is no HTTP
			require.GreaterOrEqual(t, res.StatusCode, 400, name)
			require.Less(t, res.StatusCode, 502, name)
			require.NotEqual(t, 500, res.StatusCode, name)
			require.NoError(t, res.Body.Close())
		}
		require.NoError(t, conn.Close())
	}
	server.Close()
	require.Empty(t, w.store.events)
}

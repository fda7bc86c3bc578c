package main

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// pipeListener accepts the far end of one pipe.
type pipeListener struct {
	net.Listener
	conns chan net.Conn
}

func (l pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// TestClientsThatKeepTheServerWaiting: whoever stops in the middle, of sending or of reading, is cut off.
func TestClientsThatKeepTheServerWaiting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		sends string
		reads bool
		after time.Duration
	}{
		"no header":          {"POST / HTTP/1.1\r\nHost: a\r\n", true, readHeaderTimeout},
		"no body":            {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello", true, readTimeout},
		"reads no answer":    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", false, writeTimeout},
		"asks nothing again": {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", true, idleTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := io.Copy(io.Discard, r.Body); err == nil {
					_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
				}
			})
			server := newHTTPServer(handler, slog.New(slog.DiscardHandler))
			near, far := net.Pipe()
			closed := make(chan struct{})
			server.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					close(closed)
				}
			}
			conns := make(chan net.Conn, 1)
			conns <- far
			go func() { _ = server.Serve(pipeListener{conns: conns}) }()
			begin := time.Now()
			go func() {
				_, _ = io.WriteString(near, c.sends)
				if c.reads {
					_, _ = io.Copy(io.Discard, near)
				}
			}()
			select {
			case <-closed:
			case <-time.After(time.Hour):
				t.Errorf("%s: an hour has passed", name)
			}
			require.InDelta(t, c.after.Seconds(), time.Since(begin).Seconds(), 2, name)
			close(conns)
			require.NoError(t, near.Close())
			require.NoError(t, server.Close())
		})
	}
}

// TestQuotasOfTheSettings fills each quota that a setting sets: the call beyond it is told the number, and the operator sees both.
func TestQuotasOfTheSettings(t *testing.T) {
	t.Parallel()
	n := newNode(t, "sqlite://"+filepath.Join(t.TempDir(), "hookrouter.db"), "HOOKROUTER_QUOTA_SUBSCRIPTIONS=1", "HOOKROUTER_QUOTA_WORKSPACES=2")
	key := n.key("acme", models.RoleManager)
	n.start()
	var refused struct{ Type, Detail string }
	for _, name := range []string{"Paris", "Lyon"} {
		n.must(http.StatusCreated, http.MethodPost, "/v3/workspaces", key, map[string]any{"name": name}, nil)
	}
	n.must(http.StatusForbidden, http.MethodPost, "/v3/workspaces", key, map[string]any{"name": "Nice"}, &refused)
	require.Equal(t, []string{"quota.exceeded", "The organization has all the 2 workspaces it may have."}, []string{refused.Type, refused.Detail})
	n.subscribe(key, "http://127.0.0.1:1/", strings.Repeat("s", 32), nil)
	n.must(http.StatusForbidden, http.MethodPost, "/v3/webhooks", key, map[string]any{
		"endpoint": "http://127.0.0.1:1/", "description": nil, "sandbox": false, "subscribed_events": []string{"*"}, "scopes": []string{"*"},
		"auto_retry": true, "enabled": true,
	}, &refused)
	require.Equal(t, []string{"quota.exceeded", "The organization has all the 1 subscriptions it may have."}, []string{refused.Type, refused.Detail})
	var uses struct{ Data []map[string]any }
	n.must(http.StatusOK, http.MethodGet, "/admin/v1/quotas", testAdminToken, nil, &uses)
	require.Len(t, uses.Data, 1)
	for name, want := range map[string]float64{"subscriptions": 1, "subscription_quota": 1, "workspaces": 2, "workspace_quota": 2, "valid_keys": 1} {
		require.Equal(t, want, uses.Data[0][name], name)
	}
}

// TestTheDocumentHasTheLimits holds the table of docs/api.md against what is enforced.
func TestTheDocumentHasTheLimits(t *testing.T) {
	t.Parallel()
	text := document(t, "docs/api.md")
	c, err := readConfig(map[string]string{"HOOKROUTER_MASTER_KEY": testMasterKey}, flagSet(t), false)
	require.NoError(t, err)
	for of, most := range map[string]int{
		"subscriptions": c.QuotaSubscriptions, "workspaces": c.QuotaWorkspaces, "event types of its own": models.MaxOwnEntries,
		"scopes of its own": models.MaxOwnEntries, "valid keys that it makes itself": models.MaxKeys,
		"inboxes that have not expired": models.MaxInboxes, "jobs that are running": models.MaxRunningResends,
	} {
		require.Regexp(t, fmt.Sprintf(`(?m)^\| %s \| %d[; ]`, of, most), text)
	}
	for _, action := range models.AuditActions() {
		object, verb, _ := strings.Cut(action, ".")
		require.Contains(t, text, "`"+object, action)
		require.Regexp(t, "[`.]"+verb+"`", text, action)
	}
}

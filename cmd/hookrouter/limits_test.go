package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
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

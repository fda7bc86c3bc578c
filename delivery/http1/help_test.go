package http1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// behind makes the http.Transport that a transport under test stands in front of.
func behind(tb testing.TB) *http.Transport {
	tb.Helper()
	t := &http.Transport{
		DialContext: (&net.Dialer{}).DialContext, DisableCompression: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 8 << 10,
		TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConns: 100, MaxIdleConnsPerHost: 50,
	}
	tb.Cleanup(t.CloseIdleConnections)
	return t
}

func over(tb testing.TB, t *http.Transport) *Transport {
	tb.Helper()
	o := Over(t, time.Now)
	tb.Cleanup(o.CloseIdleConnections)
	return o
}

// fails is a round tripper that must not be used.
type fails struct{ testing.TB }

// noWayAround makes what would go through the http.Transport fail.
func noWayAround(tb testing.TB, t *Transport) *Transport {
	tb.Helper()
	t.over = t.over.Clone()
	t.over.RegisterProtocol("http", fails{tb})
	return t
}

func (f fails) RoundTrip(r *http.Request) (*http.Response, error) {
	f.Errorf("%s went the long way", r.URL)
	return nil, io.ErrUnexpectedEOF
}

// post is a request as deliveries make it.
func post(ctx context.Context, address, content string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(content)))
	if err != nil {
		panic(err)
	}
	r.Header.Set("User-Agent", "tests")
	return r
}

// outcome is what came of a request.
type outcome struct {
	status int
	header http.Header
	body   string
	broke  bool // the body
}

// make1 makes an exchange and reads its answer to the end.
func exchanged(t http.RoundTripper, r *http.Request) (outcome, error) {
	resp, err := t.RoundTrip(r)
	if err != nil {
		return outcome{}, err
	}
	text, err := io.ReadAll(resp.Body)
	o := outcome{resp.StatusCode, resp.Header, string(text), err != nil}
	return o, resp.Body.Close()
}

// server counts connections, and gives each to serve with its number, from 0 up.
type server struct {
	url   string
	conns atomic.Int32
}

func serve(tb testing.TB, serve func(n int, conn net.Conn, in *bufio.Reader)) *server {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	s := &server{url: "http://" + listener.Addr().String()}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n := int(s.conns.Add(1)) - 1
			go func() {
				defer func() { _ = conn.Close() }()
				serve(n, conn, bufio.NewReader(conn))
			}()
		}
	}()
	return s
}

// request reads one, and reports whether there was one.
func request(in *bufio.Reader) (body string, ok bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return "", false
	}
	text, err := io.ReadAll(r.Body)
	return string(text), err == nil
}

// says answers each request with the same bytes and goes on, until the bytes have no length that ends them.
func says(answer string) func(int, net.Conn, *bufio.Reader) {
	closes := strings.Contains(answer, "Connection: close")
	return func(_ int, conn net.Conn, in *bufio.Reader) {
		for {
			if _, ok := request(in); !ok {
				return
			}
			if _, err := io.WriteString(conn, answer); err != nil || closes {
				return
			}
		}
	}
}

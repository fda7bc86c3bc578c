package http1

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// secure is a receiver with TLS that offers some protocols and tells which one each request came by.
func secure(t *testing.T, protocols ...string) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.EnableHTTP2 = len(protocols) > 0 && protocols[0] == "h2"
	s.TLS = &tls.Config{NextProtos: protocols, MinVersion: tls.VersionTLS12}
	s.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		strict := s.TLS.Clone() // crypto/tls lets clients of HTTP/1.1 in where only HTTP/2 is offered
		if s.EnableHTTP2 && !slices.Contains(hello.SupportedProtos, "h2") {
			strict.NextProtos = []string{"other"}
		}
		return strict, nil
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, &conns
}

func trusting(t *testing.T, servers ...*httptest.Server) *http.Transport {
	t.Helper()
	settings := behind(t)
	pool := x509.NewCertPool()
	for _, s := range servers {
		pool.AddCert(s.Certificate())
	}
	settings.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return settings
}

// TestProtocols: HTTP/2 stays with net/http, and who chooses HTTP/1.1 once is asked from here afterwards.
func TestProtocols(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offers []string
		want   string
		ours   bool
	}{{[]string{"h2", "http/1.1"}, "HTTP/2.0", false}, {[]string{"http/1.1"}, "HTTP/1.1", true}, {nil, "HTTP/1.1", true}} {
		s, conns := secure(t, c.offers...)
		transport := over(t, trusting(t, s))
		for range 4 {
			got, err := exchanged(transport, post(t.Context(), s.URL, "x"))
			require.NoError(t, err)
			require.Equal(t, c.want, got.body)
		}
		require.Equal(t, map[bool]int{true: 1, false: 0}[c.ours], transport.pool.all.Len())
		require.Equal(t, map[bool]int32{true: 2, false: 1}[c.ours], conns.Load())
	}
}

// TestHostsThatChangeTheirProtocol: one that takes nothing but HTTP/2 all of a sudden gets it, without a failure.
func TestHostsThatChangeTheirProtocol(t *testing.T) {
	t.Parallel()
	s, _ := secure(t, "h2")
	host := s.Listener.Addr().String()
	transport := over(t, trusting(t, s))
	transport.speakers.add(host)
	for range 3 {
		got, err := exchanged(transport, post(t.Context(), s.URL, "x"))
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", got.body)
	}
	require.False(t, transport.speakers.has(host))
}

// TestHostsThatCloseInsteadOfSayingNo fail once, and then get HTTP/2.
func TestHostsThatCloseInsteadOfSayingNo(t *testing.T) {
	t.Parallel()
	s, _ := secure(t, "h2")
	ask := s.TLS.GetConfigForClient
	s.TLS.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if !slices.Contains(hello.SupportedProtos, "h2") {
			_ = hello.Conn.Close()
		}
		return ask(hello)
	}
	transport := over(t, trusting(t, s))
	transport.speakers.add(s.Listener.Addr().String())
	_, err := exchanged(transport, post(t.Context(), s.URL, "x"))
	require.Error(t, err)
	got, err := exchanged(transport, post(t.Context(), s.URL, "x"))
	require.NoError(t, err)
	require.Equal(t, "HTTP/2.0", got.body)
}

// extra adds bytes to what is written next.
type extra struct {
	net.Conn
	more []byte
}

func (e *extra) Write(p []byte) (int, error) {
	if len(e.more) == 0 {
		return e.Conn.Write(p)
	}
	both := append(append([]byte{}, p...), e.more...)
	e.more = nil
	_, err := e.Conn.Write(both)
	return len(p), err
}

// TestReceiversThatReadNoMore has one that stops reading after its answer, behind which there is a broken record that TLS would have to answer.
// A pipe holds nothing: whatever is written to it waits for ever. Neither looking at such a connection nor closing it may.
func TestReceiversThatReadNoMore(t *testing.T) {
	t.Parallel()
	s, _ := secure(t)
	settings := trusting(t, s)
	for name, garbage := range map[string][]byte{"a broken record": append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...), "no record": []byte("HTTP/1.1 500 No"), "nothing": nil} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			wire := &extra{Conn: far}
			go func() {
				conn := tls.Server(wire, &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12})
				_, _ = request(bufio.NewReader(conn))
				wire.more = garbage
				_, _ = io.WriteString(conn, answers["empty"])
			}()
			settings.DialContext = func(context.Context, string, string) (net.Conn, error) { return near, nil }
			transport := Over(settings, time.Now)
			transport.speakers.add("example.com")
			begin := time.Now()
			got, err := exchanged(transport, post(t.Context(), "https://example.com/", "x"))
			require.NoError(t, err, name)
			require.Equal(t, 200, got.status, name)
			c, ok := transport.pool.get(place{"https", "example.com"})
			require.Equal(t, garbage == nil, ok, name)
			if ok {
				transport.pool.put(c)
			}
			transport.pool.clear()
			require.Zero(t, time.Since(begin), name)
			require.NoError(t, near.Close())
			require.NoError(t, far.Close())
		})
	}
}

func TestTLSHandshakes(t *testing.T) {
	t.Parallel()
	s, _ := secure(t, "http/1.1")
	transport := noWayAround(t, over(t, behind(t))) // it trusts nobody
	transport.speakers.add(s.Listener.Addr().String())
	var done error
	_, err := exchanged(transport, post(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) { done = err },
	}), s.URL, "x"))
	require.ErrorAs(t, err, new(x509.UnknownAuthorityError))
	require.ErrorIs(t, err, done, "the trace hears of it too")

	silent := serve(t, func(_ int, conn net.Conn, _ *bufio.Reader) { _, _ = io.Copy(io.Discard, conn) })
	host := silent.url[len("http://"):]
	settings := behind(t)
	settings.TLSHandshakeTimeout = 20 * time.Millisecond
	transport = over(t, settings)
	transport.speakers.add(host)
	_, err = exchanged(transport, post(t.Context(), "https://"+host, "x"))
	require.ErrorIs(t, err, errHandshake)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	settings.TLSHandshakeTimeout = time.Minute
	transport = over(t, settings)
	transport.speakers.add(host)
	_, err = exchanged(transport, post(ctx, "https://"+host, "x"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// TestWhatIsLeftOverInTLS is an answer and more of it in one record: the connection is not used again.
func TestWhatIsLeftOverInTLS(t *testing.T) {
	t.Parallel()
	s, _ := secure(t)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", s.TLS)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var conns atomic.Int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewReader(conn)
				for {
					if _, ok := request(in); !ok {
						return
					}
					// Two records in one segment: the second is read by TLS, and by nobody above.
					_, _ = io.WriteString(conn, answers["empty"])
					_, _ = io.WriteString(conn, "HTTP/1.1 500 Old\r\nContent-Length: 0\r\n\r\n")
				}
			}()
		}
	}()
	transport := over(t, trusting(t, s))
	transport.speakers.add(listener.Addr().String())
	for n := range 5 {
		got, err := exchanged(transport, post(t.Context(), "https://"+listener.Addr().String(), "x"))
		require.NoError(t, err)
		require.Equal(t, 200, got.status)
		require.Equal(t, int32(n+1), conns.Load())
		unfit(t, transport, place{"https", listener.Addr().String()})
	}
}

func TestSpeakersAreBounded(t *testing.T) {
	t.Parallel()
	var s speakers
	for i := range 3 * maxSpeakers {
		s.add(string(rune(i)))
		require.LessOrEqual(t, len(s.hosts), maxSpeakers)
	}
	require.True(t, s.has(string(rune(3*maxSpeakers-1))))
}

package egress_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/egress"
)

// onlyOne is the policy of these tests: one loopback address may be called, every other may not.
func onlyOne(r egress.Resolver) egress.Options {
	return egress.Options{Allow: prefixes("127.0.0.1/32"), Schemes: []string{"https", "http"}, Resolver: r}
}

// serve answers 200 on l until the test ends, counting requests.
func serve(tb testing.TB, l net.Listener) *atomic.Int32 {
	tb.Helper()
	var requests atomic.Int32
	s := &httptest.Server{Listener: l, Config: &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler:           http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }),
	}}
	s.Start()
	tb.Cleanup(s.Close)
	return &requests
}

// TestRebinding: a name that resolves differently the second time (D02, D03).
func TestRebinding(t *testing.T) {
	t.Parallel()
	listeners, port := listen(t, "127.0.0.1", "127.0.0.66")
	requests, canary := serve(t, listeners[0]), listeners[1]
	var lookups atomic.Int32
	p := policy(t, onlyOne(lookupFunc(func(context.Context, string) ([]netip.Addr, error) {
		if lookups.Add(1)%2 == 1 {
			return []netip.Addr{addr("127.0.0.1")}, nil
		}
		return []netip.Addr{addr("127.0.0.66")}, nil
	})))
	_, err := p.CheckURL("http://rebind.test:" + port + "/")
	require.NoError(t, err)
	require.Zero(t, lookups.Load(), "nothing is looked up when a subscription is written")

	transport := egress.NewTransport(p, egress.TransportOptions{})
	client := &http.Client{Transport: transport}
	for range 3 {
		require.NoError(t, get(t, client, "http://rebind.test:"+port+"/"))
		transport.CloseIdleConnections()
		err := get(t, client, "http://rebind.test:"+port+"/")
		var blocked *egress.BlockedError
		require.ErrorAs(t, err, &blocked)
		require.Equal(t, egress.BlockedError{Addr: addr("127.0.0.66"), Port: canaryPort(canary), Verdict: egress.Loopback}, *blocked)
		var asURL *url.Error
		require.ErrorAs(t, err, &asURL)
		var asOp *net.OpError
		require.ErrorAs(t, err, &asOp)
	}
	require.Equal(t, int32(3), requests.Load())
	requireSilent(t, canary)
}

func canaryPort(l net.Listener) uint16 {
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// TestMixedAnswers: refused addresses are left out wherever they stand (D04, D05).
func TestMixedAnswers(t *testing.T) {
	t.Parallel()
	listeners, port := listen(t, "127.0.0.1", "127.0.0.66")
	requests, canary := serve(t, listeners[0]), listeners[1]
	for i, texts := range [][]string{
		{"127.0.0.1", "127.0.0.66"},
		{"127.0.0.66", "127.0.0.1"},
		{"::1", "::ffff:127.0.0.66", "64:ff9b::7f00:42", "127.0.0.1"},
		{"127.0.0.66", "::ffff:127.0.0.1", "10.0.0.1"},
	} {
		p := policy(t, onlyOne(answers(texts...)))
		client := &http.Client{Transport: egress.NewTransport(p, egress.TransportOptions{})}
		require.NoError(t, get(t, client, "http://mixed.test:"+port+"/"), texts)
		client.CloseIdleConnections()
		require.Equal(t, int32(i+1), requests.Load())
	}
	requireSilent(t, canary)
}

// TestRedirectsAreChecked: following is the client's business, yet every hop meets the policy.
func TestRedirectsAreChecked(t *testing.T) {
	t.Parallel()
	listeners, port := listen(t, "127.0.0.1", "127.0.0.66")
	canary := listeners[1]
	s := &httptest.Server{Listener: listeners[0], Config: &http.Server{
		ReadHeaderTimeout: time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.66:"+port+"/", http.StatusTemporaryRedirect)
		}),
	}}
	s.Start()
	t.Cleanup(s.Close)
	p := policy(t, onlyOne(answers("127.0.0.1")))
	client := &http.Client{Transport: egress.NewTransport(p, egress.TransportOptions{})}
	var blocked *egress.BlockedError
	require.ErrorAs(t, get(t, client, s.URL), &blocked)
	requireSilent(t, canary)
}

// TestProxiesOfTheEnvironmentAreIgnored sends nothing to the proxy, and refuses what it would have reached.
func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	listeners, port := listen(t, "127.0.0.1", "127.0.0.66")
	requests, canary := serve(t, listeners[0]), listeners[1]
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.66:"+port)
	}
	p := policy(t, onlyOne(answers("127.0.0.1")))
	transport := egress.NewTransport(p, egress.TransportOptions{})
	require.Nil(t, transport.Proxy)
	client := &http.Client{Transport: transport}
	require.NoError(t, get(t, client, "http://receiver.test:"+port+"/"))
	require.Equal(t, int32(1), requests.Load())
	var blocked *egress.BlockedError
	require.ErrorAs(t, get(t, client, "http://10.0.0.1/"), &blocked)
	requireSilent(t, canary)
}

// TestTLSKeepsTheName: the look-up is absolute (D13), the certificate and the Host header see the name as written.
func TestTLSKeepsTheName(t *testing.T) {
	t.Parallel()
	var host, sni string
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		host, sni = r.Host, r.TLS.ServerName
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate()) // for example.com
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	require.NoError(t, err)

	var asked string
	p := policy(t, onlyOne(lookupFunc(func(_ context.Context, host string) ([]netip.Addr, error) {
		asked = host
		return []netip.Addr{addr("127.0.0.1")}, nil
	})))
	transport := egress.NewTransport(p, egress.TransportOptions{RootCAs: roots})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://Example.com:"+port+"/", http.NoBody)
	require.NoError(t, err)
	resp, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 2, resp.ProtoMajor)
	require.Equal(t, "example.com.", asked)
	require.Equal(t, "Example.com:"+port, host)
	require.Equal(t, "Example.com", sni)
	transport.CloseIdleConnections()

	err = get(t, &http.Client{Transport: transport}, "https://wrong.test:"+port+"/")
	var wrongName x509.HostnameError
	require.ErrorAs(t, err, &wrongName)
}

// TestDialErrors: each failure keeps the type by which an attempt's reason is told.
func TestDialErrors(t *testing.T) {
	t.Parallel()
	const port = "1" // nobody listens there, and no test beside this one can be given it
	fails := func(err error) lookupFunc {
		return func(context.Context, string) ([]netip.Addr, error) { return nil, err }
	}
	silent := lookupFunc(func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	isDNS := func(want net.DNSError) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			var dns *net.DNSError
			require.ErrorAs(t, err, &dns)
			want.UnwrapErr = dns.UnwrapErr
			require.Equal(t, want, *dns)
			require.NotContains(t, err.Error(), "10.0.0.2")
		}
	}
	isBlocked := func(v egress.Verdict) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			var blocked *egress.BlockedError
			require.ErrorAs(t, err, &blocked)
			require.Equal(t, v, blocked.Verdict)
		}
	}
	contains := func(text string) func(*testing.T, error) {
		return func(t *testing.T, err error) {
			t.Helper()
			require.ErrorContains(t, err, text)
		}
	}
	for _, c := range []struct {
		name, network, address string
		resolver               egress.Resolver
		check                  func(*testing.T, error)
	}{
		{
			"no such host", "tcp", "gone.test:443", fails(&net.DNSError{Err: "no such host", Name: "gone.test.", Server: "10.0.0.2:53", IsNotFound: true}),
			isDNS(net.DNSError{Err: "no such host", Name: "gone.test", IsNotFound: true}),
		},
		{
			"name server fails", "tcp", "a.test:443", fails(&net.DNSError{Err: "read udp 10.0.0.2:53", IsTemporary: true}),
			isDNS(net.DNSError{Err: "name server could not answer", Name: "a.test", IsTemporary: true}),
		},
		{
			"name server silent", "tcp", "a.test:443", silent,
			isDNS(net.DNSError{Err: "name server did not answer in time", Name: "a.test", IsTimeout: true}),
		},
		{
			"other failure", "tcp", "a.test:443", fails(errors.New("10.0.0.2 is down")),
			isDNS(net.DNSError{Err: "name server could not answer", Name: "a.test"}),
		},
		{"empty answer", "tcp", "a.test:443", answers(), isDNS(net.DNSError{Err: "no address", Name: "a.test", IsNotFound: true})},
		{
			"bad name", "tcp", "exam_ple.com:443", answers("127.0.0.1"),
			isDNS(net.DNSError{Err: "not a valid host name or address", Name: "exam_ple.com", IsNotFound: true}),
		},
		{"refused addresses are left out", "tcp", "a.test:443", answers("10.0.0.1", "127.0.0.1"), contains("refused")},
		{"refused by the receiver", "tcp", "127.0.0.1:" + port, nil, contains("connection refused")},
		{"odd spelling of an allowed address", "tcp", "127.1:" + port, nil, contains("connection refused")},
		{"all blocked: the first counts", "tcp", "a.test:443", answers("10.0.0.1", "169.254.169.254"), isBlocked(egress.Private)},
		{"blocked port", "tcp", "a.test:22", answers("8.8.8.8"), isBlocked(egress.DeniedPort)},
		{"blocked name, allowed address", "tcp", "metadata.google.internal:443", answers("127.0.0.1"), isBlocked(egress.Metadata)},
		{"no address of the family", "tcp6", "a.test:443", answers("127.0.0.1"), contains("no suitable address")},
		{"family", "tcp4", "a.test:443", answers("::1", "10.0.0.1"), isBlocked(egress.Private)},
		{"family of a mapped address", "tcp4", "a.test:" + port, answers("::ffff:127.0.0.1"), contains("connection refused")},
		{
			"bad IPv6 literal", "tcp", "[::g]:443", answers("127.0.0.1"),
			isDNS(net.DNSError{Err: "not a valid host name or address", Name: "::g", IsNotFound: true}),
		},
		{"unix", "unix", "/run/docker.sock:0", nil, contains("unknown network unix")},
		{"udp", "udp", "127.0.0.1:" + port, nil, contains("unknown network udp")},
		{"no port", "tcp", "127.0.0.1", nil, contains("missing port")},
		{"bad port", "tcp", "127.0.0.1:http", nil, contains("invalid port")},
		{"large port", "tcp", "127.0.0.1:65536", nil, contains("invalid port")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := onlyOne(c.resolver)
			o.DNSTimeout = 20 * time.Millisecond
			_, err := policy(t, o).DialContext(t.Context(), c.network, c.address)
			var op *net.OpError
			require.ErrorAs(t, err, &op)
			c.check(t, err)
		})
	}
}

// TestBudgets: a look-up has its own budget inside that of the dial, and neither outlasts the caller's.
func TestBudgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ dns, dial, caller, want time.Duration }{
			{0, 0, time.Hour, 2 * time.Second},
			{0, time.Second, time.Hour, time.Second},
			{300 * time.Millisecond, 0, time.Hour, 300 * time.Millisecond},
			{0, 0, 100 * time.Millisecond, 100 * time.Millisecond},
		} {
			o := onlyOne(lookupFunc(func(ctx context.Context, _ string) ([]netip.Addr, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}))
			o.DNSTimeout, o.DialTimeout = c.dns, c.dial
			ctx, cancel := context.WithTimeout(t.Context(), c.caller)
			began := time.Now()
			_, err := policy(t, o).DialContext(ctx, "tcp", "a.test:443")
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, c.want, time.Since(began))
		}
	})
}

// TestCallerCancels: the caller's own end is visible in the error.
func TestCallerCancels(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	p := policy(t, onlyOne(lookupFunc(func(ctx context.Context, _ string) ([]netip.Addr, error) {
		cancel()
		return nil, ctx.Err()
	})))
	_, err := p.DialContext(ctx, "tcp", "a.test:443")
	require.ErrorIs(t, err, context.Canceled)
}

func TestNewTransport(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{})
	tr := egress.NewTransport(p, egress.TransportOptions{})
	require.Less(t, tr.IdleConnTimeout, 5*time.Second)
	require.Equal(t, 64, tr.MaxIdleConnsPerHost)
	require.True(t, tr.DisableCompression)
	tr = egress.NewTransport(p, egress.TransportOptions{IdleConnTimeout: time.Minute, MaxIdleConns: 3, MaxIdleConnsPerHost: 2})
	require.Equal(t, []any{time.Minute, 3, 2}, []any{tr.IdleConnTimeout, tr.MaxIdleConns, tr.MaxIdleConnsPerHost})
}

// TestLargeResponseHeadersFail: 64 KiB is the limit (R10).
func TestLargeResponseHeadersFail(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 1100 {
			w.Header().Add("X-Large", "0123456789012345678901234567890123456789012345678901234567890")
		}
	}))
	t.Cleanup(s.Close)
	client := &http.Client{Transport: egress.NewTransport(policy(t, onlyOne(nil)), egress.TransportOptions{})}
	require.ErrorContains(t, get(t, client, s.URL), "server response headers exceeded 65536 bytes")
}

// TestLocalhostNeedsNoNameServer: localhost and the names below it are loopback whatever name servers say, and the policy still
// decides whether loopback may be called.
func TestLocalhostNeedsNoNameServer(t *testing.T) {
	t.Parallel()
	listeners, port := listen(t, "127.0.0.1")
	requests := serve(t, listeners[0])
	nobody := lookupFunc(func(context.Context, string) ([]netip.Addr, error) { return nil, &net.DNSError{IsNotFound: true} })
	allowed := policy(t, onlyOne(nobody))
	client := &http.Client{Transport: egress.NewTransport(allowed, egress.TransportOptions{})}
	for i, host := range []string{"localhost", "LOCALHOST", "localhost.", "app.localhost"} {
		require.NoError(t, get(t, client, "http://"+host+":"+port+"/"), host)
		require.Equal(t, int32(i+1), requests.Load())
	}
	strict := policy(t, egress.Options{Resolver: nobody, Schemes: []string{"http"}})
	client = &http.Client{Transport: egress.NewTransport(strict, egress.TransportOptions{})}
	err := get(t, client, "http://localhost:"+port+"/")
	var blocked *egress.BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, egress.Loopback, blocked.Verdict)
	require.Equal(t, int32(4), requests.Load())
}

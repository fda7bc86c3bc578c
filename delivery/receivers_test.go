package delivery

import (
	"context"
	"crypto/tls"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/delivery/egress"
	"hookrouter/models"
)

const ok200 = "HTTP/1.1 200 OK\r\n"

// The receivers that break HTTP in one way each. Their numbers are those of the project's reliability notes; the expectations follow our
// contract, in which 3xx is a success and broken bodies after a good status don't undo it.
func TestSendToBrokenReceivers(t *testing.T) {
	t.Parallel()
	say, hold := deliverytest.Say, deliverytest.SayAndHold
	for _, c := range []struct {
		name    string
		answer  deliverytest.RawAnswer
		success bool
		reason  models.Reason
		status  int
		detail  string
	}{
		{"R01 plain 200", say(ok200 + "Content-Length: 2\r\n\r\nok"), true, "", 200, ""},
		{"R02 no reason phrase", say("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), true, "", 200, ""},
		{"R03 HTTP/0.9", say("<html>hello</html>"), false, models.ReasonProtocol, 0, "the answer is not valid HTTP"},
		{"R04 HTTP/1.0 until close", say("HTTP/1.0 200 OK\r\n\r\nhello"), true, "", 200, ""},
		{"R05 status 999", say("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), false, models.ReasonStatus, 999, "the endpoint answered 999"},
		{"R06 status 099", say("HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n"), false, models.ReasonProtocol, 99, ""},
		{"R07 two-digit status", say("HTTP/1.1 20 OK\r\n\r\n"), false, models.ReasonProtocol, 0, ""},
		{"R09 endless 103", deliverytest.SayForever("", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"), false, models.ReasonProtocol, 0, ""},
		{"R10 header of 1 MiB", say(ok200 + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), false, models.ReasonProtocol, 0, ""},
		{"R11 header never ends", hold(ok200 + "X-A: 1\r\n"), false, models.ReasonTimeout, 0, "no answer within 300ms"},
		{"R12 body never ends", hold(ok200 + "Content-Length: 9\r\n\r\nhel"), false, models.ReasonTimeout, 200, "the answer's body did not end within 300ms"},
		{"R13 endless body", deliverytest.SayForever(ok200+"\r\n", strings.Repeat("x", 4096)), true, "", 200, ""},
		{"R15 Content-Length too long", say(ok200 + "Content-Length: 9\r\n\r\nhel"), true, "", 200, "the answer's body broke off"},
		{"R16 two Content-Lengths", say(ok200 + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), false, models.ReasonProtocol, 0, ""},
		{"R17 bad chunk size", say(ok200 + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), true, "", 200, "the answer's body broke off"},
		{"R18 NUL in a header", say(ok200 + "X-A: a\x00b\r\nContent-Length: 0\r\n\r\n"), false, models.ReasonProtocol, 0, ""},
		{"R19 bare LF, folded header", say("HTTP/1.1 200 OK\nX-A: a\n b\nContent-Length: 0\n\n"), true, "", 200, ""},
		{"R20 closes without an answer", say(""), false, models.ReasonReset, 0, ""},
		{"R20 closes within the header", say("HTTP/1.1 200 OK\r\nX-A: 1\r\n"), false, models.ReasonReset, 0, ""},
		{"R22 never answers", hold(""), false, models.ReasonTimeout, 0, "no answer within 300ms"},
		{"R23 101", hold("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"), false, models.ReasonProtocol, 101, ""},
		{"R24 204 and a smuggled answer", say("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), true, "", 204, ""},
		{"R26 300 with a Location", say("HTTP/1.1 300 Many\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"), true, "", 300, ""},
		{"R26 304", say("HTTP/1.1 304 Not Modified\r\n\r\n"), true, "", 304, ""},
		{"R44 binary body", say(ok200 + "Content-Length: 4\r\n\r\n\xff\x00\xfe\x01"), true, "", 200, ""},
		{"failure whose body never ends", hold("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nhel"), false, models.ReasonTimeout, 500, ""},
		{"failure whose body breaks off", say("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nhel"), false, models.ReasonStatus, 500, ""},
		{"header that is not UTF-8", say(ok200 + "X-A: \xff\xfe\r\nContent-Length: 0\r\n\r\n"), true, "", 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			receiver := deliverytest.NewRawReceiver(t, c.answer)
			s := newSender(t, func(o *SenderOptions) { o.TimeoutFirst = 300 * time.Millisecond })
			a := s.Send(t.Context(), testJob(t, receiver.URL))
			require.Equal(t, c.success, a.Success, "%+v", a)
			require.Equal(t, c.reason, a.Reason, a.Detail)
			require.Equal(t, c.status, a.StatusCode)
			if c.detail != "" || c.success {
				require.Equal(t, c.detail, a.Detail)
			}
			require.Equal(t, 1, receiver.Requests(), "one attempt is one request")
			require.LessOrEqual(t, len(a.ResponseBody), 16<<10)
			for _, line := range a.ResponseHeaders {
				require.Equal(t, plainText(line), line)
			}
		})
	}
}

// R21, R23: these must free the worker at once.
func TestSendReturnsEarly(t *testing.T) {
	t.Parallel()
	reset := deliverytest.NewReceiver(t, deliverytest.Reset())
	upgrade := deliverytest.NewRawReceiver(t, deliverytest.SayAndHold("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"))
	s := newSender(t, func(o *SenderOptions) { o.TimeoutFirst = time.Minute })
	for url, reason := range map[string]models.Reason{reset.URL: models.ReasonReset, upgrade.URL: models.ReasonProtocol} {
		a := s.Send(t.Context(), testJob(t, url))
		require.Equal(t, reason, a.Reason, a.Detail)
		require.Less(t, a.Timings.Total, time.Second)
	}
}

// R34: a reused connection that breaks once the request is on it costs the attempt. net/http sends nothing a second time.
func TestSendNeverResendsBehindOurBack(t *testing.T) {
	t.Parallel()
	alive := func(_ context.Context, conn net.Conn) bool {
		_, err := io.WriteString(conn, ok200+"Content-Length: 0\r\n\r\n")
		return err == nil
	}
	for name, broken := range map[string]deliverytest.RawAnswer{
		"close": deliverytest.Say(""),
		"reset": func(_ context.Context, conn net.Conn) bool {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			return false
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := deliverytest.NewRawReceiver(t, alive, broken, alive, broken, alive)
			s := newSender(t, nil)
			var reasons []models.Reason
			for range 5 {
				reasons = append(reasons, s.Send(t.Context(), testJob(t, receiver.URL)).Reason)
			}
			require.Equal(t, []models.Reason{"", models.ReasonReset, "", models.ReasonReset, ""}, reasons)
			require.Equal(t, 5, receiver.Requests())
		})
	}
}

// R13, R14: what a receiver sends costs bounded memory, compressed or not.
func TestSendReadsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		behavior  deliverytest.Behavior
		kept      int
		truncated bool
	}{
		"empty":         {deliverytest.Status(200), 0, false},
		"small":         {deliverytest.Answer(200, "fine"), 4, false},
		"whole excerpt": {deliverytest.Huge(100), 100, false},
		"excerpt and 1": {deliverytest.Huge(101), 100, true},
		"at the bound":  {deliverytest.Huge(1000), 100, true},
		"beyond":        {deliverytest.Huge(10_000_000), 100, true},
		"endless":       {deliverytest.Endless(), 100, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := deliverytest.NewReceiver(t, c.behavior)
			s := newSender(t, func(o *SenderOptions) { o.MaxBody, o.MaxExcerpt = 1000, 100 })
			a := s.Send(t.Context(), testJob(t, receiver.URL))
			require.True(t, a.Success, a.Detail)
			require.Empty(t, a.Detail)
			require.Len(t, a.ResponseBody, c.kept)
			require.Equal(t, c.truncated, a.BodyTruncated)
		})
	}
}

func TestSendDoesNotInflate(t *testing.T) { // not parallel: it measures allocation
	bomb := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		chunk := make([]byte, 32<<10)
		for range 3200 { // 100 MiB
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
	receiver := deliverytest.NewReceiver(t, bomb)
	s := newSender(t, nil)
	j := testJob(t, receiver.URL)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := s.Send(t.Context(), j)
	runtime.ReadMemStats(&after)
	require.True(t, a.Success)
	require.Empty(t, receiver.Journal()[0].Header.Get("Accept-Encoding"))
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestSendKeepsBoundedHeaders(t *testing.T) {
	t.Parallel()
	many := func(w http.ResponseWriter, _ *http.Request) {
		for range 200 {
			w.Header().Add("X-Many", strings.Repeat("v", 100))
		}
	}
	s := newSender(t, nil)
	a := s.Send(t.Context(), testJob(t, deliverytest.NewReceiver(t, many).URL))
	require.LessOrEqual(t, len(a.ResponseHeaders), maxHeaderLines)
	require.LessOrEqual(t, len(strings.Join(a.ResponseHeaders, "")), maxHeaderBytes)
}

// R46: what a receiver sets in one answer is not sent back in the next request.
func TestSendHasNoMemoryOfCookies(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewReceiver(t, deliverytest.Status(200, "Set-Cookie", "a=b"))
	s := newSender(t, nil)
	s.Send(t.Context(), testJob(t, receiver.URL))
	s.Send(t.Context(), testJob(t, receiver.URL))
	require.Empty(t, receiver.Journal()[1].Header.Get("Cookie"))
}

// R28..R31.
func TestSendReadsRetryAfter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		value  string
		want   time.Duration
	}{
		{429, "2", 2 * time.Second},
		{503, "3600", time.Hour},
		{503, "", 0},
		{429, "-1", 0},
		{429, "abc", 0},
		{429, "1000000000", MaxPostpone},
		{429, "99999999999999999999", MaxPostpone},
		{500, "60", 0},
		{200, "60", 0},
	} {
		receiver := deliverytest.NewReceiver(t, deliverytest.Status(c.status, "Retry-After", c.value))
		a := newSender(t, nil).Send(t.Context(), testJob(t, receiver.URL))
		require.Equal(t, c.want, a.RetryAfter, "%d %q", c.status, c.value)
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"0", "2", "-1", "1e9", "Fri, 02 Jan 2026 10:00:00 GMT", "Friday, 02-Jan-26 10:00:00 GMT", " 5 ", "\x00"} {
		f.Add(seed, int64(1767348000))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		wait := retryAfter(value, time.Unix(now%math.MaxInt32, 0))
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.LessOrEqual(t, wait, MaxPostpone)
	})
}

func TestRetryAfterDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 9, 59, 0, 0, time.UTC)
	require.Equal(t, time.Minute, retryAfter("Fri, 02 Jan 2026 10:00:00 GMT", now))
	require.Equal(t, time.Minute, retryAfter("Friday, 02-Jan-26 10:00:00 GMT", now))
	require.Zero(t, retryAfter("Fri, 02 Jan 2026 09:00:00 GMT", now), "the past postpones nothing")
	require.Equal(t, MaxPostpone, retryAfter("Fri, 02 Jan 2036 10:00:00 GMT", now))
}

// R32..R40: what can go wrong with TLS.
func TestSendTLS(t *testing.T) {
	t.Parallel()
	plain := func(o *SenderOptions) { o.TimeoutFirst = 2 * time.Second }
	send := func(t *testing.T, r *deliverytest.Receiver, url string) models.Attempt {
		t.Helper()
		s := newSender(t, func(o *SenderOptions) { plain(o); o.Transport = testTransport(t, trusting(r.Server)) })
		return s.Send(t.Context(), testJob(t, url))
	}
	only := func(version uint16) func(*httptest.Server) {
		return func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: version, MaxVersion: version}
			s.Config.ErrorLog = quiet()
		}
	}
	t.Run("R32 TLS 1.0", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewTLSReceiver(t, only(tls.VersionTLS10))
		require.Equal(t, models.ReasonTLS, send(t, r, r.URL).Reason)
	})
	t.Run("R33 TLS 1.1", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewTLSReceiver(t, only(tls.VersionTLS11))
		require.Equal(t, models.ReasonTLS, send(t, r, r.URL).Reason)
	})
	t.Run("R34 unknown authority", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewTLSReceiver(t, only(tls.VersionTLS13))
		a := newSender(t, plain).Send(t.Context(), testJob(t, r.URL))
		require.Equal(t, models.ReasonTLS, a.Reason)
		require.Equal(t, "the certificate is not signed by a known authority", a.Detail)
		require.Empty(t, r.Journal())
	})
	t.Run("R36 wrong host name", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewTLSReceiver(t, only(tls.VersionTLS13))
		a := send(t, r, strings.Replace(r.URL, "127.0.0.1", "receiver.test", 1))
		require.Equal(t, models.ReasonTLS, a.Reason, a.Detail)
		require.Equal(t, "the certificate is for another host name", a.Detail)
	})
	t.Run("R38 wants a client certificate", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewTLSReceiver(t, func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
			s.Config.ErrorLog = quiet()
		})
		// With TLS 1.3 the alert comes after the handshake. HTTP/2 may notice only that the connection has gone.
		require.Contains(t, []models.Reason{models.ReasonTLS, models.ReasonReset}, send(t, r, r.URL).Reason)
	})
	t.Run("R39 handshake stalls", func(t *testing.T) {
		t.Parallel()
		addr := silentListener(t)
		s := newSender(t, func(o *SenderOptions) { o.TimeoutFirst = 50 * time.Millisecond })
		a := s.Send(t.Context(), testJob(t, "https://"+addr))
		require.Equal(t, models.ReasonTimeout, a.Reason)
		require.Equal(t, "no TLS handshake within 50ms", a.Detail)
	})
	t.Run("R40 plain HTTP on the port", func(t *testing.T) {
		t.Parallel()
		r := deliverytest.NewReceiver(t)
		a := newSender(t, plain).Send(t.Context(), testJob(t, strings.Replace(r.URL, "http:", "https:", 1)))
		require.Equal(t, models.ReasonTLS, a.Reason, a.Detail)
	})
}

func TestSendConnects(t *testing.T) {
	t.Parallel()
	s := newSender(t, nil)
	closed := silentListenerClosed(t)
	for url, want := range map[string]models.Reason{
		"http://" + closed:            models.ReasonConnect,
		"http://nothing.invalid":      models.ReasonDNS,
		"http://169.254.169.254/meta": models.ReasonBlockedAddress,
		"http://127.0.0.66/":          models.ReasonBlockedAddress,
		"http://10.0.0.1/":            models.ReasonBlockedAddress,
	} {
		a := s.Send(t.Context(), testJob(t, url))
		require.Equal(t, want, a.Reason, "%s: %s", url, a.Detail)
		require.NotContains(t, a.Detail, "169.254")
	}
}

// slowNames is a resolver that never answers and ends with its caller's patience.
type slowNames struct{}

func (slowNames) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		trace.DNSStart(httptrace.DNSStartInfo{Host: host})
	}
	<-ctx.Done()
	return nil, &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true, UnwrapErr: ctx.Err()}
}

// A look-up that outlasts the call is a timeout of the call; one that outlasts only the resolver's patience is a matter of DNS.
func TestSendSlowLookUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		dns, first  time.Duration
		want        models.Reason
		wantsDetail string
	}{
		{"the call's deadline", time.Minute, 30 * time.Millisecond, models.ReasonTimeout, "the look-up of the endpoint's name did not end within 30ms"},
		{"the resolver's budget", 30 * time.Millisecond, time.Minute, models.ReasonDNS, "the endpoint's name did not resolve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			policy, err := egress.New(egress.Options{Schemes: []string{"http"}, Resolver: slowNames{}, DNSTimeout: c.dns, DialTimeout: time.Minute})
			require.NoError(t, err)
			transport := egress.NewTransport(policy, egress.TransportOptions{})
			defer transport.CloseIdleConnections()
			s := newSender(t, func(o *SenderOptions) { o.Transport, o.TimeoutFirst = transport, c.first })
			a := s.Send(t.Context(), testJob(t, "http://slow.example.com/"))
			require.Equal(t, c.want, a.Reason, a.Detail)
			require.Equal(t, c.wantsDetail, a.Detail)
		})
	}
}

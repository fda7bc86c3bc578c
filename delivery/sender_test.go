package delivery

import (
	"context"
	"crypto/x509"
	"flag"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/delivery/egress"
	"hookrouter/delivery/http1"
	"hookrouter/models"
	"hookrouter/signing"
)

var update = flag.Bool("update", false, "rewrite golden files")

const testSecret = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"

// testJob is a first attempt to an endpoint.
func testJob(tb testing.TB, endpoint string) models.Job {
	tb.Helper()
	id := func(s string) models.ID {
		parsed, err := models.ParseID(s)
		require.NoError(tb, err)
		return parsed
	}
	description := "Contracts \"team\""
	sub := &models.Subscription{
		ID: id("0f6e2f3a-8a58-4c51-9f4e-2f0c1a7be001"), OrganizationID: models.ID{1}, Version: 1, Enabled: true, AutoRetry: true,
		Endpoint: endpoint, Description: &description, Secret: models.NewSecret(testSecret), Format: models.FormatYousign,
	}
	event := &models.Event{
		ID: id("9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01"), OrganizationID: models.ID{1}, Name: "signer.done",
		Time: time.Unix(1767349200, 0), Data: []byte(`{ "signer" : {"n":12345678901234567890,"a":"é"} }`),
	}
	return models.Job{
		Delivery: models.Delivery{
			ID: id("019b6f00-0000-7000-8000-000000000001"), OrganizationID: models.ID{1}, EventID: event.ID, EventName: event.Name,
			SubscriptionID: sub.ID, SubscriptionVersion: 1, Status: models.StatusDelivering, Owner: 1,
		},
		Event: event, Matched: sub, Current: sub,
	}
}

// changed is the job with another current subscription.
func changed(j models.Job, change func(*models.Subscription)) models.Job {
	s := *j.Current
	change(&s)
	j.Current = &s
	return j
}

// testTransport reaches 127.0.0.1 and nothing else that is not public.
func testTransport(tb testing.TB, roots *x509.CertPool) *http1.Transport {
	tb.Helper()
	policy, err := egress.New(egress.Options{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Schemes: []string{"https", "http"},
		Resolver: hosts{"receiver.test.": netip.MustParseAddr("127.0.0.1")},
	})
	require.NoError(tb, err)
	transport := http1.Over(egress.NewTransport(policy, egress.TransportOptions{RootCAs: roots}), time.Now)
	tb.Cleanup(transport.CloseIdleConnections)
	return transport
}

func newSender(tb testing.TB, change func(*SenderOptions)) *HTTPSender {
	tb.Helper()
	o := SenderOptions{Schemes: []string{"https", "http"}, Now: time.Now}
	if change != nil {
		change(&o)
	}
	if o.Transport == nil {
		o.Transport = testTransport(tb, nil)
	}
	s, err := NewHTTPSender(o)
	require.NoError(tb, err)
	return s
}

func trusting(server *httptest.Server) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool
}

func TestSendGolden(t *testing.T) {
	t.Parallel()
	issued := time.Unix(1767349260, 0)
	receiver := deliverytest.NewReceiver(t)
	s := newSender(t, func(o *SenderOptions) { o.Now = func() time.Time { return issued } })
	j := changed(testJob(t, receiver.URL+"/hook?token=in-the-query"), func(s *models.Subscription) {
		s.Headers = []models.Header{
			{Name: "authorization", Value: models.NewSecret("Bearer static-credential")},
			{Name: "X-Yousign-Retry", Value: models.NewSecret("forged")},
			{Name: "user-agent", Value: models.NewSecret("forged")},
			{Name: "Idempotency-Key", Value: models.NewSecret("forged")},
		}
	})
	j.Delivery.Attempts = 2
	a := s.Send(t.Context(), j)
	require.True(t, a.Success, a.Detail)
	require.Equal(t, 3, a.Number)

	arrival := receiver.Journal()[0]
	golden(t, "request.golden", arrival.Dump())
	golden(t, "record.golden", strings.Join(a.RequestHeaders, "\n")+"\n")
	require.NoError(t, signing.Verify(arrival.Header, arrival.Body, testSecret))
	require.Equal(t, receiver.URL+"/hook", a.Endpoint)
	deliverytest.AssertLeaksNothing(t, a, "static-credential", testSecret, "in-the-query", "signer\"", "12345678901234567890")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestSendUserAgentIsSettable(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewReceiver(t)
	s := newSender(t, func(o *SenderOptions) { o.UserAgent = "Acme Hooks" })
	require.True(t, s.Send(t.Context(), testJob(t, receiver.URL)).Success)
	require.Equal(t, "Acme Hooks", receiver.Journal()[0].Header.Get("User-Agent"))
}

// A retry sends the very bytes of the first attempt, though the subscription's text has changed since.
func TestSendRetryRepeatsTheBody(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewReceiver(t)
	s := newSender(t, nil)
	first := testJob(t, receiver.URL)
	second := changed(first, func(s *models.Subscription) { other := "other"; s.Description = &other })
	second.Delivery.Attempts = 1
	s.Send(t.Context(), first)
	s.Send(t.Context(), second)
	journal := receiver.Journal()
	require.Equal(t, string(journal[0].Body), string(journal[1].Body))
	require.Equal(t, "0", journal[0].Header.Get(signing.RetryHeader))
	require.Equal(t, "1", journal[1].Header.Get(signing.RetryHeader))
	require.Equal(t, "2", journal[1].Header.Get(signing.AttemptHeader))
	require.Contains(t, string(journal[0].Body), `"data":{ "signer" : {"n":12345678901234567890,"a":"é"} }}`)
}

func TestSendTimeouts(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewReceiver(t, deliverytest.Hang())
	s := newSender(t, func(o *SenderOptions) { o.TimeoutFirst, o.TimeoutRetry = 30*time.Millisecond, 90*time.Millisecond })
	for _, c := range []struct {
		name     string
		attempts int
		change   func(*models.Subscription)
		want     time.Duration
	}{
		{"first", 0, nil, 30 * time.Millisecond},
		{"retry", 1, nil, 90 * time.Millisecond},
		{"own first", 0, func(s *models.Subscription) { s.TimeoutFirst = 50 * time.Millisecond }, 50 * time.Millisecond},
		{"own retry", 3, func(s *models.Subscription) { s.TimeoutRetry = 20 * time.Millisecond }, 20 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			j := testJob(t, receiver.URL)
			if c.change != nil {
				j = changed(j, c.change)
			}
			j.Delivery.Attempts = c.attempts
			a := s.Send(t.Context(), j)
			require.False(t, a.Success)
			require.Equal(t, models.ReasonTimeout, a.Reason)
			require.Equal(t, "no answer within "+c.want.String(), a.Detail)
			require.GreaterOrEqual(t, a.Timings.Total, c.want)
			require.Less(t, a.Timings.Total, c.want+time.Second)
		})
	}
}

func TestSendCutOffSaysSo(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewReceiver(t, deliverytest.Hang())
	s := newSender(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		receiver.Await(t.Context(), 1)
		cancel()
	}()
	a := s.Send(ctx, testJob(t, receiver.URL))
	require.False(t, a.Success)
	require.Equal(t, "the call was cut off before its end", a.Detail)
}

func TestSendInvalid(t *testing.T) {
	t.Parallel()
	s := newSender(t, func(o *SenderOptions) { o.Schemes = []string{"https"} })
	for name, change := range map[string]func(*models.Subscription){
		"no URL":       func(s *models.Subscription) { s.Endpoint = "https://user:pass word@exa mple/" },
		"no host":      func(s *models.Subscription) { s.Endpoint = "https:///x" },
		"http":         func(s *models.Subscription) { s.Endpoint = "http://127.0.0.1:1/" },
		"other scheme": func(s *models.Subscription) { s.Endpoint = "file:///etc/passwd" },
		"no secret":    func(s *models.Subscription) { s.Secret = models.NewSecret("") },
		"short secret": func(s *models.Subscription) { s.Secret = models.NewSecret("tooshort") },
		"bad header": func(s *models.Subscription) {
			s.Headers = []models.Header{{Name: "X-A", Value: models.NewSecret("injected\r\nX-Forged: 1")}}
		},
		"bad header name": func(s *models.Subscription) {
			s.Headers = []models.Header{{Name: "X A:", Value: models.NewSecret("injected")}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := s.Send(t.Context(), changed(testJob(t, "https://127.0.0.1:1/"), change))
			require.False(t, a.Success)
			require.Equal(t, models.ReasonInvalid, a.Reason)
			require.NotEmpty(t, a.Detail)
			deliverytest.AssertLeaksNothing(t, a, "pass word", "tooshort", "injected", testSecret)
		})
	}
	j := testJob(t, "https://127.0.0.1:1/")
	matched := *j.Matched
	matched.Format = "smoke_signals"
	j.Matched = &matched
	require.Equal(t, models.ReasonInvalid, s.Send(t.Context(), j).Reason)
}

func TestNewHTTPSenderChecks(t *testing.T) {
	t.Parallel()
	transport := testTransport(t, nil)
	for name, o := range map[string]SenderOptions{
		"no transport":   {Now: time.Now},
		"no clock":       {Transport: transport},
		"scheme":         {Transport: transport, Now: time.Now, Schemes: []string{"ftp"}},
		"timeout":        {Transport: transport, Now: time.Now, TimeoutFirst: -1},
		"excerpt beyond": {Transport: transport, Now: time.Now, MaxBody: 10, MaxExcerpt: 11},
	} {
		_, err := NewHTTPSender(o)
		require.Error(t, err, name)
	}
}

func TestSendTimings(t *testing.T) {
	t.Parallel()
	receiver := deliverytest.NewTLSReceiver(t, nil, deliverytest.Delay(20*time.Millisecond, deliverytest.Status(200)))
	s := newSender(t, func(o *SenderOptions) { o.Transport = testTransport(t, trusting(receiver.Server)) })
	a := s.Send(t.Context(), testJob(t, receiver.URL))
	require.True(t, a.Success, a.Detail)
	require.Positive(t, a.Timings.Connect)
	require.Positive(t, a.Timings.TLS)
	require.GreaterOrEqual(t, a.Timings.FirstByte, 20*time.Millisecond)
	require.GreaterOrEqual(t, a.Timings.Total, a.Timings.FirstByte)
	require.Equal(t, "HTTP/2.0", receiver.Journal()[0].Proto)
	again := s.Send(t.Context(), testJob(t, receiver.URL))
	require.Zero(t, again.Timings.Connect, "a reused connection connects to nothing")
	require.Zero(t, again.Timings.TLS)
}

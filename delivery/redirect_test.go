package delivery

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/deliverytest"
	"hookrouter/models"
	"hookrouter/signing"
)

func TestSendFollowsRedirects(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 302, 307, 308} {
		r := deliverytest.NewReceiver(t)
		r.On("/a", deliverytest.Redirect(code, "/b?token=next#part"))
		r.On("/b", deliverytest.Redirect(code, r.URL+"/c"))
		j := changed(testJob(t, r.URL+"/a"), func(s *models.Subscription) {
			s.Headers = []models.Header{{Name: "X-Own", Value: models.NewSecret("own")}}
		})
		a := newSender(t, nil).Send(t.Context(), j)
		require.True(t, a.Success, a.Detail)
		require.Equal(t, 200, a.StatusCode)
		require.Equal(t, 2, a.Redirects)
		require.Equal(t, r.URL+"/c", a.Endpoint)
		journal := r.Journal()
		require.Len(t, journal, 3)
		require.Equal(t, "/b?token=next", journal[1].Path)
		for _, hop := range journal {
			require.Equal(t, "POST", hop.Method)
			require.Equal(t, journal[0].Body, hop.Body)
			require.Equal(t, "own", hop.Header.Get("X-Own"))
			require.Equal(t, journal[0].Header, hop.Header)
			require.NoError(t, signing.Verify(hop.Header, hop.Body, testSecret))
		}
	}
}

// TestOwnAddressesMayHaveAnyScheme calls, and follows to, plain http where only https is allowed otherwise.
func TestOwnAddressesMayHaveAnyScheme(t *testing.T) {
	t.Parallel()
	inbox := deliverytest.NewReceiver(t, deliverytest.Status(200))
	r := deliverytest.NewReceiver(t, deliverytest.Status(307, "Location", inbox.URL+"/inbox"))
	own := func(path string) func(*SenderOptions) {
		return func(o *SenderOptions) {
			o.Schemes, o.Own = []string{"https"}, func(u *url.URL) bool { return u.Path == path }
		}
	}
	require.True(t, newSender(t, own("/inbox")).Send(t.Context(), testJob(t, inbox.URL+"/inbox")).Success)
	require.Equal(t, models.ReasonInvalid, newSender(t, own("/inbox")).Send(t.Context(), testJob(t, inbox.URL+"/other")).Reason)
	a := newSender(t, own("/start")).Send(t.Context(), testJob(t, r.URL+"/start"))
	require.Equal(t, models.ReasonBadRedirect, a.Reason)
	require.Equal(t, 1, r.Count("/start"))
}

func TestSendRedirectRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		code     int
		location string
		success  bool
		reason   models.Reason
		requests int
	}{
		{"R25 to itself", 302, "/", false, models.ReasonTooManyRedirects, 3},
		{"303 stands", 303, "/elsewhere", true, "", 1},
		{"300 stands", 300, "/elsewhere", true, "", 1},
		{"304 stands", 304, "", true, "", 1},
		{"301 without Location", 301, "", true, "", 1},
		{"R08 to metadata", 302, "http://169.254.169.254/latest", false, models.ReasonBlockedAddress, 1},
		{"to another loopback address", 307, "http://127.0.0.66/", false, models.ReasonBlockedAddress, 1},
		{"to no URL", 302, "http://%zz/", false, models.ReasonBadRedirect, 1},
		{"to a file", 302, "file:///etc/passwd", false, models.ReasonBadRedirect, 1},
		{"to a script", 302, "javascript:alert(1)", false, models.ReasonBadRedirect, 1},
		{"to no host", 302, "http:///x", false, models.ReasonBadRedirect, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			header := []string{}
			if c.location != "" {
				header = append(header, "Location", c.location)
			}
			r := deliverytest.NewReceiver(t, deliverytest.Status(c.code, header...))
			a := newSender(t, nil).Send(t.Context(), testJob(t, r.URL))
			require.Equal(t, c.success, a.Success, a.Detail)
			require.Equal(t, c.reason, a.Reason, a.Detail)
			require.Equal(t, c.code, a.StatusCode)
			require.Len(t, r.Journal(), c.requests)
			deliverytest.AssertLeaksNothing(t, a.Detail, "169.254", "passwd", "alert")
		})
	}
}

// A credential in the address of a redirect is neither used nor recorded.
func TestSendRedirectDropsUserinfo(t *testing.T) {
	t.Parallel()
	r := deliverytest.NewReceiver(t)
	r.On("/a", deliverytest.Redirect(302, strings.Replace(r.URL, "http://", "http://user:hunter2@", 1)+"/b"))
	a := newSender(t, nil).Send(t.Context(), testJob(t, r.URL+"/a"))
	require.True(t, a.Success, a.Detail)
	require.Empty(t, r.Journal()[1].Header.Get("Authorization"))
	require.Equal(t, r.URL+"/b", a.Endpoint)
}

func TestSendNeverFollowsFromHTTPSToHTTP(t *testing.T) {
	t.Parallel()
	plain := deliverytest.NewReceiver(t)
	secure := deliverytest.NewTLSReceiver(t, nil, deliverytest.Redirect(307, plain.URL))
	s := newSender(t, func(o *SenderOptions) { o.Transport = testTransport(t, trusting(secure.Server)) })
	a := s.Send(t.Context(), testJob(t, secure.URL))
	require.Equal(t, models.ReasonBadRedirect, a.Reason, a.Detail)
	require.Empty(t, plain.Journal())

	// The way up is fine, but not where http alone is allowed.
	plain.On("/up", deliverytest.Redirect(307, secure.URL+"/done"))
	secure.On("/done", deliverytest.Status(204))
	require.True(t, s.Send(t.Context(), testJob(t, plain.URL+"/up")).Success)
	only := newSender(t, func(o *SenderOptions) { o.Schemes = []string{"http"} })
	require.Equal(t, models.ReasonBadRedirect, only.Send(t.Context(), testJob(t, plain.URL+"/up")).Reason)
}

// Redirects share the attempt's time; they do not start it anew.
func TestSendRedirectsShareTheTimeout(t *testing.T) {
	t.Parallel()
	r := deliverytest.NewReceiver(t, deliverytest.Delay(60e6, deliverytest.Redirect(307, "/")))
	s := newSender(t, func(o *SenderOptions) { o.TimeoutFirst = 150e6 })
	a := s.Send(t.Context(), testJob(t, r.URL))
	require.Equal(t, models.ReasonTimeout, a.Reason, a.Detail)
	require.Equal(t, 307, a.StatusCode)
}

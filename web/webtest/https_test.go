package webtest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// TestBehindHTTPS signs in where https is in front, as in production: a browser keeps a cookie with the __Host- prefix only if it is
// Secure, of the path / and of no domain (https://www.rfc-editor.org/rfc/rfc6265bis, 4.1.3.2).
func TestBehindHTTPS(t *testing.T) {
	t.Parallel()
	var behind *url.URL
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host
	}})
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser tries once with the certificate in doubt
	front.StartTLS()
	t.Cleanup(front.Close)
	p := newProgram(t, "HOOKROUTER_PUBLIC_URL="+front.URL)
	var err error
	behind, err = url.Parse(p.base)
	require.NoError(t, err)

	b := startBrowser(t, &program{t: t, base: front.URL, key: p.key})
	b.do(order(security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: true}))
	t.Cleanup(func() { b.do(order(security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{})) })
	b.signInByForm()
	b.signInOperator()
	b.open("/developers/subscriptions")
	b.see("No subscriptions yet")
	b.open("/developers/operator/ledger")
	b.see("It is balanced")
	require.Empty(t, ask(b, chromedp.Evaluate[string]("document.cookie")), "no script sees a cookie")

	v := newVisitor(t, p)
	resp, _ := v.send(http.MethodPost, "/developers/sign-in", url.Values{"credential": {p.key}})
	require.Len(t, resp.cookies, 1)
	cookie := resp.cookies[0]
	require.Equal(t, "__Host-hookrouter_key", cookie.Name)
	require.True(t, cookie.Secure && cookie.HttpOnly && cookie.Path == "/" && cookie.Domain == "", cookie.String())

	// What another host of the domain could set under the plain name is no session.
	stolen := func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "hookrouter_key", Value: cookie.Value}) }
	require.Equal(t, http.StatusSeeOther, newVisitor(t, p).status(http.MethodGet, "/developers/subscriptions", nil, stolen))
}

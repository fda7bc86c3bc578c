package http1

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestRequestsAreWrittenAsNetHTTPWritesThem holds the bytes against those of http.Request.Write, whatever the header and the address.
func TestRequestsAreWrittenAsNetHTTPWritesThem(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~]{0,20}`), rapid.SampledFrom([]string{"", " ", "a\r\nB: c", "\x00", "é", "\tx\t"}))
	names := rapid.OneOf(rapid.StringMatching(`[A-Z][a-z]{1,4}(-[A-Z][a-z]{1,3})?`), rapid.SampledFrom([]string{
		"User-Agent", "user-agent", "Content-Type", "Host", "Content-Length", "Connection", "Te", "te", "Expect", "A b", "", "Webhook-Id",
	}), texts)
	seen := map[bool]int{}
	rapid.Check(t, func(t *rapid.T) {
		header := http.Header{"User-Agent": {"tests"}}
		for _, name := range rapid.SliceOfN(names, 0, 6).Draw(t, "names") {
			header[name] = rapid.SliceOfN(texts, 0, 2).Draw(t, "values")
		}
		u := &url.URL{
			Scheme: rapid.SampledFrom([]string{"http", "https", "ftp"}).Draw(t, "scheme"),
			Host: rapid.OneOf(rapid.SampledFrom([]string{"a.test", "A.test:8080", "[::1]:80", "[fe80::1%25en0]", "é.test", "", ":80", "a.test:", "a b"}),
				rapid.StringMatching(`[a-z0-9.-]{1,8}(:[0-9]{1,4})?`)).Draw(t, "host"),
			Path: "/" + texts.Draw(t, "path"), RawQuery: texts.Draw(t, "query"),
		}
		content := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "body")
		made := func() *http.Request {
			return &http.Request{
				Method: http.MethodPost, URL: u, Host: u.Host, Header: header.Clone(), Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)),
				GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
			}
		}
		var d desk
		r := made()
		ok, err := d.write(r)
		require.NoError(t, err)
		seen[ok]++
		if !ok {
			left, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, content, append([]byte{}, left...), "the body is still there for others")
			return
		}
		var want bytes.Buffer
		require.NoError(t, made().Write(&want))
		require.Equal(t, want.String(), string(d.text))
	})
	require.NotZero(t, seen[true])
	require.NotZero(t, seen[false])
}

func TestPlainRequests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*http.Request)
		plain  bool
	}{
		"as deliveries are":  {func(*http.Request) {}, true},
		"a large one":        {func(r *http.Request) { large(r, maxRequest-200) }, true},
		"a larger one":       {func(r *http.Request) { large(r, maxRequest-20) }, false},
		"the largest":        {func(r *http.Request) { large(r, 100*maxRequest) }, false},
		"a long header":      {func(r *http.Request) { r.Header.Set("A", strings.Repeat("x", maxRequest)) }, false},
		"of unknown length":  {func(r *http.Request) { r.ContentLength = -1 }, false},
		"GET":                {func(r *http.Request) { r.Method = http.MethodGet }, false},
		"another host":       {func(r *http.Request) { r.Host = "b.test" }, false},
		"a user":             {func(r *http.Request) { r.URL.User = url.User("a") }, false},
		"closing":            {func(r *http.Request) { r.Close = true }, false},
		"a trailer":          {func(r *http.Request) { r.Trailer = http.Header{"A": {"b"}} }, false},
		"in chunks":          {func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }, false},
		"that can't go back": {func(r *http.Request) { r.GetBody = nil }, false},
		"no user agent":      {func(r *http.Request) { r.Header.Del("User-Agent") }, false},
		"waiting for a go":   {func(r *http.Request) { r.Header.Set("Expect", "100-continue") }, false},
		"a line in a value":  {func(r *http.Request) { r.Header.Set("A", "b\r\nC: d") }, false},
		"a zone":             {func(r *http.Request) { r.URL.Host, r.Host = "[fe80::1%eth0]", "[fe80::1%eth0]" }, false},
		"to be encoded":      {func(r *http.Request) { r.URL.Host, r.Host = "é.test", "é.test" }, false},
	} {
		r := post(t.Context(), "http://a.test/x?y=z", "body")
		c.change(r)
		ok, err := new(desk).write(r)
		require.NoError(t, err, name)
		require.Equal(t, c.plain, ok, name)
	}
}

func large(r *http.Request, size int) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", size))), int64(size)
}

func TestBodiesOfAnotherLength(t *testing.T) {
	t.Parallel()
	transport := noWayAround(t, over(t, behind(t)))
	for _, length := range []int64{1, 3, 5, 100} {
		r := post(t.Context(), "http://a.test/", "body")
		r.ContentLength = length
		_, err := exchanged(transport, r)
		require.ErrorContains(t, err, "read the request's body")
	}
}

func TestRequestsWithoutAnAddress(t *testing.T) {
	t.Parallel()
	r := post(t.Context(), "http://a.test/", "body")
	r.URL = nil
	_, err := exchanged(over(t, behind(t)), r)
	require.Error(t, err)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"http", "a.test", "a.test:80"},
		{"https", "a.test", "a.test:443"},
		{"https", "a.test:8443", "a.test:8443"},
		{"http", "[::1]", "[::1]:80"},
		{"http", "[::1]:81", "[::1]:81"},
		{"http", "127.0.0.1", "127.0.0.1:80"},
	} {
		require.Equal(t, c[2], place{c[0], c[1]}.address())
	}
	require.Equal(t, "a.test", place{"https", "a.test:8443"}.name())
	require.Equal(t, "::1", place{"https", "[::1]:8443"}.name())
}

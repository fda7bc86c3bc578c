package http1

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// answers are what receivers may say, in order and not.
var answers = map[string]string{
	"empty":                     "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"a body":                    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\nX-A: c\r\n\r\nhello",
	"chunks":                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;x=y\r\nyou\r\n0\r\n\r\n",
	"chunks and a trailer":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\nh\r\n0\r\nX-T: u\r\n\r\n",
	"a chunk that breaks off":   "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
	"a chunk of no size":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n",
	"chunks twice":              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
	"another encoding":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
	"a length and chunks":       "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"two lengths":               "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nhell",
	"the same length twice":     "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nhel",
	"a negative length":         "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
	"a length that is none":     "HTTP/1.1 200 OK\r\nContent-Length: 3x\r\n\r\nhel",
	"a length beyond numbers":   "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhel",
	"more than the length":      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhello and more",
	"less than the length":      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\nhello",
	"two answers":               "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
	"up to the end":             "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
	"no content":                "HTTP/1.1 204 No Content\r\n\r\n",
	"no content with a length":  "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
	"not modified":              "HTTP/1.1 304 Not Modified\r\n\r\n",
	"a redirect":                "HTTP/1.1 302 Found\r\nLocation: http://a.test/\r\nContent-Length: 2\r\n\r\nno",
	"an error":                  "HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
	"continue":                  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
	"hints":                     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 201 OK\r\nContent-Length: 1\r\n\r\nx",
	"hints without an end":      strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("x", 500)+"\r\n\r\n", 200),
	"HTTP/1.0":                  "HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello",
	"HTTP/1.0 kept":             "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
	"HTTP/0.9":                  "hello",
	"HTTP/3.0":                  "HTTP/3.0 200 OK\r\nContent-Length: 0\r\n\r\n",
	"no reason":                 "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	"status 999":                "HTTP/1.1 999 Far\r\nContent-Length: 0\r\n\r\n",
	"status 099":                "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
	"two digits":                "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
	"status of letters":         "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
	"a negative status":         "HTTP/1.1 -20 OK\r\nContent-Length: 0\r\n\r\n",
	"lines ended by LF":         "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
	"a folded line":             "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
	"a line without a colon":    "HTTP/1.1 200 OK\r\nnothing\r\nContent-Length: 0\r\n\r\n",
	"a space before the colon":  "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 0\r\n\r\n",
	"a value with NUL":          "HTTP/1.1 200 OK\r\nX-A: b\x00c\r\nContent-Length: 0\r\n\r\n",
	"a header that is too long": "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 9<<10) + "\r\nContent-Length: 0\r\n\r\n",
	"as long as allowed":        "HTTP/1.1 200 OK\r\nX-A: " + strings.Repeat("x", 7<<10) + "\r\nContent-Length: 0\r\n\r\n",
	"a body beyond the bound":   "HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000),
	"only a beginning":          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n",
	"TLS":                       "\x15\x03\x01\x00\x02\x02\x0a",
	"SMTP":                      "220 mail.test ESMTP\r\n",
	"asked to upgrade":          "HTTP/1.1 426 Upgrade Required\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
}

// TestAnswersAreTakenAsNetHTTPTakesThem holds what comes of each answer, three times in a row, against what comes of it through a http.Transport.
func TestAnswersAreTakenAsNetHTTPTakesThem(t *testing.T) {
	t.Parallel()
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, other := serve(t, once(answer)), serve(t, once(answer))
			ours, theirs := noWayAround(t, over(t, behind(t))), behind(t)
			for range 3 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				got, err := exchanged(ours, post(ctx, one.url, "hello"))
				want, wantErr := exchanged(theirs, post(ctx, other.url, "hello"))
				cancel()
				require.Equal(t, wantErr != nil, err != nil, "%v and %v", wantErr, err)
				require.Equal(t, want, got)
			}
		})
	}
}

// once answers each request, and closes after an answer that ends in no other way or is not one.
func once(answer string) func(int, net.Conn, *bufio.Reader) {
	if !strings.Contains(answer, "Length") && !strings.Contains(answer, "chunked") && !strings.Contains(answer, " 204 ") && !strings.Contains(answer, " 304 ") {
		return func(_ int, conn net.Conn, in *bufio.Reader) {
			if _, ok := request(in); ok {
				_, _ = io.WriteString(conn, answer)
			}
		}
	}
	return says(answer)
}

func TestHeadersThatAreTooLongSaySo(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a header that is too long", "hints without an end"} {
		_, err := exchanged(over(t, behind(t)), post(t.Context(), serve(t, says(answers[name])).url, "x"))
		require.ErrorIs(t, err, errHeaderSize, name)
	}
}

// TestSwitchingProtocols must not hang: nothing after a 101 is HTTP.
func TestSwitchingProtocols(t *testing.T) {
	t.Parallel()
	s := serve(t, says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nabc"))
	transport := noWayAround(t, over(t, behind(t)))
	for n := range 3 {
		got, err := exchanged(transport, post(t.Context(), s.url, "x"))
		require.NoError(t, err)
		require.Equal(t, 101, got.status)
		require.Empty(t, got.body)
		require.Equal(t, n+1, int(s.conns.Load()), "the connection is of no use any more")
	}
}

// TestRefusedBeforeItWasRead is a receiver that answers and closes without reading.
func TestRefusedBeforeItWasRead(t *testing.T) {
	t.Parallel()
	s := serve(t, func(_ int, conn net.Conn, _ *bufio.Reader) {
		_, _ = io.WriteString(conn, "HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn) // a close with bytes unread would be a reset, which can overtake the answer
	})
	got, err := exchanged(noWayAround(t, over(t, behind(t))), post(t.Context(), s.url, strings.Repeat("x", maxRequest-200)))
	require.NoError(t, err)
	require.Equal(t, 413, got.status)
}

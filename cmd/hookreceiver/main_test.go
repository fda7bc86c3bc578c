package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/signing"
)

const (
	key      = "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1u"
	otherKey = "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"
	doneBody = `{"event_id":"9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01","event_name":"signer.done","data":{}}`
)

// program is a running hookreceiver.
type program struct {
	url   string
	lines chan string
	stop  context.CancelFunc
	ended chan error
}

// start runs the program on a free port of the loopback address and waits until it listens.
func start(t *testing.T, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	p := &program{lines: make(chan string, 100), stop: cancel, ended: make(chan error, 1)}
	go func() {
		p.ended <- run(ctx, append([]string{"--listen", "127.0.0.1:0", "--secret", key}, args...), writer)
		_ = writer.Close()
	}()
	var pump sync.WaitGroup
	pump.Go(func() {
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		close(p.lines)
	})
	t.Cleanup(func() { cancel(); pump.Wait() })
	url, ok := strings.CutPrefix(<-p.lines, "listening on ")
	require.True(t, ok)
	p.url = url
	return p
}

// send posts a body signed with the key and returns the status of the answer and the line printed, without its time.
func (p *program) send(t *testing.T, key, body string) (status int, line string) {
	t.Helper()
	status, err := p.post(t.Context(), body, http.Header{
		signing.SignatureHeader: {signing.Sign(key, []byte(body))},
		signing.RetryHeader:     {"0"},
	})
	require.NoError(t, err)
	return status, p.line(t)
}

func (p *program) post(ctx context.Context, body string, header http.Header) (status int, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header = header
	answer, err := http.DefaultTransport.RoundTrip(request) // not a Client, which would follow redirects
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}

var clockTime = regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}  `)

func (p *program) line(t *testing.T) string {
	t.Helper()
	line := <-p.lines
	require.Regexp(t, clockTime, line)
	return clockTime.ReplaceAllString(line, "")
}

func TestArrivals(t *testing.T) {
	t.Parallel()
	const id = "9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01"
	p := start(t, "--max-body", "200")

	tests := []struct {
		name, key, body string
		status          int
		line            string
	}{
		{"first", key, doneBody, 200, "signer.done  " + id + "  retry 0  signature ok, new, answered 200"},
		{"again", key, doneBody, 200, "signer.done  " + id + "  retry 0  signature ok, DUPLICATE, answered 200"},
		{"other key", otherKey, doneBody, 401, "signer.done  " + id + "  retry 0  BAD SIGNATURE (signature does not match), answered 401"},
		{"not JSON", key, "hello", 400, "-  -  retry 0  signature ok, not an event, answered 400"},
		{"no id", key, `{"event_name":"signer.done"}`, 400, "signer.done  -  retry 0  signature ok, not an event, answered 400"},
		{"id of the wrong type", key, `{"event_id":7}`, 400, "-  -  retry 0  signature ok, not an event, answered 400"},
		{"too large", key, strings.Repeat("x", 201), 413, "-  -  retry 0  body refused, answered 413"},
		{"as large as allowed", key, strings.Repeat("x", 200), 400, "-  -  retry 0  signature ok, not an event, answered 400"},
	}
	for _, tt := range tests { // in order: they share the receiver
		status, line := p.send(t, tt.key, tt.body)
		require.Equal(t, tt.status, status, tt.name)
		require.Equal(t, tt.line, line, tt.name)
	}
}

func TestWithoutSignature(t *testing.T) {
	t.Parallel()
	p := start(t)
	status, err := p.post(t.Context(), doneBody, http.Header{})
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, p.line(t), "retry -  BAD SIGNATURE (no signature header), answered 401")
}

func TestOnlyPost(t *testing.T) {
	t.Parallel()
	p := start(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url, nil)
	require.NoError(t, err)
	answer, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode)
	require.Equal(t, http.MethodPost, answer.Header.Get("Allow"))
	require.Equal(t, "-  -  retry -  method GET, answered 405", p.line(t))
}

// An arrival that is not proven must not change what the receiver thinks of the true one.
func TestForgedArrivalLeavesNoTrace(t *testing.T) {
	t.Parallel()
	p := start(t, "--fail-first", "1")
	status, _ := p.send(t, otherKey, doneBody)
	require.Equal(t, http.StatusUnauthorized, status)
	status, line := p.send(t, key, doneBody)
	require.Equal(t, http.StatusInternalServerError, status)
	require.Contains(t, line, "signature ok, failed on purpose, answered 500")
}

func TestFailFirstCountsEachEvent(t *testing.T) {
	t.Parallel()
	p := start(t, "--fail-first", "2", "--status", "204")
	other := strings.Replace(doneBody, "9b1d", "aaaa", 1)
	for _, want := range []struct {
		body   string
		status int
		line   string
	}{
		{doneBody, 500, "failed on purpose"},
		{doneBody, 500, "failed on purpose"},
		{other, 500, "failed on purpose"},
		{doneBody, 204, "signature ok, new, answered 204"},
		{doneBody, 204, "signature ok, DUPLICATE, answered 204"},
		{other, 500, "failed on purpose"},
		{other, 204, "signature ok, new, answered 204"},
	} {
		status, line := p.send(t, key, want.body)
		require.Equal(t, want.status, status)
		require.Contains(t, line, want.line)
	}
}

func TestFailureIsNotTaken(t *testing.T) {
	t.Parallel()
	p := start(t, "--status", "503")
	for range 2 {
		status, line := p.send(t, key, doneBody)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, line, "signature ok, new, answered 503")
	}
}

func TestSeveralSecretsAndRotationHeaders(t *testing.T) {
	t.Parallel()
	p := start(t, "--secret", otherKey)
	status, _ := p.send(t, otherKey, doneBody)
	require.Equal(t, http.StatusOK, status)

	const newKey = "0123456789abcdef0123456789abcdef"
	status, err := p.post(t.Context(), doneBody, http.Header{
		signing.SignatureHeader:         {signing.Sign(newKey, []byte(doneBody))},
		signing.PreviousSignatureHeader: {signing.Sign(key, []byte(doneBody))},
	})
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, status)
}

func TestStandardWebhooks(t *testing.T) {
	t.Parallel()
	const symmetric = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	const body = `{"type":"signer.done","event_id":"9b1d6c1e-51d8-4b1f-8a54-0d9f5a7f0a01","data":{}}`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	require.ErrorContains(t, run(ctx, []string{"--secret", "whsec_short"}, io.Discard), "--secret")
	rc := newReceiver(options{secrets: []string{symmetric}, status: http.StatusOK, maxBody: 1000}, log.New(io.Discard, "", 0))
	for age, want := range map[time.Duration]int{0: http.StatusOK, time.Hour: http.StatusUnauthorized} {
		at := time.Now().Add(-age)
		signature, err := signing.SignStandard("id", at, []byte(body), symmetric)
		require.NoError(t, err)
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(body))
		request.Header = http.Header{
			signing.StandardSignatureHeader: {signature}, signing.StandardIDHeader: {"id"},
			signing.StandardTimestampHeader: {strconv.FormatInt(at.Unix(), 10)},
		}
		answer := httptest.NewRecorder()
		rc.ServeHTTP(answer, request)
		require.Equal(t, want, answer.Code)
	}
}

// The sender's patience ends before the delay does: the event was taken all the same, so its repetition is a duplicate.
func TestDelayBeyondTheSendersPatience(t *testing.T) {
	t.Parallel()
	p := start(t, "--delay", "1h")
	header := http.Header{signing.SignatureHeader: {signing.Sign(key, []byte(doneBody))}}
	for _, verdict := range []string{"new", "DUPLICATE"} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		_, err := p.post(ctx, doneBody, header)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Contains(t, p.line(t), "signature ok, "+verdict+", sender gave up waiting")
	}
}

func TestDelayIsWaited(t *testing.T) {
	t.Parallel()
	p := start(t, "--delay", "50ms")
	began := time.Now()
	status, line := p.send(t, key, doneBody)
	require.GreaterOrEqual(t, time.Since(began), 50*time.Millisecond)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, line, "answered 200")
}

// A terminal obeys what it is shown: nothing that arrives may move its cursor, begin a line or look like another column.
func TestPrintedTextIsInert(t *testing.T) {
	t.Parallel()
	p := start(t, "--show-body")
	hostile := `{"event_id":"` + "\u202e\u009b2J" + `","event_name":"done  x\u001b[2J\n12:00:00.000  forged",` + "\n\t" + `"raw":"` + "\x7f\xff" + `é"}`
	header := http.Header{signing.SignatureHeader: {"bad"}, signing.RetryHeader: {"0  signature ok"}}
	_, err := p.post(t.Context(), hostile, header)
	require.NoError(t, err)

	require.Equal(t, `"done  x\x1b[2J\n12:00:00.000  forged"  "\u202e\u009b2J"  retry "0  signature ok"  `+
		`BAD SIGNATURE (malformed header: X-Yousign-Signature-256), answered 401`, p.line(t))
	require.Equal(t, `    {"event_id":"\u202e\u009b2J","event_name":"done  x\u001b[2J\n12:00:00.000  forged",\n\t"raw":"\x7f`+"\ufffd"+`é"}`, <-p.lines)
}

func TestLongNamesAreCut(t *testing.T) {
	t.Parallel()
	require.Equal(t, strings.Repeat("x", 80), word(strings.Repeat("x", 80)))
	require.Equal(t, `"`+strings.Repeat("x", 80)+`"`, word(strings.Repeat("x", 81)))
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := memory{known: map[string]*history{}}
	m.of("first").taken = true
	require.True(t, m.of("first").taken)
	for i := range memorySize {
		m.of(fmt.Sprint(i)).taken = true
	}
	require.Len(t, m.known, memorySize)
	require.True(t, m.of("0").taken)
	require.False(t, m.of("first").taken, "the oldest is forgotten")
	require.Len(t, m.known, memorySize)
}

func TestStopFinishesTheRequestInWork(t *testing.T) {
	t.Parallel()
	p := start(t)
	body, feed := io.Pipe() // the request is in work from its first byte until the pipe is closed
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url, body)
	require.NoError(t, err)
	request.Header.Set(signing.SignatureHeader, signing.Sign(key, []byte(doneBody)))
	request.Header.Set("Expect", "100-continue") // sends the body only once the handler reads it
	status := make(chan int, 1)
	go func() {
		transport := &http.Transport{ExpectContinueTimeout: time.Minute}
		defer transport.CloseIdleConnections()
		answer, err := transport.RoundTrip(request)
		if err != nil {
			status <- 0
			return
		}
		_ = answer.Body.Close()
		status <- answer.StatusCode
	}()
	_, err = io.WriteString(feed, doneBody)
	require.NoError(t, err)
	p.stop()
	require.NoError(t, feed.Close())
	require.Equal(t, http.StatusOK, <-status)
	require.NoError(t, <-p.ended)
}

func TestStopWhenIdle(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.stop()
	require.NoError(t, <-p.ended)
	_, open := <-p.lines
	require.False(t, open, "nothing more is printed")
	_, err := p.post(t.Context(), doneBody, http.Header{})
	require.Error(t, err, "nobody listens any more")
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no secret", nil, "--secret is required"},
		{"short secret", []string{"--secret", "hunter2"}, "it has 7 characters, want 32"},
		{"second secret bad", []string{"--secret", key, "--secret", ""}, "it has 0 characters, want 32"},
		{"secret without its flag", []string{"hunter2"}, "only flags are accepted"},
		{"unknown flag", []string{"--secrets", "hunter2"}, "not defined: -secrets"},
		{"negative count", []string{"--secret", key, "--fail-first", "-1"}, "--fail-first"},
		{"status of no answer", []string{"--secret", key, "--status", "101"}, "--status"},
		{"status too high", []string{"--secret", key, "--status", "600"}, "--status"},
		{"negative delay", []string{"--secret", key, "--delay", "-1s"}, "--delay"},
		{"no body allowed", []string{"--secret", key, "--max-body", "0"}, "--max-body"},
		{"bad address", []string{"--secret", key, "--listen", "127.0.0.1:99999"}, "invalid port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := run(t.Context(), tt.args, &out)
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.Empty(t, out.String())
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"--help"}, &out))
	for _, name := range []string{"secret", "listen", "fail-first", "status", "delay", "max-body", "show-body"} {
		require.Contains(t, out.String(), "-"+name)
	}
}

package deliverytest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Arrival is one request as it arrived.
type Arrival struct {
	At     time.Time
	Method string
	Path   string // with the query
	Proto  string
	Host   string
	Header http.Header
	Body   []byte
}

// Receiver is an HTTP server on loopback that answers by a script: the first request of a path by the script's first behavior, and
// so on; the last one stays. It is safe for concurrent use.
type Receiver struct {
	URL    string // without a final slash
	Server *httptest.Server

	mu       sync.Mutex
	scripts  map[string][]Behavior
	count    map[string]int
	journal  []Arrival
	arrived  chan struct{} // closed and replaced at each arrival
	fallback []Behavior
}

// NewReceiver starts a receiver that speaks plain HTTP. Without a script it answers 200. It ends with the test.
func NewReceiver(tb testing.TB, script ...Behavior) *Receiver {
	tb.Helper()
	r := newReceiver(script)
	r.Server.Start()
	r.URL = r.Server.URL
	tb.Cleanup(r.close)
	return r
}

// NewTLSReceiver starts a receiver that speaks HTTPS, with HTTP/2. Its certificate is in Server.Certificate(). configure, which may be
// nil, changes the server before it starts.
func NewTLSReceiver(tb testing.TB, configure func(*httptest.Server), script ...Behavior) *Receiver {
	tb.Helper()
	r := newReceiver(script)
	r.Server.EnableHTTP2 = true
	if configure != nil {
		configure(r.Server)
	}
	r.Server.StartTLS()
	r.URL = r.Server.URL
	tb.Cleanup(r.close)
	return r
}

func newReceiver(script []Behavior) *Receiver {
	if len(script) == 0 {
		script = []Behavior{Status(http.StatusOK)}
	}
	r := &Receiver{scripts: map[string][]Behavior{}, count: map[string]int{}, arrived: make(chan struct{}), fallback: script}
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(r.serve))
	return r
}

func (r *Receiver) close() {
	r.Server.CloseClientConnections()
	r.Server.Close()
}

// On gives a path a script of its own.
func (r *Receiver) On(path string, script ...Behavior) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scripts[path] = script
	r.count[path] = 0
}

// serve writes the arrival down, then does what the script says.
func (r *Receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	script, ok := r.scripts[req.URL.Path]
	if !ok {
		script = r.fallback
	}
	n := r.count[req.URL.Path]
	r.count[req.URL.Path] = n + 1
	r.journal = append(r.journal, Arrival{
		At: time.Now(), Method: req.Method, Path: req.URL.RequestURI(), Proto: req.Proto, Host: req.Host, Header: req.Header.Clone(), Body: body,
	})
	close(r.arrived)
	r.arrived = make(chan struct{})
	r.mu.Unlock()
	script[min(n, len(script)-1)](w, req)
}

// Journal is everything that arrived so far, in order.
func (r *Receiver) Journal() []Arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.journal)
}

// Count is how many requests arrived at a path so far.
func (r *Receiver) Count(path string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count[path]
}

// Await waits until n requests arrived, or ctx ends, and returns the journal.
func (r *Receiver) Await(ctx context.Context, n int) []Arrival {
	for {
		r.mu.Lock()
		journal, arrived := slices.Clone(r.journal), r.arrived
		r.mu.Unlock()
		if len(journal) >= n {
			return journal
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return journal
		}
	}
}

// Dump writes a request as it came: the header sorted, without Host and what depends on the machine. For golden files.
func (a Arrival) Dump() string {
	var b strings.Builder
	b.WriteString(a.Method + " " + a.Path + " " + a.Proto + "\n")
	names := make([]string, 0, len(a.Header))
	for name := range a.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range a.Header[name] {
			b.WriteString(name + ": " + value + "\n")
		}
	}
	b.WriteString("\n")
	b.Write(a.Body)
	return b.String()
}

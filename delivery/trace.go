package delivery

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"
	"time"

	"hookrouter/models"
)

// trace listens to one attempt: how long its parts took, and in which part it is. net/http may go on dialing after the attempt
// that asked for the connection has ended, and then still reports to it, hence the lock.
type trace struct {
	now func() time.Time

	mu      sync.Mutex
	hop     hop
	earlier models.Timings // sums over the hops before this one
}

// hop holds the moments of one request. Zero: it has not happened.
type hop struct {
	dnsStart, dnsDone         time.Time
	connectStart, connectDone time.Time
	tlsStart, tlsDone         time.Time
	tlsFailed                 bool
	connected                 bool // a connection was got, new or reused
	firstByte                 time.Time
}

// attach makes the requests of ctx report to the trace.
func (t *trace) attach(ctx context.Context, now func() time.Time) context.Context {
	t.now = now
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:             t.onDNSStart,
		DNSDone:              t.onDNSDone,
		ConnectStart:         t.onConnectStart,
		ConnectDone:          t.onConnectDone,
		TLSHandshakeStart:    t.onTLSStart,
		TLSHandshakeDone:     t.onTLSDone,
		GotConn:              t.onConn,
		GotFirstResponseByte: t.onFirstByte,
	})
}

func (t *trace) onDNSStart(httptrace.DNSStartInfo) { t.first(&t.hop.dnsStart) }
func (t *trace) onDNSDone(httptrace.DNSDoneInfo)   { t.last(&t.hop.dnsDone) }

// A name can have several addresses, tried side by side: the connect takes from the first start to the last end.
func (t *trace) onConnectStart(_, _ string)         { t.first(&t.hop.connectStart) }
func (t *trace) onConnectDone(_, _ string, _ error) { t.last(&t.hop.connectDone) }
func (t *trace) onTLSStart()                        { t.first(&t.hop.tlsStart) }
func (t *trace) onConn(httptrace.GotConnInfo)       { t.mu.Lock(); t.hop.connected = true; t.mu.Unlock() }
func (t *trace) onFirstByte()                       { t.first(&t.hop.firstByte) }
func (t *trace) onTLSDone(_ tls.ConnectionState, err error) {
	t.last(&t.hop.tlsDone)
	t.mu.Lock()
	t.hop.tlsFailed = err != nil
	t.mu.Unlock()
}

func (t *trace) first(at *time.Time) {
	t.mu.Lock()
	if at.IsZero() {
		*at = t.now()
	}
	t.mu.Unlock()
}

func (t *trace) last(at *time.Time) {
	t.mu.Lock()
	*at = t.now()
	t.mu.Unlock()
}

// state is the present hop as far as it got.
func (t *trace) state() hop {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hop
}

// nextHop starts over for the request that follows a redirect, keeping the sums.
func (t *trace) nextHop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.earlier = t.sums()
	t.hop = hop{}
}

// timings are the parts of the attempt that began at start, without the total. DNS, connect and TLS are summed over the hops.
func (t *trace) timings(start time.Time) models.Timings {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := t.sums()
	if !t.hop.firstByte.IsZero() {
		all.FirstByte = t.hop.firstByte.Sub(start)
	}
	return all
}

func (t *trace) sums() models.Timings {
	h := &t.hop
	return models.Timings{
		DNS:     t.earlier.DNS + between(h.dnsStart, h.dnsDone),
		Connect: t.earlier.Connect + between(h.connectStart, h.connectDone),
		TLS:     t.earlier.TLS + between(h.tlsStart, h.tlsDone),
	}
}

// between is 0 for a part that did not start or did not end.
func between(start, done time.Time) time.Duration {
	if start.IsZero() || done.IsZero() {
		return 0
	}
	return max(done.Sub(start), 0)
}

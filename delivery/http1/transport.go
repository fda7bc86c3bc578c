package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"time"
)

// Transport is a http.RoundTripper. It is safe for concurrent use. Make one with [Over].
type Transport struct {
	over       *http.Transport
	tls        *tls.Config
	pool       *pool
	speakers   speakers
	desks      sync.Pool // *desk
	maxHeader  int64
	tlsTimeout time.Duration
}

// Over makes a transport in front of another. It goes by that one's settings: DialContext, which is required, TLSClientConfig,
// TLSHandshakeTimeout, MaxResponseHeaderBytes and the bounds of idle connections, which each of the two keeps by itself; 0 is no bound. They must
// not change any more, and must neither decompress nor name a proxy, because nothing here does; other settings hold for what goes through
// the http.Transport. now is the clock by which idle connections age.
func Over(over *http.Transport, now func() time.Time) *Transport {
	t := &Transport{
		over:       over,
		tls:        &tls.Config{},
		pool:       newPool(over.MaxIdleConns, over.MaxIdleConnsPerHost, over.IdleConnTimeout, now),
		maxHeader:  over.MaxResponseHeaderBytes,
		tlsTimeout: over.TLSHandshakeTimeout,
	}
	if over.TLSClientConfig != nil {
		t.tls = over.TLSClientConfig.Clone()
	}
	t.tls.NextProtos = []string{"http/1.1"}
	t.desks.New = func() any { return new(desk) }
	return t
}

// CloseIdleConnections closes the connections that wait for another exchange.
func (t *Transport) CloseIdleConnections() {
	t.pool.clear()
	t.over.CloseIdleConnections()
}

// RoundTrip makes one exchange. The answer's body must be closed, and read before where its connection is to be used again; its TLS field is
// not set. Of a httptrace in the request's context it calls what is about names, connects, handshakes, GotConn and GotFirstResponseByte,
// some of it after it has returned where the context ended during a connect, as http.Transport does. Errors are those of the dialer, of
// net/http's parser, of the connection or of the context, wrapped.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL == nil {
		return t.over.RoundTrip(req) //nolint:wrapcheck // it says so
	}
	to := place{req.URL.Scheme, req.URL.Host}
	if to.scheme == "https" && !t.speakers.has(to.host) {
		return t.ask(req)
	}
	d, _ := t.desks.Get().(*desk)
	defer t.desks.Put(d)
	if ok, err := d.write(req); err != nil {
		return nil, err
	} else if !ok {
		return t.over.RoundTrip(req) //nolint:wrapcheck // it is not ours
	}
	resp, err := t.exchange(req, to, d.text)
	if err != nil && to.scheme == "https" {
		t.speakers.forget(to.host) // it may speak HTTP/1.1 no more; the next request asks
	}
	if errors.Is(err, errRefused) {
		return t.again(req)
	}
	return resp, err
}

// exchange finds a connection that takes the request. It goes round where nothing was written, each time with another connection.
func (t *Transport) exchange(req *http.Request, to place, text []byte) (*http.Response, error) {
	for {
		c, err := t.connect(req.Context(), to)
		if err != nil {
			return nil, err
		}
		resp, err := c.exchange(req, text)
		if errors.Is(err, errUnwritten) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("http1: %w", err)
		}
		return resp, nil
	}
}

// ask goes the long way, and remembers whether the host speaks HTTP/1.1 where it may choose.
func (t *Transport) ask(req *http.Request) (*http.Response, error) {
	resp, err := t.over.RoundTrip(req)
	if err == nil && resp.ProtoMajor == 1 {
		t.speakers.add(req.URL.Host)
	}
	return resp, err //nolint:wrapcheck // it is not ours
}

// again goes the long way with a request whose body was read already.
func (t *Transport) again(req *http.Request) (*http.Response, error) {
	body, err := req.GetBody()
	if err != nil {
		return nil, fmt.Errorf("http1: read the body once more: %w", err)
	}
	fresh := *req
	fresh.Body = body
	return t.ask(&fresh)
}

// connect finds a connection that waits, or makes one.
func (t *Transport) connect(ctx context.Context, to place) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx) //nolint:wrapcheck // as net/http returns it
	}
	c, reused := t.pool.get(to)
	if !reused {
		var err error
		if c, err = t.dial(ctx, to); err != nil {
			return nil, err
		}
	}
	c.reused = reused
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{Conn: c.stream, Reused: reused, WasIdle: reused})
	}
	return c, nil
}

// errRefused says that the other side has ended a handshake with an alert. It may speak HTTP/1.1 no more, or have another reason.
var errRefused = errors.New("http1: the TLS handshake was refused")

// errHandshake says that a TLS handshake took too long. It is no time-out of the context.
var errHandshake = errors.New("http1: the TLS handshake did not end in time")

// dial makes a connection. Where the context ends before it is there, it is made all the same and waits for the next request, because one to a
// receiver that is far away can take longer than an attempt may.
func (t *Transport) dial(ctx context.Context, to place) (*conn, error) {
	type made struct {
		conn *conn
		err  error
	}
	done := make(chan made, 1)
	go func() {
		c, err := t.open(context.WithoutCancel(ctx), to)
		done <- made{c, err}
	}()
	select {
	case m := <-done:
		return m.conn, m.err
	case <-ctx.Done():
		go func() {
			if m := <-done; m.err == nil {
				t.pool.put(m.conn)
			}
		}()
		return nil, context.Cause(ctx) //nolint:wrapcheck // as net/http returns it
	}
}

// open makes a connection, within the dialer's and the handshake's time.
func (t *Transport) open(ctx context.Context, to place) (*conn, error) {
	wire, err := t.over.DialContext(ctx, "tcp", to.address())
	if err != nil {
		return nil, err //nolint:wrapcheck // a *net.OpError says it all
	}
	if to.scheme != "https" {
		return newConn(t, to, wire, wire), nil
	}
	secured, err := t.handshake(ctx, to, wire)
	if err != nil {
		_ = wire.Close()
		return nil, err
	}
	return newConn(t, to, wire, secured), nil
}

// handshake makes a connection secure.
func (t *Transport) handshake(ctx context.Context, to place, wire net.Conn) (*tls.Conn, error) {
	config := t.tls
	if config.ServerName == "" {
		config = config.Clone()
		config.ServerName = to.name()
	}
	within := ctx
	if t.tlsTimeout > 0 {
		var cancel context.CancelFunc
		within, cancel = context.WithTimeoutCause(ctx, t.tlsTimeout, errHandshake)
		defer cancel()
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.TLSHandshakeStart != nil {
		trace.TLSHandshakeStart()
	}
	secured := tls.Client(wire, config)
	err := secured.HandshakeContext(within)
	if isAlert(err) {
		return nil, errRefused // the trace hears of the handshake that follows
	}
	if err != nil && within.Err() != nil {
		err = errHandshake
	}
	if trace != nil && trace.TLSHandshakeDone != nil {
		trace.TLSHandshakeDone(secured.ConnectionState(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("http1: TLS handshake: %w", err)
	}
	return secured, nil
}

// isAlert reports whether the other side has ended a TLS connection and said why.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

package http1

import (
	"bufio"
	"container/list"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"time"
)

// conn is a connection to a receiver. One exchange has it at a time.
type conn struct {
	transport *Transport
	to        place
	wire      net.Conn // below TLS
	stream    net.Conn // what is read and written
	in        *bufio.Reader
	left      int64 // bytes that may still be read; see Read
	reused    bool
	broken    bool // not to be used again
	close     func()
	probe     *probe

	// The pool's.
	since time.Time
	spot  *list.Element
}

func newConn(t *Transport, to place, wire, stream net.Conn) *conn {
	c := &conn{transport: t, to: to, wire: wire, stream: stream, probe: newProbe(wire)}
	c.in = bufio.NewReader(c)
	// Without TLS's farewell: it would have to be written, which waits for a receiver that does not read, and HTTP says by itself where
	// an answer ends.
	c.close = func() { _ = wire.Close() }
	return c
}

// errHeaderSize says that an answer's header does not end in time.
var errHeaderSize = errors.New("the answer's header is too long")

// Read reads from the connection, as much as is allowed.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errHeaderSize
	}
	n, err := c.stream.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err //nolint:wrapcheck // bufio and net/http compare it with io.EOF
}

// errClosed ends a body that was closed before its end.
var errClosed = errors.New("http1: the body was closed")

// lastWords is how long an answer is waited for on a connection that takes no more. It is there already, or none comes.
const lastWords = 50 * time.Millisecond

// errUnwritten says that not a byte of a request went into a connection that was used before: the request can go into another.
var errUnwritten = errors.New("nothing was written")

// exchange writes a request and reads the head of its answer. The connection is closed or back in the pool when it returns an error, and
// otherwise when the answer's body has ended or was closed.
func (c *conn) exchange(req *http.Request, text []byte) (*http.Response, error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, c.close)
	n, errWrite := c.stream.Write(text)
	if errWrite != nil && n == 0 && c.reused && c.stream == c.wire && ctx.Err() == nil {
		stop()
		c.close()
		return nil, errUnwritten
	}
	if errWrite != nil {
		// A receiver that refuses a request may answer and close before it has read all of it. What it has said counts.
		c.broken = true
		defer time.AfterFunc(lastWords, c.close).Stop()
	}
	resp, err := c.answer(req)
	if err == nil {
		c.handOver(resp, stop)
		return resp, nil
	}
	stop()
	c.close()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx) //nolint:wrapcheck // as net/http returns it
	case errWrite != nil && !isAlert(err): // that says more
		return nil, fmt.Errorf("write the request: %w", errWrite)
	}
	return nil, fmt.Errorf("read the answer: %w", err)
}

// answer reads the head of the answer, and of what comes before it: informational answers, all of which are bounded like one header.
func (c *conn) answer(req *http.Request) (*http.Response, error) {
	c.left = math.MaxInt64
	if c.transport.maxHeader > 0 {
		c.left = c.transport.maxHeader
	}
	defer func() { c.left = math.MaxInt64 }()
	if _, err := c.in.Peek(1); err != nil {
		return nil, err //nolint:wrapcheck // by the caller
	}
	if trace := httptrace.ContextClientTrace(req.Context()); trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	for {
		resp, err := http.ReadResponse(c.in, req)
		if err != nil {
			return nil, err //nolint:wrapcheck // by the caller
		}
		if informational := resp.StatusCode >= 100 && resp.StatusCode < 200; !informational || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, nil
		}
	}
}

// handOver gives the connection to the answer's body, or ends the exchange where there is none.
func (c *conn) handOver(resp *http.Response, stop func() bool) {
	c.broken = c.broken || resp.Close || resp.StatusCode == http.StatusSwitchingProtocols
	if resp.Body == http.NoBody || resp.ContentLength == 0 {
		resp.Body = http.NoBody
		c.end(stop)
		return
	}
	resp.Body = &body{content: resp.Body, conn: c, stop: stop}
}

// end is the end of an exchange. stop keeps the context from cutting the connection off, and reports whether it has not done so already.
func (c *conn) end(stop func() bool) {
	if stop() && !c.broken && c.in.Buffered() == 0 {
		c.transport.pool.put(c)
		return
	}
	c.close()
}

// fit reports whether the connection can carry another exchange: the other side has neither closed it nor said anything since the last one.
func (c *conn) fit() bool {
	return c.probe.quiet() && (c.stream == c.wire || c.silent())
}

// silent reports whether nothing whole waits in what TLS has read already. TLS may find something that it would have to answer: it must not wait
// for that to be written, and a connection where it could not be is of no use any more.
func (c *conn) silent() bool {
	if c.stream.SetDeadline(time.Unix(1, 0)) != nil {
		return false
	}
	var one [1]byte
	_, err := c.stream.Read(one[:])
	late, ok := errors.AsType[net.Error](err)
	if !ok || !late.Timeout() || c.stream.SetDeadline(time.Time{}) != nil {
		return false
	}
	_, err = c.stream.Write(nil)
	return err == nil
}

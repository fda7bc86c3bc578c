package deliverytest

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// RawReceiver is a TCP server on loopback that answers with bytes of its own making, for what net/http's server would never say.
type RawReceiver struct {
	URL  string
	Addr string

	listener net.Listener
	requests atomic.Int64
	conns    sync.Map // net.Conn → struct{}
	done     sync.WaitGroup
	ended    context.Context //nolint:containedctx // tells connections that the test is over
}

// RawAnswer writes an answer to a request that was read whole, and reports whether the connection stays open for another. ctx ends with
// the test.
type RawAnswer func(ctx context.Context, conn net.Conn) (keep bool)

// Say writes bytes and closes the connection.
func Say(text string) RawAnswer {
	return func(_ context.Context, conn net.Conn) bool {
		_, _ = io.WriteString(conn, text)
		return false
	}
}

// SayAndHold writes bytes and then holds the connection open, silent, until the caller closes it or the test ends.
func SayAndHold(text string) RawAnswer {
	return func(ctx context.Context, conn net.Conn) bool {
		_, _ = io.WriteString(conn, text)
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		_, _ = io.Copy(io.Discard, conn)
		return false
	}
}

// SayForever writes the first text and then the second one again and again until the caller has enough.
func SayForever(first, again string) RawAnswer {
	return func(_ context.Context, conn net.Conn) bool {
		_, err := io.WriteString(conn, first)
		for err == nil {
			_, err = io.WriteString(conn, again)
		}
		return false
	}
}

// NewRawReceiver starts a receiver whose n-th request, over all connections, gets the n-th answer; the last one stays. It ends with the test.
func NewRawReceiver(tb testing.TB, answers ...RawAnswer) *RawReceiver {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	r := &RawReceiver{URL: "http://" + listener.Addr().String(), Addr: listener.Addr().String(), listener: listener, ended: ctx}
	r.done.Go(func() { r.accept(answers) })
	tb.Cleanup(func() {
		cancel()
		_ = listener.Close()
		r.conns.Range(func(conn, _ any) bool {
			if c, ok := conn.(net.Conn); ok {
				_ = c.Close()
			}
			return true
		})
		r.done.Wait()
	})
	return r
}

// Requests is how many whole requests arrived.
func (r *RawReceiver) Requests() int { return int(r.requests.Load()) }

func (r *RawReceiver) accept(answers []RawAnswer) {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.conns.Store(conn, struct{}{})
		r.done.Go(func() {
			defer r.conns.Delete(conn)
			defer func() { _ = conn.Close() }()
			r.serve(conn, answers)
		})
	}
}

// serve reads requests and answers them until an answer ends the connection.
func (r *RawReceiver) serve(conn net.Conn, answers []RawAnswer) {
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		n := int(r.requests.Add(1)) - 1
		if !answers[min(n, len(answers)-1)](r.ended, conn) {
			return
		}
	}
}

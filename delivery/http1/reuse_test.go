package http1

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestReuse counts the connections that three exchanges take.
func TestReuse(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{
		"empty": 1, "a body": 1, "chunks": 1, "chunks and a trailer": 1, "no content": 1, "a length and chunks": 1, "HTTP/1.0 kept": 1, "an error": 1, "continue": 1,
		"more than the length": 3, "two answers": 3, "up to the end": 3, "HTTP/1.0": 3, "less than the length": 3, "a chunk that breaks off": 3,
	} {
		s := serve(t, says(answers[name]))
		transport := noWayAround(t, over(t, behind(t)))
		for range 3 {
			_, err := exchanged(transport, post(t.Context(), s.url, "hello"))
			require.NoError(t, err, name)
		}
		require.Equal(t, want, int(s.conns.Load()), name)
	}
}

// TestClosedWhileIdle is a receiver that closes, or speaks, after its answer: the next exchange must not notice.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(net.Conn){
		"closed":   func(c net.Conn) { _ = c.Close() },
		"half":     func(c net.Conn) { _ = c.(*net.TCPConn).CloseWrite() },
		"reset":    func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() },
		"speaking": func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 408 Slow\r\nContent-Length: 0\r\n\r\n") },
	} {
		done := make(chan struct{}, 1)
		s := serve(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			_, _ = request(in)
			_, _ = io.WriteString(conn, answers["empty"])
			after(conn)
			done <- struct{}{}
			_, _ = request(in)
		})
		transport := noWayAround(t, over(t, behind(t)))
		for n := range 5 {
			got, err := exchanged(transport, post(t.Context(), s.url, "hello"))
			require.NoError(t, err, name)
			require.Equal(t, 200, got.status, name)
			<-done
			unfit(t, transport, place{"http", s.url[len("http://"):]})
			require.Equal(t, n+1, int(s.conns.Load()), name)
		}
	}
}

// unfit waits until the connection that waits is of no use any more: what makes it so takes a moment to arrive.
func unfit(t *testing.T, transport *Transport, to place) {
	t.Helper()
	require.Eventually(t, func() bool {
		c := transport.pool.latest(to)
		if c == nil { // it has arrived with the answer
			return true
		}
		if c.fit() {
			transport.pool.put(c)
			return false
		}
		c.close()
		return true
	}, 5*time.Second, time.Millisecond)
}

// TestClosedWithoutAnAnswer must not be sent again: nobody knows whether it was read.
func TestClosedWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	bodies := make(chan string, 10)
	s := serve(t, func(n int, conn net.Conn, in *bufio.Reader) {
		for i := 0; ; i++ {
			body, ok := request(in)
			if !ok {
				return
			}
			bodies <- body
			if i == 1 {
				return
			}
			_, _ = io.WriteString(conn, answers["empty"])
		}
	})
	transport := noWayAround(t, over(t, behind(t)))
	_, err := exchanged(transport, post(t.Context(), s.url, "one"))
	require.NoError(t, err)
	_, err = exchanged(transport, post(t.Context(), s.url, "two"))
	require.ErrorIs(t, err, io.EOF)
	_, err = exchanged(transport, post(t.Context(), s.url, "three"))
	require.NoError(t, err)
	require.Len(t, bodies, 3)
	require.Equal(t, int32(2), s.conns.Load())
}

// unwritable fails to write in a connection that looked well.
type unwritable struct{ net.Conn }

func (unwritable) Write([]byte) (int, error) { return 0, net.ErrClosed }

func TestNothingWrittenGoesElsewhere(t *testing.T) {
	t.Parallel()
	s := serve(t, says(answers["empty"]))
	transport := noWayAround(t, over(t, behind(t)))
	_, err := exchanged(transport, post(t.Context(), s.url, "one"))
	require.NoError(t, err)
	c := transport.pool.latest(place{"http", s.url[len("http://"):]})
	c.wire = unwritable{c.wire}
	c.stream = c.wire
	transport.pool.put(c)
	_, err = exchanged(transport, post(t.Context(), s.url, "two"))
	require.NoError(t, err)
	require.Equal(t, int32(2), s.conns.Load())

	// A new connection that takes nothing is an error: there may be no better one.
	transport.pool.clear()
	dial := transport.over.DialContext
	transport.over.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return unwritable{c}, err
	}
	_, err = exchanged(transport, post(t.Context(), s.url, "three"))
	require.ErrorIs(t, err, net.ErrClosed)
}

func TestBodiesThatAreNotReadCloseTheConnection(t *testing.T) {
	t.Parallel()
	s := serve(t, says(answers["a body beyond the bound"]))
	transport := noWayAround(t, over(t, behind(t)))
	for n := range 3 {
		resp, err := transport.RoundTrip(post(t.Context(), s.url, "x"))
		require.NoError(t, err)
		_, err = resp.Body.Read(make([]byte, 10))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		_, err = resp.Body.Read(make([]byte, 10))
		require.ErrorIs(t, err, errClosed)
		require.Equal(t, n+1, int(s.conns.Load()))
		require.Zero(t, transport.pool.all.Len())
	}
}

// TestContextsEndEverything at each point of an exchange.
func TestContextsEndEverything(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"before the answer": "", "in the header": "HTTP/1.1 200 OK\r\nX-A", "in the body": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"} {
		said, gone := make(chan struct{}), make(chan struct{})
		s := serve(t, func(_ int, conn net.Conn, in *bufio.Reader) {
			_, _ = request(in)
			_, _ = io.WriteString(conn, answer)
			close(said)
			_, _ = io.Copy(io.Discard, conn)
			close(gone)
		})
		transport := noWayAround(t, over(t, behind(t)))
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-said; cancel() }()
		got, err := exchanged(transport, post(ctx, s.url, "x"))
		if name == "in the body" && err == nil {
			require.True(t, got.broke, name)
		} else {
			require.ErrorIs(t, err, context.Canceled, name)
		}
		<-gone
		require.Zero(t, transport.pool.all.Len(), name)
		_, err = exchanged(transport, post(ctx, s.url, "x"))
		require.ErrorIs(t, err, context.Canceled, name)
	}
}

func TestTrace(t *testing.T) {
	t.Parallel()
	s := serve(t, says(answers["a body"]))
	transport := noWayAround(t, over(t, behind(t)))
	for _, want := range [][]string{{"connect", "connected", "new", "byte"}, {"used", "byte"}} {
		var got []string
		note := func(what string) { got = append(got, what) }
		_, err := exchanged(transport, post(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			ConnectStart: func(string, string) { note("connect") },
			ConnectDone:  func(string, string, error) { note("connected") },
			GotConn: func(i httptrace.GotConnInfo) {
				note(map[bool]string{true: "used", false: "new"}[i.Reused])
			},
			GotFirstResponseByte: func() { note("byte") },
		}), s.url, "x"))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestConnectsThatTakeLong go on when the attempt is over, and the next one finds the connection.
func TestConnectsThatTakeLong(t *testing.T) {
	t.Parallel()
	s := serve(t, says(answers["empty"]))
	settings := behind(t)
	dial, gate, dials := settings.DialContext, make(chan struct{}), 0
	settings.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		<-gate
		return dial(ctx, network, address)
	}
	transport := noWayAround(t, over(t, settings))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := exchanged(transport, post(ctx, s.url, "one"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(gate)
	to := place{"http", s.url[len("http://"):]}
	require.Eventually(t, func() bool {
		transport.pool.mu.Lock()
		defer transport.pool.mu.Unlock()
		return len(transport.pool.places[to]) == 1
	}, 5*time.Second, time.Millisecond)
	_, err = exchanged(transport, post(t.Context(), s.url, "two"))
	require.NoError(t, err)
	require.Equal(t, 1, dials)
}

// TestNobodyGetsAnothersAnswer has many exchanges, with bodies of all kinds, cut off at any moment, on shared connections.
func TestNobodyGetsAnothersAnswer(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch rand.IntN(10) {
		case 0:
			<-time.After(time.Duration(rand.IntN(3000)) * time.Microsecond)
		case 1:
			w.Header().Set("Connection", "close")
		case 2:
			_, _ = w.Write(body)
			w.(http.Flusher).Flush()
			<-time.After(time.Duration(rand.IntN(1000)) * time.Microsecond)
			return
		}
		w.Header().Set("X-Body", string(body))
		_, _ = w.Write(body)
	}))
	t.Cleanup(receiver.Close)
	transport := noWayAround(t, over(t, behind(t)))
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				if rand.IntN(4) == 0 {
					time.AfterFunc(time.Duration(rand.IntN(1500))*time.Microsecond, cancel)
				}
				content := fmt.Sprintf("%d-%d", worker, i)
				got, err := exchanged(transport, post(ctx, receiver.URL, content))
				if err == nil && !got.broke && got.body != content {
					t.Errorf("%s got the answer to %s", content, got.body)
				}
				if err != nil && ctx.Err() == nil {
					t.Errorf("%s: %v", content, err)
				}
				cancel()
			}
		})
	}
	all.Wait()
}

// pipes are connections without a receiver, for the pool.
func pipes(t *testing.T, transport *Transport, n int, to place) []*conn {
	t.Helper()
	list := make([]*conn, n)
	for i := range list {
		near, far := net.Pipe()
		t.Cleanup(func() { _ = far.Close(); _ = near.Close() })
		list[i] = newConn(transport, to, near, near)
	}
	return list
}

func closed(c *conn) bool {
	return c.wire.SetDeadline(time.Time{}) != nil
}

func TestPoolIsBounded(t *testing.T) {
	t.Parallel()
	settings := behind(t)
	settings.MaxIdleConns, settings.MaxIdleConnsPerHost = 4, 3
	transport := over(t, settings)
	a, b := place{"http", "a.test"}, place{"http", "b.test"}
	ofA, ofB := pipes(t, transport, 4, a), pipes(t, transport, 2, b)
	for _, c := range ofA {
		transport.pool.put(c)
	}
	require.True(t, closed(ofA[0]), "too many of one place: the oldest goes")
	for _, c := range ofB {
		transport.pool.put(c)
	}
	require.True(t, closed(ofA[1]), "too many in all: the oldest goes")
	for _, want := range []*conn{ofA[3], ofA[2]} {
		got, ok := transport.pool.get(a)
		require.True(t, ok)
		require.Same(t, want, got)
		require.False(t, closed(got))
	}
	_, ok := transport.pool.get(a)
	require.False(t, ok)
	transport.CloseIdleConnections()
	require.True(t, closed(ofB[0]) && closed(ofB[1]))
	require.Empty(t, transport.pool.places)
	require.Zero(t, transport.pool.all.Len())
}

func TestPoolForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		settings := behind(t)
		settings.IdleConnTimeout = 4 * time.Second
		transport := over(t, settings)
		to := place{"http", "a.test"}
		list := pipes(t, transport, 4, to)
		transport.pool.put(list[0])
		<-time.After(3 * time.Second)
		transport.pool.put(list[1])
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.True(t, closed(list[0]))
		require.False(t, closed(list[1]))
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.True(t, closed(list[1]))
		require.Nil(t, transport.pool.sweeper, "nothing wakes an idle process")
		transport.pool.put(list[2])
		transport.pool.sweeper.Stop() // as if its time had come late
		<-time.After(5 * time.Second)
		_, ok := transport.pool.get(to)
		require.False(t, ok)
		require.True(t, closed(list[2]))
		transport.pool.sweep()
		transport.pool.put(list[3])
		<-time.After(5 * time.Second)
		synctest.Wait()
		require.True(t, closed(list[3]))
	})
}

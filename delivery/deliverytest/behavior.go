package deliverytest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Behavior answers one request. The request's body was read before and is in the journal.
type Behavior func(w http.ResponseWriter, r *http.Request)

// Status answers with a status code, header lines given as name and value in turn, and no body.
func Status(code int, header ...string) Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// Answer answers with a status code and a body.
func Answer(code int, body string) Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// Redirect answers with a status code and a Location.
func Redirect(code int, location string) Behavior { return Status(code, "Location", location) }

// Delay waits before it goes on with then. It gives up when the caller does.
func Delay(wait time.Duration, then Behavior) Behavior {
	return func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
			then(w, r)
		case <-r.Context().Done():
		}
	}
}

// Hang never answers. It ends when the caller gives up.
func Hang() Behavior {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

// Drop closes the connection without an answer.
func Drop() Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		if conn := hijack(w); conn != nil {
			_ = conn.Close()
		}
	}
}

// Reset breaks the connection with a RST, as a crashed process does.
func Reset() Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn := hijack(w)
		if conn == nil {
			return
		}
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = conn.Close()
	}
}

// Drip answers 200 and then sends one byte of body per step, for ever or until the caller gives up.
func Drip(step time.Duration) Behavior {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		for {
			if _, err := w.Write([]byte{'.'}); err != nil {
				return
			}
			if f, ok := w.(http.Flusher); ok {
				f.Flush()
			}
			select {
			case <-ticker.C:
			case <-r.Context().Done():
				return
			}
		}
	}
}

// Endless answers 200 with a body that does not end until the caller stops reading.
func Endless() Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		chunk := bytes.Repeat([]byte{'x'}, 32<<10)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}
}

// Huge answers 200 with a body of so many bytes.
func Huge(size int) Behavior {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(bytes.Repeat([]byte{'x'}, size))
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	h, ok := w.(http.Hijacker)
	if !ok {
		return nil
	}
	conn, _, err := h.Hijack()
	if err != nil {
		return nil
	}
	return conn
}

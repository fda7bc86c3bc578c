//go:build unix

package http1

import (
	"errors"
	"net"
	"syscall"
)

// probe looks at a connection without waiting.
type probe struct {
	wire syscall.RawConn
	look func(fd uintptr) (done bool)
	ok   bool
}

// newProbe is nil where the connection can't be looked at.
func newProbe(wire net.Conn) *probe {
	socket, ok := wire.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	p := &probe{wire: raw}
	p.look = func(fd uintptr) bool {
		var one [1]byte
		_, err := syscall.Read(int(fd), one[:])
		p.ok = errors.Is(err, syscall.EAGAIN)
		return true
	}
	return p
}

// quiet reports whether nothing has come and the other side has not closed. It takes a byte where there is one: after a false answer the
// connection is of no use any more.
func (p *probe) quiet() bool {
	return p == nil || p.wire.Read(p.look) == nil && p.ok
}

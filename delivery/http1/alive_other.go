//go:build !unix

package http1

import "net"

// probe is for systems where a connection can't be looked at.
type probe struct{}

func newProbe(net.Conn) *probe { return nil }

// quiet is always true: a connection that was closed fails the exchange.
func (*probe) quiet() bool { return true }

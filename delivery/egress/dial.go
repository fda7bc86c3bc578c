package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// maxAddrs is how many addresses of one name are tried. Failure policy: the rest is ignored, because an
// answer can hold thousands and a receiver that does not answer on eight will not on the ninth.
const maxAddrs = 8

// DialContext connects to address ("host:port") over "tcp", "tcp4" or "tcp6", to an address that the policy
// accepts or not at all. It fits http.Transport.DialContext.
//
// Names are looked up as absolute ones, so that a search suffix of this machine never turns "svc" into an
// internal service; the caller's name for TLS and for the Host header stays as it was. Addresses that are
// refused are left out; where none remains, the error holds a *[BlockedError] for the first of them.
// A failed look-up is a *net.DNSError. All errors are wrapped in a *net.OpError, as net.Dialer does.
func (p *Policy) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.dialTimeout)
	defer cancel()
	dsts, err := p.destinations(ctx, network, address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	return race(ctx, dsts, func(ctx context.Context, dst netip.AddrPort) (net.Conn, error) {
		return p.dialer.DialContext(ctx, network, dst.String())
	})
}

// control runs for every socket, between its creation and its connect: the last word of the policy. It
// repeats what destinations decided, so that no later change to the path there can open a hole.
func (p *Policy) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	dst, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	return p.Check(dst)
}

// destinations returns the addresses to try for address, in order: at least one.
func (p *Policy) destinations(ctx context.Context, network, address string) ([]netip.AddrPort, error) {
	var fits func(netip.Addr) bool
	switch network {
	case "tcp":
		fits = netip.Addr.IsValid
	case "tcp4":
		fits = netip.Addr.Is4
	case "tcp6":
		fits = netip.Addr.Is6
	default:
		return nil, net.UnknownNetworkError(network)
	}
	hostText, portText, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return nil, &net.AddrError{Err: "invalid port", Addr: portText}
	}
	addrs, err := p.lookup(ctx, hostText, uint16(port))
	if err != nil {
		return nil, err
	}
	return p.accepted(addrs, uint16(port), fits)
}

// accepted keeps the addresses that fit the network and that the policy accepts.
func (p *Policy) accepted(addrs []netip.Addr, port uint16, fits func(netip.Addr) bool) ([]netip.AddrPort, error) {
	var dsts []netip.AddrPort
	var refused *BlockedError
	for _, addr := range addrs {
		dst := netip.AddrPortFrom(addr.Unmap(), port)
		if !fits(dst.Addr()) {
			continue
		}
		if v := p.verdict(dst); v == Public {
			dsts = append(dsts, dst)
		} else if refused == nil {
			refused = &BlockedError{Addr: dst.Addr(), Port: port, Verdict: v}
		}
	}
	switch {
	case len(dsts) > 0:
		return alternate(dsts, maxAddrs), nil
	case refused != nil:
		return nil, refused
	default:
		return nil, &net.AddrError{Err: "no suitable address"}
	}
}

// lookup returns the addresses behind text, a literal in any spelling or a name, not yet checked.
func (p *Policy) lookup(ctx context.Context, text string, port uint16) ([]netip.Addr, error) {
	h, err := parseHost(text)
	if err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: text, IsNotFound: true}
	}
	if h.addr.IsValid() {
		return []netip.Addr{h.addr}, nil
	}
	// localhost is left to its addresses; the others are refused by name even where their address is
	// allowed.
	if v := internalName(h.name); v != Public && v != Loopback {
		return nil, &BlockedError{Host: h.name, Port: port, Verdict: v}
	}
	if internalName(h.name) == Loopback {
		return loopback(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.dnsTimeout)
	defer cancel()
	addrs, err := p.resolver.LookupNetIP(ctx, "ip", h.name+".")
	if err != nil {
		return nil, dnsError(h.name, err)
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no address", Name: h.name, IsNotFound: true}
	}
	return addrs, nil
}

// loopback is what localhost and the names below it stand for. Name servers are not asked (RFC 6761, section 6.3): they may know
// nothing of it, and the rooted form in which names are looked up does not meet the machine's own list of hosts.
func loopback() []netip.Addr {
	return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
}

// dnsError makes any failure to look name up a *net.DNSError with words of ours: the error is shown to
// tenants, and the resolver's own text names our name server.
func dnsError(name string, err error) error {
	told := &net.DNSError{Name: name, UnwrapErr: err, IsTimeout: errors.Is(err, context.DeadlineExceeded)}
	var known *net.DNSError
	if errors.As(err, &known) {
		told.UnwrapErr = known.UnwrapErr
		told.IsTimeout, told.IsTemporary, told.IsNotFound = known.IsTimeout, known.IsTemporary, known.IsNotFound
	}
	switch {
	case told.IsNotFound:
		told.Err = "no such host"
	case told.IsTimeout:
		told.Err = "name server did not answer in time"
	default:
		told.Err = "name server could not answer"
	}
	return told
}

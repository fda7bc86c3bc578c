package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Resolver turns a host name into addresses, best first. Implemented by *net.Resolver, and by scripts in
// tests. host is absolute: it ends with a dot.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// Options are the operator's choices. The zero value is the strict default for production: https to public
// addresses only.
type Options struct {
	// Allow lists ranges that may be called although they are not public, on any port, for receivers in
	// the operator's own network and for development. A [Metadata] address is opened only by a prefix
	// that names it alone (/32 or /128): whoever allows 100.64.0.0/10 for an overlay network does not
	// mean the credentials at 100.100.100.200.
	Allow []netip.Prefix
	// Deny lists ranges that are never called, such as the public addresses of the operator's own
	// database. It wins over Allow.
	Deny []netip.Prefix
	// Schemes are those a URL may have: "https", "http" or both. Default: https.
	Schemes []string
	// DenyPorts are refused on every address that Allow does not list. Default, when nil:
	// [DefaultDenyPorts]. An empty slice refuses none.
	DenyPorts []uint16
	// NAT64 accepts 64:ff9b::/96, where the IPv4 address inside is itself accepted, for machines that
	// reach IPv4 only through DNS64 and NAT64. Default: refused.
	NAT64 bool
	// Resolver looks names up. Default: Go's own resolver, so that a name means the same whether or not
	// the binary was built with cgo (C libraries also accept addresses such as 0x7f.1).
	Resolver Resolver
	// DNSTimeout bounds one look-up. Default: 2 s, or DialTimeout where that is less. Failure policy: the
	// attempt fails, because a name server that needs longer would eat the whole time of the attempt.
	DNSTimeout time.Duration
	// DialTimeout bounds look-up and connect together, over all addresses of the name. Default: 5 s. It is
	// needed beside a request's own deadline because http.Transport lets a connect run on after the
	// request that wanted it has ended.
	DialTimeout time.Duration
}

// Policy says what may be called. It never changes and is safe for concurrent use.
type Policy struct {
	allow, deny []netip.Prefix
	schemes     []string
	denyPorts   map[uint16]struct{}
	nat64       bool
	resolver    Resolver
	dnsTimeout  time.Duration
	dialTimeout time.Duration
	dialer      net.Dialer
}

// New checks the options and returns the policy they describe.
func New(o Options) (*Policy, error) {
	if o.DNSTimeout < 0 || o.DialTimeout < 0 {
		return nil, errors.New("egress: timeouts must not be negative")
	}
	p := &Policy{
		allow:       slices.Clone(o.Allow),
		deny:        slices.Clone(o.Deny),
		nat64:       o.NAT64,
		resolver:    o.Resolver,
		dialTimeout: cmp.Or(o.DialTimeout, 5*time.Second),
		denyPorts:   map[uint16]struct{}{},
	}
	p.dnsTimeout = cmp.Or(o.DNSTimeout, min(2*time.Second, p.dialTimeout))
	if p.dnsTimeout > p.dialTimeout {
		return nil, fmt.Errorf("egress: DNS timeout %s is longer than the dial timeout %s", p.dnsTimeout, p.dialTimeout)
	}
	for _, prefix := range slices.Concat(o.Allow, o.Deny) {
		if err := checkPrefix(prefix); err != nil {
			return nil, err
		}
	}
	for _, s := range o.Schemes {
		if s != "https" && s != "http" {
			return nil, fmt.Errorf("egress: unknown scheme %q: want https or http", s)
		}
	}
	p.schemes = slices.Compact(slices.Sorted(slices.Values(o.Schemes)))
	slices.Reverse(p.schemes) // https first, as it reads best in a refusal
	if len(p.schemes) == 0 {
		p.schemes = []string{"https"}
	}
	ports := o.DenyPorts
	if ports == nil {
		ports = DefaultDenyPorts()
	}
	for _, port := range ports {
		p.denyPorts[port] = struct{}{}
	}
	if p.resolver == nil {
		p.resolver = &net.Resolver{PreferGo: true}
	}
	p.dialer = net.Dialer{ControlContext: p.control}
	return p, nil
}

// checkPrefix refuses prefixes that would match something else than their author reads in them.
func checkPrefix(prefix netip.Prefix) error {
	switch {
	case !prefix.IsValid():
		return errors.New("egress: invalid prefix")
	case prefix.Addr().Is4In6():
		return fmt.Errorf("egress: prefix %s: write it as an IPv4 prefix", prefix)
	case prefix != prefix.Masked():
		return fmt.Errorf("egress: prefix %s has bits set beyond its length: write %s", prefix, prefix.Masked())
	default:
		return nil
	}
}

// DefaultDenyPorts returns the ports refused unless Options.DenyPorts says otherwise: the ports browsers
// refuse and those of well-known internal services, in ascending order. Every other port is allowed, since
// receivers do live on ports such as 8443.
func DefaultDenyPorts() []uint16 {
	ports := slices.Concat(badPorts[:], internalPorts[:])
	slices.Sort(ports)
	return slices.Compact(ports)
}

// BlockedError says that a destination was refused. Find it with errors.As: net/http and net wrap it.
type BlockedError struct {
	Host    string     // the name that was refused, where it was refused by name
	Addr    netip.Addr // the address that was refused, otherwise
	Port    uint16
	Verdict Verdict
}

// Error says what was refused and why, in words fit for the owner of the subscription.
func (e *BlockedError) Error() string {
	what := "address " + e.Addr.String()
	if e.Host != "" {
		what = "host " + e.Host
	}
	switch e.Verdict {
	case DeniedPort:
		return fmt.Sprintf("port %d is not allowed", e.Port)
	case Denied:
		return what + " is not allowed"
	default:
		return fmt.Sprintf("%s is not public (%s)", what, strings.ReplaceAll(string(e.Verdict), "_", " "))
	}
}

// Check tells whether dst may be connected to. The error is a *[BlockedError].
func (p *Policy) Check(dst netip.AddrPort) error {
	if v := p.verdict(dst); v != Public {
		return &BlockedError{Addr: dst.Addr(), Port: dst.Port(), Verdict: v}
	}
	return nil
}

// verdict is Public exactly where dst may be connected to.
func (p *Policy) verdict(dst netip.AddrPort) Verdict {
	v, listed := p.judge(plain(dst.Addr()))
	if v == Public && !listed {
		if _, bad := p.denyPorts[dst.Port()]; bad {
			return DeniedPort
		}
	}
	return v
}

// judge is [Classify] with the operator's lists applied to the plain address addr and to those it carries.
// listed tells that addr is accepted because the operator listed it.
func (p *Policy) judge(addr netip.Addr) (v Verdict, listed bool) {
	carried, n := carriedIPv4(addr)
	for _, v4 := range carried[:n] {
		if v, _ := p.judge(v4); v != Public {
			return v, false
		}
	}
	v = Classify(addr)
	switch {
	case containsAddr(p.deny, addr):
		return Denied, false
	case p.allows(addr, v):
		return Public, true
	case p.nat64 && nat64WellKnown.Contains(addr):
		return p.judge(carried[0])
	default:
		return v, false
	}
}

func (p *Policy) allows(addr netip.Addr, v Verdict) bool {
	return slices.ContainsFunc(p.allow, func(prefix netip.Prefix) bool {
		return prefix.Contains(addr) && (v != Metadata || prefix.IsSingleIP())
	})
}

func containsAddr(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

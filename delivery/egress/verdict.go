package egress

import (
	"net/netip"
)

// Verdict names what kind of destination an address is. Everything but [Public] is refused unless the
// operator allows it. The text is stable: it is stored with attempts and used as a metric label.
type Verdict string

// The verdicts of [Classify].
const (
	Public        Verdict = "public"        // an ordinary address of the internet
	Invalid       Verdict = "invalid"       // the zero netip.Addr
	Unspecified   Verdict = "unspecified"   // 0.0.0.0/8 and ::, which reach this very host
	Loopback      Verdict = "loopback"      // this very host
	Private       Verdict = "private"       // RFC 1918, unique local, site local
	Shared        Verdict = "shared"        // carrier-grade NAT, also used by overlay networks
	LinkLocal     Verdict = "link_local"    // this network segment
	Metadata      Verdict = "metadata"      // a cloud's metadata or platform service: it hands out credentials
	Multicast     Verdict = "multicast"     // groups of hosts
	Documentation Verdict = "documentation" // for examples in texts
	Benchmarking  Verdict = "benchmarking"  // for test networks
	Reserved      Verdict = "reserved"      // every other range that is not for ordinary hosts
	NAT64         Verdict = "nat64"         // a public IPv4 address behind a NAT64 gateway
	Transition    Verdict = "transition"    // a public IPv4 address inside 6to4, Teredo and the like
)

// The verdicts that only a [Policy] gives, because they depend on its options.
const (
	Denied     Verdict = "denied"      // refused by Options.Deny
	DeniedPort Verdict = "denied_port" // refused by Options.DenyPorts
)

// Classify tells what kind of address addr is, by the address alone. Zones are ignored and IPv4-mapped
// addresses are judged as the IPv4 address that the kernel would connect to.
//
// An IPv6 address that carries an IPv4 address is judged by both rules: where the carried address is not
// public, its verdict is the answer, because that is where a gateway would take the connection.
func Classify(addr netip.Addr) Verdict {
	addr = plain(addr)
	carried, n := carriedIPv4(addr)
	for _, v4 := range carried[:n] {
		if v := Classify(v4); v != Public {
			return v
		}
	}
	return blockVerdict(addr)
}

// plain strips what must not change a verdict: the zone and the IPv4-mapped form.
func plain(addr netip.Addr) netip.Addr {
	return addr.WithZone("").Unmap()
}

// blockVerdict looks addr up in the tables, without regard to addresses carried inside it.
func blockVerdict(addr netip.Addr) Verdict {
	if !addr.IsValid() {
		return Invalid
	}
	for i := range metadataAddrs {
		if metadataAddrs[i] == addr {
			return Metadata
		}
	}
	table, otherwise := ipv4Blocks[:], Public
	if addr.Is6() {
		table = ipv6Blocks[:]
		if !globalUnicast.Contains(addr) {
			otherwise = Reserved
		}
	}
	for i := range table {
		if table[i].prefix.Contains(addr) {
			return table[i].verdict
		}
	}
	return otherwise
}

// carriedIPv4 returns the n IPv4 addresses that a plain IPv6 address carries according to the transition
// mechanisms: at most two, for Teredo names its server as well as its client.
func carriedIPv4(addr netip.Addr) (carried [2]netip.Addr, n int) {
	if !addr.Is6() || addr == netip.IPv6Unspecified() || addr.IsLoopback() {
		return carried, 0
	}
	b := addr.As16()
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte(b[i : i+4])) }
	switch {
	case compatible.Contains(addr), translated.Contains(addr), nat64WellKnown.Contains(addr):
		return [2]netip.Addr{at(12)}, 1
	case sixToFour.Contains(addr):
		return [2]netip.Addr{at(2)}, 1
	case teredo.Contains(addr):
		client := netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}) // RFC 4380, section 4: bits inverted
		return [2]netip.Addr{at(4), client}, 2
	case b[8]&^0x02 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214, section 6.1
		return [2]netip.Addr{at(12)}, 1
	default:
		return carried, 0
	}
}

package egress_test

import (
	"fmt"
	"net/netip"
	"testing"

	"code.dny.dev/ssrf"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"hookrouter/delivery/egress"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestClassifyBlocks walks the edges of every special range: first and last address inside, and the
// neighbours just outside where those are ordinary addresses.
func TestClassifyBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first, last   string
		want          egress.Verdict
		before, after string // "": the neighbour belongs to another special range
	}{
		{"0.0.0.0", "0.255.255.255", egress.Unspecified, "", "1.0.0.0"},
		{"10.0.0.0", "10.255.255.255", egress.Private, "9.255.255.255", "11.0.0.0"},
		{"100.64.0.0", "100.127.255.255", egress.Shared, "100.63.255.255", "100.128.0.0"},
		{"127.0.0.0", "127.255.255.255", egress.Loopback, "126.255.255.255", "128.0.0.0"},
		{"169.254.0.0", "169.254.255.255", egress.LinkLocal, "169.253.255.255", "169.255.0.0"},
		{"172.16.0.0", "172.31.255.255", egress.Private, "172.15.255.255", "172.32.0.0"},
		{"192.0.0.0", "192.0.0.255", egress.Reserved, "191.255.255.255", "192.0.1.0"},
		{"192.0.2.0", "192.0.2.255", egress.Documentation, "192.0.1.255", "192.0.3.0"},
		{"192.31.196.0", "192.31.196.255", egress.Reserved, "192.31.195.255", "192.31.197.0"},
		{"192.52.193.0", "192.52.193.255", egress.Reserved, "192.52.192.255", "192.52.194.0"},
		{"192.88.99.0", "192.88.99.255", egress.Reserved, "192.88.98.255", "192.88.100.0"},
		{"192.168.0.0", "192.168.255.255", egress.Private, "192.167.255.255", "192.169.0.0"},
		{"192.175.48.0", "192.175.48.255", egress.Reserved, "192.175.47.255", "192.175.49.0"},
		{"198.18.0.0", "198.19.255.255", egress.Benchmarking, "198.17.255.255", "198.20.0.0"},
		{"198.51.100.0", "198.51.100.255", egress.Documentation, "198.51.99.255", "198.51.101.0"},
		{"203.0.113.0", "203.0.113.255", egress.Documentation, "203.0.112.255", "203.0.114.0"},
		{"224.0.0.0", "239.255.255.255", egress.Multicast, "223.255.255.255", ""},
		{"240.0.0.0", "255.255.255.255", egress.Reserved, "", ""},
		{"168.63.129.16", "168.63.129.16", egress.Metadata, "168.63.129.15", "168.63.129.17"},

		{"::", "::", egress.Unspecified, "", ""},
		{"::1", "::1", egress.Loopback, "", ""},
		{"::808:808", "::808:808", egress.Transition, "", ""},
		{"::ffff:0:808:808", "::ffff:0:808:808", egress.Transition, "", ""},
		{"64:ff9b::808:808", "64:ff9b::808:808", egress.NAT64, "", ""},
		{"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", egress.NAT64, "", ""},
		{"100::", "100::ffff:ffff:ffff:ffff", egress.Reserved, "", ""},
		{"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Reserved, "", "2000::"},
		{"2001:200::", "2001:200::", egress.Public, "", ""},
		{"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", egress.Benchmarking, "", ""},
		{"2001:1::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Reserved, "", "2001:200::"},
		{"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", egress.Documentation, "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"},
		{"2002:808:808::", "2002:808:808:ffff:ffff:ffff:ffff:ffff", egress.Transition, "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
		{"2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", egress.Reserved, "2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"},
		{"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Documentation, "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
		{"4000::", "5f00::1", egress.Reserved, "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
		{"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Private, "", ""},
		{"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", egress.LinkLocal, "", ""},
		{"fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Private, "", ""},
		{"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", egress.Multicast, "", ""},
	} {
		t.Run(c.first, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, egress.Classify(addr(c.first)), c.first)
			require.Equal(t, c.want, egress.Classify(addr(c.last)), c.last)
			for _, neighbour := range []string{c.before, c.after} {
				if neighbour != "" {
					require.Equal(t, egress.Public, egress.Classify(addr(neighbour)), neighbour)
				}
			}
		})
	}
}

func TestClassifySingleAddresses(t *testing.T) {
	t.Parallel()
	require.Equal(t, egress.Invalid, egress.Classify(netip.Addr{}))
	for text, want := range map[string]egress.Verdict{
		"8.8.8.8":                      egress.Public,
		"2001:4860:4860::8888":         egress.Public,
		"::ffff:8.8.8.8":               egress.Public, // the kernel connects to 8.8.8.8
		"::ffff:7f00:1":                egress.Loopback,
		"169.254.169.254":              egress.Metadata,
		"169.254.170.2":                egress.Metadata,
		"169.254.170.23":               egress.Metadata,
		"100.100.100.200":              egress.Metadata,
		"192.0.0.192":                  egress.Metadata,
		"fd00:ec2::254":                egress.Metadata,
		"fd20:ce::254":                 egress.Metadata,
		"fe80::a9fe:a9fe%eth0":         egress.Metadata,
		"64:ff9b::a9fe:a9fe":           egress.Metadata,
		"2002:a9fe:a9fe::":             egress.Metadata,
		"::127.0.0.1":                  egress.Loopback,
		"::ffff:0:7f00:1":              egress.Loopback,
		"2001:0:808:808::80ff:fffe":    egress.Loopback, // Teredo client 127.0.0.1
		"2001:0:7f00:1::f7f7:f7f7":     egress.Loopback, // Teredo server 127.0.0.1
		"2001:0:808:808::f7f7:f7f7":    egress.Transition,
		"::5efe:7f00:1":                egress.Loopback, // ISATAP
		"2400:cb00::5efe:a00:1":        egress.Private,  // ISATAP under a provider's prefix
		"2400:cb00::200:5efe:a00:1":    egress.Private,  // the same, marked globally unique
		"2400:cb00::5efe:808:808":      egress.Public,
		"2400:cb00::100:5efe:a00:1":    egress.Public, // not ISATAP: another bit
		"2400:cb00::a00:1":             egress.Public, // no mechanism reads an IPv4 address there
		"64:ff9b:0:1::7f00:1":          egress.Reserved,
		"255.255.255.255":              egress.Reserved,
		"fe80::1%lo":                   egress.LinkLocal,
		"2001:4860:4860::8888%eth0":    egress.Public,
		"::ffff:168.63.129.16":         egress.Metadata,
		"2606:2800:220:1:248:1893::53": egress.Public,
	} {
		require.Equal(t, want, egress.Classify(addr(text)), text)
	}
}

// embeddings are the ways to write an IPv4 address inside an IPv6 address.
var embeddings = []struct {
	name  string
	embed func(v4 [4]byte) netip.Addr
	own   egress.Verdict // the verdict where the IPv4 address is public
}{
	{"mapped", func(b [4]byte) netip.Addr { return v6("::ffff:0:0", 12, b) }, egress.Public},
	{"compatible", func(b [4]byte) netip.Addr { return v6("::", 12, b) }, egress.Transition},
	{"translated", func(b [4]byte) netip.Addr { return v6("::ffff:0:0:0", 12, b) }, egress.Transition},
	{"nat64", func(b [4]byte) netip.Addr { return v6("64:ff9b::", 12, b) }, egress.NAT64},
	{"6to4", func(b [4]byte) netip.Addr { return v6("2002::1", 2, b) }, egress.Transition},
	{"teredo server", func(b [4]byte) netip.Addr { return v6("2001::f7f7:f7f7", 4, b) }, egress.Transition},
	{"teredo client", func(b [4]byte) netip.Addr {
		return v6("2001:0:808:808::", 12, [4]byte{^b[0], ^b[1], ^b[2], ^b[3]})
	}, egress.Transition},
	{"isatap", func(b [4]byte) netip.Addr { return v6("2400:cb00::5efe:0:0", 12, b) }, egress.Public},
}

// v6 returns base with four bytes replaced.
func v6(base string, at int, v4 [4]byte) netip.Addr {
	b := addr(base).As16()
	copy(b[at:], v4[:])
	return netip.AddrFrom16(b)
}

// FuzzClassify: an IPv4 address and its embeddings agree. A public address inside a transition address is
// refused for the mechanism; any other gives its own verdict through every mechanism.
func FuzzClassify(f *testing.F) {
	for _, seed := range []string{"127.0.0.1", "8.8.8.8", "10.1.2.3", "169.254.169.254", "168.63.129.16", "223.255.255.255", "255.255.255.255"} {
		b := addr(seed).As4()
		f.Add(b[0], b[1], b[2], b[3])
	}
	f.Fuzz(func(t *testing.T, a, b, c, d byte) {
		v4 := [4]byte{a, b, c, d}
		want := egress.Classify(netip.AddrFrom4(v4))
		for _, e := range embeddings {
			v6 := e.embed(v4)
			if v6 == netip.IPv6Unspecified() || v6.IsLoopback() {
				continue // :: and ::1 are themselves, not IPv4-compatible addresses
			}
			wantThis := want
			if want == egress.Public {
				wantThis = e.own
			}
			require.Equal(t, wantThis, egress.Classify(v6), "%s %s", e.name, v6)
		}
	})
}

// drawAddr draws addresses of both families, often close to the edge of a special range.
func drawAddr(t *rapid.T) netip.Addr {
	prefixes := append(append([]netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.MustParsePrefix("::/8"),
	}, ssrf.IPv4DeniedPrefixes...), ssrf.IPv6DeniedPrefixes...)
	a := drawWithin(t, rapid.SampledFrom(prefixes).Draw(t, "prefix"))
	switch rapid.IntRange(0, 8).Draw(t, "step") {
	case 0:
		if a.Next().IsValid() {
			a = a.Next()
		}
	case 1:
		if a.Prev().IsValid() {
			a = a.Prev()
		}
	}
	return a
}

// drawWithin draws an address of prefix, at times its first or last.
func drawWithin(t *rapid.T, prefix netip.Prefix) netip.Addr {
	bytes := prefix.Addr().AsSlice()
	fill := rapid.SampledFrom([]string{"random", "random", "zeros", "ones"}).Draw(t, "fill")
	for i := prefix.Bits(); i < len(bytes)*8; i++ {
		if fill == "ones" || fill == "random" && rapid.Bool().Draw(t, "bit") {
			bytes[i/8] |= 0x80 >> (i % 8)
		}
	}
	a, ok := netip.AddrFromSlice(bytes)
	require.True(t, ok)
	require.True(t, prefix.Contains(a))
	return a
}

// TestNoAddressIsAcceptedThatTheLibraryRefuses holds the tables against lists generated from IANA's registries
// by others (P1, P5, P6), and allows us to be stricter only for reasons we know.
func TestNoAddressIsAcceptedThatTheLibraryRefuses(t *testing.T) {
	t.Parallel()
	guardian := ssrf.New(ssrf.WithAnyPort())
	rapid.Check(t, func(t *rapid.T) {
		a := drawAddr(t).Unmap()
		ours, theirs := egress.Classify(a), guardian.SafeAddr(a)
		switch {
		case theirs != nil:
			require.NotEqual(t, egress.Public, ours, a)
		case ours != egress.Public:
			b := a.As16()
			isatap := a.Is6() && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
			require.True(t, a == addr("168.63.129.16") || isatap, a)
		}
	})
}

// TestEmbeddingsOfRefusedAddressesAreRefused is P1 to P4 over every refused IPv4 range, also where the operator
// has NAT64.
func TestEmbeddingsOfRefusedAddressesAreRefused(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{NAT64: true})
	rapid.Check(t, func(t *rapid.T) {
		v4 := drawWithin(t, rapid.SampledFrom(ssrf.IPv4DeniedPrefixes).Draw(t, "prefix"))
		e := rapid.SampledFrom(embeddings).Draw(t, "embedding")
		require.Error(t, p.Check(netip.AddrPortFrom(v4, 443)), v4)
		require.Error(t, p.Check(netip.AddrPortFrom(e.embed(v4.As4()), 443)), "%s %s", e.name, v4)
	})
}

// TestZonesNeverChangeTheVerdict is P8.
func TestZonesNeverChangeTheVerdict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAddr(t)
		zoned := netip.AddrFrom16(a.As16()).WithZone("eth0")
		require.Equal(t, egress.Classify(a), egress.Classify(zoned), fmt.Sprint(a))
	})
}

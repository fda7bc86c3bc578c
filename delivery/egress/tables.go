package egress

import "net/netip"

// block is a range of addresses and what it is for.
type block struct {
	prefix  netip.Prefix
	verdict Verdict
}

// globalUnicast is the only part of IPv6 that IANA has handed out for the internet (RFC 4291, section 2.4).
var globalUnicast = netip.MustParsePrefix("2000::/3")

// The ranges whose addresses carry an IPv4 address. ISATAP has no range: it is a pattern in the last 64 bits.
var (
	compatible     = netip.MustParsePrefix("::/96")           // IPv4-compatible, RFC 4291, section 2.5.5.1
	translated     = netip.MustParsePrefix("::ffff:0:0:0/96") // IPv4-translated (SIIT), RFC 2765, section 2.1
	nat64WellKnown = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052, section 2.1
	sixToFour      = netip.MustParsePrefix("2002::/16")       // RFC 3056, section 2
	teredo         = netip.MustParsePrefix("2001::/32")       // RFC 4380, section 2.6
)

// ipv4Blocks is IANA's IPv4 Special-Purpose Address Registry
// (https://www.iana.org/assignments/iana-ipv4-special-registry/), whole, plus multicast. Entries that the
// registry marks globally reachable (AS112, AMT, relays) are kept: they are infrastructure, never receivers.
var ipv4Blocks = [...]block{
	{netip.MustParsePrefix("0.0.0.0/8"), Unspecified},         // RFC 791, section 3.2; Linux connects 0.0.0.0 to itself
	{netip.MustParsePrefix("10.0.0.0/8"), Private},            // RFC 1918
	{netip.MustParsePrefix("100.64.0.0/10"), Shared},          // RFC 6598
	{netip.MustParsePrefix("127.0.0.0/8"), Loopback},          // RFC 1122, section 3.2.1.3
	{netip.MustParsePrefix("169.254.0.0/16"), LinkLocal},      // RFC 3927
	{netip.MustParsePrefix("172.16.0.0/12"), Private},         // RFC 1918
	{netip.MustParsePrefix("192.0.0.0/24"), Reserved},         // IETF protocol assignments, RFC 6890
	{netip.MustParsePrefix("192.0.2.0/24"), Documentation},    // TEST-NET-1, RFC 5737
	{netip.MustParsePrefix("192.31.196.0/24"), Reserved},      // AS112, RFC 7535
	{netip.MustParsePrefix("192.52.193.0/24"), Reserved},      // AMT, RFC 7450
	{netip.MustParsePrefix("192.88.99.0/24"), Reserved},       // 6to4 relay anycast, deprecated by RFC 7526
	{netip.MustParsePrefix("192.168.0.0/16"), Private},        // RFC 1918
	{netip.MustParsePrefix("192.175.48.0/24"), Reserved},      // AS112 direct delegation, RFC 7534
	{netip.MustParsePrefix("198.18.0.0/15"), Benchmarking},    // RFC 2544
	{netip.MustParsePrefix("198.51.100.0/24"), Documentation}, // TEST-NET-2, RFC 5737
	{netip.MustParsePrefix("203.0.113.0/24"), Documentation},  // TEST-NET-3, RFC 5737
	{netip.MustParsePrefix("224.0.0.0/4"), Multicast},         // RFC 5771
	{netip.MustParsePrefix("240.0.0.0/4"), Reserved},          // RFC 1112, section 4; ends with broadcast
}

// ipv6Blocks is IANA's IPv6 Special-Purpose Address Registry
// (https://www.iana.org/assignments/iana-ipv6-special-registry/) with the older ranges that some networks
// still route. The first match counts, so narrow ranges stand before wide ones. Outside 2000::/3 an entry
// only gives the refusal a better name.
var ipv6Blocks = [...]block{
	{netip.MustParsePrefix("::/128"), Unspecified},          // RFC 4291, section 2.5.2
	{netip.MustParsePrefix("::1/128"), Loopback},            // RFC 4291, section 2.5.3
	{compatible, Transition},                                //
	{translated, Transition},                                //
	{nat64WellKnown, NAT64},                                 //
	{netip.MustParsePrefix("64:ff9b:1::/48"), NAT64},        // local-use NAT64, RFC 8215
	{netip.MustParsePrefix("fc00::/7"), Private},            // unique local, RFC 4193
	{netip.MustParsePrefix("fe80::/10"), LinkLocal},         // RFC 4291, section 2.5.6
	{netip.MustParsePrefix("fec0::/10"), Private},           // site local, deprecated by RFC 3879
	{netip.MustParsePrefix("ff00::/8"), Multicast},          // RFC 4291, section 2.7
	{teredo, Transition},                                    //
	{sixToFour, Transition},                                 //
	{netip.MustParsePrefix("2001:2::/48"), Benchmarking},    // RFC 5180
	{netip.MustParsePrefix("2001::/23"), Reserved},          // IETF protocol assignments, RFC 2928
	{netip.MustParsePrefix("2001:db8::/32"), Documentation}, // RFC 3849
	{netip.MustParsePrefix("2620:4f:8000::/48"), Reserved},  // AS112 direct delegation, RFC 7534
	{netip.MustParsePrefix("3fff::/20"), Documentation},     // RFC 9637
}

// metadataAddrs are services of cloud platforms that answer any process on the machine, most of them with
// credentials. They lie in ranges that an operator may well allow, or even in public space, and so have a
// verdict of their own: see [Options].Allow.
var metadataAddrs = [...]netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // AWS, Azure, Google, Oracle, DigitalOcean, OpenStack and more
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS task credentials
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS pod identity
	netip.MustParseAddr("169.254.42.42"),   // Scaleway
	netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud, inside the shared range
	netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud, classic
	netip.MustParseAddr("168.63.129.16"),   // Azure's platform address, in public space and in no IANA registry
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd00:ec2::23"),    // AWS EKS pod identity
	netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
	netip.MustParseAddr("fd00:42::42"),     // Scaleway
	netip.MustParseAddr("fe80::a9fe:a9fe"), // OpenStack
}

// badPorts is the list on which browsers agree not to speak HTTP, because those ports belong to protocols
// that a crafted request could confuse: https://fetch.spec.whatwg.org/#port-blocking. No web server that
// browsers can reach uses one.
var badPorts = [...]uint16{
	0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
	104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
	515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
	2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

// internalPorts belong to services that run beside an application and often trust whoever connects.
var internalPorts = [...]uint16{
	445,        // SMB
	2375, 2376, // Docker
	2379, 2380, // etcd
	3306,  // MySQL
	5432,  // PostgreSQL
	6379,  // Redis
	6443,  // Kubernetes API
	8500,  // Consul
	9042,  // Cassandra
	9200,  // Elasticsearch, OpenSearch
	10250, // kubelet
	11211, // memcached
	27017, // MongoDB
}

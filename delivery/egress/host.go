package egress

import (
	"errors"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// host is the host part of a URL or of a dial address, understood: either a name or a literal address.
type host struct {
	name  string     // lower-case ASCII without the final dot; empty for a literal
	addr  netip.Addr // the literal, with its zone
	exact bool       // the literal was written the usual way
}

var errBadHost = errors.New("not a valid host name or address")

// parseHost understands text (without brackets) as everything downstream of us might: net/http maps
// Unicode to ASCII, C libraries and other languages' URL parsers read numbers of one to four parts, in
// decimal, octal and hexadecimal, as IPv4 addresses. A check of the characters alone would let
// "①②⑦.⓪.⓪.①" and "0x7f.1" pass.
func parseHost(text string) (host, error) {
	if strings.Contains(text, ":") {
		addr, err := netip.ParseAddr(text)
		if err != nil {
			return host{}, errBadHost
		}
		return host{addr: addr, exact: true}, nil
	}
	name, err := asciiName(text)
	if err != nil {
		return host{}, err
	}
	if !endsInNumber(name) {
		return host{name: name}, nil
	}
	addr, ok := parseIPv4Number(name)
	if !ok {
		return host{}, errBadHost
	}
	return host{addr: addr, exact: text == addr.String()}, nil
}

// asciiName returns text as a lower-case ASCII host name without its final dot. Names follow RFC 1123,
// section 2.1 (letters, digits, hyphens inside), with the lengths of RFC 1035, section 2.3.4.
func asciiName(text string) (string, error) {
	name := text
	if !isASCII(text) {
		var err error
		if name, err = idna.Lookup.ToASCII(text); err != nil { // the profile net/http uses
			return "", errBadHost
		}
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if len(name) > 253 {
		return "", errBadHost
	}
	for label := range strings.SplitSeq(name, ".") {
		if !validLabel(label) {
			return "", errBadHost
		}
	}
	return name, nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// validLabel tells whether a lower-case label may stand in a host name. IDNA is asked only about labels in
// its own form: others may legally hold what IDNA forbids, such as hyphens in the third and fourth place.
func validLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	if strings.HasPrefix(label, "xn--") {
		_, err := idna.Lookup.ToUnicode(label)
		return err == nil
	}
	return true
}

// endsInNumber tells whether name must be an IPv4 address because its last label is a number. No top-level
// domain is one. The rule is that of https://url.spec.whatwg.org/#ends-in-a-number-checker.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// parseIPv4Number reads the numbers-and-dots notation of inet_aton(3): one to four parts, the last of which
// fills all remaining bytes, so that 127.1, 0x7f000001, 017700000001 and 2130706433 are all 127.0.0.1.
func parseIPv4Number(text string) (netip.Addr, bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		n, ok := parseNumber(part)
		last := i == len(parts)-1
		switch {
		case !ok:
			return netip.Addr{}, false
		case !last && n > 255:
			return netip.Addr{}, false
		case last && n > math.MaxUint32>>(8*i):
			return netip.Addr{}, false
		case last:
			sum |= n
		default:
			sum |= n << (24 - 8*i)
		}
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}

// parseNumber reads a decimal, octal (0…) or hexadecimal (0x…) number; "0x" alone is 0 to some libraries.
func parseNumber(text string) (uint64, bool) {
	digits, base := text, 10
	switch {
	case text == "0x":
		return 0, true
	case strings.HasPrefix(text, "0x"):
		digits, base = text[2:], 16
	case len(text) > 1 && text[0] == '0':
		digits, base = text[1:], 8
	}
	n, err := strconv.ParseUint(digits, base, 64)
	return n, err == nil
}

// internalName gives the verdict on names that mean something internal whatever DNS says, or Public.
// All other names are judged by the addresses they resolve to.
func internalName(name string) Verdict {
	switch name {
	case "localhost", "localhost.localdomain", "localhost4", "localhost4.localdomain4",
		"localhost6", "localhost6.localdomain6", "ip6-localhost", "ip6-loopback": // /etc/hosts of Linux distributions
		return Loopback
	case "metadata", "metadata.google.internal", "metadata.goog", // Google Cloud
		"instance-data", "instance-data.ec2.internal", // AWS
		"metadata.tencentyun.com", "metadata.platformequinix.com", "rancher-metadata":
		return Metadata
	case "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local":
		return Private
	}
	if strings.HasSuffix(name, ".localhost") { // RFC 6761, section 6.3
		return Loopback
	}
	return Public
}

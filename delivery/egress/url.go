package egress

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxURLLength is the longest URL accepted, in characters: Yousign's limit for an endpoint.
const MaxURLLength = 1024

// URLCode names the rule of [Policy.CheckURL] that a URL broke.
type URLCode string

// The rules a URL can break.
const (
	URLTooLong   URLCode = "too_long"
	URLCharacter URLCode = "character" // blank, control or invisible character, backslash, bad UTF-8
	URLSyntax    URLCode = "syntax"
	URLScheme    URLCode = "scheme"
	URLUserinfo  URLCode = "userinfo"
	URLFragment  URLCode = "fragment"
	URLHost      URLCode = "host"    // missing or malformed host
	URLPort      URLCode = "port"    // malformed or refused port
	URLAddress   URLCode = "address" // a literal address, or a name, that may not be called
)

// URLError says why a URL was refused.
type URLError struct {
	Code URLCode
	// Reason is a phrase for an API answer, such as "must start with https://" or "address 127.0.0.1 is
	// not public (loopback)". It repeats nothing of the URL but its address, host name or port.
	Reason string
	// Blocked is set where the refusal is about where the URL leads.
	Blocked *BlockedError
}

// Error returns the reason.
func (e *URLError) Error() string { return e.Reason }

// Unwrap returns the *[BlockedError] behind the refusal, if there is one.
func (e *URLError) Unwrap() error {
	if e.Blocked == nil {
		return nil
	}
	return e.Blocked
}

// CheckURL decides whether raw may be the endpoint of a subscription. It looks nothing up: host names are
// judged at every dial, because their answer may change at any time.
//
// It returns the URL with its scheme and host in lower-case ASCII and without an empty port. The error is a
// *[URLError].
func (p *Policy) CheckURL(raw string) (*url.URL, error) {
	if err := checkCharacters(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil && p.startsWithScheme(raw):
		return nil, urlError(URLSyntax, "is not a valid URL") // err is dropped: it quotes the URL, with any password
	case err != nil || !slices.Contains(p.schemes, u.Scheme):
		return nil, urlError(URLScheme, "must start with "+strings.Join(p.schemes, ":// or ")+"://")
	case u.Opaque != "":
		return nil, urlError(URLSyntax, "is not a valid URL")
	case u.User != nil:
		return nil, urlError(URLUserinfo, "must not contain a user name or password")
	case strings.Contains(raw, "#"):
		return nil, urlError(URLFragment, "must not contain a fragment (#)")
	case u.Hostname() == "":
		return nil, urlError(URLHost, "must contain a host name")
	}
	port, err := urlPort(u)
	if err != nil {
		return nil, err
	}
	h, err := urlHost(u)
	if err != nil {
		return nil, err
	}
	if err := p.checkHost(h, port); err != nil {
		return nil, err
	}
	u.Host = normalHost(h, u)
	return u, nil
}

func urlError(code URLCode, reason string) *URLError { return &URLError{Code: code, Reason: reason} }

// checkCharacters refuses what URL parsers disagree about (blanks, backslashes) and what a reader of the
// URL cannot see.
func checkCharacters(raw string) error {
	if !utf8.ValidString(raw) {
		return urlError(URLCharacter, "must be valid UTF-8")
	}
	if utf8.RuneCountInString(raw) > MaxURLLength {
		return urlError(URLTooLong, fmt.Sprintf("must be at most %d characters long", MaxURLLength))
	}
	for _, r := range raw {
		if r == '\\' || r == ' ' || !unicode.IsPrint(r) {
			return urlError(URLCharacter, "must not contain blanks, backslashes or control characters")
		}
	}
	return nil
}

// startsWithScheme tells whether raw begins as it should, which decides the best thing to complain about.
func (p *Policy) startsWithScheme(raw string) bool {
	scheme, _, ok := strings.Cut(raw, "://")
	return ok && slices.Contains(p.schemes, strings.ToLower(scheme))
}

// urlPort returns the port that u leads to.
func urlPort(u *url.URL) (uint16, error) {
	text := u.Port()
	if text == "" {
		if u.Scheme == "http" {
			return 80, nil
		}
		return 443, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || text[0] == '0' { // parsers differ over 080: octal, decimal or an error
		return 0, urlError(URLPort, "must have a port between 1 and 65535, written without leading zeros")
	}
	return uint16(n), nil
}

// urlHost understands the host of u. Only an IPv6 address stands in brackets, and always does; net/url sees to
// that as well, but not with GODEBUG=urlstrictcolons=0.
func urlHost(u *url.URL) (host, error) {
	h, err := parseHost(u.Hostname())
	bracketed := strings.HasPrefix(u.Host, "[")
	switch {
	case err != nil, bracketed != h.addr.Is6():
		return host{}, urlError(URLHost, "must contain a valid host name or address")
	case h.addr.Zone() != "":
		return host{}, urlError(URLHost, "must not contain an IPv6 zone")
	}
	return h, nil
}

// checkHost applies the policy to what can be known of the destination without a look-up.
func (p *Policy) checkHost(h host, port uint16) error {
	if h.addr.IsValid() {
		if v := p.verdict(netip.AddrPortFrom(h.addr, port)); v != Public {
			return blockedURL(&BlockedError{Addr: h.addr, Port: port, Verdict: v})
		}
		if !h.exact { // a client verifying TLS against "127.1" would take it for a name
			return urlError(URLHost, "must contain its address as "+h.addr.String())
		}
		return nil
	}
	switch v := internalName(h.name); v {
	case Public:
	case Loopback:
		if p.checkLoopback(port) {
			return nil
		}
		fallthrough
	default:
		return blockedURL(&BlockedError{Host: h.name, Port: port, Verdict: v})
	}
	// Where the operator lists ranges, the name may lead into one, where every port is allowed: the dial
	// decides.
	if _, bad := p.denyPorts[port]; bad && len(p.allow) == 0 {
		return blockedURL(&BlockedError{Host: h.name, Port: port, Verdict: DeniedPort})
	}
	return nil
}

// checkLoopback tells whether any address that localhost usually has may be called.
func (p *Policy) checkLoopback(port uint16) bool {
	v4 := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return p.verdict(netip.AddrPortFrom(v4, port)) == Public || p.verdict(netip.AddrPortFrom(netip.IPv6Loopback(), port)) == Public
}

// blockedURL says blocked in the terms of CheckURL.
func blockedURL(blocked *BlockedError) *URLError {
	code := URLAddress
	if blocked.Verdict == DeniedPort {
		code = URLPort
	}
	return &URLError{Code: code, Reason: blocked.Error(), Blocked: blocked}
}

// normalHost writes the host back, with the port and the final dot that u had.
func normalHost(h host, u *url.URL) string {
	name := h.name
	switch {
	case h.addr.Is6():
		name = "[" + h.addr.String() + "]"
	case h.addr.IsValid():
		name = h.addr.String()
	case strings.HasSuffix(u.Hostname(), "."):
		name += "."
	}
	if u.Port() == "" {
		return name
	}
	return net.JoinHostPort(strings.Trim(name, "[]"), u.Port())
}

package egress_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/egress"
)

func policy(tb testing.TB, o egress.Options) *egress.Policy {
	tb.Helper()
	p, err := egress.New(o)
	require.NoError(tb, err)
	return p
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

func TestNewRefusesOptionsThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]egress.Options{
		"invalid prefix":                {Allow: []netip.Prefix{{}}},
		"write 10.0.0.0/8":              {Allow: prefixes("10.1.2.3/8")},
		"write it as an IPv4 prefix":    {Deny: prefixes("::ffff:10.0.0.0/104")},
		`unknown scheme "ftp"`:          {Schemes: []string{"https", "ftp"}},
		"must not be negative":          {DialTimeout: -time.Second},
		"longer than the dial timeout":  {DNSTimeout: 3 * time.Second, DialTimeout: time.Second},
		"timeouts must not be negative": {DNSTimeout: -1},
	} {
		_, err := egress.New(o)
		require.ErrorContains(t, err, want)
	}
	policy(t, egress.Options{DialTimeout: time.Second}) // the DNS default shrinks with it
}

func TestCheck(t *testing.T) {
	t.Parallel()
	strict := egress.Options{}
	private := egress.Options{Allow: prefixes("10.0.0.0/8", "100.64.0.0/10", "fc00::/7", "169.254.0.0/16")}
	for _, c := range []struct {
		name string
		o    egress.Options
		dst  string
		want egress.Verdict
	}{
		{"public", strict, "8.8.8.8:443", egress.Public},
		{"any ordinary port", strict, "8.8.8.8:8443", egress.Public},
		{"low port", strict, "8.8.8.8:81", egress.Public},
		{"internal service", strict, "8.8.8.8:6379", egress.DeniedPort},
		{"port browsers refuse", strict, "8.8.8.8:22", egress.DeniedPort},
		{"port zero", strict, "8.8.8.8:0", egress.DeniedPort},
		{"address before port", strict, "127.0.0.1:6379", egress.Loopback},
		{"no port list", egress.Options{DenyPorts: []uint16{}}, "8.8.8.8:6379", egress.Public},
		{"own port list", egress.Options{DenyPorts: []uint16{8080}}, "8.8.8.8:8080", egress.DeniedPort},

		{"allowed range", private, "10.1.2.3:443", egress.Public},
		{"allowed range, any port", private, "10.1.2.3:5432", egress.Public},
		{"allowed range, mapped form", private, "[::ffff:10.1.2.3]:443", egress.Public},
		{"beside the allowed range", private, "11.0.0.1:5432", egress.DeniedPort},
		{"other private range", private, "192.168.0.1:443", egress.Private},
		{"metadata in an allowed range", private, "100.100.100.200:80", egress.Metadata},
		{"metadata in an allowed range, IPv6", private, "[fd00:ec2::254]:80", egress.Metadata},
		{"metadata in an allowed range, link local", private, "169.254.169.254:80", egress.Metadata},
		{"metadata allowed alone", egress.Options{Allow: prefixes("169.254.169.254/32")}, "169.254.169.254:80", egress.Public},
		{"public address listed for its port", egress.Options{Allow: prefixes("8.8.8.8/32")}, "8.8.8.8:22", egress.Public},

		{"everything allowed, loopback inside 6to4", egress.Options{Allow: prefixes("::/0")}, "[2002:7f00:1::]:443", egress.Loopback},
		{"everything allowed, 6to4", egress.Options{Allow: prefixes("::/0")}, "[2002:808:808::]:443", egress.Public},
		{"allowed IPv4 opens no 6to4", private, "[2002:a00:1::]:443", egress.Private},
		{"IPv6 range does not cover IPv4", egress.Options{Allow: prefixes("::/0")}, "[::ffff:127.0.0.1]:443", egress.Loopback},

		{"denied", egress.Options{Deny: prefixes("8.8.8.0/24")}, "8.8.8.8:443", egress.Denied},
		{"denied wins", egress.Options{Allow: prefixes("10.0.0.0/8"), Deny: prefixes("10.0.0.5/32")}, "10.0.0.5:443", egress.Denied},
		{"denied, mapped form", egress.Options{Deny: prefixes("8.8.8.0/24")}, "[::ffff:8.8.8.8]:443", egress.Denied},
		{"denied, ISATAP", egress.Options{Deny: prefixes("8.8.8.0/24")}, "[2400:cb00::5efe:808:808]:443", egress.Denied},

		{"NAT64 off", strict, "[64:ff9b::808:808]:443", egress.NAT64},
		{"NAT64 on", egress.Options{NAT64: true}, "[64:ff9b::808:808]:443", egress.Public},
		{"NAT64 on, port", egress.Options{NAT64: true}, "[64:ff9b::808:808]:22", egress.DeniedPort},
		{"NAT64 on, loopback", egress.Options{NAT64: true}, "[64:ff9b::7f00:1]:443", egress.Loopback},
		{"NAT64 on, metadata", egress.Options{NAT64: true}, "[64:ff9b::a9fe:a9fe]:80", egress.Metadata},
		{"NAT64 on, local use", egress.Options{NAT64: true}, "[64:ff9b:1::808:808]:443", egress.NAT64},
		{"NAT64 on, denied", egress.Options{NAT64: true, Deny: prefixes("8.8.8.0/24")}, "[64:ff9b::808:808]:443", egress.Denied},
		{"NAT64 allowed as a prefix still reads the IPv4", egress.Options{Allow: prefixes("64:ff9b::/96")}, "[64:ff9b::7f00:1]:443", egress.Loopback},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := policy(t, c.o).Check(netip.MustParseAddrPort(c.dst))
			if c.want == egress.Public {
				require.NoError(t, err)
				return
			}
			var blocked *egress.BlockedError
			require.ErrorAs(t, err, &blocked)
			require.Equal(t, c.want, blocked.Verdict)
			require.Equal(t, c.dst, netip.AddrPortFrom(blocked.Addr, blocked.Port).String())
		})
	}
}

func TestBlockedErrorText(t *testing.T) {
	t.Parallel()
	a := addr("10.0.0.1")
	for want, err := range map[string]*egress.BlockedError{
		"address 10.0.0.1 is not public (link local)": {Addr: a, Port: 80, Verdict: egress.LinkLocal},
		"address 10.0.0.1 is not allowed":             {Addr: a, Port: 80, Verdict: egress.Denied},
		"port 22 is not allowed":                      {Addr: a, Port: 22, Verdict: egress.DeniedPort},
		"host localhost is not public (loopback)":     {Host: "localhost", Verdict: egress.Loopback},
	} {
		require.EqualError(t, err, want)
		var blocked *egress.BlockedError
		require.ErrorAs(t, errors.Join(fmt.Errorf("send: %w", err)), &blocked)
	}
}

func TestDefaultDenyPortsAreACopy(t *testing.T) {
	t.Parallel()
	egress.DefaultDenyPorts()[1] = 443
	require.NotContains(t, egress.DefaultDenyPorts(), uint16(443))
	require.NotContains(t, egress.DefaultDenyPorts(), uint16(80))
	require.IsIncreasing(t, egress.DefaultDenyPorts())
}

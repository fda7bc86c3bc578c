package egress_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/egress"
)

// refusedHosts must be refused when a subscription is written and again at the dial, for the row may have
// been forced into the database. One line per case; the ids never change.
var refusedHosts = []struct{ id, host string }{
	{"U001", "127.0.0.1"},
	{"U002", "127.1"},
	{"U003", "127.0.1"},
	{"U004", "0x7f.0.0.1"},
	{"U005", "0x7f000001"},
	{"U006", "2130706433"},
	{"U007", "0177.0.0.1"},
	{"U008", "017700000001"},
	{"U009", "127.0.0.1."},
	{"U010", "localhost"},
	{"U011", "LOCALHOST"},
	{"U012", "localhost."},
	{"U013", "localhost.localdomain"},
	{"U014", "0"},
	{"U015", "0.0.0.0"},
	{"U016", "[::]"},
	{"U017", "[::1]"},
	{"U018", "[0:0:0:0:0:0:0:1]"},
	{"U019", "[::ffff:127.0.0.1]"},
	{"U020", "[::ffff:7f00:1]"},
	{"U021", "[::127.0.0.1]"},
	{"U022", "[::7f00:1]"},
	{"U023", "[64:ff9b::7f00:1]"},
	{"U024", "[64:ff9b::127.0.0.1]"},
	{"U025", "[64:ff9b:1::7f00:1]"},
	{"U026", "[2002:7f00:1::]"},
	{"U027", "[2001:0:0:0:0:0:80ff:fffe]"},
	{"U028", "[::ffff:0:7f00:1]"},
	{"U029", "[::5efe:7f00:1]"},
	{"U030", "[fe80::1]"},
	{"U031", "[fe80::1%25lo]"},
	{"U032", "[fec0::1]"},
	{"U033", "[fc00::1]"},
	{"U034", "[fd00:ec2::254]"},
	{"U035", "[fd20:ce::254]"},
	{"U036", "[ff02::1]"},
	{"U037", "[100::1]"},
	{"U038", "[2001:db8::1]"},
	{"U039", "[3fff::1]"},
	{"U040", "[5f00::1]"},
	{"U041", "169.254.169.254"},
	{"U042", "169.254.170.2"},
	{"U043", "169.254.170.23"},
	{"U044", "100.100.100.200"},
	{"U045", "192.0.0.192"},
	{"U046", "168.63.129.16"},
	{"U047", "metadata.google.internal"},
	{"U048", "instance-data"},
	{"U049", "10.0.0.1"},
	{"U050", "172.16.0.1"},
	{"U051", "172.31.255.255"},
	{"U052", "192.168.0.1"},
	{"U053", "100.64.0.1"},
	{"U054", "100.127.255.255"},
	{"U055", "192.0.0.1"},
	{"U056", "192.0.2.1"},
	{"U057", "192.88.99.1"},
	{"U058", "198.18.0.1"},
	{"U059", "198.19.255.255"},
	{"U060", "198.51.100.1"},
	{"U061", "203.0.113.1"},
	{"U062", "224.0.0.1"},
	{"U063", "239.255.255.255"},
	{"U064", "240.0.0.1"},
	{"U065", "255.255.255.255"},
	{"U066", "255.255.255.254"},
	{"U085", "①②⑦.⓪.⓪.①"},
	{"U086", "127。0。0。1"},
	{"U087", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ"},

	// Beyond the shared corpus.
	{"U201", "0X7F.1"},
	{"U202", "0x7f.0.0.0x1"},
	{"U203", "０ｘ７ｆ．１"},
	{"U204", "0177.0x0.0.1"},
	{"U205", "127.0.0.1%E3%80%82"},
	{"U206", "%E2%91%A0%E2%91%A1%E2%91%A6.0.0.1"},
	{"U207", "0251.0376.0251.0376"},
	{"U208", "2852039166"},
	{"U209", "[::ffff:169.254.169.254]"},
	{"U210", "[::FFFF:7F00:1]"},
	{"U211", "a.b.localhost"},
	{"U212", "x.LocalHost."},
	{"U213", "ip6-localhost"},
	{"U214", "Metadata.Google.Internal."},
	{"U215", "instance-data.ec2.internal"},
	{"U216", "metadata"},
	{"U217", "kubernetes.default.svc"},
	{"U218", "0x"},
	{"U219", "0000000000000000000000000177.1"},
	{"U220", "[2400:cb00::5efe:7f00:1]"},
	{"U221", "[fe80::a9fe:a9fe]"},
	{"U222", "localhost4.localdomain4"},
}

func TestRefusedHostsAtCreate(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{Schemes: []string{"https", "http"}})
	for _, c := range refusedHosts {
		for _, scheme := range []string{"http://", "https://"} {
			_, err := p.CheckURL(scheme + c.host + "/")
			refusal := requireRefused(t, err, c.id+" "+c.host)
			if c.id == "U031" { // an address with a zone is refused for its zone
				require.Equal(t, egress.URLHost, refusal.Code, c.id)
				continue
			}
			require.Equal(t, egress.URLAddress, refusal.Code, "%s %s: %s", c.id, c.host, refusal.Reason)
			require.NotNil(t, refusal.Blocked, c.id)
		}
	}
}

// TestRefusedHostsAtDial forces every host past CheckURL, with a name server that answers every name with the
// canary's address. Canaries wait wherever a connection to this machine could arrive.
func TestRefusedHostsAtDial(t *testing.T) {
	t.Parallel()
	hosts := []string{"127.0.0.66", "127.0.0.1"}
	if probe := tryListen(t, []string{"[::1]"}); probe != nil { // machines without IPv6 have one place less
		hosts = append(hosts, "[::1]")
	}
	canaries, port := listen(t, hosts...)
	p := policy(t, egress.Options{Resolver: answers("127.0.0.66"), DenyPorts: []uint16{}})
	client := &http.Client{Transport: egress.NewTransport(p, egress.TransportOptions{})}
	for _, c := range refusedHosts {
		err := get(t, client, "http://"+c.host+":"+port+"/")
		var blocked *egress.BlockedError
		require.ErrorAs(t, err, &blocked, "%s %s", c.id, c.host)

		// The same without net/http's reading of the host.
		text := strings.ReplaceAll(strings.Trim(c.host, "[]"), "%25", "%")
		if decoded, err := url.PathUnescape(text); err == nil {
			text = decoded
		}
		_, err = p.DialContext(t.Context(), "tcp", net.JoinHostPort(text, port))
		require.ErrorAs(t, err, &blocked, "%s %s", c.id, c.host)
	}
	for _, canary := range canaries {
		requireSilent(t, canary)
	}
}

// refusedURLs must be refused when a subscription is written; no client would reach the dial with most of them.
var refusedURLs = []struct {
	id, raw string
	want    egress.URLCode
}{
	{"U072", "http://a@127.0.0.1/", egress.URLUserinfo},
	{"U073", "http://example.com@127.0.0.1/", egress.URLUserinfo},
	{"U074", "http://127.0.0.1:80@example.com/", egress.URLUserinfo},
	{"U075", "http://127.0.0.1#@example.com/", egress.URLFragment},
	{"U076", "http://127.0.0.1?@example.com/", egress.URLAddress},
	{"U077", `http://127.0.0.1\@example.com/`, egress.URLCharacter},
	{"U078", `http://example.com\@127.0.0.1/`, egress.URLCharacter},
	{"U079", "http://127.0.0.1%2f@example.com/", egress.URLUserinfo},
	{"U080", "http://[127.0.0.1]/", egress.URLSyntax},
	{"U081", "http://::1/", egress.URLSyntax},
	{"U082", "http://127.0.0.1%00.example.com/", egress.URLSyntax},
	{"U083", "http:///127.0.0.1/", egress.URLHost},
	{"U084", "http:127.0.0.1/", egress.URLSyntax},
	{"U088", "http://example.com/\tx", egress.URLCharacter},
	{"U089", "http://example.com/\nx", egress.URLCharacter},
	{"U090", " http://example.com/", egress.URLCharacter},
	{"U091", "https://example.com:99999/", egress.URLPort},
	{"U092", "https://example.com:0/", egress.URLPort},
	{"U093", "https://example.com:-1/", egress.URLSyntax},
	{"U094", "https://example.com:080/", egress.URLPort},
	{"U095", "https://example.com:6379/", egress.URLPort},
	{"U096", "https://example.com:22/", egress.URLPort},
	{"U098", "//host/", egress.URLScheme},
	{"U099", "file:///etc/passwd", egress.URLScheme},
	{"U100", "gopher://example.com/", egress.URLScheme},
	{"U101", "ftp://example.com/", egress.URLScheme},
	{"U102", "dict://example.com/", egress.URLScheme},
	{"U103", "unix:/var/run/docker.sock", egress.URLScheme},
	{"U104", "jar:https://example.com!/", egress.URLScheme},
	{"U105", "javascript:alert(1)", egress.URLScheme},
	{"U106", "data:text/plain,x", egress.URLScheme},
	{"U107", "https://" + strings.Repeat("a", 64) + ".com/", egress.URLHost},
	{"U108", "https://" + strings.Repeat("abcdefghi.", 26) + "/", egress.URLHost},
	{"U109", "http://", egress.URLHost},
	{"U110", "https://", egress.URLHost},
	{"U111", "http://.", egress.URLHost},
	{"U112", "http://..", egress.URLHost},
	{"U113", "http://*/", egress.URLHost},
	{"U114", "http://exa mple.com/", egress.URLCharacter},
	{"U115", "http://exam_ple.com/", egress.URLHost},
	{"U116", "http://-a.com/", egress.URLHost},

	// Beyond the shared corpus.
	{"U301", "", egress.URLScheme},
	{"U302", "example.com", egress.URLScheme},
	{"U303", "/path", egress.URLScheme},
	{"U304", "https:/example.com/", egress.URLHost},
	{"U305", "https//example.com/", egress.URLScheme},
	{"U306", "https://example.com/" + strings.Repeat("a", 1005), egress.URLTooLong},
	{"U307", "https://user:secret@example.com/", egress.URLUserinfo},
	{"U308", "https://@example.com/", egress.URLUserinfo},
	{"U309", "https://example.com/#", egress.URLFragment},
	{"U310", "https://example.com/\x00", egress.URLCharacter},
	{"U311", "https://example.com/\xff", egress.URLCharacter},
	{"U312", "https://exam\u00adple.com/", egress.URLCharacter},
	{"U313", "https://example.com/\u202egpj.exe", egress.URLCharacter},
	{"U314", "https://example.com/\u3000", egress.URLCharacter},
	{"U315", "https://a..b/", egress.URLHost},
	{"U316", "https://.example.com/", egress.URLHost},
	{"U317", "https://example.com../", egress.URLHost},
	{"U318", "https://a-.com/", egress.URLHost},
	{"U319", "https://xn--a.com/", egress.URLHost},
	{"U320", "https://256.256.256.256/", egress.URLHost},
	{"U321", "https://1.2.3.4.5/", egress.URLHost},
	{"U322", "https://4294967296/", egress.URLHost},
	{"U323", "https://example.08/", egress.URLHost},
	{"U324", "https://example.0xffffffffffffffffffff/", egress.URLHost},
	{"U325", "https://127.0.0.256/", egress.URLHost},
	{"U326", "https://[::g]/", egress.URLSyntax},
	{"U327", "https://[2606:4700::1%25eth0]/", egress.URLHost},
	{"U328", "https://8.8.2056/", egress.URLHost}, // public, but one spelling only
	{"U329", "https://134744072/", egress.URLHost},
	{"U330", "https://８.８.８.８/", egress.URLHost},
	{"U331", "https://8.8.8.8./", egress.URLHost},
	{"U333", "https://example.com:+443/", egress.URLSyntax},
	{"U334", "https://example.com:443:443/", egress.URLSyntax},
	{"U335", "https://example.com:４４３/", egress.URLSyntax},
	{"U336", "https://℀.com/", egress.URLHost},
	{"U337", "https://8.8.8.8:22/", egress.URLPort},
	{"U338", "https://example.com%2f@127.0.0.1/", egress.URLUserinfo},
	{"U339", "https://user:pa ss@example.com/", egress.URLCharacter},
	{"U340", "https://user:se%ZZcret@example.com/", egress.URLSyntax},
	{"U332", "https://256.8.8.8/", egress.URLHost},
	{"U341", "https://1.-.0/", egress.URLHost},
}

func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{Schemes: []string{"http", "https"}})
	for _, c := range refusedURLs {
		_, err := p.CheckURL(c.raw)
		refusal := requireRefused(t, err, c.id+" "+c.raw)
		require.Equal(t, c.want, refusal.Code, "%s %q: %s", c.id, c.raw, refusal.Reason)
		require.NotContains(t, err.Error(), "secret", c.id)
		require.NotContains(t, err.Error(), "user:", c.id)
	}
}

// requireRefused returns the typed refusal in err.
func requireRefused(tb testing.TB, err error, about string) *egress.URLError {
	tb.Helper()
	var refusal *egress.URLError
	require.ErrorAs(tb, err, &refusal, about)
	require.NotEmpty(tb, refusal.Reason, about)
	return refusal
}

// acceptedURLs and what becomes of them.
var acceptedURLs = []struct{ id, raw, want string }{
	{"U067", "https://8.8.8.8/", "https://8.8.8.8/"},
	{"U068", "https://172.32.0.1/", "https://172.32.0.1/"},
	{"U069", "https://100.128.0.1/", "https://100.128.0.1/"},
	{"U070", "https://198.20.0.1/", "https://198.20.0.1/"},
	{"U071", "https://[2001:4860:4860::8888]/", "https://[2001:4860:4860::8888]/"},
	{"U097", "https://example.com:/", "https://example.com/"},

	// Beyond the shared corpus.
	{"U401", "https://hooks.acme.test:8443/yousign", "https://hooks.acme.test:8443/yousign"},
	{"U403", "HTTPS://Example.COM/Path?Q=1&r=%20", "https://example.com/Path?Q=1&r=%20"},
	{"U404", "https://example.com.", "https://example.com."},
	{"U405", "https://bücher.example/", "https://xn--bcher-kva.example/"},
	{"U406", "https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
	{"U407", "https://r3---sn-abc.example.com/", "https://r3---sn-abc.example.com/"},
	{"U408", "https://[2001:4860:4860:0:0:0:0:8888]:8443", "https://[2001:4860:4860::8888]:8443"},
	{"U409", "https://[::ffff:8.8.8.8]/", "https://[::ffff:8.8.8.8]/"},
	{"U410", "https://1password.com/x", "https://1password.com/x"},
	{"U411", "https://3.example.1a/", "https://3.example.1a/"},
	{"U412", "https://receiver/", "https://receiver/"},
	{"U413", "https://example.com?x=1", "https://example.com?x=1"},
	{"U414", "https://example.com/é/日本", "https://example.com/%C3%A9/%E6%97%A5%E6%9C%AC"},
	{"U415", "https://" + strings.Repeat("a", 63) + ".com/", "https://" + strings.Repeat("a", 63) + ".com/"},
	{"U416", "https://localhost.example.com/", "https://localhost.example.com/"},
	{"U417", "https://notlocalhost/", "https://notlocalhost/"},
	{"U418", "https://example.com:443/", "https://example.com:443/"},
	{"U419", "https://example.com/a@b:c", "https://example.com/a@b:c"},
	{"U420", "https://example.com/" + strings.Repeat("é", 1004), "https://example.com/" + strings.Repeat("%C3%A9", 1004)},
	{"U421", "https://127.0.0.1.nip.example/", "https://127.0.0.1.nip.example/"}, // a name: judged at the dial
}

func TestAcceptedURLs(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{})
	for _, c := range acceptedURLs {
		u, err := p.CheckURL(c.raw)
		require.NoError(t, err, "%s %s", c.id, c.raw)
		require.Equal(t, c.want, u.String(), c.id)
	}
}

// FuzzCheckURL: no panic; errors are typed; an accepted URL has a plain ASCII host, and the address that
// net/http and a C library would take from it is one the policy accepts.
func FuzzCheckURL(f *testing.F) {
	for _, c := range refusedHosts {
		f.Add("https://" + c.host + "/")
	}
	for _, c := range refusedURLs {
		f.Add(c.raw)
	}
	for _, c := range acceptedURLs {
		f.Add(c.raw)
	}
	p := policy(f, egress.Options{Schemes: []string{"https", "http"}})
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := p.CheckURL(raw)
		if err != nil {
			_ = requireRefused(t, err, raw)
			return
		}
		require.Contains(t, []string{"https", "http"}, u.Scheme)
		require.Nil(t, u.User)
		require.Empty(t, u.Fragment)
		for _, r := range u.Host {
			require.Less(t, r, rune(0x80))
		}
		host := u.Hostname()
		if a, err := netip.ParseAddr(host); err == nil {
			require.Empty(t, a.Zone())
			require.NoError(t, p.Check(netip.AddrPortFrom(a, 443)), raw)
			return
		}
		last := strings.TrimSuffix(host, ".")
		last = last[strings.LastIndexByte(last, '.')+1:]
		require.NotEmpty(t, strings.Trim(last, "0123456789"), "a number that is no address: %s", raw)
		again, err := p.CheckURL(u.String())
		if err == nil { // the escaped form may be too long
			require.Equal(t, u.Host, again.Host)
		} else {
			require.Equal(t, egress.URLTooLong, requireRefused(t, err, raw).Code, raw)
		}
	})
}

func TestReasons(t *testing.T) {
	t.Parallel()
	strict := policy(t, egress.Options{})
	both := policy(t, egress.Options{Schemes: []string{"http", "https", "http"}})
	for _, c := range []struct {
		p         *egress.Policy
		raw, want string
	}{
		{strict, "http://example.com/", "must start with https://"},
		{both, "ftp://example.com/", "must start with https:// or http://"},
		{strict, "https://0x7f.1/", "address 127.0.0.1 is not public (loopback)"},
		{strict, "https://localhost/", "host localhost is not public (loopback)"},
		{strict, "https://134744072/", "must contain its address as 8.8.8.8"},
		{strict, "https://example.com:6379/", "port 6379 is not allowed"},
		{strict, "https://example.com/" + strings.Repeat("a", 1024), "must be at most 1024 characters long"},
		{strict, "https://u:p@example.com/", "must not contain a user name or password"},
	} {
		_, err := c.p.CheckURL(c.raw)
		require.EqualError(t, err, c.want)
	}
	var blocked *egress.BlockedError
	_, err := strict.CheckURL("https://[::1]/")
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, egress.Loopback, blocked.Verdict)
	_, err = strict.CheckURL("https://*/")
	require.NotErrorAs(t, err, &blocked)
}

// TestAllowedLoopback is the policy of development and tests.
func TestAllowedLoopback(t *testing.T) {
	t.Parallel()
	p := policy(t, egress.Options{Allow: prefixes("127.0.0.0/8"), Schemes: []string{"https", "http"}})
	for _, raw := range []string{
		"http://127.0.0.1:6379/", "http://127.0.0.66/", "http://localhost:3000/x", "http://app.localhost:22/",
		"http://localhost.:1/", "http://[::ffff:127.0.0.1]:9/", "https://receiver:9200/",
	} {
		_, err := p.CheckURL(raw)
		require.NoError(t, err, raw)
	}
	for raw, want := range map[string]egress.URLCode{
		"http://127.1/":                    egress.URLHost,
		"http://[::1]/":                    egress.URLAddress,
		"http://0.0.0.0/":                  egress.URLAddress,
		"http://10.0.0.1/":                 egress.URLAddress,
		"http://[64:ff9b::7f00:1]/":        egress.URLAddress,
		"http://metadata.google.internal/": egress.URLAddress,
		"https://8.8.8.8:22/":              egress.URLPort,
	} {
		_, err := p.CheckURL(raw)
		require.Equal(t, want, requireRefused(t, err, raw).Code, raw)
	}
	only6 := policy(t, egress.Options{Allow: prefixes("::1/128")})
	_, err := only6.CheckURL("https://localhost:1234/")
	require.NoError(t, err)
}

// get requests raw and returns the error of the client.
func get(tb testing.TB, client *http.Client, raw string) error {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Second) // only a broken guard would wait so long
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	require.NoError(tb, err)
	resp, err := client.Do(req)
	if err == nil {
		require.NoError(tb, resp.Body.Close())
	}
	return err
}

// lookupFunc is a resolver made of a function.
type lookupFunc func(ctx context.Context, host string) ([]netip.Addr, error)

var _ egress.Resolver = lookupFunc(nil)

func (f lookupFunc) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	return f(ctx, host)
}

// answers resolves every name to the same addresses.
func answers(texts ...string) lookupFunc {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, addr(text))
	}
	return func(context.Context, string) ([]netip.Addr, error) { return all, nil }
}

// listen opens listeners on one port of several loopback addresses.
func listen(tb testing.TB, hosts ...string) ([]*net.TCPListener, string) {
	tb.Helper()
	for range 20 { // the port the first got may be taken on another
		if listeners := tryListen(tb, hosts); listeners != nil {
			_, port, err := net.SplitHostPort(listeners[0].Addr().String())
			require.NoError(tb, err)
			return listeners, port
		}
	}
	require.FailNow(tb, "no port free on all addresses", hosts)
	return nil, ""
}

// tryListen returns nil where one of hosts cannot be had.
func tryListen(tb testing.TB, hosts []string) (listeners []*net.TCPListener) {
	tb.Helper()
	port := "0"
	for _, host := range hosts {
		l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", host+":"+port)
		if err != nil {
			for _, opened := range listeners {
				_ = opened.Close()
			}
			return nil
		}
		listeners = append(listeners, l.(*net.TCPListener))
		_, port, err = net.SplitHostPort(l.Addr().String())
		require.NoError(tb, err)
	}
	for _, l := range listeners {
		tb.Cleanup(func() { _ = l.Close() })
	}
	return listeners
}

// requireSilent fails where anybody connected to canary: the first connection in its queue must be the one
// made here.
func requireSilent(tb testing.TB, canary *net.TCPListener) {
	tb.Helper()
	probe, err := new(net.Dialer).DialContext(tb.Context(), "tcp", canary.Addr().String())
	require.NoError(tb, err)
	defer func() { _ = probe.Close() }()
	first, err := canary.Accept()
	require.NoError(tb, err)
	defer func() { _ = first.Close() }()
	require.Equal(tb, probe.LocalAddr().String(), first.RemoteAddr().String(), "somebody connected to %s", canary.Addr())
}

// TestBracketsWithLaxColons: net/url can be told to let an IPv6 address stand without brackets.
func TestBracketsWithLaxColons(t *testing.T) {
	t.Setenv("GODEBUG", "urlstrictcolons=0")
	p := policy(t, egress.Options{})
	_, err := p.CheckURL("https://2606:4700::1111:443/")
	require.Equal(t, egress.URLHost, requireRefused(t, err, "").Code)
	_, err = p.CheckURL("https://[2606:4700::1111]:443/")
	require.NoError(t, err)
}

package egress_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"hookrouter/delivery/egress"
)

// fakeDNS is a name server on loopback, over UDP and TCP.
type fakeDNS struct {
	t      testing.TB
	answer func(q dnsmessage.Question, overTCP bool) *reply // nil: no answer at all

	mu    sync.Mutex
	names []string // asked for, in order
}

// reply is what the server says to one question.
type reply struct {
	code      dnsmessage.RCode
	truncated bool
	cnames    []string // a chain starting at the question
	addrs     []netip.Addr
}

// start returns a resolver that asks the server.
func (f *fakeDNS) start() *net.Resolver {
	udp, err := new(net.ListenConfig).ListenPacket(f.t.Context(), "udp", "127.0.0.1:0")
	require.NoError(f.t, err)
	tcp, err := new(net.ListenConfig).Listen(f.t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(f.t, err)
	f.t.Cleanup(func() { _, _ = udp.Close(), tcp.Close() })
	go f.serveUDP(udp)
	go f.serveTCP(tcp)
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		if strings.HasPrefix(network, "udp") {
			return new(net.Dialer).DialContext(ctx, "udp", udp.LocalAddr().String())
		}
		return new(net.Dialer).DialContext(ctx, "tcp", tcp.Addr().String())
	}}
}

func (f *fakeDNS) serveUDP(conn net.PacketConn) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if out := f.respond(buf[:n], false); out != nil {
			_, _ = conn.WriteTo(out, from)
		}
	}
}

func (f *fakeDNS) serveTCP(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer func() { _ = conn.Close() }()
			var size [2]byte
			for {
				if _, err := io.ReadFull(conn, size[:]); err != nil {
					return
				}
				in := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(conn, in); err != nil {
					return
				}
				out := f.respond(in, true)
				if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...)); err != nil {
					return
				}
			}
		}()
	}
}

// respond builds the answer to one packet.
func (f *fakeDNS) respond(in []byte, overTCP bool) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(in)
	if err != nil {
		return nil
	}
	q, err := parser.Question()
	if err != nil {
		return nil
	}
	f.mu.Lock()
	f.names = append(f.names, q.Name.String())
	f.mu.Unlock()
	r := f.answer(q, overTCP)
	if r == nil {
		return nil
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{
		ID: header.ID, Response: true, RecursionDesired: true, RecursionAvailable: true, RCode: r.code, Truncated: r.truncated,
	})
	b.EnableCompression()
	must := func(err error) {
		if err != nil { // no FailNow outside the test's own goroutine
			f.t.Errorf("build DNS answer: %v", err)
		}
	}
	must(b.StartQuestions())
	must(b.Question(q))
	must(b.StartAnswers())
	name := q.Name
	for _, next := range r.cnames {
		target := dnsmessage.MustNewName(next)
		must(b.CNAMEResource(dnsmessage.ResourceHeader{Name: name, Class: q.Class}, dnsmessage.CNAMEResource{CNAME: target}))
		name = target
	}
	for _, a := range r.addrs {
		h := dnsmessage.ResourceHeader{Name: name, Class: q.Class}
		switch {
		case a.Is4() && q.Type == dnsmessage.TypeA:
			must(b.AResource(h, dnsmessage.AResource{A: a.As4()}))
		case a.Is6() && q.Type == dnsmessage.TypeAAAA:
			must(b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()}))
		}
	}
	out, err := b.Finish()
	must(err)
	return out
}

// always gives every question the same reply.
func always(r reply) func(dnsmessage.Question, bool) *reply {
	return func(dnsmessage.Question, bool) *reply { return &r }
}

// manyAddrs is an answer of n addresses of 127.0.0.0/8, then last.
func manyAddrs(n int, last string) []netip.Addr {
	var all []netip.Addr
	for i := range n {
		all = append(all, netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}))
	}
	return append(all, addr(last))
}

// TestDNS runs Go's resolver against a scripted server. Only 127.0.0.1 may be called; a canary waits on 127.0.0.66.
// D02 and D03 are in TestRebinding.
func TestDNS(t *testing.T) {
	t.Parallel()
	listeners, port := listen(t, "127.0.0.1", "127.0.0.66")
	serve(t, listeners[0])
	canary := addr("127.0.0.66")
	good := addr("127.0.0.1")

	chain := func(n int) (names []string) {
		for i := range n {
			names = append(names, strings.Repeat("x", i+1)+".test.")
		}
		return names
	}
	truncated := func(addrs []netip.Addr) func(dnsmessage.Question, bool) *reply {
		return func(_ dnsmessage.Question, overTCP bool) *reply {
			if !overTCP {
				return &reply{truncated: true}
			}
			return &reply{addrs: addrs}
		}
	}
	longName := strings.TrimSuffix(strings.Repeat("a.", 127), ".")
	const delivered, blocked, notFound, timeout, failed = "delivered", "blocked", "not found", "timeout", "failed"
	t.Run("cases", func(t *testing.T) { // returns when its parallel cases have ended
		for _, c := range []struct {
			id, name string
			answer   func(dnsmessage.Question, bool) *reply
			want     string
		}{
			{"D01 canary only", "a.test", always(reply{addrs: []netip.Addr{canary}}), blocked},
			{"D04 mixed", "a.test", always(reply{addrs: []netip.Addr{canary, good}}), delivered},
			{"D05 loopback AAAA", "a.test", always(reply{addrs: []netip.Addr{netip.IPv6Loopback(), good}}), delivered},
			{"D06 CNAME chain to the canary", "a.test", always(reply{cnames: chain(20), addrs: []netip.Addr{canary}}), blocked},
			{"D07 CNAME loop", "a.test", always(reply{cnames: []string{"b.test.", "a.test."}}), notFound},
			{"D08 thousands of addresses", "a.test", truncated(manyAddrs(3999, "127.0.0.1")), delivered},
			{"D08 thousands of refused addresses", "a.test", truncated(manyAddrs(3999, "127.0.0.66")), blocked},
			{"D09 truncated", "a.test", truncated([]netip.Addr{good}), delivered},
			{"D10 NXDOMAIN", "a.test", always(reply{code: dnsmessage.RCodeNameError}), notFound},
			{"D11 SERVFAIL", "a.test", always(reply{code: dnsmessage.RCodeServerFailure}), failed},
			{"D12 silence", "a.test", func(dnsmessage.Question, bool) *reply { return nil }, timeout},
			{"D13 no search suffix", "svc", always(reply{code: dnsmessage.RCodeNameError}), notFound},
			{"D14 127 labels", longName, always(reply{addrs: []netip.Addr{good}}), delivered},
		} {
			t.Run(c.id, func(t *testing.T) {
				t.Parallel()
				dns := &fakeDNS{t: t, answer: c.answer}
				o := onlyOne(dns.start())
				if c.want == timeout {
					o.DNSTimeout = 50 * time.Millisecond
				}
				client := &http.Client{Transport: egress.NewTransport(policy(t, o), egress.TransportOptions{})}
				err := get(t, client, "http://"+c.name+":"+port+"/")
				client.CloseIdleConnections()

				require.Equal(t, c.want, outcome(err), "%v", err)
				dns.mu.Lock()
				defer dns.mu.Unlock()
				require.NotEmpty(t, dns.names)
				for _, asked := range dns.names {
					require.Equal(t, c.name+".", asked)
				}
			})
		}
	})
	requireSilent(t, listeners[1])
}

// outcome puts a request's error into one word.
func outcome(err error) string {
	var blocked *egress.BlockedError
	var dns *net.DNSError
	switch {
	case err == nil:
		return "delivered"
	case errors.As(err, &blocked):
		return "blocked"
	case !errors.As(err, &dns):
		return "other"
	case dns.IsNotFound:
		return "not found"
	case dns.IsTimeout:
		return "timeout"
	default:
		return "failed"
	}
}

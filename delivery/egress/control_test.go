package egress

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestControlIsTheLastWord: the socket itself refuses, even where the choice of addresses were wrong.
func TestControlIsTheLastWord(t *testing.T) {
	t.Parallel()
	canary, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.66:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = canary.Close() })
	p, err := New(Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	require.NoError(t, err)

	_, err = p.dialer.DialContext(t.Context(), "tcp", canary.Addr().String())
	var blocked *BlockedError
	require.ErrorAs(t, err, &blocked)
	require.Equal(t, Loopback, blocked.Verdict)
	require.ErrorContains(t, p.control(t.Context(), "tcp4", "no address", nil), "parse address")
}

// resolverFunc is a resolver made of a function.
type resolverFunc func() []netip.Addr

func (f resolverFunc) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return f(), nil
}

// TestFewOfManyAddressesAreTried: an answer cannot make us open sockets by the thousand.
func TestFewOfManyAddressesAreTried(t *testing.T) {
	t.Parallel()
	p, err := New(Options{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Resolver: resolverFunc(func() (all []netip.Addr) {
			for i := range 200 {
				all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, byte(i + 1)}))
			}
			return all
		}),
	})
	require.NoError(t, err)
	var tried atomic.Int32
	p.dialer.ControlContext = func(context.Context, string, string, syscall.RawConn) error {
		tried.Add(1)
		return syscall.ECONNREFUSED
	}
	_, err = p.DialContext(t.Context(), "tcp", "many.test:443")
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, int32(8), tried.Load())
}

// TestEverySocketIsChecked is P9: as many checks as connections.
func TestEverySocketIsChecked(t *testing.T) {
	t.Parallel()
	var accepted, checked atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	p, err := New(Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	require.NoError(t, err)
	p.dialer.ControlContext = func(ctx context.Context, network, address string, c syscall.RawConn) error {
		checked.Add(1)
		return p.control(ctx, network, address, c)
	}
	transport := NewTransport(p, TransportOptions{})
	for range 10 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		require.NoError(t, err)
		resp, err := transport.RoundTrip(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		transport.CloseIdleConnections()
	}
	require.Equal(t, int32(10), accepted.Load())
	require.Equal(t, int32(10), checked.Load())
}

package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func ports(dsts []netip.AddrPort) []uint16 {
	var all []uint16
	for _, d := range dsts {
		all = append(all, d.Port())
	}
	return all
}

// dst names addresses by their port, so that tests read well.
func dst(ip string, port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(ip), port)
}

func TestAlternate(t *testing.T) {
	t.Parallel()
	v4, v6 := "192.0.2.1", "2001:db8::1"
	for _, c := range []struct {
		name  string
		dsts  []netip.AddrPort
		limit int
		want  []uint16
	}{
		{"one", []netip.AddrPort{dst(v4, 1)}, 8, []uint16{1}},
		{"one family", []netip.AddrPort{dst(v4, 1), dst(v4, 2), dst(v4, 3)}, 8, []uint16{1, 2, 3}},
		{"first stays first", []netip.AddrPort{dst(v6, 1), dst(v6, 2), dst(v4, 3)}, 8, []uint16{1, 3, 2}},
		{"IPv4 preferred", []netip.AddrPort{dst(v4, 1), dst(v4, 2), dst(v6, 3), dst(v6, 4), dst(v6, 5)}, 8, []uint16{1, 3, 2, 4, 5}},
		{"limit keeps both families", []netip.AddrPort{dst(v6, 1), dst(v6, 2), dst(v6, 3), dst(v4, 4)}, 2, []uint16{1, 4}},
		{"odd limit", []netip.AddrPort{dst(v6, 1), dst(v6, 2), dst(v4, 3), dst(v4, 4)}, 3, []uint16{1, 3, 2}},
	} {
		require.Equal(t, c.want, ports(alternate(c.dsts, c.limit)), c.name)
	}
}

// trackedConn counts how many connections are open.
type trackedConn struct {
	net.Conn
	port uint16
	open *atomic.Int32
}

func (c *trackedConn) Close() error {
	c.open.Add(-1)
	return nil
}

// attempt scripts one address: after takes it answers, with err or a connection.
type attempt struct {
	takes time.Duration
	err   error
}

var errRefused = errors.New("refused")

func TestRace(t *testing.T) {
	t.Parallel()
	const silent = time.Hour
	for _, c := range []struct {
		name    string
		script  []attempt
		wantIdx uint16 // 0: all fail
		wantErr error
		want    time.Duration
	}{
		{"first answers", []attempt{{10 * time.Millisecond, nil}, {0, nil}}, 1, nil, 10 * time.Millisecond},
		{"first refuses, second at once", []attempt{{time.Millisecond, errRefused}, {time.Millisecond, nil}}, 2, nil, 2 * time.Millisecond},
		{"first silent, second after the delay", []attempt{{silent, nil}, {time.Millisecond, nil}}, 2, nil, attemptDelay + time.Millisecond},
		{"two silent", []attempt{{silent, nil}, {silent, nil}, {0, nil}}, 3, nil, 2 * attemptDelay},
		{"slow first beats slower second", []attempt{{300 * time.Millisecond, nil}, {200 * time.Millisecond, nil}}, 1, nil, 300 * time.Millisecond},
		{"late failure of the first", []attempt{{400 * time.Millisecond, errRefused}, {200 * time.Millisecond, nil}}, 2, nil, attemptDelay + 200*time.Millisecond},
		{"all refuse: the first error", []attempt{{0, errRefused}, {0, errors.New("other")}}, 0, errRefused, 0},
		{"all silent: the deadline", []attempt{{silent, nil}, {silent, nil}}, 0, context.DeadlineExceeded, 5 * time.Second},
		{"refusal then silence: the refusal", []attempt{{0, errRefused}, {silent, nil}}, 0, errRefused, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				var open, running atomic.Int32
				var dsts []netip.AddrPort
				for i := range c.script {
					dsts = append(dsts, dst("192.0.2.1", uint16(i+1)))
				}
				began := time.Now()
				conn, err := race(ctx, dsts, func(ctx context.Context, d netip.AddrPort) (net.Conn, error) {
					running.Add(1)
					defer running.Add(-1)
					a := c.script[d.Port()-1]
					select {
					case <-time.After(a.takes):
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					if a.err != nil {
						return nil, a.err
					}
					open.Add(1)
					return &trackedConn{port: d.Port(), open: &open}, nil
				})
				require.Equal(t, c.want, time.Since(began))
				synctest.Wait()
				require.Zero(t, running.Load(), "a loser goes on")
				if c.wantIdx == 0 {
					require.ErrorIs(t, err, c.wantErr)
					require.Zero(t, open.Load())
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.wantIdx, conn.(*trackedConn).port)
				require.Equal(t, int32(1), open.Load())
			})
		})
	}
}

// TestRaceClosesLateWinners: a loser that connects although it was told to stop is closed.
func TestRaceClosesLateWinners(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var open atomic.Int32
		_, err := race(t.Context(), []netip.AddrPort{dst("192.0.2.1", 1), dst("192.0.2.1", 2)},
			func(_ context.Context, d netip.AddrPort) (net.Conn, error) {
				<-time.After(time.Duration(3-d.Port()) * time.Second) // deaf to its context
				open.Add(1)
				return &trackedConn{port: d.Port(), open: &open}, nil
			})
		require.NoError(t, err)
		require.Equal(t, int32(1), open.Load())
		<-time.After(2 * time.Second)
		synctest.Wait()
		require.Equal(t, int32(1), open.Load())
	})
}

package egress

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// attemptDelay is how long a connect may be silent before the next address is tried beside it: the value
// recommended by RFC 8305, section 5. A receiver with broken IPv6 is then reached well within the one
// second that a first attempt has.
const attemptDelay = 250 * time.Millisecond

// connect opens a connection to one address.
type connect func(ctx context.Context, dst netip.AddrPort) (net.Conn, error)

// race connects to the first of dsts that answers, starting them in order: the next one as soon as one
// fails, or after attemptDelay. net.Dialer does so only for names it looks up itself. Where all fail,
// the error is that of the first, which is the preferred address. dsts must not be empty.
func race(ctx context.Context, dsts []netip.AddrPort, dial connect) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the losers
	results := make(chan result, len(dsts))
	started, ended := 0, 0
	start := func() {
		dst := dsts[started]
		started++
		go func() {
			conn, err := dial(ctx, dst)
			results <- result{conn, err}
		}()
	}
	errs := make([]error, 0, len(dsts))
	timer := time.NewTimer(attemptDelay)
	defer timer.Stop()
	start()
	for {
		select {
		case r := <-results:
			ended++
			if r.err == nil {
				go func() {
					for ; ended < started; ended++ {
						if late := <-results; late.err == nil {
							_ = late.conn.Close() // nobody waits for it
						}
					}
				}()
				return r.conn, nil
			}
			errs = append(errs, r.err)
		case <-timer.C:
		}
		switch {
		case started < len(dsts) && ctx.Err() == nil:
			start()
			timer.Reset(attemptDelay)
		case ended == started:
			return nil, errs[0]
		}
	}
}

// alternate reorders dsts so that IPv4 and IPv6 take turns (RFC 8305, section 4), keeping the order within
// each family and the first address first, and returns at most limit of them.
func alternate(dsts []netip.AddrPort, limit int) []netip.AddrPort {
	var preferred, other []netip.AddrPort
	for _, dst := range dsts {
		if dst.Addr().Is4() == dsts[0].Addr().Is4() {
			preferred = append(preferred, dst)
		} else {
			other = append(other, dst)
		}
	}
	turns := make([]netip.AddrPort, 0, min(limit, len(dsts)))
	for i := 0; len(turns) < cap(turns); i++ {
		if i < len(preferred) {
			turns = append(turns, preferred[i])
		}
		if i < len(other) && len(turns) < cap(turns) {
			turns = append(turns, other[i])
		}
	}
	return turns
}

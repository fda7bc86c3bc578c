package delivery

import (
	"context"
	"io"
	"log"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// silentListener accepts connections and never says a word.
func silentListener(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l.Addr().String()
}

// silentListenerClosed is an address where nobody listens.
func silentListenerClosed(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

// hosts is a resolver that knows a few names.
type hosts map[string]netip.Addr

func (h hosts) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if addr, ok := h[host]; ok {
		return []netip.Addr{addr}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// soon is what a look at the queue at noon finds of subscriptions that have something due a second later.
func soon(subs []models.ID) (backlogs []models.Backlog) {
	for _, id := range subs {
		backlogs = append(backlogs, models.Backlog{SubscriptionID: id, Since: noon.Add(time.Second)})
	}
	return backlogs
}

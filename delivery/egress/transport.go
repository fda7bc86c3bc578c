package egress

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"time"
)

// TransportOptions are the settings of [NewTransport] that depend on the deployment. The zero value is a
// good default.
type TransportOptions struct {
	// IdleConnTimeout is how long a connection is kept for the next delivery. Default: 4 s, just below the
	// 5 s after which common servers, Node among them, close an idle connection. A POST written into a
	// connection that is being closed fails without our knowing whether it was read; that costs an
	// attempt, while a new connection costs milliseconds.
	IdleConnTimeout time.Duration
	// MaxIdleConns is how many idle connections are kept in all. Default: 1,024, so that thousands of
	// receivers cannot exhaust the file descriptors of the process.
	MaxIdleConns int
	// MaxIdleConnsPerHost is how many of them may lead to one host and port. Default: 64. Go's own default
	// of 2 would close almost every connection of a burst to one receiver after a single request.
	MaxIdleConnsPerHost int
	// RootCAs are the authorities trusted for receivers' certificates. Default: those of the system.
	RootCAs *x509.CertPool
}

// NewTransport returns a transport whose every connection passes policy. Share one in the whole process:
// connections are reused only within a transport.
//
// It sets no time limit on the exchange itself and no limit of connections to one receiver: the caller's
// request context and its cap on attempts in flight do. Redirects are followed
// by http.Client, not by a transport: whoever follows them does so through this one.
func NewTransport(policy *Policy, o TransportOptions) *http.Transport {
	return &http.Transport{
		// A proxy would connect to the target in our place, unseen by the policy, and the environment may
		// name one for the operator's other programs.
		Proxy:       nil,
		DialContext: policy.DialContext,
		// Off, so that the bytes counted against a limit are those that arrive: a small compressed answer
		// can expand to gigabytes.
		DisableCompression: true,
		// Go turns HTTP/2 off for transports with a dialer of their own unless told otherwise. One
		// connection then carries all deliveries to a receiver.
		ForceAttemptHTTP2: true,
		// Failure policy: a longer header fails the attempt. The default of 10 MiB for each of thousands
		// of receivers is more memory than the process has.
		MaxResponseHeaderBytes: 64 << 10,
		// Failure policy: a receiver that accepts the connection and then is silent fails the attempt,
		// also where the caller has set no deadline.
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     cmp.Or(o.IdleConnTimeout, 4*time.Second),
		MaxIdleConns:        cmp.Or(o.MaxIdleConns, 1024),
		MaxIdleConnsPerHost: cmp.Or(o.MaxIdleConnsPerHost, 64),
		TLSClientConfig: &tls.Config{
			// TLS 1.0 and 1.1 are deprecated by RFC 8996.
			MinVersion: tls.VersionTLS12,
			RootCAs:    o.RootCAs,
			// Connections are short-lived, see IdleConnTimeout. A resumed session spares both sides the
			// costly part of the next handshake.
			ClientSessionCache: tls.NewLRUClientSessionCache(1024),
		},
		HTTP2: &http.HTTP2Config{
			// A connection whose other end is gone would otherwise fail every delivery put on it until the
			// kernel gives up, after minutes. Silence for 5 s during an exchange asks for a sign of life,
			// due within 5 s.
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
			// Failure policy: a receiver that stops reading loses the connection.
			WriteByteTimeout: 10 * time.Second,
		},
	}
}

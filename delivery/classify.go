package delivery

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"hookrouter/delivery/egress"
	"hookrouter/models"
)

// classify puts a failed request into one word and a sentence. The sentences are ours: errors of the network and of parsers quote
// what the peer sent or the address that a name had, and tenants read these.
//
// The order matters. The guard's refusal is wrapped in a dial error; a passed deadline shows itself as whatever was cut off.
func (c *call) classify(ctx context.Context, err error) (models.Reason, string) {
	at := c.trace.state()
	if blocked, ok := errors.AsType[*egress.BlockedError](err); ok {
		if blocked.Verdict == egress.DeniedPort {
			return models.ReasonBlockedAddress, "the endpoint's port is not allowed"
		}
		return models.ReasonBlockedAddress, "the endpoint's address is not public"
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return models.ReasonTimeout, "the call was cut off before its end"
	}
	if ctx.Err() != nil {
		return c.timedOut(at)
	}
	// Before the other time-outs: a resolver that gives up by its own budget says so in a DNS error.
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return models.ReasonDNS, "the endpoint's name did not resolve"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return c.timedOut(at)
	}
	if detail, ok := tlsDetail(err, at); ok {
		return models.ReasonTLS, detail
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return c.timedOut(at)
	}
	if detail, ok := connectDetail(err); ok {
		return models.ReasonConnect, detail
	}
	if broke(err) {
		return models.ReasonReset, "the connection broke or was closed before an answer"
	}
	if strings.HasPrefix(err.Error(), "net/http: invalid header") {
		return models.ReasonInvalid, "a header of the subscription is not valid"
	}
	return models.ReasonProtocol, "the answer is not valid HTTP"
}

// timedOut says in which part of the exchange the time ran out. It is a timeout in every part, also in the look-up: the call did not
// end in time, and that is what decides on the one retry without auto_retry.
func (c *call) timedOut(at hop) (models.Reason, string) {
	within := " within " + c.timeout.String()
	switch {
	case at.connected:
		return models.ReasonTimeout, "no answer" + within
	case !at.tlsStart.IsZero():
		return models.ReasonTimeout, "no TLS handshake" + within
	case at.dnsStart.IsZero() || !at.connectStart.IsZero():
		return models.ReasonTimeout, "no connection" + within
	}
	return models.ReasonTimeout, "the look-up of the endpoint's name did not end" + within
}

// tlsDetail recognizes failed handshakes: by the certificate's fault, by an alert, or because the handshake was the part that
// failed.
func tlsDetail(err error, at hop) (string, bool) {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "the certificate is not signed by a known authority", true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "the certificate is for another host name", true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "the certificate has expired or is not valid yet", true
		}
		return "the certificate is not valid", true
	}
	// With TLS 1.3 a server that wants a client certificate says so after the handshake, in an alert.
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return "the TLS connection was refused", true
	}
	if at.tlsFailed || !at.tlsStart.IsZero() && at.tlsDone.IsZero() && !at.connected {
		return "the TLS handshake failed", true
	}
	return "", false
}

// connectDetail recognizes connections that were never made.
func connectDetail(err error) (string, bool) {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused", true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "the endpoint's address can't be reached", true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "no connection could be made", true
	}
	return "", false
}

// broke recognizes connections that ended before an answer. Some of net/http's errors for that have no type and no exported value,
// so their text is compared; the table of broken receivers in the tests notices when a new Go words them otherwise.
func broke(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNABORTED) {
		return true
	}
	text := err.Error()
	return strings.Contains(text, "server closed idle connection") ||
		strings.Contains(text, "received from peer") || // HTTP/2: RST_STREAM
		strings.Contains(text, "GOAWAY") ||
		strings.Contains(text, "client conn could not be established") || // HTTP/2: broke right after the handshake
		strings.Contains(text, "client connection lost") || strings.Contains(text, "client connection force closed")
}

package main

import (
	"errors"
	"net"
	"net/http"

	"hookrouter/models"
	"hookrouter/signing"
)

// publicURL is where this service is reached: what was set, or the address that it listens on. One that listens on every address is
// reached on the loopback one at least.
func publicURL(set, listen string) string {
	if set != "" {
		return set
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "http://" + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// verdictOf says whether a request that an inbox got was signed with the subscription's secret.
func verdictOf(s *models.Subscription, header http.Header, body []byte) models.Verdict {
	switch err := signing.Verify(header, body, s.Secret.Reveal()); {
	case err == nil:
		return models.VerdictValid
	case errors.Is(err, signing.ErrNoSignature):
		return models.VerdictMissing
	}
	return models.VerdictInvalid
}

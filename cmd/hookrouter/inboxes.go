package main

import (
	"errors"
	"net"
	"net/http"

	"hookrouter/delivery/format"
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

// verdictOf says whether a request that an inbox got comes from whoever knows the subscription's secret. While the secret is exchanged the
// one that is no longer current vouches as well.
func verdictOf(s *models.Subscription, header http.Header, body []byte) models.Verdict {
	f, ok := format.For(s.Format)
	if !ok {
		return models.VerdictUnknown
	}
	var secrets []string
	for _, secret := range []models.Secret{s.Secret, s.Rotation.Secret} {
		if !secret.IsZero() {
			secrets = append(secrets, secret.Reveal())
		}
	}
	switch err := f.Verify(header, body, secrets...); {
	case err == nil:
		return models.VerdictValid
	case errors.Is(err, format.ErrUnsigned):
		return models.VerdictUnsigned
	case errors.Is(err, signing.ErrNoSignature), errors.Is(err, signing.ErrNoStandardHeaders):
		return models.VerdictMissing
	}
	return models.VerdictInvalid
}

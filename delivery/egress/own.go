package egress

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// inboxPath is where the router's inboxes are, below its public address.
const inboxPath = "/inbox/"

// Own is where this router's own inboxes are reached. They are receivers that belong to us, usually at an address that the guard
// refuses: loopback, or a name inside the operator's network. So they are let through, each by its exact address, and nothing else of
// that host is: a subscription, or a redirect, to any other path or with any query meets the guard as ever.
type Own struct {
	scheme, host string
	prefix       string // of the path, up to the token
	tokenLength  int
}

// NewOwn reads the public address of the router: an http or https URL without user, query and fragment. Tokens are so many lower-case
// hexadecimal digits.
func NewOwn(public string, tokenLength int) (*Own, error) {
	u, err := url.Parse(public)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.User != nil, u.RawQuery != "", u.ForceQuery, strings.Contains(public, "#"),
		u.RawPath != "":
		return nil, errors.New("egress: the public address must be an http or https URL with nothing after its path")
	case tokenLength < 1:
		return nil, errors.New("egress: tokens of inboxes have a length")
	}
	return &Own{
		scheme: u.Scheme, host: strings.ToLower(u.Host), prefix: strings.TrimRight(u.Path, "/") + inboxPath, tokenLength: tokenLength,
	}, nil
}

// Address is where the inbox with this token is reached.
func (o *Own) Address(token string) string { return o.scheme + "://" + o.host + o.prefix + token }

// Holds reports whether an address is exactly that of an inbox, in the one spelling that [Own.Address] gives it.
func (o *Own) Holds(u *url.URL) bool {
	token, ok := strings.CutPrefix(u.EscapedPath(), o.prefix)
	return ok && u.Scheme == o.scheme && u.Host == o.host && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Opaque == "" &&
		u.Fragment == "" && len(token) == o.tokenLength && strings.Trim(token, "0123456789abcdef") == ""
}

// OwnChecker checks endpoints as a policy does, but for our own inboxes.
type OwnChecker struct {
	Policy *Policy
	Own    *Own
}

// CheckURL is [Policy.CheckURL], which is not asked about our own inboxes.
func (c OwnChecker) CheckURL(raw string) (*url.URL, error) {
	if strings.HasPrefix(raw, c.Own.Address("")) {
		if u, err := url.Parse(raw); err == nil && c.Own.Holds(u) {
			return u, nil
		}
	}
	return c.Policy.CheckURL(raw)
}

// Transport sends requests to our own inboxes by a transport of their own, and all others by guarded. The two share no connection, so
// one that was opened for an inbox never carries anything else.
func (o *Own) Transport(guarded http.RoundTripper) http.RoundTripper {
	return &ownTransport{own: o, guarded: guarded, direct: &http.Transport{
		Proxy:                  nil, // as in NewTransport
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout:    5 * time.Second,
		IdleConnTimeout:        4 * time.Second,
		MaxIdleConnsPerHost:    16,
		// Failure policy: more calls than that to inboxes wait, within their timeouts. Inboxes are for looking, and load on them is load
		// on this very service.
		MaxConnsPerHost: 64,
	}}
}

type ownTransport struct {
	own             *Own
	guarded, direct http.RoundTripper
}

// RoundTrip makes one call.
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.own.Holds(r.URL) || r.Host != "" && r.Host != r.URL.Host {
		return t.guarded.RoundTrip(r)
	}
	resp, err := t.direct.RoundTrip(r)
	if err != nil {
		return nil, fmt.Errorf("call an inbox: %w", err)
	}
	return resp, nil
}

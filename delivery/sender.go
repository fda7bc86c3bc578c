package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// SenderOptions are what an [HTTPSender] needs. Transport and Now are required.
type SenderOptions struct {
	// Transport makes the connections. It must guard every dial and neither decompress nor use a proxy: http1.Over an egress.NewTransport.
	Transport http.RoundTripper
	// Schemes are those that an endpoint, and each redirect, may have. Default: https.
	Schemes []string
	// Own, where set, reports that an address is one of our own inboxes, which may have any scheme: egress.Own.
	Own func(*url.URL) bool
	// TimeoutFirst and TimeoutRetry bound the whole exchange of a first attempt and of a retry: look-up, connect, redirects and the
	// answer's body, where neither the subscription nor its format says. Default: the vendor's 1 s and 10 s.
	TimeoutFirst, TimeoutRetry time.Duration
	// UserAgent replaces that of the format. Default: the format's.
	UserAgent string
	// MaxBody is how many bytes of an answer's body are read. Default: 64 KiB. Failure policy: the rest is not read and the
	// connection is closed; the answer counts all the same, because its status is what was asked for.
	MaxBody int
	// MaxExcerpt is how many of them are kept with the attempt. Default: 16 KiB.
	MaxExcerpt int
	Now        func() time.Time // required
}

// HTTPSender makes attempts over HTTP. It is safe for concurrent use.
type HTTPSender struct {
	transport  http.RoundTripper
	schemes    []string
	own        func(*url.URL) bool
	first      time.Duration
	retry      time.Duration
	userAgent  string
	maxBody    int
	maxExcerpt int
	now        func() time.Time
	scratch    sync.Pool // *[]byte of maxExcerpt bytes, for reading answers
	desks      sync.Pool // *desk
}

// desk is where a request is written. What is passed to a format ends up on the heap, so it is kept for the next request.
type desk struct {
	job   models.Job
	lines [16]format.Header
}

// NewHTTPSender checks the options and makes a sender.
func NewHTTPSender(o SenderOptions) (*HTTPSender, error) {
	s := &HTTPSender{
		transport:  o.Transport,
		schemes:    o.Schemes,
		own:        o.Own,
		first:      cmp.Or(o.TimeoutFirst, time.Second),
		retry:      cmp.Or(o.TimeoutRetry, 10*time.Second),
		userAgent:  o.UserAgent,
		maxBody:    cmp.Or(o.MaxBody, 64<<10),
		maxExcerpt: cmp.Or(o.MaxExcerpt, 16<<10),
		now:        o.Now,
	}
	if len(s.schemes) == 0 {
		s.schemes = []string{"https"}
	}
	switch {
	case s.transport == nil || s.now == nil:
		return nil, errors.New("sender: transport and clock are required")
	case s.first < 0 || s.retry < 0:
		return nil, errors.New("sender: a timeout is negative")
	case s.maxBody < 0 || s.maxExcerpt < 0 || s.maxExcerpt > s.maxBody:
		return nil, fmt.Errorf("sender: excerpt of %d bytes does not fit into a body of %d", s.maxExcerpt, s.maxBody)
	}
	for _, scheme := range s.schemes {
		if scheme != "https" && scheme != "http" {
			return nil, fmt.Errorf("sender: unknown scheme %q", scheme)
		}
	}
	s.scratch.New = func() any { b := make([]byte, s.maxExcerpt); return &b }
	s.desks.New = func() any { return new(desk) }
	return s, nil
}

// Send makes one attempt: j.Delivery.Attempts+1. It returns when the answer was read or the timeout passed. Canceling ctx cuts the
// call off; what it then returns says nothing about the endpoint.
func (s *HTTPSender) Send(ctx context.Context, j models.Job) models.Attempt {
	start := s.now()
	a := models.Attempt{
		DeliveryID:     j.Delivery.ID,
		OrganizationID: j.Delivery.OrganizationID,
		Number:         j.Delivery.Attempts + 1,
		StartedAt:      start,
	}
	c := call{sender: s, attempt: &a, started: start}
	d, _ := s.desks.Get().(*desk)
	d.job = j
	ready := c.prepare(&d.job, d.lines[:0])
	*d = desk{} // so that it keeps no event alive
	s.desks.Put(d)
	if !ready {
		a.Timings.Total = s.now().Sub(start)
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.run(c.trace.attach(ctx, s.now))
	a.Timings = c.trace.timings(start)
	a.Timings.Total = s.now().Sub(start)
	return a
}

// allows reports whether an address has a scheme that may be called.
func (s *HTTPSender) allows(target *url.URL) bool {
	return slices.Contains(s.schemes, target.Scheme) || s.own != nil && s.own(target)
}

// call is one attempt under way.
type call struct {
	sender  *HTTPSender
	attempt *models.Attempt
	started time.Time
	terms   format.Terms
	timeout time.Duration
	trace   trace

	target *url.URL
	header http.Header // shared by all hops; nobody changes it once it is made
	body   []byte
}

// prepare makes everything that is the same for every hop, and reports whether there is something to send. lines is room for the header.
func (c *call) prepare(j *models.Job, lines []format.Header) bool {
	f, ok := format.For(j.Matched.Format)
	if !ok {
		return c.fail(models.ReasonInvalid, "the subscription has an unknown format")
	}
	c.terms = f.Terms()
	c.timeout = timeout(j.Current, &c.terms, c.attempt.Number, c.sender.first, c.sender.retry)
	target, err := url.Parse(j.Current.Endpoint)
	if err != nil || target.Host == "" {
		return c.fail(models.ReasonInvalid, "the endpoint is not a valid URL")
	}
	target.User, target.Fragment, target.RawFragment = nil, "", ""
	c.aim(target)
	if !c.sender.allows(target) {
		return c.fail(models.ReasonInvalid, "the endpoint's scheme is not allowed")
	}
	c.body = f.Body(j)
	c.attempt.SecretGeneration = j.Current.Signing(c.started).Generation
	lines, err = f.Headers(lines, j, c.body, c.attempt.Number, c.started)
	if err != nil {
		return c.fail(models.ReasonInvalid, "the subscription has no usable secret")
	}
	lines = format.Common(lines, j, c.attempt.Number)
	c.setHeader(lines, j.Current.Headers)
	return true
}

// setHeader makes the header to send and its record. The subscription's own headers come last and replace nothing.
func (c *call) setHeader(lines []format.Header, own []models.Header) {
	n := len(lines) + len(own)
	values := make([]string, n) // one backing array for all of the header's one-element values
	c.header = make(http.Header, n)
	record := newLines(n, 64*n)
	set := func(name, value, shown string) {
		i := len(c.header)
		values[i] = value
		c.header[name] = values[i : i+1 : i+1]
		record.add(name, shown)
	}
	for _, l := range lines {
		if l.Name == "User-Agent" && c.sender.userAgent != "" {
			l.Value = c.sender.userAgent
		}
		shown := l.Value
		if shown != "" && format.Confidential(l.Name) {
			shown = models.NewSecret(shown).String()
		}
		set(l.Name, l.Value, shown)
	}
	for _, h := range own {
		name := http.CanonicalHeaderKey(h.Name)
		if _, taken := c.header[name]; taken || format.Reserved(name) {
			continue // refused when the subscription is written; a row that slipped through must not forge our headers
		}
		set(name, h.Value.Reveal(), h.Value.String())
	}
	c.attempt.RequestHeaders = record.done()
}

// aim makes target the address of the next request and records it without its query, which often holds a credential.
func (c *call) aim(target *url.URL) {
	c.target = target
	c.attempt.Endpoint = target.Scheme + "://" + target.Host + target.EscapedPath()
}

// fail makes the attempt a failure and returns false, for callers that stop then.
func (c *call) fail(reason models.Reason, detail string) bool {
	c.attempt.Success, c.attempt.Reason, c.attempt.Detail = false, reason, detail
	return false
}

// lines collects "Name: value" lines in one piece of memory.
type lines struct {
	text strings.Builder
	ends []int
}

func newLines(n, size int) *lines {
	l := &lines{ends: make([]int, 0, n)}
	l.text.Grow(size)
	return l
}

func (l *lines) add(name, value string) {
	l.text.WriteString(name)
	l.text.WriteString(": ")
	l.text.WriteString(value)
	l.ends = append(l.ends, l.text.Len())
}

func (l *lines) done() []string {
	if len(l.ends) == 0 {
		return nil
	}
	text, out, start := l.text.String(), make([]string, len(l.ends)), 0
	for i, end := range l.ends {
		out[i] = text[start:end]
		start = end
	}
	return out
}

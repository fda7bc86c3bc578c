package delivery

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"hookrouter/models"
)

// run makes the requests of the attempt: one, and one more for each redirect that is followed, where the format follows any. The method, the headers and the
// body stay the same on every hop, and every hop is dialed through the guarded transport. http.Client is not used: it changes the
// method on a 301 or 302, keeps the query in its errors and has a jar for cookies.
func (c *call) run(ctx context.Context) {
	for {
		resp, err := c.sender.transport.RoundTrip(c.request(ctx)) // finish and discard close its body
		if err != nil {
			c.fail(c.classify(ctx, err))
			return
		}
		if resp.StatusCode < 200 {
			// Failure policy: closed unread. After a 101 the connection is no longer HTTP and reading it would hang until the peer
			// ends it, whatever the request's deadline is (golang/go issue 30876).
			_ = resp.Body.Close()
			c.answered(resp)
			c.fail(models.ReasonProtocol, "the answer switches protocols or has no valid status")
			return
		}
		location := redirect(resp)
		if location == "" || c.terms.Redirects == 0 {
			c.finish(ctx, resp)
			return
		}
		c.answered(resp)
		discard(resp)
		if !c.follow(location) {
			return
		}
	}
}

// request makes the next hop's request. GetBody lets net/http send again where it has not written a single byte into a reused
// connection that turned out to be closed; it never does so after the first byte, because the method is POST and no
// Idempotency-Key is sent. The receiver's count of requests is therefore our count of attempts.
func (c *call) request(ctx context.Context) *http.Request {
	body := c.body
	req := &http.Request{
		Method:        http.MethodPost,
		URL:           c.target,
		Host:          c.target.Host,
		Header:        c.header,
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		GetBody:       func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
	}
	return req.WithContext(ctx)
}

// redirect is where the answer sends us, "" where it is not a redirect that is followed. A 303 asks for a GET of something else,
// and any 3xx without a Location asks for nothing: both are successes as they stand.
func redirect(resp *http.Response) string {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location")
	}
	return ""
}

// follow aims at the redirect's target, or fails the attempt. The text of the location is never repeated: it may hold anything.
func (c *call) follow(location string) bool {
	if c.attempt.Redirects == c.terms.Redirects {
		return c.fail(models.ReasonTooManyRedirects, "the endpoint redirected a third time")
	}
	target, err := c.target.Parse(location)
	switch {
	case err != nil || target.Host == "" || target.Opaque != "":
		return c.fail(models.ReasonBadRedirect, "the redirect does not lead to a valid URL")
	case c.target.Scheme == "https" && target.Scheme != "https":
		return c.fail(models.ReasonBadRedirect, "the redirect leads from https to another scheme")
	case !c.sender.allows(target):
		return c.fail(models.ReasonBadRedirect, "the redirect leads to a scheme that is not allowed")
	}
	hop := *target
	hop.User, hop.Fragment, hop.RawFragment = nil, "", ""
	c.attempt.Redirects++
	c.trace.nextHop()
	c.aim(&hop)
	return true
}

// discard reads the little that a redirect usually says, so that its connection can be used again, and closes it. Failure policy:
// more than 4 KiB is not worth reading; the connection is closed instead. The attempt's deadline bounds the reading.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	_ = resp.Body.Close()
}

package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"hookrouter/models"
)

// Bounds of what is recorded of an answer's header. Failure policy: further lines are left out, because a receiver decides how
// many there are and every attempt is stored.
const (
	maxHeaderLines = 64
	maxHeaderBytes = 8 << 10
)

// answered records what every answer has: its status, its header and what it asks for.
func (c *call) answered(resp *http.Response) {
	a := c.attempt
	a.StatusCode = resp.StatusCode
	a.ResponseHeaders = headerLines(resp.Header)
	a.RetryAfter = 0
	if resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable {
		a.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), c.sender.now())
	}
}

// finish reads the last answer and decides success.
func (c *call) finish(ctx context.Context, resp *http.Response) {
	c.answered(resp)
	err := c.readBody(resp)
	_ = resp.Body.Close()
	a := c.attempt
	switch {
	case err != nil && ctx.Err() != nil:
		// Failure policy: the exchange includes the body, so a body that does not end in time fails the attempt.
		c.fail(models.ReasonTimeout, "the answer's body did not end within "+c.timeout.String())
	case !c.terms.Success(resp.StatusCode):
		c.fail(models.ReasonStatus, "the endpoint answered "+strconv.Itoa(resp.StatusCode))
	case err != nil:
		// The status has arrived whole and says that the receiver has taken the delivery. Sending it again would be a duplicate.
		a.Success, a.Detail = true, "the answer's body broke off"
	default:
		a.Success = true
	}
}

// readBody reads the answer's body as far as allowed and keeps its beginning. It returns an error only where the body neither
// ended nor reached the bound.
func (c *call) readBody(resp *http.Response) error {
	if resp.ContentLength == 0 || resp.Body == http.NoBody {
		return nil
	}
	scratch, _ := c.sender.scratch.Get().(*[]byte)
	defer c.sender.scratch.Put(scratch)
	kept, err := fill(*scratch, resp.Body)
	c.attempt.ResponseBody = bytes.Clone((*scratch)[:kept])
	if err == nil { // the excerpt is full: the rest is only counted
		var more int64
		more, err = io.CopyN(io.Discard, resp.Body, int64(c.sender.maxBody-c.sender.maxExcerpt)+1)
		c.attempt.BodyTruncated = more > 0
	}
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	c.attempt.BodyTruncated = true
	return err
}

// fill reads until buf is full or an error, which for a body that has ended is io.EOF.
func fill(buf []byte, r io.Reader) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// headerLines writes an answer's header as sorted lines, bounded, and in text that any database takes: a receiver may send bytes
// that are not UTF-8.
func headerLines(h http.Header) []string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	l := newLines(len(h), 256)
	for _, name := range names {
		for _, value := range h[name] {
			if len(l.ends) == maxHeaderLines || l.text.Len()+len(name)+len(value) > maxHeaderBytes {
				return l.done()
			}
			l.add(name, plainText(value))
		}
	}
	return l.done()
}

// plainText replaces invalid UTF-8 and NUL, which Postgres has no place for in a text.
func plainText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

package http1

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// maxRequest is how large a request may be that is sent from here, head and body, in bytes. It fits into the buffers of any socket, so writing it
// does not wait for the receiver to read, and need not go on beside reading the answer, as that of a larger one must: a receiver may answer
// early.
const maxRequest = 16 << 10

// place is where a request goes.
type place struct {
	scheme, host string // as in its URL
}

// address is the host with its port.
func (p place) address() string {
	port := "80"
	if p.scheme == "https" {
		port = "443"
	}
	u := url.URL{Host: p.host}
	if given := u.Port(); given != "" {
		port = given
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// name is the host without its port.
func (p place) name() string { return (&url.URL{Host: p.host}).Hostname() }

// desk is where a request is written.
type desk struct {
	text  []byte
	names []string
}

// write makes the text of a request, and reads and closes its body. It returns false, with the body untouched, for a request that is not as
// plain as those that are sent from here.
func (d *desk) write(req *http.Request) (ok bool, err error) {
	d.text = d.text[:0]
	if !plain(req) || !d.writeHead(req) {
		return false, nil
	}
	head, size := len(d.text), int(req.ContentLength)
	if head+size > maxRequest {
		return false, nil
	}
	d.text = slices.Grow(d.text, size+1)[:head+size+1]
	n, err := io.ReadFull(req.Body, d.text[head:])
	_ = req.Body.Close()
	if n > size {
		err = errors.New("it is longer than it was said to be")
	}
	if n != size {
		return true, fmt.Errorf("http1: read the request's body: %w", err)
	}
	d.text = d.text[:head+size]
	return true, nil
}

// plain reports whether a request is an ordinary one, its header aside.
func plain(req *http.Request) bool {
	u := req.URL
	return req.Method == http.MethodPost && (u.Scheme == "http" || u.Scheme == "https") && u.Opaque == "" && u.User == nil &&
		plainHost(u.Host) && (req.Host == "" || req.Host == u.Host) &&
		req.Body != nil && req.GetBody != nil && req.ContentLength > 0 && req.ContentLength < maxRequest &&
		len(req.TransferEncoding) == 0 && len(req.Trailer) == 0 && !req.Close
}

// plainHost reports whether a host stands in a request as it stands in a URL: no zone of an address, nothing to be encoded, no empty port.
func plainHost(host string) bool {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]"
	return host != "" && host[0] != ':' && host[len(host)-1] != ':' && strings.Trim(host, plain) == ""
}

// writeHead writes the head of a request as net/http does. It returns false where net/http would not, or would do more than that.
func (d *desk) writeHead(req *http.Request) bool {
	path := req.URL.RequestURI()
	if strings.ContainsFunc(path, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	agent := req.Header["User-Agent"]
	if len(agent) != 1 || agent[0] == "" || !httpguts.ValidHeaderFieldValue(agent[0]) {
		return false
	}
	d.text = append(d.text, "POST "...)
	d.text = append(d.text, path...)
	d.text = append(d.text, " HTTP/1.1\r\n"...)
	d.line("Host", req.URL.Host)
	d.line("User-Agent", agent[0])
	d.text = append(d.text, "Content-Length: "...)
	d.text = strconv.AppendInt(d.text, req.ContentLength, 10)
	d.text = append(d.text, "\r\n"...)
	if !d.writeHeader(req.Header) {
		return false
	}
	d.text = append(d.text, "\r\n"...)
	return true
}

// writeHeader writes all lines of a header but the user agent's, sorted.
func (d *desk) writeHeader(header http.Header) bool {
	d.names = d.names[:0]
	for name := range header {
		switch http.CanonicalHeaderKey(name) {
		case "User-Agent":
			if name != "User-Agent" {
				return false
			}
			continue
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection", "Upgrade", "Expect", "Te", "Keep-Alive", "Proxy-Connection":
			return false // they say how the exchange goes on
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		d.names = append(d.names, name)
	}
	slices.Sort(d.names)
	for _, name := range d.names {
		for _, value := range header[name] {
			if !httpguts.ValidHeaderFieldValue(value) {
				return false
			}
			d.line(name, value)
		}
	}
	return true
}

func (d *desk) line(name, value string) {
	d.text = append(d.text, name...)
	d.text = append(d.text, ": "...)
	d.text = append(d.text, textproto.TrimString(value)...)
	d.text = append(d.text, "\r\n"...)
}

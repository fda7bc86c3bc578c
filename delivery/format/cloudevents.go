package format

import (
	"strconv"
	"time"
	"unicode/utf8"

	"hookrouter/models"
)

// cloudEvents is CloudEvents 1.0 over HTTP (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):
// in binary mode the body is the data and the attributes are headers, in structured mode the body is one JSON object with both. They
// are two formats and not one with a setting beside it, because the body of a retry must equal that of the first attempt: the mode
// has to stay with the version of the subscription that matched.
//
// The specification has no signature, so the body is signed as the vendor does. In binary mode that leaves the attributes unsigned.
type cloudEvents struct {
	vendorTerms
	vendorSecret
	structured bool
}

// Name is the format's.
func (f cloudEvents) Name() models.Format {
	if f.structured {
		return models.FormatCloudEventsStructured
	}
	return models.FormatCloudEvents
}

// attribute is one attribute of an event, in a header or as a member of the object.
type attribute struct {
	name   string // as the specification has it
	header string // the same as a header's name in canonical form
	value  string
	truth  bool // a Boolean, which JSON writes without quotes
}

// attributes are those of an event. source is the organization: with the id it names one event in the world. Names of extensions are
// lower-case letters only and short (CloudEvents 1.0, "Attribute Naming Convention").
func attributes(j *models.Job) []attribute {
	e := j.Event
	all := []attribute{
		{name: "specversion", header: "Ce-Specversion", value: "1.0"},
		{name: "id", header: "Ce-Id", value: e.ID.String()},
		{name: "source", header: "Ce-Source", value: "urn:uuid:" + e.OrganizationID.String()},
		{name: "type", header: "Ce-Type", value: e.Name},
		{name: "time", header: "Ce-Time", value: e.Time.UTC().Format(time.RFC3339)},
		{name: "subscriptionid", header: "Ce-Subscriptionid", value: j.Matched.ID.String()},
		{name: "sandbox", header: "Ce-Sandbox", value: strconv.FormatBool(e.Sandbox), truth: true},
	}
	if e.EntityKey != "" && plain(e.EntityKey) {
		all = append(all, attribute{name: "subject", header: "Ce-Subject", value: e.EntityKey})
	}
	if e.Scope != "" {
		all = append(all, attribute{name: "scope", header: "Ce-Scope", value: e.Scope})
	}
	if !e.WorkspaceID.IsZero() {
		all = append(all, attribute{name: "workspaceid", header: "Ce-Workspaceid", value: e.WorkspaceID.String()})
	}
	return all
}

// plain reports whether a text may be an attribute's value: no control characters and no noncharacters (CloudEvents 1.0, "Type
// System"). Failure policy: an optional attribute with another value is left out, because a conformant receiver would refuse the event.
func plain(s string) bool {
	for _, r := range s {
		if r < ' ' || r >= 0x7F && r <= 0x9F || r == utf8.RuneError || r >= 0xFDD0 && r <= 0xFDEF || r&0xFFFE == 0xFFFE {
			return false
		}
	}
	return true
}

// Body is the data alone, or the whole event as an object.
func (f cloudEvents) Body(j *models.Job) []byte {
	if !f.structured {
		return append(make([]byte, 0, len(j.Event.Data)), j.Event.Data...)
	}
	const keys = 512 // more than the keys, ids and punctuation take
	b := make([]byte, 0, keys+len(j.Event.Name)+2*len(j.Event.EntityKey)+len(j.Event.Data))
	b = append(b, '{')
	for _, a := range attributes(j) {
		b = appendString(b, a.name)
		b = append(b, ':')
		if a.truth {
			b = append(b, a.value...)
		} else {
			b = appendString(b, a.value)
		}
		b = append(b, ',')
	}
	b = append(b, `"datacontenttype":"application/json","data":`...)
	b = append(b, j.Event.Data...)
	return append(b, '}')
}

// Headers signs the body, and in binary mode adds the attributes.
func (f cloudEvents) Headers(dst []Header, j *models.Job, body []byte, _ int, issuedAt time.Time) ([]Header, error) {
	contentType := "application/json" // in binary mode this is the attribute datacontenttype
	if f.structured {
		contentType = "application/cloudevents+json; charset=utf-8"
	}
	dst = append(dst, Header{"Content-Type", contentType}, Header{"User-Agent", ownUserAgent})
	if !f.structured {
		for _, a := range attributes(j) {
			dst = append(dst, Header{a.header, percentEncoded(a.value)})
		}
	}
	return vendorSignatures(dst, j.Current, body, issuedAt)
}

// percentEncoded writes an attribute as a header's value: all but printable ASCII, and blank, quote and percent, is percent-encoded
// UTF-8 (HTTP Protocol Binding 1.0, section 3.1.3.2).
func percentEncoded(s string) string {
	const digits = "0123456789ABCDEF"
	var b []byte // nil while nothing had to be encoded
	for i := range len(s) {
		c := s[i]
		encode := c <= ' ' || c > '~' || c == '"' || c == '%'
		switch {
		case encode && b == nil:
			b = append(append(make([]byte, 0, 3*len(s)), s[:i]...), '%', digits[c>>4], digits[c&0xF])
		case encode:
			b = append(b, '%', digits[c>>4], digits[c&0xF])
		case b != nil:
			b = append(b, c)
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}

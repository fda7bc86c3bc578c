package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// Limits of request bodies. Failure policy: beyond them the call is refused, because one caller's body must not take the memory
// of the others; 256 KiB of data is what the large webhook providers take.
const (
	maxEventBody = 512 << 10
	maxEventData = 256 << 10
	maxBatchBody = 4 << 20
	maxOtherBody = 64 << 10

	maxDepth = 64     // of data; deeper nesting breaks recursive parsers of receivers
	maxNodes = 10_000 // values in data

	// What is kept between calls is bounded, so that a few large bodies don't stay in memory.
	maxKeptBody = 1 << 20
	// A client that is still sending would not see the answer. This much more of its body is read and thrown away.
	maxDiscard = 4 << 20
)

// document is a request body and the tokenizer over it. Values that the tokenizer hands out point into the body: they are valid
// until the next reading.
type document struct {
	body bytes.Buffer
	dec  jsontext.Decoder
	// raw is the whole body, since the tokenizer empties the buffer. It is valid as long as the values are.
	raw []byte
	// dubious says that values may hold text that can't be kept: whoever takes one has to ask goodText.
	dubious bool
}

// read takes the body of a call in and refuses what is not JSON by its name, its size or its bytes. The tokenizer then stands
// before the first token; it refuses duplicate names by itself.
func (d *document) read(r *http.Request, limit int64) error {
	if err := checkMediaType(r); err != nil {
		return err
	}
	d.body.Reset()
	if r.ContentLength > limit {
		return tooLarge(r, limit)
	}
	if r.ContentLength > 0 {
		d.body.Grow(int(r.ContentLength) + bytes.MinRead)
	}
	n, err := d.body.ReadFrom(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return &models.Error{
			Code: models.CodeInvalid, Message: "The body could not be read to its end.", Err: err,
			Fields: []models.FieldError{{Name: "body", Reason: "The body could not be read to its end."}},
		}
	case n > limit:
		return tooLarge(r, limit)
	}
	d.raw = d.body.Bytes()
	if d.dubious = mayHaveBadText(d.raw); d.dubious {
		d.dec.Reset(&d.body, jsontext.AllowInvalidUTF8(true)) // so that the field can be named
	} else {
		d.dec.Reset(&d.body)
	}
	return nil
}

// kept reports whether the document may be kept for the next call.
func (d *document) kept() bool { return d.body.Cap() <= maxKeptBody }

// end makes sure that nothing follows the document.
func (d *document) end() error {
	switch _, err := d.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return d.syntaxError(err)
	}
	return invalidBody("The body must be one JSON object; something follows it.")
}

func checkMediaType(r *http.Request) error {
	h := r.Header
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return models.Errorf(models.CodeMediaType, "Compressed bodies are not accepted. Send the JSON as it is.")
	}
	given := h["Content-Type"]
	if len(given) == 1 && given[0] == "application/json" {
		return nil
	}
	if len(given) == 0 && r.ContentLength == 0 {
		return nil // an empty body: it is refused as such
	}
	if len(given) == 1 {
		kind, params, err := mime.ParseMediaType(given[0])
		charset, ok := params["charset"]
		if err == nil && kind == "application/json" && (!ok || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return models.Errorf(models.CodeMediaType, "The Content-Type must be application/json in UTF-8.")
}

func tooLarge(r *http.Request, limit int64) error {
	if r.Header.Get("Expect") == "" { // whoever waits for 100 Continue has sent nothing yet
		_, _ = io.CopyN(io.Discard, r.Body, maxDiscard)
	}
	return models.Errorf(models.CodeTooLarge, "The body is larger than %d KiB.", limit>>10)
}

// invalidBody is the error of a body that is wrong as a whole.
func invalidBody(reason string) error {
	return models.Invalid(models.FieldError{Name: "body", Reason: reason})
}

// syntaxError tells what the tokenizer found and where.
func (d *document) syntaxError(err error) error {
	if errors.Is(err, io.EOF) {
		return invalidBody("The body is empty. It must be one JSON object.")
	}
	s, ok := errors.AsType[*jsontext.SyntacticError](err)
	if !ok {
		return fmt.Errorf("read JSON: %w", err)
	}
	if at := s.ByteOffset; at < int64(len(d.raw)) && d.raw[at] == 0 && s.JSONPointer != "" { // NUL as it is, which is no JSON
		return models.Invalid(models.FieldError{Name: fieldAt(s.JSONPointer), Reason: reason("text", "")})
	}
	return invalidBody(fmt.Sprintf("The body is not valid JSON: %s, at byte %d.", strings.TrimPrefix(s.Err.Error(), "jsontext: "), s.ByteOffset))
}

// shape measures a valid JSON value: how deep it nests and how many values it has, itself included.
func shape(v []byte) (depth, nodes int) {
	nodes = 1
	level, opened := 0, false // opened: the last thing but white space was an opening bracket
	for i := 0; i < len(v); i++ {
		c := v[i]
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		case '}', ']':
			level--
			opened = false
			continue
		}
		if opened { // a first element or member
			nodes++
			opened = false
		}
		switch c {
		case '{', '[':
			level++
			depth = max(depth, level)
			opened = true
		case ',':
			nodes++
		case '"':
			for i++; v[i] != '"'; i++ {
				if v[i] == '\\' {
					i++
				}
			}
		}
	}
	return depth, nodes
}

// text is the content of a JSON string, and false for any other value.
func text(v jsontext.Value) (string, bool) {
	if v.Kind() != jsontext.KindString {
		return "", false
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), true
	}
	s, err := jsontext.AppendUnquote(nil, v)
	return string(s), err == nil
}

package handlers

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// Field is one member of a request's object: what it is called, whether it must be there, and where it goes.
type Field struct {
	Name     string
	Required bool
	Read     Reader
}

// Reader takes a JSON value in, or says what is wrong with it: the tag of a reason, and the place inside the value ("" for the
// value itself, "[2]" for an element).
type Reader func(v jsontext.Value) []Fault

// Fault is one thing that is wrong with a value.
type Fault struct{ Place, Tag string }

func fault(tag string) []Fault { return []Fault{{Tag: tag}} }

// Text reads a string.
func Text(dst *string) Reader {
	return func(v jsontext.Value) []Fault {
		s, ok := text(v)
		if !ok {
			return fault("string")
		}
		*dst = s
		return nil
	}
}

// Flag reads a boolean.
func Flag(dst *bool) Reader {
	return func(v jsontext.Value) []Fault {
		switch string(v) {
		case "true", "false":
			*dst = v[0] == 't'
			return nil
		}
		return fault("boolean")
	}
}

// Integer reads a whole number written without fraction and exponent.
func Integer(dst *int) Reader {
	return func(v jsontext.Value) []Fault {
		n, err := strconv.Atoi(string(v))
		if err != nil {
			return fault("integer")
		}
		*dst = n
		return nil
	}
}

// Number reads a number.
func Number(dst *float64) Reader {
	return func(v jsontext.Value) []Fault {
		if v.Kind() != jsontext.KindNumber {
			return fault("number")
		}
		n, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return fault("number")
		}
		*dst = n
		return nil
	}
}

// Nullable lets read take values other than null; null makes dst nil.
func Nullable[T any](dst **T, read func(*T) Reader) Reader {
	return func(v jsontext.Value) []Fault {
		if v.Kind() == jsontext.KindNull {
			*dst = nil
			return nil
		}
		var value T
		if faults := read(&value)(v); faults != nil {
			return faults
		}
		*dst = &value
		return nil
	}
}

// Texts reads an array of strings.
func Texts(dst *[]string) Reader {
	return func(v jsontext.Value) []Fault {
		if v.Kind() != jsontext.KindBeginArray {
			return fault("array")
		}
		var faults []Fault
		list := []string{}
		dec := jsontext.NewDecoder(bytes.NewBuffer(v))
		if _, err := dec.ReadToken(); err != nil {
			return fault("array")
		}
		for i := 0; dec.PeekKind() != jsontext.KindEndArray; i++ {
			element, err := dec.ReadValue()
			if err != nil {
				return fault("array")
			}
			s, ok := text(element)
			if !ok {
				faults = append(faults, Fault{"[" + strconv.Itoa(i) + "]", "string"})
			}
			list = append(list, s)
		}
		*dst = list
		return faults
	}
}

// members are the members of a request's object. The values point into the document they were read from; one with text that can't
// be kept is nil.
type members map[string]jsontext.Value

// readMembers reads one object and nothing after it.
func (d *document) readMembers() (members, error) {
	found := members{}
	err := d.eachMember(func(name string, v jsontext.Value) { found[name] = v })
	if err != nil {
		return nil, err
	}
	return found, d.end()
}

// eachMember reads one object. A value with text that can't be kept is visited as nil.
func (d *document) eachMember(visit func(name string, v jsontext.Value)) error {
	return d.eachRaw(func(name string, v jsontext.Value, good bool) {
		if !good {
			v = nil
		}
		visit(name, v)
	})
}

// eachRaw reads one object; good says that a value has no text that can't be kept.
func (d *document) eachRaw(visit func(name string, v jsontext.Value, good bool)) error {
	if kind := d.dec.PeekKind(); kind != jsontext.KindBeginObject && kind != jsontext.KindInvalid {
		return invalidBody("The body must be a JSON object.")
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return d.syntaxError(err)
	}
	for d.dec.PeekKind() != jsontext.KindEndObject {
		quoted, err := d.dec.ReadValue()
		if err != nil {
			return d.syntaxError(err)
		}
		if d.dubious && !goodText(quoted) {
			return invalidBody(reason("text", ""))
		}
		name, _ := text(quoted) // the tokenizer lets only strings be names
		v, err := d.dec.ReadValue()
		if err != nil {
			return d.syntaxError(err)
		}
		if depth, _ := shape(v); depth > maxDepth {
			return invalidBody(reason("depth", ""))
		}
		visit(name, v, !d.dubious || goodText(v))
	}
	_, err := d.dec.ReadToken()
	return err
}

// into puts the members where the fields say and reports all that are wrong. Members that no field names are ignored unless their
// text is bad. With partial a field that is absent keeps its value though it is required.
func (m members) into(fields []Field, partial bool) []models.FieldError {
	var wrong []models.FieldError
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] == nil {
			wrong = append(wrong, models.FieldError{Name: shownName(name), Reason: reason("text", "")})
		}
	}
	for _, f := range fields {
		v, given := m[f.Name]
		if !given {
			if f.Required && !partial {
				wrong = append(wrong, models.FieldError{Name: f.Name, Reason: reason("missing", "")})
			}
			continue
		}
		if v == nil {
			continue
		}
		for _, fault := range f.Read(v) {
			wrong = append(wrong, models.FieldError{Name: f.Name + fault.Place, Reason: reason(fault.Tag, "")})
		}
	}
	return wrong
}

// ReadFields reads the body of a management call into fields. The error names every one that is missing or of the wrong type.
// With partial, as for PATCH, absent fields keep their values.
func ReadFields(r *http.Request, partial bool, fields ...Field) error {
	var d document
	if err := d.read(r, maxOtherBody); err != nil {
		return err
	}
	m, err := d.readMembers()
	if err != nil {
		return err
	}
	if wrong := m.into(fields, partial); wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// ReadAction reads the body of a call that does something, such as to send again. A field that it does not know is an error: ignored, a filter
// with a typing error selects everything, and a dry run that is misspelt is none.
// One in the address is as wrong.
func ReadAction(r *http.Request, fields ...Field) error {
	if err := refuseParameters(r); err != nil {
		return err
	}
	var d document
	if err := d.read(r, maxOtherBody); err != nil {
		return err
	}
	return d.action(fields)
}

// action reads one object of known fields and nothing after it.
func (d *document) action(fields []Field) error {
	m, err := d.readMembers()
	if err != nil {
		return err
	}
	if wrong := append(m.into(fields, false), m.unknown(fields)...); wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// ReadNothing reads the body of a call that needs none: it may be missing, null, which is how some clients write that, or an empty object. With
// anything in it the caller expects something that would not happen, such as a dry run.
func ReadNothing(r *http.Request) error {
	if err := refuseParameters(r); err != nil {
		return err
	}
	if r.ContentLength == 0 {
		return nil
	}
	var d document
	if err := d.read(r, maxOtherBody); err != nil {
		return err
	}
	if string(bytes.TrimSpace(d.raw)) == "null" {
		return nil
	}
	return d.action(nil)
}

// unknown are the members that no field names.
func (m members) unknown(fields []Field) (wrong []models.FieldError) {
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] != nil && !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			wrong = append(wrong, models.FieldError{Name: shownName(name), Reason: reason("field", "")})
		}
	}
	return wrong
}

// reason is the sentence of a tag. Every rule of the surface has its own.
func reason(tag, param string) string {
	sentence, ok := reasons[tag]
	if !ok {
		return "This value is not valid."
	}
	if strings.Contains(sentence, "%s") {
		return fmt.Sprintf(sentence, param)
	}
	return sentence
}

// eachMember visits the members of an object in their order, and reports whether it is one. A value is good until visit returns.
func eachMember(v jsontext.Value, visit func(name string, value jsontext.Value)) bool {
	if v.Kind() != jsontext.KindBeginObject {
		return false
	}
	dec := jsontext.NewDecoder(bytes.NewBuffer(v))
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for dec.PeekKind() != jsontext.KindEndObject {
		quoted, err := dec.ReadValue()
		if err != nil {
			return false
		}
		name, _ := text(quoted)
		value, err := dec.ReadValue()
		if err != nil {
			return false
		}
		visit(name, value)
	}
	return true
}

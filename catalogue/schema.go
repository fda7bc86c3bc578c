package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"hookrouter/models"
)

const (
	// MaxWork is the work of checking that one call may ask for, in units of [Schema.Work]. Failure policy: a unit takes some nanoseconds,
	// 30 at the worst, so a call can't keep a core for longer than about a second.
	MaxWork = 32 << 20

	maxFaults = 10  // of one event that are told
	maxReason = 240 // bytes of one reason; it may quote the data
	// maxDigits bounds a number in checked data, in its digits and its exponent. Failure policy: numbers are compared exactly, which for
	// 1e999999 means a number of a million digits.
	maxDigits = 400

	location = "schema:///type"
)

// Schema is a compiled JSON Schema. It may be used by many at the same time.
type Schema struct {
	compiled *jsonschema.Schema
	weight   int
}

// Compile reads a JSON Schema: of draft 2020-12, or of 2019-09 or 7 where $schema says so. The error is a sentence for people. A schema
// is refused that is no schema, too large or too heavy, refers to anything but parts of itself, or refers in a circle. Patterns are of
// RE2's syntax. As the standard has it, format is not asserted.
func Compile(text []byte) (*Schema, error) {
	if len(text) > models.MaxSchema {
		return nil, models.Errorf(models.CodeInvalid, "The schema must not be larger than %d KiB.", models.MaxSchema>>10)
	}
	doc, err := decode(text)
	if err != nil {
		return nil, err
	}
	if _, ok := doc.(map[string]any); !ok {
		return nil, models.Errorf(models.CodeInvalid, "The schema must be a JSON object.")
	}
	weight, err := weigh(doc)
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nothing{})
	err = c.AddResource(location, doc)
	var compiled *jsonschema.Schema
	if err == nil {
		compiled, err = c.Compile(location)
	}
	if err != nil {
		return nil, models.Errorf(models.CodeInvalid, "This is not a valid JSON Schema: %s", bounded(firstFault(err)))
	}
	return &Schema{compiled: compiled, weight: weight}, nil
}

// nothing loads no other document, from wherever.
type nothing struct{}

// Load refuses.
func (nothing) Load(string) (any, error) {
	return nil, models.Errorf(models.CodeInvalid, "other documents are not loaded")
}

// Work is what checking data of a size takes at most, in steps.
func (s *Schema) Work(size int) int { return s.weight * size }

// Check says what is wrong with a JSON document, the first faults of it, each with its place under the given name.
func (s *Schema) Check(name string, data []byte) []models.FieldError {
	doc, err := decode(data)
	if err != nil {
		return []models.FieldError{{Name: name, Reason: err.Error()}}
	}
	err = s.compiled.Validate(doc)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []models.FieldError{{Name: name, Reason: "The data could not be checked against its schema."}}
	}
	var wrong []models.FieldError
	collect(invalid, func(fault *jsonschema.ValidationError) bool {
		place := name + place(fault.InstanceLocation)
		for _, known := range wrong {
			if known.Name == place {
				return true // one fault for each place: the alternatives of an anyOf would all be told
			}
		}
		wrong = append(wrong, models.FieldError{Name: place, Reason: sentence(fault)})
		return len(wrong) < maxFaults
	})
	return wrong
}

// collect visits the faults that have no further cause, as long as visit wants more.
func collect(e *jsonschema.ValidationError, visit func(*jsonschema.ValidationError) bool) bool {
	if len(e.Causes) == 0 {
		return visit(e)
	}
	for _, cause := range e.Causes {
		if !collect(cause, visit) {
			return false
		}
	}
	return true
}

// sentence is the reason of a fault as our other reasons are written.
func sentence(e *jsonschema.ValidationError) string {
	return "The schema says: " + bounded(e.ErrorKind.LocalizedString(message.NewPrinter(language.English))) + "."
}

// firstFault is the innermost text of what is wrong with a schema, without our made-up address.
func firstFault(err error) string {
	var text string
	if schema, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](schema.Err); ok {
			collect(invalid, func(fault *jsonschema.ValidationError) bool {
				text = "at " + strconv.Quote(pointer(fault.InstanceLocation)) + ": " +
					fault.ErrorKind.LocalizedString(message.NewPrinter(language.English))
				return false
			})
			return text + "."
		}
	}
	return strings.ReplaceAll(err.Error(), location, "") + "."
}

func pointer(tokens []string) string { return "/" + strings.Join(tokens, "/") }

// place is where in a document something is: ".total", "[3].price".
func place(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		if _, err := strconv.Atoi(t); err == nil {
			b.WriteString("[" + t + "]")
		} else {
			b.WriteString("." + t)
		}
		if b.Len() > maxReason {
			break
		}
	}
	return bounded(b.String())
}

// bounded cuts a text that may quote the client's own, between characters.
func bounded(s string) string {
	if len(s) <= maxReason {
		return s
	}
	end := maxReason
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// decode reads a JSON document with its numbers as they stand, and refuses numbers that are too large to be compared.
func decode(text []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, models.Errorf(models.CodeInvalid, "This value must be valid JSON.")
	}
	if !measurable(doc) {
		return nil, models.Errorf(models.CodeInvalid, "A number in it has more than %d digits, or an exponent beyond that.", maxDigits)
	}
	return doc, nil
}

// measurable reports whether all numbers in a document are within the bounds.
func measurable(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, e := range v {
			if !measurable(e) {
				return false
			}
		}
	case []any:
		for _, e := range v {
			if !measurable(e) {
				return false
			}
		}
	case json.Number:
		if len(v) > maxDigits {
			return false
		}
		if i := strings.IndexAny(string(v), "eE"); i >= 0 {
			n, err := strconv.Atoi(string(v[i+1:]))
			return err == nil && n >= -maxDigits && n <= maxDigits
		}
	}
	return true
}

package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// Part is a member of a request's object that is an object with fields of its own. The first of its names is the one that errors say
// where it is missing.
type Part struct {
	Names    []string
	Required bool
	Fields   []Field
}

// ReadParts is [ReadFields] for a body with a part; it names the fields of the part with that, as in "webhook.callback".
func ReadParts(r *http.Request, fields []Field, part Part) error {
	var d document
	if err := d.read(r, maxOtherBody); err != nil {
		return err
	}
	given := members{}
	var found string
	var inner jsontext.Value
	var twice bool
	err := d.eachRaw(func(name string, v jsontext.Value, good bool) {
		switch {
		case slices.Contains(part.Names, name):
			twice = found != ""
			found, inner = name, v.Clone()
		case good:
			given[name] = v
		default:
			given[name] = nil
		}
	})
	if err == nil {
		err = d.end()
	}
	if err != nil {
		return err
	}
	wrong := given.into(fields, false)
	switch {
	case twice:
		wrong = append(wrong, models.FieldError{Name: found, Reason: reason("part_twice", strings.Join(part.Names, " or "))})
	case found != "":
		more, err := part.read(found, inner, d.dubious)
		if err != nil {
			return err
		}
		wrong = append(wrong, more...)
	case part.Required:
		wrong = append(wrong, models.FieldError{Name: part.Names[0], Reason: reason("missing", "")})
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// read reads the part's own object, whose syntax has been checked.
func (p *Part) read(name string, v jsontext.Value, dubious bool) ([]models.FieldError, error) {
	if v.Kind() != jsontext.KindBeginObject {
		return []models.FieldError{{Name: name, Reason: reason("object", "")}}, nil
	}
	d := document{raw: v, dubious: dubious}
	d.body.Write(v)
	d.dec.Reset(&d.body, jsontext.AllowInvalidUTF8(dubious))
	given, err := d.readMembers()
	if err != nil {
		return nil, err
	}
	wrong := given.into(p.Fields, false)
	for i := range wrong {
		wrong[i].Name = name + "." + wrong[i].Name
	}
	return wrong, nil
}

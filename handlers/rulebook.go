package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"hookrouter/models"
)

// rulebook checks input with the validator.
type rulebook struct {
	validate  *validator.Validate
	catalogue *models.Catalogue
	endpoints EndpointChecker
	formats   Formats
	reserved  func(header string) bool
}

func newRulebook(catalogue *models.Catalogue, endpoints EndpointChecker, formats Formats, reserved func(string) bool) (*rulebook, error) {
	r := &rulebook{
		validate:  validator.New(validator.WithRequiredStructEnabled()),
		catalogue: catalogue, endpoints: endpoints, formats: formats, reserved: reserved,
	}
	r.validate.RegisterTagNameFunc(func(f reflect.StructField) string { return f.Tag.Get("json") })
	for tag, holds := range map[string]func(string) bool{
		"endpoint":    func(s string) bool { return r.endpointFault(s) == "" },
		"safe":        safeText,
		"printable":   printable,
		"format":      func(s string) bool { return slices.Contains(formats.Names(), models.Format(s)) },
		"masked":      func(s string) bool { return s != secretMask },
		"web_address": webAddress,
		"entity_key":  func(s string) bool { return s != "" && len(s) <= models.MaxEntityKey },
		"pattern":     func(s string) bool { return patternFault(s) == "" },
		"new_type":    func(s string) bool { return models.ValidEventName(s) },
		"not_ours":    func(s string) bool { return !models.Operational(s) },
		"new_scope":   validScopeName,
		"uuid":        func(s string) bool { id, err := models.ParseID(s); return err == nil && !id.IsZero() },
		"workspace":   func(s string) bool { _, err := models.ParseID(s); return err == nil || s == models.Any },
	} {
		err := r.validate.RegisterValidation(tag, func(fl validator.FieldLevel) bool { return holds(fl.Field().String()) })
		if err != nil {
			return nil, fmt.Errorf("register rule %s: %w", tag, err)
		}
	}
	r.validate.RegisterStructValidation(r.webhookRules, webhookInput{})
	return r, nil
}

// check returns what is wrong with an input, together with the fields that could not even be read. With changed, only rules that
// have to do with those fields count: a PATCH must not fail because of what was stored under earlier rules.
func (r *rulebook) check(in any, unread []models.FieldError, changed func(field string) bool) []models.FieldError {
	all := unread
	reported := make(map[string]bool, len(unread))
	for _, f := range unread {
		reported[baseName(f.Name)] = true
	}
	faults, _ := errors.AsType[validator.ValidationErrors](r.validate.Struct(in))
	for _, fe := range faults {
		name := fe.Field()
		base := baseName(name)
		if reported[base] || reported[name] || changed != nil && !changed(base) && (fe.Tag() != "sandbox_workspaces" || !changed("sandbox")) {
			continue
		}
		reported[name] = true
		all = append(all, models.FieldError{Name: name, Reason: r.reasonOf(fe)})
	}
	return all
}

// read reads a body into an input and checks it.
func (r *rulebook) read(req *http.Request, in any, fields ...Field) error {
	var d document
	if err := d.read(req, maxOtherBody); err != nil {
		return err
	}
	return r.take(&d, in, fields)
}

// readIfAny is read for an input that is good as it is: the body may be missing, also where only its end tells so.
func (r *rulebook) readIfAny(req *http.Request, in any, fields ...Field) error {
	if req.ContentLength == 0 {
		return nil
	}
	var d document
	if err := d.read(req, maxOtherBody); err != nil || len(d.raw) == 0 {
		return err
	}
	return r.take(&d, in, fields)
}

// take puts what a body says into an input and checks it.
func (r *rulebook) take(d *document, in any, fields []Field) error {
	given, err := d.readMembers()
	if err != nil {
		return err
	}
	if wrong := r.check(in, given.into(fields, false), nil); wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// baseName is the name of a field without the place in it.
func baseName(name string) string {
	base, _, _ := strings.Cut(name, "[")
	return base
}

// reasonOf is the sentence for what the validator found.
func (r *rulebook) reasonOf(fe validator.FieldError) string {
	tag, param := fe.Tag(), fe.Param()
	switch tag {
	case "min", "max", "len":
		tag += "/" + fe.Kind().String()
	case "endpoint":
		param = r.endpointFault(fe.Value().(string))
	case "format":
		for i, name := range r.formats.Names() {
			if i > 0 {
				param += " "
			}
			param += string(name)
		}
	case "pattern":
		param = patternFault(fe.Value().(string))
	}
	return reason(tag, param)
}

func (r *rulebook) endpointFault(raw string) string {
	if _, err := r.endpoints.CheckURL(raw); err != nil {
		return err.Error()
	}
	return ""
}

func patternFault(s string) string {
	_, err := models.ParsePattern(s)
	if e, ok := errors.AsType[*models.Error](err); ok {
		return e.Message
	}
	return ""
}

package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"hookrouter/web/ui"
)

// typeForm is the editor of an event type of the organization's own: what was typed, and what is wrong with it.
type typeForm struct {
	was         *wholeType // nil for a new one
	name        string
	description string
	sample      string
	schema      string
	faults      faults
	checked     bool
}

// emptySample is what a new one begins with.
const emptySample = "{\n  \"id\": \"3d0a\"\n}"

func (s *site) newType(v *view) error {
	return v.showTypeForm(http.StatusOK, &typeForm{sample: emptySample})
}

func (s *site) editType(v *view) error {
	t, err := v.typeOf()
	if err != nil {
		return err
	}
	if !t.own() {
		return v.goTo(t.path(), "It is built in and can't be changed.")
	}
	return v.showTypeForm(http.StatusOK, &typeForm{
		was: t, name: t.Name, description: t.Description, sample: indentedJSON(t.Sample), schema: indentedJSON(t.Schema),
	})
}

// indentedJSON is a JSON text with one value a line.
func indentedJSON(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return string(raw)
	}
	return b.String()
}

func (v *view) showTypeForm(status int, f *typeForm) error {
	title := "New event type"
	if f.was != nil {
		title = "Edit " + f.was.Name
	}
	return v.renderAs(status, title, typeFormPage(v, title, f))
}

func (v *view) sentType() *typeForm {
	return &typeForm{
		name: strings.TrimSpace(v.form.Get("name")), description: strings.TrimSpace(v.form.Get("description")),
		sample: lines(v.form.Get("sample")), schema: lines(v.form.Get("schema")),
	}
}

// lines is a text as it was typed: forms end lines with CR LF.
func lines(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }

// body is what the API is sent. What is no JSON does not get there: the place of the error is told beside the field.
func (f *typeForm) body(withName bool) (map[string]any, faults) {
	wrong := faults{}
	b := map[string]any{"description": f.description, "sample": jsonOf(f.sample, "sample", wrong), "schema": nil}
	if f.schema != "" {
		b["schema"] = jsonOf(f.schema, "schema", wrong)
	}
	if withName {
		b["name"] = f.name
	}
	if len(wrong) > 0 {
		return b, wrong
	}
	return b, nil
}

// jsonOf is a text as the JSON that it is.
func jsonOf(text, field string, wrong faults) any {
	var v json.RawMessage
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return v
	}
	wrong[field] = "This value is required."
	if text != "" {
		at := len(text)
		if e, ok := errors.AsType[*json.SyntaxError](err); ok {
			at = min(int(e.Offset), at)
		}
		wrong[field] = "This is not JSON: look at line " + itoa(1+strings.Count(text[:max(0, at-1)], "\n")) + "."
	}
	return text
}

// save is the call that the form makes.
func (f *typeForm) save() (ui.Call, faults) {
	body, wrong := f.body(f.was == nil)
	if f.was == nil {
		return callJSON(http.MethodPost, "/v3/event_types", body), wrong
	}
	return callJSON(http.MethodPatch, f.was.call(), body), wrong
}

// saveCall is the call for the curl line.
func (f *typeForm) saveCall() ui.Call {
	c, _ := f.save()
	return c
}

func (f *typeForm) action() string {
	if f.was == nil {
		return typesPath + "/new"
	}
	return f.was.path() + "/edit"
}

func (s *site) saveType(v *view) error {
	f := v.sentType()
	if v.r.PathValue("name") != "" {
		t, err := v.typeOf()
		if err != nil {
			return err
		}
		f.was, f.name = t, t.Name
	}
	var saved wholeType
	call, wrong := f.save()
	if wrong == nil {
		err := v.do(call, &saved)
		if wrong = faultsOf(err); wrong == nil && err != nil {
			return err
		}
	}
	if f.faults = wrong; wrong != nil {
		return v.showTypeForm(http.StatusUnprocessableEntity, f)
	}
	return v.goTo(saved.path(), "Event type saved.")
}

// typeNamed reads an event type, nil where there is none of that name.
func (v *view) typeNamed(name string) (*wholeType, error) {
	t := &wholeType{}
	err := v.get("/v3/event_types/"+url.PathEscape(name), t)
	switch mishapStatus(err) {
	case 0:
		return t, nil
	case http.StatusNotFound:
		return nil, nil //nolint:nilnil // as the comment says
	}
	return nil, err
}

// checkType lets the API check what was typed so far, and stores nothing.
func (s *site) checkType(v *view) error {
	f := v.sentType()
	there, err := v.typeNamed(orWords(v.form.Get("was"), f.name))
	if err != nil {
		return err
	}
	if v.form.Get("was") != "" && there != nil {
		f.was, f.name = there, there.Name
	}
	body, wrong := f.body(true)
	if wrong == nil {
		err := v.do(callJSON(http.MethodPost, "/v3/event_types/dry_run", body), nil)
		if wrong = faultsOf(err); wrong == nil && err != nil {
			return err
		}
	}
	if wrong == nil && f.was == nil && there != nil {
		wrong = faults{"name": "There is one of this name already."}
	}
	f.faults, f.checked = wrong, true
	if !v.partial() {
		return v.showTypeForm(http.StatusOK, f)
	}
	return v.fragment(typeCheck(f))
}

package web

import (
	"net/http"
	"net/url"
	"strings"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// names is a page of things that are little more than a name: scopes or workspaces.
type names struct {
	list   []named
	faults faults // of the form whose name is at
	at     string // the id or name that a form is about, "" for the one that adds
	typed  url.Values
	first  string
	next   string
}

// fault is what is wrong with a field of one of the forms.
func (n *names) fault(at, field string) string {
	if n.faults == nil || n.at != at {
		return ""
	}
	return n.faults[field]
}

// value is what was typed into a field that comes back, or what is there.
func (n *names) value(at, field, is string) string {
	if n.faults == nil || n.at != at {
		return is
	}
	return n.typed.Get(field)
}

func (v *view) readNames(path, page string, n *names) error {
	given := v.r.URL.Query()
	q := url.Values{"limit": {"50"}}
	set(q, "after", given.Get("after"))
	var got apiPage[named]
	if err := v.get(path+"?"+q.Encode(), &got); err != nil {
		return err
	}
	n.list = got.Data
	n.first, n.next = got.pages(page, given)
	return nil
}

func (s *site) listScopes(v *view) error { return v.scopesPage(http.StatusOK, &names{}) }

func (v *view) scopesPage(status int, n *names) error {
	if err := v.readNames("/v3/scopes", scopesPath, n); err != nil {
		return err
	}
	return v.renderAs(status, "Scopes", scopesPage(v, n))
}

func scopeCall(name string) string { return "/v3/scopes/" + url.PathEscape(name) }

// changeScopes adds, changes or removes one. What is built in can't be changed; the API says so.
func (s *site) changeScopes(v *view) error {
	at, text := v.form.Get("at"), strings.TrimSpace(v.form.Get("description"))
	call, done := callJSON(http.MethodPost, "/v3/scopes", map[string]any{"name": strings.TrimSpace(v.form.Get("name")), "description": text}), "Scope added."
	switch v.form.Get("do") {
	case "change":
		call, done = callJSON(http.MethodPatch, scopeCall(at), map[string]any{"description": text}), "Scope changed."
	case "remove":
		call, done = ui.Call{Method: http.MethodDelete, Path: scopeCall(at)}, "Scope removed."
	}
	return v.changeNames(call, at, scopesPath, done, v.scopesPage)
}

func (v *view) changeNames(call ui.Call, at, path, done string, page func(int, *names) error) error {
	err := v.do(call, nil)
	if f := faultsOf(err); f != nil {
		return page(http.StatusUnprocessableEntity, &names{faults: f, at: at, typed: v.form})
	}
	if err != nil {
		return err
	}
	return v.goTo(path, done)
}

func (s *site) listWorkspaces(v *view) error { return v.workspacesPage(http.StatusOK, &names{}) }

func (v *view) workspacesPage(status int, n *names) error {
	if err := v.readNames("/v3/workspaces", workspacesPath, n); err != nil {
		return err
	}
	return v.renderAs(status, "Workspaces", workspacesPage(v, n))
}

func workspaceCall(id string) string { return "/v3/workspaces/" + url.PathEscape(id) }

// changeWorkspaces adds, renames or removes one.
func (s *site) changeWorkspaces(v *view) error {
	at, name := v.form.Get("at"), strings.TrimSpace(v.form.Get("name"))
	body := map[string]any{"name": name}
	if id := strings.TrimSpace(v.form.Get("id")); id != "" {
		body["id"] = id
	}
	call, done := callJSON(http.MethodPost, "/v3/workspaces", body), "Workspace added."
	switch v.form.Get("do") {
	case "change":
		call, done = callJSON(http.MethodPatch, workspaceCall(at), map[string]any{"name": name}), "Workspace renamed."
	case "remove":
		call, done = ui.Call{Method: http.MethodDelete, Path: workspaceCall(at)}, "Workspace removed."
	}
	return v.changeNames(call, at, workspacesPath, done, v.workspacesPage)
}

// builtinScope reports whether a scope comes with the program.
func builtinScope(name string) bool {
	_, ok := models.BuiltinCatalogue().Scope(name)
	return ok
}

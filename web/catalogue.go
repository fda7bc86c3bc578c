package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const (
	cataloguePath  = root + "/catalogue"
	typesPath      = cataloguePath + "/types"
	scopesPath     = cataloguePath + "/scopes"
	workspacesPath = cataloguePath + "/workspaces"
)

func (s *site) catalogueRoutes() []route {
	const manage = models.ActionManage
	kind := typesPath + "/{name}"
	return []route{
		{pattern: "GET " + cataloguePath, page: s.listTypes},
		{pattern: "GET " + typesPath + "/new", action: manage, page: s.newType},
		{pattern: "POST " + typesPath + "/new", action: manage, page: s.saveType},
		{pattern: "POST " + typesPath + "/check", action: manage, page: s.checkType},
		{pattern: "GET " + kind, page: s.showType},
		{pattern: "GET " + kind + "/edit", action: manage, page: s.editType},
		{pattern: "POST " + kind + "/edit", action: manage, page: s.saveType},
		{pattern: "GET " + kind + "/delete", action: manage, page: s.askDeleteType},
		{pattern: "POST " + kind + "/delete", action: manage, page: s.deleteType},
		{pattern: "GET " + scopesPath, page: s.listScopes},
		{pattern: "POST " + scopesPath, action: manage, page: s.changeScopes},
		{pattern: "GET " + workspacesPath, page: s.listWorkspaces},
		{pattern: "POST " + workspacesPath, action: manage, page: s.changeWorkspaces},
	}
}

func catalogueTabs(current string) []ui.Tab {
	tabs := []ui.Tab{{Label: "Event types", Href: cataloguePath}, {Label: "Scopes", Href: scopesPath}, {Label: "Workspaces", Href: workspacesPath}}
	for i := range tabs {
		tabs[i].Current = tabs[i].Label == current
	}
	return tabs
}

// changes reports whether the key may change the catalogue, which is the same for both environments.
func (v *view) changes() bool {
	return v.may(models.ActionManage) && v.key.Environment == models.Production
}

// wholeType is an event type as the API shows it.
type wholeType struct {
	Name        string          `json:"name"`
	Family      models.Family   `json:"family"`
	Description string          `json:"description"`
	Sample      json.RawMessage `json:"sample"`
	Schema      json.RawMessage `json:"schema"`
	CreatedAt   *time.Time      `json:"created_at"`
	UpdatedAt   *time.Time      `json:"updated_at"`
}

func (t *wholeType) path() string { return typesPath + "/" + url.PathEscape(t.Name) }

func (t *wholeType) call() string { return "/v3/event_types/" + url.PathEscape(t.Name) }

func (t *wholeType) own() bool { return t.Family == models.FamilyCustom }

// familyName is what a family is called.
func familyName(f models.Family) string {
	switch f {
	case models.FamilyYousign:
		return "Yousign"
	case models.FamilyDocumenso:
		return "Documenso"
	case models.FamilyQuicklySign:
		return "QuicklySign"
	case models.FamilyHookrouter:
		return "Hookrouter itself"
	case models.FamilyCustom:
		return "Your own"
	}
	return string(f)
}

// typeGroup is the event types of one family.
type typeGroup struct {
	family models.Family
	types  []eventType
}

// typeList is the catalogue as it is shown.
type typeList struct {
	text   string
	groups []typeGroup
	all    int
}

func (s *site) listTypes(v *view) error {
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return err
	}
	list := &typeList{text: searchText(v.r.URL.Query().Get("q")), all: len(types)}
	wanted := strings.ToLower(list.text)
	places := map[models.Family]int{}
	// The organization's own come first: they are what one looks after.
	for _, own := range []bool{true, false} {
		for _, t := range types {
			family := models.Family(t.Family)
			if (family == models.FamilyCustom) != own || !strings.Contains(strings.ToLower(t.Name+" "+t.Description), wanted) {
				continue
			}
			at, ok := places[family]
			if !ok {
				at = len(list.groups)
				places[family] = at
				list.groups = append(list.groups, typeGroup{family: family})
			}
			list.groups[at].types = append(list.groups[at].types, t)
		}
	}
	if v.partial() {
		return v.fragment(typeGroups(v, list))
	}
	return v.render("Catalogue", cataloguePage(v, list))
}

// typeOf reads the one that the path names.
func (v *view) typeOf() (*wholeType, error) {
	t := &wholeType{}
	return t, v.get("/v3/event_types/"+url.PathEscape(v.r.PathValue("name")), t)
}

func (s *site) showType(v *view) error {
	t, err := v.typeOf()
	if err != nil {
		return err
	}
	return v.render(t.Name, typePage(v, t))
}

// publishCall publishes the type's sample.
func (t *wholeType) publishCall(sandbox bool) ui.Call {
	return callJSON(http.MethodPost, "/v3/events", map[string]any{"event_name": t.Name, "sandbox": sandbox, "data": t.Sample})
}

func (s *site) askDeleteType(v *view) error { return v.deleteTypePage(http.StatusOK, "") }

func (v *view) deleteTypePage(status int, fault string) error {
	t, err := v.typeOf()
	if err != nil {
		return err
	}
	return v.renderAs(status, "Delete "+t.Name, deleteTypePage(v, t, fault))
}

func (s *site) deleteType(v *view) error {
	t, err := v.typeOf()
	if err != nil {
		return err
	}
	if strings.TrimSpace(v.form.Get("confirm")) != t.Name {
		return v.deleteTypePage(http.StatusUnprocessableEntity, "This is not "+t.Name+". Nothing was deleted.")
	}
	err = v.do(ui.Call{Method: http.MethodDelete, Path: t.call()}, nil)
	if f := faultsOf(err); f != nil {
		return v.deleteTypePage(http.StatusUnprocessableEntity, f[""])
	}
	if err != nil {
		return err
	}
	return v.goTo(cataloguePath, "Event type deleted.")
}

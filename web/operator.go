package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const (
	operatorPath      = root + "/operator"
	organizationsPath = operatorPath + "/organizations"
	organizationsCall = "/admin/v1/organizations"
)

func (s *site) operatorRoutes() []route {
	one := organizationsPath + "/{id}"
	return []route{
		{pattern: "GET " + operatorPath, who: operators, page: s.operatorHome},
		{pattern: "POST " + organizationsPath, who: operators, page: s.createOrganization},
		{pattern: "GET " + one, who: operators, page: s.showOrganization},
		{pattern: "POST " + one, who: operators, page: s.updateOrganization},
		{pattern: "GET " + one + "/keys", who: operators, page: s.showOrganization},
		{pattern: "POST " + one + "/keys", who: operators, page: s.createKeyOf},
		{pattern: "GET " + one + "/keys/{key}/revoke", who: operators, page: s.askRevokeOf},
		{pattern: "POST " + one + "/keys/{key}/revoke", who: operators, page: s.revokeKeyOf},
	}
}

// organization is one as the operator's surface shows it.
type organization struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	Quota     *int      `json:"subscription_quota"`
}

func (o *organization) path() string { return organizationsPath + "/" + o.ID }

func (o *organization) call(tail string) string { return organizationsCall + "/" + o.ID + tail }

// quota says how many subscriptions it may have.
func (o *organization) quota() string {
	switch {
	case o.Quota == nil:
		return "the default"
	case *o.Quota == 0:
		return "no limit"
	}
	return strconv.Itoa(*o.Quota)
}

// organizationForm is the form to make or change one, as it was typed.
type organizationForm struct {
	name, quota string
	faults      faults
}

// body is the form as the API takes it. An empty quota is the default.
func (f *organizationForm) body() map[string]any {
	return map[string]any{"name": f.name, "subscription_quota": numberOf(f.quota)}
}

func (f *organizationForm) read(v *view) {
	f.name, f.quota = strings.TrimSpace(v.form.Get("name")), strings.TrimSpace(v.form.Get("subscription_quota"))
}

// organizationsEach is how many of them are on a page.
const organizationsEach = 50

// organizationPage is a part of the list.
type organizationPage struct {
	lines       []organization
	text        string
	call        ui.Call
	first, next string
	form        *organizationForm
}

// none reports whether there are no organizations at all.
func (p *organizationPage) none() bool { return len(p.lines) == 0 && p.text == "" && p.first == "" }

// operatorHome lists the organizations.
func (s *site) operatorHome(v *view) error {
	return v.organizationsPage(http.StatusOK, &organizationForm{})
}

func (v *view) organizationsPage(status int, f *organizationForm) error {
	given := v.r.URL.Query()
	p := &organizationPage{text: searchText(given.Get("q")), form: f}
	q := url.Values{"limit": {strconv.Itoa(organizationsEach)}}
	set(q, "q", p.text)
	set(q, "after", given.Get("after"))
	p.call = ui.Call{Method: http.MethodGet, Path: addressOf(organizationsCall, q)}
	var page apiPage[organization]
	if err := v.do(p.call, &page); err != nil {
		return err
	}
	p.lines = page.Data
	p.first, p.next = page.pages(operatorPath, given)
	return v.renderAs(status, "Organizations", operatorPage(v, p))
}

func (s *site) createOrganization(v *view) error {
	f := &organizationForm{}
	f.read(v)
	made := &organization{}
	err := v.do(callJSON(http.MethodPost, organizationsCall, f.body()), made)
	if f.faults = faultsOf(err); f.faults != nil {
		return v.organizationsPage(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return v.goTo(made.path(), "Organization made. It needs a key to do anything.")
}

// organization reads the one that the path names.
func (v *view) organization() (*organization, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such organization.")
	}
	o := &organization{}
	return o, v.get(organizationsCall+"/"+id.String(), o)
}

func (s *site) showOrganization(v *view) error {
	o, err := v.organization()
	if err != nil {
		return err
	}
	return v.organizationPage(http.StatusOK, o, formOfOrganization(o), keysOf(o).takeFresh(v))
}

func formOfOrganization(o *organization) *organizationForm {
	return &organizationForm{name: o.Name, quota: numberText(o.Quota)}
}

func keysOf(o *organization) *keyring { return newKeyring(o.path()+"/keys", o.call("/keys")) }

func (v *view) organizationPage(status int, o *organization, f *organizationForm, k *keyring) error {
	var list struct{ Data []keyLine }
	if err := v.get(k.call, &list); err != nil {
		return err
	}
	k.lines = list.Data
	return v.renderAs(status, o.Name, organizationPageOf(v, o, f, k))
}

func (s *site) updateOrganization(v *view) error {
	o, err := v.organization()
	if err != nil {
		return err
	}
	f := &organizationForm{}
	f.read(v)
	err = v.do(callJSON(http.MethodPatch, o.call(""), f.body()), nil)
	if f.faults = faultsOf(err); f.faults != nil {
		return v.organizationPage(http.StatusUnprocessableEntity, o, f, keysOf(o))
	}
	if err != nil {
		return err
	}
	return v.goTo(o.path(), "Organization saved.")
}

func (s *site) createKeyOf(v *view) error {
	o, err := v.organization()
	if err != nil {
		return err
	}
	k := keysOf(o)
	if made, err := k.make(v); made || err != nil {
		return err
	}
	return v.organizationPage(http.StatusUnprocessableEntity, o, formOfOrganization(o), k)
}

// revocationOf is about a key of the organization that the path names.
func (v *view) revocationOf() (*revocation, error) {
	o, err := v.organization()
	if err != nil {
		return nil, err
	}
	var list struct{ Data []keyLine }
	if err := v.get(o.call("/keys"), &list); err != nil {
		return nil, err
	}
	for i := range list.Data {
		if list.Data[i].ID == v.r.PathValue("key") {
			return &revocation{
				key: &list.Data[i], path: o.path() + "/keys", call: o.call("/keys"),
				above: []ui.Tab{{Label: "Organizations", Href: operatorPath}, {Label: o.Name, Href: o.path()}},
			}, nil
		}
	}
	return nil, models.Errorf(models.CodeNotFound, "There is no such key.")
}

func (s *site) askRevokeOf(v *view) error {
	r, err := v.revocationOf()
	if err != nil {
		return err
	}
	return v.render("Revoke "+r.key.title(), revokePage(v, r))
}

func (s *site) revokeKeyOf(v *view) error {
	r, err := v.revocationOf()
	if err != nil {
		return err
	}
	return v.revoke(r)
}

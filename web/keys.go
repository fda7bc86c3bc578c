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

const keysPath = root + "/keys"

func (s *site) keyRoutes() []route {
	one := keysPath + "/{id}"
	return []route{
		{pattern: "GET " + keysPath, action: models.ActionKeys, page: s.listKeys},
		{pattern: "POST " + keysPath, action: models.ActionKeys, page: s.createKey},
		{pattern: "GET " + one + "/revoke", action: models.ActionKeys, page: s.askRevoke},
		{pattern: "POST " + one + "/revoke", action: models.ActionKeys, page: s.revokeKey},
	}
}

// administers reports whether the session's key manages keys.
func (v *view) administers() bool { return v.key != nil && v.key.Administers() }

// manages reports whether the session's key sees the audit log.
func (v *view) manages() bool {
	return v.may(models.ActionManage) && v.key.Environment == models.Production
}

// keyLine is a key as the API shows it.
type keyLine struct {
	ID          string     `json:"id"`
	Key         string     `json:"key"`
	Hint        string     `json:"hint"`
	Name        string     `json:"name"`
	Role        string     `json:"role"`
	Environment string     `json:"environment"`
	CreatedAt   time.Time  `json:"created_at"`
	RevokedAt   *time.Time `json:"revoked_at"`
}

// title is what people know it by.
func (k *keyLine) title() string {
	if k.Name != "" {
		return k.Name
	}
	return k.Hint + "…"
}

func (k *keyLine) state() ui.State {
	if k.RevokedAt != nil {
		return ui.State{Word: "Revoked", Tone: ui.Quiet}
	}
	return ui.State{Word: "Valid", Tone: ui.Good}
}

// keyring is a list of keys and the form for another one: an organization's own, or as the operator has it.
type keyring struct {
	path        string // of the page; revoking is below it
	call        string // of the API
	lines       []keyLine
	own         string // the session's
	fresh       *keyLine
	first, next string

	name, role, environment string
	faults                  faults
}

// body is the form as the API takes it.
func (k *keyring) body() map[string]any {
	body := map[string]any{"role": k.role, "environment": k.environment}
	if k.name != "" {
		body["name"] = k.name
	}
	return body
}

// nameField is the id of the field for the name: on the page of an organization there is another name.
func (k *keyring) nameField() string {
	if k.path == keysPath {
		return "name"
	}
	return "key-name"
}

func newKeyring(path, call string) *keyring {
	return &keyring{path: path, call: call, role: string(models.RoleManager), environment: string(models.Production)}
}

// make makes the key that the form describes and leads to the page that shows its text, once. It reports whether it did: otherwise the
// form comes back with its faults.
func (k *keyring) make(v *view) (made bool, err error) {
	k.name, k.role, k.environment = strings.TrimSpace(v.form.Get("name")), v.form.Get("role"), v.form.Get("environment")
	fresh := &keyLine{}
	err = v.do(callJSON(http.MethodPost, k.call, k.body()), fresh)
	if k.faults = faultsOf(err); k.faults != nil {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, v.showOnce(k.path, fresh)
}

// takeFresh finds the key that was just made, where there is one.
func (k *keyring) takeFresh(v *view) *keyring {
	if fresh := new(keyLine); v.takeOnce(fresh) {
		k.fresh = fresh
	}
	return k
}

func (s *site) listKeys(v *view) error {
	return v.keysPage(http.StatusOK, newKeyring(keysPath, "/v3/api_keys").takeFresh(v))
}

const keysEach = 50 // on a page

func (v *view) keysPage(status int, k *keyring) error {
	var page struct {
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		} `json:"meta"`
		Data []keyLine `json:"data"`
	}
	call := k.call + "?limit=" + strconv.Itoa(keysEach)
	if after := v.r.URL.Query().Get("after"); after != "" {
		call += "&after=" + url.QueryEscape(after)
		k.first = k.path
	}
	if err := v.get(call, &page); err != nil {
		return err
	}
	if page.Meta.NextCursor != nil {
		k.next = k.path + "?after=" + url.QueryEscape(*page.Meta.NextCursor)
	}
	k.lines, k.own = page.Data, v.key.ID.String()
	return v.renderAs(status, "Keys", keysPage(v, k))
}

func (s *site) createKey(v *view) error {
	k := newKeyring(keysPath, "/v3/api_keys")
	if made, err := k.make(v); made || err != nil {
		return err
	}
	return v.keysPage(http.StatusUnprocessableEntity, k)
}

// ownKey reads the key that the path names.
func (v *view) ownKey() (*keyLine, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such key.")
	}
	k := &keyLine{}
	return k, v.get("/v3/api_keys/"+id.String(), k)
}

// revocation is the page that asks before a key is revoked.
type revocation struct {
	key   *keyLine
	path  string // of the list
	call  string // of the list, in the API
	above []ui.Tab
	own   bool
	fault string
}

func (r *revocation) revoke() ui.Call {
	return ui.Call{Method: http.MethodDelete, Path: r.call + "/" + r.key.ID}
}

// confirmed reports whether the words that were typed are the right ones.
func (r *revocation) confirmed(v *view) bool {
	return strings.TrimSpace(v.form.Get("confirm")) == r.key.Hint
}

func (v *view) ownRevocation() (*revocation, error) {
	k, err := v.ownKey()
	if err != nil {
		return nil, err
	}
	return &revocation{
		key: k, path: keysPath, call: "/v3/api_keys", above: []ui.Tab{{Label: "Keys", Href: keysPath}}, own: k.ID == v.key.ID.String(),
	}, nil
}

func (s *site) askRevoke(v *view) error {
	r, err := v.ownRevocation()
	if err != nil {
		return err
	}
	return v.render("Revoke "+r.key.title(), revokePage(v, r))
}

func (s *site) revokeKey(v *view) error {
	r, err := v.ownRevocation()
	if err != nil {
		return err
	}
	return v.revoke(r)
}

// revoke ends a key, where the right words were typed.
func (v *view) revoke(r *revocation) error {
	if !r.confirmed(v) {
		r.fault = "This is not " + r.key.Hint + ". Nothing was revoked."
		return v.renderAs(http.StatusUnprocessableEntity, "Revoke "+r.key.title(), revokePage(v, r))
	}
	err := v.do(r.revoke(), nil)
	if f := faultsOf(err); f != nil {
		r.fault = f[""]
		return v.renderAs(http.StatusUnprocessableEntity, "Revoke "+r.key.title(), revokePage(v, r))
	}
	if err != nil {
		return err
	}
	return v.goTo(r.path, "Revoked "+r.key.Hint+"… on every instance.")
}

func keyRoles() []ui.Choice {
	return []ui.Choice{
		{Value: string(models.RoleManager), Label: "Manager: everything but keys"},
		{Value: string(models.RolePublisher), Label: "Publisher: publishes events, nothing else"},
		{Value: string(models.RoleReader), Label: "Reader: reads, with secrets masked"},
		{Value: string(models.RoleAdmin), Label: "Admin: everything, keys too"},
	}
}

func keyEnvironments() []ui.Choice {
	return []ui.Choice{{Value: string(models.Production), Label: "Production"}, {Value: string(models.Sandbox), Label: "Sandbox only"}}
}

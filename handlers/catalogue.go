package handlers

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

type scopeOutput struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	Subscribable bool   `json:"subscribable"`
}

func showScope(s models.Scope) scopeOutput { return scopeOutput{s.Name, s.Description, s.Subscribable} }

// ownScope is a scope of an organization's own as all others are written.
func ownScope(e models.CatalogueEntry) models.Scope {
	return models.Scope{Name: e.Name, Description: e.Description, Subscribable: true}
}

func (a *api) listScopes(c *gin.Context, key *models.APIKey) error {
	return listNamed(a, c, key, "scopes", models.KindScope, a.Catalogue.Scopes(), func(s models.Scope) string { return s.Name }, ownScope, showScope)
}

func (a *api) getScope(c *gin.Context, key *models.APIKey) error {
	if s, ok := a.Catalogue.Scope(c.Param("scope")); ok {
		WriteJSON(c, http.StatusOK, showScope(s))
		return nil
	}
	e, err := a.ownEntry(c, key, models.KindScope, "scope")
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showScope(ownScope(e)))
	return nil
}

// scopeInput is a scope as clients write it.
type scopeInput struct {
	Name        string `json:"name" validate:"new_scope"`
	Description string `json:"description" validate:"max=256,safe"`
}

func (a *api) createScope(c *gin.Context, key *models.APIKey) error {
	var in scopeInput
	err := a.rules.read(c.Request, &in, Field{"name", true, Text(&in.Name)}, Field{"description", false, Text(&in.Description)})
	if err != nil {
		return err
	}
	if _, taken := a.Catalogue.Scope(in.Name); taken {
		return models.Invalid(models.FieldError{Name: "name", Reason: reason("builtin", "")})
	}
	e := models.CatalogueEntry{
		OrganizationID: key.OrganizationID, Kind: models.KindScope, Name: in.Name, Description: in.Description, CreatedAt: a.Now().UTC(),
	}
	if err := a.Store.CreateCatalogueEntry(c.Request.Context(), &e); err != nil {
		return err
	}
	a.refresh(c)
	Concerns(c, models.ID{}, e.Name)
	WriteJSON(c, http.StatusCreated, showScope(ownScope(e)))
	return nil
}

func (a *api) updateScope(c *gin.Context, key *models.APIKey) error {
	if _, builtin := a.Catalogue.Scope(c.Param("scope")); builtin {
		return builtinError()
	}
	in := scopeInput{Name: c.Param("scope")}
	if !validScopeName(in.Name) {
		return noSuchName("scope")
	}
	if err := a.rules.read(c.Request, &in, Field{"description", true, Text(&in.Description)}); err != nil {
		return err
	}
	e, err := a.Store.UpdateCatalogueEntry(c.Request.Context(), key.OrganizationID, models.KindScope, in.Name, a.Now().UTC(),
		func(e *models.CatalogueEntry) error {
			e.Description = in.Description
			return nil
		})
	if err != nil {
		return err
	}
	a.refresh(c)
	WriteJSON(c, http.StatusOK, showScope(ownScope(e)))
	return nil
}

func (a *api) deleteScope(c *gin.Context, key *models.APIKey) error {
	_, builtin := a.Catalogue.Scope(c.Param("scope"))
	return a.deleteEntry(c, key, models.KindScope, "scope", builtin)
}

// deleteEntry removes an entry of the organization's own.
func (a *api) deleteEntry(c *gin.Context, key *models.APIKey, kind models.CatalogueKind, param string, builtin bool) error {
	if builtin {
		return builtinError()
	}
	name := c.Param(param)
	if !models.ValidEventName(name) {
		return noSuchName(param)
	}
	if err := a.Store.DeleteCatalogueEntry(c.Request.Context(), key.OrganizationID, kind, name, a.Now().UTC()); err != nil {
		return err
	}
	a.refresh(c)
	WriteNothing(c)
	return nil
}

// ownEntry is the entry of the organization's own that the path names.
func (a *api) ownEntry(c *gin.Context, key *models.APIKey, kind models.CatalogueKind, param string) (models.CatalogueEntry, error) {
	name := c.Param(param)
	if !models.ValidEventName(name) {
		return models.CatalogueEntry{}, noSuchName(param)
	}
	return a.Store.CatalogueEntry(c.Request.Context(), key.OrganizationID, kind, name)
}

func noSuchName(param string) error {
	thing := map[string]string{"scope": "scope", "event_type": "event type"}[param]
	return models.Errorf(models.CodeNotFound, "There is no %s of this name.", thing)
}

func builtinError() error {
	return models.Errorf(models.CodeConflict, "It is built in and can't be changed.")
}

// listNamed answers a page of what is built in, in its own order, followed by what the organization has added, by name.
func listNamed[T, Out any](
	a *api, c *gin.Context, key *models.APIKey, list string, kind models.CatalogueKind, builtin []T, name func(T) string,
	own func(models.CatalogueEntry) T, show func(T) Out,
) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place(list, key)
	if err := q.err(); err != nil {
		return err
	}
	after := ""
	if at.after != nil {
		if i := slices.IndexFunc(builtin, func(t T) bool { return name(t) == string(at.after) }); i >= 0 {
			builtin = builtin[i+1:]
		} else if after = string(at.after); models.ValidEventName(after) {
			builtin = nil
		} else {
			q.fail("after", "cursor")
			return q.err()
		}
	}
	all := builtin
	if len(all) < at.more() {
		found, err := a.Store.CatalogueEntries(c.Request.Context(), key.OrganizationID, kind, after, at.more()-len(all))
		if err != nil {
			return err
		}
		for _, e := range found {
			all = append(all, own(e))
		}
	}
	writePage(c, at, all, func(t T) []byte { return []byte(name(t)) }, show)
	return nil
}

// catalogueFor is the catalogue that the filters of a list are held against. It is read only where a filter needs it.
func (a *api) catalogueFor(c *gin.Context, key *models.APIKey, q *query) (*models.Catalogue, error) {
	_, named := q.values["event_name"]
	_, scoped := q.values["scope"]
	if !named && !scoped {
		return a.Catalogue, nil
	}
	return a.catalogueOf(c.Request.Context(), key.OrganizationID)
}

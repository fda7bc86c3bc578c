package handlers

import (
	"slices"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

type scopeOutput struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	Subscribable bool   `json:"subscribable"`
}

type eventTypeOutput struct {
	Name        string        `json:"name"`
	Family      models.Family `json:"family"`
	Description string        `json:"description"`
}

func (a *api) listScopes(c *gin.Context, key *models.APIKey) error {
	return listNamed(c, key, "scopes", a.Catalogue.Scopes(),
		func(s models.Scope) string { return s.Name },
		func(s models.Scope) scopeOutput { return scopeOutput{s.Name, s.Description, s.Subscribable} })
}

func (a *api) listEventTypes(c *gin.Context, key *models.APIKey) error {
	return listNamed(c, key, "event_types", a.Catalogue.Types(),
		func(t models.EventType) string { return t.Name },
		func(t models.EventType) eventTypeOutput { return eventTypeOutput{t.Name, t.Family, t.Description} })
}

// listNamed answers a page of a list that is in memory and whose elements have names.
func listNamed[T, Out any](c *gin.Context, key *models.APIKey, list string, all []T, name func(T) string, show func(T) Out) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place(list, key)
	if at.after != nil {
		i := slices.IndexFunc(all, func(t T) bool { return name(t) == string(at.after) })
		if i < 0 {
			q.fail("after", "cursor")
		}
		all = all[i+1:]
	}
	if err := q.err(); err != nil {
		return err
	}
	writePage(c, at, all, func(t T) []byte { return []byte(name(t)) }, show)
	return nil
}

package web

import (
	"net/http"
	"net/url"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// removal is how far the removal of an entity has come.
type removal struct {
	Status      string    `json:"status"`
	RequestedAt time.Time `json:"requested_at"`
	Events      int       `json:"removed_events"`
	Deliveries  int       `json:"removed_deliveries"`
	Canceled    int       `json:"canceled_deliveries"`
}

func removeEntityPath(entity string) string {
	return entitiesPath + "/remove?" + url.Values{"entity": {entity}}.Encode()
}

func removeEntityCall(entity string) ui.Call {
	return ui.Call{Method: http.MethodDelete, Path: "/v3/entities/" + url.PathEscape(entity)}
}

// askRemoveEntity asks to type the key of the entity. What it is about can't come from a form alone: the address says it.
func (s *site) askRemoveEntity(v *view) error {
	entity := entityText(v.r.URL.Query().Get("entity"))
	if entity == "" {
		return models.Errorf(models.CodeNotFound, "There is no entity in this address. Filter the events by an entity first.")
	}
	return v.render("Remove "+entity, removeEntityPage(v, entity, "", nil))
}

// removeEntity removes it, and, asked again, says how far that is.
func (s *site) removeEntity(v *view) error {
	entity := v.form.Get("entity")
	refused := func(fault string) error {
		return v.renderAs(http.StatusUnprocessableEntity, "Remove "+entity, removeEntityPage(v, entity, fault, nil))
	}
	if v.form.Get("confirm") != entity || entity == "" {
		return refused("This is not the entity's key. Nothing was removed.")
	}
	done := &removal{}
	err := v.do(removeEntityCall(entity), done)
	if mishapStatus(err) == http.StatusNotFound {
		return refused("There is no event of this entity, or none is left.")
	}
	if f := faultsOf(err); f != nil {
		return refused(f[""])
	}
	if err != nil {
		return err
	}
	return v.render("Remove "+entity, removeEntityPage(v, entity, "", done))
}

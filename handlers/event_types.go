package handlers

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"hookrouter/models"
)

// eventTypeOutput is an event type, built in or the organization's own. Built-in ones have no schema and no times.
type eventTypeOutput struct {
	Name        string          `json:"name"`
	Family      models.Family   `json:"family"`
	Description string          `json:"description"`
	Sample      json.RawMessage `json:"sample"`
	Schema      json.RawMessage `json:"schema"`
	CreatedAt   *string         `json:"created_at"`
	UpdatedAt   *string         `json:"updated_at"`
}

func builtinType(t models.EventType) eventTypeOutput {
	return eventTypeOutput{Name: t.Name, Family: t.Family, Description: t.Description, Sample: models.Sample(t.Name)}
}

func ownType(e models.CatalogueEntry) eventTypeOutput {
	out := eventTypeOutput{
		Name: e.Name, Family: models.FamilyCustom, Description: e.Description, Sample: e.Sample, CreatedAt: optionalTime(e.CreatedAt),
		UpdatedAt: optionalTime(e.UpdatedAt),
	}
	if len(e.Schema) > 0 {
		out.Schema = e.Schema
	}
	return out
}

func optionalTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := seconds(t)
	return &s
}

func (a *api) listEventTypes(c *gin.Context, key *models.APIKey) error {
	types := a.Catalogue.Types()
	builtin := make([]eventTypeOutput, len(types))
	for i, t := range types {
		builtin[i] = builtinType(t)
	}
	return listNamed(a, c, key, "event_types", models.KindEventType, builtin, func(t eventTypeOutput) string { return t.Name }, ownType,
		func(t eventTypeOutput) eventTypeOutput { return t })
}

func (a *api) getEventType(c *gin.Context, key *models.APIKey) error {
	name := c.Param("event_type")
	types := a.Catalogue.Types()
	if i := slices.IndexFunc(types, func(t models.EventType) bool { return t.Name == name }); i >= 0 {
		WriteJSON(c, http.StatusOK, builtinType(types[i]))
		return nil
	}
	e, err := a.ownEntry(c, key, models.KindEventType, "event_type")
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, ownType(e))
	return nil
}

// eventTypeInput is an event type of the organization's own as clients write it.
type eventTypeInput struct {
	Name        string `json:"name" validate:"new_type,not_ours"`
	Description string `json:"description" validate:"max=256,safe"`
	Sample      []byte `json:"sample"`
	Schema      []byte `json:"schema"`
}

// fields says where each member of the request goes. The schema may be null, which is none.
func (in *eventTypeInput) fields() []Field {
	return []Field{
		{"description", false, Text(&in.Description)},
		{"sample", true, objectText(&in.Sample, models.MaxSample)},
		{"schema", false, func(v jsontext.Value) []Fault {
			if v.Kind() == jsontext.KindNull {
				in.Schema = nil
				return nil
			}
			return objectText(&in.Schema, models.MaxSchema)(v)
		}},
	}
}

// objectText reads an object and keeps it as it was written.
func objectText(dst *[]byte, most int) Reader {
	return func(v jsontext.Value) []Fault {
		switch {
		case v.Kind() != jsontext.KindBeginObject:
			return fault("object")
		case len(v) > most:
			return fault("sample_bytes")
		}
		*dst = v.Clone()
		return nil
	}
}

// checkTexts holds the schema and the sample against each other.
func (a *api) checkTexts(in *eventTypeInput) error {
	if len(in.Schema) == 0 {
		return nil
	}
	if wrong := a.Types.CheckSchema(in.Schema, in.Sample); wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// readEventType reads a whole event type and holds it against all that can be said without the database.
func (a *api) readEventType(c *gin.Context, key *models.APIKey) (e models.CatalogueEntry, err error) {
	var in eventTypeInput
	if err := a.rules.read(c.Request, &in, append(in.fields(), Field{"name", true, Text(&in.Name)})...); err != nil {
		return e, err
	}
	if a.Catalogue.Knows(in.Name) {
		return e, models.Invalid(models.FieldError{Name: "name", Reason: reason("builtin", "")})
	}
	return models.CatalogueEntry{
		OrganizationID: key.OrganizationID, Kind: models.KindEventType, Name: in.Name, Description: in.Description, Sample: in.Sample,
		Schema: in.Schema, CreatedAt: a.Now().UTC(),
	}, a.checkTexts(&in)
}

// tryEventType answers what an event type would be, and stores nothing: for editors, which ask while somebody types. Whether there is one
// of this name already is not asked, because it is the same for a new one and for a change.
func (a *api) tryEventType(c *gin.Context, key *models.APIKey) error {
	e, err := a.readEventType(c, key)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, ownType(e))
	return nil
}

func (a *api) createEventType(c *gin.Context, key *models.APIKey) error {
	e, err := a.readEventType(c, key)
	if err != nil {
		return err
	}
	if err := a.Store.CreateCatalogueEntry(c.Request.Context(), &e); err != nil {
		return err
	}
	a.refresh(c)
	Concerns(c, models.ID{}, e.Name)
	WriteJSON(c, http.StatusCreated, ownType(e))
	return nil
}

// updateEventType changes what the body names and checks the result as a whole, inside the store's lock. The name can't change, because
// events and subscriptions have it.
func (a *api) updateEventType(c *gin.Context, key *models.APIKey) error {
	name := c.Param("event_type")
	if a.Catalogue.Knows(name) {
		return builtinError()
	}
	if !models.ValidEventName(name) {
		return noSuchName("event_type")
	}
	var d document
	if err := d.read(c.Request, maxOtherBody); err != nil {
		return err
	}
	given, err := d.readMembers()
	if err != nil {
		return err
	}
	e, err := a.Store.UpdateCatalogueEntry(c.Request.Context(), key.OrganizationID, models.KindEventType, name, a.Now().UTC(),
		func(e *models.CatalogueEntry) error {
			in := eventTypeInput{Name: name, Description: e.Description, Sample: e.Sample, Schema: e.Schema}
			fields := append(in.fields(), Field{"name", false, Text(&in.Name)})
			if wrong := a.rules.check(&in, given.into(fields, true), nil); wrong != nil {
				return models.Invalid(wrong...)
			}
			if in.Name != name {
				return models.Invalid(models.FieldError{Name: "name", Reason: reason("renamed", "")})
			}
			if err := a.checkTexts(&in); err != nil {
				return err
			}
			e.Description, e.Sample, e.Schema = in.Description, in.Sample, in.Schema
			return nil
		})
	if err != nil {
		return err
	}
	a.refresh(c)
	WriteJSON(c, http.StatusOK, ownType(e))
	return nil
}

func (a *api) deleteEventType(c *gin.Context, key *models.APIKey) error {
	return a.deleteEntry(c, key, models.KindEventType, "event_type", a.Catalogue.Knows(c.Param("event_type")))
}

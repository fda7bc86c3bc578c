package handlers

import (
	"bytes"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// eventOutput is an event as clients read it. Data is there in the answer about a single event only: a page of 100 could have 25 MiB
// of it.
type eventOutput struct {
	ID          models.ID  `json:"event_id"`
	Name        string     `json:"event_name"`
	Time        string     `json:"event_time"`
	Sandbox     bool       `json:"sandbox"`
	Test        bool       `json:"test"` // sent to one subscription because somebody asked
	Scope       *string    `json:"scope"`
	WorkspaceID *models.ID `json:"workspace_id"`
	EntityKey   *string    `json:"entity_key"`
	ParentKey   *string    `json:"entity_parent_key"`
	Matched     int        `json:"matched"`
	CreatedAt   string     `json:"created_at"`
}

func showEvent(e *models.Event) eventOutput {
	return eventOutput{
		ID: e.ID, Name: e.Name, Time: millis(e.Time), Sandbox: e.Sandbox, Test: e.Test(), Scope: optional(e.Scope),
		WorkspaceID: optional(e.WorkspaceID), EntityKey: optional(e.EntityKey), ParentKey: optional(e.EntityParentKey), Matched: e.Matched, CreatedAt: millis(e.AcceptedAt),
	}
}

// listEvents answers events, newest first.
func (a *api) listEvents(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c, "event_name", "workspace_id", "scope", "sandbox", "entity_key", "entity_parent_key", "from", "to", "matched")
	if err != nil {
		return err
	}
	at := q.place("events", key)
	catalogue, err := a.catalogueFor(c, key, q)
	if err != nil {
		return err
	}
	filter := models.EventQuery{
		OrganizationID: key.OrganizationID, Name: q.pattern("event_name", catalogue), Scope: q.scope("scope", catalogue),
		WorkspaceID: q.id("workspace_id"), EntityKey: q.text("entity_key"), ParentKey: q.text("entity_parent_key"), After: q.afterID(at), Limit: at.more(),
	}
	filter.From, filter.To = q.period()
	sandbox, none := q.environment(key)
	filter.Sandbox = sandbox
	if matched, ok := q.take("matched"); ok {
		filter.Unmatched = true
		if matched != "none" {
			q.fail("matched", "matched")
		}
	}
	if err := q.err(); err != nil {
		return err
	}
	var events []*models.Event
	if !none {
		if events, err = a.Store.Events(c.Request.Context(), filter); err != nil {
			return err
		}
	}
	writePage(c, at, events, func(e *models.Event) []byte { return e.Ref[:] }, showEvent)
	return nil
}

// getEvent answers one event with its data, byte for byte as it was published, or with null where retention has removed it.
func (a *api) getEvent(c *gin.Context, key *models.APIKey) error {
	e, err := a.visibleEvent(c, key)
	if err != nil {
		return err
	}
	head := encode(showEvent(e))
	body := make([]byte, 0, len(head)+len(e.Data)+64)
	body = append(body, bytes.TrimSuffix(head, []byte("}\n"))...)
	body = append(body, `,"data":`...)
	if len(e.Data) == 0 {
		body = append(body, `null,"payload_removed":true`...)
	} else {
		body = append(body, e.Data...) // an encoder would compact it
		body = append(body, `,"payload_removed":false`...)
	}
	writeDocument(c, http.StatusOK, append(body, "}\n"...))
	return nil
}

// visibleEvent is the event that the path names, if the key may see it.
func (a *api) visibleEvent(c *gin.Context, key *models.APIKey) (*models.Event, error) {
	id, err := PathID(c, "event")
	if err != nil {
		return nil, err
	}
	e, err := a.Store.Event(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !sees(key, e.Sandbox) {
		return nil, noSuch("event")
	}
	return e, nil
}

// listEventDeliveries answers the deliveries of one event.
func (a *api) listEventDeliveries(c *gin.Context, key *models.APIKey) error {
	e, err := a.visibleEvent(c, key)
	if err != nil {
		return err
	}
	return a.deliveries(c, key, "events/"+e.Ref.String(), e.Ref)
}

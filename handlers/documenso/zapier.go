package documenso

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// webhook is a subscription as Documenso's database has it. It has neither a user nor a team: here it belongs to the organization.
type webhook struct {
	ID         models.ID `json:"id"`
	WebhookURL string    `json:"webhookUrl"`
	Triggers   []string  `json:"eventTriggers"`
	Secret     *string   `json:"secret"` // always null: who subscribes by this call gets none
	Enabled    bool      `json:"enabled"`
	CreatedAt  string    `json:"createdAt"`
	UpdatedAt  string    `json:"updatedAt"`
}

func (z *zapier) show(s *models.Subscription) webhook {
	w := webhook{
		ID: s.ID, WebhookURL: s.Endpoint, Triggers: []string{}, Enabled: s.Enabled, CreatedAt: handlers.Millis(s.CreatedAt),
		UpdatedAt: handlers.Millis(s.CreatedAt),
	}
	if !s.UpdatedAt.IsZero() {
		w.UpdatedAt = handlers.Millis(s.UpdatedAt)
	}
	for _, p := range s.Events {
		w.Triggers = append(w.Triggers, trigger(string(p)))
	}
	return w
}

// trigger is an event's name as it is on the wire.
func trigger(name string) string { return strings.ToUpper(strings.ReplaceAll(name, ".", "_")) }

// subscribe makes a subscription to one trigger.
func (z *zapier) subscribe(c *gin.Context) error {
	key, err := z.core.Caller(c, models.ActionManage, true)
	if err != nil {
		return err
	}
	var url, event string
	err = handlers.ReadFields(c.Request, false,
		handlers.Field{Name: "webhookUrl", Required: true, Read: handlers.Text(&url)},
		handlers.Field{Name: "eventTrigger", Required: true, Read: handlers.Text(&event)})
	if err != nil {
		return err
	}
	name, known := z.byID[event]
	if _, friendly := z.wire[event]; friendly { // as Documenso's pages write it
		name, known = event, true
	}
	if !known {
		return models.Invalid(models.FieldError{Name: "eventTrigger", Reason: "This is none of Documenso's triggers."})
	}
	s, err := z.core.Subscribe(c, key, handlers.Wish{
		Endpoint: url, Description: "Zapier", Events: []string{name}, Format: models.FormatDocumenso,
	})
	if err != nil {
		return inTheirWords(err)
	}
	handlers.WriteJSON(c, http.StatusOK, z.show(s))
	return nil
}

// inTheirWords renames the one field that the caller knows under another name.
func inTheirWords(err error) error {
	if e, ok := errors.AsType[*models.Error](err); ok {
		renamed := *e
		renamed.Fields = slices.Clone(e.Fields)
		for i := range renamed.Fields {
			if renamed.Fields[i].Name == "endpoint" {
				renamed.Fields[i].Name = "webhookUrl"
			}
		}
		return &renamed
	}
	return err
}

// unsubscribe removes one, and answers what it was.
func (z *zapier) unsubscribe(c *gin.Context) error {
	key, err := z.core.Caller(c, models.ActionManage, false)
	if err != nil {
		return err
	}
	var text string
	if err := handlers.ReadFields(c.Request, false, handlers.Field{Name: "webhookId", Required: true, Read: handlers.Text(&text)}); err != nil {
		return err
	}
	id, _ := models.ParseID(text) // what is no id is the zero one, which nothing has
	s, err := z.core.Unsubscribe(c, key, id, models.FormatDocumenso)
	if err != nil {
		return err
	}
	handlers.WriteJSON(c, http.StatusOK, z.show(s))
	return nil
}

// listDocuments answers what Zapier shows while somebody sets a workflow up: one call with a sample, as the newest of the subscriptions
// would get it. Documenso answers with a document of the team; documents are not kept here.
func (z *zapier) listDocuments(c *gin.Context) error {
	key, err := z.core.Caller(c, models.ActionRead, false)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	subs, err := z.core.Subscriptions(ctx, key)
	if err != nil {
		return err
	}
	name, example := "", &models.Subscription{Format: models.FormatDocumenso, Endpoint: "https://hooks.example.test/documenso"}
	for _, s := range slices.Backward(subs) {
		if s.Format != models.FormatDocumenso || len(s.Events) == 0 {
			continue
		}
		example = s
		if _, exact := z.wire[string(s.Events[0])]; exact {
			name = string(s.Events[0])
		}
		break
	}
	body, err := z.core.Sample(ctx, key, example, cmp.Or(name, "document.completed"))
	if err != nil {
		return err
	}
	handlers.WriteJSON(c, http.StatusOK, []json.RawMessage{body})
	return nil
}

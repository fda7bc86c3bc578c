package quicklysign

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// entry is a row of the log (https://docs.quicklysign.com/docs/webhook-logs). Times are in milliseconds.
type entry struct {
	Key             string    `json:"key"`
	EntityKey       string    `json:"entity_key"`
	CallbackEvent   string    `json:"callback_event"`
	Log             string    `json:"log"`
	SubscriberKey   string    `json:"subscriber_key"`   // of the organization
	SubscriptionKey string    `json:"subscription_key"` // of the webhook; the page calls it a legacy field
	DateCreated     int64     `json:"date_created"`
	DateUpdated     int64     `json:"date_updated"`
	ID              models.ID `json:"_id"` // of the delivery under /v3
}

func show(org models.ID, e models.CallbackEntry) entry {
	at := e.Place.At.UnixMilli()
	return entry{
		Key: e.Place.Key(), EntityKey: e.EntityKey, CallbackEvent: e.EventName, Log: e.Sentence(), SubscriberKey: org.OpaqueKey(),
		SubscriptionKey: e.SubscriptionID.OpaqueKey(), DateCreated: at, DateUpdated: at, ID: e.Place.DeliveryID,
	}
}

// logs answers what became of callbacks, oldest first. It takes one filter at most, as the page says.
func (s *surface) logs(c *gin.Context) error {
	call, err := s.begin(c, models.ActionRead, nil, "entity_key", versions[0].key, versions[1].key, parameterPage)
	if err != nil {
		return err
	}
	query := models.CallbackLogQuery{OrganizationID: call.key.OrganizationID, Sandbox: call.sandbox(), Limit: pageSize + 1}
	if err := s.filter(c, &query, call); err != nil {
		return err
	}
	place, err := s.after(c, call)
	if err != nil {
		return err
	}
	if place != nil {
		var ok bool
		if query.After, ok = models.ParseCallbackPlace(place); !ok {
			return wrongField(parameterPage, "It is not of this list.")
		}
	}
	entries, err := s.Store.CallbackLog(c.Request.Context(), query)
	if err != nil {
		return err
	}
	page, more := onePage(entries)
	list := make([]entry, len(page))
	for i, e := range page {
		list[i] = show(call.key.OrganizationID, e)
	}
	answer := envelope{Status: status{Code: http.StatusOK}, Data: map[string]any{"webhook_callback_logs": list}}
	if more {
		answer.Pagination = s.next(c, call, page[len(page)-1].Place.Bytes())
	}
	write(c, answer)
	return nil
}

// filter reads the filters. That a webhook was deleted does not matter: its log stays as long as the entity.
func (s *surface) filter(c *gin.Context, query *models.CallbackLogQuery, call *call) error {
	given := ""
	for _, name := range []string{"entity_key", versions[0].key, versions[1].key} {
		if !call.query.Has(name) {
			continue
		}
		if given != "" {
			return wrongField(name, "Only one of entity_key and webhook_key may be given; "+given+" is, too.")
		}
		given = name
	}
	switch given {
	case "":
	case "entity_key":
		query.EntityKey = call.query.Get(given)
	default:
		missing := models.Errorf(models.CodeNotFound, "There is no webhook with this key.")
		id, ok := models.ParseKey(call.query.Get(given))
		if !ok {
			return missing
		}
		first, err := s.Store.SubscriptionVersion(c.Request.Context(), call.key.OrganizationID, id, 1)
		if err != nil && models.CodeOf(err) != models.CodeNotFound {
			return err
		}
		if err != nil || !first.OfEntity() || first.Sandbox != call.sandbox() {
			return missing
		}
		query.SubscriptionID = id
	}
	return nil
}

package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// Callbacks reads the log of QuicklySign's webhooks. Implemented by *store.Store.
type Callbacks interface {
	// HasEntityWebhooks is asked on every page, for the navigation.
	HasEntityWebhooks(ctx context.Context, org models.ID, sandbox bool) (bool, error)
	// CallbackLog is oldest first, deleted webhooks included.
	CallbackLog(ctx context.Context, q models.CallbackLogQuery) ([]models.CallbackEntry, error)
}

const (
	callbacksPath = root + "/quicklysign/logs"
	callbacksEach = 100 // on a page, as the vendor has them
)

func (s *site) callbackRoutes() []route {
	return []route{{pattern: "GET " + callbacksPath, page: s.showCallbacks}}
}

// hasPacks reports whether the organization has webhooks of QuicklySign in the environment that is shown. An error counts as none: it is
// asked for the navigation, and the page itself will tell.
func (v *view) hasPacks() bool {
	if v.key == nil {
		return false
	}
	found, err := v.Store.HasEntityWebhooks(v.r.Context(), v.key.OrganizationID, v.sandbox())
	return err == nil && found
}

// ofEntity reports whether the subscription is a webhook as QuicklySign has them.
func (w *webhook) ofEntity() bool {
	return w.Format == string(models.FormatQuicklySign) && w.EntityKey != nil && *w.EntityKey != ""
}

// opaqueKey is its id as QuicklySign's users know it.
func (w *webhook) opaqueKey() string {
	id, err := models.ParseID(w.ID)
	if err != nil {
		return ""
	}
	return id.OpaqueKey()
}

// callbackList is the log as it is shown.
type callbackList struct {
	lines              []models.CallbackEntry
	entity, webhookKey string
	faults             faults
	first, next        string
}

// query is the filters, with the place to go on from.
func (l *callbackList) query(after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"entity_key": l.entity, "webhook_key": l.webhookKey, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return addressOf(callbacksPath, q)
}

// call is the call of the vendor's surface that answers the same. It takes the pair of credentials in the query.
func (l *callbackList) curl(base string) string {
	path := "/v1/webhook_callback_logs?client_id=$CLIENT_ID&client_secret=$CLIENT_SECRET"
	for name, value := range map[string]string{"entity_key": l.entity, "webhook_key": l.webhookKey} {
		if value != "" {
			path += "&" + name + "=" + url.QueryEscape(value)
		}
	}
	return "curl -sS \"" + base + path + "\""
}

// callbackState is how a call stands in an entry.
func callbackState(e *models.CallbackEntry) ui.State {
	switch {
	case !e.Place.Ended:
		return ui.State{Word: "Began", Tone: ui.Wait}
	case e.Attempt.Success:
		return ui.State{Word: "Succeeded", Tone: ui.Good}
	}
	return ui.State{Word: "Failed", Tone: ui.Bad}
}

// showCallbacks shows two rows a call, as QuicklySign's log has them: that it began, and how it ended. Oldest first.
func (s *site) showCallbacks(v *view) error {
	given := v.r.URL.Query()
	if id, ok := models.ParseKey(strings.TrimSpace(given.Get("webhook_key"))); ok {
		if err := v.showsThatOf(id); err != nil {
			return err
		}
	}
	l := &callbackList{entity: strings.TrimSpace(given.Get("entity_key")), webhookKey: strings.TrimSpace(given.Get("webhook_key")), faults: faults{}}
	q := models.CallbackLogQuery{OrganizationID: v.key.OrganizationID, Sandbox: v.sandbox(), EntityKey: l.entity, Limit: callbacksEach + 1}
	if l.entity != searchText(l.entity) || len(l.entity) > models.MaxEntityKey {
		l.faults["entity_key"] = "No document pack has a key like this."
	}
	if l.webhookKey != "" {
		id, ok := models.ParseKey(l.webhookKey)
		if !ok {
			l.faults["webhook_key"] = "There is no webhook with this key."
		}
		if l.entity != "" {
			l.faults["webhook_key"] = "Give a document pack or a webhook, not both."
		}
		q.SubscriptionID = id
	}
	if after := given.Get("after"); after != "" {
		raw, err := base64.RawURLEncoding.DecodeString(after)
		place, ok := models.ParseCallbackPlace(raw)
		if err != nil || !ok {
			return models.Errorf(models.CodeNotFound, "There is no such page of the log.")
		}
		q.After, l.first = place, l.query("")
	}
	if len(l.faults) > 0 {
		return v.renderAs(http.StatusUnprocessableEntity, "QuicklySign log", callbacksPage(v, l))
	}
	var err error
	if l.lines, err = v.Store.CallbackLog(v.r.Context(), q); err != nil {
		return err
	}
	if len(l.lines) > callbacksEach {
		l.lines = l.lines[:callbacksEach]
		l.next = l.query(l.lines[callbacksEach-1].Place.Key())
	}
	return v.render("QuicklySign log", callbacksPage(v, l))
}

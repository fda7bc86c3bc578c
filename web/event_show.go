package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// event is one event with its data, as the API shows it.
type event struct {
	ID             string          `json:"event_id"`
	Name           string          `json:"event_name"`
	Time           time.Time       `json:"event_time"`
	Sandbox        bool            `json:"sandbox"`
	Test           bool            `json:"test"`
	Scope          *string         `json:"scope"`
	WorkspaceID    *string         `json:"workspace_id"`
	EntityKey      *string         `json:"entity_key"`
	ParentKey      *string         `json:"entity_parent_key"`
	Matched        int             `json:"matched"`
	CreatedAt      time.Time       `json:"created_at"`
	Data           json.RawMessage `json:"data"`
	PayloadRemoved bool            `json:"payload_removed"`
}

func (e *event) path() string { return eventsPath + "/" + e.ID }

func (e *event) call(tail string) string { return "/v3/events/" + e.ID + tail }

// tabs are the pages about it.
func (e *event) tabs(v *view, current string) []ui.Tab {
	list := []ui.Tab{{Label: "Event", Href: e.path()}, {Label: "Why it went where", Href: e.path() + "/explain"}}
	if v.may(models.ActionManage) {
		list = append(list, ui.Tab{Label: "Send again", Href: e.path() + "/replay"})
	}
	for i := range list {
		list[i].Current = list[i].Label == current
	}
	return list
}

// event reads the one that the path names.
func (v *view) event() (*event, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such event.")
	}
	e := &event{}
	if err := v.get("/v3/events/"+id.String(), e); err != nil {
		return nil, err
	}
	v.shows(e.Sandbox)
	return e, v.showsTest(e)
}

// showsTest says of which environment a test is: its receiver is told that it is of the sandbox, but what counts is whose receiver that is.
func (v *view) showsTest(e *event) error {
	if !e.Test {
		return nil
	}
	var page apiPage[eventDelivery]
	if err := v.get(e.call("/deliveries?limit=1"), &page); err != nil || len(page.Data) == 0 {
		return err
	}
	id, err := models.ParseID(page.Data[0].SubscriptionID)
	if err != nil {
		return err
	}
	return v.showsThatOf(id)
}

// apiPage is a page of a list of the API.
type apiPage[T any] struct {
	Meta struct {
		Next *string `json:"next_cursor"`
	} `json:"meta"`
	Data []T `json:"data"`
}

// pages are the addresses of the first and the next page, "" where there is none.
func (p *apiPage[T]) pages(path string, given url.Values) (first, next string) {
	q := url.Values{}
	set(q, "q", given.Get("q"))
	if given.Get("after") != "" {
		first = withQuery(path, q)
	}
	if p.Meta.Next != nil {
		q.Set("after", *p.Meta.Next)
		next = withQuery(path, q)
	}
	return first, next
}

// eventDelivery is a delivery of an event as the API lists it.
type eventDelivery struct {
	ID             string                `json:"id"`
	SubscriptionID string                `json:"subscription_id"`
	Status         models.DeliveryStatus `json:"status"`
	Attempts       int                   `json:"attempt_count"`
	Reason         *models.Reason        `json:"reason"`
	Test           bool                  `json:"test"`
	Replay         bool                  `json:"replay"`
	UpdatedAt      time.Time             `json:"updated_at"`
}

// aboutEvent is what the page of an event shows.
type aboutEvent struct {
	*event
	deliveries  []eventDelivery
	titles      map[models.ID]models.SubscriptionTitle
	workspaces  []named
	first, next string
}

func (s *site) showEvent(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	a, err := v.aboutEvent(e, v.r.URL.Query())
	if err != nil {
		return err
	}
	if err := listAll(v, "/v3/workspaces", &a.workspaces); err != nil {
		return err
	}
	return v.render(e.Name, eventPage(v, a))
}

// aboutEvent reads a page of its deliveries.
func (v *view) aboutEvent(e *event, given url.Values) (*aboutEvent, error) {
	a := &aboutEvent{event: e}
	q := url.Values{"limit": {"50"}}
	set(q, "after", given.Get("after"))
	var page apiPage[eventDelivery]
	if err := v.get(e.call("/deliveries?"+q.Encode()), &page); err != nil {
		return nil, err
	}
	a.deliveries = page.Data
	a.first, a.next = page.pages(e.path(), given)
	ids := make([]string, len(a.deliveries))
	for i, d := range a.deliveries {
		ids[i] = d.SubscriptionID
	}
	var err error
	a.titles, err = v.titles(ids)
	return a, err
}

// followEvent keeps the first page of its deliveries up to date while somebody looks at it.
func (s *site) followEvent(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		a, err := v.aboutEvent(e, nil)
		if err != nil {
			return nil, err
		}
		return eventDeliveries(v, a), nil
	})
}

// titles are what subscriptions are called, by the texts of their ids.
func (v *view) titles(texts []string) (map[models.ID]models.SubscriptionTitle, error) {
	var ids []models.ID
	for _, text := range texts {
		if id, err := models.ParseID(text); err == nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return v.titlesOf(ids)
}

func (s *site) askExpunge(v *view) error { return v.expungePage(http.StatusOK, "") }

func (v *view) expungePage(status int, fault string) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	return v.renderAs(status, "Remove the payload", expungePage(v, e, fault))
}

func (s *site) expungeEvent(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	if strings.TrimSpace(v.form.Get("confirm")) != e.Name {
		return v.expungePage(http.StatusUnprocessableEntity, "This is not "+e.Name+". Nothing was removed.")
	}
	err = v.do(ui.Call{Method: http.MethodDelete, Path: e.call("/payload")}, nil)
	if f := faultsOf(err); f != nil {
		return v.expungePage(http.StatusUnprocessableEntity, f[""])
	}
	if err != nil {
		return err
	}
	return v.goTo(e.path(), "The payload was removed.")
}

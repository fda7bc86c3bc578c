package web

import (
	"context"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// EventLists reads events for people. Implemented by *store.Store.
type EventLists interface {
	// EventPart lists events newest first, without their data, and looks through most of them at most.
	EventPart(ctx context.Context, q models.EventQuery, most int) (models.ListPart[*models.Event], error)
}

const (
	eventsPath   = root + "/events"
	entitiesPath = root + "/entities"
	eventsEach   = 50 // on a page
)

func (s *site) eventRoutes() []route {
	one := eventsPath + "/{id}"
	return []route{
		{pattern: "GET " + eventsPath, page: s.listEvents},
		{pattern: "GET " + one, page: s.showEvent},
		{pattern: "GET " + one + "/live", page: s.followEvent},
		{pattern: "GET " + one + "/explain", page: s.explainEvent},
		{pattern: "GET " + one + "/replay", action: models.ActionManage, page: s.askReplay},
		{pattern: "POST " + one + "/replay", action: models.ActionManage, page: s.replayEvent},
		{pattern: "GET " + one + "/expunge", action: models.ActionManage, page: s.askExpunge},
		{pattern: "POST " + one + "/expunge", action: models.ActionManage, page: s.expungeEvent},
		{pattern: "GET " + entitiesPath + "/remove", action: models.ActionManage, page: s.askRemoveEntity},
		{pattern: "POST " + entitiesPath + "/remove", action: models.ActionManage, page: s.removeEntity},
	}
}

// eventFilter is what a list of events was asked for.
type eventFilter struct {
	text      string // an id that was searched for
	name      string
	scope     string
	workspace string // its id
	entity    string
	parts     bool // of the entity: what it is the parent of
	unmatched bool
	times     timeFilter
	after     models.ID
}

func readEventFilter(v *view) (f eventFilter, err error) {
	given := v.r.URL.Query()
	f.text, f.name, f.scope = searchText(given.Get("q")), searchText(given.Get("event")), searchText(given.Get("scope"))
	f.entity, f.parts = entityText(given.Get("entity")), given.Get("parts") == "true"
	f.unmatched, f.times = given.Get("matched") == "none", readTimes(given)
	if isID(given.Get("workspace")) {
		f.workspace = given.Get("workspace")
	}
	f.parts = f.parts && f.entity != ""
	f.after, err = idParameter(given, "after")
	return f, err
}

// entityText is the key of an entity in an address, as it is: blanks and all of its length are part of it. What can be no key is none.
func entityText(s string) string {
	if len(s) > models.MaxEntityKey || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

func (f *eventFilter) values() url.Values {
	q := url.Values{}
	set(q, "event", f.name)
	set(q, "scope", f.scope)
	set(q, "workspace", f.workspace)
	set(q, "entity", f.entity)
	if f.parts {
		q.Set("parts", "true")
	}
	if f.unmatched {
		q.Set("matched", "none")
	}
	f.times.put(q)
	return q
}

func (f *eventFilter) filtered() bool { return len(f.values()) > 0 }

// narrow reports whether one of the filters that few use is set, so that they are not hidden.
func (f *eventFilter) narrow() bool {
	return f.scope+f.workspace+f.entity+f.times.from+f.times.to != ""
}

func (f *eventFilter) address(after models.ID) string {
	q := f.values()
	if !after.IsZero() {
		q.Set("after", after.String())
	}
	return withQuery(eventsPath, q)
}

// ofEntity is the list of an entity's events, or of its parts'.
func ofEntity(entity string, parts bool) string {
	return (&eventFilter{entity: entity, parts: parts}).address(models.ID{})
}

func (f *eventFilter) query(v *view) models.EventQuery {
	q := models.EventQuery{
		OrganizationID: v.key.OrganizationID, Sandbox: v.environment(), Name: models.Pattern(f.name), Scope: f.scope, Unmatched: f.unmatched,
		After: f.after, Limit: eventsEach + 1,
	}
	if f.parts {
		q.ParentKey = f.entity
	} else {
		q.EntityKey = f.entity
	}
	if id, err := models.ParseID(f.workspace); err == nil {
		q.WorkspaceID = id
	}
	q.From, q.To = f.times.period(v.now)
	return q
}

// call is the list as a call of the API.
func (f *eventFilter) call(v *view) ui.Call {
	q := url.Values{"sandbox": {pressed(v.sandbox())}}
	set(q, "event_name", f.name)
	set(q, "scope", f.scope)
	set(q, "workspace_id", f.workspace)
	if f.parts {
		set(q, "entity_parent_key", f.entity)
	} else {
		set(q, "entity_key", f.entity)
	}
	if f.unmatched {
		q.Set("matched", "none")
	}
	putPeriod(q, f.times, v.now)
	return ui.Call{Method: "GET", Path: withQuery("/v3/events", q)}
}

// eventList is a page of the list as it is shown.
type eventList struct {
	eventFilter
	lines        []*models.Event
	names        []string
	scopes       []named
	workspaces   []named
	fault        string
	first, next  string
	continueFrom string
}

func (s *site) listEvents(v *view) error {
	f, err := readEventFilter(v)
	if err != nil {
		return err
	}
	list := &eventList{eventFilter: f}
	if f.text != "" {
		to, err := v.findEvent(list)
		if err != nil {
			return err
		}
		if to != "" {
			return v.leave(to)
		}
	}
	if err := v.readEvents(list); err != nil {
		return err
	}
	if err := listAll(v, "/v3/workspaces", &list.workspaces); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(eventListing(v, list))
	}
	if list.names, err = v.eventNames(); err != nil {
		return err
	}
	if err := listAll(v, "/v3/scopes", &list.scopes); err != nil {
		return err
	}
	return v.render("Events", eventsPage(v, list))
}

// findEvent leads to what a searched text means: an event or a delivery by its id, or else what is about an entity.
func (v *view) findEvent(list *eventList) (to string, err error) {
	id, err := models.ParseID(list.text)
	if err == nil {
		for _, there := range []struct{ call, page string }{{"/v3/events/", eventsPath + "/"}, {"/v3/deliveries/", deliveriesPath + "/"}} {
			err := v.get(there.call+id.String(), nil)
			if err == nil {
				return there.page + id.String(), nil
			}
			if mishapStatus(err) != 404 {
				return "", err
			}
		}
	}
	if entity := entityText(v.r.URL.Query().Get("q")); entity != "" {
		part, err := v.Store.EventPart(v.r.Context(), models.EventQuery{
			OrganizationID: v.key.OrganizationID, Sandbox: v.environment(), EntityKey: entity, Limit: 1,
		}, lookThrough)
		if err != nil {
			return "", err
		}
		if len(part.Items) > 0 {
			return ofEntity(entity, false), nil
		}
	}
	list.fault = "There is no event or delivery with this id, and no event of an entity with this key."
	return "", nil
}

func (v *view) readEvents(list *eventList) error {
	part, err := v.Store.EventPart(v.r.Context(), list.query(v), lookThrough)
	if err != nil {
		return err
	}
	list.lines = part.Items
	if len(list.lines) > eventsEach {
		list.lines = list.lines[:eventsEach]
		list.next = list.address(list.lines[eventsEach-1].Ref)
	}
	if !part.Reached.IsZero() {
		list.continueFrom = list.address(part.Reached)
	}
	if !list.after.IsZero() {
		list.first = list.address(models.ID{})
	}
	return nil
}

// workspaceName is what a workspace is called, its id where it is not known.
func workspaceName(list []named, id string) string {
	for _, w := range list {
		if w.ID == id {
			return w.Name
		}
	}
	return id
}

package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// logsEach is how many calls are on a page.
const logsEach = 20

// logLine is a delivery with its last attempt.
type logLine struct {
	deliveryLine
	last *models.Attempt
}

// code is what the endpoint answered, or why it did not.
func (l logLine) code() string {
	switch {
	case l.last == nil:
		return ""
	case l.last.StatusCode != 0:
		return strconv.Itoa(l.last.StatusCode)
	}
	return reasonWords(l.last.Reason)
}

// logList is the calls of a subscription as they are shown.
type logList struct {
	lines         []logLine
	status, event string
	search        string
	fault         string
	names         []string // of events, to choose from
	first, next   string
	call          ui.Call
}

func (l *logList) filtered() bool { return l.status != "" || l.event != "" || l.search != "" }

// logTabs are what the list can be narrowed to by what came of the calls.
func logTabs() []ui.Choice {
	return []ui.Choice{
		{Value: "", Label: "All"},
		{Value: string(models.StatusDelivered), Label: "Success"},
		{Value: string(models.StatusFailed), Label: "Failed"},
		{Value: string(models.StatusRetrying), Label: "Retrying"},
		{Value: string(models.StatusParked), Label: "Parked"},
	}
}

func (l *logList) tabs(w *webhook) []ui.Tab {
	tabs := []ui.Tab{}
	for _, t := range logTabs() {
		other := *l
		other.status = t.Value
		tabs = append(tabs, ui.Tab{Label: t.Label, Href: other.address(w, ""), Current: l.status == t.Value})
	}
	return tabs
}

func (l *logList) address(w *webhook, after string) string {
	q := url.Values{}
	for name, value := range map[string]string{"status": l.status, "event": l.event, "q": l.search, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return w.path() + "/logs"
	}
	return w.path() + "/logs?" + q.Encode()
}

func (s *site) showLogs(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	given := v.r.URL.Query()
	list := &logList{event: searchText(given.Get("event")), search: searchText(given.Get("q"))}
	for _, t := range logTabs() {
		if t.Value == given.Get("status") {
			list.status = t.Value
		}
	}
	if err := v.readLogs(w, list, given.Get("after")); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(logRows(v, w, list))
	}
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return err
	}
	for _, t := range types {
		list.names = append(list.names, t.Name)
	}
	return v.render("Logs of "+w.title(), logsPage(v, &aboutSubscription{webhook: w, tab: "Logs"}, list))
}

// readLogs reads a page of the list. What was searched is the id of a delivery or of an event.
func (v *view) readLogs(w *webhook, list *logList, after string) error {
	q := url.Values{"subscription_id": {w.ID}, "limit": {strconv.Itoa(logsEach)}}
	for name, value := range map[string]string{"status": list.status, "event_name": list.event, "after": after} {
		if value != "" {
			q.Set(name, value)
		}
	}
	list.call = ui.Call{Method: http.MethodGet, Path: "/v3/deliveries?" + q.Encode()}
	if list.search != "" {
		return v.searchLogs(w, list)
	}
	var page struct {
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		} `json:"meta"`
		Data []deliveryLine `json:"data"`
	}
	err := v.do(list.call, &page)
	if f := faultsOf(err); f != nil {
		for _, text := range f {
			list.fault = text
		}
		return nil
	}
	if err != nil {
		return err
	}
	if after != "" {
		list.first = list.address(w, "")
	}
	if page.Meta.NextCursor != nil {
		list.next = list.address(w, *page.Meta.NextCursor)
	}
	return v.withAttempts(list, page.Data)
}

func (v *view) searchLogs(w *webhook, list *logList) error {
	id, bad := models.ParseID(list.search)
	if bad != nil {
		list.fault = "Search by the whole id of a delivery or of an event."
		return nil //nolint:nilerr // the page says so
	}
	var one struct {
		deliveryLine
		SubscriptionID string `json:"subscription_id"`
	}
	list.call = ui.Call{Method: http.MethodGet, Path: "/v3/deliveries/" + id.String()}
	err := v.do(list.call, &one)
	if err == nil && one.SubscriptionID == w.ID {
		return v.withAttempts(list, list.fitting([]deliveryLine{one.deliveryLine}))
	}
	if err != nil && mishapOf(err).status != http.StatusNotFound {
		return err
	}
	var page struct{ Data []deliveryLine }
	list.call = ui.Call{Method: http.MethodGet, Path: "/v3/events/" + id.String() + "/deliveries?subscription_id=" + w.ID}
	err = v.do(list.call, &page)
	if err != nil && mishapOf(err).status != http.StatusNotFound {
		return err
	}
	return v.withAttempts(list, list.fitting(page.Data))
}

// fitting are those of what was found by an id that the other filters leave.
func (l *logList) fitting(found []deliveryLine) []deliveryLine {
	return slices.DeleteFunc(found, func(d deliveryLine) bool {
		return l.status != "" && l.status != string(d.Status) || l.event != "" && !models.Pattern(l.event).Match(d.EventName)
	})
}

// withAttempts adds the last attempt of each.
func (v *view) withAttempts(list *logList, found []deliveryLine) error {
	ids := make([]models.ID, 0, len(found))
	for _, d := range found {
		if id, err := models.ParseID(d.ID); err == nil {
			ids = append(ids, id)
		}
	}
	last, err := v.Store.LastAttempts(v.r.Context(), v.key.OrganizationID, ids)
	for _, d := range found {
		line := logLine{deliveryLine: d}
		if id, err := models.ParseID(d.ID); err == nil {
			if a, ok := last[id]; ok {
				line.last = &a
			}
		}
		list.lines = append(list.lines, line)
	}
	return err
}

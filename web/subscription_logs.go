package web

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

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
	return string(l.last.Reason)
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
	var one deliveryFull
	list.call = ui.Call{Method: http.MethodGet, Path: "/v3/deliveries/" + id.String()}
	err := v.do(list.call, &one)
	if err == nil && one.SubscriptionID == w.ID {
		return v.withAttempts(list, []deliveryLine{one.deliveryLine})
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
	return v.withAttempts(list, page.Data)
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

// deliveryFull is a delivery with its attempts, as the API shows it.
type deliveryFull struct {
	deliveryLine
	SubscriptionID string         `json:"subscription_id"`
	Test           bool           `json:"test"`
	RequestBody    *string        `json:"request_body"`
	PayloadRemoved bool           `json:"payload_removed"`
	NextAttemptAt  *time.Time     `json:"next_attempt_at"`
	CreatedAt      time.Time      `json:"created_at"`
	Attempts       []attemptLine  `json:"attempts"`
	Reason         *models.Reason `json:"reason"`
}

// attemptLine is one call of the endpoint.
type attemptLine struct {
	Number    int            `json:"number"`
	StartedAt time.Time      `json:"started_at"`
	Success   bool           `json:"success"`
	Reason    *models.Reason `json:"reason"`
	Detail    *string        `json:"detail"`
	Endpoint  string         `json:"endpoint"`
	Request   struct {
		Headers []headerLine `json:"headers"`
	} `json:"request"`
	Response *struct {
		Status    int          `json:"status"`
		Headers   []headerLine `json:"headers"`
		Body      string       `json:"body"`
		Truncated bool         `json:"body_truncated"`
	} `json:"response"`
	Timings map[string]float64 `json:"timings_ms"`
}

// code is what was answered, or why nothing was.
func (a *attemptLine) code() string {
	switch {
	case a.Response != nil:
		return strconv.Itoa(a.Response.Status)
	case a.Reason != nil:
		return string(*a.Reason)
	}
	return ""
}

// logCall is one delivery as its page shows it.
type logCall struct {
	*deliveryFull
	chosen *attemptLine // nil where there was none
	tab    string       // request or response
}

func (l *logCall) address(w *webhook, attempt int, tab string) string {
	return w.path() + "/logs/" + l.ID + "?attempt=" + strconv.Itoa(attempt) + "&tab=" + tab
}

// tabs show what was sent and what came back.
func (l *logCall) tabs(w *webhook) []ui.Tab {
	number := 0
	if l.chosen != nil {
		number = l.chosen.Number
	}
	return []ui.Tab{
		{Label: "Request", Href: l.address(w, number, "request"), Current: l.tab == "request"},
		{Label: "Response", Href: l.address(w, number, "response"), Current: l.tab == "response"},
	}
}

// resendable reports whether the API sends it again.
func (l *logCall) resendable() bool { return l.Status.Resendable() }

// logCall reads the delivery that the path names; one of another subscription is not there.
func (v *view) logCall(w *webhook) (*logCall, error) {
	none := models.Errorf(models.CodeNotFound, "There is no such call of this webhook.")
	id, err := models.ParseID(v.r.PathValue("delivery"))
	if err != nil {
		return nil, none
	}
	l := &logCall{deliveryFull: &deliveryFull{}, tab: "request"}
	if err := v.get("/v3/deliveries/"+id.String(), l.deliveryFull); err != nil {
		return nil, err
	}
	if l.SubscriptionID != w.ID {
		return nil, none
	}
	q := v.r.URL.Query()
	if q.Get("tab") == "response" {
		l.tab = "response"
	}
	for i := range l.Attempts {
		if l.chosen = &l.Attempts[i]; strconv.Itoa(l.chosen.Number) == q.Get("attempt") {
			break
		}
	}
	return l, nil
}

func (s *site) showLog(v *view) error { return v.logPage(http.StatusOK, "") }

func (v *view) logPage(status int, fault string) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	l, err := v.logCall(w)
	if err != nil {
		return err
	}
	return v.renderAs(status, "Call of "+w.title(), logPage(v, &aboutSubscription{webhook: w, tab: "Logs", fault: fault}, l))
}

// liveLog keeps a call up to date while it is under way.
func (s *site) liveLog(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		l, err := v.logCall(w)
		if err != nil {
			return nil, err
		}
		return logParts(v, w, l), nil
	})
}

// resendLog sends a delivery again, also one that arrived.
func (s *site) resendLog(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	l, err := v.logCall(w)
	if err != nil {
		return err
	}
	err = v.do(resendCall(l), nil)
	if fault := faultText(err); fault != "" {
		return v.logPage(http.StatusUnprocessableEntity, fault)
	}
	if err != nil {
		return err
	}
	return v.goTo(w.path()+"/logs/"+l.ID, "It is being sent again.")
}

func resendCall(l *logCall) ui.Call {
	return ui.Call{Method: http.MethodPost, Path: "/v3/deliveries/" + l.ID + "/retry"}
}

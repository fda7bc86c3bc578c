package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// webhook is a subscription as the API shows it, and as the form edits it.
type webhook struct {
	ID           string            `json:"id"`
	Endpoint     string            `json:"endpoint"`
	Description  *string           `json:"description"`
	Sandbox      bool              `json:"sandbox"`
	Events       []string          `json:"subscribed_events"`
	SecretKey    string            `json:"secret_key"`
	Scopes       []string          `json:"scopes"`
	Workspaces   []string          `json:"workspaces"`
	AutoRetry    bool              `json:"auto_retry"`
	Enabled      bool              `json:"enabled"`
	CreatedAt    time.Time         `json:"created_at"`
	UpdatedAt    *time.Time        `json:"updated_at"`
	Format       string            `json:"format"`
	EntityKey    *string           `json:"entity_key"`
	WebhookKey   string            `json:"webhook_key"` // what QuicklySign's users call it; "" in other formats
	Headers      map[string]string `json:"headers"`
	MaxInFlight  *int              `json:"max_in_flight"`
	RatePerSec   *float64          `json:"rate_limit_per_second"`
	TimeoutFirst *int64            `json:"timeout_first_ms"`
	TimeoutRetry *int64            `json:"timeout_retry_ms"`
	State        string            `json:"state"`
	SuspendedAt  *time.Time        `json:"suspended_at"`
	StateReason  *string           `json:"state_reason"`
	Version      int               `json:"version"`
}

func (w *webhook) path() string { return subscriptionsPath + "/" + w.ID }

func (w *webhook) call(tail string) string { return "/v3/webhooks/" + w.ID + tail }

func (w *webhook) state() ui.State { return stateOf(w.Enabled, w.State == "suspended") }

// title is what a page about it is called.
func (w *webhook) title() string {
	if w.Description != nil && *w.Description != "" {
		return *w.Description
	}
	return models.PublicEndpoint(w.Endpoint)
}

// webhook reads the subscription that the path names. One of the other environment is there too: its address may come from anywhere.
func (v *view) webhook() (*webhook, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such subscription.")
	}
	w := &webhook{}
	if err := v.get("/v3/webhooks/"+id.String(), w); err != nil {
		return nil, err
	}
	v.shows(w.Sandbox)
	return w, nil
}

// subscriptionForm is the form to make or change a subscription: what was typed, what is wrong with it, and what there is to choose.
type subscriptionForm struct {
	was       *webhook   // nil for a new one
	version   int        // of what it is, when the form was opened; 0 where unknown
	meanwhile *meanwhile // where that is not how it is any more

	endpoint, description, format, entity, headers string
	secret                                         string // typed just now; it is on no page again
	noSecret                                       bool   // take the one away
	inFlight, rate, timeoutFirst, timeoutRetry     string
	sandbox, autoRetry, enabled                    bool
	events, scopes, workspaces                     []string
	faults                                         faults
	dry                                            *dryRun // of the preview
	eventTypes                                     []eventType
	scopeList                                      []named
	workspaceList                                  []named
}

type eventType struct {
	Name        string `json:"name"`
	Family      string `json:"family"`
	Description string `json:"description"`
}

type named struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Description  string `json:"description"`
	Subscribable bool   `json:"subscribable"`
}

func newSubscriptionForm(v *view) *subscriptionForm {
	return &subscriptionForm{
		format: string(models.FormatYousign), sandbox: v.sandbox(), autoRetry: true, enabled: true,
		scopes: []string{models.Any}, workspaces: []string{models.Any},
	}
}

// formOf is the form that shows what a subscription is.
func formOf(w *webhook) *subscriptionForm {
	f := &subscriptionForm{
		was: w, version: w.Version, endpoint: w.Endpoint, format: w.Format, sandbox: w.Sandbox, autoRetry: w.AutoRetry, enabled: w.Enabled,
		events: w.Events, scopes: w.Scopes, workspaces: w.Workspaces,
		inFlight: numberText(w.MaxInFlight), timeoutFirst: numberText(w.TimeoutFirst), timeoutRetry: numberText(w.TimeoutRetry),
	}
	if w.Description != nil {
		f.description = *w.Description
	}
	if w.EntityKey != nil {
		f.entity = *w.EntityKey
	}
	if w.RatePerSec != nil {
		f.rate = strconv.FormatFloat(*w.RatePerSec, 'f', -1, 64)
	}
	names := make([]string, 0, len(w.Headers))
	for name := range w.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f.headers += name + ": " + w.Headers[name] + "\n"
	}
	return f
}

func numberText[T int | int64](n *T) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}

// read takes over what was typed.
func (f *subscriptionForm) read(given url.Values) {
	if n, err := strconv.Atoi(given.Get("version")); err == nil && n > 0 {
		f.version = n
	}
	f.endpoint = strings.TrimSpace(given.Get("endpoint"))
	f.description = strings.TrimSpace(given.Get("description"))
	f.secret, f.noSecret = strings.TrimSpace(given.Get("secret_key")), given.Get("no_secret") == "true"
	f.format, f.entity, f.headers = given.Get("format"), strings.TrimSpace(given.Get("entity_key")), given.Get("headers")
	f.inFlight, f.rate = strings.TrimSpace(given.Get("max_in_flight")), strings.TrimSpace(given.Get("rate_limit_per_second"))
	f.timeoutFirst, f.timeoutRetry = strings.TrimSpace(given.Get("timeout_first_ms")), strings.TrimSpace(given.Get("timeout_retry_ms"))
	f.sandbox = given.Get("sandbox") == "true"
	f.autoRetry, f.enabled = given.Get("auto_retry") == "true", given.Get("enabled") == "true"
	f.events = general(given["subscribed_events"])
	f.scopes, f.workspaces = general(given["scopes"]), general(given["workspaces"])
}

// general leaves out what something more general in the list covers already: whoever ticks a family and a member of it means the family.
func general(list []string) []string {
	if slices.Contains(list, models.Any) {
		return []string{models.Any}
	}
	out := make([]string, 0, len(list))
	for _, name := range list {
		covered := slices.ContainsFunc(list, func(other string) bool {
			return other != name && strings.HasSuffix(other, ".*") && models.Pattern(other).Match(strings.TrimSuffix(name, "*"))
		})
		if !covered {
			out = append(out, name)
		}
	}
	return out
}

// body is what the API is sent. What is no number goes as it was typed, so that the API says what is wrong with it.
func (f *subscriptionForm) body() map[string]any {
	b := map[string]any{
		"endpoint": f.endpoint, "description": orNull(f.description), "sandbox": f.sandbox, "subscribed_events": f.events,
		"scopes": f.scopes, "workspaces": f.workspaces, "auto_retry": f.autoRetry, "enabled": f.enabled, "format": f.format,
		"entity_key": orNull(f.entity), "headers": f.headerMap(), "max_in_flight": numberOf(f.inFlight),
		"rate_limit_per_second": numberOf(f.rate), "timeout_first_ms": numberOf(f.timeoutFirst), "timeout_retry_ms": numberOf(f.timeoutRetry),
	}
	if f.secret != "" {
		b["secret_key"] = f.secret
	} else if f.noSecret && f.was != nil && f.bare() {
		b["secret_key"] = ""
	}
	return b
}

// bare reports whether the format can do without a secret.
func (f *subscriptionForm) bare() bool {
	return f.format == string(models.FormatDocumenso) || f.format == string(models.FormatQuicklySign)
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func numberOf(s string) any {
	var n json.Number
	switch {
	case s == "":
		return nil
	case json.Unmarshal([]byte(s), &n) == nil:
		return n
	}
	return s
}

func (f *subscriptionForm) headerMap() map[string]string {
	m := map[string]string{}
	for _, l := range f.headerLines() {
		m[l.name] = l.value
	}
	return m
}

// shown is the call that the form makes, without the secret.
func (f *subscriptionForm) shown() ui.Call {
	other := *f
	if other.secret != "" {
		other.secret = "YOUR_SECRET"
	}
	return other.save()
}

// save is the call that the form makes.
func (f *subscriptionForm) save() ui.Call {
	if f.was == nil {
		return callJSON(http.MethodPost, "/v3/webhooks", f.body())
	}
	body := f.body()
	if f.version > 0 {
		body["version"] = f.version
	}
	return callJSON(http.MethodPatch, f.was.call(""), body)
}

// preview is the call that says what the form would do.
func (f *subscriptionForm) preview() ui.Call {
	if f.was == nil {
		return callJSON(http.MethodPost, "/v3/webhooks/dry_run", f.body())
	}
	return callJSON(http.MethodPost, "/v3/webhooks/dry_run", map[string]any{"id": f.was.ID, "patch": f.body()})
}

// action is the address of the form.
func (f *subscriptionForm) action(tail string) string {
	if f.was == nil {
		if tail == "edit" {
			tail = "new"
		}
		return subscriptionsPath + "/" + tail
	}
	return f.was.path() + "/" + tail
}

// choices reads what there is to choose from.
func (f *subscriptionForm) choices(v *view) error {
	if err := listAll(v, "/v3/event_types", &f.eventTypes); err != nil {
		return err
	}
	if err := listAll(v, "/v3/scopes", &f.scopeList); err != nil {
		return err
	}
	return listAll(v, "/v3/workspaces", &f.workspaceList)
}

// mostListed is how many pages of a list a form reads. Failure policy: what lies beyond can be set by the API; a form with more to choose
// from would be no help.
const mostListed = 10

// listAll reads a list of the API page by page.
func listAll[T any](v *view, path string, into *[]T) error {
	after := ""
	for range mostListed {
		var page struct {
			Meta struct {
				NextCursor *string `json:"next_cursor"`
			} `json:"meta"`
			Data []T `json:"data"`
		}
		if err := v.get(path+after, &page); err != nil {
			return err
		}
		*into = append(*into, page.Data...)
		if page.Meta.NextCursor == nil {
			return nil
		}
		after = "?after=" + url.QueryEscape(*page.Meta.NextCursor)
	}
	return nil
}

// eventPicker groups the event types by the first part of their names, each with its family's star.
func (f *subscriptionForm) eventPicker() ui.Picker {
	p := ui.Picker{
		Name: "subscribed_events", Label: "Events", Search: "Search events", Error: f.faults["subscribed_events"],
		Hint: "A family with a star takes future events of it as well.",
		Groups: []ui.PickerGroup{{Items: []ui.PickerItem{{
			Value: models.Any, Label: "Every event", Text: "Existing and future ones, but not those about Hookrouter itself.",
			Chosen: slices.Contains(f.events, models.Any), General: true,
		}}}},
	}
	places, known := map[string]int{}, map[string]bool{models.Any: true}
	add := func(name, text string, general bool) {
		first, _, _ := strings.Cut(name, ".")
		if strings.HasPrefix(name, "verification.") {
			first = "verification"
		}
		at, ok := places[first]
		if !ok {
			at = len(p.Groups)
			places[first] = at
			p.Groups = append(p.Groups, ui.PickerGroup{Label: first})
			if star := first + ".*"; name != first {
				known[star] = true
				p.Groups[at].Items = append(p.Groups[at].Items, ui.PickerItem{
					Value: star, Text: "All of " + first + ", future ones too", Chosen: slices.Contains(f.events, star), General: true,
				})
			}
		}
		known[name] = true
		p.Groups[at].Items = append(p.Groups[at].Items, ui.PickerItem{Value: name, Text: text, Chosen: slices.Contains(f.events, name), General: general})
	}
	for _, t := range f.eventTypes {
		add(t.Name, t.Description, false)
	}
	for _, e := range f.events { // deeper families, and what is in the catalogue no more
		if !known[e] {
			add(e, "", strings.HasSuffix(e, "*"))
		}
	}
	return p
}

func (f *subscriptionForm) scopePicker() ui.Picker {
	items := []ui.PickerItem{{Value: models.Any, Label: "Every scope", Text: "And events without one", Chosen: slices.Contains(f.scopes, models.Any), General: true}}
	for _, s := range f.scopeList {
		if s.Subscribable || slices.Contains(f.scopes, s.Name) {
			items = append(items, ui.PickerItem{Value: s.Name, Text: s.Description, Chosen: slices.Contains(f.scopes, s.Name)})
		}
	}
	return ui.Picker{Name: "scopes", Label: "Scopes", Hint: "Where the resource of an event began its life.", Error: f.faults["scopes"], Groups: []ui.PickerGroup{{Items: items}}}
}

func (f *subscriptionForm) workspacePicker() ui.Picker {
	items := []ui.PickerItem{{Value: models.Any, Label: "Every workspace", Text: "And events without one", Chosen: slices.Contains(f.workspaces, models.Any), General: true}}
	known := map[string]bool{models.Any: true}
	for _, w := range f.workspaceList {
		known[w.ID] = true
		items = append(items, ui.PickerItem{Value: w.ID, Label: w.Name, Text: w.ID, Chosen: slices.Contains(f.workspaces, w.ID)})
	}
	for _, id := range f.workspaces {
		if !known[id] {
			items = append(items, ui.PickerItem{Value: id, Chosen: true})
		}
	}
	search := ""
	if len(items) > 8 {
		search = "Search workspaces"
	}
	return ui.Picker{Name: "workspaces", Label: "Workspaces", Search: search, Error: f.faults["workspaces"], Groups: []ui.PickerGroup{{Items: items}}}
}

// formats are the choices of how deliveries are written.
func formats() []ui.Choice {
	return []ui.Choice{
		{Value: string(models.FormatYousign), Label: "Yousign"},
		{Value: string(models.FormatStandardWebhooks), Label: "Standard Webhooks"},
		{Value: string(models.FormatCloudEvents), Label: "CloudEvents, binary"},
		{Value: string(models.FormatCloudEventsStructured), Label: "CloudEvents, structured"},
		{Value: string(models.FormatDocumenso), Label: "Documenso"},
		{Value: string(models.FormatQuicklySign), Label: "QuicklySign"},
	}
}

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const inboxesPath = sandboxPath + "/inboxes"

// inbox is a built-in receiver as the API shows it.
type inbox struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	URL        string    `json:"url"`
	Mode       string    `json:"mode"`
	Status     int       `json:"status"`
	Delay      int64     `json:"delay_ms"`
	FailFirst  int       `json:"fail_first"`
	FailStatus int       `json:"fail_status"`
	FailsLeft  int       `json:"fails_left"`
	RedirectTo *string   `json:"redirect_to"`
	Received   int       `json:"received"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

func (b *inbox) path() string { return inboxesPath + "/" + b.ID }

func (b *inbox) call(tail string) string { return "/v3/sandbox/inboxes/" + b.ID + tail }

// title is what a page about it is called.
func (b *inbox) title() string {
	if b.Name != "" {
		return b.Name
	}
	return "Inbox " + b.ID[len(b.ID)-6:]
}

// behavior says what it does, as a sentence.
func (b *inbox) behavior() string {
	text := ""
	if b.FailsLeft > 0 {
		text = "answers " + strconv.Itoa(b.FailStatus) + " to the next " + strconv.Itoa(b.FailsLeft) + ", then "
	}
	switch models.InboxMode(b.Mode) {
	case models.InboxDrop:
		text += "drops the connection"
	case models.InboxDrip:
		text += "answers a byte a second"
	case models.InboxRedirect:
		text += "redirects to "
		if b.RedirectTo != nil {
			text += *b.RedirectTo
		} else {
			text += "itself"
		}
	case models.InboxHuge:
		text += "answers with 8 MiB"
	case models.InboxEndless:
		text += "answers without end"
	case models.InboxAnswer:
		text += "answers " + strconv.Itoa(b.Status)
	}
	if b.Delay > 0 {
		text += " after " + ui.Duration(time.Duration(b.Delay)*time.Millisecond)
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// inboxForm is how an inbox is to behave, as it was typed.
type inboxForm struct {
	name, mode, status, delay, failFirst, failStatus, redirectTo string
	faults                                                       faults
}

func newInboxForm() *inboxForm {
	return &inboxForm{mode: string(models.InboxAnswer), status: "200", delay: "0", failFirst: "0", failStatus: "500"}
}

// formOfInbox is the form that shows what an inbox does from now on.
func formOfInbox(b *inbox) *inboxForm {
	f := &inboxForm{
		name: b.Name, mode: b.Mode, status: strconv.Itoa(b.Status), delay: strconv.FormatInt(b.Delay, 10),
		failFirst: strconv.Itoa(b.FailsLeft), failStatus: strconv.Itoa(b.FailStatus),
	}
	if b.RedirectTo != nil {
		f.redirectTo = *b.RedirectTo
	}
	return f
}

func (f *inboxForm) read(given url.Values) {
	text := func(name string) string { return strings.TrimSpace(given.Get(name)) }
	f.name, f.mode, f.status, f.delay = text("name"), text("mode"), text("status"), text("delay_ms")
	f.failFirst, f.failStatus, f.redirectTo = text("fail_first"), text("fail_status"), text("redirect_to")
}

// body is the form as the API takes it; what was left empty is what it is by itself.
func (f *inboxForm) body() map[string]any {
	body := map[string]any{"mode": f.mode}
	for name, value := range map[string]string{"status": f.status, "delay_ms": f.delay, "fail_first": f.failFirst, "fail_status": f.failStatus} {
		if value != "" {
			body[name] = numberOf(value)
		}
	}
	for name, value := range map[string]string{"name": f.name, "redirect_to": f.redirectTo} {
		if value != "" {
			body[name] = value
		}
	}
	return body
}

func inboxModes() []ui.Choice {
	return []ui.Choice{
		{Value: string(models.InboxAnswer), Label: "Answers with the status"},
		{Value: string(models.InboxDrop), Label: "Drops the connection"},
		{Value: string(models.InboxDrip), Label: "Drips a byte a second"},
		{Value: string(models.InboxRedirect), Label: "Redirects"},
		{Value: string(models.InboxHuge), Label: "Answers with 8 MiB"},
		{Value: string(models.InboxEndless), Label: "Answers without end"},
	}
}

func (s *site) listInboxes(v *view) error { return v.inboxesPage(http.StatusOK, newInboxForm()) }

func (v *view) inboxesPage(status int, f *inboxForm) error {
	var list []inbox
	if err := listAll(v, "/v3/sandbox/inboxes", &list); err != nil {
		return err
	}
	return v.renderAs(status, "Inboxes", inboxesPage(v, list, f))
}

func (s *site) createInbox(v *view) error {
	f := newInboxForm()
	f.read(v.form)
	b := &inbox{}
	err := v.do(callJSON(http.MethodPost, "/v3/sandbox/inboxes", f.body()), b)
	if f.faults = faultsOf(err); f.faults != nil {
		return v.inboxesPage(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return v.goTo(b.path(), "Inbox made. Subscribe it to events, or send to its address yourself.")
}

// inbox reads the one that the path names.
func (v *view) inbox() (*inbox, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such inbox.")
	}
	b := &inbox{}
	return b, v.get("/v3/sandbox/inboxes/"+id.String(), b)
}

// inboxRequest is a request that arrived.
type inboxRequest struct {
	Number     int       `json:"number"`
	ReceivedAt time.Time `json:"received_at"`
	Method     string    `json:"method"`
	Headers    []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"headers"`
	Body       string         `json:"body"`
	Encoding   string         `json:"body_encoding"`
	Truncated  bool           `json:"body_truncated"`
	DeliveryID *string        `json:"delivery_id"`
	Signature  models.Verdict `json:"signature"`
	Answer     inboxReply     `json:"answer"`
}

// inboxReply is what a request was answered.
type inboxReply struct {
	Outcome models.InboxOutcome `json:"outcome"`
	Status  int                 `json:"status"`
	Waited  int64               `json:"waited_ms"`
}

// state is what the caller met, for a badge.
func (a inboxReply) state() ui.State {
	switch a.Outcome {
	case models.InboxAnswered, models.InboxCut:
		tone := ui.Bad
		if a.Status < 300 {
			tone = ui.Good
		}
		return ui.State{Word: "Answered " + strconv.Itoa(a.Status), Tone: tone}
	case models.InboxGone:
		return ui.State{Word: "Caller left", Tone: ui.Bad}
	case models.InboxDropped:
		return ui.State{Word: "Dropped", Tone: ui.Bad}
	case models.InboxBusy:
		return ui.State{Word: "Too busy, " + strconv.Itoa(a.Status), Tone: ui.Bad}
	case models.InboxPending:
		return ui.State{Word: "Being answered", Tone: ui.Wait}
	case models.InboxUnknown:
	}
	return ui.State{Word: "Answer unknown", Tone: ui.Quiet}
}

// sentence says it with the time that it took.
func (a inboxReply) sentence() string {
	after := ""
	if a.Waited > 0 {
		after = " after " + ui.Duration(time.Duration(a.Waited)*time.Millisecond)
	}
	switch a.Outcome {
	case models.InboxAnswered:
		return "It was answered " + strconv.Itoa(a.Status) + after + "."
	case models.InboxCut:
		return "It was answered " + strconv.Itoa(a.Status) + after + ", and the caller left before the end of the body."
	case models.InboxGone:
		return "The caller left" + after + ", before the answer."
	case models.InboxDropped:
		return "The connection was dropped" + after + "."
	case models.InboxBusy:
		return "It was refused with " + strconv.Itoa(a.Status) + ", because too many slow answers were under way."
	case models.InboxPending:
		return "It is being answered."
	case models.InboxUnknown:
	}
	return "Nobody can tell what it was answered."
}

// headerText is its headers, one a line.
func (r *inboxRequest) headerText() string {
	var b strings.Builder
	for _, h := range r.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// verdict is what came of checking the signature, for a badge.
func (r *inboxRequest) verdict() ui.State {
	switch r.Signature {
	case models.VerdictValid:
		return ui.State{Word: "Signature valid", Tone: ui.Good}
	case models.VerdictInvalid:
		return ui.State{Word: "Signature wrong", Tone: ui.Bad}
	case models.VerdictMissing:
		return ui.State{Word: "Signature missing", Tone: ui.Bad}
	case models.VerdictUnsigned:
		return ui.State{Word: "Not signed", Tone: ui.Quiet}
	case models.VerdictUnknown:
	}
	return ui.State{Word: "Not ours to check", Tone: ui.Quiet}
}

// inboxView is the page of an inbox.
type inboxView struct {
	*inbox

	requests    []inboxRequest
	subscribers []models.SubscriptionLine
	form        *inboxForm
	fault       string // of subscribing it
	first, next string
}

// shownRequests is how many of what arrived are on a page.
const shownRequests = 20

func (v *view) inboxRequests(b *inbox, after string) (list []inboxRequest, next string, err error) {
	var page struct {
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		} `json:"meta"`
		Data []inboxRequest `json:"data"`
	}
	call := b.call("/requests?limit=" + strconv.Itoa(shownRequests))
	if after != "" {
		call += "&after=" + url.QueryEscape(after)
	}
	err = v.get(call, &page)
	if page.Meta.NextCursor != nil {
		next = *page.Meta.NextCursor
	}
	return page.Data, next, err
}

func (s *site) showInbox(v *view) error {
	b, err := v.inbox()
	if err != nil {
		return err
	}
	return v.inboxPage(http.StatusOK, &inboxView{inbox: b, form: formOfInbox(b)})
}

func (v *view) inboxPage(status int, p *inboxView) error {
	after := v.r.URL.Query().Get("after")
	list, next, err := v.inboxRequests(p.inbox, after)
	if err != nil {
		return err
	}
	p.requests = list
	if after != "" {
		p.first = p.path()
	}
	if next != "" {
		p.next = p.path() + "?after=" + url.QueryEscape(next)
	}
	sandbox := true
	p.subscribers, err = v.Store.SubscriptionPage(v.r.Context(), models.SubscriptionQuery{
		OrganizationID: v.key.OrganizationID, Sandbox: &sandbox, Text: path.Base(p.URL), Limit: 10,
	})
	if err != nil {
		return err
	}
	return v.renderAs(status, p.title(), inboxPage(v, p))
}

// liveInbox shows what arrives as it arrives.
func (s *site) liveInbox(v *view) error {
	b, err := v.inbox()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		list, _, err := v.inboxRequests(b, "")
		return arrivedList(v, &inboxView{inbox: b, requests: list}), err
	})
}

// subscribeInbox makes a sandbox subscription to every event for it.
func (s *site) subscribeInbox(v *view) error {
	b, err := v.inbox()
	if err != nil {
		return err
	}
	w := &webhook{}
	err = v.do(b.subscribe(v.form.Get("format")), w)
	if wrong := faultsOf(err); wrong != nil {
		p := &inboxView{inbox: b, form: formOfInbox(b)}
		for _, text := range wrong {
			p.fault = text
		}
		return v.inboxPage(http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return v.goTo(b.path(), "Subscribed. Every event of the sandbox arrives here now.")
}

// subscribe is the call that subscribes it to every event of the sandbox.
func (b *inbox) subscribe(format string) ui.Call {
	return callJSON(http.MethodPost, "/v3/webhooks", map[string]any{
		"endpoint": b.URL, "description": b.title(), "sandbox": true, "subscribed_events": []string{models.Any},
		"scopes": []string{models.Any}, "auto_retry": true, "enabled": true, "format": format,
	})
}

func (s *site) changeInbox(v *view) error {
	b, err := v.inbox()
	if err != nil {
		return err
	}
	p := &inboxView{inbox: b, form: &inboxForm{}}
	p.form.read(v.form)
	body := p.form.body()
	body["name"], body["redirect_to"] = p.form.name, p.form.redirectTo
	err = v.do(callJSON(http.MethodPatch, b.call(""), body), nil)
	if p.form.faults = faultsOf(err); p.form.faults != nil {
		return v.inboxPage(http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return v.goTo(b.path(), "It behaves like that from now on.")
}

func (s *site) deleteInbox(v *view) error {
	b, err := v.inbox()
	if err != nil {
		return err
	}
	if err := v.do(ui.Call{Method: http.MethodDelete, Path: b.call("")}, nil); err != nil {
		return err
	}
	return v.goTo(inboxesPath, "Inbox deleted.")
}

// readable is a body laid out to be read, where it is JSON; all characters but blanks are as they arrived.
func readable(body string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(body), "", "  "); err != nil {
		return body
	}
	return b.String()
}

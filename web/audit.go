package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const auditPath = root + "/audit"

func (s *site) auditRoutes() []route {
	return []route{{pattern: "GET " + auditPath, action: models.ActionManage, page: s.showAudit}}
}

func (s *site) operatorAuditRoutes() []route {
	return []route{{pattern: "GET " + operatorPath + "/audit", who: operators, page: s.showEveryAudit}}
}

// auditLine is an entry of the audit log as the API shows it.
type auditLine struct {
	ID             string              `json:"id"`
	At             time.Time           `json:"at"`
	OrganizationID *string             `json:"organization_id"`
	Actor          models.ActorKind    `json:"actor"`
	KeyID          *string             `json:"key_id"`
	KeyHint        *string             `json:"key_hint"`
	Action         string              `json:"action"`
	ObjectID       *string             `json:"object_id"`
	RequestID      *string             `json:"request_id"`
	Outcome        models.AuditOutcome `json:"outcome"`
	Status         *int                `json:"status"`
	Reason         *string             `json:"reason"`
}

func (l *auditLine) who() string {
	switch l.Actor {
	case models.ActorOperator:
		return "the operator"
	case models.ActorProgram:
		return "the program itself"
	case models.ActorKey:
	}
	if l.KeyHint != nil {
		return "key " + *l.KeyHint + "…"
	}
	return "a key"
}

func (l *auditLine) state() ui.State {
	switch l.Outcome {
	case models.AuditDone:
		if l.preview() {
			return ui.State{Word: "Preview", Tone: ui.Quiet}
		}
		return ui.State{Word: "Done", Tone: ui.Good}
	case models.AuditRefused:
		return ui.State{Word: "Refused", Tone: ui.Wait}
	case models.AuditFailed:
		return ui.State{Word: "Failed", Tone: ui.Bad}
	case models.AuditUnknown:
	}
	return ui.State{Word: "Not known", Tone: ui.Quiet}
}

// preview reports whether it was only looked at what the action would be about.
func (l *auditLine) preview() bool { return l.Reason != nil && *l.Reason == models.AuditDryRun }

// object is the page of what it was done to, "" where there is none.
func (l *auditLine) object() string {
	if l.ObjectID == nil || l.Action == "webhook.delete" {
		return ""
	}
	kind, _, _ := strings.Cut(l.Action, ".")
	switch kind {
	case "webhook":
		return subscriptionsPath + "/" + *l.ObjectID
	case "delivery":
		return deliveryPath(*l.ObjectID)
	case "event":
		return eventPath(*l.ObjectID)
	case "inbox":
		return inboxesPath + "/" + *l.ObjectID
	}
	return ""
}

// auditList is the log as it is shown.
type auditList struct {
	path, call  string
	everybody   bool // the operator's: of all organizations
	lines       []auditLine
	first, next string
	given       map[string]string
	names       map[string]string // of the organizations that the lines are about
	faults      faults
}

// auditFilters are the parameters of the API that the page has fields for.
func (l *auditList) filters() []string {
	names := []string{"actor", "action", "object_id", "from", "to"}
	if l.everybody {
		names = append(names, "organization_id")
	}
	return names
}

func (l *auditList) filtered() bool { return len(l.given) > 0 }

// at is the address of a place in the list as it is filtered.
func (l *auditList) at(after string) string {
	q := url.Values{}
	for name, value := range l.given {
		q[name] = []string{value}
	}
	if after != "" {
		q["after"] = []string{after}
	}
	return addressOf(l.path, q)
}

// callOf is at for the API.
func (l *auditList) callOf(after string) string {
	q := url.Values{}
	for name, value := range l.given {
		if name == "from" || name == "to" {
			value = timeForAPI(value)
		}
		q[name] = []string{value}
	}
	if after != "" {
		q["after"] = []string{after}
	}
	return addressOf(l.call, q)
}

func (s *site) showAudit(v *view) error {
	return v.auditPage(&auditList{path: auditPath, call: "/v3/audit_log"})
}

func (s *site) showEveryAudit(v *view) error {
	return v.auditPage(&auditList{path: operatorPath + "/audit", call: "/admin/v1/audit_log", everybody: true})
}

func (v *view) auditPage(l *auditList) error {
	l.given = map[string]string{}
	asked := v.r.URL.Query()
	for _, name := range l.filters() {
		if value := strings.TrimSpace(asked.Get(name)); value != "" {
			l.given[name] = value
		}
	}
	after := asked.Get("after")
	if after != "" {
		l.first = l.at("")
	}
	var page struct {
		Meta struct {
			NextCursor *string `json:"next_cursor"`
		} `json:"meta"`
		Data []auditLine `json:"data"`
	}
	err := v.get(l.callOf(after), &page)
	if r, ok := errors.AsType[*refusal](err); ok && r.Status == http.StatusBadRequest {
		l.faults = faultsOf(err)
	}
	if l.faults != nil && l.faults["after"] == "" {
		return v.renderAs(http.StatusUnprocessableEntity, "Audit log", auditPage(v, l))
	}
	if err != nil {
		return err
	}
	l.lines = page.Data
	if l.everybody {
		if err := v.nameOrganizations(l); err != nil {
			return err
		}
	}
	if page.Meta.NextCursor != nil {
		l.next = l.at(*page.Meta.NextCursor)
	}
	return v.render("Audit log", auditPage(v, l))
}

// nameOrganizations reads the names of those that the lines are about, each once: at most as many as there are lines on a page.
func (v *view) nameOrganizations(l *auditList) error {
	l.names = map[string]string{}
	for _, e := range l.lines {
		if e.OrganizationID == nil || l.names[*e.OrganizationID] != "" {
			continue
		}
		id, err := models.ParseID(*e.OrganizationID)
		if err != nil {
			continue
		}
		o, err := v.Store.Organization(v.r.Context(), id)
		if err != nil && models.CodeOf(err) != models.CodeNotFound {
			return err
		}
		l.names[*e.OrganizationID] = o.Name
	}
	return nil
}

// organization is its name, or its id where there is none of that name any more.
func (l *auditList) organization(id string) string { return orWords(l.names[id], id) }

func auditActors() []ui.Choice {
	return []ui.Choice{
		{Value: "", Label: "Anybody"},
		{Value: string(models.ActorKey), Label: "Keys"},
		{Value: string(models.ActorOperator), Label: "The operator"},
		{Value: string(models.ActorProgram), Label: "The program itself"},
	}
}

// auditActions is what may be chosen: each family before what is of it, and last what was given where that is none of them.
func (l *auditList) auditActions() []ui.Choice {
	list := []ui.Choice{{Value: "", Label: "Anything"}}
	last := ""
	for _, name := range models.AuditActions() {
		if family, _, _ := strings.Cut(name, "."); family != last {
			last = family
			list = append(list, ui.Choice{Value: family + ".*", Label: family + ".*"})
		}
		list = append(list, ui.Choice{Value: name, Label: name})
	}
	if given := l.given["action"]; !slices.ContainsFunc(list, func(c ui.Choice) bool { return c.Value == given }) {
		list = append(list, ui.Choice{Value: given, Label: given})
	}
	return list
}

// actors is the choices with the one that was given, where that is a single key.
func (l *auditList) actors() []ui.Choice {
	list := auditActors()
	for _, c := range list {
		if c.Value == l.given["actor"] {
			return list
		}
	}
	return append(list, ui.Choice{Value: l.given["actor"], Label: "Key " + l.given["actor"]})
}

// of is the address of the log with one more filter.
func (l *auditList) of(name, value string) string {
	q := url.Values{}
	for n, v := range l.given {
		q.Set(n, v)
	}
	q.Set(name, value)
	return l.path + "?" + q.Encode()
}

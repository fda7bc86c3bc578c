package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// AuditLog keeps what was done by whom.
type AuditLog interface {
	// BeginAudit enters an action before it begins, with the outcome unknown.
	BeginAudit(ctx context.Context, e models.AuditEntry) error
	// FinishAudit says how it ended, and to what it was done.
	FinishAudit(ctx context.Context, e models.AuditEntry) error
	// WithdrawAudit removes the entry of an action that changed nothing.
	WithdrawAudit(ctx context.Context, id models.ID) error
	Audit(ctx context.Context, q models.AuditQuery) ([]models.AuditEntry, error)
}

// finishTime bounds the entering of how an action ended. Failure policy: where it can't be entered the entry keeps the outcome unknown,
// and the caller gets the answer of the action, which is over.
const finishTime = 5 * time.Second

// auditing is the name under which a call keeps its entry.
const auditing = "hookrouter.audit"

// entryOf is the audit entry of a call; nil where the route has none.
func entryOf(c *gin.Context) *models.AuditEntry {
	e, _ := c.Get(auditing)
	entry, _ := e.(*models.AuditEntry)
	return entry
}

// entering is the name under which a call of a surface without a guard keeps how its action is entered.
const entering = "hookrouter.entering"

// Acts says with whose key a call of a surface without a guard is made, and enters what its route does in the audit log. The route calls
// it as soon as it knows the key, before it looks at what the key may. An error ends the call: what can't be entered is not done.
func Acts(c *gin.Context, key *models.APIKey) error {
	v, _ := c.Get(entering)
	if enter, ok := v.(func(*models.APIKey) error); ok {
		return enter(key)
	}
	return nil
}

// Concerns says to what a call does something, where the path does not: the organization, unless it is zero, and the object, unless it
// is "". It does nothing in calls that are not entered in the audit log.
func Concerns(c *gin.Context, org models.ID, object string) {
	e := entryOf(c)
	if e == nil {
		return
	}
	if !org.IsZero() {
		e.OrganizationID = org
	}
	if object != "" {
		e.ObjectID = object
	}
}

// Looks says that a call of a route that does something did nothing, since it was asked only to look.
func Looks(c *gin.Context) {
	if e := entryOf(c); e != nil {
		e.Reason = models.AuditDryRun
	}
}

// idle is the name under which a call keeps that it changed nothing.
const idle = "hookrouter.idle"

// changedNothing says that what a call asked for is there already. Its entry is withdrawn: clients that send again and again what they want to be
// there would bury what somebody did.
func changedNothing(c *gin.Context) { c.Set(idle, true) }

// audited runs an action between its entry in the audit log and how it ended.
func (a *api) audited(c *gin.Context, action string, actor models.Actor, org models.ID, act func() error) error {
	if err := a.enter(c, action, actor, org); err != nil {
		return err
	}
	err := act()
	a.ended(c, err)
	return err
}

// enter writes down that an action begins, "" being none. Failure policy: what can't be entered is not done.
func (a *api) enter(c *gin.Context, action string, actor models.Actor, org models.ID) error {
	if action == "" {
		return nil
	}
	e := &models.AuditEntry{
		ID: a.NewID(), OrganizationID: org, At: a.Now().UTC(), Actor: actor, Action: action, ObjectID: namedByPath(c),
		RequestID: c.Writer.Header().Get(headerRequestID), AuditResult: models.AuditResult{Outcome: models.AuditUnknown},
	}
	if err := a.Store.BeginAudit(c.Request.Context(), *e); err != nil {
		return err
	}
	c.Set(auditing, e)
	return nil
}

// ended writes down how the action of a call ended, where it was entered.
func (a *api) ended(c *gin.Context, err error) {
	e := entryOf(c)
	if e == nil {
		return
	}
	looked := e.Reason
	if e.AuditResult = resultOf(c.Writer, err); e.Outcome == models.AuditDone {
		e.Reason = looked
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), finishTime)
	defer cancel()
	finish := func() error { return a.Store.FinishAudit(ctx, *e) }
	if e.Outcome == models.AuditDone && c.GetBool(idle) {
		finish = func() error { return a.Store.WithdrawAudit(ctx, e.ID) }
	}
	if failed := finish(); failed != nil {
		a.Logger.LogAttrs(ctx, slog.LevelWarn, "audit.unfinished", slog.String("request_id", e.RequestID), slog.String("action", e.Action),
			slog.Any("error", failed))
	}
}

// resultOf is how an action ended that has written an answer, or returned an error, or both.
func resultOf(w gin.ResponseWriter, err error) models.AuditResult {
	r := models.AuditResult{Outcome: models.AuditDone, Status: w.Status()}
	if err != nil {
		var status int
		if status, r.Reason = statusOf(models.CodeOf(err)); !w.Written() {
			r.Status = status
		}
	}
	switch {
	case r.Status >= http.StatusInternalServerError:
		r.Outcome = models.AuditFailed
	case r.Status >= http.StatusBadRequest:
		r.Outcome = models.AuditRefused
	}
	return r
}

// namedByPath is the last parameter of the path. What can't be the name of anything of ours is left out: it may be anything, such as the
// text of a key.
func namedByPath(c *gin.Context) string {
	if len(c.Params) == 0 {
		return ""
	}
	name := c.Params[len(c.Params)-1].Value
	if !cleanText(name) || slices.ContainsFunc(prefixes, func(p string) bool { return strings.Contains(name, p) }) {
		return ""
	}
	if id, err := models.ParseID(name); err == nil {
		return id.String() // one object, one spelling
	}
	return name
}

// actorOf is who calls with a key.
func actorOf(key *models.APIKey) models.Actor {
	return models.Actor{Kind: models.ActorKey, KeyID: key.ID, KeyHint: key.Hint}
}

// auditOutput is an entry of the audit log.
type auditOutput struct {
	ID             models.ID           `json:"id"`
	At             string              `json:"at"`
	OrganizationID *models.ID          `json:"organization_id"`
	Actor          models.ActorKind    `json:"actor"`
	KeyID          *models.ID          `json:"key_id"`
	KeyHint        *string             `json:"key_hint"`
	Action         string              `json:"action"`
	ObjectID       *string             `json:"object_id"`
	RequestID      *string             `json:"request_id"`
	Outcome        models.AuditOutcome `json:"outcome"`
	Status         *int                `json:"status"`
	Reason         *string             `json:"reason"`
}

func showAudit(e models.AuditEntry) auditOutput {
	return auditOutput{
		ID: e.ID, At: millis(e.At), OrganizationID: optional(e.OrganizationID), Actor: e.Actor.Kind, KeyID: optional(e.Actor.KeyID),
		KeyHint: optional(e.Actor.KeyHint), Action: e.Action, ObjectID: optional(e.ObjectID), RequestID: optional(e.RequestID),
		Outcome: e.Outcome, Status: optional(e.Status), Reason: optional(e.Reason),
	}
}

// listAudit answers the organization's audit log, newest first.
func (a *api) listAudit(c *gin.Context, key *models.APIKey) error {
	return ListAudit(c, a.Store, key.OrganizationID)
}

// ListAudit answers a page of the audit log: an organization's, or with a zero id everybody's, which takes organization_id as a filter.
func ListAudit(c *gin.Context, log AuditLog, org models.ID) error {
	allowed := []string{"actor", "action", "object_id", "from", "to"}
	if org.IsZero() {
		allowed = append(allowed, "organization_id")
	}
	q, err := readQuery(c, allowed...)
	if err != nil {
		return err
	}
	at := q.place("audit_log", &models.APIKey{OrganizationID: org, Environment: models.Production})
	ask := models.AuditQuery{OrganizationID: org, ObjectID: q.text("object_id"), After: q.afterID(at), Limit: at.more()}
	if org.IsZero() {
		ask.OrganizationID = q.id("organization_id")
	}
	ask.Actor, ask.KeyID = q.actor("actor")
	ask.Action = q.action("action")
	ask.From, ask.To = q.period()
	if err := q.err(); err != nil {
		return err
	}
	found, err := log.Audit(c.Request.Context(), ask)
	if err != nil {
		return err
	}
	writePage(c, at, found, func(e models.AuditEntry) []byte { return e.ID[:] }, showAudit)
	return nil
}

// actor reads who acted: a key's id, operator or program.
func (q *query) actor(name string) (kind models.ActorKind, key models.ID) {
	v, ok := q.take(name)
	if !ok {
		return "", key
	}
	if kind = models.ActorKind(v); slices.Contains([]models.ActorKind{models.ActorKey, models.ActorOperator, models.ActorProgram}, kind) {
		return kind, key
	}
	key, err := models.ParseID(v)
	if err != nil || key.IsZero() {
		q.fail(name, "actor")
	}
	return models.ActorKey, key
}

// action reads the name of an action, or a family of them. One that there is not is refused: an empty list would say that nothing was done.
func (q *query) action(name string) models.Pattern {
	v, ok := q.take(name)
	if !ok {
		return ""
	}
	p, err := models.ParsePattern(v)
	if known := models.AuditActions(); err != nil || !slices.ContainsFunc(known, p.Match) {
		q.wrong = append(q.wrong, models.FieldError{Name: name, Reason: reason("action", strings.Join(known, ", "))})
	}
	return p
}

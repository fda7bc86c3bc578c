package handlers

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Who may use a route of /v3: the key's role must allow the action, and some routes are closed to sandbox keys.
const (
	read    = models.ActionRead
	manage  = models.ActionManage
	publish = models.ActionPublish
	keys    = models.ActionKeys

	anyEnvironment = false
	productionOnly = true
)

// route is one operation of /v3.
type route struct {
	method     string
	path       string
	action     models.Action
	production bool // only for keys of the production environment
	handle     func(*gin.Context, *models.APIKey) error
}

// routes is the whole surface of /v3.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/v3/webhooks", read, anyEnvironment, a.listWebhooks},
		{http.MethodPost, "/v3/webhooks", manage, productionOnly, a.createWebhook},
		{http.MethodGet, "/v3/webhooks/:webhook", read, anyEnvironment, a.getWebhook},
		{http.MethodPatch, "/v3/webhooks/:webhook", manage, anyEnvironment, a.updateWebhook},
		{http.MethodDelete, "/v3/webhooks/:webhook", manage, anyEnvironment, a.deleteWebhook},
		{http.MethodPost, "/v3/webhooks/:webhook/rotate_secret", manage, anyEnvironment, a.rotateSecret},
		{http.MethodPost, "/v3/webhooks/:webhook/activate_secret", manage, anyEnvironment, a.activateSecret},
		{http.MethodPost, "/v3/webhooks/:webhook/cancel_rotation", manage, anyEnvironment, a.cancelRotation},
		{http.MethodPost, "/v3/webhooks/:webhook/finish_rotation", manage, anyEnvironment, a.finishRotation},
		{http.MethodGet, "/v3/webhooks/:webhook/secrets", read, anyEnvironment, a.listSecrets},
		{http.MethodPost, "/v3/webhooks/dry_run", manage, anyEnvironment, a.dryRun},
		{http.MethodGet, "/v3/webhooks/:webhook/versions", read, anyEnvironment, a.listVersions},
		{http.MethodPost, "/v3/webhooks/:webhook/revert", manage, anyEnvironment, a.revertWebhook},
		{http.MethodGet, "/v3/webhooks/:webhook/retry_plan", read, anyEnvironment, a.retryPlan},
		{http.MethodGet, "/v3/webhooks/:webhook/stats", read, anyEnvironment, a.webhookStats},
		{http.MethodGet, "/v3/stats", read, anyEnvironment, a.stats},
		{http.MethodPost, "/v3/webhooks/:webhook/suspend", manage, anyEnvironment, a.suspendWebhook},
		{http.MethodPost, "/v3/webhooks/:webhook/resume", manage, anyEnvironment, a.resumeWebhook},

		{http.MethodPost, "/v3/events", publish, anyEnvironment, a.createEvent},
		{http.MethodPost, "/v3/events/batch", publish, anyEnvironment, a.createEvents},
		{http.MethodGet, "/v3/events", read, anyEnvironment, a.listEvents},
		{http.MethodGet, "/v3/events/:event", read, anyEnvironment, a.getEvent},
		{http.MethodGet, "/v3/events/:event/deliveries", read, anyEnvironment, a.listEventDeliveries},
		{http.MethodGet, "/v3/events/:event/explain", read, anyEnvironment, a.explainEvent},

		{http.MethodGet, "/v3/deliveries", read, anyEnvironment, a.listDeliveries},
		{http.MethodGet, "/v3/deliveries/:delivery", read, anyEnvironment, a.getDelivery},

		{http.MethodPost, "/v3/webhooks/:webhook/test", manage, anyEnvironment, a.testWebhook},
		{http.MethodPost, "/v3/sandbox/events", publish, anyEnvironment, a.createSample},
		{http.MethodGet, "/v3/sandbox/scenarios", read, anyEnvironment, a.listScenarios},
		{http.MethodPost, "/v3/sandbox/scenarios/:scenario/run", publish, anyEnvironment, a.runScenario},
		{http.MethodGet, "/v3/sandbox/inboxes", read, anyEnvironment, a.listInboxes},
		{http.MethodPost, "/v3/sandbox/inboxes", manage, anyEnvironment, a.createInbox},
		{http.MethodGet, "/v3/sandbox/inboxes/:inbox", read, anyEnvironment, a.getInbox},
		{http.MethodPatch, "/v3/sandbox/inboxes/:inbox", manage, anyEnvironment, a.updateInbox},
		{http.MethodDelete, "/v3/sandbox/inboxes/:inbox", manage, anyEnvironment, a.deleteInbox},
		{http.MethodGet, "/v3/sandbox/inboxes/:inbox/requests", read, anyEnvironment, a.listInboxRequests},
		{http.MethodPost, "/v3/deliveries/:delivery/retry", manage, anyEnvironment, a.retryDelivery},
		{http.MethodPost, "/v3/deliveries/retry", manage, anyEnvironment, a.retryDeliveries},
		{http.MethodPost, "/v3/events/:event/replay", manage, anyEnvironment, a.replayEvent},
		{http.MethodPost, "/v3/webhooks/:webhook/backfill", manage, anyEnvironment, a.backfillWebhook},
		{http.MethodGet, "/v3/jobs", read, anyEnvironment, a.listJobs},
		{http.MethodGet, "/v3/jobs/:job", read, anyEnvironment, a.getJob},
		{http.MethodDelete, "/v3/jobs/:job", manage, anyEnvironment, a.cancelJob},

		{http.MethodGet, "/v3/workspaces", read, anyEnvironment, a.listWorkspaces},
		{http.MethodPost, "/v3/workspaces", manage, productionOnly, a.createWorkspace},
		{http.MethodDelete, "/v3/workspaces/:workspace", manage, productionOnly, a.deleteWorkspace},
		{http.MethodGet, "/v3/workspaces/:workspace", read, anyEnvironment, a.getWorkspace},
		{http.MethodPatch, "/v3/workspaces/:workspace", manage, productionOnly, a.updateWorkspace},

		{http.MethodGet, "/v3/scopes", read, anyEnvironment, a.listScopes},
		{http.MethodPost, "/v3/scopes", manage, productionOnly, a.createScope},
		{http.MethodGet, "/v3/scopes/:scope", read, anyEnvironment, a.getScope},
		{http.MethodPatch, "/v3/scopes/:scope", manage, productionOnly, a.updateScope},
		{http.MethodDelete, "/v3/scopes/:scope", manage, productionOnly, a.deleteScope},
		{http.MethodGet, "/v3/event_types", read, anyEnvironment, a.listEventTypes},
		{http.MethodPost, "/v3/event_types", manage, productionOnly, a.createEventType},
		{http.MethodPost, "/v3/event_types/dry_run", manage, productionOnly, a.tryEventType},
		{http.MethodGet, "/v3/event_types/:event_type", read, anyEnvironment, a.getEventType},
		{http.MethodPatch, "/v3/event_types/:event_type", manage, productionOnly, a.updateEventType},
		{http.MethodDelete, "/v3/event_types/:event_type", manage, productionOnly, a.deleteEventType},

		{http.MethodGet, "/v3/api_keys", keys, productionOnly, a.listKeys},
		{http.MethodPost, "/v3/api_keys", keys, productionOnly, a.createKey},
		{http.MethodGet, "/v3/api_keys/:key", keys, productionOnly, a.getKey},
		{http.MethodDelete, "/v3/api_keys/:key", keys, productionOnly, a.revokeKey},
		{http.MethodGet, "/v3/audit_log", manage, productionOnly, a.listAudit},

		{http.MethodDelete, "/v3/events/:event/payload", manage, anyEnvironment, a.expungePayload},
		{http.MethodDelete, "/v3/entities/:entity", manage, productionOnly, a.removeEntity},
	}
}

// engine mounts everything.
func (a *api) engine() (http.Handler, error) {
	e, err := a.bare()
	if err != nil {
		return nil, err
	}
	e.NoRoute(a.answer(a.stray(a.strange(http.StatusNotFound, detailPath, unknownPath))))
	e.NoMethod(a.answer(a.stray(a.strange(http.StatusMethodNotAllowed, detailMethod, wrongMethod))))

	for _, r := range a.routes() {
		e.Handle(r.method, r.path, a.answer(a.guarded(r)))
	}
	for _, r := range a.describe() {
		e.Handle(r.Method, r.Path, a.answer(r.Handle))
	}
	e.Handle(http.MethodPost, "/inbox/:token", a.answer(a.receive))
	a.Surfaces = slices.Clone(a.Surfaces)
	for _, guest := range a.Guests {
		a.Surfaces = append(a.Surfaces, guest(&Core{a}))
	}
	for _, s := range a.Surfaces {
		for _, r := range s.Routes {
			if r.Does != "" && !slices.Contains(models.AuditActions(), r.Does) {
				return nil, fmt.Errorf("handlers: %s %s does %s, which is none of models.AuditActions", r.Method, r.Path, r.Does)
			}
			e.Handle(r.Method, r.Path, a.answer(a.guardedBy(s, r)))
		}
	}
	if err := a.mountPages(e); err != nil {
		return nil, err
	}
	return e, nil
}

// stray counts a call that no route takes before it is answered.
func (a *api) stray(f Func) Func {
	return func(c *gin.Context) error {
		if err := a.countStray(c); err != nil {
			return err
		}
		return f(c)
	}
}

// ofV3 reports whether a path belongs to the surface that has keys and limits.
func ofV3(path string) bool { return path == "/v3" || strings.HasPrefix(path, "/v3/") }

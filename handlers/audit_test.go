package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestEachActionIsEntered holds the table of actions against the routes: what may change something is in it, and nothing else.
func TestEachActionIsEntered(t *testing.T) {
	t.Parallel()
	looks := map[string]bool{"/v3/webhooks/dry_run": true, "/v3/event_types/dry_run": true}
	seen := map[string]bool{}
	for _, r := range setup(t).api.routes() {
		changes := r.method != http.MethodGet && r.action != models.ActionPublish && !looks[r.path]
		require.Equal(t, changes, r.does() != "", "%s %s", r.method, r.path)
		seen[r.method+" "+r.path] = true
	}
	for name, action := range actions {
		require.True(t, seen[name], name)
		require.Regexp(t, `^[a-z_]+\.[a-z_]+$`, action, "a name that a family can select")
	}
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	w := setup(t)
	manager, reader := w.manager(), w.key(w.org, models.RoleReader, models.Production)
	log := func(query string) []map[string]any {
		return w.call("GET", "/v3/audit_log"+query, manager, "").is(200).data()
	}
	require.Empty(t, log(""))
	made := w.call("POST", "/v3/webhooks", manager, validWebhook.with(nil), "X-Request-Id: mine-1").is(201).json()
	id := made["id"].(string)
	key := w.store.keys[HashKey(manager)]
	got := log("")
	require.Len(t, got, 1, "looking is not entered")
	require.Equal(t, map[string]any{
		"id": got[0]["id"], "at": "2026-05-04T10:00:07.123Z", "organization_id": w.org.String(), "actor": "key", "key_id": key.ID.String(),
		"key_hint": key.Hint, "action": "webhook.create", "object_id": id, "request_id": "mine-1", "outcome": "done", "status": 201.0, "reason": nil,
	}, got[0])

	w.call("PATCH", "/v3/webhooks/"+strings.ToUpper(id), manager, `{"enabled":1}`).is(400)
	w.call("DELETE", "/v3/webhooks/"+id, reader, "").is(403)
	w.call("DELETE", "/v3/webhooks/"+manager, manager, "").is(404)
	got = log("?object_id=" + id)
	require.Len(t, got, 3)
	require.Equal(t, []any{"refused", 403.0, "access.forbidden"}, []any{got[0]["outcome"], got[0]["status"], got[0]["reason"]})
	require.Equal(t, []any{"refused", 400.0, "validation.error"}, []any{got[1]["outcome"], got[1]["status"], got[1]["reason"]})
	got = log("?action=webhook.delete&actor=" + key.ID.String())
	require.Len(t, got, 1)
	require.Nil(t, got[0]["object_id"], "the text of a key is not kept, wherever it stands")

	w.call("POST", "/v3/events", manager, validEvent.with(nil)).is(202)
	w.call("POST", "/v3/webhooks/dry_run", manager, validWebhook.with(object{"sandbox": true})).is(200)
	require.Len(t, log(""), 4, "neither publishing nor a dry run is entered")
	require.Len(t, log("?limit=1"), 1)
	next := w.call("GET", "/v3/audit_log?limit=3", manager, "").is(200).next()
	require.Len(t, log("?limit=3&after="+next), 1)
	require.Len(t, log("?actor=key&action=webhook.*"), 4)
	require.Empty(t, log("?actor=operator"))
	require.Empty(t, log("?to=2026-05-04T10:00:07Z"))
	require.Len(t, log("?from=2026-05-04T10:00:07Z"), 4)
	for query, name := range map[string]string{
		"?actor=me": "actor", "?action=web*": "action", "?organization_id=" + w.org.String(): "organization_id", "?from=x": "from", "?object_id=": "object_id",
	} {
		require.Contains(t, w.call("GET", "/v3/audit_log"+query, manager, "").invalid(), name)
	}

	other := w.key(w.other, models.RoleAdmin, models.Production)
	require.Empty(t, w.call("GET", "/v3/audit_log", other, "").is(200).data())
	w.call("GET", "/v3/audit_log", reader, "").is(403)
	require.Equal(t, "configuration.not_enabled",
		w.call("GET", "/v3/audit_log", w.key(w.org, models.RoleAdmin, models.Sandbox), "").is(403).json()["type"])

	kept, err := json.Marshal(w.store.audit)
	require.NoError(t, err)
	for _, secret := range []string{made["secret_key"].(string), manager, "acme.test", "Contracts"} {
		require.NotContains(t, string(kept), secret)
	}
}

// TestAnActionIsEnteredBeforeItIsDone is what a crash in the middle means: an entry whose outcome is unknown, and never an action without.
func TestAnActionIsEnteredBeforeItIsDone(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.store.auditFault = errors.New("no room")
	w.call("POST", "/v3/webhooks", key, validWebhook.with(nil)).is(500)
	require.Empty(t, w.store.subscriptions, "what can't be entered is not done")
	w.store.auditFault = nil

	w = setup(t, func(o *Options) { o.NewSecret = func() string { panic("the process ends here") } })
	w.call("POST", "/v3/webhooks", w.manager(), validWebhook.with(nil)).is(500)
	require.Len(t, w.store.audit, 1)
	require.Equal(t, models.AuditUnknown, w.store.audit[0].Outcome)
	require.Equal(t, "webhook.create", w.store.audit[0].Action)

	require.Equal(t, models.AuditResult{Outcome: models.AuditFailed, Status: 500, Reason: "about:blank"}, resultOf(answerOf(t, 0), errors.New("x")))
	require.Equal(t, models.AuditResult{Outcome: models.AuditRefused, Status: 401, Reason: "access.forbidden"},
		resultOf(answerOf(t, 401), &models.Error{Code: models.CodeForbidden}), "a surface that has answered in its own way")
}

// TestDryRunsAreToldApart holds that the entry of a job that was only tried out says so, and one that was refused says why.
func TestDryRunsAreToldApart(t *testing.T) {
	t.Parallel()
	w := setup(t)
	last := func() models.AuditResult { return w.store.audit[len(w.store.audit)-1].AuditResult }
	w.call("POST", "/v3/deliveries/retry", w.manager(), `{"from":"2026-05-01T00:00:00Z","dry_run":true}`).is(200)
	require.Equal(t, models.AuditResult{Outcome: models.AuditDone, Status: 200, Reason: models.AuditDryRun}, last())
	w.call("POST", "/v3/deliveries/retry", w.manager(), `{"from":"2026-05-01T00:00:00Z"}`).is(202)
	require.Equal(t, models.AuditResult{Outcome: models.AuditDone, Status: 202}, last())
	w.call("POST", "/v3/deliveries/retry", w.manager(), `{"dry_run":true}`).is(400)
	require.Equal(t, models.AuditRefused, last().Outcome)
	require.NotEqual(t, models.AuditDryRun, last().Reason)
}

func TestOwnKeys(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.key(w.org, models.RoleAdmin, models.Production)
	made := w.call("POST", "/v3/api_keys", admin, `{"role":"reader","environment":"sandbox","name":"CI of Berlin"}`).is(201).json()
	text := made["key"].(string)
	require.True(t, strings.HasPrefix(text, "hk_test_"))
	require.Equal(t, map[string]any{
		"id": made["id"], "key": text, "hint": text[:12], "name": "CI of Berlin", "role": "reader", "environment": "sandbox",
		"created_at": "2026-05-04T10:00:07Z", "revoked_at": nil,
	}, made)
	w.call("GET", "/v3/webhooks", text, "").is(200)
	list := w.call("GET", "/v3/api_keys", admin, "").is(200).data()
	require.Len(t, list, 2)
	require.NotContains(t, list[0], "key", "the text is shown once")
	require.Equal(t, made["id"], list[0]["id"], "newest first")
	next := w.call("GET", "/v3/api_keys?limit=1", admin, "").is(200).next()
	require.Equal(t, list[1:], w.call("GET", "/v3/api_keys?limit=1&after="+next, admin, "").is(200).data())
	path := "/v3/api_keys/" + made["id"].(string)
	require.Equal(t, list[0], w.call("GET", path, admin, "").is(200).json())

	for body, names := range map[string][]string{
		`{}`: {"role"}, `{"role":"owner","environment":"moon","name":" x"}`: {"role", "environment", "name"}, `{"role":"reader","name":"a\nb"}`: {"name"},
		`{"role":1}`: {"role"}, `{"role":"reader","name":"\u0000"}`: {"name"},
	} {
		wrong := w.call("POST", "/v3/api_keys", admin, body).invalid()
		require.Len(t, wrong, len(names), body)
		for _, name := range names {
			require.Contains(t, wrong, name, body)
		}
	}

	for _, c := range []struct {
		role models.Role
		env  models.Environment
	}{{models.RoleManager, models.Production}, {models.RoleReader, models.Production}, {models.RolePublisher, models.Production}, {models.RoleAdmin, models.Sandbox}} {
		key := w.key(w.org, c.role, c.env)
		w.call("GET", "/v3/api_keys", key, "").is(403)
		w.call("POST", "/v3/api_keys", key, `{"role":"admin"}`).is(403)
		w.call("GET", path, key, "").is(403)
		w.call("DELETE", path, key, "").is(403)
	}
	foreign := w.key(w.other, models.RoleAdmin, models.Production)
	w.call("GET", path, foreign, "").is(404)
	w.call("DELETE", path, foreign, "").is(404)
	w.call("GET", "/v3/api_keys/x", admin, "").is(404)

	w.call("DELETE", path, admin, "").is(204)
	w.call("DELETE", path, admin, "").is(204)
	w.call("GET", "/v3/webhooks", text, "").is(401)
	require.NotNil(t, w.call("GET", path, admin, "").is(200).json()["revoked_at"])
	self := w.store.keys[HashKey(admin)].ID.String()
	require.Equal(t, "resource.conflict", w.call("DELETE", "/v3/api_keys/"+self, admin, "").is(409).json()["type"])
	w.call("GET", "/v3/api_keys", admin, "").is(200)
	w.call("POST", "/v3/api_keys", admin, `{"role":"admin"}`).is(201)
	w.call("DELETE", "/v3/api_keys/"+self, admin, "").is(204)
	w.call("GET", "/v3/api_keys", admin, "").is(401)

	entry := w.store.audit[0]
	require.Equal(t, "key.create", entry.Action)
	require.Equal(t, made["id"], entry.ObjectID)
}

func TestARevokedPublisherIsForgotten(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin, publisher := w.key(w.org, models.RoleAdmin, models.Production), w.publisher()
	w.call("POST", "/v3/events", publisher, validEvent.with(nil)).is(202)
	w.call("DELETE", "/v3/api_keys/"+w.store.keys[HashKey(publisher)].ID.String(), admin, "").is(204)
	lookups := w.store.lookups
	w.call("POST", "/v3/events", publisher, validEvent.with(nil)).is(401)
	require.Equal(t, lookups+1, w.store.lookups, "this instance asks again at once")
}

// answerOf is a writer to which nothing was written, or a status.
func answerOf(t *testing.T, status int) gin.ResponseWriter {
	t.Helper()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	if status != 0 {
		c.Status(status)
		c.Writer.WriteHeaderNow()
	}
	return c.Writer
}

package documenso

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/catalogue"
	"hookrouter/delivery/format"
	"hookrouter/handlers"
	"hookrouter/handlers/openapi/openapitest"
	"hookrouter/models"
	"hookrouter/sandbox"
)

// memory is a store in a slice. The embedded interfaces, which are nil, make it fit the options of handlers; nothing here calls them.
type memory struct {
	handlers.Store
	handlers.RetryPlanner
	handlers.Accepter
	handlers.Rules

	keys  map[[32]byte]models.APIKey
	subs  []*models.Subscription
	audit []models.AuditEntry
	calls int
	fault error
}

func (m *memory) KeyByHash(_ context.Context, hash [32]byte) (models.APIKey, error) {
	k, ok := m.keys[hash]
	if !ok {
		return k, models.Errorf(models.CodeNotFound, "There is no such key.")
	}
	return k, m.fault
}

func (m *memory) Hit(context.Context, models.ID, int, int, time.Time) (minute, hour int, err error) {
	m.calls++
	return m.calls, m.calls, nil
}

func (m *memory) OwnCatalogue(context.Context, models.ID) ([]models.CatalogueEntry, error) {
	return nil, nil
}

func (m *memory) CreateSubscription(_ context.Context, s *models.Subscription, quota int, _ models.ID) error {
	if len(m.subs) >= quota {
		return models.Errorf(models.CodeQuota, "The organization has all %d subscriptions that it may have.", quota)
	}
	m.subs = append(m.subs, s)
	return m.fault
}

func (m *memory) Subscription(_ context.Context, org, id models.ID) (*models.Subscription, error) {
	for _, s := range m.subs {
		if s.OrganizationID == org && s.ID == id {
			return s, nil
		}
	}
	return nil, models.Errorf(models.CodeNotFound, "There is no webhook with this id.")
}

func (m *memory) Subscriptions(_ context.Context, org models.ID, _ *bool) (out []*models.Subscription, err error) {
	for _, s := range m.subs {
		if s.OrganizationID == org {
			out = append(out, s)
		}
	}
	return out, nil
}

func (m *memory) DeleteSubscription(_ context.Context, _, id, _ models.ID, _ time.Time) error {
	m.subs = slices.DeleteFunc(m.subs, func(s *models.Subscription) bool { return s.ID == id })
	return nil
}

func (m *memory) BeginAudit(_ context.Context, e models.AuditEntry) error {
	m.audit = append(m.audit, e)
	return nil
}

// FinishAudit ends the newest entry, since nothing here acts at a time.
func (m *memory) FinishAudit(_ context.Context, e models.AuditEntry) error {
	m.audit[len(m.audit)-1] = e
	return nil
}

func (m *memory) WithdrawAudit(context.Context, models.ID) error { return nil }

func (m *memory) Refresh(context.Context) error { return nil }

// CheckURL refuses plain http.
func (m *memory) CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err == nil && u.Scheme != "https" {
		err = errors.New("may not be plain http")
	}
	return u, err
}

// zeros is a source that is random enough for keys of different environments.
type zeros byte

func (z zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(z)
	}
	return len(p), nil
}

type world struct {
	t       *testing.T
	store   *memory
	handler http.Handler
	log     *bytes.Buffer
	made    byte
}

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123_000_000, time.UTC)

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, store: &memory{keys: map[[32]byte]models.APIKey{}}, log: &bytes.Buffer{}}
	now := func() time.Time { return noon }
	n := byte(0)
	newID := func() models.ID {
		n++
		return models.ID{6: 0x70, 8: 0x80, 15: n}
	}
	box := sandbox.New(newID, now)
	engine, err := handlers.New(handlers.Options{
		Types: catalogue.NewBook(nil), Samples: box, Scenarios: box, InboxAddress: func(string) string { return "" },
		VerdictOf: func(*models.Subscription, http.Header, []byte) models.Verdict { return models.VerdictUnknown },
		Accepter:  w.store, Store: w.store, Rules: w.store, Endpoints: w.store, NewID: newID, Now: now,
		BodyOf: func(j models.Job) []byte {
			f, _ := format.For(j.Matched.Format)
			return f.Body(&j)
		},
		ReservedHeader: format.Reserved, Formats: format.List{}, Planner: w.store,
		Draining: func() bool { return false }, NewSecret: func() string { return strings.Repeat("s", 32) },
		Limit: handlers.Limit{Minute: 30}, SubscriptionQuota: 3, Logger: slog.New(slog.NewJSONHandler(w.log, nil)),
		Guests: []func(*handlers.Core) handlers.Surface{Surface},
	})
	require.NoError(t, err)
	w.handler = openapitest.Conform(t, engine)
	return w
}

func (w *world) key(org byte, role models.Role, env models.Environment) string {
	w.t.Helper()
	w.made++
	text, err := handlers.NewKeyText(zeros(w.made), env)
	require.NoError(w.t, err)
	hash := handlers.HashKey(text)
	w.store.keys[hash] = models.APIKey{ID: models.ID{w.made}, OrganizationID: models.ID{org}, Hash: hash, Role: role, Environment: env}
	return text
}

// call makes a call with a value for Authorization and reads the answer.
func (w *world) call(method, path, authorization, body string, status int, answer any) {
	w.t.Helper()
	req := httptest.NewRequestWithContext(w.t.Context(), method, "/api/v1/zapier/"+path, strings.NewReader(body))
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	require.Equal(w.t, status, rec.Code, rec.Body)
	if answer != nil {
		require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), answer), rec.Body)
	}
}

// refused makes a call that fails, and returns its message: the one key of the answer.
func (w *world) refused(method, path, authorization, body string, status int) string {
	w.t.Helper()
	var answer map[string]string
	w.call(method, path, authorization, body, status, &answer)
	require.Len(w.t, answer, 1)
	require.NotEmpty(w.t, answer["message"])
	return answer["message"]
}

func TestSubscribeAndUnsubscribe(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.key(1, models.RoleManager, models.Production)
	for _, authorization := range []string{key, "Bearer " + key} {
		for _, event := range []string{"DOCUMENT_RECIPIENT_COMPLETED", "document.recipient.completed"} {
			var hook map[string]any
			w.call("POST", "subscribe", authorization, `{"webhookUrl":"https://hooks.zapier.test/1","eventTrigger":"`+event+`"}`, 200, &hook)
			require.Equal(t, map[string]any{
				"id": hook["id"], "webhookUrl": "https://hooks.zapier.test/1", "eventTriggers": []any{"DOCUMENT_RECIPIENT_COMPLETED"}, "secret": nil,
				"enabled": true, "createdAt": "2026-05-04T12:00:00.123Z", "updatedAt": "2026-05-04T12:00:00.123Z",
			}, hook)
			s := w.store.subs[0]
			require.Equal(t, s.ID.String(), hook["id"])
			require.Equal(t, []models.Pattern{"document.recipient.completed"}, s.Events)
			require.Equal(t, models.FormatDocumenso, s.Format)
			require.True(t, s.Enabled && s.AutoRetry && !s.Sandbox && s.Secret.IsZero())

			method := map[bool]string{true: "POST", false: "DELETE"}[authorization == key]
			var gone map[string]any
			w.call(method, "unsubscribe", authorization, `{"webhookId":"`+hook["id"].(string)+`"}`, 200, &gone)
			require.Equal(t, hook, gone)
			require.Empty(t, w.store.subs)
		}
	}
	for _, e := range models.BuiltinCatalogue().Types() {
		status := 400
		if e.Family == models.FamilyDocumenso {
			status = 200
		}
		w.store.subs, w.store.calls = nil, 0
		w.call("POST", "subscribe", key, `{"webhookUrl":"https://hooks.zapier.test/1","eventTrigger":"`+trigger(e.Name)+`"}`, status, nil)
	}
}

func TestWhoMayAndWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := setup(t)
	manager, stranger := w.key(1, models.RoleManager, models.Production), w.key(2, models.RoleManager, models.Production)
	const good = `{"webhookUrl":"https://hooks.zapier.test/1","eventTrigger":"DOCUMENT_SIGNED"}`
	for _, path := range []string{"subscribe", "unsubscribe"} {
		for _, authorization := range []string{"", "Basic x", "hk_live_short", "Bearer  " + manager, w.key(1, models.RoleReader, models.Production), w.key(1, models.RolePublisher, models.Production)} {
			w.refused("POST", path, authorization, good, 401)
		}
	}
	w.refused("POST", "subscribe", w.key(1, models.RoleAdmin, models.Sandbox), good, 401)
	w.refused("GET", "list-documents", "", "", 401)
	w.store.calls = 0
	for body, names := range map[string]string{
		`{}`: "webhookUrl", `{"webhookUrl":1,"eventTrigger":"DOCUMENT_SIGNED"}`: "webhookUrl", `nonsense`: "JSON", `[]`: "JSON",
		`{"webhookUrl":"http://plain.test","eventTrigger":"DOCUMENT_SIGNED"}`:                                "webhookUrl: The endpoint may not",
		`{"webhookUrl":"https://a.test","eventTrigger":"document_signed"}`:                                   "eventTrigger",
		`{"webhookUrl":"https://a.test","eventTrigger":"*"}`:                                                 "eventTrigger",
		`{"webhookUrl":"https://a.test","eventTrigger":"SIGNER_DONE"}`:                                       "eventTrigger",
		`{"webhookUrl":"https://a.test/\u0000","eventTrigger":"DOCUMENT_SIGNED"}`:                            "webhookUrl",
		`{"webhookUrl":"https://a.test/` + strings.Repeat("x", 1100) + `","eventTrigger":"DOCUMENT_SIGNED"}`: "webhookUrl",
	} {
		require.Contains(t, w.refused("POST", "subscribe", manager, body, 400), names, body)
	}
	require.Empty(t, w.store.subs)

	var hook struct{ ID string }
	w.call("POST", "subscribe", manager, good, 200, &hook)
	for _, id := range []string{"x", "", "00000000-0000-0000-0000-000000000000"} {
		w.refused("POST", "unsubscribe", manager, `{"webhookId":"`+id+`"}`, 400)
	}
	w.refused("POST", "unsubscribe", stranger, `{"webhookId":"`+hook.ID+`"}`, 400)
	w.store.subs[0].Format = models.FormatYousign
	w.refused("POST", "unsubscribe", manager, `{"webhookId":"`+hook.ID+`"}`, 400)
	require.Len(t, w.store.subs, 1, "only in Documenso's format")
	w.call("POST", "subscribe", manager, good, 200, nil)
	w.call("POST", "subscribe", manager, good, 200, nil)
	require.Contains(t, w.refused("POST", "subscribe", manager, good, 400), "all 3")

	w.store.calls = 30
	w.refused("POST", "subscribe", manager, good, 429)
	w.store.calls, w.store.fault = 0, errors.New("the disk is full of secrets")
	require.Equal(t, "Internal Server Error", w.refused("POST", "subscribe", manager, good, 500))
	require.Contains(t, w.log.String(), "the disk is full", "our faults are logged")
}

// TestListDocumentsShowsACall reads the one element as a receiver would read a call.
func TestListDocumentsShowsACall(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.key(1, models.RoleManager, models.Production)
	list := func() map[string]any {
		var calls []map[string]any
		w.call("GET", "list-documents", key, "", 200, &calls)
		require.Len(t, calls, 1)
		require.Len(t, calls[0], 4)
		require.NotEmpty(t, calls[0]["payload"].(map[string]any)["title"])
		require.Equal(t, "2026-05-04T12:00:00.123Z", calls[0]["createdAt"])
		return calls[0]
	}
	require.Equal(t, "DOCUMENT_COMPLETED", list()["event"])
	w.call("POST", "subscribe", key, `{"webhookUrl":"https://hooks.zapier.test/1","eventTrigger":"TEMPLATE_USED"}`, 200, nil)
	call := list()
	require.Equal(t, "TEMPLATE_USED", call["event"])
	require.Equal(t, "https://hooks.zapier.test/1", call["webhookEndpoint"])
}

// TestActsAreEntered covers that what Zapier does is in the audit log as an act of the key.
func TestActsAreEntered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key, reader := w.key(1, models.RoleManager, models.Production), w.key(1, models.RoleReader, models.Production)
	const good = `{"webhookUrl":"https://hooks.zapier.test/1","eventTrigger":"DOCUMENT_SIGNED"}`
	w.refused("POST", "subscribe", "hk_live_unknown", good, 401)
	w.call("GET", "list-documents", key, "", 200, nil)
	require.Empty(t, w.store.audit, "nobody did anything")

	var hook struct{ ID string }
	w.call("POST", "subscribe", key, good, 200, &hook)
	w.refused("POST", "subscribe", key, `{}`, 400)
	w.refused("POST", "unsubscribe", reader, `{"webhookId":"`+hook.ID+`"}`, 401)
	w.call("DELETE", "unsubscribe", key, `{"webhookId":"`+hook.ID+`"}`, 200, nil)
	w.refused("POST", "unsubscribe", key, `{"webhookId":"`+hook.ID+`"}`, 400)
	manager, other := w.store.keys[handlers.HashKey(key)].ID, w.store.keys[handlers.HashKey(reader)].ID
	for i, want := range []models.AuditEntry{
		{Action: "webhook.create", ObjectID: hook.ID, Actor: models.Actor{KeyID: manager}, AuditResult: models.AuditResult{Outcome: models.AuditDone, Status: 200}},
		{Action: "webhook.create", Actor: models.Actor{KeyID: manager}, AuditResult: models.AuditResult{Outcome: models.AuditRefused, Status: 400, Reason: "validation.error"}},
		{Action: "webhook.delete", Actor: models.Actor{KeyID: other}, AuditResult: models.AuditResult{Outcome: models.AuditRefused, Status: 401, Reason: "access.forbidden"}},
		{Action: "webhook.delete", ObjectID: hook.ID, Actor: models.Actor{KeyID: manager}, AuditResult: models.AuditResult{Outcome: models.AuditDone, Status: 200}},
		{Action: "webhook.delete", ObjectID: hook.ID, Actor: models.Actor{KeyID: manager}, AuditResult: models.AuditResult{Outcome: models.AuditRefused, Status: 400, Reason: "resource.not_found"}},
	} {
		got := w.store.audit[i]
		want.ID, want.OrganizationID, want.At, want.RequestID, want.Actor.Kind = got.ID, models.ID{1}, noon, got.RequestID, models.ActorKey
		require.Equal(t, want, got, i)
	}
	require.Len(t, w.store.audit, 5)
}

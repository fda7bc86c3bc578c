package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

const token = "correct horse battery staple"

// memory is a store in slices. The embedded interfaces, which are nil, make it fit the options of handlers; nothing here calls them.
type memory struct {
	handlers.Store
	handlers.RetryPlanner
	handlers.Accepter
	handlers.Rules

	orgs   []models.Organization
	keys   []models.APIKey
	ledger []models.Ledger
	held   []models.Suspension
	audit  []models.AuditEntry
	looks
	fault error
}

var _ Store = (*memory)(nil)

func (m *memory) CreateOrganization(_ context.Context, o models.Organization) error {
	if slices.ContainsFunc(m.orgs, func(x models.Organization) bool { return x.Name == o.Name }) {
		return models.Errorf(models.CodeConflict, "There is an organization of this name.")
	}
	m.orgs = append(m.orgs, o)
	return m.fault
}

func (m *memory) OrganizationPage(_ context.Context, q models.OrganizationQuery) (out []models.Organization, _ error) {
	for _, o := range slices.SortedFunc(slices.Values(m.orgs), func(a, b models.Organization) int { return strings.Compare(a.Name, b.Name) }) {
		if o.Name > q.After && strings.Contains(o.Name, q.Text) && len(out) < q.Limit {
			out = append(out, o)
		}
	}
	return out, m.fault
}

func (m *memory) find(id models.ID) (*models.Organization, error) {
	for i := range m.orgs {
		if m.orgs[i].ID == id {
			return &m.orgs[i], m.fault
		}
	}
	return &models.Organization{}, models.Errorf(models.CodeNotFound, "There is no such organization.")
}

func (m *memory) Organization(_ context.Context, id models.ID) (models.Organization, error) {
	o, err := m.find(id)
	return *o, err
}

func (m *memory) UpdateOrganization(_ context.Context, id models.ID, change func(*models.Organization) error) (models.Organization, error) {
	o, err := m.find(id)
	if err == nil {
		err = change(o)
	}
	return *o, err
}

func (m *memory) CreateKey(_ context.Context, k models.APIKey) error {
	m.keys = append(m.keys, k)
	return m.fault
}

func (m *memory) Keys(_ context.Context, org models.ID) (out []models.APIKey, err error) {
	for _, k := range m.keys {
		if k.OrganizationID == org {
			out = append(out, k)
		}
	}
	return out, m.fault
}

func (m *memory) RevokeKey(_ context.Context, id models.ID, now time.Time) error {
	for i := range m.keys {
		if m.keys[i].ID == id && m.keys[i].RevokedAt.IsZero() {
			m.keys[i].RevokedAt = now
		}
	}
	return m.fault
}

func (m *memory) Ledger(context.Context) ([]models.Ledger, error) { return m.ledger, m.fault }

func (m *memory) Suspensions(_ context.Context, limit int) ([]models.Suspension, error) {
	return m.held[:min(limit, len(m.held))], m.fault
}

func (m *memory) BeginAudit(_ context.Context, e models.AuditEntry) error {
	m.audit = append(m.audit, e)
	return nil
}

func (m *memory) FinishAudit(_ context.Context, e models.AuditEntry) error {
	m.audit[slices.IndexFunc(m.audit, func(x models.AuditEntry) bool { return x.ID == e.ID })] = e
	return nil
}

func (m *memory) WithdrawAudit(context.Context, models.ID) error { return nil }

func (m *memory) Audit(_ context.Context, q models.AuditQuery) (out []models.AuditEntry, _ error) {
	for _, e := range slices.Backward(m.audit) {
		if q.OrganizationID.IsZero() || e.OrganizationID == q.OrganizationID {
			out = append(out, e)
		}
	}
	return out, m.fault
}

// looks is what the database looks like.
type looks struct {
	instances []models.Instance
	storage   models.Storage
	floor     models.ID
	vitals    models.Vitals
}

func (l *looks) Instances(context.Context, time.Time) ([]models.Instance, error) {
	return l.instances, nil
}
func (l *looks) Storage(context.Context, int) (models.Storage, error)     { return l.storage, nil }
func (l *looks) QueueFloor(context.Context) (models.ID, error)            { return l.floor, nil }
func (l *looks) Vitals(context.Context, time.Time) (models.Vitals, error) { return l.vitals, nil }

func (l *looks) QuotaUses(context.Context, int) ([]models.QuotaUse, error) {
	none, three := 0, 3
	return []models.QuotaUse{
		{Organization: models.Organization{ID: models.ID{1}, Name: "Acme"}, Subscriptions: 9, Workspaces: 4, Keys: 2},
		{Organization: models.Organization{ID: models.ID{2}, SubscriptionQuota: &none}},
		{Organization: models.Organization{ID: models.ID{3}, SubscriptionQuota: &three}},
	}, nil
}

// Lanes makes memory an instance too.
func (l *looks) Lanes(limit int) []models.Lane {
	return []models.Lane{{SubscriptionID: models.ID{1}, Queued: limit, InFlight: 2, Window: 4, Limit: 64, Bytes: 5, Pace: "slow", Backlog: true}}
}

// CheckURL makes memory an endpoint checker too, for the options of handlers.
func (m *memory) CheckURL(raw string) (*url.URL, error) { return url.Parse(raw) }

type world struct {
	t       *testing.T
	store   *memory
	handler http.Handler
	clock   time.Time
}

// zeros is a source that is random enough for one key.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func setup(t *testing.T, token string) *world {
	t.Helper()
	w := &world{t: t, store: &memory{}, clock: time.Date(2026, 5, 4, 10, 0, 7, 0, time.UTC)}
	now := func() time.Time { return w.clock }
	n := byte(0)
	newID := func() models.ID {
		n++
		return models.ID{6: 0x70, 8: 0x80, 15: n}
	}
	surface, err := New(Options{
		Token: models.NewSecret(token), Store: w.store, NewID: newID, Now: now, Random: zeros{}, Lanes: w.store, SubscriptionQuota: 50, WorkspaceQuota: 5,
		Settings: []Setting{{Key: "role", Value: "all", Source: "default"}},
	})
	require.NoError(t, err)
	box := sandbox.New(newID, now)
	engine, err := handlers.New(handlers.Options{
		Types:   catalogue.NewBook(nil),
		Samples: box, Scenarios: box, InboxAddress: func(string) string { return "" },
		VerdictOf: func(*models.Subscription, http.Header, []byte) models.Verdict { return models.VerdictUnknown },
		Accepter:  w.store, Store: w.store, Rules: w.store, Endpoints: w.store, NewID: newID, Now: now,
		BodyOf: func(models.Job) []byte { return nil }, ReservedHeader: func(string) bool { return false }, Formats: format.List{}, Planner: w.store,
		Draining: func() bool { return false }, NewSecret: func() string { return "" },
		Surfaces: []handlers.Surface{surface},
	})
	require.NoError(t, err)
	w.handler = openapitest.Conform(t, engine)
	return w
}

func (w *world) raw(method, path, authorization, remote, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, strings.NewReader(body))
	req.RemoteAddr = remote
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Forwarded-For", "203.0.113.9")
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return rec
}

// call makes a good caller's call and returns the answer's object.
func (w *world) call(method, path, body string, status int) map[string]any {
	w.t.Helper()
	rec := w.raw(method, "/admin/v1"+path, "Bearer "+token, "192.0.2.1:1", body)
	require.Equal(w.t, status, rec.Code, rec.Body)
	out := map[string]any{}
	if status != http.StatusNoContent {
		require.NoError(w.t, json.Unmarshal(rec.Body.Bytes(), &out))
	} else {
		require.Empty(w.t, rec.Body.String())
	}
	return out
}

func (w *world) invalid(method, path, body string) (names []string) {
	w.t.Helper()
	for _, p := range w.call(method, path, body, 400)["invalid_params"].([]any) {
		names = append(names, p.(map[string]any)["name"].(string))
	}
	return names
}

func TestOrganizations(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	require.Equal(t, []any{}, w.call("GET", "/organizations", "", 200)["data"])
	made := w.call("POST", "/organizations", `{"name":"Acme","colour":1}`, 201)
	require.Equal(t, map[string]any{
		"id": made["id"], "name": "Acme", "created_at": "2026-05-04T10:00:07Z", "subscription_quota": nil,
	}, made)
	w.call("POST", "/organizations", `{"name":"Acme"}`, 409)
	path := "/organizations/" + made["id"].(string)
	require.Equal(t, made, w.call("GET", path, "", 200))
	require.Equal(t, 0.0, w.call("PATCH", path, `{"subscription_quota":0}`, 200)["subscription_quota"])
	changed := w.call("PATCH", path, `{"name":"Acme Ltd"}`, 200)
	require.Equal(t, "Acme Ltd", changed["name"])
	require.Equal(t, 0.0, changed["subscription_quota"], "what is absent stays")
	require.Nil(t, w.call("PATCH", path, `{"subscription_quota":null}`, 200)["subscription_quota"])
	require.Equal(t, 7.0, w.call("POST", "/organizations", `{"name":"Other","subscription_quota":7}`, 201)["subscription_quota"])
	require.Len(t, w.call("GET", "/organizations", "", 200)["data"], 2)

	first := w.call("GET", "/organizations?limit=1", "", 200)
	require.Equal(t, "Acme Ltd", first["data"].([]any)[0].(map[string]any)["name"])
	next := first["meta"].(map[string]any)["next_cursor"].(string)
	last := w.call("GET", "/organizations?limit=1&after="+next, "", 200)
	require.Equal(t, "Other", last["data"].([]any)[0].(map[string]any)["name"])
	require.Nil(t, last["meta"].(map[string]any)["next_cursor"])
	require.Len(t, w.call("GET", "/organizations?q=Acme", "", 200)["data"], 1)
	for _, query := range []string{"limit=0", "limit=101", "q=", "q=%00", "after=x", "q=Acme&after=" + next, "name=Acme"} {
		w.call("GET", "/organizations?"+query, "", 400)
	}

	for body, names := range map[string][]string{
		`{}`: {"name"}, `{"name":1,"subscription_quota":"x"}`: {"name", "subscription_quota"}, `{"name":"","subscription_quota":-1}`: {"name", "subscription_quota"},
		`{"name":" a"}`: {"name"}, `{"name":"a\nb"}`: {"name"}, `{"name":"a\u0000"}`: {"name"}, "{\"name\":\"a\xff\"}": {"name"},
		`{"name":"\ud800","subscription_quota":-1}`: {"name"}, `{"name":"` + strings.Repeat("a", 129) + `"}`: {"name"},
		`{"name":"a","subscription_quota":1000001}`: {"subscription_quota"}, `{"name":"a","subscription_quota":1.5}`: {"subscription_quota"},
		`[]`: {"body"}, `{`: {"body"}, ``: {"body"},
	} {
		require.Equal(t, names, w.invalid("POST", "/organizations", body), body)
		if body != `{}` {
			require.Equal(t, names, w.invalid("PATCH", path, body), body)
		}
	}
	for _, id := range []string{"x", "9a93d3b5-fb3b-4abf-9e70-26315b33506c"} {
		for _, method := range []string{"GET", "PATCH"} {
			require.Equal(t, "resource.not_found", w.call(method, "/organizations/"+id, `{}`, 404)["type"])
		}
	}
	require.Len(t, w.store.orgs, 2)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	org := w.call("POST", "/organizations", `{"name":"Acme"}`, 201)["id"].(string)
	other := w.call("POST", "/organizations", `{"name":"Other"}`, 201)["id"].(string)
	path := "/organizations/" + org + "/keys"
	made := w.call("POST", path, `{"role":"manager"}`, 201)
	text := made["key"].(string)
	require.Equal(t, handlers.HashKey(text), w.store.keys[0].Hash)
	require.Equal(t, "production", made["environment"])
	require.True(t, strings.HasPrefix(text, made["hint"].(string)))
	require.Contains(t, w.call("POST", path, `{"role":"reader","environment":"sandbox"}`, 201)["key"], "hk_test_")

	listed := w.call("GET", path, "", 200)["data"].([]any)
	require.Len(t, listed, 2)
	for _, k := range listed {
		require.NotContains(t, k, "key", "the text is shown once")
		require.NotContains(t, k, "hash")
		require.Nil(t, k.(map[string]any)["revoked_at"])
	}
	require.Empty(t, w.call("GET", "/organizations/"+other+"/keys", "", 200)["data"])

	for body, names := range map[string][]string{
		`{}`: {"role"}, `{"role":"owner"}`: {"role"}, `{"role":"reader","environment":"moon"}`: {"environment"}, `{"role":1,"environment":null}`: {"role", "environment"},
	} {
		require.Equal(t, names, w.invalid("POST", path, body), body)
	}
	id := made["id"].(string)
	w.call("DELETE", "/organizations/"+other+"/keys/"+id, "", 404)
	w.call("DELETE", path+"/x", "", 404)
	require.True(t, w.store.keys[0].RevokedAt.IsZero())
	w.call("DELETE", path+"/"+id, "", 204)
	w.call("DELETE", path+"/"+id, "", 204)
	require.Equal(t, "2026-05-04T10:00:07Z", w.call("GET", path, "", 200)["data"].([]any)[0].(map[string]any)["revoked_at"])
	w.call("POST", "/organizations/9a93d3b5-fb3b-4abf-9e70-26315b33506c/keys", `{"role":"reader"}`, 404)
	require.Len(t, w.store.keys, 2)
}

func TestAuditLog(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	org := w.call("POST", "/organizations", `{"name":"Acme"}`, 201)["id"].(string)
	other := w.call("POST", "/organizations", `{"name":"Other"}`, 201)["id"].(string)
	key := w.call("POST", "/organizations/"+org+"/keys", `{"role":"admin","name":"first"}`, 201)
	require.Equal(t, "first", key["name"])
	w.call("PATCH", "/organizations/"+org, `{"subscription_quota":-1}`, 400)
	w.call("DELETE", "/organizations/"+org+"/keys/"+key["id"].(string), "", 204)
	w.call("PATCH", "/organizations/9a93d3b5-fb3b-4abf-9e70-26315b33506c", `{}`, 404)
	w.raw("POST", "/admin/v1/organizations", "Bearer wrong", "192.0.2.1:1", `{"name":"x"}`)
	acts := func(query string) (out []string) {
		for _, e := range w.call("GET", "/audit_log"+query, "", 200)["data"].([]any) {
			e := e.(map[string]any)
			require.Equal(t, "operator", e["actor"])
			require.Nil(t, e["key_id"])
			out = append(out, fmt.Sprint(e["action"], " ", e["outcome"], " ", e["object_id"]))
		}
		return out
	}
	require.Equal(t, []string{
		"key.revoke done " + key["id"].(string), "organization.update refused " + org, "key.create done " + key["id"].(string), "organization.create done " + org,
	}, acts("?organization_id="+org))
	require.Equal(t, []string{"organization.create done " + other}, acts("?organization_id="+other))
	require.Equal(t, "organization.update refused 9a93d3b5-fb3b-4abf-9e70-26315b33506c", acts("")[0], "about no organization there is")
	require.Len(t, acts(""), 6, "nobody's call is not entered")
	for _, r := range (&admin{}).routes() {
		require.Equal(t, r.Method != http.MethodGet, r.Does != "", "%s %s", r.Method, r.Path)
	}
}

func TestLooks(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w.store.looks = looks{
		instances: []models.Instance{{ID: 7, Name: "a", StartedAt: at, HeartbeatAt: at, Silent: 1500 * time.Millisecond}, {ID: 6, Dead: true, Swept: true}},
		storage: models.Storage{Bytes: 100, Free: -1, More: true, Parts: []models.Part{
			{Table: "events", Rows: -1, Bytes: 1}, {Table: "events", Day: at.Truncate(24 * time.Hour), Rows: 5, Bytes: 2},
		}},
		floor:  models.FloorID(at),
		vitals: models.Vitals{OldestDue: at, Suspended: 2, Instances: 1, PartitionsAhead: -1, DeadRows: 4, Clock: at},
	}
	list := w.call("GET", "/instances", "", 200)["data"].([]any)
	require.Equal(t, map[string]any{
		"id": 7.0, "name": "a", "live": true, "dead": false, "work_given_back": false, "started_at": "2026-11-01T12:00:00Z",
		"heartbeat_at": "2026-11-01T12:00:00Z", "silent_seconds": 1.5,
	}, list[0])
	require.Equal(t, []any{false, true}, []any{list[1].(map[string]any)["live"], list[1].(map[string]any)["work_given_back"]})
	require.Equal(t, map[string]any{"bytes": 100.0, "free_bytes": nil, "more_partitions": true, "partitions": []any{
		map[string]any{"table": "events", "day": nil, "rows_estimate": nil, "bytes": 1.0},
		map[string]any{"table": "events", "day": "2026-11-01", "rows_estimate": 5.0, "bytes": 2.0},
	}}, w.call("GET", "/storage", "", 200))
	require.Equal(t, map[string]any{
		"floor_id": w.store.floor.String(), "floor_at": "2026-11-01T12:00:00Z", "oldest_due_at": "2026-11-01T12:00:00Z", "suspended_webhooks": 2.0,
		"live_instances": 1.0, "partitions_ahead": nil, "dead_rows_estimate": 4.0, "database_time": "2026-11-01T12:00:00Z",
	}, w.call("GET", "/queue", "", 200))
	w.store.floor = models.FloorID(time.Time{})
	require.Nil(t, w.call("GET", "/queue", "", 200)["floor_at"])
	require.Equal(t, []any{map[string]any{
		"webhook_id": models.ID{1}.String(), "queued": float64(maxLanes), "in_flight": 2.0, "window": 4.0, "limit": 64.0, "bytes": 5.0, "pace": "slow", "backlog": true,
	}}, w.call("GET", "/lanes", "", 200)["data"])
	quotas := w.call("GET", "/quotas", "", 200)["data"].([]any)
	require.Equal(t, map[string]any{
		"organization_id": models.ID{1}.String(), "organization": "Acme", "subscriptions": 9.0, "subscription_quota": 50.0, "own_quota": false, "workspaces": 4.0,
		"workspace_quota": 5.0, "valid_keys": 2.0,
	}, quotas[0])
	require.Nil(t, quotas[1].(map[string]any)["subscription_quota"], "0 sets none")
	require.Equal(t, []any{3.0, true}, []any{quotas[2].(map[string]any)["subscription_quota"], quotas[2].(map[string]any)["own_quota"]})
	require.Equal(t, []any{map[string]any{"key": "role", "value": "all", "source": "default"}}, w.call("GET", "/settings", "", 200)["data"])
}

func TestLedger(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	require.Equal(t, map[string]any{"balanced": true, "data": []any{}}, w.call("GET", "/ledger", "", 200))
	w.store.ledger = []models.Ledger{
		{Organization: "Acme", Events: 3, Expected: 4, ByStatus: map[models.DeliveryStatus]int64{models.StatusDelivered: 3, models.StatusParked: 1}},
		{Organization: "Other", Events: 1, Expected: 1},
	}
	out := w.call("GET", "/ledger", "", 200)
	require.Equal(t, false, out["balanced"])
	first, second := out["data"].([]any)[0].(map[string]any), out["data"].([]any)[1].(map[string]any)
	require.Equal(t, true, first["balanced"])
	require.Equal(t, false, second["balanced"])
	require.Len(t, second["deliveries"], len(models.Statuses()))
	require.Equal(t, 3.0, first["deliveries"].(map[string]any)["delivered"])
	w.store.fault = errors.New("the disk is gone")
	require.NotContains(t, w.call("GET", "/ledger", "", 500)["detail"], "disk")
}

func TestSuspensions(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	require.Empty(t, w.call("GET", "/suspensions", "", 200)["data"])
	at := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	w.store.held = []models.Suspension{
		{
			Condition: models.Condition{
				SubscriptionID: models.ID{1}, OrganizationID: models.ID{2}, Failures: 12, FailingSince: at, SuspendedAt: at.Add(5 * time.Minute),
				Reason: models.SuspendedFailures, ProbeAt: at.Add(time.Hour), Probes: 3,
			},
			Organization: "Acme", Endpoint: "https://user:secret@receiver.example/hooks?token=secret", ParkedCount: models.MaxParkedCount,
		},
		{Condition: models.Condition{Reason: models.SuspendedManual, SuspendedAt: at}},
	}
	list := w.call("GET", "/suspensions", "", 200)["data"].([]any)
	first, second := list[0].(map[string]any), list[1].(map[string]any)
	require.Equal(t, "https://receiver.example/hooks", first["endpoint"], "without what may be a credential")
	require.Equal(t, "2026-11-01T13:00:00Z", first["next_probe_at"])
	require.Equal(t, true, first["parked_is_more"])
	require.Equal(t, "manual", second["reason"])
	require.Nil(t, second["next_probe_at"])
	require.Nil(t, second["failing_since"])
}

func TestWithoutATokenThereIsNoSurface(t *testing.T) {
	t.Parallel()
	w := setup(t, "")
	for _, authorization := range []string{"", "Bearer ", "Bearer " + token} {
		for _, path := range []string{"/admin/v1/ledger", "/admin/v1/organizations"} {
			require.Equal(t, 404, w.raw("GET", path, authorization, "192.0.2.1:1", "").Code)
		}
	}
	_, err := New(Options{Token: models.NewSecret(token)})
	require.Error(t, err)
}

func TestTheGuard(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	all := []string{"", "Bearer", "Bearer ", "Bearer  " + token, "Basic " + token, token, "Bearer " + token + "x", "Bearer wrong"}
	for _, authorization := range all {
		rec := w.raw("POST", "/admin/v1/organizations", authorization, "192.0.2.1:1", `{"name":"a"}`)
		require.Equal(t, 401, rec.Code, authorization)
		require.Contains(t, rec.Body.String(), "access.unauthorized")
		require.Contains(t, rec.Header().Get("WWW-Authenticate"), "Bearer")
	}
	require.Empty(t, w.store.orgs)
	for range maxFailures - len(all) {
		w.raw("GET", "/admin/v1/ledger", "Bearer wrong", "192.0.2.1:2", "")
	}
	for range 2 * maxFailures {
		shut := w.raw("GET", "/admin/v1/ledger", "Bearer wrong", "192.0.2.1:3", "")
		require.Equal(t, 429, shut.Code, "the address is shut to wrong tokens, whatever its port says now")
		require.Equal(t, "53", shut.Header().Get("Retry-After"))
		require.Equal(t, 200, w.raw("GET", "/admin/v1/ledger", "bearer "+token, "192.0.2.1:3", "").Code, "never to the right one")
	}
	others := 0
	for i := range 20 { // a few may share the counter
		if w.raw("GET", "/admin/v1/ledger", "Bearer wrong", fmt.Sprintf("198.51.100.%d:1", i), "").Code == 401 {
			others++
		}
	}
	require.Greater(t, others, 10, "others are not shut out")
	w.clock = w.clock.Add(53 * time.Second)
	require.Equal(t, 401, w.raw("GET", "/admin/v1/ledger", "Bearer wrong", "192.0.2.1:4", "").Code)
}

func TestEveryRouteIsGuarded(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	a := &admin{}
	for i, r := range a.routes() {
		w.clock = w.clock.Add(time.Minute) // or the address would be shut out
		rec := w.raw(r.Method, strings.NewReplacer(":organization", "x", ":key", "y").Replace(r.Path), "", "192.0.2.1:1", `{}`)
		require.Equal(t, 401, rec.Code, "%d %s %s", i, r.Method, r.Path)
	}
}

// TestLooksTakeNoParameters: a parameter that a look does not have is named, not ignored.
func TestLooksTakeNoParameters(t *testing.T) {
	t.Parallel()
	w := setup(t, token)
	org := w.call("POST", "/organizations", `{"name":"Acme"}`, 201)["id"].(string)
	for _, path := range []string{
		"/organizations", "/organizations/" + org, "/organizations/" + org + "/keys", "/ledger", "/suspensions", "/instances", "/storage", "/queue",
		"/quotas", "/lanes", "/settings", "/audit_log",
	} {
		w.call("GET", path, "", 200)
		require.Equal(t, []string{"colour"}, w.invalid("GET", path+"?colour=1", ""), path)
		if path != "/organizations" && path != "/audit_log" {
			require.Equal(t, []string{"after", "limit"}, w.invalid("GET", path+"?limit=1&after=x", ""), path)
		}
	}
	require.Equal(t, []string{"action"}, w.invalid("GET", "/audit_log?action=key.made", ""))
}

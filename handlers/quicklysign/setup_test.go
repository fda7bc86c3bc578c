package quicklysign

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/catalogue"
	"hookrouter/delivery/egress"
	"hookrouter/delivery/format"
	"hookrouter/handlers"
	"hookrouter/handlers/openapi/openapitest"
	"hookrouter/models"
	"hookrouter/sandbox"
	"hookrouter/store"
	"hookrouter/store/storetest"
)

// public is where the service under test says that it is reached.
const public = "https://router.test"

// world is the surface over a real store, beside /v3.
type world struct {
	t       *testing.T
	db      *store.Store
	clock   *storetest.Clock
	handler http.Handler
	org     models.ID
	log     *bytes.Buffer
	changes int // of the rules that the index was told of
	owner   int64

	id, secret string // of a manager in production
}

// rest are parts of /v3 that nothing here uses.
type rest struct {
	handlers.Accepter
	handlers.RetryPlanner
	w *world
}

func (r rest) Refresh(context.Context) error                                          { r.w.changes++; return nil }
func (rest) Match(_ *models.Event, buf []*models.Subscription) []*models.Subscription { return buf }
func (rest) Loaded() bool                                                             { return true }

func setup(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{t: t, clock: storetest.NewClock(), log: new(bytes.Buffer)}
	w.db = storetest.Open(t, store.Options{URL: storetest.SQLiteURL(t), Now: w.clock.Now})
	w.org = w.organization("acme")
	w.id, w.secret = w.pair(w.org, models.RoleManager, models.Production)
	guard, err := egress.New(egress.Options{Schemes: []string{"https"}})
	require.NoError(t, err)
	logger := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	others := rest{w: w}
	o := Options{
		Store: w.db, Rules: others, Endpoints: guard, NewID: storetest.NewID, Now: w.clock.Now, PublicURL: public, Logger: logger,
		NewSecret: func() string { return strings.Repeat("s", models.SecretLength) },
	}
	for _, f := range change {
		f(&o)
	}
	surface, err := New(o)
	require.NoError(t, err)
	box := sandbox.New(storetest.NewID, w.clock.Now)
	engine, err := handlers.New(handlers.Options{
		Accepter: others, Store: w.db, Rules: others, Endpoints: guard, Types: catalogue.NewBook(w.db), Planner: others, Samples: box, Scenarios: box,
		BodyOf: func(models.Job) []byte { return nil }, Formats: format.List{}, ReservedHeader: format.Reserved,
		InboxAddress: func(string) string { return "" }, VerdictOf: func(*models.Subscription, http.Header, []byte) models.Verdict { return "" },
		Draining: func() bool { return false }, NewID: storetest.NewID, NewSecret: o.NewSecret, Now: w.clock.Now, Logger: logger,
		Surfaces: []handlers.Surface{surface}, EntityWebhookQuota: o.Quota,
	})
	require.NoError(t, err)
	w.handler = openapitest.Conform(t, engine)
	return w
}

// loopback lets callbacks lead to this machine, over http too.
func loopback(o *Options) {
	guard, err := egress.New(egress.Options{Schemes: []string{"https", "http"}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		panic(err)
	}
	o.Endpoints = guard
}

func (w *world) organization(name string) models.ID {
	w.t.Helper()
	org := models.Organization{ID: storetest.NewID(), Name: name, CreatedAt: w.clock.Now()}
	require.NoError(w.t, w.db.CreateOrganization(w.t.Context(), org))
	return org.ID
}

// save stores a key and returns its id.
func (w *world) save(org models.ID, text string, role models.Role, env models.Environment) models.ID {
	w.t.Helper()
	k := models.APIKey{
		ID: storetest.NewID(), OrganizationID: org, Hash: handlers.HashKey(text), Hint: handlers.KeyHint(text), Role: role, Environment: env,
		CreatedAt: w.clock.Now(),
	}
	require.NoError(w.t, w.db.CreateKey(w.t.Context(), k))
	return k.ID
}

// pair makes credentials.
func (w *world) pair(org models.ID, role models.Role, env models.Environment) (id, secret string) {
	w.t.Helper()
	secret, err := handlers.NewClientSecret(rand.Reader, env)
	require.NoError(w.t, err)
	return w.save(org, secret, role, env).OpaqueKey(), secret
}

// as is the same world with another caller.
func (w *world) as(id, secret string) *world {
	c := *w
	c.id, c.secret = id, secret
	return &c
}

// answer is what came back.
type answer struct {
	t      *testing.T
	code   int
	header http.Header
	body   string
}

// raw makes a call as it stands, with {{client_id}} and {{client_secret}} filled in as the vendor's pages write them.
func (w *world) raw(method, path, body string, headers ...string) answer {
	w.t.Helper()
	fill := strings.NewReplacer("{{client_id}}", w.id, "{{client_secret}}", w.secret, "<client_id>", w.id, "<client_secret>", w.secret)
	req := httptest.NewRequestWithContext(w.t.Context(), method, fill.Replace(path), strings.NewReader(fill.Replace(body)))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return answer{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// with is a path of a call by the caller, with more parameters.
func (w *world) with(path string, parameters ...string) string {
	query := url.Values{"client_id": {w.id}, "client_secret": {w.secret}}
	for i := 0; i < len(parameters); i += 2 {
		query.Set(parameters[i], parameters[i+1])
	}
	return path + "?" + query.Encode()
}

func (w *world) get(path string, parameters ...string) answer {
	w.t.Helper()
	return w.raw(http.MethodGet, w.with(path, parameters...), "")
}

// is checks both statuses.
func (a answer) is(code int) answer {
	a.t.Helper()
	require.Equal(a.t, code, a.code, a.body)
	require.Equal(a.t, float64(code), a.json()["status"].(map[string]any)["status_code"], a.body)
	return a
}

func (a answer) json() map[string]any {
	a.t.Helper()
	var out map[string]any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &out), a.body)
	return out
}

func (a answer) data() map[string]any {
	a.t.Helper()
	return a.is(http.StatusOK).json()["data"].(map[string]any)
}

func (a answer) one(name string) map[string]any {
	a.t.Helper()
	return a.data()[name].(map[string]any)
}

func (a answer) many(name string) (list []map[string]any) {
	a.t.Helper()
	for _, item := range a.data()[name].([]any) {
		list = append(list, item.(map[string]any))
	}
	return list
}

// errors are the fields that are wrong, and the codes of what is about none.
func (a answer) errors() (fields []string) {
	a.t.Helper()
	for _, e := range a.json()["status"].(map[string]any)["errors"].([]any) {
		e := e.(map[string]any)
		require.NotEmpty(a.t, e["message"])
		if field, ok := e["field"].(string); ok {
			require.Equal(a.t, "bad_request", e["code"])
			fields = append(fields, field)
			continue
		}
		fields = append(fields, e["code"].(string))
	}
	return fields
}

// next is the link to the next page, "" where there is none.
func (a answer) next() string {
	a.t.Helper()
	p, ok := a.json()["pagination"].(map[string]any)
	if !ok {
		return ""
	}
	link := p["next"].(string)
	require.True(a.t, strings.HasPrefix(link, public+"/v1/"), link)
	return strings.TrimPrefix(link, public)
}

// webhook makes a webhook and returns its key.
func (w *world) webhook(entity, callback string) string {
	w.t.Helper()
	return w.raw("POST", "/v1/webhooks",
		`{"client_id":"{{client_id}}","client_secret":"{{client_secret}}","webhook":{"entity_key":"`+entity+`","callback":"`+callback+`"}}`).
		one("webhook")["key"].(string)
}

// call stores an event for a webhook that was called, once for each outcome: the status of the answer, 0 for none in time. The clock
// goes on by a second with each call, which takes 32 ms.
func (w *world) call(key, event string, outcomes ...int) models.ID {
	w.t.Helper()
	ctx := w.t.Context()
	id, ok := models.ParseKey(key)
	require.True(w.t, ok)
	if w.owner == 0 {
		var err error
		w.owner, err = w.db.RegisterInstance(ctx, "test")
		require.NoError(w.t, err)
	}
	sub, err := w.db.Subscription(ctx, w.org, id)
	require.NoError(w.t, err)
	ref, now := storetest.NewID(), w.clock.Now()
	d := models.Delivery{
		ID: models.DeliveryID(ref, 0), OrganizationID: w.org, EventRef: ref, EventID: ref, EventName: event, SubscriptionID: id, SubscriptionVersion: 1,
		Status: models.StatusPending, DueAt: now, CreatedAt: now, UpdatedAt: now,
	}
	_, err = w.db.SaveEvents(ctx, 1<<40, []*models.Accepted{{
		Event: models.Event{
			ID: ref, Ref: ref, OrganizationID: w.org, Name: event, EntityKey: sub.EntityKey, Time: now, AcceptedAt: now, Matched: 1, Data: []byte("{}"),
		},
		Deliveries: []models.Delivery{d},
	}})
	require.NoError(w.t, err)
	for number, status := range outcomes {
		jobs, err := w.db.Claim(ctx, w.owner, w.clock.Now(), []models.Want{{SubscriptionID: id, Limit: 1}})
		require.NoError(w.t, err)
		require.Len(w.t, jobs, 1)
		a := &models.Attempt{
			DeliveryID: d.ID, OrganizationID: w.org, Number: number + 1, StartedAt: w.clock.Now(), StatusCode: status, Endpoint: sub.Endpoint,
			Timings: models.Timings{Total: 32 * time.Millisecond}, Success: status >= 200 && status < 300,
		}
		result := models.Result{Delivery: jobs[0].Delivery, Status: models.StatusDelivered, Attempt: a}
		if !a.Success {
			a.Reason, a.Detail = models.ReasonStatus, "the endpoint answered"
			if status == 0 {
				a.Reason, a.Detail = models.ReasonTimeout, "no answer within 10s"
			}
			result.Status, result.Reason, result.DueAt = models.StatusRetrying, a.Reason, w.clock.Now()
		}
		w.clock.Advance(time.Second)
		fenced, err := w.db.Record(ctx, []models.Result{result})
		require.NoError(w.t, err)
		require.Empty(w.t, fenced)
	}
	return d.ID
}

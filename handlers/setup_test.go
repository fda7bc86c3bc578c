package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/format"
	"hookrouter/handlers/openapi/openapitest"
	"hookrouter/models"
	"hookrouter/sandbox"
)

// world is a whole surface over a memory store, with an organization and callers.
type world struct {
	t       testing.TB
	clock   time.Time
	store   *memory
	api     *api
	engine  http.Handler // as it is served
	handler http.Handler // the same, and the test fails where an answer is not as openapi describes it
	org     models.ID
	other   models.ID // another organization
	drain   bool
	log     *bytes.Buffer
	randoms uint64
	secrets *atomic.Int32 // made so far
}

// setup builds a surface without limits for calls; change may set other options.
func setup(tb testing.TB, change ...func(*Options)) *world {
	tb.Helper()
	w := &world{t: tb, clock: time.Date(2026, 5, 4, 10, 0, 7, 123_000_000, time.UTC), log: new(bytes.Buffer), secrets: new(atomic.Int32)}
	w.store = newMemory(func() time.Time { return w.clock })
	w.org, w.other = w.store.newID(), w.store.newID()
	o := Options{
		Accepter: w.store, Store: w.store, Rules: w.store, Types: w.store.book, Endpoints: httpsOnly{}, Formats: format.List{}, ReservedHeader: format.Reserved,
		BodyOf:   func(j models.Job) []byte { return append([]byte("as sent: "), j.Event.Data...) },
		Planner:  w.store,
		Draining: func() bool { return w.drain },
		NewID:    w.store.newID, NewSecret: func() string {
			n := w.secrets.Add(1) - 1
			return strings.Repeat("stuvwxyz"[n%8:][:1], models.SecretLength)
		},
		Samples: sandbox.New(w.store.newID, func() time.Time { return w.clock }), Scenarios: sandbox.New(w.store.newID, time.Now),
		InboxAddress:      func(token string) string { return "https://router.test/inbox/" + token },
		VerdictOf:         verdictOf,
		Now:               func() time.Time { return w.clock },
		SubscriptionQuota: 50,
		Logger:            slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	w.api, err = newAPI(o)
	require.NoError(tb, err)
	w.engine, err = w.api.engine()
	require.NoError(tb, err)
	w.handler = openapitest.Conform(tb, w.engine)
	return w
}

// Read makes the world a source of bytes that differ and can be repeated.
func (w *world) Read(p []byte) (int, error) {
	w.randoms++
	sum := sha256.Sum256(fmt.Append(nil, w.randoms))
	return copy(p, sum[:]), nil
}

// key makes an API key.
func (w *world) key(org models.ID, role models.Role, env models.Environment) string {
	w.t.Helper()
	text, err := NewKeyText(w, env)
	require.NoError(w.t, err)
	w.store.keys[HashKey(text)] = models.APIKey{
		ID: w.store.newID(), OrganizationID: org, Hash: HashKey(text), Hint: KeyHint(text), Role: role, Environment: env,
	}
	return text
}

func (w *world) manager() string { return w.key(w.org, models.RoleManager, models.Production) }

// in is the same world for a subtest.
func (w *world) in(t *testing.T) *world {
	t.Helper()
	c := *w
	c.t = t
	return &c
}

func (w *world) revoke(key string) {
	k := w.store.keys[HashKey(key)]
	k.RevokedAt = w.clock
	w.store.keys[k.Hash] = k
}

// answer is what came back.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   string
}

// call makes a call. A body makes it JSON unless headers, given as "Name: value", say otherwise.
func (w *world) call(method, path, key, body string, headers ...string) answer {
	w.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	req := httptest.NewRequestWithContext(w.t.Context(), method, path, r)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ":")
		if value == "" {
			req.Header.Del(name)
			continue
		}
		if value = strings.TrimPrefix(value, " "); len(req.Header.Values(name)) > 0 && name == "Authorization" {
			req.Header.Add(name, value)
			continue
		}
		req.Header.Set(name, value)
	}
	return w.serve(req)
}

func (w *world) serve(req *http.Request) answer {
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, req)
	return answer{w.t, rec.Code, rec.Header(), rec.Body.String()}
}

// is checks the status and returns the answer.
func (a answer) is(status int) answer {
	a.t.Helper()
	require.Equal(a.t, status, a.status, a.body)
	return a
}

// json reads the body.
func (a answer) json() map[string]any {
	a.t.Helper()
	out := map[string]any{}
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &out), a.body)
	return out
}

func (a answer) list() []any {
	a.t.Helper()
	var out []any
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &out), a.body)
	return out
}

// data is the elements of a page.
func (a answer) data() []map[string]any {
	a.t.Helper()
	var out struct{ Data []map[string]any }
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &out), a.body)
	return out.Data
}

// next is the cursor of the page after this one, "" after the last.
func (a answer) next() string {
	a.t.Helper()
	var out struct {
		Meta struct {
			Next *string `json:"next_cursor"`
		}
	}
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &out), a.body)
	return value(out.Meta.Next)
}

// invalid is the reasons by name of a 400.
func (a answer) invalid() map[string]string {
	a.t.Helper()
	a.is(http.StatusBadRequest)
	var p problem
	require.NoError(a.t, json.Unmarshal([]byte(a.body), &p), a.body)
	require.Equal(a.t, typeInvalid, p.Type)
	require.NotEmpty(a.t, p.Detail)
	out := map[string]string{}
	for _, param := range p.InvalidParams {
		require.NotContains(a.t, out, param.Name, "each field is named once")
		require.NotEmpty(a.t, param.Reason)
		out[param.Name] = param.Reason
	}
	require.NotEmpty(a.t, out, "a 400 names its fields")
	return out
}

// object is JSON made of a base and changes to it; a change to absent takes the field out.
type object map[string]any

type absence struct{}

var absent = absence{}

func (o object) with(changes object) string {
	out := object{}
	for k, v := range o {
		out[k] = v
	}
	for k, v := range changes {
		if out[k] = v; v == absent {
			delete(out, k)
		}
	}
	b, err := json.Marshal(out)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// validWebhook is a subscription with everything that must be there.
var validWebhook = object{
	"endpoint": "https://hooks.acme.test:8443/yousign", "description": "Contracts team", "sandbox": false,
	"subscribed_events": []string{"signature_request.done", "signer.done"}, "scopes": []string{"public_api", "app"},
	"auto_retry": true, "enabled": true,
}

// validEvent is an event with everything that must be there.
var validEvent = object{"event_name": "signer.done", "data": object{"signer": object{"id": 7}}}

// verdictOf takes the secret itself for a signature.
func verdictOf(s *models.Subscription, header http.Header, body []byte) models.Verdict {
	switch header.Get("X-Yousign-Signature-256") {
	case "":
		return models.VerdictMissing
	case s.Secret.Reveal() + string(body):
		return models.VerdictValid
	}
	return models.VerdictInvalid
}

package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func TestEveryCodeHasAnAnswer(t *testing.T) {
	t.Parallel()
	want := map[models.Code]struct {
		status int
		kind   string
	}{
		models.CodeInvalid: {400, "validation.error"}, models.CodeUnauthorized: {401, "access.unauthorized"},
		models.CodeForbidden: {403, "access.forbidden"}, models.CodeNotEnabled: {403, "configuration.not_enabled"},
		models.CodeQuota: {403, "quota.exceeded"}, models.CodeNotFound: {404, "resource.not_found"},
		models.CodeConflict: {409, "resource.conflict"}, models.CodeTooLarge: {413, "payload.too_large"},
		models.CodeMediaType: {415, "media_type.unsupported"}, models.CodeRateLimited: {429, "rate_limit.exceeded"},
		models.CodeUnavailable: {503, "service.unavailable"}, models.CodeStale: {503, "service.unavailable"},
		models.CodeFenced: {503, "service.unavailable"}, models.CodeInternal: {500, "about:blank"},
	}
	for _, code := range models.Codes() {
		require.Contains(t, want, code)
		status, p := problemOf(fmt.Errorf("wrapped: %w", models.Errorf(code, "A sentence.")))
		require.Equal(t, want[code].status, status, code)
		require.Equal(t, want[code].kind, p.Type, code)
		require.NotEmpty(t, p.Detail)
		require.NotContains(t, p.Detail, "wrapped")
	}
	status, p := problemOf(errors.New("password=hunter2"))
	require.Equal(t, 500, status)
	require.NotContains(t, p.Detail, "hunter2")
}

func TestEveryTagHasASentence(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{"missing", "endpoint", "alone", "duplicate", "pattern", "reachable", "sandbox_workspaces", "cursor"} {
		require.Contains(t, reasons, tag)
	}
	for tag, sentence := range reasons {
		require.LessOrEqual(t, strings.Count(sentence, "%"), 1, tag)
		require.True(t, sentence == "%s" || strings.HasSuffix(sentence, ".") || strings.HasSuffix(sentence, "%s."), tag)
	}
	require.Equal(t, "This value is not valid.", reason("never heard of", ""))
}

// lines are the log as objects.
func (w *world) lines() (out []map[string]any) {
	w.t.Helper()
	for scan := bufio.NewScanner(strings.NewReader(w.log.String())); scan.Scan(); {
		line := map[string]any{}
		require.NoError(w.t, json.Unmarshal(scan.Bytes(), &line))
		out = append(out, line)
	}
	return out
}

func TestAnUnexpectedErrorIsLoggedOnceAndNotTold(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.store.fault = errors.New("relation subscriptions does not exist")
	a := w.call("GET", "/v3/webhooks", key, "", "X-Request-Id: abc.DEF_1-2").is(500)
	require.Equal(t, "about:blank", a.json()["type"])
	require.NotContains(t, a.body, "relation")
	require.Equal(t, 1, strings.Count(w.log.String(), "relation subscriptions"))
	lines := w.lines()
	require.Len(t, lines, 2)
	for _, line := range lines {
		require.Equal(t, "abc.DEF_1-2", line["request_id"])
		require.Equal(t, "/v3/webhooks", line["route"])
	}
	require.Equal(t, "ERROR", lines[0]["level"])
	require.Equal(t, 500.0, lines[1]["status"])
}

func TestAPanicIsA500(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.store.panics = true
	a := w.call("GET", "/v3/webhooks", key, "").is(500)
	require.Equal(t, "about:blank", a.json()["type"])
	require.Contains(t, w.log.String(), "memory is made to panic")
	w.store.panics = false
	w.call("GET", "/v3/webhooks", key, "").is(200)
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	seen := map[string]bool{}
	for _, given := range []string{"", "a b", "a\nb", "ü", strings.Repeat("a", 65), "<script>", "a;b"} {
		made := w.call("GET", "/healthz", "", "", "X-Request-Id: "+given).header.Get("X-Request-Id")
		require.True(t, validRequestID(made))
		require.NotEqual(t, given, made)
		require.False(t, seen[made])
		seen[made] = true
	}
	for _, given := range []string{"a", strings.Repeat("a", 64), "A.b_c-9"} {
		require.Equal(t, given, w.call("GET", "/nowhere", "", "", "X-Request-Id: "+given).is(404).header.Get("X-Request-Id"))
	}
}

func TestTheAccessLineHasNoPathAndNoQuery(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.call("GET", "/v3/webhooks/9a93d3b5-fb3b-4abf-9e70-26315b33506c?token=hush", w.manager(), "").is(404)
	w.call("GET", "/secret/path?token=hush", "", "").is(404)
	w.call("EVIL", "/v3/webhooks", "", "").is(405)
	w.call("POST", "/v3/events", w.publisher(), validEvent.with(nil)).is(202)
	log := w.log.String()
	for _, text := range []string{"hush", "9a93d3b5", "secret", "EVIL", "signer"} {
		require.NotContains(t, log, text)
	}
	lines := w.lines()
	require.Len(t, lines, 4)
	require.Equal(t, "/v3/webhooks/:webhook", lines[0]["route"])
	require.Equal(t, "INFO", lines[0]["level"])
	require.Equal(t, "DEBUG", lines[3]["level"], "publishing that went well is too frequent for more")
	require.Contains(t, lines[3], "ms")
}

func TestAClientThatHasGoneIsNoFailureOfOurs(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	w.store.fault = fmt.Errorf("list: %w", context.Canceled)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := httptest.NewRequestWithContext(ctx, "GET", "/v3/webhooks", nil)
	req.Header.Set("Authorization", "Bearer "+key)
	w.serve(req)
	require.NotContains(t, w.log.String(), "ERROR")
	w.call("GET", "/v3/webhooks", key, "").is(500) // but canceled by ourselves is
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := setup(t)
	require.Equal(t, map[string]any{"status": "ok"}, w.call("GET", "/healthz", "", "").is(200).json())
	ok := w.call("GET", "/readyz", "", "").is(200).json()
	require.Equal(t, "ready", ok["status"])
	for name, breakIt := range map[string]func(){
		"database":  func() { w.store.fault = errors.New("dial postgres://u:hunter2@db: refused") },
		"rules":     func() { w.store.unloaded = true },
		"accepting": func() { w.drain = true },
	} {
		w.store.fault, w.store.unloaded, w.drain = nil, false, false
		breakIt()
		a := w.call("GET", "/readyz", "", "").is(503)
		require.NotContains(t, a.body, "hunter2")
		checks := a.json()["checks"].(map[string]any)
		for check, text := range checks {
			require.Equal(t, check != name, text == "ok", check)
		}
		require.NotEmpty(t, a.header.Get("Retry-After"))
		w.call("GET", "/healthz", "", "").is(200)
	}
	w.call("HEAD", "/healthz", "", "").is(200)
}

func TestSurfacesAreMountedBehindTheirGuard(t *testing.T) {
	t.Parallel()
	open := Route{Method: "GET", Path: "/extra/:thing", Handle: func(c *gin.Context) error {
		id, err := PathID(c, "thing")
		if err != nil {
			return err
		}
		WriteJSON(c, http.StatusOK, id)
		return nil
	}}
	guard := func(c *gin.Context) error {
		if c.Request.Header.Get("X-Pass") == "" {
			return models.Errorf(models.CodeUnauthorized, "No.")
		}
		return nil
	}
	w := setup(t, func(o *Options) {
		o.Surfaces = []Surface{{Guard: guard, Routes: []Route{open}}, {Routes: []Route{{Method: "GET", Path: "/free/:thing", Handle: open.Handle}}}}
	})
	w.call("GET", "/extra/9a93d3b5-fb3b-4abf-9e70-26315b33506c", "", "").is(401)
	w.call("GET", "/extra/9a93d3b5-fb3b-4abf-9e70-26315b33506c", "", "", "X-Pass: 1").is(200)
	w.call("GET", "/free/9a93d3b5-fb3b-4abf-9e70-26315b33506c", "", "").is(200)
	w.call("GET", "/free/1", "", "").is(404)
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good := w.api.Options
	for name, breakIt := range map[string]func(*Options){
		"Accepter": func(o *Options) { o.Accepter = nil }, "Store": func(o *Options) { o.Store = nil }, "Rules": func(o *Options) { o.Rules = nil },
		"Endpoints": func(o *Options) { o.Endpoints = nil }, "Types": func(o *Options) { o.Types = nil }, "BodyOf": func(o *Options) { o.BodyOf = nil }, "Now": func(o *Options) { o.Now = nil },
		"Draining": func(o *Options) { o.Draining = nil }, "NewID": func(o *Options) { o.NewID = nil },
		"NewSecret": func(o *Options) { o.NewSecret = nil }, "Formats": func(o *Options) { o.Formats = nil }, "ReservedHeader": func(o *Options) { o.ReservedHeader = nil },
	} {
		o := good
		breakIt(&o)
		_, err := New(o)
		require.ErrorContains(t, err, name)
	}
	negative := good
	negative.Limit.Hour = -1
	_, err := New(negative)
	require.Error(t, err)
	good.Logger, good.Catalogue = nil, nil
	_, err = New(good)
	require.NoError(t, err)
}

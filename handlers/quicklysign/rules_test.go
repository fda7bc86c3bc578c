package quicklysign

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/handlers"
	"hookrouter/models"
)

const creds = `"client_id":"{{client_id}}","client_secret":"{{client_secret}}"`

// webhookWith is the body of a call that creates, with a webhook of these members.
func webhookWith(members string) string { return `{` + creds + `,"webhook":{` + members + `}}` }

func TestWrongInput(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good := `"entity_key":"a","callback":"https://a.test/"`
	for body, want := range map[string][]string{
		``: {"body"}, `[]`: {"body"}, `{`: {"body"}, webhookWith(good) + `x`: {"body"}, `"x"`: {"body"},
		`{` + creds + `}`:                                                                              {"webhook"},
		`{` + creds + `,"webhook":null}`:                                                               {"webhook"},
		`{` + creds + `,"webhook":"a"}`:                                                                {"webhook"},
		`{` + creds + `,"webhook":[{}]}`:                                                               {"webhook"},
		`{` + creds + `,"webhook":{},"webhook":{}}`:                                                    {"body"},
		webhookWith(``):                                                                                {"webhook.entity_key", "webhook.callback"},
		webhookWith(`"entity_key":"","callback":""`):                                                   {"webhook.entity_key", "webhook.callback"},
		webhookWith(`"entity_key":1,"callback":{}`):                                                    {"webhook.entity_key", "webhook.callback"},
		webhookWith(`"entity_key":null,"callback":null`):                                               {"webhook.entity_key", "webhook.callback"},
		webhookWith(`"entity_key":"a\u0000","callback":"https://a.test/"`):                             {"webhook.entity_key"},
		webhookWith(`"entity_key":"a\ud800","callback":"https://a.test/"`):                             {"webhook.entity_key"},
		webhookWith("\"entity_key\":\"a\xff\",\"callback\":\"https://a.test/\""):                       {"webhook.entity_key"},
		webhookWith("\"entity_key\":\"a\x00\",\"callback\":\"https://a.test/\""):                       {"webhook"},
		webhookWith(`"entity_key":"a\n","callback":"https://a.test/"`):                                 {"webhook.entity_key"},
		webhookWith(`"entity_key":"` + strings.Repeat("é", 129) + `","callback":"https://a.test/"`):    {"webhook.entity_key"},
		webhookWith(`"entity_key":"a","callback":"https://a.test/\u0000"`):                             {"webhook.callback"},
		webhookWith(`"entity_key":"a","callback":"https://a.test/` + strings.Repeat("a", 1024) + `"`):  {"webhook.callback"},
		`{"client_id":1,"client_secret":"{{client_secret}}","webhook":{` + good + `}}`:                 {"client_id"},
		`{"client_id":"{{client_id}}","client_secret":["{{client_secret}}"],"webhook":{` + good + `}}`: {"client_secret"},
		`{"client_id":"a\u0000","client_secret":"{{client_secret}}","webhook":{` + good + `}}`:         {"client_id"},
	} {
		a := w.raw("POST", "/v1/webhooks", body, "Content-Type: application/json").is(400)
		require.Equal(t, want, a.errors(), body)
		require.NotContains(t, a.body, w.secret)
	}
	require.Equal(t, []string{"body"}, w.raw("POST", w.with("/v1/webhooks"), `{"webhook":`).is(400).errors(), "known by the query")
	w.raw("POST", "/v1/webhooks", webhookWith(`"entity_key":"`+strings.Repeat("a", 70<<10)+`"`)).is(413)
	w.raw("POST", "/v1/webhooks", webhookWith(good), "Content-Type: text/plain").is(415)
	require.Zero(t, w.changes)

	for query, want := range map[string]string{
		"entity_key=": "entity_key", "entity_key=a&entity_key=b": "entity_key", "entity_key=a%00": "entity_key", "entity_key=%ff": "entity_key",
		"entitykey=a": "entitykey", "limit=1": "limit", "%zz": "query", "a;b": "query", "entity_key=" + strings.Repeat("a", 257): "entity_key",
		"page=x": "page", "page=": "page", parameterAlways200 + "=yes": parameterAlways200, "x=" + strings.Repeat("a", 5000): "query",
	} {
		path := w.with("/v1/webhooks") + "&" + query
		if query == "page=x" { // known by its credentials, but not followed
			require.Equal(t, []string{"page"}, w.raw("GET", path, "").is(400).errors())
			continue
		}
		require.Equal(t, []string{want}, w.raw("GET", path, "").is(400).errors(), query)
		require.Contains(t, w.raw("DELETE", path, "").is(400).errors(), want, query)
	}
	require.Equal(t, []string{"entity_key"}, w.raw("DELETE", w.with("/v1/webhooks"), "").is(400).errors(), "nothing is deleted by leaving something out")
}

func TestCallbacksThatCannotBeCalled(t *testing.T) {
	t.Parallel()
	refused := []string{
		"http://yourapp.com/callback", "https://localhost/callback", "https://LOCALHOST:8443", "https://app.localhost./x", "https://127.0.0.1/",
		"https://[::1]/", "https://0x7f000001/", "https://10.0.0.1/", "http://localhost:3000/", "ftp://a.test", "/callback", "yourapp.com",
		"https://user:secret@a.test/", "https://a.test/#x", "https:///x",
	}
	w := setup(t)
	for _, callback := range refused {
		a := w.raw("POST", "/v1/webhooks", webhookWith(`"entity_key":"a","callback":"`+callback+`"`)).is(400)
		require.Equal(t, []string{"webhook.callback"}, a.errors(), callback)
		require.Contains(t, a.body, "https:// address that is reachable", "what to use instead")
		require.Contains(t, a.body, "ngrok")
		require.NotContains(t, a.body, "secret@")
	}
	require.Zero(t, w.changes)
	open := setup(t, loopback)
	for _, callback := range []string{"http://yourapp.com/callback", "https://localhost/callback", "http://localhost:3000/", "http://127.0.0.1:9/"} {
		require.Equal(t, callback, open.raw("POST", "/v1/webhooks", webhookWith(`"entity_key":"a","callback":"`+callback+`"`)).one("webhook")["callback"])
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.webhook("a", "https://a.test/")
	otherID, otherSecret := w.pair(w.org, models.RoleManager, models.Production)
	apiKey, err := handlers.NewKeyText(strings.NewReader(strings.Repeat("k", 64)), models.Production)
	require.NoError(t, err)
	apiKeyID := w.save(w.org, apiKey, models.RoleAdmin, models.Production).OpaqueKey()
	swapped := w.secret[:20] + string(w.secret[20]^1) + w.secret[21:]
	for name, c := range map[string][2]string{
		"none": {"", ""}, "no secret": {w.id, ""}, "no id": {"", w.secret}, "another's id": {otherID, w.secret}, "another's secret": {w.id, otherSecret},
		"a secret that is none": {w.id, "secret"}, "a mistyped secret": {w.id, swapped}, "an API key": {apiKeyID, apiKey}, "the other way round": {w.secret, w.id},
		"longer": {w.id, w.secret + "x"}, "id longer": {w.id + "x", w.secret}, "4 KiB": {w.id, strings.Repeat("s", 1000)},
	} {
		as := w.as(c[0], c[1])
		query := url.Values{}
		for name, v := range map[string]string{"client_id": c[0], "client_secret": c[1]} {
			if v != "" {
				query.Set(name, v)
			}
		}
		for _, call := range []struct{ method, path, body string }{
			{"GET", "/v1/webhooks?" + query.Encode(), ""},
			{"GET", "/v1/webhooks/" + key + "?" + query.Encode(), ""},
			{"DELETE", "/v1/webhooks/" + key + "?" + query.Encode(), ""},
			{"DELETE", "/v1/webhooks?entity_key=a&" + query.Encode(), ""},
			{"GET", "/v1/webhook_callback_logs?" + query.Encode(), ""},
			{"POST", "/v1/webhooks", webhookWith(`"entity_key":"a","callback":"https://a.test/"`)},
		} {
			a := as.raw(call.method, call.path, call.body, "Authorization: Bearer "+apiKey).is(401)
			require.Equal(t, []string{"unauthorised"}, a.errors(), "%s: %s", name, call.path)
		}
	}
	// In the query of a POST, in the body of a DELETE, and in both.
	const hook = `"webhook":{"entity_key":"b","callback":"https://a.test/"}`
	w.raw("POST", w.with("/v1/webhooks"), `{`+hook+`}`).is(200)
	w.raw("POST", w.with("/v1/webhooks"), `{`+creds+`,`+hook+`}`).is(200)
	require.Equal(t, []string{"client_secret"}, w.raw("POST", w.with("/v1/webhooks"), `{"client_secret":"`+otherSecret+`",`+hook+`}`).is(400).errors())
	require.Len(t, w.raw("DELETE", "/v1/webhooks?entity_key=b", `{`+creds+`}`).many("webhooks"), 2)

	reader, readerSecret := w.pair(w.org, models.RoleReader, models.Production)
	only := w.as(reader, readerSecret)
	only.get("/v1/webhooks/" + key).is(200)
	only.get("/v1/webhook_callback_logs").is(200)
	require.Equal(t, []string{"unauthorised"}, only.raw("POST", "/v1/webhooks", v1Create).is(401).errors())
	only.raw("DELETE", only.with("/v1/webhooks/"+key), "").is(401)
	only.raw("DELETE", only.with("/v1/webhooks", "entity_key", "a"), "").is(401)

	keys, err := w.db.Keys(t.Context(), w.org)
	require.NoError(t, err)
	for _, k := range keys {
		require.NoError(t, w.db.RevokeKey(t.Context(), k.ID, w.clock.Now()))
	}
	w.get("/v1/webhooks").is(401)
	require.NotContains(t, w.log.String(), w.secret)
	require.NotContains(t, w.log.String(), otherSecret)
	require.NotContains(t, w.log.String(), "client_")
	require.Contains(t, w.log.String(), `"route":"/v1/webhooks/:webhook"`)
}

// TestEachSeesItsOwn goes through every call with the keys of other organizations and environments.
func TestEachSeesItsOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.webhook("a", "https://a.test/")
	w.call(key, "entity_updated", 200)
	foreignID, foreignSecret := w.pair(w.organization("other"), models.RoleAdmin, models.Production)
	sandboxID, sandboxSecret := w.pair(w.org, models.RoleAdmin, models.Sandbox)
	for name, other := range map[string]*world{"organization": w.as(foreignID, foreignSecret), "environment": w.as(sandboxID, sandboxSecret)} {
		require.Empty(t, other.get("/v1/webhooks").many("webhooks"), name)
		other.get("/v1/webhooks/" + key).is(404)
		other.raw("DELETE", other.with("/v1/webhooks/"+key), "").is(404)
		require.Empty(t, other.raw("DELETE", other.with("/v1/webhooks", "entity_key", "a"), "").many("webhooks"))
		require.Empty(t, other.get("/v1/webhook_callback_logs").many("webhook_callback_logs"))
		require.Empty(t, other.get("/v1/webhook_callback_logs", "entity_key", "a").many("webhook_callback_logs"))
		other.get("/v1/webhook_callback_logs", "webhook_key", key).is(404)
		own := other.webhook("a", "https://a.test/")
		require.Len(t, other.get("/v1/webhooks").many("webhooks"), 1)
		w.get("/v1/webhooks/" + own).is(404)
	}
	require.Len(t, w.get("/v1/webhooks").many("webhooks"), 1)
	id, _ := models.ParseKey(w.as(sandboxID, sandboxSecret).webhook("b", "https://a.test/"))
	made, err := w.db.Subscription(t.Context(), w.org, id)
	require.NoError(t, err)
	require.True(t, made.Sandbox, "sandbox credentials work in the sandbox")

	// What is no webhook of a pack is not seen here.
	for _, change := range []func(*models.Subscription){
		func(s *models.Subscription) { s.Format = models.FormatYousign }, func(s *models.Subscription) { s.EntityKey = "" },
	} {
		s := *made
		s.ID, s.Sandbox = models.ID{}, false
		change(&s)
		require.NoError(t, w.db.CreateSubscription(t.Context(), &s, 0, models.ID{}))
		w.get("/v1/webhooks/" + s.Key()).is(404)
		w.get("/v1/webhook_callback_logs", "webhook_key", s.Key()).is(404)
	}
	require.Len(t, w.get("/v1/webhooks").many("webhooks"), 1)
	for _, bad := range []string{"x", key + "A", key[:21], strings.ToUpper(key), base64.RawURLEncoding.EncodeToString(make([]byte, 16)), "%00", "%ff", "a%2Fb"} {
		w.raw("GET", w.with("/v1/webhooks/"+bad), "").is(404)
		w.raw("DELETE", w.with("/v1/webhooks/"+bad), "").is(404)
	}
}

func TestWhatAWebhookIsUnderneath(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made := func(key string) *models.Subscription {
		id, ok := models.ParseKey(key)
		require.True(t, ok)
		s, err := w.db.Subscription(t.Context(), w.org, id)
		require.NoError(t, err)
		return s
	}
	s := made(w.webhook("a", "https://a.test/"))
	require.True(t, s.Enabled && s.AutoRetry && !s.V0 && s.OfEntity())
	require.Equal(t, []models.Pattern{"entity_updated", "document_status_changed", "final_document_generated", "signatory_updated", "audit_trail_updated"}, s.Events)
	require.Equal(t, [][]string{{"*"}, {"*"}}, [][]string{s.Scopes, s.Workspaces})
	require.True(t, s.Secret.IsZero(), "callbacks are not signed")
	old := made(w.raw("POST", "/v1/subscriptions", v0Create).one("subscription")["key"].(string))
	require.True(t, old.V0)
	require.Contains(t, old.Events, models.Pattern("document_updated"))

	signed := setup(t, func(o *Options) { o.Sign = true })
	hook := signed.raw("POST", "/v1/webhooks", v1Create).one("webhook")
	require.Equal(t, strings.Repeat("s", 32), hook["secret_key"])
	require.NotContains(t, signed.get("/v1/webhooks/"+hook["key"].(string)).one("webhook"), "secret_key", "it is shown once")
}

func TestDuplicatesAreMadeWithAWarning(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.webhook("a", "https://a.test/")
	second := w.raw("POST", "/v1/webhooks", webhookWith(`"entity_key":"a","callback":"https://a.test/"`)).is(200)
	require.NotEqual(t, first, second.one("webhook")["key"])
	warnings := second.json()["status"].(map[string]any)["warnings"].([]any)
	require.Len(t, warnings, 1)
	require.Equal(t, "duplicate", warnings[0].(map[string]any)["code"])
	require.Contains(t, warnings[0].(map[string]any)["message"], first)
	other := w.raw("POST", "/v1/webhooks", webhookWith(`"entity_key":"a","callback":"https://a.test/b"`)).is(200)
	require.NotContains(t, other.json()["status"], "warnings")
}

func TestQuotaAndLimit(t *testing.T) {
	t.Parallel()
	w := setup(t, func(o *Options) { o.Quota, o.LimitMinute = 2, 6 })
	w.webhook("a", "https://a.test/")
	w.webhook("b", "https://a.test/")
	full := w.raw("POST", "/v1/webhooks", v1Create).is(403)
	require.Equal(t, []string{"quota_exceeded"}, full.errors())
	require.Len(t, w.raw("DELETE", w.with("/v1/webhooks", "entity_key", "a"), "").many("webhooks"), 1)
	w.raw("POST", "/v1/webhooks", v1Create).is(200)
	w.get("/v1/webhooks").is(200)
	over := w.get("/v1/webhooks").is(429)
	require.Equal(t, []string{"too_many_requests"}, over.errors())
	require.Equal(t, fmt.Sprint(60-w.clock.Now().Unix()%60), over.header.Get("Retry-After"))
	sandboxID, sandboxSecret := w.pair(w.org, models.RoleReader, models.Sandbox)
	other := w.as(sandboxID, sandboxSecret)
	for range 3 {
		other.get("/v1/webhooks").is(200)
	}
	other.get("/v1/webhooks").is(429)
	w.clock.Advance(time.Minute)
	w.get("/v1/webhooks").is(200)
}

func TestEveryAnswerHasTheEnvelope(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for _, path := range []string{"/v1/nothing", "/v1/", "/v1/webhooks/", "/v1/webhooks/a/b"} {
		require.Equal(t, []string{"not_found"}, w.raw("GET", path, "").is(404).errors(), path)
	}
	wrong := w.raw("PUT", "/v1/webhooks", "{}").is(405)
	require.Equal(t, []string{"method_not_allowed"}, wrong.errors())
	require.NotEmpty(t, wrong.header.Get("Allow"))
	require.Contains(t, w.raw("GET", "/v3/nothing", "").body, "resource.not_found", "other surfaces have their own form")

	const always = "?always_use_http_status_code_200=true"
	for path, status := range map[string]float64{"/v1/webhooks": 401, "/v1/nothing": 404, "/v1/webhook_callback_logs": 401} {
		a := w.raw("GET", path+always, "")
		require.Equal(t, 200, a.code, path)
		require.Equal(t, status, a.json()["status"].(map[string]any)["status_code"])
	}
	bad := w.raw("GET", "/v1/webhooks"+always+"&nothing=1", "")
	require.Equal(t, 200, bad.code)
	require.Equal(t, []string{"nothing"}, bad.errors())
	require.Equal(t, 401, w.raw("GET", "/v1/webhooks?always_use_http_status_code_200=false", "").code)
	require.Equal(t, "application/json", bad.header.Get("Content-Type"))
	require.Equal(t, "no-store", bad.header.Get("Cache-Control"))

	require.NoError(t, w.db.Close())
	down := w.get("/v1/webhooks")
	require.GreaterOrEqual(t, down.code, 500)
	require.Contains(t, []string{"unavailable", "internal_error"}, down.errors()[0])
}

func TestWebhooksArePaged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var keys []string
	for i := range pageSize + 3 {
		keys = append(keys, w.webhook(fmt.Sprintf("pack %d/ü", i%4), "https://a.test/"))
	}
	collect := func(path, many string, follow func(link string) answer) (got []string) {
		a := w.get(path)
		for {
			for _, item := range a.many(many) {
				got = append(got, item["key"].(string))
			}
			link := a.next()
			if link == "" {
				return got
			}
			require.NotContains(t, link, w.secret)
			require.NotContains(t, link, "client_")
			a = follow(link)
		}
	}
	require.Equal(t, keys, collect("/v1/webhooks", "webhooks", func(link string) answer { return w.raw("GET", link, "") }))
	require.Equal(t, keys, collect("/v1/subscriptions", "subscriptions", func(link string) answer {
		return w.raw("GET", link+"&client_id={{client_id}}&client_secret={{client_secret}}", "")
	}))
	require.Len(t, w.get("/v1/webhooks", "entity_key", "pack 1/ü").many("webhooks"), 26)
	require.Contains(t, w.get("/v1/webhooks", parameterAlways200, "true").next(), parameterAlways200)
}

func TestLinksToNextPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.webhook("pack/ü", "https://a.test/")
	for range pageSize/2 + 1 {
		w.call(key, "entity_updated", 200)
	}
	first := w.get("/v1/webhook_callback_logs", "entity_key", "pack/ü")
	require.Len(t, first.many("webhook_callback_logs"), pageSize)
	link := first.next()
	second := w.raw("GET", link, "")
	require.Len(t, second.many("webhook_callback_logs"), 2)
	require.Empty(t, second.next())
	all := append(first.many("webhook_callback_logs"), second.many("webhook_callback_logs")...)
	require.True(t, slices.IsSortedFunc(all, func(a, b map[string]any) int { return int(a["date_created"].(float64) - b["date_created"].(float64)) }))
	require.Equal(t, second.body, w.raw("GET", link+"&client_id={{client_id}}&client_secret={{client_secret}}", "").body)

	u, err := url.Parse(link)
	require.NoError(t, err)
	page := u.Query().Get(parameterPage)
	with := func(path string, change func(url.Values)) string {
		q := u.Query()
		change(q)
		return path + "?" + q.Encode()
	}
	raw, err := base64.RawURLEncoding.DecodeString(page)
	require.NoError(t, err)
	forged := map[string]string{
		"another filter":   with(u.Path, func(q url.Values) { q.Set("entity_key", "b") }),
		"no filter":        with(u.Path, func(q url.Values) { q.Del("entity_key") }),
		"one filter more":  with(u.Path, func(q url.Values) { q.Set("webhook_key", key) }),
		"another list":     with("/v1/webhooks", func(url.Values) {}),
		"nothing":          with(u.Path, func(q url.Values) { q.Set(parameterPage, "AAAA") }),
		"another alphabet": with(u.Path, func(q url.Values) { q.Set(parameterPage, page[:len(page)-1]+"=") }),
	}
	for i := range raw {
		changed := slices.Clone(raw)
		changed[i] ^= 1
		forged[fmt.Sprint("byte ", i)] = with(u.Path, func(q url.Values) { q.Set(parameterPage, base64.RawURLEncoding.EncodeToString(changed)) })
	}
	for name, link := range forged {
		require.Equal(t, 401, w.raw("GET", link, "").code, name)
	}
	w.raw("DELETE", with("/v1/webhooks/"+key, func(url.Values) {}), "").is(400)
	foreignID, foreignSecret := w.pair(w.org, models.RoleReader, models.Production)
	foreign := w.as(foreignID, foreignSecret)
	require.Equal(t, []string{"page"}, foreign.raw("GET", link+"&client_id={{client_id}}&client_secret={{client_secret}}", "").is(400).errors())

	w.clock.Advance(linkTime - time.Second)
	w.raw("GET", link, "").is(200)
	w.clock.Advance(time.Second)
	w.raw("GET", link, "").is(401)
	w.raw("GET", link+"&client_id={{client_id}}&client_secret={{client_secret}}", "").is(200)
	link = w.get("/v1/webhook_callback_logs").next()
	w.raw("GET", link, "").is(200)
	keys, err := w.db.Keys(t.Context(), w.org)
	require.NoError(t, err)
	require.NoError(t, w.db.RevokeKey(t.Context(), keys[0].ID, w.clock.Now()))
	w.raw("GET", link, "").is(401)
}

func TestTheLogOfFailuresAndRetries(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.webhook("a", "https://a.test/cb")
	w.call(key, "signatory_updated", 500, 0, 302, 204)
	var said []string
	for _, e := range w.get("/v1/webhook_callback_logs").many("webhook_callback_logs") {
		said = append(said, e["log"].(string))
		require.Equal(t, "signatory_updated", e["callback_event"])
	}
	const at = "https://a.test/cb"
	require.Equal(t, []string{
		"Calling callback url " + at + ".", "Failed call to url " + at + ". Received 500 response",
		"Calling callback url " + at + ". Retry 1.", "Failed call to url " + at + ". No answer within 10s",
		"Calling callback url " + at + ". Retry 2.", "Failed call to url " + at + ". Received 302 response. Redirects are not followed",
		"Calling callback url " + at + ". Retry 3.", "Successful call to url " + at + ". Received 204 response",
	}, said)

	// The log of a deleted webhook stays with its entity, and goes with it.
	w.raw("DELETE", w.with("/v1/webhooks/"+key), "").is(200)
	require.Len(t, w.get("/v1/webhook_callback_logs", "webhook_key", key).many("webhook_callback_logs"), 8)
	require.Len(t, w.get("/v1/webhook_callback_logs", "entity_key", "a").many("webhook_callback_logs"), 8)
	job, err := w.db.RemoveEntity(t.Context(), w.org, "a", w.clock.Now(), time.Minute)
	require.NoError(t, err)
	require.True(t, job.Done)
	require.Empty(t, w.get("/v1/webhook_callback_logs").many("webhook_callback_logs"))
}

func TestEveryReasonHasASentence(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, reason := range models.AttemptReasons() {
		e := models.CallbackEntry{Place: models.CallbackPlace{Ended: true}, Attempt: models.Attempt{
			Number: 1, Reason: reason, Detail: "because of " + string(reason), Endpoint: "https://a.test/", StatusCode: 404,
		}}
		text := e.Sentence()
		require.True(t, strings.HasPrefix(text, "Failed call to url https://a.test/. "), text)
		require.False(t, seen[text])
		seen[text] = true
		e.Attempt.Detail = ""
		require.NotEmpty(t, strings.TrimPrefix(e.Sentence(), "Failed call to url https://a.test/. "))
	}
}

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := New(Options{})
	require.Error(t, err)
	for _, change := range []func(*Options){func(o *Options) { o.Quota = -1 }, func(o *Options) { o.LimitMinute = -1 }} {
		var whole Options
		setup(t, func(o *Options) { whole = *o })
		change(&whole)
		_, err := New(whole)
		require.Error(t, err)
	}
}

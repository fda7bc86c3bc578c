package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// documensoFields are the fields of a payload with their types: those of Documenso's page on webhooks, then those of its newer releases. A
// question mark lets a field be null; [] goes through a list.
var documensoFields = map[string]string{
	"id": "number", "userId": "number", "authOptions": "json?", "formValues": "json?", "title": "string", "status": "string",
	"documentDataId": "string", "createdAt": "datetime", "updatedAt": "datetime", "completedAt": "datetime?", "deletedAt": "datetime?",
	"teamId": "number?", "documentData.id": "string", "documentData.type": "string", "documentData.data": "string",
	"documentData.initialData": "string", "Recipient[].id": "number", "Recipient[].documentId": "number?", "Recipient[].templateId": "number?",
	"Recipient[].email": "string", "Recipient[].name": "string", "Recipient[].token": "string", "Recipient[].expired": "datetime?",
	"Recipient[].signedAt": "datetime?", "Recipient[].authOptions.accessAuth": "json?", "Recipient[].authOptions.actionAuth": "json?",
	"Recipient[].role": "string", "Recipient[].readStatus": "string", "Recipient[].signingStatus": "string", "Recipient[].sendStatus": "string",

	"envelopeId": "string", "externalId": "string?", "visibility": "string", "templateId": "number?", "source": "string",
	"documentMeta.id": "string", "documentMeta.subject": "string?", "documentMeta.message": "string?", "documentMeta.timezone": "string?",
	"documentMeta.dateFormat": "string?", "documentMeta.redirectUrl": "string?", "documentMeta.signingOrder": "string",
	"documentMeta.allowDictateNextSigner": "boolean", "documentMeta.typedSignatureEnabled": "boolean",
	"documentMeta.uploadSignatureEnabled": "boolean", "documentMeta.drawSignatureEnabled": "boolean", "documentMeta.language": "string",
	"documentMeta.distributionMethod": "string", "documentMeta.emailSettings": "json?", "recipients[].id": "number",
	"recipients[].envelopeId": "string", "recipients[].documentDeletedAt": "datetime?", "recipients[].expiresAt": "datetime?",
	"recipients[].expirationNotifiedAt": "datetime?", "recipients[].signingOrder": "number?", "recipients[].rejectionReason": "string?",
}

// checkDocumensoFields holds a payload against the types. Of one that is to be complete every field must be there.
func checkDocumensoFields(t *testing.T, name string, payload []byte, complete bool) {
	t.Helper()
	var document any
	require.NoError(t, json.Unmarshal(payload, &document))
	for path, kind := range documensoFields {
		values, found := at(document, strings.Split(path, "."))
		require.True(t, found || !complete, "%s lacks %s", name, path)
		for _, v := range values {
			require.True(t, isKind(v, kind), "%s: %s is %v, want %s", name, path, v, kind)
		}
	}
}

// at follows a path and returns what lies at its ends; found is whether all of its ends exist, and there is one.
func at(v any, path []string) (values []any, found bool) {
	if len(path) == 0 {
		return []any{v}, true
	}
	name, list := strings.CutSuffix(path[0], "[]")
	object, _ := v.(map[string]any)
	next, ok := object[name]
	if !ok {
		return nil, false
	}
	if !list {
		return at(next, path[1:])
	}
	elements, _ := next.([]any)
	found = len(elements) > 0
	for _, e := range elements {
		more, ok := at(e, path[1:])
		values, found = append(values, more...), found && ok
	}
	return values, found
}

func isKind(v any, kind string) bool {
	kind, optional := strings.CutSuffix(kind, "?")
	if v == nil {
		return optional
	}
	switch v := v.(type) {
	case float64:
		return kind == "number" || kind == "json"
	case bool:
		return kind == "boolean" || kind == "json"
	case string:
		_, err := time.Parse("2006-01-02T15:04:05.000Z", v)
		return kind == "string" || kind == "json" || kind == "datetime" && err == nil
	}
	return kind == "json"
}

// documensoLog is a receiver that was written from the documents alone, and keeps what it took.
type documensoLog struct {
	mu     sync.Mutex
	calls  map[string]documensoCall // by event
	header http.Header              // of the last call
}

func (l *documensoLog) serve(t *testing.T, secret string) string {
	t.Helper()
	rc := documensoReceiver{secret: secret, take: func(call documensoCall) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.calls[call.Event] = call
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.mu.Lock()
		l.header = r.Header.Clone()
		l.mu.Unlock()
		rc.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/mywebhook"
}

// await waits for the call of an event.
func (l *documensoLog) await(t *testing.T, event string) (call documensoCall) {
	t.Helper()
	require.Eventually(t, func() (ok bool) {
		l.mu.Lock()
		defer l.mu.Unlock()
		call, ok = l.calls[event]
		return ok
	}, 20*time.Second, 2*time.Millisecond, "%s did not arrive", event)
	return call
}

func (l *documensoLog) lastHeader() http.Header {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.header
}

// TestDocumensoEndToEnd publishes every payload that Documenso's page shows, as shown, and a sample of each of its fourteen events.
func TestDocumensoEndToEnd(t *testing.T) {
	t.Parallel()
	eachDatabase(t, func(t *testing.T, url string) {
		n := newNode(t, url)
		key := n.key("acme", models.RoleAdmin)
		n.start()
		const secret = "a secret of any length!"
		shown, sampled := &documensoLog{calls: map[string]documensoCall{}}, &documensoLog{calls: map[string]documensoCall{}}
		endpoint := shown.serve(t, secret)
		var names []string
		for _, e := range models.BuiltinCatalogue().Types() {
			if e.Family == models.FamilyDocumenso {
				names = append(names, e.Name)
			}
		}
		require.Len(t, names, 14)
		n.subscribe(key, endpoint, secret, map[string]any{"format": "documenso", "subscribed_events": names})
		webhook := n.subscribe(key, sampled.serve(t, ""), "", map[string]any{"format": "documenso", "sandbox": true, "subscribed_events": names})

		zapped := &documensoLog{calls: map[string]documensoCall{}}
		n.must(http.StatusOK, http.MethodPost, "/api/v1/zapier/subscribe", key,
			map[string]any{"webhookUrl": zapped.serve(t, ""), "eventTrigger": "DOCUMENT_SIGNED"}, nil)

		for _, name := range []string{"document.created", "document.sent", "document.opened", "document.signed", "document.completed"} {
			text, err := os.ReadFile("testdata/documenso/" + name + ".json")
			require.NoError(t, err)
			var want struct {
				documensoCall
				CreatedAt string `json:"createdAt"`
			}
			require.NoError(t, json.Unmarshal(text, &want))
			n.must(http.StatusAccepted, http.MethodPost, "/v3/events", key, map[string]any{
				"event_name": name, "data": want.Payload, "event_time": want.CreatedAt,
			}, nil)
			got := shown.await(t, want.Event)
			require.JSONEq(t, string(want.Payload), string(got.Payload))
			require.Equal(t, want.CreatedAt, got.CreatedAt.Format("2006-01-02T15:04:05.000Z"))
			require.Equal(t, endpoint, got.WebhookEndpoint)
			checkDocumensoFields(t, name, got.Payload, false)
		}
		zapped.await(t, "DOCUMENT_SIGNED")
		require.Equal(t, "application/json", shown.lastHeader().Get("Content-Type"))
		require.Equal(t, []string{secret}, shown.lastHeader()["X-Documenso-Secret"])

		for _, name := range names {
			n.must(http.StatusAccepted, http.MethodPost, "/v3/sandbox/events", key, map[string]any{"event_name": name}, nil)
			call := sampled.await(t, strings.ToUpper(strings.ReplaceAll(name, ".", "_")))
			checkDocumensoFields(t, name, call.Payload, true)
			checkDocumensoFields(t, name+" in the catalogue", models.Sample(name), true)
		}
		var out testOutcome
		n.must(http.StatusOK, http.MethodPost, "/v3/webhooks/"+webhook+"/test", key, map[string]any{"event_name": "template.used"}, &out)
		require.Equal(t, "delivered", out.Status)
		require.Equal(t, []string{""}, sampled.lastHeader()["X-Documenso-Secret"], "empty without a secret")

		var page struct {
			Data []struct{ ID string }
		}
		n.must(http.StatusOK, http.MethodGet, "/v3/deliveries?limit=1", key, nil, &page)
		var raw json.RawMessage
		n.must(http.StatusOK, http.MethodGet, "/v3/deliveries/"+page.Data[0].ID, key, nil, &raw)
		require.NotContains(t, string(raw), secret)
		ledger := settled(t, openStore(t, url), 20*time.Second)
		require.Equal(t, int64(21), ledger.ByStatus[models.StatusDelivered])
		require.False(t, n.log.contains(secret))
	})
}

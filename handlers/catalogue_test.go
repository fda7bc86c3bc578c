package handlers

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

const invoiceSchema = `{"type":"object","required":["total"],"properties":{"total":{"type":"number","minimum":0},
	"lines":{"type":"array","items":{"type":"object","properties":{"price":{"type":"number"}}}}}}`

// invoices makes an event type with a schema and returns a manager's key.
func invoices(w *world) string {
	key := w.manager()
	w.call("POST", "/v3/event_types", key, `{"name":"invoice.paid","description":"An invoice was paid.","sample":{"total":12.50},"schema":`+invoiceSchema+`}`).is(201)
	return key
}

func paid(data string) string { return `{"event_name":"invoice.paid","data":` + data + `}` }

func TestOwnEventTypes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := invoices(w)
	one := w.call("GET", "/v3/event_types/invoice.paid", key, "").is(200)
	require.Contains(t, one.body, `"sample":{"total":12.50}`, "numbers stay as they were written")
	require.Equal(t, "custom", one.json()["family"])
	require.NotNil(t, one.json()["schema"])
	w.call("POST", "/v3/event_types", key, `{"name":"invoice.paid","sample":{}}`).is(409)

	for body, field := range map[string]string{
		`{"sample":{}}`:                                                                     "name",
		`{"name":"Invoice.paid","sample":{}}`:                                               "name",
		`{"name":"signer.done","sample":{}}`:                                                "name",
		`{"name":"hookrouter.mine","sample":{}}`:                                            "name",
		`{"name":"a.b"}`:                                                                    "sample",
		`{"name":"a.b","sample":[]}`:                                                        "sample",
		`{"name":"a.b","sample":{},"schema":[]}`:                                            "schema",
		`{"name":"a.b","sample":{},"schema":{"type":"text"}}`:                               "schema",
		`{"name":"a.b","sample":{},"schema":{"required":["x"]}}`:                            "sample",
		`{"name":"a.b","sample":{},"description":"<b>"}`:                                    "description",
		`{"name":"a.b","sample":{"x":"` + strings.Repeat("y", models.MaxSample) + `"}}`:     "sample",
		`{"name":"a.b","sample":{},"schema":{"$ref":"https://schemas.example/invoice"}}`:    "schema",
		`{"name":"a.b","sample":{},"schema":{"x":"` + strings.Repeat("y", 17<<10) + `"}}`:   "schema",
		`{"name":"a.b","sample":{"a":"x"},"schema":{"properties":{"a":{"type":"number"}}}}`: "sample.a",
	} {
		require.Contains(t, w.call("POST", "/v3/event_types", key, body).invalid(), field, body)
	}

	require.Contains(t, w.call("POST", "/v3/event_types/dry_run", key, `{"name":"invoice.paid","sample":{},"schema":`+invoiceSchema+`}`).invalid(), "sample")
	require.Contains(t, w.call("POST", "/v3/event_types/dry_run", key, `{"name":"signer.done","sample":{}}`).invalid(), "name")
	tried := w.call("POST", "/v3/event_types/dry_run", key, `{"name":"invoice.sent","sample":{"total":1},"schema":`+invoiceSchema+`}`).is(200).json()
	require.Equal(t, "custom", tried["family"])
	w.call("GET", "/v3/event_types/invoice.sent", key, "").is(404)
	later := w.call("PATCH", "/v3/event_types/invoice.paid", key, `{"sample":{"total":3}}`).is(200).json()
	require.Equal(t, "An invoice was paid.", later["description"])
	require.NotNil(t, later["updated_at"])
	require.Contains(t, w.call("PATCH", "/v3/event_types/invoice.paid", key, `{"sample":{}}`).invalid(), "sample")
	require.Contains(t, w.call("PATCH", "/v3/event_types/invoice.paid", key, `{"name":"x"}`).invalid(), "name")
	require.Nil(t, w.call("PATCH", "/v3/event_types/invoice.paid", key, `{"schema":null}`).is(200).json()["schema"])
	w.call("PATCH", "/v3/event_types/signer.done", key, `{"sample":{}}`).is(409)
	w.call("DELETE", "/v3/event_types/signer.done", key, "").is(409)
	w.call("PATCH", "/v3/event_types/nothing", key, `{"sample":{}}`).is(404)
	w.call("GET", "/v3/event_types/%00", key, "").is(404)
	w.call("DELETE", "/v3/event_types/nothing", key, "").is(404)
}

func TestSchemasAreEnforcedAtPublishing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := invoices(w)
	w.call("POST", "/v3/events", key, paid(`{"total":1}`)).is(202)
	require.Contains(t, w.call("POST", "/v3/events", key, paid(`{"total":"1"}`)).invalid(), "data.total")
	require.Contains(t, w.call("POST", "/v3/events", key, paid(`{"total":1,"lines":[{},{"price":""}]}`)).invalid(), "data.lines[1].price")
	require.Contains(t, w.call("POST", "/v3/events", key, paid(`{}`)).invalid()["data"], "total")
	require.Contains(t, w.call("POST", "/v3/events", w.key(w.other, models.RoleAdmin, models.Production), paid(`{"total":1}`)).invalid(),
		"event_name", "it is another organization's")

	batch := w.call("POST", "/v3/events/batch", key, `{"events":[`+paid(`{"total":1}`)+`,`+paid(`{"total":-1}`)+`]}`).is(202).json()["events"].([]any)
	require.Equal(t, 202.0, batch[0].(map[string]any)["status"])
	require.Equal(t, 400.0, batch[1].(map[string]any)["status"])

	w.call("DELETE", "/v3/event_types/invoice.paid", key, "").is(204)
	require.Contains(t, w.call("POST", "/v3/events", key, paid(`{"total":1}`)).invalid(), "event_name")
}

// TestWhatAnotherInstanceChanged publishes on an instance whose book is behind the database.
func TestWhatAnotherInstanceChanged(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := invoices(w)
	change := func(schema string) {
		w.store.catalogueRevision++
		w.store.entries[0].Revision, w.store.entries[0].Schema = w.store.catalogueRevision, []byte(schema)
	}
	change(`{"required":["vat"]}`) // the book accepts the first and refuses the second; the commit and the second look know better
	behind := w.store.accepts
	w.store.accepts = func() { require.NoError(t, w.store.Refresh(t.Context())) } // the router's matcher comes up to date between
	require.Contains(t, w.call("POST", "/v3/events", key, paid(`{"total":1}`)).invalid(), "data")
	w.store.accepts = behind
	change(invoiceSchema)
	w.call("POST", "/v3/events", key, paid(`{"total":1}`)).is(202)
	require.Len(t, w.store.events, 1)

	w.store.entries = append(w.store.entries, models.CatalogueEntry{
		OrganizationID: w.org, Kind: models.KindEventType, Name: "invoice.sent", Revision: w.store.catalogueRevision + 1,
	}, models.CatalogueEntry{OrganizationID: w.org, Kind: models.KindScope, Name: "letter", Revision: w.store.catalogueRevision + 2})
	w.store.catalogueRevision += 2
	w.call("POST", "/v3/events", key, `{"event_name":"invoice.sent","scope":"letter","data":{}}`).is(202)
}

func TestATypeThatIsUnknownWhileTheStoreFailsIsNotRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.publisher()
	w.call("POST", "/v3/events", key, validEvent.with(nil)).is(202)
	w.store.fault = models.Errorf(models.CodeUnavailable, "away")
	w.call("POST", "/v3/events", key, paid(`{}`)).is(503)
}

func TestSubscriptionsToOwnTypesAndScopes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	body := validWebhook.with(object{"subscribed_events": []string{"invoice.*", "invoice.paid"}, "scopes": []string{"letter"}})
	wrong := w.call("POST", "/v3/webhooks", key, body).invalid()
	require.Contains(t, wrong, "subscribed_events[0]")
	require.Contains(t, wrong, "scopes[0]")
	invoices(w)
	require.Contains(t, w.call("POST", "/v3/scopes", key, `{"name":"app"}`).invalid(), "name")
	require.Contains(t, w.call("POST", "/v3/scopes", key, `{"name":"a.b"}`).invalid(), "name")
	w.call("POST", "/v3/scopes", key, `{"name":"letter","description":"by post"}`).is(201)
	require.Equal(t, "by post", w.call("GET", "/v3/scopes/letter", key, "").is(200).json()["description"])
	w.call("GET", "/v3/scopes/app", key, "").is(200)
	w.call("PATCH", "/v3/scopes/app", key, `{"description":""}`).is(409)
	require.Equal(t, "mail", w.call("PATCH", "/v3/scopes/letter", key, `{"description":"mail"}`).is(200).json()["description"])
	id := w.call("POST", "/v3/webhooks", key, body).is(201).json()["id"].(string)
	other := w.key(w.other, models.RoleAdmin, models.Production)
	w.call("POST", "/v3/webhooks", other, body).is(400)
	for _, path := range []string{"/v3/event_types/invoice.paid", "/v3/scopes/letter"} {
		require.Contains(t, w.call("DELETE", path, key, "").is(409).json()["detail"], id)
		w.call("DELETE", path, other, "").is(404)
	}
	event := w.call("POST", "/v3/events", key, `{"event_name":"invoice.paid","scope":"letter","data":{"total":1}}`).is(202).json()
	require.Equal(t, 1.0, event["matched"])
	require.Len(t, w.call("GET", "/v3/events?event_name=invoice.*&scope=letter", key, "").is(200).data(), 1)
	require.Len(t, w.call("GET", "/v3/deliveries?event_name=invoice.paid", key, "").is(200).data(), 1)
	w.call("DELETE", "/v3/webhooks/"+id, key, "").is(204)
	w.call("DELETE", "/v3/scopes/letter", key, "").is(204)
}

// TestTheListGoesOnWithOwnTypes pages through the built-in types into those of the organization.
func TestTheListGoesOnWithOwnTypes(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	builtin := len(models.BuiltinCatalogue().Types())
	for i := range 30 {
		w.call("POST", "/v3/event_types", key, fmt.Sprintf(`{"name":"own.type_%02d","sample":{}}`, i)).is(201)
	}
	var names []string
	for after := ""; ; {
		a := w.call("GET", "/v3/event_types?limit=19"+after, key, "").is(200)
		for _, e := range a.data() {
			require.IsType(t, map[string]any{}, e["sample"], e["name"])
			names = append(names, e["name"].(string))
		}
		if after = a.next(); after == "" {
			break
		}
		after = "&after=" + after
	}
	require.Len(t, names, builtin+30)
	for i, name := range names[builtin:] {
		require.Equal(t, fmt.Sprintf("own.type_%02d", i), name)
	}
	require.Len(t, w.call("GET", "/v3/event_types", w.key(w.other, models.RoleReader, models.Sandbox), "").is(200).data(), builtin)
}

func TestWorkspacesCanBeRenamed(t *testing.T) {
	t.Parallel()
	w := setup(t)
	key := w.manager()
	id := w.call("POST", "/v3/workspaces", key, `{"name":"Sales"}`).is(201).json()["id"].(string)
	require.Equal(t, "Legal", w.call("PATCH", "/v3/workspaces/"+id, key, `{"name":"Legal"}`).is(200).json()["name"])
	require.Equal(t, "Legal", w.call("GET", "/v3/workspaces/"+id, key, "").is(200).json()["name"])
	require.Contains(t, w.call("PATCH", "/v3/workspaces/"+id, key, `{}`).invalid(), "name")
	w.call("GET", "/v3/workspaces/x", key, "").is(404)
}

func TestEntitiesAndPayloadsAreRemoved(t *testing.T) {
	t.Parallel()
	w := setup(t)
	manager := w.manager()
	publish := func() string {
		return w.call("POST", "/v3/events", manager, validEvent.with(object{"entity_key": "packs/7"})).is(202).json()["event_id"].(string)
	}
	id := publish()
	require.Empty(t, w.call("DELETE", "/v3/events/"+id+"/payload", manager, "").is(204).body)
	require.Equal(t, true, w.call("GET", "/v3/events/"+id, manager, "").is(200).json()["payload_removed"])
	w.call("DELETE", "/v3/events/x/payload", manager, "").is(404)
	w.call("DELETE", "/v3/entities/packs%2F8", manager, "").is(404)
	require.Equal(t, map[string]any{
		"entity_key": "packs/7", "status": "done", "requested_at": "2026-05-04T10:00:07Z", "removed_events": 1.0, "removed_deliveries": 0.0,
		"canceled_deliveries": 0.0,
	}, w.call("DELETE", "/v3/entities/packs%2F7", manager, "").is(200).json())
	// Whatever a key may be made of, what it names is found and removed.
	for key, path := range map[string]string{"a\nb\x7f": "a%0Ab%7F", "..": "..", strings.Repeat("é", 128): strings.Repeat("%C3%A9", 128)} {
		w.call("POST", "/v3/events", manager, validEvent.with(object{"entity_key": key})).is(202)
		require.Len(t, w.call("GET", "/v3/events?entity_key="+path, manager, "").is(200).data(), 1)
		require.Equal(t, 1.0, w.call("DELETE", "/v3/entities/"+path, manager, "").is(200).json()["removed_events"])
	}
	for _, path := range []string{"%00", "%ff", strings.Repeat("a", 257)} {
		require.Contains(t, w.call("GET", "/v3/events?entity_key="+path, manager, "").invalid(), "entity_key")
		w.call("DELETE", "/v3/entities/"+path, manager, "").is(404)
	}
	publish()
	w.store.slowRemoval = time.Hour
	require.Equal(t, "running", w.call("DELETE", "/v3/entities/packs%2F7", manager, "").is(http.StatusAccepted).json()["status"])
}

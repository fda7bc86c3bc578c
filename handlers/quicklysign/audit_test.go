package quicklysign

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// acts are the entries of the audit log, oldest first: what was done, to what, and how it ended.
func (w *world) acts() (list [][4]any) {
	w.t.Helper()
	entries, err := w.db.Audit(w.t.Context(), models.AuditQuery{OrganizationID: w.org, Limit: 100})
	require.NoError(w.t, err)
	for _, e := range entries {
		require.Equal(w.t, models.ActorKey, e.Actor.Kind)
		list = append([][4]any{{e.Actor.KeyID.OpaqueKey(), e.Action, e.ObjectID, e.Status}}, list...)
	}
	return list
}

// TestActsAreEntered covers that what changes something is in the audit log as an act of the pair, under every path.
func TestActsAreEntered(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.get("/v1/webhooks").is(200)
	w.raw("POST", "/v1/webhooks", strings.Replace(v1Create, "{{client_secret}}", "wrong", 1)).is(401)
	require.Empty(t, w.acts(), "looking is not entered, and a stranger is nobody")

	for _, n := range versions {
		for _, path := range []string{"/v1/" + n.many, "/v1/" + n.one} {
			before := len(w.acts())
			key := w.raw("POST", path, strings.Replace(v1Create, `"webhook"`, `"`+n.one+`"`, 1)).one(n.one)["key"].(string)
			w.raw("DELETE", w.with(path+"/"+key), "").is(200)
			w.raw("DELETE", w.with(path+"/"+key), "").is(404)
			w.raw("DELETE", w.with(path, "entity_key", pack), "").is(200)
			id, ok := models.ParseKey(key)
			require.True(t, ok)
			require.Equal(t, [][4]any{
				{w.id, "webhook.create", id.String(), 200},
				{w.id, "webhook.delete", id.String(), 200},
				{w.id, "webhook.delete", id.String(), 404},
				{w.id, "entity.delete_webhooks", pack, 200},
			}, w.acts()[before:])
		}
	}

	before := len(w.acts())
	reader, secret := w.pair(w.org, models.RoleReader, models.Production)
	w.as(reader, secret).raw("POST", "/v1/webhooks", v1Create).is(401)
	w.raw("POST", "/v1/webhooks", webhookWith(``)).is(400)
	w.raw("DELETE", w.with("/v1/webhooks/"+w.secret), "").is(404)
	require.Equal(t, [][4]any{
		{reader, "webhook.create", "", 401}, {w.id, "webhook.create", "", 400}, {w.id, "webhook.delete", "", 404},
	}, w.acts()[before:], "refusals count, and a secret in a path is not kept")
}

// TestEachChangeHasAName holds the routes: what is no GET is entered in the audit log.
func TestEachChangeHasAName(t *testing.T) {
	t.Parallel()
	s := &surface{}
	for _, r := range s.routes() {
		require.Equal(t, r.Method != http.MethodGet, r.Does != "", "%s %s", r.Method, r.Path)
	}
}

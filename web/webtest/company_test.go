package webtest

import "net/http"

// company adds what a company has that has used the program for a while: workspaces, a scope of its own, events that name them and an
// entity, and an endpoint whose deliveries failed for good.
func (p *program) company() {
	p.t.Helper()
	p.api(http.StatusCreated, http.MethodPost, "/v3/scopes", map[string]any{"name": "letter", "description": "Registered letters"}, nil)
	var paris, lyon struct{ ID string }
	p.api(http.StatusCreated, http.MethodPost, "/v3/workspaces", map[string]any{"name": "Paris"}, &paris)
	p.api(http.StatusCreated, http.MethodPost, "/v3/workspaces", map[string]any{"name": "Lyon"}, &lyon)
	erp := p.subscribe("http://127.0.0.1:9/erp", "ERP", map[string]any{"subscribed_events": []string{"signature_request.done"}, "auto_retry": false})
	for _, e := range []struct{ name, workspace, entity string }{
		{"signature_request.activated", lyon.ID, "contract/2026-117"},
		{"signer.notified", paris.ID, "contract/2026-118"},
		{"signer.done", paris.ID, "contract/2026-118"},
		{"signature_request.done", paris.ID, "contract/2026-118"},
	} {
		p.api(http.StatusAccepted, http.MethodPost, "/v3/events", map[string]any{
			"event_name": e.name, "workspace_id": e.workspace, "entity_key": e.entity, "scope": "public_api",
			"data": map[string]any{"signature_request": map[string]any{"id": "3d0a4c", "name": "Lease, 12 rue de Rivoli", "status": "done"}},
		}, nil)
	}
	p.attempted(erp)
}

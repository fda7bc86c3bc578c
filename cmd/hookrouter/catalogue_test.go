package main

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheCatalogueIsExactOnEveryInstance changes an event type on one instance and publishes on the other right after the answer.
func TestTheCatalogueIsExactOnEveryInstance(t *testing.T) {
	t.Parallel()
	f := newFleet(t, 0, 0, roleAPI, roleAPI)
	one, other := f.nodes[0], f.nodes[1]
	publish := func(status int, total any) {
		t.Helper()
		other.must(status, http.MethodPost, "/v3/events", f.key, map[string]any{
			"event_name": "invoice.paid", "entity_key": "pack/7", "data": map[string]any{"total": total},
		}, nil)
	}
	schema := func(kind string) map[string]any {
		return map[string]any{"required": []string{"total"}, "properties": map[string]any{"total": map[string]any{"type": kind}}}
	}
	publish(http.StatusBadRequest, 1)
	one.must(http.StatusCreated, http.MethodPost, "/v3/event_types", f.key, map[string]any{
		"name": "invoice.paid", "sample": map[string]any{"total": 1}, "schema": schema("number"),
	}, nil)
	accepted := 0
	for round := range 2 {
		publish(http.StatusBadRequest, map[bool]any{true: "1", false: 1}[round%2 == 0])
		publish(http.StatusAccepted, map[bool]any{true: 1, false: "1"}[round%2 == 0])
		accepted++
		kind, sample := "string", any("1")
		if round%2 == 1 {
			kind, sample = "number", 1
		}
		one.must(http.StatusOK, http.MethodPatch, "/v3/event_types/invoice.paid", f.key, map[string]any{
			"sample": map[string]any{"total": sample}, "schema": schema(kind),
		}, nil)
	}
	var removed struct {
		Status string
		Events int `json:"removed_events"`
	}
	one.must(http.StatusOK, http.MethodDelete, "/v3/entities/pack%2F7", f.key, nil, &removed)
	require.Equal(t, "done", removed.Status)
	require.Equal(t, accepted, removed.Events)
	one.must(http.StatusNoContent, http.MethodDelete, "/v3/event_types/invoice.paid", f.key, nil, nil)
	publish(http.StatusBadRequest, 1)
}

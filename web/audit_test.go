package web

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// TestEveryActionCanBeChosen: each with its family, and what was given otherwise stays to be seen beside its fault.
func TestEveryActionCanBeChosen(t *testing.T) {
	t.Parallel()
	choices := (&auditList{}).auditActions()
	for _, name := range append(models.AuditActions(), "", "webhook.*", "event_type.*", "key.*") {
		require.Equal(t, 1, len(slices.DeleteFunc(slices.Clone(choices), func(c ui.Choice) bool { return c.Value != name })), name)
	}
	given := (&auditList{given: map[string]string{"action": "webhooks.*"}}).auditActions()
	require.Equal(t, append(choices, ui.Choice{Value: "webhooks.*", Label: "webhooks.*"}), given)
	require.Equal(t, choices, (&auditList{given: map[string]string{"action": "webhook.*"}}).auditActions())
}

package handlers

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"hookrouter/delivery/format"
	"hookrouter/handlers/openapi"
)

// TestTheDescriptionPromisesTheVendors holds our description of /v3/webhooks against what the vendor's has: its operations, their
// statuses, the twelve keys of a subscription, and what a new one must have.
func TestTheDescriptionPromisesTheVendors(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	for name, want := range vendorOperations {
		method, path, _ := strings.Cut(name, " ")
		operation := doc.Paths.Find(strings.ReplaceAll(path, ":webhook", "{webhook}")).GetOperation(method)
		require.NotNil(t, operation, name)
		for _, status := range append(slices.Clone(want.errors), want.success) {
			if status == 415 && operation.RequestBody == nil {
				continue // theirs has it for a GET
			}
			require.NotNil(t, operation.Responses.Value(strconv.Itoa(status)), "%s %d", name, status)
		}
	}
	answer := doc.Components.Schemas["Webhook"].Value
	for _, key := range slices.Sorted(maps.Keys(vendorSubscription)) {
		require.Contains(t, answer.Required, key)
		require.Equal(t, vendorSubscription[key].longest, maxLength(answer.Properties[key].Value), key)
	}
	require.ElementsMatch(t, []string{"endpoint", "description", "sandbox", "subscribed_events", "scopes", "auto_retry", "enabled"},
		doc.Components.Schemas["WebhookInput"].Value.Required)
}

// TestEveryFormatIsDescribed holds the enum of formats against those there are.
func TestEveryFormatIsDescribed(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	described := doc.Components.Schemas["Format"].Value
	var names []any
	for _, name := range (format.List{}).Names() {
		names = append(names, string(name))
	}
	require.Equal(t, names, described.Enum)
	require.Equal(t, names[0], described.Default)
}

func maxLength(s *openapi3.Schema) int {
	if s.MaxLength == nil {
		return 0
	}
	return int(*s.MaxLength) // #nosec G115 -- of a document of ours
}

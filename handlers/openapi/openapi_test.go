package openapi_test

import (
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"hookrouter/handlers/openapi"
)

func TestTheDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context()))
	require.Equal(t, "3.1.0", doc.OpenAPI)
	require.NotContains(t, string(openapi.Document()), "x-", "what is shorthand is written out")
	ids := map[string]bool{}
	tags := map[string]bool{}
	for _, tag := range doc.Tags {
		tags[tag.Name] = true
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			require.NotEmpty(t, operation.Summary, "%s %s", method, path)
			require.False(t, ids[operation.OperationID], "%s is there twice", operation.OperationID)
			ids[operation.OperationID] = true
			require.Len(t, operation.Tags, 1)
			require.True(t, tags[operation.Tags[0]], operation.Tags[0])
		}
	}
}

package openapi_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/handlers/openapi/openapitest"
)

// TestExamplesAreAsDescribed holds the JSON in docs/api.md that shows whole objects against the description.
func TestExamplesAreAsDescribed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "api.md"))
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	for begins, schema := range map[string]string{
		`{"id": "019df26e-48d3`: "AuditEntry", `{"entity_key": "pack/7"`: "Removal", `{"events": [`: "BatchReceipt",
	} {
		found := 0
		for _, b := range blocks {
			if strings.HasPrefix(b[1], begins) {
				found++
				openapitest.Is(t, schema, []byte(b[1]))
			}
		}
		require.Equal(t, 1, found, schema)
	}
}

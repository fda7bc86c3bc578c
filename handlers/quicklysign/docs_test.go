package quicklysign

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/delivery/format"
	"hookrouter/models"
)

// shape is a JSON value with the kind of each part in its place, and of a list the first element.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, member := range v {
			out[name] = shape(member)
		}
		return out
	case []any:
		return []any{shape(v[0])}
	case string:
		return "text"
	case float64:
		return "number"
	case bool:
		return "truth"
	}
	return nil
}

func shapeOf(t *testing.T, text string) any {
	t.Helper()
	var v any
	require.NoError(t, json.Unmarshal([]byte(text), &v), text)
	return shape(v)
}

// TestTheDocumentIsTrue sends every request of docs/quicklysign.md as it stands there and holds the answer against the one beside it.
func TestTheDocumentIsTrue(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "quicklysign.md"))
	require.NoError(t, err)
	text := string(raw)
	w := setup(t)
	step := regexp.MustCompile("(?s)<!-- (request|answer|callback)(?: ([^\n]*?))? -->\n(?:```json\n(.*?)\n```\n)?")
	var got answer
	requests, answers, callbacks := 0, 0, 0
	for _, m := range step.FindAllStringSubmatch(text, -1) {
		kind, what, block := m[1], m[2], m[3]
		switch kind {
		case "request":
			requests++
			method, path, _ := strings.Cut(what, " ")
			if block == "" {
				separator := "?"
				if strings.Contains(path, "?") {
					separator = "&"
				}
				path += separator + "client_id={{client_id}}&client_secret={{client_secret}}"
			}
			got = w.raw(method, path, block)
		case "answer":
			answers++
			status := 200
			if what != "" {
				status, err = strconv.Atoi(what)
				require.NoError(t, err)
			}
			require.Equal(t, shapeOf(t, block), shapeOf(t, got.is(status).body))
			if data, ok := got.json()["data"].(map[string]any); ok && data["webhook"] != nil {
				w.call(data["webhook"].(map[string]any)["key"].(string), "document_status_changed", 200)
			}
		case "callback":
			callbacks++
			f, ok := format.For(models.FormatQuicklySign)
			require.True(t, ok)
			job := models.Job{Event: &models.Event{Name: "entity_updated"}, Matched: &models.Subscription{EntityKey: "a"}}
			require.Equal(t, shapeOf(t, block), shapeOf(t, string(f.Body(&job))))
		}
	}
	require.Equal(t, []int{3, 3, 1}, []int{requests, answers, callbacks})
	require.Equal(t, strings.Count(text, "```json"), 1+answers+callbacks, "every block is one of these")
	for _, name := range models.QuicklySignEvents(true) {
		require.Contains(t, text, "`"+string(name)+"`")
	}
	for _, status := range []int{400, 401, 403, 404, 405, 429, 500, 503} {
		require.Contains(t, text, "`"+codeOf(status)+"`")
	}
}

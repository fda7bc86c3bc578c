package handlers

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// TestTheErrorsInTheDocs holds the table in docs/api.md against the code, both ways, and the sizes that it names.
func TestTheErrorsInTheDocs(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../docs/api.md")
	require.NoError(t, err)
	text := string(b)
	type row struct {
		status int
		kind   string
	}
	documented, used := map[row]bool{}, map[row]bool{{http.StatusMethodNotAllowed, typeMethod}: true}
	for _, match := range regexp.MustCompile("(?m)^\\| (\\d{3}) \\| `([^`]+)` \\| .+ \\|$").FindAllStringSubmatch(text, -1) {
		status, err := strconv.Atoi(match[1])
		require.NoError(t, err)
		documented[row{status, match[2]}] = true
	}
	for _, code := range models.Codes() {
		status, kind := statusOf(code)
		used[row{status, kind}] = true
	}
	require.Equal(t, used, documented)
	require.Contains(t, text, fmt.Sprintf("Bodies may have %d KiB; that of `POST /v3/events` %d KiB, of which `data` %d KiB, and that of a batch %d MiB",
		maxOtherBody>>10, maxEventBody>>10, maxEventData>>10, maxBatchBody>>20))
	require.Contains(t, text, fmt.Sprintf("`data` may nest %d deep and\nhold %d values", maxDepth, maxNodes))
	require.Contains(t, text, fmt.Sprintf("1 to %d of them", maxBatch))
}

func TestADetailIsOneSentenceThatSaysItOnce(t *testing.T) {
	t.Parallel()
	status, p := problemOf(fmt.Errorf("accept: %w", &models.Error{
		Code: models.CodeConflict, Message: "It is taken.", Fields: []models.FieldError{{Name: "event_id", Reason: "It belongs to another."}},
	}))
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, problem{Type: "resource.conflict", Detail: "It is taken."}, p)
}

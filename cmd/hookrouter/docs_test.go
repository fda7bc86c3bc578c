package main

import (
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

func document(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(b)
}

// TestReceiverInDocsIsTheTestedExample keeps the code that people copy equal to the code that is run.
func TestReceiverInDocsIsTheTestedExample(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)<!-- from (\\S+) -->\n```go\n(.*?)\n```").FindAllStringSubmatch(document(t, "docs/receivers.md"), -1)
	require.Len(t, blocks, 2)
	require.Equal(t, 2, strings.Count(document(t, "docs/receivers.md"), "```go\n"), "each says where it comes from")
	for _, block := range blocks {
		require.Contains(t, document(t, block[1]), block[2])
		_, err := parser.ParseFile(token.NewFileSet(), "receivers.md", "package p\n"+block[2], parser.SkipObjectResolution)
		require.NoError(t, err)
	}
}

// TestDocumentedReasonsAndStatuses holds docs/delivery.md against the code.
func TestDocumentedReasonsAndStatuses(t *testing.T) {
	t.Parallel()
	text := document(t, "docs/delivery.md")
	for _, r := range models.AttemptReasons() {
		require.Contains(t, text, "| `"+string(r)+"` |")
	}
	for _, r := range []models.Reason{models.ReasonDeleted, models.ReasonDisabled, models.ReasonAutoRetryOff, models.ReasonDataRemoved} {
		require.Contains(t, text, "`"+string(r)+"`")
	}
	for _, match := range regexp.MustCompile(`(?m)^    (\w+) --> (\w+):`).FindAllStringSubmatch(text, -1) {
		for _, status := range match[1:] {
			require.Contains(t, models.Statuses(), models.DeliveryStatus(status))
		}
	}
}

// TestLinksLeadSomewhere follows every relative link of every document.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)
	documents := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md"} {
		found, err := filepath.Glob(filepath.Join("..", "..", pattern))
		require.NoError(t, err)
		for _, path := range found {
			rel, err := filepath.Rel(filepath.Join("..", ".."), path)
			require.NoError(t, err)
			documents = append(documents, filepath.ToSlash(rel))
		}
	}
	require.Greater(t, len(documents), 10)
	for _, name := range documents {
		for _, match := range link.FindAllStringSubmatch(document(t, name), -1) {
			target := filepath.Join("..", "..", filepath.Dir(filepath.FromSlash(name)), filepath.FromSlash(match[1]))
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", name, match[1])
		}
	}
}

// TestCommandsInREADMEExist runs what can be run of the README's commands and looks the make targets up.
func TestCommandsInREADMEExist(t *testing.T) {
	t.Parallel()
	readme := document(t, "README.md")
	makefile := document(t, "Makefile")
	for _, match := range regexp.MustCompile("(?m)[`^]make ([a-z-]+)").FindAllStringSubmatch(readme+document(t, "CONTRIBUTING.md"), -1) {
		require.Regexp(t, `(?m)^`+match[1]+`:`, makefile)
	}
	require.Contains(t, readme, "go run ./cmd/hookrouter serve --dev")
	out, err := exec.Command("make", "-C", filepath.Join("..", ".."), "-s").CombinedOutput()
	require.NoError(t, err)
	for _, target := range strings.Fields("run test lint check") {
		require.Regexp(t, `(?m)^\s+`+target+`\s`, string(out), "make alone prints help")
	}
}

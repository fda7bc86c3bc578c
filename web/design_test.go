package web

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDesignPageShowsEveryComponent is what web/ui promises: a component that is not on the design page is one that nobody looks at.
func TestDesignPageShowsEveryComponent(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("design.templ")
	require.NoError(t, err)
	files, err := filepath.Glob("ui/*.templ")
	require.NoError(t, err)
	component := regexp.MustCompile(`(?m)^templ ([A-Z]\w*)\(`)
	seen := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, found := range component.FindAllStringSubmatch(string(text), -1) {
			seen++
			require.Contains(t, string(page), "@ui."+found[1]+"(", "%s is not on the design page", found[1])
		}
	}
	require.Greater(t, seen, 20)
}

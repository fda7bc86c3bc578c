package web

import (
	"bytes"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/a-h/templ/generator"
	parser "github.com/a-h/templ/parser/v2"
	"github.com/stretchr/testify/require"
)

// TestGeneratedFilesAreFresh writes the code of every template again and compares.
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".templ") {
			return err
		}
		seen++
		template, err := parser.Parse(path)
		require.NoError(t, err)
		var b bytes.Buffer
		_, err = generator.Generate(template, &b, generator.WithFileName(filepath.ToSlash(path)), generator.WithVersion(templ.Version()))
		require.NoError(t, err)
		want, err := format.Source(b.Bytes())
		require.NoError(t, err)
		got, err := os.ReadFile(strings.TrimSuffix(path, ".templ") + "_templ.go")
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "%s is stale: make generate", path)
		return nil
	})
	require.NoError(t, err)
	require.Positive(t, seen)
}

// TestTemplatesHaveNothingInline keeps out what the content security policy would drop.
func TestTemplatesHaveNothingInline(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".templ") {
			return err
		}
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NotRegexp(t, `\sstyle=|\son[a-z]+=|<style|hx-on|templ\.Raw|templ\.JSFuncCall`, string(text), path)
		return nil
	})
	require.NoError(t, err)
}

package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layers says what each package may import of this module. Packages that are not listed may not exist.
var layers = map[string][]string{
	"models":                       {},
	"signing":                      {},
	"delivery/egress":              {},
	"delivery/http1":               {},
	"delivery/format":              {"models", "signing"},
	"delivery":                     {"models", "signing", "delivery/format", "delivery/egress"},
	"delivery/deliverytest":        {"models", "signing", "delivery"},
	"routing":                      {"models"},
	"catalogue":                    {"models"},
	"store":                        {"models"},
	"store/storetest":              {"models", "store", "store/storetest/cluster"},
	"store/storetest/cluster":      {},
	"sandbox":                      {"models"},
	"handlers":                     {"models", "handlers/openapi"},
	"handlers/admin":               {"models", "handlers"},
	"handlers/openapi":             {},
	"handlers/openapi/openapitest": {"handlers/openapi"},
	"handlers/documenso":           {"models", "handlers"},
	"handlers/metrics":             {"models"},
	"handlers/quicklysign":         {"models", "handlers"},
	"web":                          {"models", "web/ui", "web/assets"},
	"web/ui":                       {"models", "web/assets"},
	"web/assets":                   {},
	"web/webtest":                  {},
	"cmd/hookreceiver":             {"signing"},
	"cmd/hookbench":                {"models", "routing", "store", "store/storetest/cluster"},
	"cmd/hookrouter":               {"models", "signing", "catalogue", "delivery", "delivery/format", "delivery/egress", "delivery/http1", "routing", "sandbox", "store", "handlers", "handlers/admin", "handlers/documenso", "handlers/metrics", "handlers/quicklysign", "web"},
}

// TestLayers holds the picture in docs/architecture.md against the imports of all files but tests.
func TestLayers(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	packages := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		allowed, known := layers[dir]
		require.True(t, known, "package %s is not in the picture", dir)
		packages[dir] = true
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(name, "hookrouter/"); ok {
				require.Contains(t, allowed, ours, "%s imports %s", path, name)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, packages, len(layers), "a package of the picture does not exist")
}

// TestEveryPackageHasADocFile keeps the reading order of each package where readers look for it, with every file in it.
func TestEveryPackageHasADocFile(t *testing.T) {
	t.Parallel()
	for dir := range layers {
		if dir == "cmd/hookreceiver" {
			continue // its main.go begins with the package comment, because the file is made to be copied
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", filepath.FromSlash(dir), "doc.go"), nil, parser.ParseComments)
		require.NoError(t, err, dir)
		text := strings.ToLower(strings.Join(strings.Fields(file.Doc.Text()), " "))
		require.Contains(t, text, "must not", dir)
		require.Regexp(t, "read in this order|reading order", text, dir)
		if dir == "web" {
			continue // one area of it is the model for all others
		}
		named := regexp.MustCompile(`[\w*]+\.go`).FindAllString(text, -1)
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(dir), "*.go"))
		require.NoError(t, err)
		for _, file := range files {
			if file = filepath.Base(file); file == "doc.go" || strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, "_templ.go") {
				continue
			}
			require.True(t, slices.ContainsFunc(named, func(name string) bool { ok, _ := path.Match(name, file); return ok }), "%s/%s is not in doc.go", dir, file)
		}
	}
}

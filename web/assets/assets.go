package assets

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
)

// Root is below what the files are served.
const Root = "/developers/assets/"

// Style is the name of the one style sheet.
const Style = "site.css"

//go:embed css js vendor
var files embed.FS

// file is one file as it is served.
type file struct {
	kind       string
	plain      []byte
	compressed []byte // nil where that would not be smaller
}

// set is all files by name, and the hash of all of them.
type set struct {
	hash  string
	files map[string]file
}

// load reads and compresses everything once. It panics only where a file that was built into the program can't be read.
var load = sync.OnceValue(func() set {
	contents := map[string][]byte{Style: joinStyles()}
	for _, folder := range []string{"js", "vendor"} {
		for _, entry := range must(files.ReadDir(folder)) {
			name := folder + "/" + entry.Name()
			contents[name] = must(files.ReadFile(name))
		}
	}
	names := make([]string, 0, len(contents))
	for name := range contents {
		names = append(names, name)
	}
	slices.Sort(names)
	hash := sha256.New()
	s := set{files: make(map[string]file, len(names))}
	for _, name := range names {
		hash.Write([]byte(name + "\n"))
		hash.Write(contents[name])
		s.files[name] = newFile(name, contents[name])
	}
	s.hash = hex.EncodeToString(hash.Sum(nil))[:12]
	return s
})

// joinStyles is the style sheet: first what others build on.
func joinStyles() []byte {
	var b bytes.Buffer
	first := []string{"tokens.css", "base.css", "layout.css", "components.css"}
	for _, name := range first {
		b.Write(must(files.ReadFile("css/" + name)))
	}
	for _, entry := range must(files.ReadDir("css")) {
		if !slices.Contains(first, entry.Name()) {
			b.Write(must(files.ReadFile("css/" + entry.Name())))
		}
	}
	return b.Bytes()
}

func newFile(name string, content []byte) file {
	f := file{kind: mime.TypeByExtension(path.Ext(name)), plain: content}
	switch path.Ext(name) { // the system's table of types may lack or differ in these
	case ".js":
		f.kind = "text/javascript; charset=utf-8"
	case ".css":
		f.kind = "text/css; charset=utf-8"
	case ".woff2":
		f.kind = "font/woff2"
		return f // compressed already
	case ".svg":
		f.kind = "image/svg+xml"
	case ".LICENSE":
		f.kind = "text/plain; charset=utf-8"
	}
	var b bytes.Buffer
	w := must(gzip.NewWriterLevel(&b, gzip.BestCompression))
	_ = must(w.Write(content)) // to memory
	if err := w.Close(); err == nil && b.Len() < len(content) {
		f.compressed = b.Bytes()
	}
	return f
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var _ fs.ReadDirFS = files

// Path is the address of a file, such as "js/app.js" or [Style].
func Path(name string) string { return Root + load().hash + "/" + name }

// Serve answers a file below [Root]. What carries the hash of another version is not found: a page of that version asks for it, and must
// not get what belongs to this one.
func Serve(w http.ResponseWriter, r *http.Request) {
	s := load()
	hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, Root), "/")
	f, ok := s.files[name]
	if !ok || hash != s.hash {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	content := f.plain
	if f.compressed != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content = f.compressed
	}
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(content) // the client has gone
}

package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hookrouter/handlers/openapi"
)

func TestTheSurfaceDescribesItself(t *testing.T) {
	t.Parallel()
	w := setup(t)
	doc := w.call("GET", "/openapi.yaml", "", "").is(200)
	require.Equal(t, string(openapi.Document()), doc.body)
	require.True(t, strings.HasPrefix(doc.body, "openapi: 3.1.0\n"))
	require.Equal(t, "application/yaml", doc.header.Get("Content-Type"))

	page := w.call("GET", "/docs", "", "").is(200)
	require.Equal(t, "text/html; charset=utf-8", page.header.Get("Content-Type"))
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page.body)
	require.Len(t, style, 2)
	sum := sha256.Sum256([]byte(style[1]))
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
	for _, never := range []string{"<script", "style=", "onclick", "ZgotmplZ", "https://", "http://"} {
		require.NotContains(t, page.body, never, "the page needs nothing from elsewhere")
	}
	anchors := map[string]bool{}
	for _, id := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		require.False(t, anchors[id[1]], "%s is there twice", id[1])
		anchors[id[1]] = true
	}
	for _, to := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		require.True(t, anchors[strings.ReplaceAll(to[1], "%20", " ")], to[1])
	}
	for _, r := range w.api.routes() {
		require.Contains(t, page.body, r.method+"</span> "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.path, "{$1}"))
	}

	for _, path := range []string{"/openapi.yaml", "/docs"} {
		tag := w.call("GET", path, "", "").header.Get("ETag")
		again := w.call("GET", path, "", "", "If-None-Match: "+tag).is(304)
		require.Empty(t, again.body)
		w.call("GET", path, "", "", `If-None-Match: "other"`).is(200)
	}
}

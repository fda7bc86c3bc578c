package handlers

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"sync"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers/openapi"
)

// fixed is a document that is the same as long as the process runs.
type fixed struct {
	kind string
	body []byte
	tag  string // of this content
}

func newFixed(kind string, body []byte) fixed {
	sum := sha256.Sum256(body)
	return fixed{kind, body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

// serve answers with the document, or with 304 to who has it.
func (f fixed) serve(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("ETag", f.tag)
	h.Set("Cache-Control", "no-cache") // ask whether it has changed: the next version of the program may say something else
	h.Set("X-Content-Type-Options", "nosniff")
	if c.Request.Header.Get("If-None-Match") == f.tag {
		c.Writer.WriteHeader(http.StatusNotModified)
		c.Writer.WriteHeaderNow()
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(f.body)))
	c.Writer.WriteHeader(http.StatusOK)
	_, _ = c.Writer.Write(f.body) // the client may have gone
}

// describe answers what describes the surface. It needs no key: there is nothing in it that is not in the program's source. Both are made when
// they are first asked for: most instances never are, and what a process keeps alive counts seven times in its memory.
func (a *api) describe() []Route {
	document := sync.OnceValue(func() fixed { return newFixed("application/yaml", openapi.Document()) })
	page := sync.OnceValue(func() fixed { return newFixed("text/html; charset=utf-8", openapi.Reference()) })
	return []Route{
		{Method: http.MethodGet, Path: "/openapi.yaml", Handle: func(c *gin.Context) error {
			document().serve(c)
			return nil
		}},
		{Method: http.MethodGet, Path: "/docs", Handle: func(c *gin.Context) error {
			h := c.Writer.Header()
			h.Set("Content-Security-Policy", openapi.Policy)
			h.Set("Referrer-Policy", "no-referrer")
			page().serve(c)
			return nil
		}},
	}
}

package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// WriteJSON answers with a JSON document.
func WriteJSON(c *gin.Context, status int, v any) { writeDocument(c, status, encode(v)) }

// encode writes a value of this surface as JSON, with a line end for people who use curl.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // an endpoint's & is to come back as it was sent
	if err := enc.Encode(v); err != nil {
		panic(err) // the values are plain structs, so this is a bug; serve makes it a 500
	}
	return b.Bytes()
}

// writeDocument answers with a body that is not for caches: it may hold secrets, and it changes at any moment.
func writeDocument(c *gin.Context, status int, body []byte) {
	h := c.Writer.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	writeBody(c, status, body)
}

func writeBody(c *gin.Context, status int, body []byte) {
	h := c.Writer.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.Writer.WriteHeader(status)
	_, _ = c.Writer.Write(body) // the client may have gone; there is nobody left to tell
}

// WriteNothing answers 204.
func WriteNothing(c *gin.Context) {
	c.Writer.WriteHeader(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}

// PathID reads an id from the path. What is no id names nothing, so it is a 404 like any unknown one.
func PathID(c *gin.Context, name string) (models.ID, error) {
	id, err := models.ParseID(c.Param(name))
	if err != nil {
		return models.ID{}, noSuch(name)
	}
	return id, nil
}

// optional is nil for a zero value, which JSON shows as null.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

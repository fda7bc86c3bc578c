package handlers

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// PagesPath is below what the web pages are mounted.
const PagesPath = "/developers"

// Callers inside the process. Their identity is in the context of the request and nowhere in it, so that no header of a caller from
// outside can claim one: the types of the keys are not exported.
type (
	keyOfCall      struct{}
	operatorOfCall struct{}
)

// WithKey is a context whose calls of /v3 are made as a key that has been checked already, and that are not counted against its limits:
// those are there for programs. Everything else holds as it does for a call with the key's text.
func WithKey(ctx context.Context, key *models.APIKey) context.Context {
	return context.WithValue(ctx, keyOfCall{}, key)
}

// AsOperator is a context whose calls of the operator's surface need no token.
func AsOperator(ctx context.Context) context.Context {
	return context.WithValue(ctx, operatorOfCall{}, true)
}

// IsOperator reports whether a call is made with [AsOperator].
func IsOperator(ctx context.Context) bool { return ctx.Value(operatorOfCall{}) != nil }

// insider is the key that a call inside the process is made with, nil for calls from outside.
func insider(c *gin.Context) *models.APIKey {
	key, _ := c.Request.Context().Value(keyOfCall{}).(*models.APIKey)
	return key
}

// mountPages puts the web pages on the engine, so that they have its request ids, access lines and recovery. They get the engine to call,
// with [WithKey].
func (a *api) mountPages(e *gin.Engine) error {
	if a.Pages == nil {
		return nil
	}
	pages, err := a.Pages(e)
	if err != nil {
		return err
	}
	serve := func(c *gin.Context) { pages.ServeHTTP(c.Writer, c.Request) }
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		e.Handle(method, PagesPath, serve)
		e.Handle(method, PagesPath+"/*page", serve)
	}
	e.GET("/", func(c *gin.Context) { c.Redirect(http.StatusSeeOther, PagesPath+"/") })
	return nil
}

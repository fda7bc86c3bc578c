package handlers

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

const headerRequestID = "X-Request-Id"

// serve surrounds every call: it names it, gives /v3 answers their rate-limit headers, turns a panic into a 500 and writes the
// access line.
func (a *api) serve(c *gin.Context) {
	start := a.Now()
	id := a.requests.name(c.Request.Header)
	header := c.Writer.Header()
	header[headerRequestID] = []string{id}
	if ofV3(c.Request.URL.Path) {
		a.limiter.describe(header, models.Production, usage{}, start)
	}
	defer func() {
		// Failure policy: a panic costs one call, not the process, because the others' deliveries are in flight in it.
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(p)
			}
			a.Logger.LogAttrs(c.Request.Context(), slog.LevelError, "http.panic",
				slog.String("request_id", id), slog.String("route", c.FullPath()), slog.Any("panic", p),
				slog.String("stack", string(debug.Stack())))
			if !c.Writer.Written() {
				a.fail(c, &models.Error{Code: models.CodeInternal})
			}
		}
		a.logAccess(c, id, start)
	}()
	c.Next()
}

// logAccess writes one line per call with the route's pattern, never the path or the query. Publishing that went well is a debug
// line, since there can be thousands a second; so are probes.
func (a *api) logAccess(c *gin.Context, id string, start time.Time) {
	status := c.Writer.Status()
	level := slog.LevelInfo
	if route := c.FullPath(); status < http.StatusBadRequest && (strings.HasPrefix(route, "/v3/events") || !managed(route)) {
		level = slog.LevelDebug
	}
	ctx := c.Request.Context()
	if !a.Logger.Enabled(ctx, level) {
		return
	}
	a.Logger.LogAttrs(ctx, level, "http.request",
		slog.String("request_id", id), slog.String("method", knownMethod(c.Request.Method)), slog.String("route", c.FullPath()),
		slog.Int("status", status), slog.Float64("ms", milliseconds(a.Now().Sub(start))))
}

// managed reports whether a route is of a surface on which customers manage what they have.
func managed(route string) bool {
	return strings.HasPrefix(route, "/v3") || strings.HasPrefix(route, "/v1")
}

// knownMethod keeps made-up methods, which may hold anything, out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "OTHER"
}

// answer is the one place where an error becomes an answer.
func (a *api) answer(f Func) gin.HandlerFunc {
	return func(c *gin.Context) {
		err := f(c)
		if err == nil {
			return
		}
		err = a.logged(c, err)
		if !c.Writer.Written() {
			a.fail(c, err)
		}
	}
}

// logged writes an error that is ours to the log, once, and returns it.
func (a *api) logged(c *gin.Context, err error) error {
	ctx := c.Request.Context()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		// The client has gone: nobody reads the answer, and it is no failure of ours.
		return &models.Error{Code: models.CodeUnavailable, Message: "The call was given up.", Err: err}
	}
	status, _ := statusOf(models.CodeOf(err))
	if status < http.StatusInternalServerError {
		return err
	}
	level := slog.LevelError
	if status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	a.Logger.LogAttrs(ctx, level, "http.failed", slog.String("request_id", c.Writer.Header().Get(headerRequestID)),
		slog.String("route", c.FullPath()), slog.Any("error", err))
	return err
}

// requestIDs names calls: with the caller's own id where that is harmless, else with a prefix of this process and a number.
type requestIDs struct {
	prefix string
	last   *atomic.Uint64
}

func newRequestIDs(seed models.ID) requestIDs {
	return requestIDs{prefix: hex.EncodeToString(seed[10:]) + "-", last: new(atomic.Uint64)}
}

func (r requestIDs) name(h http.Header) string {
	if given := h[headerRequestID]; len(given) == 1 && validRequestID(given[0]) {
		return given[0]
	}
	return r.prefix + strconv.FormatUint(r.last.Add(1), 36)
}

// validRequestID keeps what could forge a log line or a header out: 1 to 64 letters, digits, dots, underscores and dashes.
func validRequestID(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

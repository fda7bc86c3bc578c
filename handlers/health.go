package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// pingTime bounds the probe's look at the database. Failure policy: an answer that takes longer is as bad as none, since balancers
// give up after a few seconds too.
const pingTime = 2 * time.Second

// alive says that the process serves HTTP. It asks nothing else: a database that is down is no reason to restart the process.
func (a *api) alive(c *gin.Context) error {
	WriteJSON(c, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// readiness is the answer of /readyz. The reasons of failures are in the log only, because the probe has no key.
type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// ready says whether this instance can take events: it is not draining, has its rules, and reaches the database.
func (a *api) ready(c *gin.Context) error {
	out := readiness{Status: "ready", Checks: make(map[string]string, 3)}
	check := func(name string, ok bool, fault string) {
		out.Checks[name] = "ok"
		if !ok {
			out.Status, out.Checks[name] = "not ready", fault
		}
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), pingTime)
	defer cancel()
	err := a.Store.Ping(ctx)
	if err != nil {
		a.Logger.LogAttrs(ctx, slog.LevelWarn, "ready.database", slog.Any("error", err))
	}
	check("database", err == nil, "no answer")
	check("rules", a.Rules.Loaded(), "not loaded yet")
	check("accepting", !a.Draining(), "shutting down")
	status := http.StatusOK
	if out.Status != "ready" {
		status = http.StatusServiceUnavailable
		c.Writer.Header().Set("Retry-After", retryLater)
	}
	WriteJSON(c, status, out)
	return nil
}

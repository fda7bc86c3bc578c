package handlers

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// ProbeOptions is what an instance without an API needs to answer its probes. All but Logger are required.
type ProbeOptions struct {
	Store    Store
	Rules    Rules
	Draining func() bool
	NewID    func() models.ID
	Now      func() time.Time
	Logger   *slog.Logger // default: discards
}

// NewProbes builds the handler of an instance without an API: /healthz and /readyz, and nothing else. It switches gin to its release
// mode, which is a setting of the process.
func NewProbes(o ProbeOptions) (http.Handler, error) {
	if o.Store == nil || o.Rules == nil || o.Draining == nil || o.NewID == nil || o.Now == nil {
		return nil, errors.New("handlers: probes need a store, rules, the state of draining, ids and a clock")
	}
	a := &api{
		Options: Options{
			Store: o.Store, Rules: o.Rules, Draining: o.Draining, Now: o.Now, Logger: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
		},
		limiter:  newLimiter(Limit{}), // all windows off
		requests: newRequestIDs(o.NewID()),
	}
	e, err := a.bare()
	if err != nil {
		return nil, err
	}
	e.NoRoute(a.answer(unknownPath))
	e.NoMethod(a.answer(wrongMethod))
	return e, nil
}

// bare is an engine with what every surface has: the surroundings of a call, and the probes.
func (a *api) bare() (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	// Failure policy: forwarding headers are not believed, because anyone can send them.
	if err := e.SetTrustedProxies(nil); err != nil {
		return nil, err
	}
	e.HandleMethodNotAllowed = true
	e.UseRawPath, e.UnescapePathValues = true, true // an entity key may hold a slash, as %2F
	e.RedirectTrailingSlash = false                 // one resource has one address
	e.Use(a.serve)
	for _, probe := range []string{http.MethodGet, http.MethodHead} {
		e.Handle(probe, "/healthz", a.answer(a.alive))
		e.Handle(probe, "/readyz", a.answer(a.ready))
	}
	return e, nil
}

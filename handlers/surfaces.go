package handlers

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Surface is a further group of routes on the same engine, with its own way to tell who calls.
type Surface struct {
	// Guard runs before each of the routes and lets nobody but the operator pass; an error ends the call. Where it is nil, the routes find
	// out by themselves who calls.
	Guard  Func
	Routes []Route

	// Prefix is where all paths of the surface begin, such as "/v1/", and Fail how a failure is told below it: also that of a path or
	// method that it does not have. nil takes the form of /v3.
	Prefix string
	Fail   func(*gin.Context, Failure)
}

// Route is one operation of a [Surface].
type Route struct {
	Method string
	Path   string
	Handle Func
	// Does names what the route does to what is kept, such as "organization.create". It is entered in the audit log: as an act of the
	// operator on a surface with a guard, and else of the key that the route says with [Acts]. "" where it only looks.
	Does string
}

// Func answers a call, or returns why it can't without having written anything.
type Func func(*gin.Context) error

// Failure is what a client is told about a call that failed. Nothing in it is secret.
type Failure struct {
	Status int // of HTTP
	Detail string
	Fields []models.FieldError // where the input is wrong
}

// guardedBy runs a route of a surface, and enters what it does in the audit log.
func (a *api) guardedBy(s Surface, r Route) Func {
	if s.Guard == nil {
		return a.byKey(r)
	}
	return func(c *gin.Context) error {
		if err := s.Guard(c); err != nil {
			return err
		}
		return a.audited(c, r.Does, models.Actor{Kind: models.ActorOperator}, models.ID{}, func() error { return r.Handle(c) })
	}
}

// byKey runs a route that finds out by itself who calls. What it does is entered when it says so: credentials may stand in a body that
// only the route can read.
func (a *api) byKey(r Route) Func {
	if r.Does == "" {
		return r.Handle
	}
	return func(c *gin.Context) error {
		c.Set(entering, func(key *models.APIKey) error { return a.enter(c, r.Does, actorOf(key), key.OrganizationID) })
		err := r.Handle(c)
		a.ended(c, err)
		return err
	}
}

// failing is how the surface of a path tells failures, nil in the form of /v3.
func (a *api) failing(path string) func(*gin.Context, Failure) {
	for _, s := range a.Surfaces {
		if s.Fail != nil && strings.HasPrefix(path, s.Prefix) {
			return s.Fail
		}
	}
	return nil
}

// fail tells a client about an error.
func (a *api) fail(c *gin.Context, err error) {
	tell := a.failing(c.Request.URL.Path)
	if tell == nil {
		writeProblem(c, err)
		return
	}
	status, p := problemOf(err)
	f := Failure{Status: status, Detail: p.Detail}
	for _, wrong := range p.InvalidParams {
		f.Fields = append(f.Fields, models.FieldError(wrong))
	}
	if status == http.StatusServiceUnavailable && c.Writer.Header().Get("Retry-After") == "" {
		c.Writer.Header().Set("Retry-After", retryLater)
	}
	tell(c, f)
}

// strange answers a path or a method that there is not.
func (a *api) strange(status int, detail string, otherwise Func) Func {
	return func(c *gin.Context) error {
		if tell := a.failing(c.Request.URL.Path); tell != nil {
			tell(c, Failure{Status: status, Detail: detail})
			return nil
		}
		return otherwise(c)
	}
}

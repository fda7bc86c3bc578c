package documenso

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// zapier holds what the handlers work with.
type zapier struct {
	core *handlers.Core
	byID map[string]string // names of events by those on the wire
	wire map[string]string // the other way round
}

// Surface makes the surface, for handlers.Options.Guests.
func Surface(core *handlers.Core) handlers.Surface {
	z := &zapier{core: core, byID: map[string]string{}, wire: map[string]string{}}
	for _, t := range models.BuiltinCatalogue().Types() {
		if t.Family == models.FamilyDocumenso {
			z.byID[trigger(t.Name)], z.wire[t.Name] = t.Name, trigger(t.Name)
		}
	}
	// Documenso takes any method for each. Zapier's apps subscribe by POST and unsubscribe by DELETE, both with a body.
	return handlers.Surface{Routes: []handlers.Route{
		{Method: http.MethodPost, Path: "/api/v1/zapier/subscribe", Handle: answered(z.subscribe), Does: "webhook.create"},
		{Method: http.MethodPost, Path: "/api/v1/zapier/unsubscribe", Handle: answered(z.unsubscribe), Does: "webhook.delete"},
		{Method: http.MethodDelete, Path: "/api/v1/zapier/unsubscribe", Handle: answered(z.unsubscribe), Does: "webhook.delete"},
		{Method: http.MethodGet, Path: "/api/v1/zapier/list-documents", Handle: answered(z.listDocuments)},
	}}
}

// answered writes the errors of a call in Documenso's shape. They are returned all the same, for the log.
func answered(f handlers.Func) handlers.Func {
	return func(c *gin.Context) error {
		err := f(c)
		if err != nil {
			status, message := problem(err)
			handlers.WriteJSON(c, status, struct {
				Message string `json:"message"`
			}{message})
		}
		return err
	}
}

// problem is what Documenso would answer: 401 for whoever may not, 400 for what is wrong, 500 for our fault. Two statuses are kept that tell
// a caller to come again: 429 and 503.
func problem(err error) (status int, message string) {
	e, known := errors.AsType[*models.Error](err)
	if !known {
		return http.StatusInternalServerError, "Internal Server Error"
	}
	message = e.Message
	for _, f := range e.Fields {
		message += " " + f.Name + ": " + f.Reason
	}
	switch e.Code {
	case models.CodeUnauthorized, models.CodeForbidden, models.CodeNotEnabled:
		return http.StatusUnauthorized, message
	case models.CodeRateLimited:
		return http.StatusTooManyRequests, message
	case models.CodeUnavailable, models.CodeStale, models.CodeFenced:
		return http.StatusServiceUnavailable, "The service can't take this call right now. Send it again."
	case models.CodeInternal:
		return http.StatusInternalServerError, "Internal Server Error"
	default:
		return http.StatusBadRequest, message
	}
}

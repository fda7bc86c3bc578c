package handlers

import (
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// WithoutParameters lets a route refuse every parameter in the address, by name: a list that has neither filters nor pages would show
// something else than whoever sends one expects.
func WithoutParameters(f Func) Func {
	return func(c *gin.Context) error {
		if err := refuseParameters(c.Request); err != nil {
			return err
		}
		return f(c)
	}
}

// refuseParameters is the error of a call that takes no parameters in its address and has some.
func refuseParameters(r *http.Request) error {
	raw := r.URL.RawQuery
	values, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxQuery {
		return models.Invalid(models.FieldError{Name: "query", Reason: reason("query", "")})
	}
	var wrong []models.FieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		wrong = append(wrong, models.FieldError{Name: shownName(name), Reason: reason("parameter", "")})
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

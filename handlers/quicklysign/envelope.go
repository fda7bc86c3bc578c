package quicklysign

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// envelope is the body of every answer (https://docs.quicklysign.com/docs/rest-principles).
type envelope struct {
	Status     status         `json:"status"`
	Data       map[string]any `json:"data,omitempty"`
	Pagination *pagination    `json:"pagination,omitempty"`
}

type status struct {
	Code     int       `json:"status_code"`
	Errors   []message `json:"errors,omitempty"`
	Warnings []message `json:"warnings,omitempty"`
}

// message is an error or a warning. Field is ours: what is wrong with the input, where that can be said.
type message struct {
	Code  string `json:"code"`
	Text  string `json:"message"`
	Field string `json:"field,omitempty"`
}

type pagination struct {
	Next string `json:"next"`
}

// parameterAlways200 asks for 200 as the status of HTTP, whatever the status in the body says.
const parameterAlways200 = "always_use_http_status_code_200"

// write answers.
func write(c *gin.Context, e envelope) {
	code := e.Status.Code
	if always200(c.Request) {
		code = http.StatusOK
	}
	handlers.WriteJSON(c, code, e)
}

// always200 is read on its own, since it is also for answers to queries that are wrong otherwise.
func always200(r *http.Request) bool {
	values, _ := url.ParseQuery(r.URL.RawQuery) // what could be read of it
	return values.Get(parameterAlways200) == "true"
}

func succeed(c *gin.Context, data map[string]any, warnings ...message) {
	write(c, envelope{Status: status{Code: http.StatusOK, Warnings: warnings}, Data: data})
}

// codeOf is the code of an error. bad_request and unauthorised are the vendor's (https://docs.quicklysign.com/docs/constants), the others
// are ours. The vendor has unauthorised for both, wrong credentials and a lack of permission.
func codeOf(httpStatus int) string {
	switch httpStatus {
	case http.StatusUnauthorized:
		return "unauthorised"
	case http.StatusForbidden:
		return "quota_exceeded"
	case http.StatusNotFound:
		return "not_found"
	case http.StatusMethodNotAllowed:
		return "method_not_allowed"
	case http.StatusTooManyRequests:
		return "too_many_requests"
	case http.StatusServiceUnavailable:
		return "unavailable"
	case http.StatusInternalServerError:
		return "internal_error"
	}
	return "bad_request"
}

// fail tells why a call failed.
func fail(c *gin.Context, f handlers.Failure) {
	code := codeOf(f.Status)
	e := envelope{Status: status{Code: f.Status}}
	for _, wrong := range f.Fields {
		e.Status.Errors = append(e.Status.Errors, message{Code: code, Text: wrong.Name + ": " + wrong.Reason, Field: wrong.Name})
	}
	if e.Status.Errors == nil {
		e.Status.Errors = []message{{Code: code, Text: f.Detail}}
	}
	write(c, e)
}

// wrongField is the error of one field.
func wrongField(name, reason string) error {
	return models.Invalid(models.FieldError{Name: name, Reason: reason})
}

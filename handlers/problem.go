package handlers

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// problem is the body of every answer that is not a success, in the vendor's shape. Message repeats the detail where the vendor's
// description asks for it: on 405 and 429.
type problem struct {
	Message       string         `json:"message,omitempty"`
	Type          string         `json:"type"`
	Detail        string         `json:"detail"`
	InvalidParams []invalidParam `json:"invalid_params,omitempty"`
}

type invalidParam struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// The types of problems. The vendor's list of errors names validation.error, resource.not_found, configuration.not_enabled and
// about:blank; the others are ours in the same manner.
const (
	typeInvalid     = "validation.error"
	typeNotFound    = "resource.not_found"
	typeNotEnabled  = "configuration.not_enabled"
	typeBlank       = "about:blank"
	typeRateLimited = "rate_limit.exceeded"
	typeMethod      = "method.not_allowed"
)

// statusOf is the one table from codes to HTTP statuses and types.
func statusOf(code models.Code) (status int, kind string) {
	switch code {
	case models.CodeInvalid:
		return http.StatusBadRequest, typeInvalid
	case models.CodeUnauthorized:
		return http.StatusUnauthorized, "access.unauthorized"
	case models.CodeForbidden:
		return http.StatusForbidden, "access.forbidden"
	case models.CodeNotEnabled:
		return http.StatusForbidden, typeNotEnabled
	case models.CodeQuota:
		return http.StatusForbidden, "quota.exceeded"
	case models.CodeNotFound:
		return http.StatusNotFound, typeNotFound
	case models.CodeConflict:
		return http.StatusConflict, "resource.conflict"
	case models.CodeTooLarge:
		return http.StatusRequestEntityTooLarge, "payload.too_large"
	case models.CodeMediaType:
		return http.StatusUnsupportedMediaType, "media_type.unsupported"
	case models.CodeRateLimited:
		return http.StatusTooManyRequests, typeRateLimited
	case models.CodeUnavailable, models.CodeStale, models.CodeFenced:
		return http.StatusServiceUnavailable, "service.unavailable"
	case models.CodeInternal:
	}
	return http.StatusInternalServerError, typeBlank
}

// problemOf is the status and body that tell a client about an error. Of an error of ours nothing but its kind is told. Fields are
// told of wrong input only, as the vendor does; the message of any other error has to say everything by itself.
func problemOf(err error) (int, problem) {
	e, known := errors.AsType[*models.Error](err)
	if !known {
		e = &models.Error{Code: models.CodeInternal}
	}
	status, kind := statusOf(e.Code)
	p := problem{Type: kind, Detail: e.Message}
	switch {
	case status == http.StatusInternalServerError:
		p.Detail = "Something went wrong on our side. The X-Request-Id header of this answer helps us find out what."
	case status == http.StatusServiceUnavailable && e.Code != models.CodeUnavailable:
		p.Detail = "The service can't take this call right now. Send it again."
	case e.Code == models.CodeInvalid:
		for _, f := range e.Fields {
			p.InvalidParams = append(p.InvalidParams, invalidParam{f.Name, f.Reason})
		}
	}
	if status == http.StatusTooManyRequests {
		p.Message = p.Detail
	}
	return status, p
}

// retryLater is the Retry-After of a 503 in seconds. Failure policy: short, because what causes it (a restart, a failover, a full
// queue) is over within seconds, and publishers hold events meanwhile.
const retryLater = "1"

func writeProblem(c *gin.Context, err error) {
	status, p := problemOf(err)
	header := c.Writer.Header()
	switch status {
	case http.StatusUnauthorized:
		if header.Get("WWW-Authenticate") == "" {
			header.Set("WWW-Authenticate", "Bearer")
		}
	case http.StatusServiceUnavailable:
		if header.Get("Retry-After") == "" {
			header.Set("Retry-After", retryLater)
		}
	}
	WriteJSON(c, status, p)
}

const (
	detailPath   = "There is nothing at this address."
	detailMethod = "This address does not take this method. The Allow header lists those it takes."
)

// unknownPath answers paths that do not exist.
func unknownPath(c *gin.Context) error {
	WriteJSON(c, http.StatusNotFound, problem{Message: detailPath, Type: typeNotFound, Detail: detailPath})
	return nil
}

// wrongMethod answers methods that a path does not have; gin has set Allow.
func wrongMethod(c *gin.Context) error {
	WriteJSON(c, http.StatusMethodNotAllowed, problem{Message: detailMethod, Type: typeMethod, Detail: detailMethod})
	return nil
}

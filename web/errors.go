package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"hookrouter/models"
)

// mishap is what an error page says.
type mishap struct {
	status int
	title  string
	text   string
}

// mishapOf is the one table from errors to error pages. Of an error of ours nothing is told but the id that leads to it in the log.
func mishapOf(err error) mishap {
	if r, ok := errors.AsType[*refusal](err); ok {
		return titled(r.Status, r.Detail)
	}
	text := ""
	if e, ok := errors.AsType[*models.Error](err); ok {
		text = e.Message
	}
	switch models.CodeOf(err) {
	case models.CodeNotFound:
		return titled(http.StatusNotFound, text)
	case models.CodeForbidden, models.CodeNotEnabled, models.CodeQuota:
		return titled(http.StatusForbidden, text)
	case models.CodeUnauthorized:
		return titled(http.StatusUnauthorized, text)
	case models.CodeInvalid:
		return titled(http.StatusBadRequest, text)
	case models.CodeConflict:
		return titled(http.StatusConflict, text)
	case models.CodeTooLarge:
		return titled(http.StatusRequestEntityTooLarge, text)
	case models.CodeRateLimited:
		return titled(http.StatusTooManyRequests, text)
	case models.CodeUnavailable, models.CodeStale, models.CodeFenced:
		return titled(http.StatusServiceUnavailable, "The service can't do this right now. Try again in a moment.")
	default:
		return titled(http.StatusInternalServerError, "Something went wrong on our side.")
	}
}

func titled(status int, text string) mishap {
	m := mishap{status: status, text: text}
	switch status {
	case http.StatusNotFound:
		m.title = "Nothing here"
	case http.StatusForbidden, http.StatusUnauthorized:
		m.title = "Not allowed"
	case http.StatusConflict:
		m.title = "Not possible now"
	case http.StatusTooManyRequests:
		m.title = "Too many tries"
	case http.StatusServiceUnavailable:
		m.title = "Not available"
	case http.StatusInternalServerError:
		m.title = "That did not work"
	default:
		m.title = "This can't be done"
	}
	return m
}

// fail is the one place where an error becomes a page.
func (v *view) fail(err error) {
	if v.readerGone(err) {
		return
	}
	m := mishapOf(err)
	v.note(m, err)
	if err := v.renderAs(m.status, m.title, mishapPage(v, m)); err != nil {
		http.Error(v.w, m.title, m.status)
	}
}

// note writes an error that is ours into the log.
func (v *view) note(m mishap, err error) {
	if m.status == http.StatusInternalServerError && !v.readerGone(err) {
		v.Logger.LogAttrs(v.r.Context(), slog.LevelError, "web.failed", slog.String("request_id", v.requestID()),
			slog.String("page", v.r.Pattern), slog.Any("error", err))
	}
}

// readerGone reports whether an error says no more than that the reader has gone.
func (v *view) readerGone(err error) bool {
	return errors.Is(err, context.Canceled) && v.r.Context().Err() != nil
}

func (v *view) requestID() string { return v.w.Header().Get("X-Request-Id") }

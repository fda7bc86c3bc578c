package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"hookrouter/models"
)

// navigation is the areas that the reader may open. The way to the operator's is there where the installation has such pages.
func (v *view) navigation() []area {
	operator := v.session.Kind == models.SessionOfOperator
	var out []area
	for _, a := range v.areas() {
		switch {
		case a.label == "", operator != (a.who == operators) && a.path != operatorPath, a.shown != nil && !a.shown(v):
		case a.path == operatorPath && v.AdminToken.IsZero():
		default:
			if operator && a.path == operatorPath {
				a.label = "Organizations"
			}
			out = append(out, a)
		}
	}
	return out
}

// readable reports whether there is a page at a path: what answers a form stands at the form's address, which may be a place for forms
// alone.
func (s *site) readable(path string) bool {
	at := func(method string) string {
		_, pattern := s.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: path}})
		return pattern
	}
	page, action := at(http.MethodGet), at(http.MethodPost)
	if action != "/" && strings.TrimPrefix(action, "POST ") != strings.TrimPrefix(page, "GET ") {
		return false // such as subscriptions/preview, which no subscription is called
	}
	return s.pages[page]
}

// pressed is a state of a button for those who hear the page.
func pressed(on bool) string { return strconv.FormatBool(on) }

package web

import (
	"strconv"

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

// pressed is a state of a button for those who hear the page.
func pressed(on bool) string { return strconv.FormatBool(on) }

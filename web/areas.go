package web

import (
	"net/http"

	"hookrouter/models"
)

// who may open a route.
type who int

const (
	members   who = iota // signed in with a key whose role allows the route's action
	anyone               // signed in or not
	operators            // signed in with the admin token
)

// route is one page or action. The zero action is to read.
type route struct {
	pattern string // of http.ServeMux
	who     who
	action  models.Action
	page    func(*view) error
}

// area is a part of the navigation. One without a label is not in it.
type area struct {
	label  string
	path   string
	who    who
	routes []route
}

// areas is all pages, in the order of the navigation: Overview, Subscriptions, Deliveries, Events, Catalogue, Sandbox, Keys & audit, Settings,
// Operator.
func (s *site) areas() []area {
	return []area{
		{label: "Overview", path: root + "/", routes: s.overviewRoutes()},
		{label: "Subscriptions", path: root + "/subscriptions", routes: s.subscriptionRoutes()},
		{label: "Deliveries", path: deliveriesPath, routes: s.deliveryRoutes()},
		{label: "Events", path: eventsPath, routes: s.eventRoutes()},
		{label: "Catalogue", path: cataloguePath, routes: s.catalogueRoutes()},
		{label: "Operator", path: root + "/operator", who: operators, routes: s.operatorRoutes()},
		{routes: s.signInRoutes()},
		{routes: s.designRoutes()},
	}
}

// page runs a route for those who may open it.
func (s *site) page(a area, r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		v := &view{site: s, w: w, r: req, area: a, now: s.Now()}
		if err := v.enter(r); err != nil { //nolint:contextcheck // a view has the request and its context
			v.fail(err) //nolint:contextcheck // as above
			return
		}
		if v.done {
			return
		}
		if err := r.page(v); err != nil {
			v.fail(err) //nolint:contextcheck // as above
		}
	})
}

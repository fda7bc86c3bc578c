package web

import (
	"net/http"
	"strings"

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
	shown  func(*view) bool // nil: always
	routes []route

	sandbox bool // its pages are about the sandbox alone
}

// areas is all pages, in the order of the navigation: Overview, Subscriptions, Deliveries, Events, Catalogue, Sandbox, QuicklySign log,
// Keys, Audit log, Help, Operator. The operator has the areas from Operator on, and nobody else has more of them than the way there.
func (s *site) areas() []area {
	return []area{
		{label: "Overview", path: root + "/", routes: s.overviewRoutes()},
		{label: "Subscriptions", path: root + "/subscriptions", routes: s.subscriptionRoutes()},
		{label: "Deliveries", path: deliveriesPath, routes: s.deliveryRoutes()},
		{label: "Events", path: eventsPath, routes: s.eventRoutes()},
		{label: "Catalogue", path: cataloguePath, routes: s.catalogueRoutes()},
		{label: "Sandbox", path: sandboxPath, routes: s.sandboxRoutes(), sandbox: true},
		{label: "QuicklySign log", path: callbacksPath, shown: (*view).hasPacks, routes: s.callbackRoutes()},
		{label: "Keys", path: keysPath, shown: (*view).administers, routes: s.keyRoutes()},
		{label: "Audit log", path: auditPath, shown: (*view).manages, routes: s.auditRoutes()},
		{label: "Help", path: helpPath, routes: s.helpRoutes()},
		{label: "Operator", path: operatorPath, who: operators, routes: s.operatorRoutes()},
		{label: "Instances", path: operatorPath + "/instances", who: operators, routes: s.instanceRoutes()},
		{label: "Queue", path: operatorPath + "/queue", who: operators, routes: s.queueRoutes()},
		{label: "Ledger", path: operatorPath + "/ledger", who: operators, routes: s.ledgerRoutes()},
		{label: "Suspensions", path: operatorPath + "/suspensions", who: operators, routes: s.suspensionRoutes()},
		{label: "Storage", path: operatorPath + "/storage", who: operators, routes: s.storageRoutes()},
		{label: "Settings", path: operatorPath + "/settings", who: operators, routes: s.settingRoutes()},
		{label: "Audit log", path: operatorPath + "/audit", who: operators, routes: s.operatorAuditRoutes()},
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

// Pages is the patterns of all that can be read, for the tests that visit each.
func Pages() []string { return patterns("GET ") }

// Actions is the patterns of all that a form may be sent to, for the test that follows every link and form.
func Actions() []string { return patterns("POST ") }

// patterns is those that begin with a method.
func patterns(method string) []string {
	var list []string
	for _, a := range new(site).areas() {
		for _, r := range a.routes {
			if strings.HasPrefix(r.pattern, method) {
				list = append(list, r.pattern)
			}
		}
	}
	return list
}

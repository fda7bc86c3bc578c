// Package web is the Developer Space: the pages under /developers for people who work with webhooks.
//
// It owns the pages and what holds them together: signing in and sessions, the shell with its navigation and the switch of the
// environment, error pages, forms and what comes back to their fields. It must not know SQL, gin, or how events are matched and
// delivered. Lists are read through small interfaces that stand beside their pages and that *store.Store implements. Everything else,
// every change above all, goes through the /v3 API inside the process, as the key of the session: checks, roles, tenants and history are
// the API's, and what an action does is the curl line that the page shows for it.
//
// # Invariants
//
//   - A session holds no key. Each page asks for the key anew, so a revoked one shows nothing more.
//   - Nothing of one organization is ever on a page of another: each read carries the organization of the session's key.
//   - The content security policy allows no inline script, no inline style and nothing from elsewhere.
//   - What changes something is a POST of the same origin, works without scripts, and leads to a page that can be loaded again; see once.go for
//     what is shown once.
//   - A list reads one page from the database, however many there are.
//   - A page is of one environment, which its band shows: that of its object, or else the one that its address says (environment.go). Links,
//     streams and forms get it when the page is rendered; nothing that another tab does changes it.
//
// # To add a page
//
// Write the handler, func (s *site) name(v *view) error, in a file of its area; what it shows in a .templ file beside it, put together from
// web/ui; and its pattern in the area's list of routes (see subscriptions.go). An area comes into the navigation with its line in
// areas.go. v.render writes the page in the shell, v.fragment a part of it for htmx. An error that the handler returns becomes the
// error page of its code. A line in web/webtest/pages_test.go has it visited in every test of all pages, and its pictures taken. What it reads from the database is a method in the interface of the area, which Store in site.go embeds.
//
// # To add an action
//
// Make a ui.Call with callJSON, show it with ui.Curl, and run it with v.do in the handler of a POST. On success v.goTo(path, "What was
// done."); faultsOf(err) are the API's sentences by field to show the form again with v.renderAs(http.StatusUnprocessableEntity, …).
//
// # To add a component
//
// A templ in web/ui, a block in web/assets/css/components.css that uses the tokens alone, and an example in design.templ.
//
// # To add a stream
//
// return v.live(func() (templ.Component, error)) in the handler of a GET, and data-stream with its address on the element that shows it; see
// stream.go and liveSubscription.
//
// # To add a browser test
//
// A test in web/webtest that calls startBrowser: it fails by itself on console errors, policy violations and calls to elsewhere, and
// look checks a page for accessibility in light and dark. See doc.go there.
//
// Read in this order: site.go, areas.go, view.go, environment.go, call.go, layout.templ; then who is there: session.go, signin.go, held.go, attempts.go; then
// headers.go, flash.go, once.go, errors.go, stream.go; then pages: subscriptions.go and its neighbors as the model for all others; stats.go;
// overview.go, overview_concerns.go, first_run.go; deliveries.go, jobs.go, job_form.go, preview.go, events.go and catalogue.go with what begins with their names; sandbox.go,
// inboxes.go, retry_plan.go, keys.go, audit.go, callbacks.go, operator.go, operator_looks.go, help.go, design.go.
package web

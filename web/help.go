package web

import "hookrouter/web/ui"

const helpPath = root + "/help"

func (s *site) helpRoutes() []route {
	return []route{{pattern: "GET " + helpPath, page: s.showHelp}, {pattern: "GET " + receiversPath, page: s.showReceivers}}
}

// showHelp leads to what is written about the API, and says how to begin.
func (s *site) showHelp(v *view) error {
	first := ui.Call{Method: "GET", Path: "/v3/event_types?limit=5"}
	return v.render("Help", helpPageOf(v, first))
}

package web

func (s *site) overviewRoutes() []route {
	return []route{{pattern: "GET " + root + "/{$}", page: s.overview}}
}

// overview is where one arrives: what to do first, as long as there is nothing else to show.
func (s *site) overview(v *view) error {
	one, err := s.Store.SubscriptionPage(v.r.Context(), subscriptionQuery(v, "", "", 1))
	if err != nil {
		return err
	}
	publish := callJSON("POST", "/v3/events", map[string]any{
		"event_name": "signature_request.done", "sandbox": v.sandbox(), "data": map[string]any{"signature_request": map[string]any{"id": "3d0a", "status": "done"}},
	})
	return v.render("Overview", overviewPage(v, len(one) > 0, publish))
}

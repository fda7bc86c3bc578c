package web

import (
	"errors"
	"net/http"

	"hookrouter/models"
	"hookrouter/web/ui"
)

func (s *site) overviewRoutes() []route {
	try := tryPath + "/{id}/{inbox}"
	return []route{
		{pattern: "GET " + root + "/{$}", page: s.overview},
		{pattern: "POST " + tryPath, action: models.ActionManage, page: s.tryOut},
		{pattern: "GET " + try, page: s.showTry},
		{pattern: "GET " + try + "/live", page: s.liveTry},
		{pattern: "POST " + try, action: models.ActionManage, page: s.tryAgain},
		{pattern: "POST " + try + "/remove", action: models.ActionManage, page: s.removeTry},
	}
}

// overviewData is what the overview shows.
type overviewData struct {
	subscribed bool // something is subscribed in this environment
	first      bool // nothing is, and nothing was ever delivered
	fault      string
	span       span
	call       ui.Call
	stats      *statistics
	concerns   []concern
}

// overview is where one arrives: how deliveries fare and what needs somebody, or, as long as nothing was ever delivered, what to do first.
func (s *site) overview(v *view) error { return v.showOverview(http.StatusOK, "") }

func (v *view) showOverview(status int, fault string) error {
	one, err := v.Store.SubscriptionPage(v.r.Context(), subscriptionQuery(v, "", "", 1))
	if err != nil {
		return err
	}
	d := &overviewData{subscribed: len(one) > 0, fault: fault, span: v.spanOf()}
	d.call = statsCall("/v3/stats", d.span, v.sandbox(), v.now)
	if d.stats, err = v.stats(d.call); err != nil {
		return err
	}
	if !d.subscribed && d.stats.Total.Attempts == 0 {
		part, err := v.Store.DeliveryPart(v.r.Context(), models.DeliveryQuery{
			OrganizationID: v.key.OrganizationID, Sandbox: v.environment(), Limit: 1,
		}, 1)
		if err != nil {
			return err
		}
		d.first = len(part.Items) == 0
	}
	if !d.first {
		if d.concerns, err = v.concerns(d); err != nil {
			return err
		}
	}
	return v.renderAs(status, "Overview", overviewPage(v, d))
}

// mayTry reports whether the key can make a subscription.
func (v *view) mayTry() bool {
	return v.may(models.ActionManage) && v.key.Environment == models.Production
}

// publishCall is an event to publish from a shell.
func publishCall(v *view) ui.Call {
	return callJSON("POST", "/v3/events", map[string]any{
		"event_name": "signature_request.done", "sandbox": v.sandbox(), "data": map[string]any{"signature_request": map[string]any{"id": "3d0a", "status": "done"}},
	})
}

// faultText is what the API found wrong, as one sentence, for what has no form; "" where the error is another.
func faultText(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok && r.Status < http.StatusInternalServerError {
		for _, p := range r.Params {
			return p.Reason
		}
		return r.Detail
	}
	return ""
}

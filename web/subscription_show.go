package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// aboutSubscription is what all pages about one subscription show.
type aboutSubscription struct {
	*webhook
	tab   string
	fault string // of the action that was just tried
}

// pages are the pages about one subscription.
func (a *aboutSubscription) pages() []ui.Tab {
	tabs := []ui.Tab{
		{Label: "Overview", Href: a.path()},
		{Label: "Test", Href: a.path() + "/test"},
		{Label: "Secret", Href: a.path() + "/secret"},
		{Label: "Retry plan", Href: a.path() + "/retry-plan"},
		{Label: "Versions", Href: a.path() + "/versions"},
	}
	if a.ofEntity() {
		tabs = append(tabs, ui.Tab{Label: "QuicklySign log", Href: callbacksPath + "?webhook_key=" + a.opaqueKey()})
	}
	for i := range tabs {
		tabs[i].Current = tabs[i].Label == a.tab
	}
	return tabs
}

// deliveryLine is a delivery as the API lists it.
type deliveryLine struct {
	ID        string                `json:"id"`
	EventID   string                `json:"event_id"`
	EventName string                `json:"event_name"`
	Status    models.DeliveryStatus `json:"status"`
	Attempts  int                   `json:"attempt_count"`
	UpdatedAt time.Time             `json:"updated_at"`
}

// latestDeliveries is how many the overview shows.
const latestDeliveries = 10

func (s *site) showSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.subscriptionOverview(http.StatusOK, &aboutSubscription{webhook: w})
}

func (v *view) subscriptionOverview(status int, a *aboutSubscription) error {
	a.tab = "Overview"
	latest, err := v.latestDeliveries(a.webhook)
	if err != nil {
		return err
	}
	f := formOf(a.webhook)
	if err := listAll(v, "/v3/workspaces", &f.workspaceList); err != nil {
		return err
	}
	return v.renderAs(status, a.title(), subscriptionPage(v, a, f, latest))
}

func (v *view) latestDeliveries(w *webhook) ([]deliveryLine, error) {
	var list struct{ Data []deliveryLine }
	err := v.get("/v3/deliveries?limit="+strconv.Itoa(latestDeliveries)+"&subscription_id="+w.ID, &list)
	return list.Data, err
}

// liveSubscription keeps the latest deliveries up to date while somebody looks at them.
func (s *site) liveSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		latest, err := v.latestDeliveries(w)
		return latestTable(v, w, latest), err
	})
}

// act runs an action about a subscription and goes to a page of it.
func (v *view) act(tail, to, done string) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	err = v.do(ui.Call{Method: http.MethodPost, Path: w.call(tail)}, nil)
	if f := faultsOf(err); f != nil {
		return v.subscriptionOverview(http.StatusUnprocessableEntity, &aboutSubscription{webhook: w, fault: f[""]})
	}
	if err != nil {
		return err
	}
	return v.goTo(w.path()+to, done)
}

func (s *site) suspendSubscription(v *view) error {
	return v.act("/suspend", "", "Suspended. Its deliveries are parked until you resume it.")
}

func (s *site) resumeSubscription(v *view) error {
	return v.act("/resume", "", "Resumed. What was parked is being sent.")
}

func (s *site) askDelete(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.render("Delete "+w.title(), deletePage(v, &aboutSubscription{webhook: w}))
}

// confirmation is what one has to type to delete a subscription.
func (w *webhook) confirmation() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(models.PublicEndpoint(w.Endpoint), "https://"), "http://"), "/")
	return host
}

func (s *site) deleteSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	a := &aboutSubscription{webhook: w}
	if strings.TrimSpace(v.form.Get("confirm")) != w.confirmation() {
		a.fault = "This is not " + w.confirmation() + ". Nothing was deleted."
		return v.renderAs(http.StatusUnprocessableEntity, "Delete "+w.title(), deletePage(v, a))
	}
	if err := v.do(ui.Call{Method: http.MethodDelete, Path: w.call("")}, nil); err != nil {
		return err
	}
	return v.goTo(subscriptionsPath, "Subscription deleted.")
}

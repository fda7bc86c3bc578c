package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/sync/errgroup"

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
		{Label: "Logs", Href: a.path() + "/logs"},
		{Label: "Test", Href: a.path() + "/test"},
		{Label: "Missed", Href: a.path() + "/missed"},
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

// subscriptionNow is what the overview of a subscription shows as it is at this moment.
type subscriptionNow struct {
	latest  []deliveryLine
	waiting statWaiting
	parked  int64 // how many were parked when it was resumed, 0 where nobody has just done that
}

// drained is how many of those that were parked have left, for a progress bar. of is 0 where that can't be told.
func (n *subscriptionNow) drained() (done, of int) {
	if n.waiting.Capped || n.parked < n.waiting.Parked {
		return int(n.waiting.Parked), 0
	}
	return int(n.parked - n.waiting.Parked), int(n.parked)
}

func (s *site) showSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.subscriptionOverview(http.StatusOK, &aboutSubscription{webhook: w})
}

func (v *view) subscriptionOverview(status int, a *aboutSubscription) error {
	a.tab = "Overview"
	f, fared := formOf(a.webhook), &subscriptionFared{span: v.spanOf()}
	fared.call = statsCall(a.call("/stats"), fared.span, a.Sandbox, v.now)
	var now *subscriptionNow
	var asked errgroup.Group // nothing of it depends on the rest; see ADR 36
	asked.Go(func() (err error) { now, err = v.subscriptionNow(a.webhook); return err })
	asked.Go(func() (err error) { fared.statistics, err = v.stats(fared.call); return err })
	asked.Go(func() error { return listAll(v, "/v3/workspaces", &f.workspaceList) })
	if err := asked.Wait(); err != nil {
		return err
	}
	return v.renderAs(status, a.title(), subscriptionPage(v, a, f, now, fared))
}

// subscriptionFared is how it fared over a period.
type subscriptionFared struct {
	*statistics
	span span
	call ui.Call
}

func (v *view) subscriptionNow(w *webhook) (*subscriptionNow, error) {
	parked, _ := strconv.ParseInt(v.r.URL.Query().Get("parked"), 10, 64) // of no consequence where it is no number
	now := &subscriptionNow{parked: parked}
	var asked errgroup.Group
	asked.Go(func() (err error) { now.latest, err = v.latestDeliveries(w); return err })
	asked.Go(func() (err error) { now.waiting, err = v.waiting(w); return err })
	return now, asked.Wait()
}

// liveAddress is that of the stream, which has to know what the page knows.
func (n *subscriptionNow) liveAddress(w *webhook) string {
	if n.parked <= 0 {
		return w.path() + "/live"
	}
	return w.path() + "/live?parked=" + strconv.FormatInt(n.parked, 10)
}

func (v *view) latestDeliveries(w *webhook) ([]deliveryLine, error) {
	var list struct{ Data []deliveryLine }
	err := v.get("/v3/deliveries?limit="+strconv.Itoa(latestDeliveries)+"&subscription_id="+w.ID, &list)
	return list.Data, err
}

// liveSubscription keeps its state, what waits and the latest deliveries up to date while somebody looks at them.
func (s *site) liveSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		var err error
		if w, err = v.webhook(); err != nil {
			return nil, err
		}
		now, err := v.subscriptionNow(w)
		return subscriptionNowPart(v, w, now), err
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

// resumeSubscription leads to a page that knows how many were parked, so that it can show how many have left.
func (s *site) resumeSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	waiting, err := v.waiting(w)
	if err != nil {
		return err
	}
	to := ""
	if waiting.Parked > 0 {
		to = "?parked=" + strconv.FormatInt(waiting.Parked, 10)
	}
	return v.act("/resume", to, "Resumed. What was parked is being sent.")
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

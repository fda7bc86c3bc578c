package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const (
	tryPath  = root + "/try"
	tryEvent = "signature_request.done"
	tryName  = "My first webhook"
)

// inboxOf is an inbox as the API shows it.
type inboxOf struct {
	ID   string `json:"id"`
	URL  string `json:"url"`
	Name string `json:"name"`
}

// Calls of the first run.
func tryInbox() ui.Call {
	return callJSON(http.MethodPost, "/v3/sandbox/inboxes", map[string]any{"name": tryName})
}

func trySubscription(endpoint string) ui.Call {
	return callJSON(http.MethodPost, "/v3/webhooks", map[string]any{
		"endpoint": endpoint, "description": tryName, "sandbox": true, "subscribed_events": []string{models.Any}, "scopes": []string{models.Any},
		"auto_retry": true, "enabled": true,
	})
}

func tryTest(subscription string) ui.Call {
	return callJSON(http.MethodPost, "/v3/webhooks/"+subscription+"/test", map[string]any{"event_name": tryEvent})
}

// tryCurl is the calls in their order; what an answer says is in capitals in the next.
func tryCurl(v *view) string {
	return strings.Join([]string{
		tryInbox().Curl(v.base()), trySubscription("URL_OF_THE_INBOX").Curl(v.base()), tryTest("ID_OF_THE_WEBHOOK").Curl(v.base()),
	}, "\n\n")
}

// triedBefore is the page of what the button made before, "" where nothing of that is left.
func (v *view) triedBefore() (string, error) {
	const few = 20
	q, sandbox := subscriptionQuery(v, tryName, "", few), true
	q.Sandbox = &sandbox
	lines, err := v.Store.SubscriptionPage(v.r.Context(), q)
	if err != nil || len(lines) == 0 {
		return "", err
	}
	var inboxes []inboxOf
	if err := listAll(v, "/v3/sandbox/inboxes", &inboxes); err != nil {
		return "", err
	}
	for _, l := range lines {
		for _, b := range inboxes {
			if l.Description == tryName && b.URL == l.Endpoint {
				return tryPath + "/" + l.ID.String() + "/" + b.ID, nil
			}
		}
	}
	return "", nil
}

// tryOut makes an inbox and a sandbox subscription to it, and sends that a test. Where one of them can't be made, none is left. Where both
// are there already it leads to them.
func (s *site) tryOut(v *view) error {
	before, err := v.triedBefore()
	if err != nil {
		return err
	}
	if before != "" {
		return v.goTo(before, "Your first webhook is here already. Send another from this page.")
	}
	var inbox inboxOf
	if err := v.do(tryInbox(), &inbox); err != nil {
		return v.tryFailed(err)
	}
	var made webhook
	err = v.do(trySubscription(inbox.URL), &made)
	if err == nil {
		err = v.do(tryTest(made.ID), nil)
	}
	if err != nil {
		v.removeTried(made.ID, inbox.ID)
		if reason := faultsOf(err)["endpoint"]; reason != "" {
			return v.showOverview(http.StatusUnprocessableEntity, "The address of this service can't be an endpoint, so nothing could be sent to it. "+
				reason+" Whoever runs this installation sets HOOKROUTER_PUBLIC_URL to an address that it can be reached at.")
		}
		return v.tryFailed(err)
	}
	return v.goTo(tryPath+"/"+made.ID+"/"+inbox.ID, "")
}

func (v *view) tryFailed(err error) error {
	if fault := faultText(err); fault != "" {
		return v.showOverview(http.StatusUnprocessableEntity, fault)
	}
	return err
}

// tryRemoval is the calls that remove what was made, the subscription first, so that nothing is sent to an inbox that is gone.
func tryRemoval(subscription, inbox string) []ui.Call {
	return []ui.Call{
		{Method: http.MethodDelete, Path: "/v3/webhooks/" + subscription}, {Method: http.MethodDelete, Path: "/v3/sandbox/inboxes/" + inbox},
	}
}

// removalCurl is those calls as lines for a shell.
func (v *view) removalCurl(t *tried) string {
	calls := tryRemoval(t.webhook.ID, t.inbox.ID)
	return calls[0].Curl(v.base()) + "\n\n" + calls[1].Curl(v.base())
}

// removeTried removes what was made. Failure policy: what stays is in the lists, and the inbox ends by itself.
func (v *view) removeTried(subscription, inbox string) {
	for i, c := range tryRemoval(subscription, inbox) {
		if i > 0 || subscription != "" {
			_ = v.do(c, nil)
		}
	}
}

// tried is how far the first webhook has come, read anew from the API each time.
type tried struct {
	webhook  *webhook
	inbox    inboxOf
	delivery *deliveryLine
	outcome  *attempt // of the delivery's last attempt, where it did not arrive
	arrived  *arrival
}

// arrival is a request in an inbox.
type arrival struct {
	ReceivedAt time.Time      `json:"received_at"`
	Headers    []header       `json:"headers"`
	Body       string         `json:"body"`
	Signature  models.Verdict `json:"signature"`
}

// signature is the header that has it.
func (a *arrival) signature() header {
	for _, h := range a.Headers {
		if strings.Contains(strings.ToLower(h.Name), "signature-256") {
			return h
		}
	}
	return header{}
}

// verdict is what the inbox found out, for a badge.
func (a *arrival) verdict() ui.State {
	switch a.Signature {
	case models.VerdictValid:
		return ui.State{Word: "Signature valid", Tone: ui.Good}
	case models.VerdictUnsigned:
		return ui.State{Word: "Unsigned", Tone: ui.Quiet}
	case models.VerdictInvalid, models.VerdictMissing, models.VerdictUnknown:
		return ui.State{Word: "Signature " + string(a.Signature), Tone: ui.Bad}
	}
	return ui.State{Word: string(a.Signature), Tone: ui.Quiet}
}

func (t *tried) path() string { return tryPath + "/" + t.webhook.ID + "/" + t.inbox.ID }

// tried reads how far it is.
func (v *view) tried() (*tried, error) {
	w, err := v.webhook()
	if err != nil {
		return nil, err
	}
	t := &tried{webhook: w}
	id, err := models.ParseID(v.r.PathValue("inbox"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such inbox.")
	}
	if err := v.get("/v3/sandbox/inboxes/"+id.String(), &t.inbox); err != nil {
		return nil, err
	}
	if w.Endpoint != t.inbox.URL {
		return nil, models.Errorf(models.CodeNotFound, "This subscription does not send to this inbox.") // and is not to be removed with it
	}
	return t, v.followTried(t)
}

func (v *view) followTried(t *tried) error {
	latest, err := v.latestDeliveries(t.webhook)
	if err != nil || len(latest) == 0 {
		return err
	}
	t.delivery, t.arrived, t.outcome = &latest[0], nil, nil
	var requests struct{ Data []arrival }
	if err := v.get("/v3/sandbox/inboxes/"+t.inbox.ID+"/requests?limit=1", &requests); err != nil {
		return err
	}
	if len(requests.Data) > 0 {
		t.arrived = &requests.Data[0]
		return nil
	}
	var d delivery
	if err := v.get("/v3/deliveries/"+t.delivery.ID, &d); err != nil {
		return err
	}
	t.outcome = d.last()
	return nil
}

func (s *site) showTry(v *view) error {
	t, err := v.tried()
	if err != nil {
		return err
	}
	return v.render(tryName, tryPage(v, t, ""))
}

// liveTry shows it arrive.
func (s *site) liveTry(v *view) error {
	t, err := v.tried()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		err := v.followTried(t)
		return trySteps(v, t), err
	})
}

// tryAgain sends another test.
func (s *site) tryAgain(v *view) error {
	t, err := v.tried()
	if err != nil {
		return err
	}
	err = v.do(tryTest(t.webhook.ID), nil)
	if fault := faultText(err); fault != "" {
		return v.renderAs(http.StatusUnprocessableEntity, tryName, tryPage(v, t, fault))
	}
	if err != nil {
		return err
	}
	return v.goTo(t.path(), "Another one was sent.")
}

func (s *site) removeTry(v *view) error {
	t, err := v.tried()
	if err != nil {
		return err
	}
	for _, c := range tryRemoval(t.webhook.ID, t.inbox.ID) {
		if err := v.do(c, nil); err != nil && mishapStatus(err) != http.StatusNotFound {
			return err
		}
	}
	return v.goTo(root+"/", "The inbox and its subscription are gone.")
}

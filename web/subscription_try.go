package web

import (
	"net/http"

	"hookrouter/models"
)

// testOutcome is what became of a test.
type testOutcome struct {
	EventName   string
	Delivery    string // its path
	Status      models.DeliveryStatus
	RequestBody *string
	Attempt     *attempt
}

// bodyTitle says whether the body has left at all.
func (o *testOutcome) bodyTitle() string {
	if o.Attempt != nil && o.Attempt.Reason != nil {
		switch *o.Attempt.Reason { //nolint:exhaustive // of all others something was sent
		case models.ReasonDNS, models.ReasonConnect, models.ReasonTLS, models.ReasonBlockedAddress, models.ReasonInvalid:
			return "What would have been sent"
		}
	}
	return "What was sent"
}

// trial is the page of tests: what can be sent, and what became of the last one.
type trial struct {
	names   []string
	chosen  string
	fault   string
	outcome *testOutcome
}

func (s *site) showTest(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	t := &trial{}
	if err := v.outcomeOf(w, t); err != nil {
		return err
	}
	return v.testPage(http.StatusOK, w, t)
}

// outcomeOf finds what became of the test that the address names: one that was just sent, so that loading the page again sends nothing.
func (v *view) outcomeOf(w *webhook, t *trial) error {
	given := v.r.URL.Query().Get("delivery")
	if given == "" {
		return nil
	}
	d := &delivery{}
	id, err := models.ParseID(given)
	if err == nil {
		err = v.get("/v3/deliveries/"+id.String(), d)
	} else {
		err = models.Errorf(models.CodeNotFound, "")
	}
	if mishapStatus(err) == http.StatusNotFound || err == nil && (!d.Test || d.SubscriptionID != w.ID) {
		return models.Errorf(models.CodeNotFound, "There is no such test of this subscription.")
	}
	if err != nil {
		return err
	}
	t.chosen = d.EventName
	t.outcome = &testOutcome{EventName: d.EventName, Delivery: d.path(), Status: d.Status, RequestBody: d.RequestBody, Attempt: d.last()}
	return nil
}

// testPage offers what the subscription listens to before everything else.
func (v *view) testPage(status int, w *webhook, t *trial) error {
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return err
	}
	var others []string
	for _, e := range types {
		wanted := false
		for _, p := range w.Events {
			wanted = wanted || models.Pattern(p).Match(e.Name)
		}
		if wanted {
			t.names = append(t.names, e.Name)
		} else {
			others = append(others, e.Name)
		}
	}
	t.names = append(t.names, others...)
	return v.renderAs(status, w.title(), testPage(v, &aboutSubscription{webhook: w, tab: "Test"}, t))
}

func (s *site) sendTest(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	t := &trial{chosen: v.form.Get("event_name")}
	var sent struct {
		DeliveryID string `json:"delivery_id"`
	}
	err = v.do(callJSON(http.MethodPost, w.call("/test"), map[string]any{"event_name": t.chosen}), &sent)
	if f := faultsOf(err); f != nil {
		t.fault = f[""] + f["event_name"]
		return v.testPage(http.StatusUnprocessableEntity, w, t)
	}
	if err != nil {
		return err
	}
	return v.goTo(w.path()+"/test?delivery="+sent.DeliveryID, "")
}

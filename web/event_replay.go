package web

import (
	"net/http"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// replayForm is the page that sends an event again.
type replayForm struct {
	*event
	text   string
	lines  []models.SubscriptionLine // to choose from
	chosen map[string]bool
	more   bool // there are more than are shown
	fault  string
}

// replayEach is how many subscriptions there are to choose from at once.
const replayEach = 25

func (s *site) askReplay(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	return v.replayPage(http.StatusOK, &replayForm{event: e, text: searchText(v.r.URL.Query().Get("q"))})
}

func (v *view) replayPage(status int, f *replayForm) (err error) {
	q := subscriptionQuery(v, f.text, "", replayEach+1)
	q.Sandbox = &f.Sandbox // the environments are apart
	if f.lines, err = v.Store.SubscriptionPage(v.r.Context(), q); err != nil {
		return err
	}
	if f.more = len(f.lines) > replayEach; f.more {
		f.lines = f.lines[:replayEach]
	}
	if v.partial() {
		return v.fragment(replayChoice(v, f))
	}
	return v.renderAs(status, f.Name, replayPage(v, f))
}

// replayCall makes new deliveries: to what is named, or to what matches now.
func (e *event) replayCall(ids []string) ui.Call {
	if ids == nil {
		return ui.Call{Method: http.MethodPost, Path: e.call("/replay")}
	}
	return callJSON(http.MethodPost, e.call("/replay"), map[string]any{"subscription_ids": ids})
}

// replayEvent sends the event again.
func (s *site) replayEvent(v *view) error {
	e, err := v.event()
	if err != nil {
		return err
	}
	f := &replayForm{event: e, text: searchText(v.form.Get("q")), chosen: map[string]bool{}}
	var ids []string
	if v.form.Get("to") == "chosen" {
		ids = append([]string{}, v.form["subscription_ids"]...)
		for _, id := range ids {
			f.chosen[id] = true
		}
		if len(ids) == 0 {
			f.fault = "Choose at least one subscription."
			return v.replayPage(http.StatusUnprocessableEntity, f)
		}
	}
	var made struct{ Deliveries []struct{ ID string } }
	err = v.do(e.replayCall(ids), &made)
	if wrong := faultsOf(err); wrong != nil {
		f.fault = wrong[""] + wrong["subscription_ids"]
		return v.replayPage(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	if len(made.Deliveries) == 0 {
		return v.goTo(e.path(), "No subscription matches it now, so nothing was sent.")
	}
	if len(made.Deliveries) == 1 {
		return v.goTo(deliveriesPath+"/"+made.Deliveries[0].ID, "It is being sent again, as this new delivery.")
	}
	return v.goTo(e.path(), itoa(len(made.Deliveries))+" new deliveries are being sent.")
}

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
	lines  []models.SubscriptionLine // to choose from: those that were chosen before the search, then what it found
	found  int
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
	given := v.r.URL.Query()
	f := &replayForm{event: e, text: searchText(given.Get("q"))}
	f.choose(given["subscription_ids"])
	return v.replayPage(http.StatusOK, f)
}

// choose ticks subscriptions. Failure policy: those beyond what one replay may name are left out.
func (f *replayForm) choose(ids []string) {
	f.chosen = map[string]bool{}
	for _, id := range ids[:min(len(ids), models.MaxNamedReplayTarget)] {
		f.chosen[id] = true
	}
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
	f.found = len(f.lines)
	if err := v.keepChosen(f, q); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(replayChoice(v, f))
	}
	return v.renderAs(status, f.Name, replayPage(v, f))
}

// keepChosen puts what was chosen before the search, and is not among what it found, before that.
func (v *view) keepChosen(f *replayForm, q models.SubscriptionQuery) error {
	shown := map[string]bool{}
	for _, l := range f.lines {
		shown[l.ID.String()] = true
	}
	q.Text, q.IDs = "", nil
	for text := range f.chosen {
		if id, err := models.ParseID(text); err == nil && !shown[text] {
			q.IDs = append(q.IDs, id)
		}
	}
	if q.Limit = len(q.IDs); q.Limit == 0 {
		return nil
	}
	kept, err := v.Store.SubscriptionPage(v.r.Context(), q)
	f.lines = append(kept, f.lines...)
	return err
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
	f := &replayForm{event: e, text: searchText(v.form.Get("q"))}
	f.choose(v.form["subscription_ids"])
	var ids []string
	if v.form.Get("to") == "chosen" {
		ids = append([]string{}, v.form["subscription_ids"]...)
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

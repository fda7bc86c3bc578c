package web

import (
	"net/http"

	"hookrouter/web/ui"
)

func (s *site) newSubscription(v *view) error {
	return v.showForm(http.StatusOK, newSubscriptionForm(v))
}

func (s *site) editSubscription(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.showForm(http.StatusOK, formOf(w))
}

func (v *view) showForm(status int, f *subscriptionForm) error {
	if err := f.choices(v); err != nil {
		return err
	}
	title := "New subscription"
	if f.was != nil {
		title = "Edit " + f.was.title()
	}
	return v.renderAs(status, title, subscriptionFormPage(v, title, f))
}

// sentForm is the form as it was sent.
func (v *view) sentForm() (*subscriptionForm, error) {
	f := newSubscriptionForm(v)
	if v.r.PathValue("id") != "" {
		w, err := v.webhook()
		if err != nil {
			return nil, err
		}
		f.was = w
	}
	f.read(v.form)
	return f, nil
}

func (s *site) createSubscription(v *view) error { return v.saveForm("Subscription created.") }

func (s *site) updateSubscription(v *view) error { return v.saveForm("Subscription saved.") }

func (v *view) saveForm(done string) error {
	f, err := v.sentForm()
	if err != nil {
		return err
	}
	var saved webhook
	err = v.sendForm(f, f.save(), &saved)
	late, lost := v.changedMeanwhile(f, err)
	switch {
	case lost != nil:
		return lost
	case late && f.says(f.was): // sent twice, or others had the same in mind
		return v.goTo(f.was.path(), done)
	case late:
		return v.showForm(http.StatusConflict, f)
	case f.faults != nil:
		return v.showForm(http.StatusUnprocessableEntity, f)
	case err != nil:
		return err
	}
	if f.was != nil && saved.Version == f.was.Version {
		done = "Nothing was changed, so nothing was saved."
	}
	return v.goTo(saved.path(), done)
}

// sendForm makes a call with what a form says and keeps what is wrong with it. Lines that can't become headers are not sent.
func (v *view) sendForm(f *subscriptionForm, c ui.Call, out any) error {
	if f.faults = f.lineFaults(); f.faults != nil {
		return nil
	}
	err := v.do(c, out)
	f.faults = faultsOf(err)
	f.placeHeaders(err)
	return err
}

// previewSubscription says what the form would do: beside it, or, without scripts, on the form's page.
func (s *site) previewSubscription(v *view) error {
	f, err := v.sentForm()
	if err != nil {
		return err
	}
	dry := &dryRun{}
	err = v.sendForm(f, f.preview(), dry)
	switch {
	case f.faults != nil:
	case err != nil:
		return err
	default:
		f.dry = dry
	}
	if !v.partial() {
		return v.showForm(http.StatusOK, f)
	}
	if err := listAll(v, "/v3/workspaces", &f.workspaceList); err != nil {
		return err
	}
	return v.fragment(subscriptionPreview(v, f))
}

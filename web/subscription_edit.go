package web

import (
	"net/http"
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
	if f.faults, err = f.try(v, f.save(), &saved); err != nil {
		return err
	}
	if f.faults != nil {
		return v.showForm(http.StatusUnprocessableEntity, f)
	}
	return v.goTo(saved.path(), done)
}

// previewSubscription says what the form would do: beside it, or, without scripts, on the form's page.
func (s *site) previewSubscription(v *view) error {
	f, err := v.sentForm()
	if err != nil {
		return err
	}
	dry := &dryRun{}
	if f.faults, err = f.try(v, f.preview(), dry); err != nil {
		return err
	}
	if f.faults == nil {
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

package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// jobForm is the form that starts a job.
type jobForm struct {
	kind         models.ResendKind
	subscription string // its id
	text         string // that subscriptions are searched by
	status       string
	event        string
	from, to     string // as datetime-local inputs write them, in UTC
	until        string // what to was taken for when it was previewed empty
	rate         string
	sandbox      bool

	names    []string
	title    string                    // of the subscription
	found    []models.SubscriptionLine // to choose from
	more     bool                      // there are more than are shown
	faults   faults
	preview  *jobPreview
	outdated bool // the preview is not the one that was asked to be sent
}

// jobPreview is what a dry run finds.
type jobPreview struct {
	Matching int64 `json:"matching"`
	Complete bool  `json:"complete"`
	Sample   []struct {
		ID        string                `json:"id"`
		EventID   string                `json:"event_id"`
		EventName string                `json:"event_name"`
		Status    models.DeliveryStatus `json:"status"`
		CreatedAt time.Time             `json:"created_at"`
	} `json:"sample"`
}

func kindOf(text string) models.ResendKind {
	if text == string(models.ResendBackfill) {
		return models.ResendBackfill
	}
	return models.ResendRetry
}

// newJob offers what the list that led here shows. To htmx it answers the subscriptions that a text finds.
func (s *site) newJob(v *view) error {
	given := v.r.URL.Query()
	f := &jobForm{kind: kindOf(given.Get("kind")), text: searchText(given.Get("q")), event: searchText(given.Get("event")), status: string(models.StatusFailed)}
	if v.partial() {
		f.subscription = searchText(given.Get("subscription_id"))
		if err := v.findSubscriptions(f); err != nil {
			return err
		}
		return v.fragment(jobSubscriptions(v, f))
	}
	times := readTimes(given)
	from, to := times.period(v.now)
	if from.IsZero() {
		from = v.now.Add(-24 * time.Hour)
	}
	f.from, f.rate = from.UTC().Format(inputLayout), strconv.Itoa(models.DefaultResendRate)
	if !to.IsZero() {
		f.to = to.UTC().Format(inputLayout)
	}
	if status := models.DeliveryStatus(given.Get("status")); slices.Contains(models.Statuses(), status) && status.Resendable() {
		f.status = string(status)
	}
	f.subscription = searchText(given.Get("subscription"))
	if id, err := models.ParseID(f.subscription); err == nil {
		if err := v.showsThatOf(id); err != nil {
			return err
		}
	}
	return v.showJobForm(http.StatusOK, f)
}

func (v *view) sentJob() *jobForm {
	text := func(name string) string { return strings.TrimSpace(v.form.Get(name)) }
	return &jobForm{
		kind: kindOf(text("kind")), subscription: text("subscription_id"), text: searchText(text("q")), status: text("status"),
		event: text("event_name"), from: text("from"), to: text("to"), until: text("until"), rate: text("rate_per_second"), sandbox: v.sandbox(),
	}
}

// call is what starts the job, or tries it out.
func (f *jobForm) call(dry bool) ui.Call {
	body := map[string]any{"from": instantOf(f.from), "rate_per_second": numberOf(f.rate)}
	if to := orWords(f.to, f.until); to != "" {
		body["to"] = instantOf(to)
	}
	if f.event != "" {
		body["event_name"] = f.event
	}
	if dry {
		body["dry_run"] = true
	}
	if f.kind == models.ResendBackfill {
		return callJSON(http.MethodPost, "/v3/webhooks/"+url.PathEscape(orWords(f.subscription, "ID"))+"/backfill", body)
	}
	body["status"], body["sandbox"] = f.status, f.sandbox
	if f.subscription != "" {
		body["subscription_id"] = f.subscription
	}
	return callJSON(http.MethodPost, "/v3/deliveries/retry", body)
}

// about is what its preview is of.
func (f *jobForm) about() string {
	return previewOf(map[string]string{
		"kind": string(f.kind), "subscription": f.subscription, "status": f.status, "event": f.event, "from": f.from, "to": orWords(f.to, f.until),
		"sandbox": strconv.FormatBool(f.sandbox),
	}, f.preview.Matching, f.preview.Complete)
}

// instantOf is a time for the API, nil for none.
func instantOf(s string) any {
	if s == "" {
		return nil
	}
	return timeForAPI(s)
}

// startJob starts it or, by other buttons, says first what it would be about, or finds the subscription. What was previewed is started
// only as it was previewed.
func (s *site) startJob(v *view) error {
	if !v.named {
		return models.Errorf(models.CodeInvalid, "The form does not say which environment it is about, so nothing was sent. Open the page again.")
	}
	f := v.sentJob()
	previewed := v.form.Get(previewedParameter)
	do := v.form.Get("do")
	if do == "search" {
		return v.showJobForm(http.StatusOK, f)
	}
	if fault, err := v.misplaced(f); fault != "" || err != nil {
		f.faults = faults{"subscription_id": fault}
		return orFail(err, func() error { return v.showJobForm(http.StatusUnprocessableEntity, f) })
	}
	if do != "start" || previewed != "" {
		if do != "start" {
			f.until = v.untilNow()
		}
		err := v.previewJob(f)
		switch {
		case err != nil || f.faults != nil:
			return orFail(err, func() error { return v.showJobForm(http.StatusUnprocessableEntity, f) })
		case do != "start":
			return v.showJobForm(http.StatusOK, f)
		case f.about() != previewed:
			f.outdated = true
			return v.showJobForm(http.StatusUnprocessableEntity, f)
		}
	}
	var started job
	err := v.do(f.call(false), &started)
	if f.faults = faultsOf(err); f.faults != nil {
		f.preview = nil
		return v.showJobForm(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return v.goTo(started.path(), "Started.")
}

// orFail goes on where there is no error.
func orFail(err error, otherwise func() error) error {
	if err != nil {
		return err
	}
	return otherwise()
}

// previewJob finds out what the job would be about, or what is wrong with the form.
func (v *view) previewJob(f *jobForm) error {
	f.preview = &jobPreview{}
	err := v.do(f.call(true), f.preview)
	if f.faults = faultsOf(err); f.faults != nil {
		f.preview = nil
		return nil
	}
	return err
}

// misplaced says what is wrong with the subscription: there is none, or it is of the environment that the form is not about.
func (v *view) misplaced(f *jobForm) (fault string, err error) {
	if f.subscription == "" {
		if f.kind == models.ResendBackfill {
			return "Choose a subscription.", nil
		}
		return "", nil
	}
	id, wrong := models.ParseID(f.subscription)
	if wrong != nil {
		return "There is no such subscription.", nil //nolint:nilerr // it is said beside the field
	}
	titles, err := v.titlesOf([]models.ID{id})
	t, ok := titles[id]
	switch {
	case err != nil:
		return "", err
	case !ok || t.Deleted:
		return "There is no such subscription.", nil
	case t.Sandbox != f.sandbox:
		return "This subscription is of the other environment. Nothing was sent.", nil
	}
	return "", nil
}

func isID(s string) bool {
	_, err := models.ParseID(s)
	return err == nil
}

// mishapStatus is the status of an error's page, 0 for none.
func mishapStatus(err error) int {
	if err == nil {
		return 0
	}
	return mishapOf(err).status
}

// fewSubscriptions is how many there are to choose from at once; others are searched for.
const fewSubscriptions = 6

// findSubscriptions finds those of the environment to choose from, the newest where nothing was typed, and what the chosen one is called.
func (v *view) findSubscriptions(f *jobForm) (err error) {
	if f.found, err = v.Store.SubscriptionPage(v.r.Context(), subscriptionQuery(v, f.text, "", fewSubscriptions+1)); err != nil {
		return err
	}
	if f.more = len(f.found) > fewSubscriptions; f.more {
		f.found = f.found[:fewSubscriptions]
	}
	id, wrong := models.ParseID(f.subscription)
	if wrong != nil {
		return nil //nolint:nilerr // none is chosen
	}
	titles, err := v.titlesOf([]models.ID{id})
	if _, ok := titles[id]; ok {
		f.title = subscriptionTitle(titles, id)
	}
	return err
}

func (v *view) showJobForm(status int, f *jobForm) (err error) {
	f.sandbox = v.sandbox()
	if f.names, err = v.eventNames(); err != nil {
		return err
	}
	if err := v.findSubscriptions(f); err != nil {
		return err
	}
	return v.renderAs(status, "Send many again", jobFormPage(v, f))
}

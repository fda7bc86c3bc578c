package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const jobsPath = root + "/jobs"

// job sends many again, as the API shows it.
type job struct {
	ID             string                 `json:"id"`
	Kind           models.ResendKind      `json:"kind"`
	State          models.ResendState     `json:"state"`
	Sandbox        *bool                  `json:"sandbox"`
	SubscriptionID *string                `json:"subscription_id"`
	Status         *models.DeliveryStatus `json:"status"`
	EventName      *string                `json:"event_name"`
	From           time.Time              `json:"from"`
	To             time.Time              `json:"to"`
	Rate           int                    `json:"rate_per_second"`
	Sent           int                    `json:"sent"`
	Skipped        int                    `json:"skipped"`
	ReachedAt      *time.Time             `json:"reached_at"`
	CreatedAt      time.Time              `json:"created_at"`
	UpdatedAt      *time.Time             `json:"updated_at"`
	EndedAt        *time.Time             `json:"ended_at"`
}

func (j *job) path() string { return jobsPath + "/" + j.ID }

func (j *job) call() string { return "/v3/jobs/" + j.ID }

func (j *job) title() string {
	if j.Kind == models.ResendBackfill {
		return "Backfill"
	}
	return "Retry of deliveries"
}

func (j *job) state() ui.State {
	switch j.State {
	case models.ResendRunning:
		return ui.State{Word: "Running", Tone: ui.Wait}
	case models.ResendDone:
		return ui.State{Word: "Done", Tone: ui.Good}
	case models.ResendCanceled:
		return ui.State{Word: "Canceled", Tone: ui.Quiet}
	case models.ResendStopped:
		return ui.State{Word: "Stopped", Tone: ui.Bad}
	}
	return ui.State{Word: string(j.State), Tone: ui.Quiet}
}

// percent is how far between from and to it has come.
func (j *job) percent() int {
	whole := j.To.Sub(j.From)
	switch {
	case j.State == models.ResendDone:
		return 100
	case j.ReachedAt == nil || whole <= 0:
		return 0
	}
	return min(99, max(0, int(100*j.ReachedAt.Sub(j.From)/whole)))
}

// about says what it sends.
func (j *job) about() string {
	var b strings.Builder
	switch {
	case j.Kind == models.ResendBackfill:
		b.WriteString("Events that the subscription matches and never got")
	case j.Status != nil:
		b.WriteString("Deliveries that " + statusClause(*j.Status))
	default:
		b.WriteString("Deliveries")
	}
	if j.EventName != nil {
		b.WriteString(", named " + *j.EventName)
	}
	return b.String()
}

// statusClause is a status as the end of a sentence about deliveries.
func statusClause(s models.DeliveryStatus) string {
	switch s {
	case models.StatusDelivered:
		return "arrived"
	case models.StatusFailed:
		return "failed"
	case models.StatusRetrying:
		return "are being retried"
	case models.StatusParked:
		return "are parked"
	case models.StatusCanceled:
		return "were canceled"
	case models.StatusPending, models.StatusDelivering: // no job is about them
	}
	return "are " + string(s)
}

func (v *view) job() (*job, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such job.")
	}
	j := &job{}
	return j, v.get("/v3/jobs/"+id.String(), j)
}

func (s *site) listJobs(v *view) error {
	const each = "25"
	q := url.Values{"limit": {each}}
	after := v.r.URL.Query().Get("after")
	set(q, "after", after)
	var page apiPage[job]
	if err := v.get("/v3/jobs?"+q.Encode(), &page); err != nil {
		return err
	}
	first, next := page.pages(jobsPath, v.r.URL.Query())
	return v.render("Jobs", jobsPage(v, page.Data, first, next))
}

func (s *site) showJob(v *view) error {
	j, err := v.job()
	if err != nil {
		return err
	}
	titles := map[models.ID]models.SubscriptionTitle{}
	if j.SubscriptionID != nil {
		if id, err := models.ParseID(*j.SubscriptionID); err == nil {
			if titles, err = v.titlesOf([]models.ID{id}); err != nil {
				return err
			}
		}
	}
	return v.render(j.title(), showJobPage(v, j, titles))
}

func (s *site) followJob(v *view) error {
	if _, err := v.job(); err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		j, err := v.job()
		return jobProgress(v, j), err
	})
}

func (s *site) cancelJob(v *view) error {
	j, err := v.job()
	if err != nil {
		return err
	}
	if err := v.do(ui.Call{Method: http.MethodDelete, Path: j.call()}, nil); err != nil {
		return err
	}
	return v.goTo(j.path(), "Canceled. What it had put in the queue is still sent.")
}

// jobForm is the form that starts a job.
type jobForm struct {
	kind         models.ResendKind
	subscription string // its id
	status       string
	event        string
	from, to     string // as datetime-local inputs write them, in UTC
	rate         string
	sandbox      bool

	names   []string
	title   string // of the subscription
	faults  faults
	preview *jobPreview
}

// jobPreview is what a dry run finds.
type jobPreview struct {
	Matching int  `json:"matching"`
	Complete bool `json:"complete"`
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

// newJob offers what the list that led here shows.
func (s *site) newJob(v *view) error {
	given := v.r.URL.Query()
	times := readTimes(given)
	from, to := times.period(v.now)
	if from.IsZero() {
		from = v.now.Add(-24 * time.Hour)
	}
	f := &jobForm{
		kind: kindOf(given.Get("kind")), subscription: searchText(given.Get("subscription")), event: searchText(given.Get("event")),
		from: from.UTC().Format(inputLayout), rate: strconv.Itoa(models.DefaultResendRate), sandbox: v.sandbox(), status: string(models.StatusFailed),
	}
	if !to.IsZero() {
		f.to = to.UTC().Format(inputLayout)
	}
	if status := models.DeliveryStatus(given.Get("status")); slices.Contains(models.Statuses(), status) && status.Resendable() {
		f.status = string(status)
	}
	return v.showJobForm(http.StatusOK, f)
}

func (v *view) sentJob() *jobForm {
	text := func(name string) string { return strings.TrimSpace(v.form.Get(name)) }
	return &jobForm{
		kind: kindOf(text("kind")), subscription: text("subscription_id"), status: text("status"), event: text("event_name"),
		from: text("from"), to: text("to"), rate: text("rate_per_second"), sandbox: v.sandbox(),
	}
}

// switched reports whether the pages showed the other environment when the form was opened: what it is about is not what was meant then.
func (v *view) switched(f *jobForm) bool {
	return f.kind == models.ResendRetry && f.subscription == "" && v.form.Get("sandbox") == strconv.FormatBool(!f.sandbox)
}

// call is what starts the job, or tries it out.
func (f *jobForm) call(dry bool) ui.Call {
	body := map[string]any{"from": instantOf(f.from), "rate_per_second": numberOf(f.rate)}
	if f.to != "" {
		body["to"] = instantOf(f.to)
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
	body["status"] = f.status
	if f.subscription != "" {
		body["subscription_id"] = f.subscription
	} else {
		body["sandbox"] = f.sandbox
	}
	return callJSON(http.MethodPost, "/v3/deliveries/retry", body)
}

// instantOf is a time for the API, nil for none.
func instantOf(s string) any {
	if s == "" {
		return nil
	}
	return timeForAPI(s)
}

// startJob starts it, or, by the other button, says first what it would be about.
func (s *site) startJob(v *view) error {
	f := v.sentJob()
	dry := v.form.Get("do") != "start"
	var started job
	err := error(nil)
	if f.kind == models.ResendBackfill && !isID(f.subscription) {
		f.faults = faults{"subscription_id": "Give the id of a subscription."}
		return v.showJobForm(http.StatusUnprocessableEntity, f)
	}
	if v.switched(f) {
		f.faults = faults{"": "You switched to the other environment after this form was opened. Now it is about " + environmentName(f.sandbox) + ": look at it again."}
		return v.showJobForm(http.StatusUnprocessableEntity, f)
	}
	if dry {
		f.preview = &jobPreview{}
		err = v.do(f.call(true), f.preview)
	} else {
		err = v.do(f.call(false), &started)
	}
	if r := mishapStatus(err); r == http.StatusNotFound {
		f.faults = faults{"subscription_id": "There is no subscription with this id."}
	} else {
		f.faults = faultsOf(err)
	}
	switch {
	case f.faults != nil:
		f.preview = nil
		return v.showJobForm(http.StatusUnprocessableEntity, f)
	case err != nil:
		return err
	case dry:
		return v.showJobForm(http.StatusOK, f)
	}
	return v.goTo(started.path(), "Started.")
}

func environmentName(sandbox bool) string {
	if sandbox {
		return "the sandbox"
	}
	return "production"
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

func (v *view) showJobForm(status int, f *jobForm) (err error) {
	if f.names, err = v.eventNames(); err != nil {
		return err
	}
	if id, wrong := models.ParseID(f.subscription); wrong == nil {
		titles, err := v.titlesOf([]models.ID{id})
		if err != nil {
			return err
		}
		if _, ok := titles[id]; ok {
			f.title = subscriptionTitle(titles, id)
		}
	}
	return v.renderAs(status, "Send many again", jobFormPage(v, f))
}

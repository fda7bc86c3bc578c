package web

import (
	"net/http"
	"net/url"
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
	if err := v.get("/v3/jobs/"+id.String(), j); err != nil {
		return nil, err
	}
	v.shows(j.Sandbox != nil && *j.Sandbox) // what goes through both goes through production too
	return j, nil
}

// wide says that it goes through more than the environment that its list is of.
func (j *job) wide() bool { return j.Sandbox == nil }

// deliveries is the list of what it was about: deliveries of the time that it went through, or those that it made.
func (j *job) deliveries() string {
	from, to := j.From, &j.To
	if j.Kind == models.ResendBackfill {
		from, to = j.CreatedAt, j.EndedAt
	}
	f := deliveryFilter{times: timeFilter{from: from.UTC().Truncate(time.Second).Format(inputLayout + ":05")}}
	if to != nil {
		f.times.to = to.UTC().Add(time.Second - 1).Truncate(time.Second).Format(inputLayout + ":05")
	}
	if j.EventName != nil {
		f.event = *j.EventName
	}
	if j.SubscriptionID != nil {
		f.subscription, _ = models.ParseID(*j.SubscriptionID) // as the API wrote it
	}
	return f.address(deliveriesPath, models.ID{})
}

func (s *site) listJobs(v *view) error {
	const each = "25"
	q := url.Values{"limit": {each}, "sandbox": {strconv.FormatBool(v.sandbox())}}
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
		if titles, err = v.titles([]string{*j.SubscriptionID}); err != nil {
			return err
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

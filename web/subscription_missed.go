package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// What can be missed: events that it never got, and deliveries that failed.
const (
	missedNever  = "never"
	missedFailed = "failed"
)

// missedForm is the form to send a subscription what it missed: what was typed, what is wrong with it, and what it would be about.
type missedForm struct {
	kind, from, to, event, rate string
	faults                      faults
	dry                         *missedCount
	job                         *jobLine // that was started
	names                       []string
}

// missedCount is the answer of a dry run.
type missedCount struct {
	Matching int64 `json:"matching"`
	Complete bool  `json:"complete"`
	Sample   []struct {
		EventName string    `json:"event_name"`
		CreatedAt time.Time `json:"created_at"`
	} `json:"sample"`
}

// jobLine is a job as the API shows it.
type jobLine struct {
	ID             string     `json:"id"`
	State          string     `json:"state"`
	SubscriptionID string     `json:"subscription_id"`
	From           time.Time  `json:"from"`
	To             time.Time  `json:"to"`
	Sent           int64      `json:"sent"`
	Skipped        int64      `json:"skipped"`
	ReachedAt      *time.Time `json:"reached_at"`
}

// state is how a job is, for a badge.
func (j *jobLine) state() ui.State {
	switch j.State {
	case "running":
		return ui.State{Word: "Running", Tone: ui.Wait}
	case "done":
		return ui.State{Word: "Done", Tone: ui.Good}
	case "canceled":
		return ui.State{Word: "Canceled", Tone: ui.Quiet}
	}
	return ui.State{Word: "Stopped", Tone: ui.Bad}
}

// jobSteps is how finely the progress of a job is told.
const jobSteps = 100

// reached is how much of its period a job has gone through, of jobSteps.
func (j *jobLine) reached() int {
	all := j.To.Sub(j.From)
	switch {
	case j.State == "done":
		return jobSteps
	case j.ReachedAt == nil || all <= 0:
		return 0
	}
	return int(min(max(j.ReachedAt.Sub(j.From)*jobSteps/all, 0), jobSteps))
}

// formTime is how a browser writes a time in a form: without a zone, which is UTC here.
const formTime = "2006-01-02T15:04"

// timeOf is a time of a form as the API takes it. What is none goes as it was typed, so that the API says what is wrong with it.
func timeOf(s string) any {
	for _, layout := range []string{formTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return orNull(s)
}

// call is the call that the form makes.
func (f *missedForm) call(w *webhook, dry bool) ui.Call {
	body := map[string]any{"from": timeOf(f.from), "to": timeOf(f.to), "event_name": orNull(f.event), "rate_per_second": numberOf(f.rate), "dry_run": dry}
	if f.kind == missedFailed {
		body["subscription_id"] = w.ID
		return callJSON(http.MethodPost, "/v3/deliveries/retry", body)
	}
	return callJSON(http.MethodPost, w.call("/backfill"), body)
}

func (s *site) showMissed(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	f := &missedForm{kind: missedFailed, from: v.now.UTC().Add(-24 * time.Hour).Format(formTime), rate: "50"}
	if id := v.r.URL.Query().Get("job"); id != "" {
		if f.job, err = v.jobOf(w, id); err != nil {
			return err
		}
	}
	return v.missedPage(http.StatusOK, w, f)
}

func (v *view) missedPage(status int, w *webhook, f *missedForm) error {
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return err
	}
	for _, t := range types {
		for _, p := range w.Events {
			if models.Pattern(p).Match(t.Name) {
				f.names = append(f.names, t.Name)
				break
			}
		}
	}
	return v.renderAs(status, w.title(), missedPage(v, &aboutSubscription{webhook: w, tab: "Missed"}, f))
}

// jobOf is a job about the subscription.
func (v *view) jobOf(w *webhook, text string) (*jobLine, error) {
	none := models.Errorf(models.CodeNotFound, "There is no such job of this subscription.")
	id, err := models.ParseID(text)
	if err != nil {
		return nil, none
	}
	j := &jobLine{}
	if err := v.get("/v3/jobs/"+id.String(), j); err != nil {
		return nil, err
	}
	if j.SubscriptionID != w.ID {
		return nil, none
	}
	return j, nil
}

// sendMissed counts what would be sent, or begins to send it.
func (s *site) sendMissed(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	f := &missedForm{
		kind: v.form.Get("kind"), from: strings.TrimSpace(v.form.Get("from")), to: strings.TrimSpace(v.form.Get("to")),
		event: v.form.Get("event_name"), rate: strings.TrimSpace(v.form.Get("rate_per_second")),
	}
	if v.form.Get("do") != "send" {
		f.dry = &missedCount{}
		err = v.do(f.call(w, true), f.dry)
	} else {
		f.job = &jobLine{}
		err = v.do(f.call(w, false), f.job)
	}
	if f.faults = faultsOf(err); f.faults != nil {
		f.dry, f.job = nil, nil
		return v.missedPage(http.StatusUnprocessableEntity, w, f)
	}
	if err != nil {
		return err
	}
	if f.job != nil {
		return v.goTo(w.path()+"/missed?job="+f.job.ID, "It has begun.")
	}
	return v.missedPage(http.StatusOK, w, f)
}

// liveMissed shows how far a job is.
func (s *site) liveMissed(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		j, err := v.jobOf(w, v.r.PathValue("job"))
		if err != nil {
			return nil, err
		}
		return missedProgress(j), nil
	})
}

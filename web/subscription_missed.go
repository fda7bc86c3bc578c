package web

import (
	"net/http"
	"strings"
	"time"

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
	until                       string // what to was taken for when it was counted empty
	faults                      faults
	dry                         *missedCount
	outdated                    bool // the count is not the one that was asked to be sent
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
	body := map[string]any{"from": timeOf(f.from), "to": timeOf(orWords(f.to, f.until)), "event_name": orNull(f.event), "rate_per_second": numberOf(f.rate), "dry_run": dry}
	if f.kind == missedFailed {
		body["subscription_id"], body["sandbox"] = w.ID, w.Sandbox
		return callJSON(http.MethodPost, "/v3/deliveries/retry", body)
	}
	return callJSON(http.MethodPost, w.call("/backfill"), body)
}

// about is what its count is of.
func (f *missedForm) about() string {
	return previewOf(map[string]string{"kind": f.kind, "from": f.from, "to": orWords(f.to, f.until), "event": f.event}, f.dry.Matching, f.dry.Complete)
}

func (s *site) showMissed(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	f := &missedForm{kind: missedFailed, from: v.now.UTC().Add(-24 * time.Hour).Format(formTime), rate: "50"}
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

// sendMissed counts what would be sent, or begins to send it and leads to the job that does. What was counted is sent only as it was counted.
func (s *site) sendMissed(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	f := &missedForm{
		kind: v.form.Get("kind"), from: strings.TrimSpace(v.form.Get("from")), to: strings.TrimSpace(v.form.Get("to")),
		event: v.form.Get("event_name"), rate: strings.TrimSpace(v.form.Get("rate_per_second")), until: v.form.Get("until"),
	}
	counted, send := v.form.Get(previewedParameter), v.form.Get("do") == "send"
	if !send {
		f.until = v.untilNow()
	}
	if !send || counted != "" {
		f.dry = &missedCount{}
		err = v.do(f.call(w, true), f.dry)
	}
	if f.outdated = err == nil && send && counted != "" && f.about() != counted; f.outdated {
		return v.missedPage(http.StatusUnprocessableEntity, w, f)
	}
	var started *job
	if err == nil && send {
		started = &job{}
		err = v.do(f.call(w, false), started)
	}
	if f.faults = faultsOf(err); f.faults != nil {
		f.dry = nil
		return v.missedPage(http.StatusUnprocessableEntity, w, f)
	}
	if err != nil {
		return err
	}
	if started != nil {
		return v.goTo(started.path(), "It has begun.")
	}
	return v.missedPage(http.StatusOK, w, f)
}

package web

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// delivery is one delivery with all that happened to it, as the API shows it.
type delivery struct {
	ID             string                `json:"id"`
	EventID        string                `json:"event_id"`
	EventName      string                `json:"event_name"`
	Sandbox        bool                  `json:"sandbox"`
	Test           bool                  `json:"test"`
	SubscriptionID string                `json:"subscription_id"`
	Version        int                   `json:"subscription_version"`
	Status         models.DeliveryStatus `json:"status"`
	Attempts       int                   `json:"attempt_count"`
	OnDemand       bool                  `json:"on_demand"`
	Replay         bool                  `json:"replay"`
	ReplayOf       *string               `json:"replay_of"`
	NextAttemptAt  *time.Time            `json:"next_attempt_at"`
	Reason         *models.Reason        `json:"reason"`
	CreatedAt      time.Time             `json:"created_at"`
	UpdatedAt      *time.Time            `json:"updated_at"`
	RequestBody    *string               `json:"request_body"`
	PayloadRemoved bool                  `json:"payload_removed"`
	Tries          []attempt             `json:"attempts"`
}

// attempt is one call of the endpoint.
type attempt struct {
	Number     int            `json:"number"`
	StartedAt  time.Time      `json:"started_at"`
	Success    bool           `json:"success"`
	Reason     *models.Reason `json:"reason"`
	Detail     *string        `json:"detail"`
	Endpoint   string         `json:"endpoint"`
	Redirects  int            `json:"redirects"`
	Request    message        `json:"request"`
	Response   *message       `json:"response"`
	RetryAfter *float64       `json:"retry_after_seconds"`
	Timings    timings        `json:"timings_ms"`
}

// message is what one side sent.
type message struct {
	Status    int      `json:"status"`
	Headers   []header `json:"headers"`
	Body      string   `json:"body"`
	Truncated bool     `json:"body_truncated"`
}

type header struct{ Name, Value string }

// lines are the headers as they are written in a request.
func (m message) lines() string {
	var b strings.Builder
	for _, h := range m.Headers {
		b.WriteString(h.Name + ": " + h.Value + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// timings are the parts of an attempt, in milliseconds. FirstByte and Total are counted from its beginning.
type timings struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte"`
	Total     float64 `json:"total"`
}

// spans are the parts one after the other. What was waited for the first byte includes sending the request.
func (t timings) spans() []ui.Span {
	connected := t.DNS + t.Connect + t.TLS
	wait, body, waited := t.FirstByte-connected, t.Total-t.FirstByte, "first byte"
	if t.FirstByte == 0 { // none came
		wait, body, waited = t.Total-connected, 0, "until it failed"
	}
	var list []ui.Span
	for _, s := range []struct {
		label string
		ms    float64
	}{{"dns", t.DNS}, {"connect", t.Connect}, {"tls", t.TLS}, {waited, wait}, {"body", body}} {
		if s.ms > 0 {
			list = append(list, ui.Span{Label: s.label, Time: time.Duration(s.ms * float64(time.Millisecond))})
		}
	}
	return list
}

func (t timings) total() time.Duration { return time.Duration(t.Total * float64(time.Millisecond)) }

func (d *delivery) path() string { return deliveriesPath + "/" + d.ID }

func (d *delivery) retryCall() ui.Call {
	return ui.Call{Method: http.MethodPost, Path: "/v3/deliveries/" + d.ID + "/retry"}
}

// last is the newest attempt, nil where there is none.
func (d *delivery) last() *attempt {
	if len(d.Tries) == 0 {
		return nil
	}
	return &d.Tries[len(d.Tries)-1]
}

// story says in a sentence what became of it.
func (d *delivery) story() string {
	switch d.Status {
	case models.StatusDelivered:
		return d.arrivalStory()
	case models.StatusFailed:
		if d.Test {
			return "The test failed. Tests are not tried again."
		}
		return "No attempt is left. Send it again once the endpoint is well."
	case models.StatusRetrying:
		return "The last attempt failed. It is tried again by itself."
	case models.StatusParked:
		return "It is held while its subscription is suspended, and sent once that is resumed."
	case models.StatusCanceled:
		if d.Reason != nil {
			return reasonAdvice(*d.Reason, 0)
		}
	case models.StatusPending:
		return "It waits for an attempt."
	case models.StatusDelivering:
		return "It is being sent."
	}
	return ""
}

// arrivalStory says when it arrived, and how often since: what has arrived may be sent again.
func (d *delivery) arrivalStory() string {
	first, times := 0, 0
	for _, a := range d.Tries {
		if a.Success {
			if times++; first == 0 {
				first = a.Number
			}
		}
	}
	text := "It arrived at once"
	if first > 1 {
		text = "It arrived with attempt " + itoa(first)
	}
	switch {
	case times == 2:
		text += ", and once more when it was sent again"
	case times > 2:
		text += ", and " + itoa(times-1) + " times more when it was sent again"
	}
	return text + "."
}

// stuck says why it can't be sent again, "" where it can. The subscription is nil where that was deleted.
func (d *delivery) stuck(w *webhook) string {
	switch {
	case w == nil:
		return "Its subscription was deleted, so it can't be sent again."
	case d.PayloadRemoved:
		return "The event's data was removed, so it can't be sent again."
	case !d.Status.Resendable():
		return "It is on its way, so there is nothing to send again yet."
	}
	return ""
}

// delivery reads the one that the path names.
func (v *view) delivery() (*delivery, error) {
	id, err := models.ParseID(v.r.PathValue("id"))
	if err != nil {
		return nil, models.Errorf(models.CodeNotFound, "There is no such delivery.")
	}
	d := &delivery{}
	return d, v.get("/v3/deliveries/"+id.String(), d)
}

func (s *site) showDelivery(v *view) error {
	d, err := v.delivery()
	if err != nil {
		return err
	}
	return v.deliveryPage(http.StatusOK, d, "")
}

func (v *view) deliveryPage(status int, d *delivery, fault string) error {
	if id, err := models.ParseID(d.SubscriptionID); err == nil { // a test is told to be of the sandbox, wherever it goes
		if err := v.showsThatOf(id); err != nil {
			return err
		}
	}
	w, err := v.subscriptionOf(d)
	if err != nil {
		return err
	}
	return v.renderAs(status, d.EventName, deliveryPage(v, d, w, fault))
}

// subscriptionOf is where it goes, nil where that was deleted.
func (v *view) subscriptionOf(d *delivery) (*webhook, error) {
	w := &webhook{}
	if err := v.get("/v3/webhooks/"+d.SubscriptionID, w); err != nil {
		if mishapOf(err).status != http.StatusNotFound {
			return nil, err
		}
		return nil, nil //nolint:nilnil // deleted, which is what nil means
	}
	return w, nil
}

// followDelivery keeps one delivery up to date while somebody looks at it.
func (s *site) followDelivery(v *view) error {
	d, err := v.delivery()
	if err != nil {
		return err
	}
	w, err := v.subscriptionOf(d)
	if err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		d, err := v.delivery()
		return deliveryProgress(v, d, w), err
	})
}

// pretty is a JSON text with one value a line, and "" where it is no JSON or has that form already.
func pretty(text string) string {
	var b bytes.Buffer
	if !utf8.ValidString(text) || json.Indent(&b, []byte(text), "", "  ") != nil || b.String() == text {
		return ""
	}
	return b.String()
}

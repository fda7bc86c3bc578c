package web

import (
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// retryPlan is what the API plans for a delivery in an outage.
type retryPlan struct {
	From        time.Time             `json:"from"`
	Until       *time.Time            `json:"until"`
	Status      models.DeliveryStatus `json:"status"`
	Reason      *string               `json:"reason"`
	DeliveredAt *time.Time            `json:"delivered_at"`
	Jitter      float64               `json:"jitter"`
	Attempts    []plannedAttempt      `json:"attempts"`
}

type plannedAttempt struct {
	Number   int        `json:"number"`
	At       *time.Time `json:"at"`
	Earliest time.Time  `json:"earliest"`
	Latest   time.Time  `json:"latest"`
	Success  bool       `json:"success"`
	Certain  bool       `json:"certain"`
}

// outcome is how the attempt ends, for a badge.
func (a plannedAttempt) outcome() ui.State {
	switch {
	case a.At == nil:
		return ui.State{Word: "Perhaps", Tone: ui.Quiet}
	case a.Success:
		return ui.State{Word: "Succeeds", Tone: ui.Good}
	}
	return ui.State{Word: "Fails", Tone: ui.Bad}
}

// planForm is what the plan supposes, as it was typed.
type planForm struct {
	failingFor, from, failingWith, retryAfter string
	faults                                    faults
}

// query is the form as the API takes it.
func (f *planForm) query() string {
	q := url.Values{}
	for name, value := range map[string]string{"failing_for": f.failingFor, "from": timeForAPI(f.from), "failing_with": f.failingWith, "retry_after": f.retryAfter} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}

// planReasons are the ways to fail that a plan may suppose.
func planReasons() []ui.Choice {
	list := []ui.Choice{{Value: "", Label: reasonTitle(models.ReasonStatus)}}
	for _, r := range models.AttemptReasons() {
		if r != models.ReasonStatus {
			list = append(list, ui.Choice{Value: string(r), Label: reasonTitle(r)})
		}
	}
	return list
}

// showRetryPlan draws when a delivery would be tried. Its form is a GET, so that a plan has an address.
func (s *site) showRetryPlan(v *view) error {
	w, err := v.webhook()
	if err != nil {
		return err
	}
	given := v.r.URL.Query()
	text := func(name string) string { return strings.TrimSpace(given.Get(name)) }
	f := &planForm{failingFor: text("failing_for"), from: text("from"), failingWith: text("failing_with"), retryAfter: text("retry_after")}
	if len(given) == 0 {
		f.failingFor = "6h"
	}
	status, plan := http.StatusOK, &retryPlan{}
	err = v.get(w.call("/retry_plan"+f.query()), plan)
	if f.faults = faultsOf(err); f.faults != nil {
		status, plan = http.StatusUnprocessableEntity, nil
	} else if err != nil {
		return err
	}
	return v.renderAs(status, w.title(), retryPlanPage(v, &aboutSubscription{webhook: w, tab: "Retry plan"}, f, plan))
}

// span is from the first attempt to the last moment that the plan tells about.
func (p *retryPlan) span() time.Duration {
	end := p.From
	for _, a := range p.Attempts {
		if a.Latest.After(end) {
			end = a.Latest
		}
	}
	if p.Until != nil && p.Until.After(end) {
		end = *p.Until
	}
	return max(end.Sub(p.From), time.Minute)
}

// drawn is a plan on an axis of a width. The axis is logarithmic, because attempts begin minutes apart and end hours apart.
type drawn struct {
	width  int
	outage drawnMark // from 0; without one its width is ""
	marks  []drawnMark
	ticks  []drawnMark
}

type drawnMark struct{ x, width, middle, label, class, title string }

const (
	axisMargin = 14.0
	axisUnit   = 20 * time.Second // what is shorter lies side by side
)

// place is where a time after the beginning lies on an axis.
func place(after, span time.Duration, width float64) float64 {
	scale := func(d time.Duration) float64 { return math.Log1p(float64(max(d, 0)) / float64(axisUnit)) }
	return axisMargin + (width-2*axisMargin)*scale(after)/scale(span)
}

func coordinate(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// draw lays the plan out.
func (p *retryPlan) draw(width int) drawn {
	d, w, span := drawn{width: width}, float64(width), p.span()
	at := func(t time.Time) float64 { return place(t.Sub(p.From), span, w) }
	end := w - axisMargin
	if p.Until != nil {
		end = at(*p.Until)
	}
	d.outage = drawnMark{x: coordinate(axisMargin), width: coordinate(end - axisMargin)}
	for _, a := range p.Attempts {
		m := drawnMark{x: coordinate(at(a.Earliest)), class: "fails", title: "Attempt " + strconv.Itoa(a.Number)}
		m.width = coordinate(max(at(a.Latest)-at(a.Earliest), 1))
		middle := a.Earliest
		if a.At != nil {
			middle = *a.At
		}
		m.middle = coordinate(at(middle))
		switch {
		case a.At == nil:
			m.class = "maybe"
		case a.Success:
			m.class = "succeeds"
		}
		d.marks = append(d.marks, m)
	}
	last := math.Inf(-1)
	for _, t := range []struct {
		after time.Duration
		label string
	}{
		{0, "0"},
		{time.Minute, "1 min"},
		{5 * time.Minute, "5 min"},
		{15 * time.Minute, "15 min"},
		{time.Hour, "1 h"},
		{3 * time.Hour, "3 h"},
		{6 * time.Hour, "6 h"},
		{12 * time.Hour, "12 h"},
		{24 * time.Hour, "1 day"},
		{3 * 24 * time.Hour, "3 days"},
		{7 * 24 * time.Hour, "1 week"},
		{30 * 24 * time.Hour, "30 days"},
		{120 * 24 * time.Hour, "120 days"},
	} {
		if x := place(t.after, span, w); t.after <= span && x-last > 58 && x < w-8 {
			d.ticks = append(d.ticks, drawnMark{x: coordinate(x), label: t.label})
			last = x
		}
	}
	return d
}

// summary says what becomes of the delivery.
func (p *retryPlan) summary() ui.State {
	switch p.Status {
	case models.StatusDelivered:
		return ui.State{Word: "Delivered in the end", Tone: ui.Good}
	case models.StatusFailed:
		return ui.State{Word: "Given up", Tone: ui.Bad}
	case models.StatusCanceled:
		return ui.State{Word: "Canceled", Tone: ui.Bad}
	case models.StatusRetrying:
		return ui.State{Word: "Goes on", Tone: ui.Wait}
	default:
		return deliveryState(p.Status)
	}
}

// perhaps reports whether there are attempts that only jitter can bring about.
func (p *retryPlan) perhaps() bool {
	return slices.ContainsFunc(p.Attempts, func(a plannedAttempt) bool { return a.At == nil })
}

// count says how many attempts there are.
func (p *retryPlan) count() string {
	if len(p.Attempts) == 1 {
		return "One attempt."
	}
	return "Up to " + strconv.Itoa(len(p.Attempts)) + " attempts."
}

// after is how long after the first attempt something is.
func (p *retryPlan) after(t time.Time) string {
	if !t.After(p.From) {
		return "at once"
	}
	return "after " + ui.Duration(t.Sub(p.From))
}

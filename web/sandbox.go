package web

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

const (
	sandboxPath   = root + "/sandbox"
	scenariosPath = sandboxPath + "/scenarios"
	// maxRunEvents bounds how many events of a run an address can name.
	maxRunEvents = 30
)

func (s *site) sandboxRoutes() []route {
	one, inbox := scenariosPath+"/{name}", inboxesPath+"/{id}"
	return []route{
		{pattern: "GET " + sandboxPath, page: s.showSandbox},
		{pattern: "POST " + sandboxPath + "/sample", action: models.ActionPublish, page: s.sendSample},
		{pattern: "GET " + one, page: s.showScenario},
		{pattern: "GET " + one + "/live", page: s.liveScenario},
		{pattern: "POST " + one + "/run", action: models.ActionPublish, page: s.runScenario},
		{pattern: "POST " + one + "/step", action: models.ActionPublish, page: s.stepScenario},
		{pattern: "GET " + inboxesPath, page: s.listInboxes},
		{pattern: "POST " + inboxesPath, action: models.ActionManage, page: s.createInbox},
		{pattern: "GET " + inbox, page: s.showInbox},
		{pattern: "GET " + inbox + "/live", page: s.liveInbox},
		{pattern: "POST " + inbox + "/behavior", action: models.ActionManage, page: s.changeInbox},
		{pattern: "POST " + inbox + "/subscribe", action: models.ActionManage, page: s.subscribeInbox},
		{pattern: "POST " + inbox + "/delete", action: models.ActionManage, page: s.deleteInbox},
	}
}

// sandboxTabs are the pages of the sandbox.
func sandboxTabs(current string) []ui.Tab {
	return []ui.Tab{
		{Label: "Scenarios", Href: sandboxPath, Current: current == "Scenarios"},
		{Label: "Inboxes", Href: inboxesPath, Current: current == "Inboxes"},
	}
}

// scenario is a flow of events as the API lists it.
type scenario struct {
	Name        string `json:"name"`
	Family      string `json:"family"`
	Description string `json:"description"`
	Steps       []struct {
		EventName string  `json:"event_name"`
		After     float64 `json:"after_seconds"`
	} `json:"steps"`
}

func (c *scenario) path() string { return scenariosPath + "/" + url.PathEscape(c.Name) }

func (c *scenario) call() string { return "/v3/sandbox/scenarios/" + url.PathEscape(c.Name) + "/run" }

// title is its name for people.
func (c *scenario) title() string {
	t := strings.ReplaceAll(strings.Replace(c.Name, "quicklysign", "QuicklySign", 1), "_", " ")
	return strings.ToUpper(t[:1]) + t[1:]
}

// format is whose events they are.
func (c *scenario) format() string {
	switch models.Family(c.Family) {
	case models.FamilyYousign:
		return "Yousign"
	case models.FamilyDocumenso:
		return "Documenso"
	case models.FamilyQuicklySign:
		return "QuicklySign"
	default:
		return c.Family
	}
}

// lasts is how long it takes at normal speed.
func (c *scenario) lasts() time.Duration {
	var sum float64
	for _, step := range c.Steps {
		sum += step.After
	}
	return time.Duration(sum * float64(time.Second))
}

// scenarioRun is a scenario with as much of a run as the address names.
type scenarioRun struct {
	*scenario

	run    string // of one that is played step by step
	speed  string
	scenes []scene
	fault  string
}

// scene is a step and what became of its event.
type scene struct {
	name       string
	after      time.Duration // since the beginning, at normal speed
	event      string        // its id; "" where it is not promised yet
	published  bool
	at         time.Time
	matched    int
	deliveries []sceneDelivery
}

type sceneDelivery struct {
	ID             string                `json:"id"`
	SubscriptionID string                `json:"subscription_id"`
	Status         models.DeliveryStatus `json:"status"`
	to             string
}

// next is the number of the step to send next, and 0 after the last.
func (r *scenarioRun) next() int {
	for i, sc := range r.scenes {
		if sc.event == "" {
			return i + 1
		}
	}
	return 0
}

// begun reports whether something was played.
func (r *scenarioRun) begun() bool { return len(r.scenes) > 0 && r.scenes[0].event != "" }

// query is what an address says of the run.
func (r *scenarioRun) query() url.Values {
	q := url.Values{}
	if r.run != "" {
		q.Set("run", r.run)
	}
	for _, sc := range r.scenes {
		if sc.event != "" {
			q.Add("event", sc.event)
		}
	}
	return q
}

func (s *site) showSandbox(v *view) error { return v.sandboxPage(http.StatusOK, &sampleForm{}) }

// sampleForm is the form that sends one sample.
type sampleForm struct {
	chosen string
	fault  string
	names  []string
}

func (v *view) sandboxPage(status int, f *sampleForm) error {
	var list []scenario
	if err := listAll(v, "/v3/sandbox/scenarios", &list); err != nil {
		return err
	}
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return err
	}
	for _, t := range types {
		f.names = append(f.names, t.Name)
	}
	return v.renderAs(status, "Sandbox", sandboxPage(v, list, f))
}

// sendSample publishes a sample of one event, and leads to what became of it.
func (s *site) sendSample(v *view) error {
	f := &sampleForm{chosen: v.form.Get("event_name")}
	var made struct {
		ID string `json:"event_id"`
	}
	err := v.do(callJSON(http.MethodPost, "/v3/sandbox/events", map[string]any{"event_name": f.chosen}), &made)
	if wrong := faultsOf(err); wrong != nil {
		f.fault = wrong[""] + wrong["event_name"]
		return v.sandboxPage(http.StatusUnprocessableEntity, f)
	}
	if err != nil {
		return err
	}
	return v.goTo(eventPath(made.ID), "The sample was published in the sandbox.")
}

// scenarioRun reads the scenario that the path names, and the run that values name.
func (v *view) scenarioRun(given url.Values) (*scenarioRun, error) {
	var list []scenario
	if err := listAll(v, "/v3/sandbox/scenarios", &list); err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Name != v.r.PathValue("name") {
			continue
		}
		r := &scenarioRun{scenario: &list[i], speed: given.Get("speed")}
		if _, err := models.ParseID(given.Get("run")); err == nil {
			r.run = given.Get("run")
		}
		events, after := given["event"], time.Duration(0)
		for n, step := range list[i].Steps {
			after += time.Duration(step.After * float64(time.Second))
			sc := scene{name: step.EventName, after: after}
			if n < min(len(events), maxRunEvents) {
				id, err := models.ParseID(events[n])
				if err != nil {
					return nil, models.Errorf(models.CodeNotFound, "There is no such run.")
				}
				sc.event = id.String()
			}
			r.scenes = append(r.scenes, sc)
		}
		return r, nil
	}
	return nil, models.Errorf(models.CodeNotFound, "There is no such scenario.")
}

// follow finds out what became of the events of a run.
func (v *view) follow(r *scenarioRun) error {
	var subscriptions []string
	for i := range r.scenes {
		sc := &r.scenes[i]
		if sc.event == "" {
			continue
		}
		var event struct {
			Matched   int       `json:"matched"`
			CreatedAt time.Time `json:"created_at"`
		}
		err := v.get("/v3/events/"+sc.event, &event)
		if refused, ok := errors.AsType[*refusal](err); ok && refused.Status == http.StatusNotFound {
			continue // it is still to come
		}
		if err != nil {
			return err
		}
		sc.published, sc.at, sc.matched = true, event.CreatedAt, event.Matched
		var list struct{ Data []sceneDelivery }
		if err := v.get("/v3/events/"+sc.event+"/deliveries?limit=20", &list); err != nil {
			return err
		}
		sc.deliveries = list.Data
		for _, d := range sc.deliveries {
			subscriptions = append(subscriptions, d.SubscriptionID)
		}
	}
	titles, err := v.titles(subscriptions)
	for _, sc := range r.scenes {
		for j := range sc.deliveries {
			sc.deliveries[j].to = titleOf(titles, sc.deliveries[j].SubscriptionID)
		}
	}
	return err
}

func (s *site) showScenario(v *view) error {
	r, err := v.scenarioRun(v.r.URL.Query())
	if err != nil {
		return err
	}
	return v.scenarioPage(http.StatusOK, r)
}

func (v *view) scenarioPage(status int, r *scenarioRun) error {
	if err := v.follow(r); err != nil {
		return err
	}
	return v.renderAs(status, r.title(), scenarioPage(v, r))
}

// liveScenario keeps the steps up to date while a run is watched.
func (s *site) liveScenario(v *view) error {
	given := v.r.URL.Query()
	return v.live(func() (templ.Component, error) {
		r, err := v.scenarioRun(given)
		if err != nil {
			return nil, err
		}
		if err := v.follow(r); err != nil {
			return nil, err
		}
		return scenesTable(v, r), nil
	})
}

// played is the API's answer to a run.
type played struct {
	RunID  *string `json:"run_id"`
	Events []struct {
		ID string `json:"event_id"`
	} `json:"events"`
}

// runScenario plays all of it.
func (s *site) runScenario(v *view) error {
	r, err := v.scenarioRun(url.Values{"speed": v.form["speed"]})
	if err != nil {
		return err
	}
	return v.play(r, map[string]any{"speed": numberOf(r.speed)}, "Playing. Each event shows up as it is published.")
}

// stepScenario sends the next step of a run, or begins one.
func (s *site) stepScenario(v *view) error {
	r, err := v.scenarioRun(v.form)
	if err != nil {
		return err
	}
	next := r.next()
	if next == 0 {
		return v.goTo(r.path()+"?"+r.query().Encode(), "")
	}
	body := map[string]any{"step": next}
	if r.run != "" {
		body["run_id"] = r.run
	}
	return v.play(r, body, "Step "+strconv.Itoa(next)+" was published.")
}

// play makes the call and goes to where the run is shown.
func (v *view) play(r *scenarioRun, body map[string]any, done string) error {
	var out played
	err := v.do(callJSON(http.MethodPost, r.call(), body), &out)
	if wrong := faultsOf(err); wrong != nil {
		for _, text := range wrong {
			r.fault = text
		}
		return v.scenarioPage(http.StatusUnprocessableEntity, r)
	}
	if err != nil {
		return err
	}
	q := r.query()
	if out.RunID != nil {
		q.Set("run", *out.RunID)
	}
	for _, e := range out.Events {
		q.Add("event", e.ID)
	}
	return v.goTo(r.path()+"?"+q.Encode(), done)
}

// sceneState is how far a step is.
func (r *scenarioRun) sceneState(sc scene) ui.State {
	switch {
	case sc.published:
		return ui.State{Word: "Published", Tone: ui.Good}
	case sc.event != "":
		return ui.State{Word: "To come", Tone: ui.Wait}
	}
	return ui.State{Word: "Not yet", Tone: ui.Quiet}
}

// Pages of other areas.
func eventPath(id string) string    { return root + "/events/" + id }
func deliveryPath(id string) string { return root + "/deliveries/" + id }

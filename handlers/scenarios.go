package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Limits of what the sandbox publishes.
const (
	// Per organization, over all instances. Failure policy: beyond them 429. Publishing itself has no limit; these calls make events
	// without anybody having to write one, so a loop around them is easily left running.
	samplesPerMinute = 60
	samplesPerHour   = 1000
	// maxScenes is how many scenarios this instance plays at the same time. Failure policy: the next is refused with 503, since each
	// holds a goroutine and its events for minutes.
	maxScenes = 50
	// The slowest and the fastest speed at which a scenario can be played, beside 0 for all at once.
	minSpeed = 0.1
	maxSpeed = 1000.0
	// sceneStep is how often a scenario that waits looks whether the process is ending.
	sceneStep = 250 * time.Millisecond
)

// sampleInput is what can be said about a sample or a scenario beside its name.
type sampleInput struct {
	scope     *string
	entityKey *string
}

func (in *sampleInput) fields() []Field {
	return []Field{{"scope", false, Nullable(&in.scope, Text)}, {"entity_key", false, Nullable(&in.entityKey, Text)}}
}

// check returns what is wrong. The organization's own scopes are looked up where one is named.
func (in *sampleInput) check(ctx context.Context, a *api, org models.ID) (wrong []models.FieldError, err error) {
	if in.scope != nil {
		catalogue, err := a.catalogueOf(ctx, org)
		if err != nil {
			return nil, err
		}
		if _, ok := catalogue.Scope(*in.scope); !ok {
			wrong = append(wrong, models.FieldError{Name: "scope", Reason: reason("known_scope", "")})
		}
	}
	if in.entityKey != nil && (*in.entityKey == "" || len(*in.entityKey) > models.MaxEntityKey) {
		wrong = append(wrong, models.FieldError{Name: "entity_key", Reason: reason("entity_key", "")})
	}
	return wrong, nil
}

func (in *sampleInput) write(e *models.Event) {
	if in.scope != nil {
		e.Scope = *in.scope
	}
	if in.entityKey != nil {
		e.EntityKey = *in.entityKey
	}
}

// createSample publishes a sample of an event to whoever subscribes to it in the sandbox.
func (a *api) createSample(c *gin.Context, key *models.APIKey) error {
	var name string
	var in sampleInput
	if err := ReadAction(c.Request, append(in.fields(), Field{"event_name", true, Text(&name)})...); err != nil {
		return err
	}
	wrong, err := in.check(c.Request.Context(), a, key.OrganizationID)
	if err != nil {
		return err
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	e, err := a.sampleEvent(c.Request.Context(), key, name)
	if err != nil {
		return err
	}
	in.write(e)
	if err := a.pace(c, key.OrganizationID, samplesPerMinute, samplesPerHour); err != nil {
		return err
	}
	outcome := a.accept(c.Request.Context(), []*models.Event{e})[0]
	if outcome.Err != nil {
		return a.refused(c, outcome.Err)
	}
	writeBody(c, http.StatusAccepted, append(appendReceipt(nil, outcome.Receipt, 0), '\n'))
	return nil
}

type scenarioOutput struct {
	Name        string        `json:"name"`
	Family      models.Family `json:"family"`
	Description string        `json:"description"`
	Steps       []stepOutput  `json:"steps"`
}

type stepOutput struct {
	EventName string  `json:"event_name"`
	After     float64 `json:"after_seconds"`
}

func (a *api) listScenarios(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	all, at := a.Scenarios.Scenarios(), q.place("scenarios", key)
	if at.after != nil {
		i := slices.IndexFunc(all, func(s models.Scenario) bool { return s.Name == string(at.after) })
		if i < 0 {
			q.fail("after", "cursor")
		}
		all = all[i+1:]
	}
	if err := q.err(); err != nil {
		return err
	}
	writePage(c, at, all, func(s models.Scenario) []byte { return []byte(s.Name) }, func(s models.Scenario) scenarioOutput {
		out := scenarioOutput{Name: s.Name, Family: s.Family, Description: s.Description}
		for _, step := range s.Steps {
			out.Steps = append(out.Steps, stepOutput{step.EventName, step.After.Seconds()})
		}
		return out
	})
	return nil
}

// runOutput says which events a scenario publishes, and when.
type runOutput struct {
	Scenario string           `json:"scenario"`
	RunID    *models.ID       `json:"run_id"` // of a scenario that is played step by step
	Events   []runEventOutput `json:"events"`
}

type runEventOutput struct {
	EventID   models.ID `json:"event_id"`
	EventName string    `json:"event_name"`
	PublishAt string    `json:"publish_at"`
}

// runScenario publishes what happens at once and answers; the rest follows while this instance runs.
func (a *api) runScenario(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	speed := 1.0
	var in sampleInput
	var one stepInput
	fields := append(append(in.fields(), one.fields()...), Field{"speed", false, Number(&speed)})
	if c.Request.ContentLength != 0 { // everything has a default, so a call without a body is good
		if err := ReadAction(c.Request, fields...); err != nil {
			return err
		}
	}
	wrong, err := in.check(c.Request.Context(), a, key.OrganizationID)
	if err != nil {
		return err
	}
	if speed != 0 && (speed < minSpeed || speed > maxSpeed) {
		wrong = append(wrong, models.FieldError{Name: "speed", Reason: reason("speed", "")})
	}
	run, faults := one.check(a.NewID, a.Now())
	if wrong = append(wrong, faults...); wrong != nil {
		return models.Invalid(wrong...)
	}
	if one.step != nil {
		return a.runStep(c, key, run, *one.step, in)
	}
	begin := a.Now().UTC()
	name := c.Param("scenario")
	events, ok := a.Scenarios.Play(name, a.NewID, begin, speed)
	if !ok {
		return noScenario()
	}
	if err := a.pace(c, key.OrganizationID, samplesPerMinute, samplesPerHour); err != nil {
		return err
	}
	out := runOutput{Scenario: name}
	at := make([]time.Time, len(events))
	first := 0 // how many happen at once
	for i, e := range events {
		at[i] = e.Time
		// The ids are chosen here because they are promised before the events are published.
		e.ID, e.Chosen = a.NewID(), true
		a.stage(e, key, in)
		if !at[i].After(begin) {
			first = i + 1
		}
		out.Events = append(out.Events, runEventOutput{e.ID, e.Name, millis(at[i])})
	}
	if err := a.play(c, events, at, first); err != nil {
		return err
	}
	WriteJSON(c, http.StatusAccepted, out)
	return nil
}

// play publishes the first events and leaves the others to a goroutine.
func (a *api) play(c *gin.Context, events []*models.Event, at []time.Time, first int) error {
	rest := events[first:]
	if len(rest) > 0 {
		select {
		case a.scenes <- struct{}{}:
		default:
			return models.Errorf(models.CodeUnavailable, "Too many scenarios are being played. Try again later, or with a speed of 0.")
		}
	}
	for _, o := range a.Accepter.Accept(c.Request.Context(), events[:first]) {
		if o.Err != nil {
			if len(rest) > 0 {
				<-a.scenes
			}
			return a.refused(c, o.Err)
		}
	}
	if len(rest) > 0 {
		ctx := context.WithoutCancel(c.Request.Context()) // the call ends long before
		go func() {
			defer func() { <-a.scenes }()
			a.playOn(ctx, rest, at[first:])
		}()
	}
	return nil
}

// playOn publishes each event at its time. Failure policy: an event that is not accepted ends the scenario, and so does the end of the
// process. It is a rehearsal, and its ids tell how far it got.
func (a *api) playOn(ctx context.Context, events []*models.Event, at []time.Time) {
	for i, e := range events {
		for wait := at[i].Sub(a.Now()); wait > 0 && !a.Draining(); wait = at[i].Sub(a.Now()) {
			<-time.After(min(wait, sceneStep))
		}
		if a.Draining() {
			return
		}
		if err := a.Accepter.Accept(ctx, []*models.Event{e})[0].Err; err != nil {
			a.Logger.LogAttrs(ctx, slog.LevelWarn, "sandbox.scenario_ended", slog.String("event_name", e.Name), slog.Any("error", err))
			return
		}
	}
}

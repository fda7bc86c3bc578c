package handlers

import (
	"crypto/sha1" // #nosec G505 -- what RFC 9562 makes ids of names with; nothing relies on it
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// A scenario that is played step by step is kept nowhere: its run_id says when it began, and all its ids are made from it, so every
// instance makes the same events of it, and a step that is sent twice is one event.

// runFor is how long a run can be gone on with. Failure policy: later it is refused; its events would be of a time long past.
const runFor = 24 * time.Hour

// stepInput is what can be said about one step of a scenario.
type stepInput struct {
	step  *int
	runID *string
}

func (in *stepInput) fields() []Field {
	return []Field{{"step", false, Nullable(&in.step, Integer)}, {"run_id", false, Nullable(&in.runID, Text)}}
}

// check returns what is wrong, and the run: a new one where none was given.
func (in *stepInput) check(newID func() models.ID, now time.Time) (run models.ID, wrong []models.FieldError) {
	switch {
	case in.step == nil && in.runID == nil:
		return run, nil
	case in.step == nil:
		return run, []models.FieldError{{Name: "run_id", Reason: reason("run_step", "")}}
	case in.runID == nil:
		return newID(), nil
	}
	run, err := models.ParseID(*in.runID)
	if age := now.Sub(run.Time()); err != nil || run[6]>>4 != 7 || age < -time.Minute || age > runFor {
		return run, []models.FieldError{{Name: "run_id", Reason: reason("run_id", "")}}
	}
	return run, nil
}

// madeFrom is the id of version 5 of something of a run (RFC 9562, section 5.5).
func madeFrom(run models.ID, name string) (id models.ID) {
	sum := sha1.Sum(append(run[:], name...)) // #nosec G401 -- as above
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x50, id[8]&0x3f|0x80
	return id
}

// runStep publishes one step of a scenario, at once. Its event has the time that it would have had at normal speed.
func (a *api) runStep(c *gin.Context, key *models.APIKey, run models.ID, step int, in sampleInput) error {
	made := 0
	newID := func() models.ID {
		made++
		return madeFrom(run, "data "+strconv.Itoa(made))
	}
	name := c.Param("scenario")
	events, ok := a.Scenarios.Play(name, newID, run.Time(), 1)
	switch {
	case !ok:
		return noScenario()
	case step < 1 || step > len(events):
		return models.Invalid(models.FieldError{Name: "step", Reason: reason("step", strconv.Itoa(len(events)))})
	}
	if err := a.pace(c, key.OrganizationID, samplesPerMinute, samplesPerHour); err != nil {
		return err
	}
	e := events[step-1]
	e.ID, e.Chosen = madeFrom(run, name+" "+strconv.Itoa(step)), true
	a.stage(e, key, in)
	outcome := a.Accepter.Accept(c.Request.Context(), []*models.Event{e})[0]
	if outcome.Err != nil {
		return a.refused(c, outcome.Err)
	}
	WriteJSON(c, http.StatusAccepted, runOutput{
		Scenario: name, RunID: &run, Events: []runEventOutput{{e.ID, e.Name, millis(a.Now().UTC())}},
	})
	return nil
}

// stage makes an event of a scenario one of the caller's in the sandbox.
func (a *api) stage(e *models.Event, key *models.APIKey, in sampleInput) {
	e.OrganizationID, e.PublishedBy, e.Sandbox, e.Scope = key.OrganizationID, key.ID, true, sampleScope
	e.Time = e.Time.UTC().Truncate(time.Millisecond)
	in.write(e)
}

func noScenario() error {
	return models.Errorf(models.CodeNotFound, "There is no scenario of this name. GET /v3/sandbox/scenarios lists them.")
}

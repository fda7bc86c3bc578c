package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Tests per subscription, over all instances and keys. Failure policy: beyond them 429, because each makes a call to somebody's
// endpoint that no event asked for.
const (
	testsPerMinute = 10
	testsPerHour   = 100
)

const (
	// testGrace is how much longer than the attempt's own timeout a test is waited for: the commit before it and the record after it
	// share theirs with others. Failure policy: what takes longer is answered with 202 and goes on; the delivery can be looked up.
	testGrace = 2 * time.Second
	// The delivery is looked at after these times, growing from the first to the second.
	pollFirst = 10 * time.Millisecond
	pollLast  = 250 * time.Millisecond
)

// testOutput is the outcome of a test.
type testOutput struct {
	EventID     models.ID             `json:"event_id"`
	EventName   string                `json:"event_name"`
	Sandbox     bool                  `json:"sandbox"`
	DeliveryID  models.ID             `json:"delivery_id"`
	Status      models.DeliveryStatus `json:"status"`
	RequestBody *string               `json:"request_body"`
	Attempt     *attemptOutput        `json:"attempt"`
}

// testWebhook sends a sample of an event to one subscription and answers with what became of it. The delivery is one like any other
// but for two things: no other subscription gets the event, and a failure is final (ADR 23).
func (a *api) testWebhook(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	var name string
	if err := ReadAction(c.Request, Field{"event_name", true, Text(&name)}); err != nil {
		return err
	}
	if !s.Enabled {
		return notListening()
	}
	e, err := a.sampleEvent(c.Request.Context(), key, name)
	if err != nil {
		return err
	}
	if err := a.pace(c, s.ID, testsPerMinute, testsPerHour); err != nil {
		return err
	}
	e.Target = s.ID
	if s.OfEntity() {
		e.EntityKey = s.EntityKey // so that its log goes with the entity
	}
	outcome := a.accept(c.Request.Context(), []*models.Event{e})[0]
	if outcome.Err != nil {
		return a.refused(c, outcome.Err)
	}
	if outcome.Receipt.Matched == 0 {
		return notListening() // since a moment ago
	}
	out := testOutput{
		EventID: outcome.Receipt.EventID, EventName: name, Sandbox: true, DeliveryID: models.DeliveryID(outcome.Receipt.EventID, 0),
		Status: models.StatusPending,
	}
	wait := a.Planner.FirstTimeout(s) + testGrace
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Time{}) // the request is read; its deadline would end a long wait
	if err := a.awaitTest(c.Request.Context(), key.OrganizationID, wait, &out); err != nil {
		return err
	}
	status := http.StatusOK
	if !out.Status.Terminal() {
		status = http.StatusAccepted
	}
	out.RequestBody = optional(string(a.BodyOf(models.Job{
		Delivery: models.Delivery{ID: out.DeliveryID, EventID: out.EventID}, Event: testEvent(e, outcome.Receipt), Matched: s, Current: s,
	})))
	WriteJSON(c, status, out)
	return nil
}

// testEvent is the event as it was stored.
func testEvent(e *models.Event, r models.Receipt) *models.Event {
	stored := *e
	stored.ID, stored.Ref, stored.AcceptedAt = r.EventID, r.EventID, r.CreatedAt
	return &stored
}

func notListening() error {
	return models.Errorf(models.CodeConflict, "The subscription is disabled, so it gets no calls. Enable it to send it a test.")
}

// awaitTest looks at the delivery until it has ended or the time is over.
func (a *api) awaitTest(ctx context.Context, org models.ID, limit time.Duration, out *testOutput) error {
	var d models.Delivery
	err := await(ctx, limit, func() (done bool, err error) {
		d, err = a.Store.Delivery(ctx, org, out.DeliveryID)
		return err == nil && (d.Status.Terminal() || a.Draining()), err
	})
	if err != nil {
		return err
	}
	out.Status = d.Status
	attempts, err := a.Store.Attempts(ctx, org, out.DeliveryID)
	if err == nil && len(attempts) > 0 {
		shown := showAttempt(attempts[len(attempts)-1])
		out.Attempt = &shown
	}
	return err
}

// await asks until the answer is yes, it fails, or the time is over, which is no error.
func await(ctx context.Context, limit time.Duration, done func() (bool, error)) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	for every := pollFirst; ; every = min(2*every, pollLast) {
		if ok, err := done(); ok || err != nil {
			return err
		}
		next := time.NewTimer(every)
		select {
		case <-next.C:
		case <-over.C:
			next.Stop()
			_, err := done()
			return err
		case <-ctx.Done():
			next.Stop()
			return ctx.Err()
		}
	}
}

// sampleEvent is a sandbox event with sample data: the catalogue's, or that of the organization's own type. Its scope is the one that the samples speak of, so that subscriptions to certain
// scopes can be tried as well.
func (a *api) sampleEvent(ctx context.Context, key *models.APIKey, name string) (*models.Event, error) {
	e := &models.Event{
		OrganizationID: key.OrganizationID, PublishedBy: key.ID, Name: name, Sandbox: true, Scope: sampleScope,
		Time: a.Now().UTC().Truncate(time.Millisecond),
	}
	var err error
	e.Data, err = a.Samples.SampleOf(ctx, key.OrganizationID, name)
	if models.CodeOf(err) == models.CodeNotFound && models.ValidEventName(name) {
		var own models.CatalogueEntry
		own, err = a.Store.CatalogueEntry(ctx, key.OrganizationID, models.KindEventType, name)
		e.Data, e.TypeRevision = own.Sample, own.Revision
	}
	if models.CodeOf(err) == models.CodeNotFound {
		return nil, models.Invalid(models.FieldError{Name: "event_name", Reason: reason("event_name", "")})
	}
	return e, err
}

// sampleScope is the scope of samples where none is asked for.
const sampleScope = "public_api"

// pace refuses a call where there were too many about the same thing. Failure policy: where the count can't be kept the call fails,
// as in count.
func (a *api) pace(c *gin.Context, about models.ID, perMinute, perHour int) error {
	now := a.Now()
	minute, hour, err := a.Store.Hit(c.Request.Context(), about, perMinute, perHour, now)
	switch {
	case err != nil:
		return err
	case hour > perHour:
		return tooMany(c, int(3600-now.Unix()%3600))
	case minute > perMinute:
		return tooMany(c, int(60-now.Unix()%60))
	}
	return nil
}

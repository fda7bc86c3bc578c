package handlers

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// deliveryOutput is a delivery as clients read it.
type deliveryOutput struct {
	ID                  models.ID             `json:"id"`
	EventID             models.ID             `json:"event_id"`
	EventName           string                `json:"event_name"`
	Sandbox             bool                  `json:"sandbox"`
	Test                bool                  `json:"test"` // asked for by hand; not tried again
	SubscriptionID      models.ID             `json:"subscription_id"`
	SubscriptionVersion int                   `json:"subscription_version"`
	Status              models.DeliveryStatus `json:"status"`
	AttemptCount        int                   `json:"attempt_count"`
	OnDemand            bool                  `json:"on_demand"` // of the next attempt, or the one under way
	Replay              bool                  `json:"replay"`
	ReplayOf            *models.ID            `json:"replay_of"`
	NextAttemptAt       *string               `json:"next_attempt_at"`
	Reason              *models.Reason        `json:"reason"`
	CreatedAt           string                `json:"created_at"`
	UpdatedAt           *string               `json:"updated_at"`
}

// deliveryDetail is a single delivery with all that happened to it. The body is there once, since that of every attempt is the
// same, byte for byte.
type deliveryDetail struct {
	deliveryOutput
	RequestBody *string `json:"request_body"`
	// PayloadRemoved says that retention has removed the event or its data, and with it what the attempts sent and received.
	PayloadRemoved bool            `json:"payload_removed"`
	Attempts       []attemptOutput `json:"attempts"`
}

type attemptOutput struct {
	Number     int             `json:"number"`
	StartedAt  string          `json:"started_at"`
	Success    bool            `json:"success"`
	Reason     *models.Reason  `json:"reason"`
	Detail     *string         `json:"detail"`
	Endpoint   string          `json:"endpoint"`
	Redirects  int             `json:"redirects"`
	Request    requestOutput   `json:"request"`
	Response   *responseOutput `json:"response"`
	RetryAfter *float64        `json:"retry_after_seconds"`
	Timings    timingsOutput   `json:"timings_ms"`
}

type requestOutput struct {
	Headers []headerOutput `json:"headers"`
}

type responseOutput struct {
	Status    int            `json:"status"`
	Headers   []headerOutput `json:"headers"`
	Body      string         `json:"body"`
	Truncated bool           `json:"body_truncated"`
}

type headerOutput struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type timingsOutput struct {
	DNS       float64 `json:"dns"`
	Connect   float64 `json:"connect"`
	TLS       float64 `json:"tls"`
	FirstByte float64 `json:"first_byte"`
	Total     float64 `json:"total"`
}

func showDelivery(d models.Delivery) deliveryOutput {
	out := deliveryOutput{
		ID: d.ID, EventID: d.EventID, EventName: d.EventName, Sandbox: d.Sandbox || d.Test(), Test: d.Test(), SubscriptionID: d.SubscriptionID,
		SubscriptionVersion: d.SubscriptionVersion, Status: d.Status, AttemptCount: d.Attempts, OnDemand: d.Back != nil, Replay: d.Replay,
		ReplayOf: optional(d.ReplayOf), Reason: optional(d.Reason),
		CreatedAt: millis(d.CreatedAt), UpdatedAt: shown(d.UpdatedAt),
	}
	if d.Status == models.StatusPending || d.Status == models.StatusRetrying {
		out.NextAttemptAt = shown(d.DueAt)
	}
	return out
}

func showAttempt(at models.Attempt) attemptOutput {
	out := attemptOutput{
		Number: at.Number, StartedAt: millis(at.StartedAt), Success: at.Success, Reason: optional(at.Reason),
		Detail: optional(at.Detail), Endpoint: at.Endpoint, Redirects: at.Redirects,
		Request: requestOutput{headerLines(at.RequestHeaders)}, RetryAfter: optional(at.RetryAfter.Seconds()),
		Timings: timingsOutput{
			milliseconds(at.Timings.DNS), milliseconds(at.Timings.Connect), milliseconds(at.Timings.TLS),
			milliseconds(at.Timings.FirstByte), milliseconds(at.Timings.Total),
		},
	}
	if at.StatusCode != 0 {
		out.Response = &responseOutput{
			Status: at.StatusCode, Headers: headerLines(at.ResponseHeaders), Body: string(at.ResponseBody), Truncated: at.BodyTruncated,
		}
	}
	return out
}

// headerLines splits "Name: value" lines.
func headerLines(lines []string) []headerOutput {
	out := make([]headerOutput, 0, len(lines))
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ":")
		out = append(out, headerOutput{name, strings.TrimSpace(value)})
	}
	return out
}

// listDeliveries answers deliveries, newest first.
func (a *api) listDeliveries(c *gin.Context, key *models.APIKey) error {
	return a.deliveries(c, key, "deliveries", models.ID{})
}

// deliveries answers a list of deliveries, of one event or of all.
func (a *api) deliveries(c *gin.Context, key *models.APIKey, list string, event models.ID) error {
	q, err := readQuery(c, "subscription_id", "status", "event_name", "sandbox", "from", "to")
	if err != nil {
		return err
	}
	at := q.place(list, key)
	catalogue, err := a.catalogueFor(c, key, q)
	if err != nil {
		return err
	}
	filter := models.DeliveryQuery{
		OrganizationID: key.OrganizationID, SubscriptionID: q.id("subscription_id"), EventRef: event, Status: q.status("status"),
		EventName: q.pattern("event_name", catalogue), After: q.afterID(at), Limit: at.more(),
	}
	filter.From, filter.To = q.period()
	sandbox, none := q.environment(key)
	filter.Sandbox = sandbox
	if err := q.err(); err != nil {
		return err
	}
	var found []models.Delivery
	if !none {
		if found, err = a.Store.Deliveries(c.Request.Context(), filter); err != nil {
			return err
		}
	}
	writePage(c, at, found, func(d models.Delivery) []byte { return d.ID[:] }, showDelivery)
	return nil
}

// visibleDelivery is the delivery that the path names, if the caller may see it.
func (a *api) visibleDelivery(c *gin.Context, key *models.APIKey) (models.Delivery, error) {
	id, err := PathID(c, "delivery")
	if err != nil {
		return models.Delivery{}, err
	}
	d, err := a.Store.Delivery(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return models.Delivery{}, err
	}
	if !sees(key, d.Sandbox) {
		return models.Delivery{}, noSuch("delivery")
	}
	return d, nil
}

// getDelivery answers one delivery with its body and its attempts, oldest first.
func (a *api) getDelivery(c *gin.Context, key *models.APIKey) error {
	d, err := a.visibleDelivery(c, key)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	attempts, err := a.Store.Attempts(ctx, key.OrganizationID, d.ID)
	if err != nil {
		return err
	}
	event, err := a.Store.Event(ctx, key.OrganizationID, d.EventID)
	// A delivery may be kept for longer than its event, and then even be followed by another one of the same id.
	if models.CodeOf(err) == models.CodeNotFound || err == nil && event.Ref != d.EventRef {
		event, err = &models.Event{}, nil
	}
	if err != nil {
		return err
	}
	matched, err := a.Store.SubscriptionVersion(ctx, key.OrganizationID, d.SubscriptionID, d.SubscriptionVersion)
	if err != nil {
		return err
	}
	out := deliveryDetail{deliveryOutput: showDelivery(d), Attempts: make([]attemptOutput, 0, len(attempts))}
	if out.PayloadRemoved = len(event.Data) == 0; !out.PayloadRemoved {
		out.RequestBody = optional(string(a.BodyOf(models.Job{Delivery: d, Event: event, Matched: matched, Current: matched})))
	}
	for _, at := range attempts {
		out.Attempts = append(out.Attempts, showAttempt(at))
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

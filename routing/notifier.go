package routing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hookrouter/models"
)

const (
	// noticeQueue is how many notices may wait to be published. Failure policy: further ones are dropped and logged. What they tell is
	// also in the subscription's state and in the deliveries, and a flood of them helps nobody.
	noticeQueue = 1024
	// noticeTries is how often one is published while the database is away, noticePause the wait before the next try.
	noticeTries = 5
	noticePause = 2 * time.Second
)

// NotifierOptions are what a [Notifier] needs; all are required.
type NotifierOptions struct {
	Matcher *Matcher
	// Accept publishes. Implemented by *Router.
	Accept func(ctx context.Context, events []*models.Event) []models.Outcome
	Logger *slog.Logger
}

// Notifier publishes notices as operational events of the organizations that they concern. An event that nobody subscribed to is not kept,
// and none is sent to the endpoint that it is about.
type Notifier struct {
	o     NotifierOptions
	queue chan models.Notice

	mu   sync.Mutex
	end  context.CancelFunc
	done chan struct{}
}

// NewNotifier checks the options.
func NewNotifier(o NotifierOptions) (*Notifier, error) {
	if o.Matcher == nil || o.Accept == nil || o.Logger == nil {
		return nil, errors.New("notifier: Matcher, Accept and Logger are required")
	}
	return &Notifier{o: o, queue: make(chan models.Notice, noticeQueue)}, nil
}

// Notify takes a notice over. It never blocks.
func (n *Notifier) Notify(notice models.Notice) {
	select {
	case n.queue <- notice:
	default:
		n.o.Logger.Warn("notice.dropped", "event", notice.Event, "subscription", notice.Subscription.ID)
	}
}

// Start begins to publish.
func (n *Notifier) Start(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.done != nil {
		return
	}
	ctx, n.end = context.WithCancel(context.WithoutCancel(ctx))
	n.done = make(chan struct{})
	go n.run(ctx, n.done)
}

// Stop ends the publishing; what waits is dropped. It may be called again, and before Start.
func (n *Notifier) Stop(ctx context.Context) error {
	n.mu.Lock()
	end, done := n.end, n.done
	n.mu.Unlock()
	if done == nil {
		return nil
	}
	end()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *Notifier) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	for {
		select {
		case <-ctx.Done():
			return
		case notice := <-n.queue:
			if err := n.publish(ctx, &notice); err != nil && ctx.Err() == nil {
				n.o.Logger.Warn("notice.lost", "event", notice.Event, "subscription", notice.Subscription.ID, "error", err)
			}
		}
	}
}

func (n *Notifier) publish(ctx context.Context, notice *models.Notice) error {
	event, err := noticeEvent(notice)
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		if len(n.o.Matcher.Match(event, nil)) == 0 {
			return nil
		}
		outcome := n.o.Accept(ctx, []*models.Event{event})[0]
		if models.CodeOf(outcome.Err) != models.CodeUnavailable || outcome.Err == nil || try == noticeTries {
			return outcome.Err
		}
		timer := time.NewTimer(noticePause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return outcome.Err
		case <-timer.C:
		}
	}
}

// noticeData is the data of an operational event. What does not concern it is left out.
type noticeData struct {
	Webhook      noticeWebhook        `json:"webhook"`
	Reason       models.SuspendReason `json:"reason,omitempty"`
	Failures     int                  `json:"failures,omitempty"`
	FailingSince string               `json:"failing_since,omitempty"`
	Percent      int                  `json:"percent_to_suspension,omitempty"`
	LastFailure  *noticeFailure       `json:"last_failure,omitempty"`
	Deliveries   []noticeDelivery     `json:"deliveries,omitempty"`
	Count        int                  `json:"delivery_count,omitempty"`
}

type noticeWebhook struct {
	ID          models.ID `json:"id"`
	Endpoint    string    `json:"endpoint"` // without user and query
	Description *string   `json:"description"`
	Sandbox     bool      `json:"sandbox"`
	State       string    `json:"state"`
	SuspendedAt *string   `json:"suspended_at"`
}

type noticeFailure struct {
	At         string        `json:"at"`
	Reason     models.Reason `json:"reason"`
	StatusCode *int          `json:"status_code"`
}

type noticeDelivery struct {
	ID        models.ID `json:"id"`
	EventID   models.ID `json:"event_id"`
	EventName string    `json:"event_name"`
}

// noticeEvent writes a notice as an event.
func noticeEvent(n *models.Notice) (*models.Event, error) {
	s := n.Subscription
	data := noticeData{
		Webhook: noticeWebhook{
			ID: s.ID, Endpoint: models.PublicEndpoint(s.Endpoint), Description: s.Description, Sandbox: s.Sandbox, State: "active",
		},
		Reason: n.Reason, Failures: n.Failures, FailingSince: rfc3339(n.FailingSince), Percent: n.Percent, Count: n.Count,
	}
	if s.Suspended() {
		at := rfc3339(s.SuspendedAt)
		data.Webhook.State, data.Webhook.SuspendedAt = "suspended", &at
	}
	if n.Last != nil {
		data.LastFailure = &noticeFailure{At: rfc3339(n.Last.StartedAt), Reason: n.Last.Reason}
		if n.Last.StatusCode != 0 {
			data.LastFailure.StatusCode = &n.Last.StatusCode
		}
	}
	for i := range n.Exhausted {
		d := &n.Exhausted[i]
		data.Deliveries = append(data.Deliveries, noticeDelivery{d.ID, d.EventID, d.EventName})
	}
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("write a notice: %w", err)
	}
	return &models.Event{
		OrganizationID: s.OrganizationID, Name: n.Event, Sandbox: s.Sandbox, Time: n.At.UTC().Truncate(time.Second), Data: text, NotTo: data.Webhook.Endpoint,
	}, nil
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

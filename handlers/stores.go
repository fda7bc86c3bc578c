package handlers

import (
	"context"
	"net/url"
	"time"

	"hookrouter/models"
)

// Accepter takes events in. When Accept returns, each event is committed with all its deliveries or has an error of its own; the
// outcomes are in the order of the events. Implemented by *routing.Router.
type Accepter interface {
	Accept(ctx context.Context, events []*models.Event) []models.Outcome
}

// Rules is the index that events are matched against. Implemented by *routing.Matcher.
type Rules interface {
	// Refresh applies what has changed in the database.
	Refresh(ctx context.Context) error
	// Match appends the subscriptions that match an event to buf.
	Match(e *models.Event, buf []*models.Subscription) []*models.Subscription
	// Loaded reports whether the rules have been read at least once.
	Loaded() bool
}

// EndpointChecker says whether an endpoint's address may be called at all, without resolving names. The text of its error is a
// short reason for people. Implemented by *egress.Policy.
type EndpointChecker interface {
	CheckURL(raw string) (*url.URL, error)
}

// Store is the database as this package needs it. Implemented by *store.Store.
type Store interface {
	Keys
	Subscriptions
	Workspaces
	History
	Again
	Ping(ctx context.Context) error
}

// Keys finds API keys and counts their calls.
type Keys interface {
	// KeyByHash returns revoked keys too; the error is of code not_found where there is none.
	KeyByHash(ctx context.Context, hash [32]byte) (models.APIKey, error)
	// Hit counts one call in the fixed minute and hour that now lies in, over all instances, and returns both counts. Limits of 0 are
	// off. Where a count is above its limit the call is refused, and counted in neither window.
	Hit(ctx context.Context, key models.ID, mostMinute, mostHour int, now time.Time) (minute, hour int, err error)
}

// Subscriptions keeps the subscriptions of organizations.
type Subscriptions interface {
	CreateSubscription(ctx context.Context, s *models.Subscription, quota int, by models.ID) error
	Subscription(ctx context.Context, org, id models.ID) (*models.Subscription, error)
	Subscriptions(ctx context.Context, org models.ID, sandbox *bool) ([]*models.Subscription, error)
	UpdateSubscription(ctx context.Context, org, id models.ID, by models.ID, now time.Time,
		change func(*models.Subscription) error) (*models.Subscription, error)
	DeleteSubscription(ctx context.Context, org, id models.ID, by models.ID, now time.Time) error
	SubscriptionVersion(ctx context.Context, org, id models.ID, version int) (*models.Subscription, error)
}

// Workspaces keeps the workspaces of organizations.
type Workspaces interface {
	CreateWorkspace(ctx context.Context, w models.Workspace) error
	Workspaces(ctx context.Context, org models.ID, after models.ID, limit int) ([]models.Workspace, error)
	DeleteWorkspace(ctx context.Context, org, id models.ID) error
}

// History looks at what happened. Lists are newest first.
type History interface {
	Event(ctx context.Context, org, id models.ID) (*models.Event, error)
	Events(ctx context.Context, q models.EventQuery) ([]*models.Event, error)
	Delivery(ctx context.Context, org, id models.ID) (models.Delivery, error)
	Deliveries(ctx context.Context, q models.DeliveryQuery) ([]models.Delivery, error)
	Attempts(ctx context.Context, org, delivery models.ID) ([]models.Attempt, error)
}

// Again sends what was sent before, or missed.
type Again interface {
	// Retry makes a delivery wait for an attempt on demand that is due now. Code conflict: it is on its way, or can't be sent again.
	Retry(ctx context.Context, org, id models.ID, now time.Time) (models.Delivery, error)
	// Replay makes new deliveries of an event to subscriptions. With named, one that can't get it is an error of code invalid; otherwise
	// it is left out.
	Replay(ctx context.Context, org, ref models.ID, subs []models.ID, named bool, now time.Time) ([]models.Delivery, error)

	// CreateResend starts a job. Code quota: the organization has as many as it may have.
	CreateResend(ctx context.Context, r *models.Resend) error
	// PreviewResend says what a job would be about.
	PreviewResend(ctx context.Context, r models.Resend) (models.Preview, error)
	Resend(ctx context.Context, org, id models.ID) (models.Resend, error)
	Resends(ctx context.Context, org models.ID, sandbox *bool, after models.ID, limit int) ([]models.Resend, error)
	// CancelResend ends a job that is running.
	CancelResend(ctx context.Context, org, id models.ID, now time.Time) (models.Resend, error)
}

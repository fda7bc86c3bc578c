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
	OwnCatalogues
	Removals
	History
	Inboxes
	RuleHistory
	Again
	OwnKeys
	AuditLog
	Statistics
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
	// SecretUses counts attempts of the subscription's newest deliveries by the secret that signed them.
	SecretUses(ctx context.Context, org, subscription models.ID) ([]models.SecretUse, error)
	// SuspendSubscription and ResumeSubscription report whether they changed anything. Code conflict: it is disabled.
	SuspendSubscription(ctx context.Context, org, id models.ID, reason models.SuspendReason, now, probeAt time.Time) (*models.Subscription, bool, error)
	ResumeSubscription(ctx context.Context, org, id models.ID, byHand bool) (*models.Subscription, bool, error)
	SubscriptionVersion(ctx context.Context, org, id models.ID, version int) (*models.Subscription, error)
}

// Workspaces keeps the workspaces of organizations.
type Workspaces interface {
	// CreateWorkspace's error is of code conflict where the id is taken, quota where there are as many as there may be; 0 sets no limit.
	CreateWorkspace(ctx context.Context, w models.Workspace, quota int) error
	Workspace(ctx context.Context, org, id models.ID) (models.Workspace, error)
	RenameWorkspace(ctx context.Context, org, id models.ID, name string) (models.Workspace, error)
	Workspaces(ctx context.Context, org models.ID, after models.ID, limit int) ([]models.Workspace, error)
	DeleteWorkspace(ctx context.Context, org, id models.ID) error
}

// OwnCatalogues keeps what organizations add to the catalogue.
type OwnCatalogues interface {
	// OwnCatalogue lists all of it, without samples and schemas.
	OwnCatalogue(ctx context.Context, org models.ID) ([]models.CatalogueEntry, error)
	// CatalogueEntries lists entries of a kind by name, after the given one.
	CatalogueEntries(ctx context.Context, org models.ID, kind models.CatalogueKind, after string, limit int) ([]models.CatalogueEntry, error)
	CatalogueEntry(ctx context.Context, org models.ID, kind models.CatalogueKind, name string) (models.CatalogueEntry, error)
	// CreateCatalogueEntry's error is of code conflict where the name is taken, quota where there are too many.
	CreateCatalogueEntry(ctx context.Context, e *models.CatalogueEntry) error
	UpdateCatalogueEntry(ctx context.Context, org models.ID, kind models.CatalogueKind, name string, now time.Time,
		change func(*models.CatalogueEntry) error) (models.CatalogueEntry, error)
	// DeleteCatalogueEntry's error is of code conflict while subscriptions name the entry.
	DeleteCatalogueEntry(ctx context.Context, org models.ID, kind models.CatalogueKind, name string, now time.Time) error
}

// Removals takes out what has to be forgotten.
type Removals interface {
	// RemoveEntity removes what there is of an entity up to now, works on it for at most a while, and leaves the rest to be done.
	RemoveEntity(ctx context.Context, org models.ID, entity string, now time.Time, most time.Duration) (models.EntityRemoval, error)
	// ExpungePayload empties the data of an event, and what its attempts hold of it; what is live of it is canceled.
	ExpungePayload(ctx context.Context, org, ref models.ID) error
}

// Types knows the event types and scopes that organizations have made themselves, as of the revision of the rules. Implemented by
// *catalogue.Book.
type Types interface {
	// TypeRevision is the revision of an event type, 0 where the organization has none of the name.
	TypeRevision(org models.ID, name string) int64
	HasScope(org models.ID, name string) bool
	// Check holds data against the schema of an event type, unless that takes more work than most.
	Check(org models.ID, name string, data []byte, most int) (revision int64, work int, wrong []models.FieldError)
	// CheckSchema says what is wrong with a schema and the sample beside it.
	CheckSchema(schema, sample []byte) []models.FieldError
}

// History looks at what happened. Lists are newest first.
type History interface {
	Event(ctx context.Context, org, id models.ID) (*models.Event, error)
	Events(ctx context.Context, q models.EventQuery) ([]*models.Event, error)
	Delivery(ctx context.Context, org, id models.ID) (models.Delivery, error)
	Deliveries(ctx context.Context, q models.DeliveryQuery) ([]models.Delivery, error)
	Attempts(ctx context.Context, org, delivery models.ID) ([]models.Attempt, error)
}

// Statistics say what came of attempts and what waits. None of it goes through deliveries or attempts.
type Statistics interface {
	// Stats has the intervals in which there were attempts, the earliest first.
	Stats(ctx context.Context, q models.StatsQuery) ([]models.StatsBucket, error)
	// Activity says how subscriptions fared of late, in the order of ids. Those that are not the organization's are left out.
	Activity(ctx context.Context, org models.ID, ids []models.ID, now time.Time) ([]models.Activity, error)
	// Waiting counts what waits of subscriptions, or where none are named of the organization's in an environment.
	Waiting(ctx context.Context, org models.ID, ids []models.ID, sandbox bool) (models.Waiting, error)
}

// Inboxes keeps the built-in receivers and what arrived at them. What has expired is not found.
type Inboxes interface {
	CreateInbox(ctx context.Context, b models.Inbox) error
	Inboxes(ctx context.Context, org models.ID, now time.Time) ([]models.Inbox, error)
	Inbox(ctx context.Context, org, id models.ID, now time.Time) (models.Inbox, error)
	InboxByToken(ctx context.Context, token string, now time.Time) (models.Inbox, error)
	// UpdateInbox stores the name and the behavior.
	UpdateInbox(ctx context.Context, b models.Inbox, now time.Time) error
	DeleteInbox(ctx context.Context, org, id models.ID) error
	// KeepInboxRequest returns the number of the request, counted over all instances, and keeps what is answered at once with it.
	KeepInboxRequest(ctx context.Context, r models.InboxRequest, how models.InboxBehavior) (number int, err error)
	// AnswerInboxRequest stores another answer than that.
	AnswerInboxRequest(ctx context.Context, org, inbox models.ID, number int, a models.InboxReply) error
	// InboxRequests is newest first: below the number before, unless that is 0, and from the number from on.
	InboxRequests(ctx context.Context, org, inbox models.ID, before, from, limit int) ([]models.InboxRequest, error)
}

// Samples has an example of each event's data. Implemented by *sandbox.Box.
type Samples interface {
	// SampleOf fails with code not_found where the organization has no event of this name, or that has no sample.
	SampleOf(ctx context.Context, org models.ID, name string) ([]byte, error)
}

// Scenarios has flows of events to try receivers with. Implemented by *sandbox.Box.
type Scenarios interface {
	Scenarios() []models.Scenario
	// Play makes the events of a flow with their Name, Data, EntityKey and Time. A speed of 0 makes all happen at begin.
	Play(name string, newID func() models.ID, begin time.Time, speed float64) (events []*models.Event, ok bool)
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

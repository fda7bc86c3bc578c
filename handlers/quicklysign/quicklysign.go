package quicklysign

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"hookrouter/handlers"
	"hookrouter/models"
)

// Store is the database as this package needs it. Implemented by *store.Store.
type Store interface {
	KeyByHash(ctx context.Context, hash [32]byte) (models.APIKey, error)
	Key(ctx context.Context, id models.ID) (models.APIKey, error)
	// Hit counts one call in the minute and the hour that now lies in; see handlers.Keys.
	Hit(ctx context.Context, key models.ID, mostMinute, mostHour int, now time.Time) (minute, hour int, err error)

	CreateSubscription(ctx context.Context, s *models.Subscription, quota int, by models.ID) error
	Subscription(ctx context.Context, org, id models.ID) (*models.Subscription, error)
	// SubscriptionVersion finds those of deleted subscriptions too.
	SubscriptionVersion(ctx context.Context, org, id models.ID, version int) (*models.Subscription, error)
	DeleteSubscription(ctx context.Context, org, id models.ID, by models.ID, now time.Time) error
	EntityWebhooks(ctx context.Context, q models.EntityWebhookQuery) ([]*models.Subscription, error)
	// DeleteEntityWebhooks ends all webhooks of an entity or none.
	DeleteEntityWebhooks(ctx context.Context, org models.ID, sandbox bool, entity string, by models.ID, now time.Time) ([]*models.Subscription, error)
	CallbackLog(ctx context.Context, q models.CallbackLogQuery) ([]models.CallbackEntry, error)
}

// Rules is the index that events are matched against. Implemented by *routing.Matcher.
type Rules interface {
	Refresh(ctx context.Context) error
}

// Endpoints says whether an address may be called at all; its error is a phrase for people. Implemented by *egress.Policy.
type Endpoints interface {
	CheckURL(raw string) (*url.URL, error)
}

// Options is what the surface needs. Everything without a default is required.
type Options struct {
	Store     Store
	Rules     Rules
	Endpoints Endpoints
	NewID     func() models.ID
	NewSecret func() string // a fresh secret that signs callbacks; asked for where Sign is set
	Now       func() time.Time
	PublicURL string // where this service is reached, without a slash at its end: links to next pages begin with it

	Sign        bool         // new webhooks get a secret, so their callbacks are signed
	Quota       int          // webhooks per organization; 0 sets none
	LimitMinute int          // calls per minute and pair of credentials; sandbox pairs have half. 0 sets none
	Logger      *slog.Logger // default: discards
}

// surface holds what the handlers work with.
type surface struct{ Options }

// New makes the surface for handlers.Options.Surfaces.
func New(o Options) (handlers.Surface, error) {
	if o.Store == nil || o.Rules == nil || o.Endpoints == nil || o.NewID == nil || o.NewSecret == nil || o.Now == nil || o.PublicURL == "" {
		return handlers.Surface{}, errors.New("quicklysign: Store, Rules, Endpoints, NewID, NewSecret, Now and PublicURL are required")
	}
	if o.Quota < 0 || o.LimitMinute < 0 {
		return handlers.Surface{}, errors.New("quicklysign: quotas and limits must not be negative")
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	s := &surface{o}
	return handlers.Surface{Prefix: "/v1/", Fail: fail, Routes: s.routes()}, nil
}

// names are what a webhook is called in one version of the API.
type names struct {
	one, many string // as members of an answer, and with /v1/ before them as paths
	key       string // as a parameter, and as the member beside key
	v0        bool
}

// versions of the API. V0 said subscription where V1 says webhook. The older page writes some paths in the singular.
var versions = [...]names{
	{one: "webhook", many: "webhooks", key: "webhook_key"},
	{one: "subscription", many: "subscriptions", key: "subscription_key", v0: true},
}

// routes is the whole surface.
func (s *surface) routes() []handlers.Route {
	list := []handlers.Route{{Method: http.MethodGet, Path: "/v1/webhook_callback_logs", Handle: s.logs}}
	for _, n := range versions {
		for _, path := range []string{"/v1/" + n.many, "/v1/" + n.one} {
			list = append(list,
				handlers.Route{Method: http.MethodPost, Path: path, Handle: s.create(n), Does: "webhook.create"},
				handlers.Route{Method: http.MethodGet, Path: path, Handle: s.list(n)},
				handlers.Route{Method: http.MethodDelete, Path: path, Handle: s.removeOf(n), Does: "entity.delete_webhooks"},
				handlers.Route{Method: http.MethodGet, Path: path + "/:webhook", Handle: s.get(n)},
				handlers.Route{Method: http.MethodDelete, Path: path + "/:webhook", Handle: s.remove(n), Does: "webhook.delete"},
			)
		}
	}
	return list
}

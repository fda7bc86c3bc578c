package handlers

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"hookrouter/models"
)

// Limit is how many management calls a production key may make. A sandbox key may make half as many a minute and a sixth as many
// an hour (https://developers.yousign.com/docs/limits-new: 60 and 1200 against 30 and 200). 0 switches a window off.
type Limit struct {
	Minute int
	Hour   int
}

// Options is what the surface needs. Everything without a default is required.
type Options struct {
	Accepter  Accepter
	Store     Store
	Rules     Rules
	Endpoints EndpointChecker
	Types     Types
	// BodyOf writes the body of a delivery again, as it was sent. Bodies are a function of the event and the version of the
	// subscription that matched, so they are not stored. It returns nil where it does not know the format.
	BodyOf  func(models.Job) []byte
	Formats Formats
	// Planner foretells attempts.
	Planner RetryPlanner
	// ReservedHeader reports whether a header belongs to the sender, so that a subscription may not set it: format.Reserved.
	ReservedHeader func(name string) bool
	// Samples and Scenarios are what the sandbox sends.
	Samples   Samples
	Scenarios Scenarios
	// InboxAddress is where the inbox with a token is reached: the address that subscriptions are given.
	InboxAddress func(token string) string
	// VerdictOf says whether a request that arrived was signed for a subscription.
	VerdictOf func(s *models.Subscription, header http.Header, body []byte) models.Verdict
	// Draining reports that the process is about to end, so that balancers send no more.
	Draining func() bool

	NewID     func() models.ID
	NewSecret func() string // a fresh secret_key of [models.SecretLength] characters
	Random    io.Reader     // cryptographic: keys are made from it. Default: crypto/rand.Reader
	Now       func() time.Time

	// Wake says that subscriptions have got something that is due; JobStarted, that a job has begun. Default: nothing, and both are found
	// by the next look at the database.
	Wake       func(subs []models.ID)
	JobStarted func()

	Limit              Limit
	SubscriptionQuota  int               // per organization; 0 sets none
	EntityWebhookQuota int               // the same for webhooks of document packs, which don't count among the others
	WorkspaceQuota     int               // workspaces per organization; 0 sets none
	Catalogue          *models.Catalogue // default: the built-in one
	Logger             *slog.Logger      // default: discards
	Surfaces           []Surface
	// Guests make surfaces that work with what /v3 works with.
	Guests []func(*Core) Surface
	// Pages, where set, makes the web pages, which are served below [PagesPath] and call the surface inside the process.
	Pages func(surface http.Handler) (http.Handler, error)
	// Notify, where set, is told what an organization may want to know of its endpoints. It must not block.
	Notify func(models.Notice)
}

// api holds what the handlers of /v3 work with.
type api struct {
	Options

	rules    *rulebook
	limiter  limiter
	cache    *keyCache
	requests requestIDs
	scratch  sync.Pool // of *document
	inboxes  *inboxGate
	scenes   chan struct{} // holds a token for each scenario that is being played
}

// New builds the handler of the whole surface. It switches gin to its release mode, which is a setting of the process.
func New(o Options) (http.Handler, error) {
	a, err := newAPI(o)
	if err != nil {
		return nil, err
	}
	return a.engine()
}

func newAPI(o Options) (*api, error) {
	for name, missing := range map[string]bool{
		"Accepter": o.Accepter == nil, "Store": o.Store == nil, "Rules": o.Rules == nil, "Endpoints": o.Endpoints == nil,
		"Types":  o.Types == nil,
		"BodyOf": o.BodyOf == nil, "Formats": o.Formats == nil, "ReservedHeader": o.ReservedHeader == nil, "Draining": o.Draining == nil,
		"NewID": o.NewID == nil, "NewSecret": o.NewSecret == nil, "Now": o.Now == nil, "Planner": o.Planner == nil, "Samples": o.Samples == nil,
		"Scenarios": o.Scenarios == nil, "InboxAddress": o.InboxAddress == nil, "VerdictOf": o.VerdictOf == nil,
	} {
		if missing {
			return nil, fmt.Errorf("handlers: Options.%s is required", name)
		}
	}
	if o.Limit.Minute < 0 || o.Limit.Hour < 0 || o.SubscriptionQuota < 0 || o.EntityWebhookQuota < 0 || o.WorkspaceQuota < 0 {
		return nil, errors.New("handlers: limits, quotas and timeouts must not be negative")
	}
	o.Catalogue = cmp.Or(o.Catalogue, models.BuiltinCatalogue())
	if o.Random == nil {
		o.Random = rand.Reader
	}
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Wake == nil {
		o.Wake = func([]models.ID) {}
	}
	if o.JobStarted == nil {
		o.JobStarted = func() {}
	}
	rules, err := newRulebook(o.Catalogue, o.Endpoints, o.Formats, o.ReservedHeader)
	if err != nil {
		return nil, err
	}
	return &api{
		Options:  o,
		rules:    rules,
		limiter:  newLimiter(o.Limit),
		cache:    newKeyCache(),
		requests: newRequestIDs(o.NewID()),
		scratch:  sync.Pool{New: func() any { return new(document) }},
		inboxes:  newInboxGate(),
		scenes:   make(chan struct{}, maxScenes),
	}, nil
}

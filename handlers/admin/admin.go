package admin

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// Store is the database as this package needs it. Implemented by *store.Store.
type Store interface {
	CreateOrganization(ctx context.Context, o models.Organization) error
	OrganizationPage(ctx context.Context, q models.OrganizationQuery) ([]models.Organization, error)
	Organization(ctx context.Context, id models.ID) (models.Organization, error)
	UpdateOrganization(ctx context.Context, id models.ID, change func(*models.Organization) error) (models.Organization, error)
	CreateKey(ctx context.Context, k models.APIKey) error
	Keys(ctx context.Context, org models.ID) ([]models.APIKey, error)
	RevokeKey(ctx context.Context, id models.ID, now time.Time) error
	Ledger(ctx context.Context) ([]models.Ledger, error)
	handlers.AuditLog
	Looks
	// Suspensions lists up to limit suspended subscriptions of all organizations, the longest suspended first.
	Suspensions(ctx context.Context, limit int) ([]models.Suspension, error)
}

// Looks are what an operator asks of the database as a whole. Each costs little however much is stored.
type Looks interface {
	Instances(ctx context.Context, now time.Time) ([]models.Instance, error)
	Storage(ctx context.Context, most int) (models.Storage, error)
	QueueFloor(ctx context.Context) (models.ID, error)
	Vitals(ctx context.Context, now time.Time) (models.Vitals, error)
	QuotaUses(ctx context.Context, limit int) ([]models.QuotaUse, error)
}

// Options is what the surface needs. Store, NewID, Now and Random are required.
type Options struct {
	Token  models.Secret // HOOKROUTER_ADMIN_TOKEN; without it the surface has no routes
	Store  Store
	NewID  func() models.ID
	Now    func() time.Time
	Random io.Reader // cryptographic, such as crypto/rand.Reader: keys are made from it

	SubscriptionQuota int // the default of organizations; 0 sets none
	WorkspaceQuota    int // of every organization; 0 sets none

	Lanes    Lister    // nil where this instance sends nothing
	Settings []Setting // as they hold in this process
}

// admin holds what the handlers work with.
type admin struct {
	Options

	guard guard
}

// New makes the surface for handlers.Options.Surfaces.
func New(o Options) (handlers.Surface, error) {
	if o.Store == nil || o.NewID == nil || o.Now == nil || o.Random == nil {
		return handlers.Surface{}, errors.New("admin: Store, NewID, Now and Random are required")
	}
	if o.Token.IsZero() {
		return handlers.Surface{}, nil
	}
	a := &admin{Options: o, guard: newGuard(o.Token)}
	return handlers.Surface{Guard: a.authorize, Routes: a.routes()}, nil
}

// routes is the whole surface.
func (a *admin) routes() []handlers.Route {
	return []handlers.Route{
		{Method: http.MethodGet, Path: "/admin/v1/organizations", Handle: a.listOrganizations},
		{Method: http.MethodPost, Path: "/admin/v1/organizations", Handle: a.createOrganization, Does: "organization.create"},
		{Method: http.MethodGet, Path: "/admin/v1/organizations/:organization", Handle: handlers.WithoutParameters(a.getOrganization)},
		{Method: http.MethodPatch, Path: "/admin/v1/organizations/:organization", Handle: a.updateOrganization, Does: "organization.update"},

		{Method: http.MethodGet, Path: "/admin/v1/organizations/:organization/keys", Handle: handlers.WithoutParameters(a.listKeys)},
		{Method: http.MethodPost, Path: "/admin/v1/organizations/:organization/keys", Handle: a.createKey, Does: "key.create"},
		{Method: http.MethodDelete, Path: "/admin/v1/organizations/:organization/keys/:key", Handle: a.revokeKey, Does: "key.revoke"},

		{Method: http.MethodGet, Path: "/admin/v1/ledger", Handle: handlers.WithoutParameters(a.ledger)},
		{Method: http.MethodGet, Path: "/admin/v1/suspensions", Handle: handlers.WithoutParameters(a.suspensions)},
		{Method: http.MethodGet, Path: "/admin/v1/instances", Handle: handlers.WithoutParameters(a.instances)},
		{Method: http.MethodGet, Path: "/admin/v1/storage", Handle: handlers.WithoutParameters(a.storage)},
		{Method: http.MethodGet, Path: "/admin/v1/queue", Handle: handlers.WithoutParameters(a.queue)},
		{Method: http.MethodGet, Path: "/admin/v1/quotas", Handle: handlers.WithoutParameters(a.quotas)},
		{Method: http.MethodGet, Path: "/admin/v1/lanes", Handle: handlers.WithoutParameters(a.lanes)},
		{Method: http.MethodGet, Path: "/admin/v1/settings", Handle: handlers.WithoutParameters(a.settings)},
		{Method: http.MethodGet, Path: "/admin/v1/audit_log", Handle: a.auditLog},
	}
}

// list is how lists of one page are answered: what there is of it fits into that.
type list[T any] struct {
	Meta struct {
		NextCursor *string `json:"next_cursor"`
	} `json:"meta"`
	Data []T `json:"data"`
}

func writeList[T, Out any](c *gin.Context, items []T, show func(T) Out) {
	out := list[Out]{Data: make([]Out, 0, len(items))}
	for _, item := range items {
		out.Data = append(out.Data, show(item))
	}
	handlers.WriteJSON(c, http.StatusOK, out)
}

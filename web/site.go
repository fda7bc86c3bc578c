package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"hookrouter/models"
	"hookrouter/web/assets"
)

// root is below what all pages are.
const root = "/developers"

// Store is the database as the pages need it. Implemented by *store.Store.
type Store interface {
	Sessions
	SubscriptionLists
	Callbacks
	DeliveryLists
	EventLists
	Sealer
	KeyByHash(ctx context.Context, hash [32]byte) (models.APIKey, error)
	Organization(ctx context.Context, id models.ID) (models.Organization, error)
}

// Options is what the pages need. All but AdminToken and Logger is required.
type Options struct {
	Store Store
	// API is the handler of the whole surface, which the pages call inside the process.
	API http.Handler
	// AsKey and AsOperator make a context whose calls of API are made by a session: handlers.WithKey and handlers.AsOperator.
	AsKey      func(context.Context, *models.APIKey) context.Context
	AsOperator func(context.Context) context.Context
	// HashKey is how keys are found: handlers.HashKey.
	HashKey func(text string) [32]byte
	// AdminToken opens the operator's pages; without it there are none.
	AdminToken models.Secret
	// PublicURL is where the service is reached. Where it is https, cookies are sent over https alone; otherwise one signs in from the
	// same machine only.
	PublicURL string
	Random    io.Reader // cryptographic
	Now       func() time.Time
	// Draining reports that the process is about to end, so that streams end first.
	Draining func() bool
	Logger   *slog.Logger // default: discards
}

// site holds what the pages work with.
type site struct {
	Options

	secure   bool
	attempts *attempts
	streams  *streams
	mux      *http.ServeMux
	pages    map[string]bool // the patterns that can be read
}

// New makes the handler of everything below /developers.
func New(o Options) (http.Handler, error) {
	if o.Store == nil || o.API == nil || o.AsKey == nil || o.AsOperator == nil || o.HashKey == nil || o.Random == nil || o.Now == nil ||
		o.Draining == nil {
		return nil, errors.New("web: all options but AdminToken and Logger are required")
	}
	base, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, errors.New("web: PublicURL is not an address")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &site{Options: o, secure: base.Scheme == "https", attempts: newAttempts(), streams: &streams{}}
	return s.handler(), nil
}

// handler mounts everything.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	s.mux, s.pages = mux, map[string]bool{}
	mux.HandleFunc("GET "+assets.Root, assets.Serve)
	for _, a := range s.areas() {
		for _, r := range a.routes {
			mux.Handle(r.pattern, s.page(a, r))
			if strings.HasPrefix(r.pattern, "GET ") {
				s.pages[r.pattern] = true
			}
		}
	}
	nothing := s.page(area{}, route{who: anyone, page: func(*view) error {
		return models.Errorf(models.CodeNotFound, "There is no page at this address.")
	}})
	mux.Handle("/", nothing)
	mux.HandleFunc("GET "+root, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, (&url.URL{Path: root + "/", RawQuery: r.URL.RawQuery}).String(), http.StatusSeeOther)
	})
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(s.page(area{}, route{who: anyone, page: func(*view) error {
		return models.Errorf(models.CodeForbidden, "This form was sent from another site, so nothing was done. Open the page here and send it again.")
	}}))
	return withHeaders(guard.Handler(mux))
}

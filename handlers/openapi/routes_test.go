package openapi_test

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"hookrouter/handlers"
	"hookrouter/handlers/admin"
	"hookrouter/handlers/documenso"
	"hookrouter/handlers/openapi"
	"hookrouter/handlers/quicklysign"
	"hookrouter/models"
)

// parts are whatever the surfaces need. None of it is called: only the routes are looked at.
type parts struct {
	handlers.Store
	handlers.Accepter
	handlers.Rules
	handlers.Types
	handlers.Formats
	handlers.RetryPlanner
	handlers.Samples
}

// plays is what scenarios need.
type plays struct{}

func (plays) Scenarios() []models.Scenario { return nil }

func (plays) Play(string, func() models.ID, time.Time, float64) ([]*models.Event, bool) {
	return nil, false
}

func (parts) CheckURL(raw string) (*url.URL, error) { return url.Parse(raw) }

// operatorParts are what the operator's surface needs, packParts what QuicklySign's does.
type (
	operatorParts struct{ admin.Store }
	packParts     struct{ quicklysign.Store }
)

// routes is every route of the whole surface, as the description writes them. A new surface belongs in here.
func routes(t *testing.T) map[string]bool {
	t.Helper()
	newID := func() models.ID { return models.ID{1} }
	operator, err := admin.New(admin.Options{
		Token: models.NewSecret("correct horse battery staple"), Store: operatorParts{}, NewID: newID, Now: time.Now, Random: rand.Reader,
	})
	require.NoError(t, err)
	var p parts
	packs, err := quicklysign.New(quicklysign.Options{
		Store: packParts{}, Rules: p, Endpoints: p, NewID: newID, NewSecret: func() string { return "" }, Now: time.Now, PublicURL: "https://router.test",
	})
	require.NoError(t, err)
	h, err := handlers.New(handlers.Options{
		Accepter: p, Store: p, Rules: p, Types: p, Endpoints: p, Formats: p, Planner: p, Samples: p, Scenarios: plays{},
		BodyOf: func(models.Job) []byte { return nil }, ReservedHeader: func(string) bool { return false }, Draining: func() bool { return false },
		InboxAddress: func(string) string { return "" }, VerdictOf: func(*models.Subscription, http.Header, []byte) models.Verdict { return "" },
		NewID: newID, NewSecret: func() string { return "" }, Now: time.Now, Surfaces: []handlers.Surface{operator, packs},
		Guests: []func(*handlers.Core) handlers.Surface{documenso.Surface},
	})
	require.NoError(t, err)
	list := map[string]bool{}
	for _, r := range h.(*gin.Engine).Routes() {
		list[r.Method+" "+regexp.MustCompile(`:(\w+)`).ReplaceAllString(r.Path, "{$1}")] = true
	}
	return list
}

func TestEveryRouteIsDescribedAndTheReverse(t *testing.T) {
	t.Parallel()
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	require.NoError(t, err)
	described := map[string]bool{}
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described[method+" "+path] = true
		}
	}
	require.Greater(t, len(described), 100)
	require.Equal(t, routes(t), described)
}

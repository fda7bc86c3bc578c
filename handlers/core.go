package handlers

import (
	"context"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Core is what a surface that speaks another system's language shares with /v3: the same keys with their limits and roles, and
// subscriptions under the same rules. What such a surface makes is seen and changed under /v3 like anything else.
type Core struct{ a *api }

// Caller is the key that a call carries in its Authorization header, after Bearer or alone. The call is counted as a management call, and
// what its route does is entered in the audit log. The error is of code unauthorized, rate_limited, forbidden where the key's role may not act so, or not_enabled where production is asked for
// and the key is a sandbox one.
func (k *Core) Caller(c *gin.Context, action models.Action, production bool) (*models.APIKey, error) {
	text, err := presented(c, true)
	if err != nil {
		return nil, err
	}
	key, err := k.a.lookUp(c, HashKey(text))
	if err != nil {
		return nil, err
	}
	if err := k.a.count(c, key); err != nil {
		return nil, err
	}
	if err := Acts(c, key); err != nil {
		return nil, err
	}
	return key, permit(key, route{action: action, production: production})
}

// Wish is a subscription that somebody asks for in another system's words: for production events of every scope and workspace, with
// retries.
type Wish struct {
	Endpoint    string
	Description string
	Events      []string
	Format      models.Format
}

// Subscribe makes a subscription under the rules of /v3. An error of code invalid names the fields as /v3 does.
func (k *Core) Subscribe(c *gin.Context, key *models.APIKey, w Wish) (*models.Subscription, error) {
	in := newWebhookInput()
	in.Endpoint, in.Description, in.Events, in.Scopes = w.Endpoint, &w.Description, w.Events, []string{models.Any}
	in.AutoRetry, in.Enabled, in.Format = true, true, string(w.Format)
	var err error
	if in.catalogue, err = k.a.catalogueOf(c.Request.Context(), key.OrganizationID); err != nil {
		return nil, err
	}
	if wrong := k.a.rules.check(in, nil, nil); wrong != nil {
		return nil, models.Invalid(wrong...)
	}
	return k.a.create(c, key, in)
}

// Subscriptions are those that the key may see, oldest first.
func (k *Core) Subscriptions(ctx context.Context, key *models.APIKey) ([]*models.Subscription, error) {
	return k.a.Store.Subscriptions(ctx, key.OrganizationID, onlySandbox(key))
}

// Unsubscribe deletes a subscription in a format and returns what it was. The error is of code not_found where the key sees no such one.
func (k *Core) Unsubscribe(c *gin.Context, key *models.APIKey, id models.ID, format models.Format) (*models.Subscription, error) {
	if !id.IsZero() {
		Concerns(c, models.ID{}, id.String())
	}
	s, err := k.a.Store.Subscription(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !sees(key, s.Sandbox) || s.Format != format {
		return nil, noSuch("webhook")
	}
	return s, k.a.remove(c, key, id)
}

// Sample is the body of a call that a subscription would get for a sample of an event. The error is of code not_found where there is no
// sample.
func (k *Core) Sample(ctx context.Context, key *models.APIKey, s *models.Subscription, name string) ([]byte, error) {
	data, err := k.a.Samples.SampleOf(ctx, key.OrganizationID, name)
	if err != nil {
		return nil, err
	}
	e := &models.Event{Name: name, Data: data, Sandbox: true, Time: k.a.Now()}
	return k.a.BodyOf(models.Job{Event: e, Matched: s, Current: s}), nil
}

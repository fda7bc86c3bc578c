package handlers

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// listWebhooks answers a bare array, oldest first: the vendor's list of subscriptions has no pages.
func (a *api) listWebhooks(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	subs, err := a.Store.Subscriptions(c.Request.Context(), key.OrganizationID, onlySandbox(key))
	if err != nil {
		return err
	}
	out := make([]webhookOutput, 0, len(subs))
	for _, s := range subs {
		out = append(out, a.showWebhook(s, key.Role))
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

func (a *api) getWebhook(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, a.showWebhook(s, key.Role))
	return nil
}

func (a *api) createWebhook(c *gin.Context, key *models.APIKey) error {
	in := newWebhookInput()
	var err error
	if in.catalogue, err = a.catalogueOf(c.Request.Context(), key.OrganizationID); err != nil {
		return err
	}
	if err := a.rules.read(c.Request, in, in.fields()...); err != nil {
		return err
	}
	s, err := a.create(c, key, in)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusCreated, a.showWebhook(s, key.Role))
	return nil
}

// create makes a subscription of input that was checked.
func (a *api) create(c *gin.Context, key *models.APIKey, in *webhookInput) (*models.Subscription, error) {
	s := &models.Subscription{ID: a.NewID(), OrganizationID: key.OrganizationID, CreatedAt: a.Now().UTC()}
	in.write(s)
	if err := a.writeSecret(s, in, s.CreatedAt); err != nil {
		return nil, err
	}
	if err := a.Store.CreateSubscription(c.Request.Context(), s, a.quotaFor(s), key.ID); err != nil {
		return nil, err
	}
	a.refresh(c)
	Concerns(c, models.ID{}, s.ID.String())
	return s, nil
}

// updateWebhook changes what the body names and checks the result as a whole, inside the store's lock, so that two changes at the
// same time can't add up to something that neither would have been allowed. One that changes nothing is answered like any other and leaves no
// trace.
func (a *api) updateWebhook(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "webhook")
	if err != nil {
		return err
	}
	var d document
	if err := d.read(c.Request, maxOtherBody); err != nil {
		return err
	}
	given, err := d.readMembers()
	if err != nil {
		return err
	}
	version, err := expected(given)
	if err != nil {
		return err
	}
	catalogue, err := a.catalogueOf(c.Request.Context(), key.OrganizationID)
	if err != nil {
		return err
	}
	now := a.Now().UTC()
	s, err := a.changeNamed(c, key, id, now, func(s *models.Subscription) error {
		if err := stillAt(s, version); err != nil {
			return err
		}
		in, err := a.edit(s, given, key, catalogue)
		if err != nil {
			return err
		}
		return a.writeSecret(s, in, now)
	})
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, a.showWebhook(s, key.Role))
	return nil
}

// writeSecret gives a subscription the secret that the input names, at once and in the place of all others; a new one gets one in any case,
// unless its format does without. There "" takes it away again.
// One that is absent or null leaves the subscription's own: null in a PATCH must not change what receivers verify with, since clients
// send null for what they do not know. So does one that is the current one, since they also send back what they read.
func (a *api) writeSecret(s *models.Subscription, in *webhookInput, now time.Time) error {
	current := s.Signing(now).Current
	switch {
	case in.SecretKey == nil && !current.IsZero(), in.SecretKey != nil && *in.SecretKey == a.Formats.ShowSecret(s.Format, current):
		return nil
	case in.SecretKey == nil && a.optionalSecret(s.Format):
		return nil
	case in.SecretKey == nil:
		s.Begin(models.NewSecret(a.NewSecret()))
		return nil
	}
	secret, err := a.Formats.ReadSecret(s.Format, *in.SecretKey)
	switch {
	case err != nil:
		return invalidSecret(err)
	case secret == current:
		return nil
	case current.IsZero():
		s.Begin(secret)
		return nil
	}
	return s.Rotate(secret, 0, now)
}

// optionalSecret reports whether subscriptions in a format may have no secret.
func (a *api) optionalSecret(name models.Format) bool {
	_, err := a.Formats.ReadSecret(name, "")
	return err == nil
}

// edit changes what the members name, but for the secret, or says what is wrong with it.
func (a *api) edit(
	s *models.Subscription, given members, key *models.APIKey, catalogue *models.Catalogue,
) (*webhookInput, error) {
	if !sees(key, s.Sandbox) {
		return nil, noSuch("webhook")
	}
	in := inputOf(s)
	in.catalogue = catalogue
	unread := given.into(in.fields(), true)
	wrong := a.rules.check(in, unread, func(field string) bool { _, ok := given[field]; return ok })
	if !sees(key, in.Sandbox) {
		wrong = append(wrong, models.FieldError{Name: "sandbox", Reason: reason("sandbox_key", "")})
	}
	wrong = append(wrong, moved(s, in)...)
	if wrong != nil {
		return nil, models.Invalid(wrong...)
	}
	in.write(s)
	return in, nil
}

// quotaFor is the quota that a new subscription counts against.
func (a *api) quotaFor(s *models.Subscription) int {
	if s.OfEntity() {
		return a.EntityWebhookQuota
	}
	return a.SubscriptionQuota
}

// moved says what an input changes that must stay. A webhook of an entity stays with it, in its format and environment: its key, its log
// and its place in the quota go by these, and its owner, who sees it by its entity's key, would lose sight of it. No other subscription
// becomes one for the same reasons (ADR 25).
func moved(s *models.Subscription, in *webhookInput) (wrong []models.FieldError) {
	after := models.Subscription{Format: models.Format(in.Format), EntityKey: value(in.EntityKey)}
	if !s.OfEntity() && !after.OfEntity() {
		return nil
	}
	fail := func(name string) {
		wrong = append(wrong, models.FieldError{Name: name, Reason: reason("of_entity", "")})
	}
	if s.Format != after.Format {
		fail("format")
	}
	if s.EntityKey != after.EntityKey {
		fail("entity_key")
	}
	if s.OfEntity() && s.Sandbox != in.Sandbox {
		fail("sandbox")
	}
	return wrong
}

func (a *api) deleteWebhook(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	if err := a.remove(c, key, s.ID); err != nil {
		return err
	}
	WriteNothing(c)
	return nil
}

// remove deletes a subscription that the key may see.
func (a *api) remove(c *gin.Context, key *models.APIKey, id models.ID) error {
	if err := a.Store.DeleteSubscription(c.Request.Context(), key.OrganizationID, id, key.ID, a.Now().UTC()); err != nil {
		return err
	}
	a.refresh(c)
	return nil
}

// visibleWebhook is the subscription that the path names, if the key may see it.
func (a *api) visibleWebhook(c *gin.Context, key *models.APIKey) (*models.Subscription, error) {
	id, err := PathID(c, "webhook")
	if err != nil {
		return nil, err
	}
	s, err := a.Store.Subscription(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return nil, err
	}
	if !sees(key, s.Sandbox) {
		return nil, noSuch("webhook")
	}
	return s, nil
}

// refresh brings this instance's rules up to date. Failure policy: that it fails is logged and no more, because the change is
// committed, and the commit of each event compares the revision of the rules anyway.
func (a *api) refresh(c *gin.Context) {
	if err := a.Rules.Refresh(c.Request.Context()); err != nil {
		a.Logger.LogAttrs(c.Request.Context(), slog.LevelWarn, "rules.refresh_failed",
			slog.String("request_id", c.Writer.Header().Get(headerRequestID)), slog.Any("error", err))
	}
}

// sees reports whether a key may see something of an environment: a production key sees everything, a sandbox key sandbox only.
func sees(key *models.APIKey, sandbox bool) bool {
	return sandbox || key.Environment == models.Production
}

// onlySandbox is the filter of lists for a key: nil where it sees everything.
func onlySandbox(key *models.APIKey) *bool {
	if key.Environment == models.Production {
		return nil
	}
	only := true
	return &only
}

// noSuch is the error for what does not exist, or not for this caller: nobody can tell the two apart.
func noSuch(thing string) error {
	return models.Errorf(models.CodeNotFound, "There is no %s with this id.", thing)
}

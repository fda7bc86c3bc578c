package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// suspendWebhook parks a subscription's deliveries until somebody resumes it. It takes the place of a suspension for failures, so it also
// ends the probes of one.
func (a *api) suspendWebhook(c *gin.Context, key *models.APIKey) error {
	s, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	if err := ReadNothing(c.Request); err != nil {
		return err
	}
	s, changed, err := a.Store.SuspendSubscription(c.Request.Context(), s.OrganizationID, s.ID, models.SuspendedManual, a.Now().UTC(), time.Time{})
	if err != nil {
		return err
	}
	return a.turned(c, key, s, changed, models.EventEndpointSuspended)
}

// resumeWebhook ends any suspension. What is parked is sent at a pace.
func (a *api) resumeWebhook(c *gin.Context, key *models.APIKey) error {
	before, err := a.visibleWebhook(c, key)
	if err != nil {
		return err
	}
	if err := ReadNothing(c.Request); err != nil {
		return err
	}
	s, changed, err := a.Store.ResumeSubscription(c.Request.Context(), before.OrganizationID, before.ID, true)
	if err != nil {
		return err
	}
	return a.turned(c, key, s, changed, models.EventEndpointResumed)
}

// turned answers with the subscription, and lets the organization know of a change.
func (a *api) turned(c *gin.Context, key *models.APIKey, s *models.Subscription, changed bool, event string) error {
	if changed {
		a.refresh(c)
		if a.Notify != nil {
			a.Notify(models.Notice{Event: event, At: a.Now().UTC(), Subscription: s, Reason: models.SuspendedManual})
		}
	}
	WriteJSON(c, http.StatusOK, a.showWebhook(s, key.Role))
	return nil
}

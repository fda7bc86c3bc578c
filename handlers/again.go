package handlers

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// retryDelivery sends one delivery again, at once and on demand.
func (a *api) retryDelivery(c *gin.Context, key *models.APIKey) error {
	d, err := a.visibleDelivery(c, key)
	if err != nil {
		return err
	}
	if err := ReadNothing(c.Request); err != nil {
		return err
	}
	if d, err = a.Store.Retry(c.Request.Context(), key.OrganizationID, d.ID, a.Now().UTC()); err != nil {
		return err
	}
	a.Wake([]models.ID{d.SubscriptionID})
	WriteJSON(c, http.StatusAccepted, showDelivery(d))
	return nil
}

// replayOutput is what a replay has made.
type replayOutput struct {
	EventID    models.ID        `json:"event_id"`
	Deliveries []deliveryOutput `json:"deliveries"`
}

// replayEvent makes new deliveries of an event: to the subscriptions that the body names, or to those that match it now.
func (a *api) replayEvent(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	e, err := a.visibleEvent(c, key)
	if err != nil {
		return err
	}
	targets, named, err := readTargets(c.Request)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	if !named {
		// Whatever was answered before this call counts, on whichever instance it was.
		if err := a.Rules.Refresh(ctx); err != nil {
			return err
		}
		for _, s := range a.Rules.Match(e, nil) {
			targets = append(targets, s.ID)
		}
		if len(targets) > models.MaxReplayTargets {
			return models.Errorf(models.CodeConflict, "More than %d webhooks match this event. Name them in subscription_ids, up to %d at a time.",
				models.MaxReplayTargets, models.MaxNamedReplayTarget)
		}
	}
	made, err := a.Store.Replay(ctx, key.OrganizationID, e.Ref, targets, named, a.Now().UTC())
	if err != nil {
		return err
	}
	out := replayOutput{EventID: e.ID, Deliveries: make([]deliveryOutput, 0, len(made))}
	subs := make([]models.ID, 0, len(made))
	for _, d := range made {
		out.Deliveries, subs = append(out.Deliveries, showDelivery(d)), append(subs, d.SubscriptionID)
	}
	a.Wake(subs)
	WriteJSON(c, http.StatusAccepted, out)
	return nil
}

// readTargets reads the subscriptions that a replay is for; named is false where the caller names none. The body may be missing.
func readTargets(r *http.Request) (ids []models.ID, named bool, err error) {
	if r.ContentLength == 0 {
		return nil, false, nil
	}
	var list *[]string
	if err := ReadAction(r, Field{"subscription_ids", false, Nullable(&list, Texts)}); err != nil || list == nil {
		return nil, false, err
	}
	if n := len(*list); n == 0 || n > models.MaxNamedReplayTarget {
		tag := "min/slice"
		if n > 0 {
			tag = "max/slice"
		}
		return nil, false, models.Invalid(models.FieldError{Name: "subscription_ids", Reason: reason(tag, fmt.Sprint(models.MaxNamedReplayTarget))})
	}
	var wrong []models.FieldError
	seen := make(map[models.ID]bool, len(*list))
	for i, text := range *list {
		id, err := models.ParseID(text)
		tag := ""
		switch {
		case err != nil || id.IsZero():
			tag = "uuid"
		case seen[id]:
			tag = "duplicate"
		}
		if tag != "" {
			wrong = append(wrong, models.FieldError{Name: fmt.Sprintf("subscription_ids[%d]", i), Reason: reason(tag, "")})
		}
		seen[id] = true
		ids = append(ids, id)
	}
	if wrong != nil {
		return nil, false, models.Invalid(wrong...)
	}
	return ids, true, nil
}

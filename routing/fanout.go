package routing

import "hookrouter/models"

// FanOut makes a delivery of an event for each subscription that matched it, in the same order. They are pending and due at once, or
// parked where the subscription is suspended. A test is sent even then, and is of its subscription's environment, whatever its event is of:
// who may not see the subscription does not see it either.
func FanOut(e *models.Event, subs []*models.Subscription) []models.Delivery {
	if len(subs) == 0 {
		return nil
	}
	deliveries := make([]models.Delivery, len(subs))
	for i, s := range subs {
		deliveries[i] = models.Delivery{
			ID:                  models.DeliveryID(e.Ref, i),
			OrganizationID:      e.OrganizationID,
			EventRef:            e.Ref,
			EventID:             e.ID,
			EventName:           e.Name,
			Sandbox:             e.Sandbox && (!e.Test() || s.Sandbox),
			SubscriptionID:      s.ID,
			SubscriptionVersion: s.Version,
			Status:              models.StatusPending,
			DueAt:               e.AcceptedAt,
			CreatedAt:           e.AcceptedAt,
			UpdatedAt:           e.AcceptedAt,
		}
		if s.Suspended() && !e.Test() {
			deliveries[i].Status = models.StatusParked
		}
	}
	return deliveries
}

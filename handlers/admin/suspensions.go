package admin

import (
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// maxSuspensions is how many suspensions are listed. Failure policy: who has more of them has one cause for all, and the list shows it.
const maxSuspensions = 1000

// suspensionOutput is a suspended subscription.
type suspensionOutput struct {
	OrganizationID models.ID            `json:"organization_id"`
	Organization   string               `json:"organization"`
	WebhookID      models.ID            `json:"webhook_id"`
	Endpoint       string               `json:"endpoint"` // without user and query
	Reason         models.SuspendReason `json:"reason"`
	SuspendedAt    string               `json:"suspended_at"`
	Failures       int                  `json:"failures"`
	FailingSince   *string              `json:"failing_since"`
	NextProbeAt    *string              `json:"next_probe_at"`
	Probes         int                  `json:"probes"`
	Parked         int                  `json:"parked"`
	ParkedIsMore   bool                 `json:"parked_is_more"` // counted no further than to parked
}

func (a *admin) suspensions(c *gin.Context) error {
	all, err := a.Store.Suspensions(c.Request.Context(), maxSuspensions)
	if err != nil {
		return err
	}
	writeList(c, all, func(s models.Suspension) suspensionOutput {
		return suspensionOutput{
			OrganizationID: s.OrganizationID, Organization: s.Organization, WebhookID: s.SubscriptionID,
			Endpoint: models.PublicEndpoint(s.Endpoint), Reason: s.Reason, SuspendedAt: handlers.Seconds(s.SuspendedAt), Failures: s.Failures,
			FailingSince: maybe(s.FailingSince), NextProbeAt: maybe(s.ProbeAt), Probes: s.Probes, Parked: s.ParkedCount,
			ParkedIsMore: s.ParkedCount >= models.MaxParkedCount,
		}
	})
	return nil
}

// maybe is nil for a time that never was.
func maybe(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := handlers.Seconds(t)
	return &s
}

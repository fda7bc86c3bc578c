package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// ledgerOutput says whether every match at acceptance is accounted for, over all organizations and for each.
type ledgerOutput struct {
	Balanced bool          `json:"balanced"`
	Data     []ledgerEntry `json:"data"`
}

type ledgerEntry struct {
	OrganizationID models.ID                       `json:"organization_id"`
	Organization   string                          `json:"organization"`
	Events         int64                           `json:"events"`
	Expected       int64                           `json:"expected"`
	Deliveries     map[models.DeliveryStatus]int64 `json:"deliveries"`
	Balanced       bool                            `json:"balanced"`
}

func (a *admin) ledger(c *gin.Context) error {
	all, err := a.Store.Ledger(c.Request.Context())
	if err != nil {
		return err
	}
	out := ledgerOutput{Balanced: true, Data: make([]ledgerEntry, 0, len(all))}
	for _, l := range all {
		entry := ledgerEntry{
			OrganizationID: l.OrganizationID, Organization: l.Organization, Events: l.Events, Expected: l.Expected,
			Deliveries: make(map[models.DeliveryStatus]int64, len(models.Statuses())), Balanced: l.Balanced(),
		}
		for _, status := range models.Statuses() { // those without a delivery too, so that readers need no default
			entry.Deliveries[status] = l.ByStatus[status]
		}
		out.Balanced = out.Balanced && entry.Balanced
		out.Data = append(out.Data, entry)
	}
	handlers.WriteJSON(c, http.StatusOK, out)
	return nil
}

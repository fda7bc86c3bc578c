package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// removalTime is for how long a call works on a removal itself. Failure policy: what takes longer goes on without the caller, who may
// ask again to see how far it is.
const removalTime = 2 * time.Second

// removalOutput is how far a removal has come.
type removalOutput struct {
	EntityKey   string `json:"entity_key"`
	Status      string `json:"status"`
	RequestedAt string `json:"requested_at"`
	Events      int64  `json:"removed_events"`
	Deliveries  int64  `json:"removed_deliveries"`
	Canceled    int64  `json:"canceled_deliveries"`
}

// removeEntity removes the events of an entity with all that belongs to them: 200 when it is done, 202 while it goes on.
func (a *api) removeEntity(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	entity := c.Param("entity")
	if !storedKey(entity) {
		return models.Errorf(models.CodeNotFound, "There is no event of this entity.")
	}
	now := a.Now().UTC()
	job, err := a.Store.RemoveEntity(c.Request.Context(), key.OrganizationID, entity, now, removalTime)
	if err != nil {
		return err
	}
	status, word := http.StatusOK, "done"
	if !job.Done {
		status, word = http.StatusAccepted, "running"
	}
	if job.RequestedAt.IsZero() {
		job.RequestedAt = now
	}
	WriteJSON(c, status, removalOutput{
		EntityKey: job.EntityKey, Status: word, RequestedAt: seconds(job.RequestedAt), Events: job.Events, Deliveries: job.Deliveries,
		Canceled: job.Canceled,
	})
	return nil
}

// expungePayload empties one event's data. It may be called again.
func (a *api) expungePayload(c *gin.Context, key *models.APIKey) error {
	if err := refuseParameters(c.Request); err != nil {
		return err
	}
	e, err := a.visibleEvent(c, key)
	if err != nil {
		return err
	}
	if err := a.Store.ExpungePayload(c.Request.Context(), key.OrganizationID, e.Ref); err != nil {
		return err
	}
	WriteNothing(c)
	return nil
}

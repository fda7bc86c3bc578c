package admin

import (
	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

// auditLog answers everybody's audit log, newest first.
func (a *admin) auditLog(c *gin.Context) error { return handlers.ListAudit(c, a.Store, models.ID{}) }

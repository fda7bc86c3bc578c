package admin

import (
	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// maxQuotas is how many organizations are listed; those that are left out have fewer subscriptions than these.
const maxQuotas = 1000

type quotaOutput struct {
	OrganizationID models.ID `json:"organization_id"`
	Organization   string    `json:"organization"`
	Subscriptions  int       `json:"subscriptions"`
	Quota          *int      `json:"subscription_quota"` // as it holds; null where there is no limit
	Own            bool      `json:"own_quota"`          // and not the operator's default
	Workspaces     int       `json:"workspaces"`
	WorkspaceQuota *int      `json:"workspace_quota"` // null where there is no limit
	Keys           int       `json:"valid_keys"`
}

// quotas lists what organizations have of what is limited, the largest first.
func (a *admin) quotas(c *gin.Context) error {
	all, err := a.Store.QuotaUses(c.Request.Context(), maxQuotas)
	if err != nil {
		return err
	}
	writeList(c, all, func(u models.QuotaUse) quotaOutput {
		out := quotaOutput{
			OrganizationID: u.Organization.ID, Organization: u.Organization.Name, Subscriptions: u.Subscriptions, Workspaces: u.Workspaces, Keys: u.Keys,
			Own: u.Organization.SubscriptionQuota != nil, WorkspaceQuota: limit(a.WorkspaceQuota),
		}
		quota := a.SubscriptionQuota
		if out.Own {
			quota = *u.Organization.SubscriptionQuota
		}
		out.Quota = limit(quota)
		return out
	})
	return nil
}

// limit is a quota as it is shown: null where there is none.
func limit(quota int) *int {
	if quota == 0 {
		return nil
	}
	return &quota
}

package admin

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

const maxQuota = 1_000_000 // subscriptions; more is a typing error

type organizationOutput struct {
	ID        models.ID `json:"id"`
	Name      string    `json:"name"`
	CreatedAt string    `json:"created_at"`
	// SubscriptionQuota is null where the operator's default holds, and 0 where there is no limit.
	SubscriptionQuota *int `json:"subscription_quota"`
}

func showOrganization(o models.Organization) organizationOutput {
	return organizationOutput{ID: o.ID, Name: o.Name, CreatedAt: handlers.Seconds(o.CreatedAt), SubscriptionQuota: o.SubscriptionQuota}
}

// listOrganizations answers a page of the organizations by name: of all, or with q of those that have it in their name or as their id.
func (a *admin) listOrganizations(c *gin.Context) error {
	find := func(ctx context.Context, text, after string, limit int) ([]models.Organization, error) {
		return a.Store.OrganizationPage(ctx, models.OrganizationQuery{Text: text, After: after, Limit: limit})
	}
	return handlers.ListByName(c, "organizations", find, func(o models.Organization) string { return o.Name }, showOrganization)
}

func (a *admin) createOrganization(c *gin.Context) error {
	o := models.Organization{ID: a.NewID(), CreatedAt: a.Now().UTC()}
	if err := handlers.ReadFields(c.Request, false, organizationFields(&o)...); err != nil {
		return err
	}
	if err := checkOrganization(o); err != nil {
		return err
	}
	if err := a.Store.CreateOrganization(c.Request.Context(), o); err != nil {
		return err
	}
	handlers.Concerns(c, o.ID, o.ID.String())
	handlers.WriteJSON(c, http.StatusCreated, showOrganization(o))
	return nil
}

func (a *admin) getOrganization(c *gin.Context) error {
	o, err := a.organization(c)
	if err != nil {
		return err
	}
	handlers.WriteJSON(c, http.StatusOK, showOrganization(o))
	return nil
}

// updateOrganization changes the name and the quota; what the body does not name stays.
func (a *admin) updateOrganization(c *gin.Context) error {
	before, err := a.organization(c)
	if err != nil {
		return err
	}
	given := before
	if err := handlers.ReadFields(c.Request, true, organizationFields(&given)...); err != nil {
		return err
	}
	if err := checkOrganization(given); err != nil {
		return err
	}
	o, err := a.Store.UpdateOrganization(c.Request.Context(), before.ID, func(o *models.Organization) error {
		if given.Name != before.Name {
			o.Name = given.Name
		}
		if given.SubscriptionQuota != before.SubscriptionQuota { // pointers: another one was read from the body, or null
			o.SubscriptionQuota = given.SubscriptionQuota
		}
		return nil
	})
	if err != nil {
		return err
	}
	handlers.WriteJSON(c, http.StatusOK, showOrganization(o))
	return nil
}

// organization is the one that the path names.
func (a *admin) organization(c *gin.Context) (models.Organization, error) {
	id, err := handlers.PathID(c, "organization")
	if err != nil {
		return models.Organization{}, err
	}
	o, err := a.Store.Organization(c.Request.Context(), id)
	if err == nil {
		handlers.Concerns(c, o.ID, "")
	}
	return o, err
}

func organizationFields(o *models.Organization) []handlers.Field {
	return []handlers.Field{
		{Name: "name", Required: true, Read: handlers.Text(&o.Name)},
		{Name: "subscription_quota", Read: handlers.Nullable(&o.SubscriptionQuota, handlers.Integer)},
	}
}

func checkOrganization(o models.Organization) error {
	var wrong []models.FieldError
	if !models.ValidOrganizationName(o.Name) {
		wrong = append(wrong, models.FieldError{Name: "name", Reason: models.OrganizationNameRule})
	}
	if q := o.SubscriptionQuota; q != nil && (*q < 0 || *q > maxQuota) {
		wrong = append(wrong, models.FieldError{
			Name: "subscription_quota", Reason: "A quota is null for the default, 0 for none, or at most 1000000.",
		})
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

package admin

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

type keyOutput struct {
	ID          models.ID          `json:"id"`
	Key         string             `json:"key,omitempty"` // only in the answer to its making
	Hint        string             `json:"hint"`
	Role        models.Role        `json:"role"`
	Environment models.Environment `json:"environment"`
	CreatedAt   string             `json:"created_at"`
	RevokedAt   *string            `json:"revoked_at"`
}

func showKey(k models.APIKey) keyOutput {
	out := keyOutput{ID: k.ID, Hint: k.Hint, Role: k.Role, Environment: k.Environment, CreatedAt: rfc3339(k.CreatedAt)}
	if !k.RevokedAt.IsZero() {
		at := rfc3339(k.RevokedAt)
		out.RevokedAt = &at
	}
	return out
}

func (a *admin) listKeys(c *gin.Context) error {
	keys, err := a.keys(c)
	if err != nil {
		return err
	}
	writeList(c, keys, showKey)
	return nil
}

// createKey makes a key and answers with its text, once.
func (a *admin) createKey(c *gin.Context) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	role, env := "", string(models.Production)
	err = handlers.ReadFields(c.Request, false,
		handlers.Field{Name: "role", Required: true, Read: handlers.Text(&role)},
		handlers.Field{Name: "environment", Read: handlers.Text(&env)})
	if err != nil {
		return err
	}
	k := models.APIKey{
		ID: a.NewID(), OrganizationID: org.ID, Role: models.Role(role), Environment: models.Environment(env), CreatedAt: a.Now().UTC(),
	}
	if err := checkKey(k); err != nil {
		return err
	}
	text, err := handlers.NewKeyText(a.Random, k.Environment)
	if err != nil {
		return err
	}
	k.Hash, k.Hint = handlers.HashKey(text), handlers.KeyHint(text)
	if err := a.Store.CreateKey(c.Request.Context(), k); err != nil {
		return err
	}
	out := showKey(k)
	out.Key = text
	handlers.WriteJSON(c, http.StatusCreated, out)
	return nil
}

func checkKey(k models.APIKey) error {
	var wrong []models.FieldError
	if !slices.Contains(models.Roles(), k.Role) {
		wrong = append(wrong, models.FieldError{Name: "role", Reason: "A role is admin, manager, publisher or reader."})
	}
	if k.Environment != models.Production && k.Environment != models.Sandbox {
		wrong = append(wrong, models.FieldError{Name: "environment", Reason: "An environment is production or sandbox."})
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

// revokeKey ends a key's validity. Revoking twice is the same as once.
func (a *admin) revokeKey(c *gin.Context) error {
	keys, err := a.keys(c)
	if err != nil {
		return err
	}
	id, err := handlers.PathID(c, "key")
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(keys, func(k models.APIKey) bool { return k.ID == id }) {
		return models.Errorf(models.CodeNotFound, "There is no key with this id.")
	}
	if err := a.Store.RevokeKey(c.Request.Context(), id, a.Now().UTC()); err != nil {
		return err
	}
	handlers.WriteNothing(c)
	return nil
}

// keys are those of the organization that the path names.
func (a *admin) keys(c *gin.Context) ([]models.APIKey, error) {
	org, err := a.organization(c)
	if err != nil {
		return nil, err
	}
	return a.Store.Keys(c.Request.Context(), org.ID)
}

package admin

import (
	"slices"

	"github.com/gin-gonic/gin"

	"hookrouter/handlers"
	"hookrouter/models"
)

func (a *admin) listKeys(c *gin.Context) error {
	keys, err := a.keys(c)
	if err != nil {
		return err
	}
	writeList(c, keys, handlers.ShowKey)
	return nil
}

// createKey makes a key and answers with its text, once.
func (a *admin) createKey(c *gin.Context) error {
	org, err := a.organization(c)
	if err != nil {
		return err
	}
	return handlers.KeyMaker{NewID: a.NewID, Now: a.Now, Random: a.Random}.Make(c, org.ID, a.Store.CreateKey)
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

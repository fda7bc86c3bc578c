package handlers

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// OwnKeys keeps the keys that an organization makes for itself.
type OwnKeys interface {
	OwnKeys(ctx context.Context, org, after models.ID, limit int) ([]models.APIKey, error)
	OwnKey(ctx context.Context, org, id models.ID) (models.APIKey, error)
	// CreateOwnKey's error is of code quota where the organization has most valid keys.
	CreateOwnKey(ctx context.Context, k models.APIKey, most int) error
	// RevokeOwnKey's error is of code conflict where nobody could manage the organization's keys afterwards.
	RevokeOwnKey(ctx context.Context, org, id models.ID, now time.Time) (models.APIKey, error)
}

// KeyOutput is a key as every surface shows it. There is no time of its last use: publishing is answered from a cache, so what could be
// told for little would be wrong.
type KeyOutput struct {
	ID          models.ID          `json:"id"`
	Key         string             `json:"key,omitempty"` // only in the answer to its making
	Hint        string             `json:"hint"`
	Name        string             `json:"name"`
	Role        models.Role        `json:"role"`
	Environment models.Environment `json:"environment"`
	CreatedAt   string             `json:"created_at"`
	RevokedAt   *string            `json:"revoked_at"`
}

// ShowKey is a key without its text.
func ShowKey(k models.APIKey) KeyOutput {
	out := KeyOutput{ID: k.ID, Hint: k.Hint, Name: k.Name, Role: k.Role, Environment: k.Environment, CreatedAt: seconds(k.CreatedAt)}
	if !k.RevokedAt.IsZero() {
		out.RevokedAt = optional(seconds(k.RevokedAt))
	}
	return out
}

// KeyMaker has what keys are made of.
type KeyMaker struct {
	NewID  func() models.ID
	Now    func() time.Time
	Random io.Reader // cryptographic
}

// Make makes the key of an organization that a call asks for, lets save store it and answers with its text, this once.
func (m KeyMaker) Make(c *gin.Context, org models.ID, save func(context.Context, models.APIKey) error) error {
	k, err := readKey(c.Request)
	if err != nil {
		return err
	}
	k.ID, k.OrganizationID, k.CreatedAt = m.NewID(), org, m.Now().UTC()
	text, err := NewKeyText(m.Random, k.Environment)
	if err != nil {
		return err
	}
	k.Hash, k.Hint = HashKey(text), KeyHint(text)
	if err := save(c.Request.Context(), k); err != nil {
		return err
	}
	Concerns(c, org, k.ID.String())
	out := ShowKey(k)
	out.Key = text
	WriteJSON(c, http.StatusCreated, out)
	return nil
}

// readKey reads what a new key is to be. It has neither an id nor a text yet.
func readKey(r *http.Request) (models.APIKey, error) {
	name, role, env := "", "", string(models.Production)
	err := ReadFields(r, false, Field{"role", true, Text(&role)}, Field{"environment", false, Text(&env)}, Field{"name", false, Text(&name)})
	if err != nil {
		return models.APIKey{}, err
	}
	k := models.APIKey{Name: name, Role: models.Role(role), Environment: models.Environment(env)}
	var wrong []models.FieldError
	if !slices.Contains(models.Roles(), k.Role) {
		wrong = append(wrong, models.FieldError{Name: "role", Reason: reason("role", "")})
	}
	if k.Environment != models.Production && k.Environment != models.Sandbox {
		wrong = append(wrong, models.FieldError{Name: "environment", Reason: reason("environment", "")})
	}
	if name != "" && !models.ValidOrganizationName(name) { // the same rule: a line that can be shown anywhere
		wrong = append(wrong, models.FieldError{Name: "name", Reason: models.OrganizationNameRule})
	}
	if wrong != nil {
		return models.APIKey{}, models.Invalid(wrong...)
	}
	return k, nil
}

func (a *api) listKeys(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place("api_keys", key)
	after := q.afterID(at)
	if err := q.err(); err != nil {
		return err
	}
	found, err := a.Store.OwnKeys(c.Request.Context(), key.OrganizationID, after, at.more())
	if err != nil {
		return err
	}
	writePage(c, at, found, func(k models.APIKey) []byte { return k.ID[:] }, ShowKey)
	return nil
}

func (a *api) getKey(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "key")
	if err != nil {
		return err
	}
	k, err := a.Store.OwnKey(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, ShowKey(k))
	return nil
}

// createKey makes a key of either environment and answers with its text, this once.
func (a *api) createKey(c *gin.Context, key *models.APIKey) error {
	return KeyMaker{a.NewID, a.Now, a.Random}.Make(c, key.OrganizationID, func(ctx context.Context, k models.APIKey) error {
		return a.Store.CreateOwnKey(ctx, k, models.MaxKeys)
	})
}

// revokeKey ends a key's validity, also that of the key that calls unless it is the last that can manage keys. Revoking twice is the same
// as once.
func (a *api) revokeKey(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "key")
	if err != nil {
		return err
	}
	k, err := a.Store.RevokeOwnKey(c.Request.Context(), key.OrganizationID, id, a.Now().UTC())
	if err != nil {
		return err
	}
	a.cache.drop(k.Hash)
	WriteNothing(c)
	return nil
}

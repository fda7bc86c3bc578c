package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

type workspaceOutput struct {
	ID        models.ID `json:"id"`
	Name      string    `json:"name"`
	CreatedAt string    `json:"created_at"`
}

func showWorkspace(w models.Workspace) workspaceOutput {
	return workspaceOutput{ID: w.ID, Name: w.Name, CreatedAt: seconds(w.CreatedAt)}
}

// listWorkspaces answers the organization's workspaces in the order of their ids.
func (a *api) listWorkspaces(c *gin.Context, key *models.APIKey) error {
	q, err := readQuery(c)
	if err != nil {
		return err
	}
	at := q.place("workspaces", key)
	after := q.afterID(at)
	if err := q.err(); err != nil {
		return err
	}
	found, err := a.Store.Workspaces(c.Request.Context(), key.OrganizationID, after, at.more())
	if err != nil {
		return err
	}
	writePage(c, at, found, func(w models.Workspace) []byte { return w.ID[:] }, showWorkspace)
	return nil
}

// workspaceInput is a workspace as clients write it. The id is the platform's own, so that events can name it as they are; without
// one we make it.
type workspaceInput struct {
	ID   *string `json:"id" validate:"omitnil,uuid"`
	Name string  `json:"name" validate:"required,max=128,safe"`
}

func (a *api) createWorkspace(c *gin.Context, key *models.APIKey) error {
	var in workspaceInput
	err := a.rules.read(c.Request, &in, Field{"id", false, Nullable(&in.ID, Text)}, Field{"name", true, Text(&in.Name)})
	if err != nil {
		return err
	}
	w := models.Workspace{ID: a.NewID(), OrganizationID: key.OrganizationID, Name: in.Name, CreatedAt: a.Now().UTC()}
	if in.ID != nil {
		if w.ID, err = models.ParseID(*in.ID); err != nil {
			return err
		}
	}
	if err := a.Store.CreateWorkspace(c.Request.Context(), w, a.WorkspaceQuota); err != nil {
		return err
	}
	Concerns(c, models.ID{}, w.ID.String())
	WriteJSON(c, http.StatusCreated, showWorkspace(w))
	return nil
}

func (a *api) getWorkspace(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "workspace")
	if err != nil {
		return err
	}
	w, err := a.Store.Workspace(c.Request.Context(), key.OrganizationID, id)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showWorkspace(w))
	return nil
}

// updateWorkspace changes the name, which is all that can change: events and subscriptions refer to the id.
func (a *api) updateWorkspace(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "workspace")
	if err != nil {
		return err
	}
	var in workspaceInput
	if err := a.rules.read(c.Request, &in, Field{"name", true, Text(&in.Name)}); err != nil {
		return err
	}
	w, err := a.Store.RenameWorkspace(c.Request.Context(), key.OrganizationID, id, in.Name)
	if err != nil {
		return err
	}
	WriteJSON(c, http.StatusOK, showWorkspace(w))
	return nil
}

func (a *api) deleteWorkspace(c *gin.Context, key *models.APIKey) error {
	id, err := PathID(c, "workspace")
	if err != nil {
		return err
	}
	if err := a.Store.DeleteWorkspace(c.Request.Context(), key.OrganizationID, id); err != nil {
		return err
	}
	WriteNothing(c)
	return nil
}

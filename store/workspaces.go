package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"hookrouter/models"
)

// CreateWorkspace stores a workspace, of which the organization may have up to quota; 0 is no limit. The code is conflict when its id exists
// in the organization, also where that is full: whoever registers all of theirs again learns that this one is there. It is quota where there
// are as many as there may be, and not_found when the organization does not exist.
func (s *Store) CreateWorkspace(ctx context.Context, w models.Workspace, quota int) error {
	row := workspaceRow{OrganizationID: uid(w.OrganizationID), ID: uid(w.ID), Name: w.Name, CreatedAt: ms(w.CreatedAt)}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Two calls at the same time must not both find the last place free.
		if err := s.lockOrganization(tx, row.OrganizationID); err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return taken(err, "A workspace of this id exists already.")
		}
		if quota == 0 {
			return nil
		}
		var count int64
		if err := tx.Model(&workspaceRow{}).Where("organization_id = ?", row.OrganizationID).Count(&count).Error; err != nil {
			return err
		}
		if count > int64(quota) {
			return models.Errorf(models.CodeQuota, "The organization has all the %d workspaces it may have.", quota)
		}
		return nil
	})
	return wrap("create workspace", err)
}

// Workspaces lists an organization's workspaces by id, after the given one, up to limit.
func (s *Store) Workspaces(ctx context.Context, org, after models.ID, limit int) ([]models.Workspace, error) {
	query := s.reader(ctx).Where("organization_id = ?", uid(org)).Order("id").Limit(limit)
	if !after.IsZero() {
		query = query.Where("id > ?", uid(after))
	}
	var rows []workspaceRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list workspaces", err)
	}
	list := make([]models.Workspace, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}

// Workspace reads one workspace; the code is not_found where there is none.
func (s *Store) Workspace(ctx context.Context, org, id models.ID) (models.Workspace, error) {
	var row workspaceRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error
	return row.model(), wrap("read workspace", err)
}

// RenameWorkspace changes the name of a workspace; the code is not_found where there is none.
func (s *Store) RenameWorkspace(ctx context.Context, org, id models.ID, name string) (models.Workspace, error) {
	var row workspaceRow
	err := s.tx(ctx, func(tx *gorm.DB) error {
		if err := tx.Exec("UPDATE workspaces SET name = ? WHERE organization_id = ? AND id = ?", name, uid(org), uid(id)).Error; err != nil {
			return err
		}
		return tx.Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error
	})
	return row.model(), wrap("rename workspace", err)
}

// DeleteWorkspace removes a workspace. The code is conflict, with the ids in the message, while subscriptions name it.
func (s *Store) DeleteWorkspace(ctx context.Context, org, id models.ID) error {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// No subscription can come to name it while we look.
		if err := tx.Exec("SELECT value FROM revisions WHERE id = 1 " + s.dialect.lock()).Error; err != nil {
			return err
		}
		var names []uid
		err := tx.Model(&subscriptionRow{}).Where("organization_id = ? AND deleted_at = 0 AND workspaces LIKE ?", uid(org), "%"+id.String()+"%").
			Order("id").Pluck("id", &names).Error
		if err != nil {
			return err
		}
		if len(names) > 0 {
			list := make([]string, len(names))
			for i, n := range names {
				list[i] = models.ID(n).String()
			}
			return models.Errorf(models.CodeConflict, "Subscriptions name this workspace: %s.", strings.Join(list, ", "))
		}
		result := tx.Where("organization_id = ? AND id = ?", uid(org), uid(id)).Delete(&workspaceRow{})
		if result.Error == nil && result.RowsAffected == 0 {
			return models.Errorf(models.CodeNotFound, "There is no such workspace.")
		}
		return result.Error
	})
	return wrap("delete workspace", err)
}

// checkWorkspaces refuses workspaces that the organization does not have, naming each one's place in the list.
func checkWorkspaces(tx *gorm.DB, s *models.Subscription) error {
	var ids []uid
	for _, text := range s.Workspaces {
		if id, err := models.ParseID(text); err == nil {
			ids = append(ids, uid(id))
		}
	}
	known := []uid{}
	if len(ids) > 0 {
		err := tx.Model(&workspaceRow{}).Where("organization_id = ? AND id IN ?", uid(s.OrganizationID), ids).Pluck("id", &known).Error
		if err != nil {
			return err
		}
	}
	var wrong []models.FieldError
	for i, text := range s.Workspaces {
		id, err := models.ParseID(text)
		if text != models.Any && (err != nil || !slices.Contains(known, uid(id))) {
			wrong = append(wrong, models.FieldError{Name: fmt.Sprintf("workspaces[%d]", i), Reason: "There is no such workspace."})
		}
	}
	if len(wrong) > 0 {
		return models.Invalid(wrong...)
	}
	return nil
}

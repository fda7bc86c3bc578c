package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"hookrouter/models"
)

// What organizations add to the catalogue, and what is removed, in memory.

func (m *memory) Workspace(_ context.Context, org, id models.ID) (models.Workspace, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.Workspace{}, err
	}
	for _, w := range m.workspaces {
		if w.OrganizationID == org && w.ID == id {
			return w, nil
		}
	}
	return models.Workspace{}, models.Errorf(models.CodeNotFound, "There is no such workspace.")
}

func (m *memory) RenameWorkspace(ctx context.Context, org, id models.ID, name string) (models.Workspace, error) {
	w, err := m.Workspace(ctx, org, id)
	if err != nil {
		return w, err
	}
	leave, err := m.enter()
	defer leave()
	for i := range m.workspaces {
		if m.workspaces[i].OrganizationID == org && m.workspaces[i].ID == id {
			m.workspaces[i].Name = name
			w = m.workspaces[i]
		}
	}
	return w, err
}

func (m *memory) CatalogueSince(_ context.Context, revision int64) ([]models.CatalogueEntry, int64, error) {
	leave, err := m.enter()
	defer leave()
	var out []models.CatalogueEntry
	for _, e := range m.entries {
		if e.Revision > revision {
			out = append(out, e)
		}
	}
	return out, m.catalogueRevision, err
}

func (m *memory) OwnCatalogue(_ context.Context, org models.ID) ([]models.CatalogueEntry, error) {
	leave, err := m.enter()
	defer leave()
	return m.own(org, ""), err
}

func (m *memory) own(org models.ID, kind models.CatalogueKind) []models.CatalogueEntry {
	var out []models.CatalogueEntry
	for _, e := range m.entries {
		if e.OrganizationID == org && !e.Deleted && (kind == "" || e.Kind == kind) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b models.CatalogueEntry) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (m *memory) CatalogueEntries(
	_ context.Context, org models.ID, kind models.CatalogueKind, after string, limit int,
) ([]models.CatalogueEntry, error) {
	leave, err := m.enter()
	defer leave()
	out := slices.DeleteFunc(m.own(org, kind), func(e models.CatalogueEntry) bool { return e.Name <= after })
	return out[:min(limit, len(out))], err
}

func (m *memory) entry(org models.ID, kind models.CatalogueKind, name string) (int, error) {
	i := slices.IndexFunc(m.entries, func(e models.CatalogueEntry) bool {
		return e.OrganizationID == org && e.Kind == kind && e.Name == name && !e.Deleted
	})
	if i < 0 {
		return 0, models.Errorf(models.CodeNotFound, "There is no such entry.")
	}
	return i, nil
}

func (m *memory) CatalogueEntry(
	_ context.Context, org models.ID, kind models.CatalogueKind, name string,
) (models.CatalogueEntry, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.CatalogueEntry{}, err
	}
	i, err := m.entry(org, kind, name)
	if err != nil {
		return models.CatalogueEntry{}, err
	}
	return m.entries[i], nil
}

func (m *memory) CreateCatalogueEntry(_ context.Context, e *models.CatalogueEntry) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	if _, err := m.entry(e.OrganizationID, e.Kind, e.Name); err == nil {
		return models.Errorf(models.CodeConflict, "There is one of this name already.")
	}
	m.catalogueRevision++
	e.Revision = m.catalogueRevision
	m.entries = append(m.entries, *e)
	return nil
}

func (m *memory) UpdateCatalogueEntry(
	_ context.Context, org models.ID, kind models.CatalogueKind, name string, now time.Time, change func(*models.CatalogueEntry) error,
) (models.CatalogueEntry, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.CatalogueEntry{}, err
	}
	i, err := m.entry(org, kind, name)
	if err != nil {
		return models.CatalogueEntry{}, err
	}
	e := m.entries[i]
	if err := change(&e); err != nil {
		return e, err
	}
	m.catalogueRevision++
	e.Revision, e.UpdatedAt = m.catalogueRevision, now
	m.entries[i] = e
	return e, nil
}

func (m *memory) DeleteCatalogueEntry(_ context.Context, org models.ID, kind models.CatalogueKind, name string, _ time.Time) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	i, err := m.entry(org, kind, name)
	if err != nil {
		return err
	}
	for _, s := range m.subscriptions {
		if s.OrganizationID == org && s.DeletedAt.IsZero() &&
			(slices.Contains(s.Events, models.Pattern(name)) || slices.Contains(s.Scopes, name)) {
			return models.Errorf(models.CodeConflict, "Subscriptions name it: %s.", s.ID)
		}
	}
	m.catalogueRevision++
	m.entries[i].Revision, m.entries[i].Deleted = m.catalogueRevision, true
	return nil
}

func (m *memory) RemoveEntity(
	_ context.Context, org models.ID, entity string, now time.Time, most time.Duration,
) (models.EntityRemoval, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.EntityRemoval{}, err
	}
	job := models.EntityRemoval{OrganizationID: org, EntityKey: entity, RequestedAt: now, Done: m.slowRemoval < most}
	m.events = slices.DeleteFunc(m.events, func(e *models.Event) bool {
		gone := e.OrganizationID == org && e.EntityKey == entity
		if gone {
			job.Events++
		}
		return gone
	})
	if job.Events == 0 {
		return job, models.Errorf(models.CodeNotFound, "There is no event of this entity.")
	}
	return job, nil
}

func (m *memory) ExpungePayload(_ context.Context, org, ref models.ID) error {
	leave, err := m.enter()
	defer leave()
	for _, e := range m.events {
		if e.OrganizationID == org && e.Ref == ref {
			e.Data = nil
		}
	}
	return err
}

package store

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// catalogueRow is one entry of an organization's own catalogue. Texts that are absent are empty.
type catalogueRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	Kind           models.CatalogueKind
	Name           string
	Revision       int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
	Deleted        bool
	Description    string
	Sample         string
	Schema         string
}

func (catalogueRow) TableName() string { return "catalogue_entries" }

func (r *catalogueRow) model() models.CatalogueEntry {
	return models.CatalogueEntry{
		OrganizationID: models.ID(r.OrganizationID), Kind: r.Kind, Name: r.Name, Description: r.Description, Sample: []byte(r.Sample),
		Schema: []byte(r.Schema), Revision: r.Revision, CreatedAt: instant(r.CreatedAt), UpdatedAt: instant(r.UpdatedAt), Deleted: r.Deleted,
	}
}

func catalogueModels(rows []catalogueRow) []models.CatalogueEntry {
	list := make([]models.CatalogueEntry, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list
}

// CatalogueSince lists the entries of all organizations that changed after a revision, with a revision up to which none is missing. From
// 0 it lists all that exist, without tombstones. Samples are left out.
func (s *Store) CatalogueSince(ctx context.Context, revision int64) ([]models.CatalogueEntry, int64, error) {
	const operation = "read changed catalogue"
	// Revisions are committed in their order, so whatever has one up to this is there for the second query.
	var now int64
	if err := s.watcher(ctx).Raw("SELECT value FROM revisions WHERE id = 1").Scan(&now).Error; err != nil {
		return nil, 0, wrap(operation, err)
	}
	query := s.watcher(ctx).Omit("sample").Where("revision > ?", revision).Order("revision")
	if revision == 0 {
		query = query.Where("NOT deleted")
	}
	var rows []catalogueRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, 0, wrap(operation, err)
	}
	return catalogueModels(rows), now, nil
}

// OwnCatalogue lists what an organization has added to the catalogue, without samples and schemas, by kind and name.
func (s *Store) OwnCatalogue(ctx context.Context, org models.ID) ([]models.CatalogueEntry, error) {
	rows, err := ownCatalogue(s.reader(ctx), org)
	return catalogueModels(rows), wrap("read catalogue", err)
}

func ownCatalogue(db *gorm.DB, org models.ID) ([]catalogueRow, error) {
	var rows []catalogueRow
	err := db.Omit("sample", "schema").Where("organization_id = ? AND NOT deleted", uid(org)).Order("kind, name").Find(&rows).Error
	return rows, err
}

// CatalogueEntries lists an organization's own entries of a kind by name, after the given one, up to limit.
func (s *Store) CatalogueEntries(
	ctx context.Context, org models.ID, kind models.CatalogueKind, after string, limit int,
) ([]models.CatalogueEntry, error) {
	var rows []catalogueRow
	err := s.reader(ctx).Where("organization_id = ? AND kind = ? AND name > ? AND NOT deleted", uid(org), string(kind), after).
		Order("name").Limit(limit).Find(&rows).Error
	return catalogueModels(rows), wrap("list catalogue", err)
}

// CatalogueEntry reads one entry of an organization's own; the code is not_found where there is none.
func (s *Store) CatalogueEntry(
	ctx context.Context, org models.ID, kind models.CatalogueKind, name string,
) (models.CatalogueEntry, error) {
	row, err := catalogueEntry(s.reader(ctx), org, kind, name)
	return row.model(), wrap("read catalogue entry", err)
}

func catalogueEntry(db *gorm.DB, org models.ID, kind models.CatalogueKind, name string) (row catalogueRow, err error) {
	err = db.Where("organization_id = ? AND kind = ? AND name = ? AND NOT deleted", uid(org), string(kind), name).Take(&row).Error
	return row, err
}

// CreateCatalogueEntry stores a new entry and sets its Revision. Codes: conflict where the name is taken, quota beyond
// [models.MaxOwnEntries] of the kind, not_found for the organization.
func (s *Store) CreateCatalogueEntry(ctx context.Context, e *models.CatalogueEntry) error {
	row := catalogueRow{
		OrganizationID: uid(e.OrganizationID), Kind: e.Kind, Name: e.Name, CreatedAt: ms(e.CreatedAt),
		Description: e.Description, Sample: string(e.Sample), Schema: string(e.Schema),
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var err error
		if row.Revision, err = nextRevision(tx); err != nil {
			return err
		}
		var count int64
		err = tx.Model(&catalogueRow{}).Where("organization_id = ? AND kind = ? AND NOT deleted", row.OrganizationID, string(e.Kind)).Count(&count).Error
		if err != nil {
			return err
		}
		if count >= models.MaxOwnEntries {
			return models.Errorf(models.CodeQuota, "The organization has all the %d %s of its own that it may have.", models.MaxOwnEntries, e.Kind.Many())
		}
		// The tombstone of an entry of this name makes room. Its revision is not needed: the new one is higher.
		err = tx.Exec("DELETE FROM catalogue_entries WHERE organization_id = ? AND kind = ? AND name = ? AND deleted",
			row.OrganizationID, string(e.Kind), e.Name).Error
		if err != nil {
			return err
		}
		return taken(orphan(tx.Create(&row).Error), "There is one of this name already.")
	})
	e.Revision = row.Revision
	return wrap("create catalogue entry", err)
}

// UpdateCatalogueEntry lets change edit an entry's texts while nobody else can, and stores it under the next revision. An error of change
// is returned and nothing stored; the code is not_found where there is none.
func (s *Store) UpdateCatalogueEntry(
	ctx context.Context, org models.ID, kind models.CatalogueKind, name string, now time.Time, change func(*models.CatalogueEntry) error,
) (models.CatalogueEntry, error) {
	var after models.CatalogueEntry
	err := s.tx(ctx, func(tx *gorm.DB) error {
		revision, err := nextRevision(tx)
		if err != nil {
			return err
		}
		row, err := catalogueEntry(tx, org, kind, name)
		if err != nil {
			return err
		}
		after = row.model()
		if err := change(&after); err != nil {
			return err
		}
		after.Revision, after.UpdatedAt = revision, instant(ms(now))
		return tx.Exec(`UPDATE catalogue_entries SET revision = ?, updated_at = ?, description = ?, sample = ?, schema = ?
			WHERE organization_id = ? AND kind = ? AND name = ?`, revision, ms(now), after.Description, string(after.Sample),
			string(after.Schema), uid(org), string(kind), name).Error
	})
	return after, wrap("update catalogue entry", err)
}

// DeleteCatalogueEntry removes an entry. The code is conflict, with the ids in the message, while subscriptions name it: by its name, or
// by a pattern that would reach no known event without it.
func (s *Store) DeleteCatalogueEntry(ctx context.Context, org models.ID, kind models.CatalogueKind, name string, now time.Time) error {
	err := s.tx(ctx, func(tx *gorm.DB) error {
		revision, err := nextRevision(tx)
		if err != nil {
			return err
		}
		if _, err := catalogueEntry(tx, org, kind, name); err != nil {
			return err
		}
		users, err := usersOf(tx, org, kind, name)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return models.Errorf(models.CodeConflict, "Subscriptions name it: %s.", strings.Join(users, ", "))
		}
		return tx.Exec(`UPDATE catalogue_entries SET revision = ?, updated_at = ?, deleted = ?, description = '', sample = '', schema = ''
			WHERE organization_id = ? AND kind = ? AND name = ?`, revision, ms(now), true, uid(org), string(kind), name).Error
	})
	return wrap("delete catalogue entry", err)
}

// usersOf are the ids of an organization's subscriptions that need an entry.
func usersOf(tx *gorm.DB, org models.ID, kind models.CatalogueKind, name string) ([]string, error) {
	rest, err := ownCatalogue(tx, org)
	if err != nil {
		return nil, err
	}
	rest = slices.DeleteFunc(rest, func(r catalogueRow) bool { return r.Kind == kind && r.Name == name })
	others := models.BuiltinCatalogue().With(catalogueModels(rest))
	var subs []subscriptionRow
	err = tx.Select("id, events, scopes").Where("organization_id = ? AND deleted_at = 0", uid(org)).Order("id").Find(&subs).Error
	if err != nil {
		return nil, err
	}
	var users []string
	for i := range subs {
		needs := false
		if kind == models.KindScope {
			scopes, err := parseTexts[string](subs[i].State.Scopes)
			if err != nil {
				return nil, err
			}
			needs = slices.Contains(scopes, name)
		} else {
			patterns, err := parseTexts[models.Pattern](subs[i].State.Events)
			if err != nil {
				return nil, err
			}
			needs = slices.ContainsFunc(patterns, func(p models.Pattern) bool {
				return p != models.Any && p.Match(name) && !others.Reaches(p)
			})
		}
		if needs {
			users = append(users, models.ID(subs[i].ID).String())
		}
	}
	return users, nil
}

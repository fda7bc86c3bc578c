package store

import (
	"context"

	"gorm.io/gorm"

	"hookrouter/models"
)

// CreateOrganization stores an organization; the code is conflict when the name is taken.
func (s *Store) CreateOrganization(ctx context.Context, o models.Organization) error {
	row := organizationRow{ID: uid(o.ID), Name: o.Name, CreatedAt: ms(o.CreatedAt), SubscriptionQuota: o.SubscriptionQuota}
	return wrap("create organization", taken(s.writer(ctx).Create(&row).Error, "An organization of this name exists already."))
}

// taken gives a duplicate its own message.
func taken(err error, message string) error {
	if err != nil && isDuplicate(err) {
		return &models.Error{Code: models.CodeConflict, Message: message, Err: err}
	}
	return err
}

// Organizations lists all organizations by name.
func (s *Store) Organizations(ctx context.Context) ([]models.Organization, error) {
	var rows []organizationRow
	if err := s.reader(ctx).Order("name").Find(&rows).Error; err != nil {
		return nil, wrap("list organizations", err)
	}
	list := make([]models.Organization, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}

// OrganizationPage lists a part of the organizations by name.
func (s *Store) OrganizationPage(ctx context.Context, q models.OrganizationQuery) ([]models.Organization, error) {
	query := s.reader(ctx).Order("name").Limit(q.Limit)
	if id, err := models.ParseID(q.Text); err == nil {
		query = query.Where("id = ?", uid(id))
	} else if q.Text != "" {
		query = query.Where(`lower(name) LIKE ? ESCAPE '\'`, containingText(q.Text))
	}
	if q.After != "" {
		query = query.Where("name > ?", q.After)
	}
	var rows []organizationRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list organizations", err)
	}
	list := make([]models.Organization, len(rows))
	for i, r := range rows {
		list[i] = r.model()
	}
	return list, nil
}

// Organization reads one organization; the code is not_found when there is none.
func (s *Store) Organization(ctx context.Context, id models.ID) (models.Organization, error) {
	var row organizationRow
	err := s.reader(ctx).Where("id = ?", uid(id)).Take(&row).Error
	return row.model(), wrap("read organization", err)
}

// OrganizationByName reads one organization; the code is not_found when there is none.
func (s *Store) OrganizationByName(ctx context.Context, name string) (models.Organization, error) {
	var row organizationRow
	err := s.reader(ctx).Where("name = ?", name).Take(&row).Error
	return row.model(), wrap("read organization", err)
}

// UpdateOrganization lets change edit name and quota, while nobody else can; an error of change is returned and nothing stored.
func (s *Store) UpdateOrganization(ctx context.Context, id models.ID, change func(*models.Organization) error) (models.Organization, error) {
	var o models.Organization
	err := s.tx(ctx, func(tx *gorm.DB) error {
		var row organizationRow
		query := "SELECT id, name, created_at, subscription_quota FROM organizations WHERE id = ? " + s.dialect.lock()
		if err := tx.Raw(query, uid(id)).Take(&row).Error; err != nil {
			return err
		}
		o = row.model()
		if err := change(&o); err != nil {
			return err
		}
		err := tx.Model(&organizationRow{}).Where("id = ?", uid(id)).
			Updates(map[string]any{"name": o.Name, "subscription_quota": o.SubscriptionQuota}).Error
		return taken(err, "An organization of this name exists already.")
	})
	if err != nil {
		return models.Organization{}, wrap("update organization", err)
	}
	o.ID = id
	return o, nil
}

// lockOrganization lets one transaction at a time change what is counted or compared within an organization. The code is not_found where there
// is none.
func (s *Store) lockOrganization(tx *gorm.DB, id uid) error {
	var found []uid
	err := tx.Raw("SELECT id FROM organizations WHERE id = ? "+s.dialect.lock(), id).Scan(&found).Error
	if err == nil && len(found) == 0 {
		return models.Errorf(models.CodeNotFound, "There is no such organization.")
	}
	return err
}

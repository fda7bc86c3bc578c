package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

// resendRow is a job that sends many again.
type resendRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	ID             uid `gorm:"primaryKey"`
	Kind           models.ResendKind
	State          models.ResendState
	Sandbox        *bool
	SubscriptionID uid
	Status         models.DeliveryStatus
	EventName      models.Pattern
	FromAt         int64
	ToAt           int64
	Rate           int
	Position       uid
	PacedTo        int64
	Sent           int64
	Skipped        int64
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	CreatedBy      uid
	UpdatedAt      int64 `gorm:"autoUpdateTime:false"`
	EndedAt        int64
}

func (resendRow) TableName() string { return "resends" }

func (r *resendRow) model() models.Resend {
	return models.Resend{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), Kind: r.Kind, State: r.State, Sandbox: r.Sandbox,
		SubscriptionID: models.ID(r.SubscriptionID), Status: r.Status, EventName: r.EventName, From: instant(r.FromAt), To: instant(r.ToAt),
		RatePerSecond: r.Rate, Position: models.ID(r.Position), Sent: r.Sent, Skipped: r.Skipped, CreatedAt: instant(r.CreatedAt),
		CreatedBy: models.ID(r.CreatedBy), UpdatedAt: instant(r.UpdatedAt), EndedAt: instant(r.EndedAt),
	}
}

// CreateResend starts a job. From and To are required. The code is quota where the organization has as many jobs running as it may
// have, and not_found where its subscription is none of the organization's. Jobs that ended long ago are removed.
func (s *Store) CreateResend(ctx context.Context, r *models.Resend) error {
	row := resendRow{
		OrganizationID: uid(r.OrganizationID), ID: uid(r.ID), Kind: r.Kind, State: models.ResendRunning, Sandbox: r.Sandbox,
		SubscriptionID: uid(r.SubscriptionID), Status: r.Status, EventName: r.EventName, FromAt: ms(r.From), ToAt: ms(r.To),
		Rate: r.RatePerSecond, PacedTo: ms(r.CreatedAt), CreatedAt: ms(r.CreatedAt), CreatedBy: uid(r.CreatedBy), UpdatedAt: ms(r.CreatedAt),
	}
	err := s.tx(ctx, func(tx *gorm.DB) error {
		// Two calls at the same time must not both be the last that is allowed.
		if err := s.lockOrganization(tx, row.OrganizationID); err != nil {
			return err
		}
		if r.SubscriptionID != (models.ID{}) {
			found, err := s.currentOf(tx, r.OrganizationID, []models.ID{r.SubscriptionID})
			if err != nil {
				return err
			}
			if found[r.SubscriptionID] == nil {
				return gorm.ErrRecordNotFound
			}
		}
		var running int64
		if err := tx.Model(&resendRow{}).Where("organization_id = ? AND ended_at = 0", row.OrganizationID).Count(&running).Error; err != nil {
			return err
		}
		if running >= models.MaxRunningResends {
			return models.Errorf(models.CodeQuota, "The organization has %d such jobs running, which is as many as it may have.", running)
		}
		err := tx.Exec("DELETE FROM resends WHERE organization_id = ? AND ended_at > 0 AND ended_at < ?",
			row.OrganizationID, ms(r.CreatedAt.Add(-models.ResendKeptFor))).Error
		if err != nil {
			return err
		}
		return tx.Create(&row).Error
	})
	if err == nil {
		*r = row.model()
	}
	return wrap("start a job", err)
}

// Resend reads a job; the code is not_found where there is none.
func (s *Store) Resend(ctx context.Context, org, id models.ID) (models.Resend, error) {
	var row resendRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Take(&row).Error
	return row.model(), wrap("read job", err)
}

// Resends lists an organization's jobs, newest first, those of one environment where that is given. A job that goes through both is
// production's.
func (s *Store) Resends(ctx context.Context, org models.ID, sandbox *bool, after models.ID, limit int) ([]models.Resend, error) {
	query := s.reader(ctx).Where("organization_id = ?", uid(org)).Order("id DESC").Limit(limit)
	if sandbox != nil {
		query = query.Where("COALESCE(sandbox, FALSE) = ?", *sandbox)
	}
	if !after.IsZero() {
		query = query.Where("id < ?", uid(after))
	}
	var rows []resendRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list jobs", err)
	}
	list := make([]models.Resend, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

// CancelResend ends a job where it stands. What it has put in the queue stays there. One that has ended stays as it is.
func (s *Store) CancelResend(ctx context.Context, org, id models.ID, now time.Time) (models.Resend, error) {
	err := s.writer(ctx).Exec("UPDATE resends SET state = ?, ended_at = ?, updated_at = ? WHERE organization_id = ? AND id = ? AND ended_at = 0",
		models.ResendCanceled, ms(now), ms(now), uid(org), uid(id)).Error
	if err != nil {
		return models.Resend{}, wrap("cancel job", err)
	}
	return s.Resend(ctx, org, id)
}

// PreviewResend finds what a job would be about, without starting it. It looks at a bounded number of rows.
func (s *Store) PreviewResend(ctx context.Context, r models.Resend) (models.Preview, error) {
	var p models.Preview
	db := s.reader(ctx)
	var sub *models.Subscription
	if r.Kind == models.ResendBackfill {
		var err error
		if sub, err = s.Subscription(ctx, r.OrganizationID, r.SubscriptionID); err != nil {
			return p, err
		}
	}
	for looked := 0; looked < models.MaxResendPreview; looked += scanPage {
		look := s.previewDeliveries
		if sub != nil {
			look = func(db *gorm.DB, r *models.Resend, p *models.Preview) (int, models.ID, error) {
				return s.previewEvents(db, r, sub, p)
			}
		}
		n, last, err := look(db, &r, &p)
		if err != nil {
			return p, wrap("preview job", err)
		}
		if n < scanPage {
			p.Complete = true
			break
		}
		r.Position = last
	}
	return p, nil
}

func (s *Store) previewDeliveries(db *gorm.DB, r *models.Resend, p *models.Preview) (n int, last models.ID, err error) {
	rows, err := pageOfDeliveries(db, r)
	for i := range rows {
		d := rows[i].model()
		last = d.ID
		if r.Selects(&d) && d.Status.Resendable() {
			p.Matching++
			if len(p.Sample) < models.ResendSampleSize {
				p.Sample = append(p.Sample, d)
			}
		}
	}
	return len(rows), last, err
}

func (s *Store) previewEvents(db *gorm.DB, r *models.Resend, sub *models.Subscription, p *models.Preview) (int, models.ID, error) {
	rows, err := pageOfEvents(db, r)
	if err != nil || len(rows) == 0 {
		return 0, models.ID{}, err
	}
	missed, err := s.missed(db, r, sub, rows)
	for _, e := range missed {
		p.Matching++
		if len(p.Events) < models.ResendSampleSize {
			p.Events = append(p.Events, models.EventHead{ID: models.ID(e.ID), Name: e.Name, AcceptedAt: instant(e.AcceptedAt)})
		}
	}
	return len(rows), models.ID(rows[len(rows)-1].Ref), err
}

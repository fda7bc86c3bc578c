package store

import (
	"context"

	"gorm.io/gorm"

	"hookrouter/models"
)

type auditRow struct {
	ID             uid `gorm:"primaryKey"`
	OrganizationID uid
	At             int64
	Actor          models.ActorKind
	KeyID          uid
	KeyHint        string
	Action         string
	ObjectID       string
	RequestID      string
	Outcome        models.AuditOutcome
	Status         int
	Reason         string
}

func (auditRow) TableName() string { return "audit_entries" }

func (r *auditRow) model() models.AuditEntry {
	return models.AuditEntry{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), At: instant(r.At),
		Actor:  models.Actor{Kind: r.Actor, KeyID: models.ID(r.KeyID), KeyHint: r.KeyHint},
		Action: r.Action, ObjectID: r.ObjectID, RequestID: r.RequestID,
		AuditResult: models.AuditResult{Outcome: r.Outcome, Status: r.Status, Reason: r.Reason},
	}
}

// enterAudit adds an entry in whatever transaction db is.
func enterAudit(db *gorm.DB, e models.AuditEntry) error {
	return db.Create(&auditRow{
		ID: uid(e.ID), OrganizationID: uid(e.OrganizationID), At: ms(e.At), Actor: e.Actor.Kind, KeyID: uid(e.Actor.KeyID), KeyHint: e.Actor.KeyHint,
		Action: e.Action, ObjectID: e.ObjectID, RequestID: e.RequestID, Outcome: e.Outcome, Status: e.Status, Reason: e.Reason,
	}).Error
}

// BeginAudit enters an action before it begins. The entry's outcome is what it has: unknown, unless the action has ended already.
func (s *Store) BeginAudit(ctx context.Context, e models.AuditEntry) error {
	return wrap("enter in the audit log", enterAudit(s.writer(ctx), e))
}

// FinishAudit says how an action ended, and to what it was done, which was not known of something new. An organization that the entry
// has stays.
func (s *Store) FinishAudit(ctx context.Context, e models.AuditEntry) error {
	err := s.writer(ctx).Exec(`UPDATE audit_entries SET organization_id = coalesce(organization_id, ?), object_id = ?, outcome = ?, status = ?,
		reason = ? WHERE id = ?`, uid(e.OrganizationID), e.ObjectID, string(e.Outcome), e.Status, e.Reason, uid(e.ID)).Error
	return wrap("finish in the audit log", err)
}

// WithdrawAudit removes the entry of an action that turned out to be none: nothing was done, and nothing refused. One that has an outcome
// stays.
func (s *Store) WithdrawAudit(ctx context.Context, id models.ID) error {
	err := s.writer(ctx).Exec("DELETE FROM audit_entries WHERE id = ? AND outcome = ?", uid(id), string(models.AuditUnknown)).Error
	return wrap("withdraw from the audit log", err)
}

// own enters what the program did by itself to a subscription, in the transaction that does it.
func (s *Store) own(tx *gorm.DB, action string, org, id uid, reason string) error {
	return enterAudit(tx, models.AuditEntry{
		ID: s.newID(), OrganizationID: models.ID(org), At: s.now(), Actor: models.Actor{Kind: models.ActorProgram}, Action: action,
		ObjectID: models.ID(id).String(), AuditResult: models.AuditResult{Outcome: models.AuditDone, Reason: reason},
	})
}

// Audit lists entries, newest first.
func (s *Store) Audit(ctx context.Context, q models.AuditQuery) ([]models.AuditEntry, error) {
	query := s.reader(ctx).Order("id DESC").Limit(q.Limit)
	query = named(query, "action", q.Action)
	query = between(query, "id", "at", q.From, q.To)
	if !q.OrganizationID.IsZero() {
		query = query.Where("organization_id = ?", uid(q.OrganizationID))
	}
	if q.Actor != "" {
		query = query.Where("actor = ?", string(q.Actor))
	}
	if !q.KeyID.IsZero() {
		query = query.Where("key_id = ?", uid(q.KeyID))
	}
	if q.ObjectID != "" {
		query = query.Where("object_id = ?", q.ObjectID)
	}
	if !q.After.IsZero() {
		query = query.Where("id < ?", uid(q.After))
	}
	var rows []auditRow
	if err := query.Find(&rows).Error; err != nil {
		return nil, wrap("list the audit log", err)
	}
	list := make([]models.AuditEntry, len(rows))
	for i := range rows {
		list[i] = rows[i].model()
	}
	return list, nil
}

// audit forgets entries that are too old, oldest first.
func (e *expiry) audit(ctx context.Context, cut cutoffs) error {
	if cut.audit.IsZero() {
		return nil
	}
	high := models.FloorID(cut.audit.Add(clockSlack)) // ends the way through the primary key
	for {
		var gone int64
		err := e.step(ctx, func(tx *gorm.DB, size int) error {
			result := tx.Exec("DELETE FROM audit_entries WHERE id IN (SELECT id FROM audit_entries WHERE id < ? AND at < ? ORDER BY id LIMIT ?)",
				uid(high), ms(cut.audit), size)
			gone = result.RowsAffected
			return result.Error
		})
		if err != nil || gone == 0 {
			return err
		}
		e.done.Audit += gone
	}
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"

	"hookrouter/models"
)

type inboxRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	ID             uid `gorm:"primaryKey"`
	Token          string
	Name           string
	Behavior       string
	Received       int
	CreatedAt      int64 `gorm:"autoCreateTime:false"`
	ExpiresAt      int64
}

func (inboxRow) TableName() string { return "inboxes" }

func (r inboxRow) model() (models.Inbox, error) {
	b := models.Inbox{
		ID: models.ID(r.ID), OrganizationID: models.ID(r.OrganizationID), Token: r.Token, Name: r.Name, Received: r.Received,
		CreatedAt: instant(r.CreatedAt), ExpiresAt: instant(r.ExpiresAt),
	}
	if err := json.Unmarshal([]byte(r.Behavior), &b.Behavior); err != nil {
		return b, fmt.Errorf("decode behavior: %w", err)
	}
	return b, nil
}

type inboxRequestRow struct {
	OrganizationID uid `gorm:"primaryKey"`
	InboxID        uid `gorm:"primaryKey"`
	Number         int `gorm:"primaryKey;autoIncrement:false"`
	ReceivedAt     int64
	Size           int
	Truncated      bool
	DeliveryID     uid
	Method         string
	Signature      models.Verdict
	Headers        []byte
	Body           []byte
	Answer         models.InboxOutcome
	AnswerStatus   int
	WaitedMS       int64 `gorm:"column:waited_ms"`
}

func (inboxRequestRow) TableName() string { return "inbox_requests" }

func (r inboxRequestRow) model(keys *keyring) (models.InboxRequest, error) {
	out := models.InboxRequest{
		InboxID: models.ID(r.InboxID), OrganizationID: models.ID(r.OrganizationID), Number: r.Number, ReceivedAt: instant(r.ReceivedAt),
		Method: r.Method, Body: r.Body, Truncated: r.Truncated, DeliveryID: models.ID(r.DeliveryID), Signature: r.Signature,
		Answer: models.InboxReply{Outcome: r.Answer, Status: r.AnswerStatus, Waited: time.Duration(r.WaitedMS) * time.Millisecond},
	}
	if len(r.Body) == 0 {
		out.Body = nil // the databases' drivers differ
	}
	headers, err := keys.open(r.headersPlace(), r.Headers)
	if headers != "" {
		out.Headers = strings.Split(headers, "\n")
	}
	return out, err
}

func (r inboxRequestRow) headersPlace() string {
	return place("inbox_requests", models.ID(r.OrganizationID), models.ID(r.InboxID), "headers")
}

// CreateInbox stores an inbox. The code is quota when the organization has [models.MaxInboxes] that have not expired by then, and
// not_found when it does not exist.
func (s *Store) CreateInbox(ctx context.Context, b models.Inbox) error {
	behavior, err := json.Marshal(b.Behavior)
	if err != nil {
		return fmt.Errorf("create inbox: encode behavior: %w", err)
	}
	err = s.tx(ctx, func(tx *gorm.DB) error {
		// Two calls at the same time must not both find the last place free.
		if err := s.lockOrganization(tx, uid(b.OrganizationID)); err != nil {
			return err
		}
		var n int64
		err := tx.Model(&inboxRow{}).Where("organization_id = ? AND expires_at > ?", uid(b.OrganizationID), ms(b.CreatedAt)).Count(&n).Error
		if err != nil {
			return err
		}
		if n >= models.MaxInboxes {
			return models.Errorf(models.CodeQuota, "The organization has all %d inboxes that it may have.", models.MaxInboxes)
		}
		return tx.Create(&inboxRow{
			OrganizationID: uid(b.OrganizationID), ID: uid(b.ID), Token: b.Token, Name: b.Name, Behavior: string(behavior),
			Received: b.Received, CreatedAt: ms(b.CreatedAt), ExpiresAt: ms(b.ExpiresAt),
		}).Error
	})
	return wrap("create inbox", err)
}

// Inboxes lists an organization's inboxes that have not expired, oldest first. There are at most [models.MaxInboxes].
func (s *Store) Inboxes(ctx context.Context, org models.ID, now time.Time) ([]models.Inbox, error) {
	var rows []inboxRow
	err := s.reader(ctx).Where("organization_id = ? AND expires_at > ?", uid(org), ms(now)).Order("id").Find(&rows).Error
	if err != nil {
		return nil, wrap("list inboxes", err)
	}
	list := make([]models.Inbox, len(rows))
	for i, r := range rows {
		if list[i], err = r.model(); err != nil {
			return nil, wrap("list inboxes", err)
		}
	}
	return list, nil
}

// Inbox reads one; the code is not_found when there is none, or it has expired.
func (s *Store) Inbox(ctx context.Context, org, id models.ID, now time.Time) (models.Inbox, error) {
	var row inboxRow
	err := s.reader(ctx).Where("organization_id = ? AND id = ? AND expires_at > ?", uid(org), uid(id), ms(now)).Take(&row).Error
	if err != nil {
		return models.Inbox{}, wrap("read inbox", err)
	}
	b, err := row.model()
	return b, wrap("read inbox", err)
}

// InboxByToken reads the inbox that a request is for; the code is not_found when there is none, or it has expired.
func (s *Store) InboxByToken(ctx context.Context, token string, now time.Time) (models.Inbox, error) {
	var row inboxRow
	if err := s.reader(ctx).Where("token = ? AND expires_at > ?", token, ms(now)).Take(&row).Error; err != nil {
		return models.Inbox{}, wrap("find inbox", err)
	}
	b, err := row.model()
	return b, wrap("find inbox", err)
}

// UpdateInbox stores the name and the behavior of an inbox; the code is not_found when there is none, or it has expired by now.
func (s *Store) UpdateInbox(ctx context.Context, b models.Inbox, now time.Time) error {
	behavior, err := json.Marshal(b.Behavior)
	if err != nil {
		return fmt.Errorf("update inbox: encode behavior: %w", err)
	}
	result := s.writer(ctx).Model(&inboxRow{}).
		Where("organization_id = ? AND id = ? AND expires_at > ?", uid(b.OrganizationID), uid(b.ID), ms(now)).
		Updates(map[string]any{"name": b.Name, "behavior": string(behavior)})
	if result.Error == nil && result.RowsAffected == 0 {
		return wrap("update inbox", models.Errorf(models.CodeNotFound, "There is no such inbox."))
	}
	return wrap("update inbox", result.Error)
}

// DeleteInbox removes an inbox with what it kept; the code is not_found when there is none.
func (s *Store) DeleteInbox(ctx context.Context, org, id models.ID) error {
	result := s.writer(ctx).Where("organization_id = ? AND id = ?", uid(org), uid(id)).Delete(&inboxRow{})
	if result.Error == nil && result.RowsAffected == 0 {
		return wrap("delete inbox", models.Errorf(models.CodeNotFound, "There is no such inbox."))
	}
	return wrap("delete inbox", result.Error)
}

// KeepInboxRequest stores a request and returns its number, counted over all instances. What the behavior answers at once is stored with it,
// so that most answers cost nothing more. The oldest requests go where the inbox would
// hold more than [models.MaxInboxRequests] or [models.MaxInboxBytes]. The code is not_found when the inbox is gone.
func (s *Store) KeepInboxRequest(ctx context.Context, r models.InboxRequest, how models.InboxBehavior) (number int, err error) {
	headers := strings.Join(r.Headers, "\n")
	row := inboxRequestRow{
		OrganizationID: uid(r.OrganizationID), InboxID: uid(r.InboxID), ReceivedAt: ms(r.ReceivedAt), Size: len(headers) + len(r.Body),
		Truncated: r.Truncated, DeliveryID: uid(r.DeliveryID), Method: r.Method, Signature: r.Signature, Body: r.Body,
	}
	if row.Headers, err = s.keys.seal(row.headersPlace(), headers); err != nil {
		return 0, wrap("keep request", err)
	}
	if row.Body == nil {
		row.Body = []byte{}
	}
	err = s.tx(ctx, func(tx *gorm.DB) error {
		var numbers []int
		// The row's lock puts requests of one inbox in line.
		err := tx.Raw("UPDATE inboxes SET received = received + 1 WHERE organization_id = ? AND id = ? RETURNING received",
			row.OrganizationID, row.InboxID).Scan(&numbers).Error
		if err != nil {
			return err
		}
		if len(numbers) == 0 {
			return models.Errorf(models.CodeNotFound, "There is no such inbox.")
		}
		row.Number = numbers[0]
		row.answer(how.AtOnce(row.Number))
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return prune(tx, row)
	})
	return row.Number, wrap("keep request", err)
}

func (r *inboxRequestRow) answer(a models.InboxReply) {
	r.Answer, r.AnswerStatus, r.WaitedMS = a.Outcome, a.Status, a.Waited.Milliseconds()
}

// AnswerInboxRequest stores what a kept request was answered, where that was not known beforehand. One that is no longer kept stays away.
func (s *Store) AnswerInboxRequest(ctx context.Context, org, inbox models.ID, number int, a models.InboxReply) error {
	var row inboxRequestRow
	row.answer(a)
	err := s.writer(ctx).Model(&inboxRequestRow{}).Where("organization_id = ? AND inbox_id = ? AND number = ?", uid(org), uid(inbox), number).
		Select("answer", "answer_status", "waited_ms").Updates(&row).Error
	return wrap("record answer of an inbox", err)
}

// prune removes the oldest requests of the inbox that got the newest one.
func prune(tx *gorm.DB, newest inboxRequestRow) error {
	var kept []struct{ Number, Size int }
	err := tx.Model(&inboxRequestRow{}).Select("number, size").
		Where("organization_id = ? AND inbox_id = ?", newest.OrganizationID, newest.InboxID).Order("number DESC").Scan(&kept).Error
	if err != nil {
		return err
	}
	bytes := 0
	for i, k := range kept {
		if bytes += k.Size; i > 0 && (i >= models.MaxInboxRequests || bytes > models.MaxInboxBytes) {
			return tx.Where("organization_id = ? AND inbox_id = ? AND number <= ?", newest.OrganizationID, newest.InboxID, k.Number).
				Delete(&inboxRequestRow{}).Error
		}
	}
	return nil
}

// InboxRequests lists what an inbox has kept, newest first: below the number before, unless that is 0, and from the number from on.
func (s *Store) InboxRequests(ctx context.Context, org, inbox models.ID, before, from, limit int) ([]models.InboxRequest, error) {
	query := s.reader(ctx).Where("organization_id = ? AND inbox_id = ? AND number >= ?", uid(org), uid(inbox), from)
	if before > 0 {
		query = query.Where("number < ?", before)
	}
	var rows []inboxRequestRow
	if err := query.Order("number DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, wrap("list requests of an inbox", err)
	}
	list := make([]models.InboxRequest, len(rows))
	for i := range rows {
		var err error
		if list[i], err = rows[i].model(s.keys); err != nil {
			return nil, wrap("list requests of an inbox", err)
		}
	}
	return list, nil
}

// ExpireInboxes removes the inboxes whose time has come with what they kept, and returns how many.
func (s *Store) ExpireInboxes(ctx context.Context, now time.Time) (int64, error) {
	now, err := s.present(s.watcher(ctx), now)
	if err != nil {
		return 0, wrap("expire inboxes", err)
	}
	result := s.writer(ctx).Where("expires_at <= ?", ms(now)).Delete(&inboxRow{})
	return result.RowsAffected, wrap("expire inboxes", result.Error)
}

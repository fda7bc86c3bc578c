package handlers

import (
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

func (m *memory) CreateInbox(_ context.Context, b models.Inbox) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	n := 0
	for _, x := range m.inboxes {
		if x.OrganizationID == b.OrganizationID && x.ExpiresAt.After(b.CreatedAt) {
			n++
		}
	}
	if n >= models.MaxInboxes {
		return models.Errorf(models.CodeQuota, "The organization has all %d inboxes that it may have.", models.MaxInboxes)
	}
	m.inboxes = append(m.inboxes, b)
	return nil
}

func (m *memory) Inboxes(_ context.Context, org models.ID, now time.Time) ([]models.Inbox, error) {
	leave, err := m.enter()
	defer leave()
	var out []models.Inbox
	for _, b := range m.inboxes {
		if b.OrganizationID == org && b.ExpiresAt.After(now) {
			out = append(out, b)
		}
	}
	return out, err
}

func (m *memory) findInbox(now time.Time, is func(models.Inbox) bool) (models.Inbox, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.Inbox{}, err
	}
	i := slices.IndexFunc(m.inboxes, func(b models.Inbox) bool { return is(b) && b.ExpiresAt.After(now) })
	if i < 0 {
		return models.Inbox{}, models.Errorf(models.CodeNotFound, "There is no such inbox.")
	}
	return m.inboxes[i], nil
}

func (m *memory) Inbox(_ context.Context, org, id models.ID, now time.Time) (models.Inbox, error) {
	return m.findInbox(now, func(b models.Inbox) bool { return b.OrganizationID == org && b.ID == id })
}

func (m *memory) InboxByToken(_ context.Context, token string, now time.Time) (models.Inbox, error) {
	return m.findInbox(now, func(b models.Inbox) bool { return b.Token == token })
}

func (m *memory) UpdateInbox(_ context.Context, b models.Inbox, now time.Time) error {
	if _, err := m.Inbox(context.Background(), b.OrganizationID, b.ID, now); err != nil {
		return err
	}
	leave, err := m.enter()
	defer leave()
	for i := range m.inboxes {
		if m.inboxes[i].ID == b.ID {
			m.inboxes[i].Name, m.inboxes[i].Behavior = b.Name, b.Behavior
		}
	}
	return err
}

func (m *memory) DeleteInbox(_ context.Context, org, id models.ID) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	n := len(m.inboxes)
	m.inboxes = slices.DeleteFunc(m.inboxes, func(b models.Inbox) bool { return b.OrganizationID == org && b.ID == id })
	if len(m.inboxes) == n {
		return models.Errorf(models.CodeNotFound, "There is no such inbox.")
	}
	return nil
}

func (m *memory) KeepInboxRequest(_ context.Context, r models.InboxRequest, how models.InboxBehavior) (int, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return 0, err
	}
	for i := range m.inboxes {
		if m.inboxes[i].ID == r.InboxID {
			m.inboxes[i].Received++
			r.Number = m.inboxes[i].Received
		}
	}
	r.Answer = how.AtOnce(r.Number)
	m.requests = append(m.requests, r)
	return r.Number, nil
}

func (m *memory) AnswerInboxRequest(ctx context.Context, org, inbox models.ID, number int, a models.InboxReply) error {
	if m.answering != nil {
		m.answering()
	}
	leave, err := m.enter()
	defer leave()
	if err == nil {
		err = ctx.Err()
	}
	for i := range m.requests {
		if r := &m.requests[i]; err == nil && r.OrganizationID == org && r.InboxID == inbox && r.Number == number {
			r.Answer = a
			m.answers++
		}
	}
	return err
}

func (m *memory) InboxRequests(_ context.Context, org, inbox models.ID, before, from, limit int) ([]models.InboxRequest, error) {
	leave, err := m.enter()
	defer leave()
	var out []models.InboxRequest
	for _, r := range slices.Backward(m.requests) {
		if r.OrganizationID == org && r.InboxID == inbox && r.Number >= from && (before == 0 || r.Number < before) && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, err
}

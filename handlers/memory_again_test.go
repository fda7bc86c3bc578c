package handlers

import (
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

func (m *memory) Match(e *models.Event, buf []*models.Subscription) []*models.Subscription {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.subscriptions {
		if s.Matches(e) {
			buf = append(buf, s)
		}
	}
	return buf
}

func (m *memory) Retry(_ context.Context, org, id models.ID, now time.Time) (models.Delivery, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.Delivery{}, err
	}
	for i := range m.deliveries {
		d := &m.deliveries[i]
		if d.OrganizationID != org || d.ID != id {
			continue
		}
		if !d.Status.Resendable() {
			return *d, models.Errorf(models.CodeConflict, "The delivery is on its way.")
		}
		d.Back = &models.Back{Status: d.Status, DueAt: d.DueAt, Reason: d.Reason}
		d.Status, d.DueAt = models.StatusPending, now
		return *d, nil
	}
	return models.Delivery{}, models.Errorf(models.CodeNotFound, "There is no such delivery.")
}

func (m *memory) Replay(_ context.Context, org, ref models.ID, subs []models.ID, named bool, now time.Time) ([]models.Delivery, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var made []models.Delivery
	for _, e := range m.events {
		if e.OrganizationID != org || e.Ref != ref {
			continue
		}
		for _, id := range subs {
			at, err := m.find(org, id)
			if err != nil && named {
				return nil, models.Invalid(models.FieldError{Name: "subscription_ids[0]", Reason: "There is no webhook with this id."})
			}
			if err != nil {
				continue
			}
			d := models.Delivery{
				ID: m.nextID(), OrganizationID: org, EventRef: ref, EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox, SubscriptionID: id,
				SubscriptionVersion: m.subscriptions[at].Version, Status: models.StatusPending, DueAt: now, CreatedAt: now, UpdatedAt: now, Replay: true,
			}
			for _, old := range m.deliveries {
				if old.EventRef == ref && old.SubscriptionID == id {
					d.ReplayOf = old.ID
				}
			}
			made = append(made, d)
		}
	}
	m.deliveries = append(m.deliveries, made...)
	return made, nil
}

func (m *memory) CreateResend(_ context.Context, r *models.Resend) error {
	leave, err := m.enter()
	defer leave()
	if err == nil {
		r.State, r.UpdatedAt = models.ResendRunning, r.CreatedAt
		m.resends = append(m.resends, *r)
	}
	return err
}

func (m *memory) PreviewResend(_ context.Context, r models.Resend) (models.Preview, error) {
	leave, err := m.enter()
	defer leave()
	p := models.Preview{Complete: true}
	for i := range m.deliveries {
		if r.Selects(&m.deliveries[i]) {
			p.Matching++
			p.Sample = append(p.Sample, m.deliveries[i])
		}
	}
	return p, err
}

func (m *memory) Resend(_ context.Context, org, id models.ID) (models.Resend, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.Resend{}, err
	}
	for _, r := range m.resends {
		if r.OrganizationID == org && r.ID == id {
			return r, nil
		}
	}
	return models.Resend{}, models.Errorf(models.CodeNotFound, "There is no such job.")
}

func (m *memory) Resends(_ context.Context, org models.ID, sandbox *bool, after models.ID, limit int) ([]models.Resend, error) {
	leave, err := m.enter()
	defer leave()
	var out []models.Resend
	for _, r := range slices.Backward(m.resends) {
		if r.OrganizationID == org && (sandbox == nil || r.OfSandbox() == *sandbox) && before(r.ID, after) && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, err
}

func (m *memory) CancelResend(ctx context.Context, org, id models.ID, now time.Time) (models.Resend, error) {
	r, err := m.Resend(ctx, org, id)
	if err != nil {
		return r, err
	}
	leave, err := m.enter()
	defer leave()
	for i := range m.resends {
		if s := &m.resends[i]; s.ID == id && s.State == models.ResendRunning {
			s.State, s.EndedAt = models.ResendCanceled, now
			r = *s
		}
	}
	return r, err
}

package handlers

import (
	"context"
	"slices"
	"strings"
	"time"

	"hookrouter/models"
)

func (m *memory) BeginAudit(_ context.Context, e models.AuditEntry) error {
	leave, err := m.enter()
	defer leave()
	if err == nil {
		err = m.auditFault
	}
	if err == nil {
		m.audit = append(m.audit, e)
	}
	return err
}

func (m *memory) FinishAudit(_ context.Context, e models.AuditEntry) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(m.audit, func(x models.AuditEntry) bool { return x.ID == e.ID })
	m.audit[i] = e
	return nil
}

func (m *memory) WithdrawAudit(_ context.Context, id models.ID) error {
	leave, err := m.enter()
	defer leave()
	m.audit = slices.DeleteFunc(m.audit, func(e models.AuditEntry) bool { return err == nil && e.ID == id })
	return err
}

func (m *memory) Audit(_ context.Context, q models.AuditQuery) ([]models.AuditEntry, error) {
	leave, err := m.enter()
	defer leave()
	var out []models.AuditEntry
	for _, e := range slices.Backward(m.audit) {
		family, isFamily := strings.CutSuffix(string(q.Action), "*")
		if (q.OrganizationID.IsZero() || e.OrganizationID == q.OrganizationID) && (q.Actor == "" || e.Actor.Kind == q.Actor) &&
			(q.KeyID.IsZero() || e.Actor.KeyID == q.KeyID) && (q.ObjectID == "" || e.ObjectID == q.ObjectID) &&
			(q.Action == "" || e.Action == string(q.Action) || isFamily && strings.HasPrefix(e.Action, family)) &&
			within(e.At, q.From, q.To) && before(e.ID, q.After) && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, err
}

// keysOf are the organization's keys, newest first.
func (m *memory) keysOf(org models.ID) (list []models.APIKey) {
	for _, k := range m.keys {
		if k.OrganizationID == org {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b models.APIKey) int { return b.ID.Compare(a.ID) })
	return list
}

func (m *memory) OwnKeys(_ context.Context, org, after models.ID, limit int) ([]models.APIKey, error) {
	leave, err := m.enter()
	defer leave()
	list := slices.DeleteFunc(m.keysOf(org), func(k models.APIKey) bool { return !before(k.ID, after) })
	return list[:min(limit, len(list))], err
}

func (m *memory) OwnKey(_ context.Context, org, id models.ID) (models.APIKey, error) {
	leave, err := m.enter()
	defer leave()
	for _, k := range m.keysOf(org) {
		if k.ID == id {
			return k, err
		}
	}
	return models.APIKey{}, models.Errorf(models.CodeNotFound, "There is no such key.")
}

func (m *memory) CreateOwnKey(_ context.Context, k models.APIKey, most int) error {
	leave, err := m.enter()
	defer leave()
	if len(m.keysOf(k.OrganizationID)) >= most {
		return models.Errorf(models.CodeQuota, "There are too many keys.")
	}
	m.keys[k.Hash] = k
	return err
}

func (m *memory) RevokeOwnKey(ctx context.Context, org, id models.ID, now time.Time) (models.APIKey, error) {
	k, err := m.OwnKey(ctx, org, id)
	if err != nil {
		return k, err
	}
	admins := 0
	for _, other := range m.keysOf(org) {
		if other.ID != id && other.Administers() && other.RevokedAt.IsZero() {
			admins++
		}
	}
	if k.Administers() && admins == 0 {
		return k, models.Errorf(models.CodeConflict, "This is the last.")
	}
	if k.RevokedAt.IsZero() {
		k.RevokedAt = now
		m.keys[k.Hash] = k
	}
	return k, nil
}

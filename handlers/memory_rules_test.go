package handlers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

var _ RetryPlanner = (*memory)(nil)

func (m *memory) hint(key models.ID) string {
	for _, k := range m.keys {
		if k.ID == key {
			return k.Hint
		}
	}
	return ""
}

func (m *memory) SubscriptionVersions(_ context.Context, q models.VersionQuery) ([]models.SubscriptionVersion, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []models.SubscriptionVersion
	for _, v := range slices.Backward(m.history) {
		s := v.Subscription
		if s.OrganizationID == q.OrganizationID && s.ID == q.SubscriptionID && (q.Sandbox == nil || *q.Sandbox == s.Sandbox) &&
			(q.Before == 0 || s.Version < q.Before) && len(out) < q.Limit {
			out = append(out, v)
		}
	}
	return out, nil
}

func (m *memory) RulesAsOf(_ context.Context, q models.RulesQuery) ([]models.RulesThen, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []models.RulesThen
	for _, s := range m.subscriptions {
		if s.OrganizationID != q.OrganizationID || !q.SubscriptionID.IsZero() && q.SubscriptionID != s.ID ||
			q.Sandbox != nil && *q.Sandbox != s.Sandbox || s.ID.Compare(q.After) <= 0 {
			continue
		}
		then := models.RulesThen{ID: s.ID}
		for _, v := range m.history {
			past := v.Subscription.Revision <= q.Revision
			if q.Revision == models.RevisionUnknown {
				past = !v.ChangedAt.After(q.At)
			}
			if v.Subscription.ID == s.ID && past {
				then.Then = v.Subscription
			}
		}
		out = append(out, then)
	}
	slices.SortFunc(out, func(a, b models.RulesThen) int { return a.ID.Compare(b.ID) })
	return out[:min(len(out), q.Limit)], nil
}

func (m *memory) CheckSubscription(_ context.Context, s *models.Subscription) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	return m.checkWorkspaces(s)
}

func (m *memory) SubscriptionsTo(_ context.Context, org models.ID, sandbox bool, endpoint string, limit int) ([]*models.Subscription, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []*models.Subscription
	for _, s := range m.subscriptions {
		if s.OrganizationID == org && s.Live() && s.Sandbox == sandbox && s.Endpoint == endpoint && len(out) < limit {
			out = append(out, s)
		}
	}
	return out, nil
}

func (m *memory) RecentEvents(_ context.Context, org models.ID, sandbox bool, limit, scan int) ([]*models.Event, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []*models.Event
	for _, e := range slices.Backward(m.events) {
		if e.OrganizationID != org {
			continue
		}
		if scan--; scan < 0 {
			break
		}
		if e.Sandbox == sandbox && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (m *memory) Sightings(_ context.Context, org models.ID, sandbox bool, since time.Time, scan int) (models.Sightings, error) {
	leave, err := m.enter()
	defer leave()
	out := models.Sightings{Since: since, Complete: true}
	if err != nil {
		return out, err
	}
	for _, e := range slices.Backward(m.events) {
		if e.OrganizationID != org || e.AcceptedAt.Before(since) {
			continue
		}
		if scan--; scan < 0 {
			out.Since, out.Complete = e.AcceptedAt, false
			break
		}
		if e.Sandbox != sandbox {
			continue
		}
		out.Events++
		i, found := slices.BinarySearchFunc(out.Names, e.Name, func(s models.Sighting, name string) int { return cmp.Compare(s.Name, name) })
		if !found {
			out.Names = slices.Insert(out.Names, i, models.Sighting{Name: e.Name, Last: e.AcceptedAt})
		}
		out.Names[i].Count++
	}
	return out, nil
}

// FirstTimeout is the subscription's or one second.
func (m *memory) FirstTimeout(s *models.Subscription) time.Duration {
	return cmp.Or(s.TimeoutFirst, time.Second)
}

// RetryPlan is a plan that shows what was asked for.
func (m *memory) RetryPlan(s *models.Subscription, o models.Outage) models.RetryPlan {
	m.planned = append(m.planned, o)
	plan := models.RetryPlan{Status: models.StatusDelivered, Jitter: 0.1, Attempts: []models.PlannedAttempt{
		{Number: 1, At: o.Start, Earliest: o.Start, Latest: o.Start, Certain: true},
		{Number: 2, At: o.End, Earliest: o.End.Add(-time.Minute), Latest: o.End.Add(time.Minute), Succeeds: true},
		{Number: 3, Earliest: o.End.Add(time.Minute), Latest: o.End.Add(time.Hour), Succeeds: true},
	}}
	if !s.AutoRetry {
		plan.Status, plan.Reason, plan.Attempts = models.StatusFailed, o.Reason, plan.Attempts[:1]
	}
	return plan
}

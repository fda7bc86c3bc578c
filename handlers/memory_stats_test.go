package handlers

import (
	"context"
	"slices"
	"time"

	"hookrouter/models"
)

// ofInterest are the deliveries of an organization, of some subscriptions where some are named, of an environment where one is.
func (m *memory) ofInterest(org models.ID, ids []models.ID, sandbox *bool) (list []models.Delivery) {
	for _, d := range m.deliveries {
		if d.OrganizationID == org && (len(ids) == 0 || slices.Contains(ids, d.SubscriptionID)) && (sandbox == nil || d.Sandbox == *sandbox) {
			list = append(list, d)
		}
	}
	return list
}

func (m *memory) Stats(_ context.Context, q models.StatsQuery) ([]models.StatsBucket, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	m.asked = append(m.asked, q)
	sums := map[time.Time]*models.Counts{}
	for _, d := range m.ofInterest(q.OrganizationID, q.SubscriptionIDs, &q.Sandbox) {
		for _, a := range m.attempts[d.ID] {
			if a.StartedAt.Before(q.From) || !a.StartedAt.Before(q.To) {
				continue
			}
			at := a.StartedAt.Truncate(q.Interval)
			if sums[at] == nil {
				sums[at] = models.NewCounts()
			}
			last := d.Status == models.StatusFailed && a.Number == d.Attempts
			sums[at].Add(a.Outcome(), models.LatencyBucket(a.Timings.Total), last, 1)
		}
	}
	var list []models.StatsBucket
	for at, counts := range sums {
		list = append(list, models.StatsBucket{At: at, Counts: counts})
	}
	slices.SortFunc(list, func(a, b models.StatsBucket) int { return a.At.Compare(b.At) })
	return list, nil
}

func (m *memory) Activity(_ context.Context, org models.ID, ids []models.ID, now time.Time) ([]models.Activity, error) {
	leave, err := m.enter()
	defer leave()
	var list []models.Activity
	for _, id := range ids {
		at := slices.IndexFunc(m.subscriptions, func(s *models.Subscription) bool { return s.OrganizationID == org && s.ID == id })
		if at < 0 {
			continue
		}
		activity := models.Activity{SubscriptionID: id, Sandbox: m.subscriptions[at].Sandbox}
		first := now.UTC().Truncate(time.Hour).Add(-(models.ActivityHours - 1) * time.Hour)
		for i := range activity.Hours {
			activity.Hours[i].At = first.Add(time.Duration(i) * time.Hour)
		}
		for _, d := range m.ofInterest(org, []models.ID{id}, &activity.Sandbox) {
			for _, a := range m.attempts[d.ID] {
				if a.StartedAt.After(activity.LastAt) {
					activity.LastAt, activity.LastSuccess = a.StartedAt, a.Success
				}
				if hour := int(a.StartedAt.Sub(first) / time.Hour); hour < 0 || hour >= models.ActivityHours {
					continue
				} else if a.Success {
					activity.Hours[hour].Succeeded++
				} else {
					activity.Hours[hour].Failed++
				}
			}
		}
		list = append(list, activity)
	}
	return list, err
}

func (m *memory) Waiting(_ context.Context, org models.ID, ids []models.ID, sandbox bool) (w models.Waiting, err error) {
	leave, err := m.enter()
	defer leave()
	environment := &sandbox
	if len(ids) > 0 {
		environment = nil
	}
	for _, d := range m.ofInterest(org, ids, environment) {
		switch d.Status {
		case models.StatusPending:
			w.Pending++
		case models.StatusRetrying:
			w.Retrying++
			w.NextRetries = append(w.NextRetries, models.NextRetry{At: d.DueAt, Count: 1})
		case models.StatusParked:
			w.Parked++
		default: // does not wait
		}
	}
	return w, err
}

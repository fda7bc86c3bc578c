package handlers

import (
	"context"
	"time"

	"hookrouter/models"
)

// RuleHistory is what subscriptions said before, and the events that other rules are tried on. It is a part of [Store].
type RuleHistory interface {
	// SubscriptionVersions lists the versions of a subscription, newest first, also of a deleted one.
	SubscriptionVersions(ctx context.Context, q models.VersionQuery) ([]models.SubscriptionVersion, error)
	// RulesAsOf lists an organization's subscriptions as they were at a moment, by their ids.
	RulesAsOf(ctx context.Context, q models.RulesQuery) ([]models.RulesThen, error)
	// CheckSubscription reports what a subscription names that does not exist, in an error of code invalid.
	CheckSubscription(ctx context.Context, s *models.Subscription) error
	// SubscriptionsTo lists up to limit enabled subscriptions of an environment that have exactly this endpoint.
	SubscriptionsTo(ctx context.Context, org models.ID, sandbox bool, endpoint string, limit int) ([]*models.Subscription, error)
	// RecentEvents lists up to limit events of an environment, newest first, without data, out of the organization's latest scan.
	RecentEvents(ctx context.Context, org models.ID, sandbox bool, limit, scan int) ([]*models.Event, error)
	// Sightings counts the names of an environment's events since an instant, out of the organization's latest scan events.
	Sightings(ctx context.Context, org models.ID, sandbox bool, since time.Time, scan int) (models.Sightings, error)
}

// RetryPlanner foretells when a delivery of a subscription is tried during an outage, and how long that can take. Implemented by *delivery.Planner.
type RetryPlanner interface {
	RetryPlan(s *models.Subscription, o models.Outage) models.RetryPlan
	// FirstTimeout is how long a first attempt may take.
	FirstTimeout(s *models.Subscription) time.Duration
}

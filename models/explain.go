package models

import "time"

// Mismatch is a rule by which a subscription did not get an event.
type Mismatch string

// The rules that can say no.
const (
	MismatchOrganization  Mismatch = "organization"   // it belongs to another organization
	MismatchCreatedLater  Mismatch = "created_later"  // it did not exist yet
	MismatchDeletedBefore Mismatch = "deleted_before" // it did not exist any more
	MismatchDisabled      Mismatch = "disabled"
	MismatchSandbox       Mismatch = "sandbox" // the one is of the sandbox and the other of production
	MismatchEvent         Mismatch = "event"   // none of subscribed_events matches the name
	MismatchScope         Mismatch = "scope"
	MismatchWorkspace     Mismatch = "workspace"
	MismatchEntity        Mismatch = "entity"
	MismatchEndpoint      Mismatch = "endpoint" // the event is about its endpoint
	MismatchTest          Mismatch = "test"     // the event is a test, which went to another subscription alone
)

// Explain lists every rule by which a subscription, as it was when an event was accepted, did not get it; there is none exactly when
// it matched. A nil subscription is one that did not exist yet. A test is not asked about rules, so whoever explains one asks [Event.Test] first.
//
// Each rule is put alone into a subscription that takes everything else, and [Subscription.Matches] is asked about that: the two can't
// come to disagree.
func Explain(s *Subscription, e *Event) []Mismatch {
	if s == nil {
		return []Mismatch{MismatchCreatedLater}
	}
	var list []Mismatch
	for _, rule := range [...]struct {
		name Mismatch
		put  func(alone *Subscription)
	}{
		{MismatchOrganization, func(alone *Subscription) { alone.OrganizationID = s.OrganizationID }},
		{MismatchDeletedBefore, func(alone *Subscription) { alone.DeletedAt = s.DeletedAt }},
		{MismatchDisabled, func(alone *Subscription) { alone.Enabled = s.Enabled }},
		{MismatchSandbox, func(alone *Subscription) { alone.Sandbox = s.Sandbox }},
		{MismatchEvent, func(alone *Subscription) { alone.Events = s.Events }},
		{MismatchScope, func(alone *Subscription) { alone.Scopes = s.Scopes }},
		{MismatchWorkspace, func(alone *Subscription) { alone.Workspaces = s.Workspaces }},
		{MismatchEntity, func(alone *Subscription) { alone.EntityKey = s.EntityKey }},
	} {
		alone := Subscription{
			OrganizationID: e.OrganizationID, Enabled: true, Sandbox: e.Sandbox,
			Events: []Pattern{Pattern(e.Name)}, Scopes: []string{Any}, Workspaces: []string{Any}, // "*" leaves out operational events
		}
		if rule.put(&alone); !alone.Matches(e) {
			list = append(list, rule.name)
		}
	}
	return list
}

// RevisionUnknown is the Revision of an event that was stored before revisions were.
const RevisionUnknown = -1

// RulesQuery selects an organization's subscriptions as they were at one moment, by their ids in ascending order. Those that did not
// exist yet, or any more, are among them. Zero fields do not filter.
type RulesQuery struct {
	OrganizationID ID
	SubscriptionID ID
	Sandbox        *bool // by what they are now, or were at their end
	Revision       int64 // the moment: all changes up to this one had happened
	// At is the moment where Revision is [RevisionUnknown], by the clocks of those who made the changes, so it may be off by as much
	// as clocks differ.
	At    time.Time
	After ID // continue after the subscription with this id
	Limit int
}

// RulesThen is a subscription as it was at the moment of a [RulesQuery].
type RulesThen struct {
	ID   ID
	Then *Subscription // nil where it did not exist yet; without secrets and static headers
}

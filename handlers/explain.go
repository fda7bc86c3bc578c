package handlers

import (
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// explanationOutput says of one subscription whether an event matched it when it was accepted, and if not, every rule that said no.
type explanationOutput struct {
	SubscriptionID models.ID `json:"subscription_id"`
	// Version is what the subscription was then; null where it did not exist yet.
	Version *int           `json:"subscription_version"`
	Matched bool           `json:"matched"`
	Reasons []reasonOutput `json:"reasons"`
	// Exact is false for events from before revisions were stored with them: then the version is told by clocks.
	Exact bool `json:"exact"`
}

// reasonOutput is a rule that said no, in one word and in a sentence.
type reasonOutput struct {
	Rule   models.Mismatch `json:"rule"`
	Detail string          `json:"detail"`
}

// explainEvent answers for each subscription of the organization, or for one, why it did or did not get an event, by the rules as they
// were when the event was accepted. Deliveries that were asked for later have nothing to do with it.
func (a *api) explainEvent(c *gin.Context, key *models.APIKey) error {
	e, err := a.visibleEvent(c, key)
	if err != nil {
		return err
	}
	q, err := readQuery(c, "subscription_id")
	if err != nil {
		return err
	}
	at := q.place("events/"+e.Ref.String()+"/explain", key)
	filter := models.RulesQuery{
		OrganizationID: key.OrganizationID, SubscriptionID: q.id("subscription_id"), Sandbox: onlySandbox(key),
		Revision: e.Revision, At: e.AcceptedAt, After: q.afterID(at), Limit: at.more(),
	}
	if err := q.err(); err != nil {
		return err
	}
	rules, err := a.Store.RulesAsOf(c.Request.Context(), filter)
	if err != nil {
		return err
	}
	if len(rules) == 0 && !filter.SubscriptionID.IsZero() && filter.After.IsZero() {
		return noSuch("webhook")
	}
	writePage(c, at, rules, func(r models.RulesThen) []byte { return r.ID[:] }, func(r models.RulesThen) explanationOutput {
		return explain(r, e, key)
	})
	return nil
}

func explain(r models.RulesThen, e *models.Event, key *models.APIKey) explanationOutput {
	out := explanationOutput{SubscriptionID: r.ID, Reasons: []reasonOutput{}, Exact: e.Revision != models.RevisionUnknown}
	if r.Then != nil {
		out.Version = optional(r.Then.Version)
	}
	rules := models.Explain(r.Then, e)
	out.Matched = len(rules) == 0
	if r.Then != nil && !sees(key, r.Then.Sandbox) {
		rules = []models.Mismatch{models.MismatchSandbox} // what it said while it was of production is not for this key
	}
	for _, rule := range rules {
		out.Reasons = append(out.Reasons, reasonOutput{rule, detailOf(rule, r.Then, e)})
	}
	return out
}

// detailOf says in a sentence why a rule said no.
func detailOf(rule models.Mismatch, s *models.Subscription, e *models.Event) string {
	switch rule {
	case models.MismatchOrganization:
		return "The subscription belongs to another organization."
	case models.MismatchCreatedLater:
		return "The subscription was created after the event was accepted."
	case models.MismatchDeletedBefore:
		return "The subscription had been deleted at " + millis(s.DeletedAt) + "."
	case models.MismatchDisabled:
		return "The subscription was disabled."
	case models.MismatchSandbox:
		if e.Sandbox {
			return "The event is of the sandbox, the subscription was of production."
		}
		return "The event is of production, the subscription was of the sandbox."
	case models.MismatchEvent:
		return fmt.Sprintf("subscribed_events had nothing that matches %s, but %s.", e.Name, few(s.Events))
	case models.MismatchScope:
		if e.Scope == "" {
			return "The event has no scope; only scopes of [\"*\"] take it."
		}
		return fmt.Sprintf("scopes did not have %s, but %s.", e.Scope, few(s.Scopes))
	case models.MismatchWorkspace:
		if e.WorkspaceID.IsZero() {
			return "The event belongs to no workspace; only workspaces of [\"*\"] take it."
		}
		return fmt.Sprintf("workspaces did not have %s, but %s.", e.WorkspaceID, few(s.Workspaces))
	case models.MismatchEntity:
		switch {
		case e.EntityKey == "" && e.EntityParentKey == "":
			return "The event has no entity_key; the subscription was for one entity only."
		case e.EntityParentKey != "":
			return "The subscription was for an entity that is neither the event's entity_key nor its entity_parent_key."
		}
		return "The subscription was for another entity_key only."
	}
	return ""
}

// fewEntries is how many entries of a list a sentence names.
const fewEntries = 8

func few[T ~string](list []T) string {
	if len(list) == 0 {
		return "nothing"
	}
	texts := make([]string, 0, fewEntries)
	for _, entry := range list[:min(len(list), fewEntries)] {
		texts = append(texts, string(entry))
	}
	text := strings.Join(texts, ", ")
	if more := len(list) - len(texts); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

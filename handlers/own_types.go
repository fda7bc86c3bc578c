package handlers

import (
	"context"
	"strings"

	"hookrouter/models"
)

// maxCheckWork is how much checking of data against schemas one call may ask for, in steps of [Types]. Failure policy: a step takes some
// nanoseconds, so one call keeps a core for at most about a second; what is beyond is refused, and the publisher makes smaller calls.
const maxCheckWork = 32 << 20

// checkTries is how often events are checked again because their types changed between the check and the commit. Failure policy: only
// changes without pause can use them up; then the publisher tries again.
const checkTries = 3

// ownTypes looks at what an organization has added to the catalogue for one publishing call.
//
// The book that it looks at may be behind what another instance has just answered. A refusal is final only after one look at the
// database, which calls at the same time share; that an event is accepted by an old entry is for the commit to prevent.
type ownTypes struct {
	a    *api
	ctx  context.Context //nolint:containedctx // lives as long as the call does
	call *typesCall
}

// typesCall is what the events of one call share.
type typesCall struct {
	refreshed bool
	failed    error // why the look at the database failed
	work      int
}

func (a *api) ownTypes(ctx context.Context) ownTypes { return ownTypes{a: a, ctx: ctx} }

// refresh brings the book up to date, once for each call, and reports whether that was worth a second look.
func (o *ownTypes) refresh() bool {
	if o.call == nil {
		o.call = &typesCall{}
	}
	if o.call.refreshed {
		return false
	}
	o.call.refreshed = true
	if err := o.a.Rules.Refresh(o.ctx); err != nil {
		o.call.failed = err
		return false
	}
	return true
}

// err is why a refusal may be wrong. Failure policy: then the whole call fails, because a publisher that is told that an event is not
// valid does not send it again.
func (o *ownTypes) err() error {
	if o.call == nil {
		return nil
	}
	return o.call.failed
}

func (o *ownTypes) hasType(org models.ID, name string) bool {
	if !models.ValidEventName(name) {
		return false
	}
	return o.a.Types.TypeRevision(org, name) != 0 || o.refresh() && o.a.Types.TypeRevision(org, name) != 0
}

func (o *ownTypes) hasScope(org models.ID, name string) bool {
	if !validScopeName(name) {
		return false
	}
	return o.a.Types.HasScope(org, name) || o.refresh() && o.a.Types.HasScope(org, name)
}

// check holds an event of a type of the organization's own against the schema, and notes by which version of the type.
func (o *ownTypes) check(e *models.Event) []models.FieldError {
	wrong := o.checkOnce(e)
	if before := e.TypeRevision; wrong != nil && o.refresh() && o.a.Types.TypeRevision(e.OrganizationID, e.Name) != before {
		wrong = o.checkOnce(e)
	}
	return wrong
}

func (o *ownTypes) checkOnce(e *models.Event) (wrong []models.FieldError) {
	if o.call == nil {
		o.call = &typesCall{}
	}
	var work int
	e.TypeRevision, work, wrong = o.a.Types.Check(e.OrganizationID, e.Name, e.Data, maxCheckWork-o.call.work)
	o.call.work += work
	if e.TypeRevision == 0 {
		return []models.FieldError{{Name: "event_name", Reason: reason("event_name", "")}}
	}
	return wrong
}

// accept gives events to the router. Those whose type changed between the check and the commit are checked and given to it again.
func (a *api) accept(ctx context.Context, events []*models.Event) []models.Outcome {
	outcomes := a.Accepter.Accept(ctx, events)
	for range checkTries {
		var places []int
		var again []*models.Event
		own := a.ownTypes(ctx)
		for i, checked := range events {
			if outcomes[i].Err == nil || models.CodeOf(outcomes[i].Err) != models.CodeStale || a.Catalogue.Knows(checked.Name) {
				continue
			}
			own.refresh()
			e := *checked
			wrong := own.check(&e)
			if own.err() != nil {
				return outcomes
			}
			if wrong != nil {
				outcomes[i].Err = models.Invalid(wrong...)
				continue
			}
			places, again = append(places, i), append(again, &e)
		}
		if len(again) == 0 {
			break
		}
		for n, outcome := range a.Accepter.Accept(ctx, again) {
			outcomes[places[n]] = outcome
		}
	}
	return outcomes
}

// catalogueOf is an organization's catalogue as it is in the database.
func (a *api) catalogueOf(ctx context.Context, org models.ID) (*models.Catalogue, error) {
	own, err := a.Store.OwnCatalogue(ctx, org)
	if err != nil {
		return nil, err
	}
	return a.Catalogue.With(own), nil
}

// validScopeName reports whether a scope may be called so.
func validScopeName(s string) bool {
	return len(s) <= models.MaxScopeName && !strings.Contains(s, ".") && models.ValidEventName(s)
}

package handlers

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"hookrouter/models"
)

// Limits of a dry run. Failure policy: where one is reached the answer says so, because what people want to know shows in far less, and
// a dry run must not take the database or a core from deliveries.
const (
	// dryRunScan is how many events of both environments are read to find the wanted ones of one.
	dryRunScan = 10_000
	// samples is how many events each list shows.
	samples = 10
	// maxOverlaps is how many other subscriptions of the endpoint are looked at.
	maxOverlaps = 50
	// overlapWork is how many entries of rules are compared with events for all of them together: some 0.1 s.
	overlapWork = 10_000_000
	// silentAfter is how long a pattern has to match nothing to be reported, silenceScan how many of the latest events are looked at
	// for that. It reads names and no data: some 0.1 s. A rarer event of an organization that has more than that in 30 days is not found, and
	// the answer says unknown.
	silentAfter = 30 * 24 * time.Hour
	silenceScan = 50_000
)

// dryRunOutput is what a change would have done to the latest events.
type dryRunOutput struct {
	Events   examinedOutput  `json:"events"`
	Before   *int            `json:"matched_before"` // null where the subscription would be new
	After    int             `json:"matched_after"`
	Gained   sampledOutput   `json:"gained"`
	Lost     sampledOutput   `json:"lost"`
	Overlaps overlapsOutput  `json:"overlaps"`
	Patterns []patternOutput `json:"patterns"`
	Searched searchedOutput  `json:"patterns_searched"`
	Changes  []changeOutput  `json:"changes,omitempty"`
}

// examinedOutput says which events were gone through.
type examinedOutput struct {
	Examined int     `json:"examined"`
	From     *string `json:"from"`
	To       *string `json:"to"`
}

type sampledOutput struct {
	Count   int           `json:"count"`
	Samples []eventOutput `json:"samples"`
}

func newSampled() sampledOutput { return sampledOutput{Samples: []eventOutput{}} }

func (s *sampledOutput) add(e *models.Event) {
	if s.Count++; len(s.Samples) < samples {
		s.Samples = append(s.Samples, showEvent(e))
	}
}

// overlapsOutput are other subscriptions by which the endpoint would get some of the events once more.
type overlapsOutput struct {
	Complete bool            `json:"complete"`
	Webhooks []overlapOutput `json:"webhooks"`
}

type overlapOutput struct {
	SubscriptionID models.ID `json:"subscription_id"`
	sampledOutput
}

// patternOutput says of an entry of subscribed_events whether events of such a name were published at all.
type patternOutput struct {
	Pattern models.Pattern `json:"pattern"`
	Events  int            `json:"events"`
	LastAt  *string        `json:"last_at"`
	// Silent says that there was none in 30 days; null that this is unknown, since none was among those that were looked at.
	Silent *bool `json:"silent"`
}

type searchedOutput struct {
	Since    string `json:"since"`
	Events   int    `json:"events"`
	Complete bool   `json:"complete"`
}

// dryRun answers what a new or changed subscription would have done to the latest events. It stores nothing.
func (a *api) dryRun(c *gin.Context, key *models.APIKey) error {
	t, err := a.readTrial(c, key)
	if err != nil {
		return err
	}
	events, err := a.trialEvents(c.Request.Context(), t)
	if err != nil {
		return err
	}
	out := dryRunOutput{Gained: newSampled(), Lost: newSampled()}
	out.Events.Examined = len(events)
	if n := len(events); n > 0 {
		out.Events.From, out.Events.To = shown(events[n-1].AcceptedAt), shown(events[0].AcceptedAt)
	}
	matched := t.compare(events, &out)
	if out.Overlaps, err = a.overlaps(c.Request.Context(), t.after, matched); err != nil {
		return err
	}
	since := a.Now().UTC().Truncate(time.Millisecond).Add(-silentAfter)
	seen, err := a.Store.Sightings(c.Request.Context(), t.after.OrganizationID, t.after.Sandbox, since, silenceScan)
	if err != nil {
		return err
	}
	out.Searched = searchedOutput{millis(seen.Since), seen.Events, seen.Complete}
	out.Patterns = patternsSeen(t.after.Events, seen)
	if t.before != nil {
		out.Changes = changesBetween(t.before, t.after)
	}
	WriteJSON(c, http.StatusOK, out)
	return nil
}

// trialEvents are the latest events of the environment of the subscription, or of both where the change moves it, newest first.
func (a *api) trialEvents(ctx context.Context, t *trial) ([]*models.Event, error) {
	events, err := a.Store.RecentEvents(ctx, t.after.OrganizationID, t.after.Sandbox, t.events, dryRunScan)
	if err != nil || t.before == nil || t.before.Sandbox == t.after.Sandbox {
		return events, err
	}
	others, err := a.Store.RecentEvents(ctx, t.after.OrganizationID, t.before.Sandbox, t.events, dryRunScan)
	events = append(events, others...)
	slices.SortFunc(events, func(a, b *models.Event) int { return b.Ref.Compare(a.Ref) })
	return events[:min(len(events), t.events)], err
}

// compare counts what is gained and lost, and returns the events that match afterwards.
func (t *trial) compare(events []*models.Event, out *dryRunOutput) (matched []*models.Event) {
	before := 0
	for _, e := range events {
		was, is := t.before != nil && t.before.Matches(e), t.after.Matches(e)
		if was {
			before++
		}
		if is {
			matched = append(matched, e)
		}
		switch {
		case is && !was:
			out.Gained.add(e)
		case was && !is:
			out.Lost.add(e)
		}
	}
	out.After = len(matched)
	if t.before != nil {
		out.Before = &before
	}
	return matched
}

// overlaps looks for other subscriptions that send some of the events to the same address, compared byte by byte.
func (a *api) overlaps(ctx context.Context, s *models.Subscription, matched []*models.Event) (overlapsOutput, error) {
	out := overlapsOutput{Complete: true, Webhooks: []overlapOutput{}}
	// One more for the subscription itself, and one that tells whether there are more.
	others, err := a.Store.SubscriptionsTo(ctx, s.OrganizationID, s.Sandbox, s.Endpoint, maxOverlaps+2)
	if err != nil {
		return out, err
	}
	others = slices.DeleteFunc(others, func(o *models.Subscription) bool { return o.ID == s.ID })
	if len(others) > maxOverlaps {
		others, out.Complete = others[:maxOverlaps], false
	}
	work := overlapWork
	for _, other := range others {
		work -= len(matched) * (len(other.Events) + len(other.Scopes) + len(other.Workspaces))
		if work < 0 {
			out.Complete = false
			break
		}
		shared := overlapOutput{other.ID, newSampled()}
		for _, e := range matched {
			if other.Matches(e) {
				shared.add(e)
			}
		}
		if shared.Count > 0 {
			out.Webhooks = append(out.Webhooks, shared)
		}
	}
	return out, nil
}

// patternsSeen says for each pattern how many of the events that were looked at have such a name.
func patternsSeen(patterns []models.Pattern, seen models.Sightings) []patternOutput {
	out := make([]patternOutput, 0, len(patterns))
	for _, p := range patterns {
		shows := patternOutput{Pattern: p}
		var last time.Time
		for _, s := range seen.Names {
			if p.Match(s.Name) {
				shows.Events += s.Count
				if s.Last.After(last) {
					last = s.Last
				}
			}
		}
		shows.LastAt = shown(last)
		if shows.Events > 0 || seen.Complete {
			shows.Silent = optionalFlag(shows.Events == 0)
		}
		out = append(out, shows)
	}
	return out
}

package web

import (
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// concernsEach is how many subscriptions are named for one reason; a link leads to the others.
const concernsEach = 3

// risingHours are those that are compared with the hours before them, and risingLeast is how many failures make it worth saying.
const (
	risingHours = 3
	risingLeast = 3
)

// concern is something that needs somebody, and where that is done.
type concern struct {
	state ui.State
	name  string // of the subscription it is about, "" for none
	text  string
	at    time.Time
	links []ui.Tab
}

// someThat are a few subscriptions in a state.
type someThat struct {
	list []models.SubscriptionLine
	more bool // than these
}

// concerns are what needs somebody, the worst first. Each question is one page from the database; they are asked at the same time.
func (v *view) concerns(d *overviewData) ([]concern, error) {
	var all []concern
	some := map[models.SubscriptionState]*someThat{
		models.SubscriptionsSuspended: {}, models.SubscriptionsRotating: {}, models.SubscriptionsSilent: {}, models.SubscriptionsDisabled: {},
	}
	var asked errgroup.Group
	asked.Go(func() (err error) {
		all, err = v.failing(d.stats)
		return err
	})
	for state, s := range some {
		asked.Go(func() (err error) {
			s.list, s.more, err = v.subscriptionsThat(state)
			return err
		})
	}
	if err := asked.Wait(); err != nil {
		return nil, err
	}
	for _, about := range []struct {
		state models.SubscriptionState
		tell  func(models.SubscriptionLine) concern
	}{{models.SubscriptionsSuspended, suspendedConcern}, {models.SubscriptionsRotating, rotatingConcern}} {
		for _, l := range some[about.state].list {
			all = append(all, about.tell(l))
		}
		if some[about.state].more {
			all[len(all)-1].links = append(all[len(all)-1].links, ui.Tab{Label: "All of them", Href: subscriptionsPath + "?state=" + string(about.state)})
		}
	}
	if n := d.stats.Total.GaveUp; n > 0 {
		text := count(n) + " deliveries failed for good in the last " + d.span.label + "."
		if n == 1 {
			text = "One delivery failed for good in the last " + d.span.label + "."
		}
		all = append(all, concern{
			state: ui.State{Word: "Exhausted", Tone: ui.Bad}, text: text + " They can be sent again.",
			links: []ui.Tab{{Label: "See and send again", Href: root + "/deliveries?status=failed"}},
		})
	}
	for _, about := range []struct {
		state models.SubscriptionState
		word  string
		text  string
	}{
		{models.SubscriptionsSilent, "Never called", "No event has matched yet, so nothing was sent. Send a test, or look at what it listens to."},
		{models.SubscriptionsDisabled, "Disabled", "It gets nothing until it is enabled."},
	} {
		for _, l := range some[about.state].list {
			link := ui.Tab{Label: "Send a test", Href: lineAddress(l) + "/test"}
			if about.state == models.SubscriptionsDisabled {
				link = ui.Tab{Label: "Edit", Href: lineAddress(l) + "/edit"}
			}
			all = append(all, concern{state: ui.State{Word: about.word, Tone: ui.Quiet}, name: lineTitle(l), text: about.text, links: []ui.Tab{link}})
		}
		if some[about.state].more {
			all[len(all)-1].links = append(all[len(all)-1].links, ui.Tab{Label: "All of them", Href: subscriptionsPath + "?state=" + string(about.state)})
		}
	}
	return all, nil
}

// subscriptionsThat are a few in a state, and whether there are more.
func (v *view) subscriptionsThat(state models.SubscriptionState) (list []models.SubscriptionLine, more bool, err error) {
	list, err = v.Store.SubscriptionPage(v.r.Context(), subscriptionQuery(v, "", state, concernsEach+1))
	return list[:min(len(list), concernsEach)], len(list) > concernsEach, err
}

// failing are the subscriptions with most failures of late that are not suspended for them.
func (v *view) failing(s *statistics) ([]concern, error) {
	if !s.failedLately() {
		return nil, nil
	}
	ctx, org := v.r.Context(), v.key.OrganizationID
	ids, err := v.Store.Failing(ctx, org, v.sandbox(), v.now.Add(-(risingHours-1)*time.Hour), concernsEach)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	activity, err := v.Store.Activity(ctx, org, ids, v.now)
	if err != nil {
		return nil, err
	}
	q := subscriptionQuery(v, "", "", len(ids))
	q.IDs = ids
	lines, err := v.Store.SubscriptionPage(ctx, q)
	if err != nil {
		return nil, err
	}
	byID := make(map[models.ID]models.SubscriptionLine, len(lines))
	for _, l := range lines {
		byID[l.ID] = l
	}
	var all []concern
	for i := range activity {
		l, ok := byID[activity[i].SubscriptionID]
		if !ok || !l.Enabled || !l.SuspendedAt.IsZero() {
			continue
		}
		c := failingConcern(&activity[i])
		c.name = lineTitle(l)
		c.links = []ui.Tab{{Label: "See the calls", Href: lineAddress(l) + "/logs"}, {Label: "Subscription", Href: lineAddress(l)}}
		all = append(all, c)
	}
	return all, nil
}

// failedLately reports whether any attempt failed in the hours that failing looks at, which need not be asked where the chart knows it.
func (s *statistics) failedLately() bool {
	late := s.Intervals
	if s.Interval == "hour" {
		late = late[max(len(late)-risingHours, 0):]
	}
	for _, i := range late {
		if i.Failed > 0 {
			return true
		}
	}
	return false
}

// failingConcern says whether failures go up: their share in the last hours beside that in the hours before.
func failingConcern(a *models.Activity) concern {
	var late, before struct{ failed, all int64 }
	for i, h := range a.Hours {
		part := &before
		if i >= len(a.Hours)-risingHours {
			part = &late
		}
		part.failed += h.Failed
		part.all += h.Failed + h.Succeeded
	}
	text := strconv.FormatInt(late.failed, 10) + " of " + strconv.FormatInt(late.all, 10) + " attempts failed within three hours"
	c := concern{state: ui.State{Word: "Failing", Tone: ui.Wait}, text: text + "."}
	// late.failed/late.all > 1.5 * before.failed/before.all, without dividing by zero
	rising := late.failed >= risingLeast && (before.all == 0 || 2*late.failed*before.all > 3*before.failed*late.all)
	switch {
	case late.failed == late.all:
		c.state = ui.State{Word: "Failing", Tone: ui.Bad}
		c.text = "All " + count(late.all) + " attempts of the last three hours failed."
		if late.all == 1 {
			c.text = "The only attempt of the last three hours failed."
		}
	case rising:
		c.state = ui.State{Word: "Failures rise", Tone: ui.Bad}
		if before.all > 0 {
			c.text = text + ", " + count(before.failed) + " of " + count(before.all) + " in the day before."
		}
	}
	return c
}

func suspendedConcern(l models.SubscriptionLine) concern {
	text := "Its deliveries are parked until it is resumed."
	switch l.StateReason {
	case models.SuspendedGone:
		text = "The endpoint answered 410, gone. Its deliveries are parked until it is resumed."
	case models.SuspendedFailures:
		text = "The endpoint kept failing. Its deliveries are parked, and it is probed now and then."
	case models.SuspendedManual:
		text = "Suspended by hand. " + text
	}
	return concern{
		state: ui.State{Word: "Suspended", Tone: ui.Bad}, name: lineTitle(l), text: text, at: l.SuspendedAt,
		links: []ui.Tab{{Label: "Look and resume", Href: lineAddress(l)}},
	}
}

func rotatingConcern(l models.SubscriptionLine) concern {
	return concern{
		state: ui.State{Word: "Secret in rotation", Tone: ui.Wait}, name: lineTitle(l), text: "Two secrets are in use, for a while.",
		links: []ui.Tab{{Label: "Secrets", Href: lineAddress(l) + "/secret"}},
	}
}

func lineAddress(l models.SubscriptionLine) string { return subscriptionsPath + "/" + l.ID.String() }

// lineTitle is what a subscription in a list is called.
func lineTitle(l models.SubscriptionLine) string {
	if l.Description != "" {
		return l.Description
	}
	return models.PublicEndpoint(l.Endpoint)
}

package web

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// SubscriptionLists reads subscriptions for people. Implemented by *store.Store.
type SubscriptionLists interface {
	// SubscriptionPage lists them newest first, a page at a time.
	SubscriptionPage(ctx context.Context, q models.SubscriptionQuery) ([]models.SubscriptionLine, error)
	// Activity says how some fared of late, all by one query.
	Activity(ctx context.Context, org models.ID, ids []models.ID, now time.Time) ([]models.Activity, error)
	// Failing are those of which attempts failed since an hour, the worst first.
	Failing(ctx context.Context, org models.ID, sandbox bool, from time.Time, limit int) ([]models.ID, error)
	// LastAttempts are the last attempts of deliveries, by delivery, all by one query.
	LastAttempts(ctx context.Context, org models.ID, deliveries []models.ID) (map[models.ID]models.Attempt, error)
}

const (
	subscriptionsPath = root + "/subscriptions"
	subscriptionsEach = 50 // on a page
	maxSearch         = 200
)

func (s *site) subscriptionRoutes() []route {
	one := subscriptionsPath + "/{id}"
	return []route{
		{pattern: "GET " + subscriptionsPath, page: s.listSubscriptions},
		{pattern: "GET " + subscriptionsPath + "/new", action: models.ActionManage, page: s.newSubscription},
		{pattern: "POST " + subscriptionsPath + "/new", action: models.ActionManage, page: s.createSubscription},
		{pattern: "POST " + subscriptionsPath + "/preview", action: models.ActionManage, page: s.previewSubscription},
		{pattern: "GET " + one, page: s.showSubscription},
		{pattern: "GET " + one + "/live", page: s.liveSubscription},
		{pattern: "GET " + one + "/logs", page: s.showLogs},
		{pattern: "GET " + one + "/missed", page: s.showMissed},
		{pattern: "POST " + one + "/missed", action: models.ActionManage, page: s.sendMissed},
		{pattern: "GET " + one + "/edit", action: models.ActionManage, page: s.editSubscription},
		{pattern: "POST " + one + "/edit", action: models.ActionManage, page: s.updateSubscription},
		{pattern: "POST " + one + "/preview", action: models.ActionManage, page: s.previewSubscription},
		{pattern: "GET " + one + "/secret", page: s.showSecret},
		{pattern: "POST " + one + "/secret", action: models.ActionManage, page: s.changeSecret},
		{pattern: "GET " + one + "/test", page: s.showTest},
		{pattern: "POST " + one + "/test", action: models.ActionManage, page: s.sendTest},
		{pattern: "GET " + one + "/retry-plan", page: s.showRetryPlan},
		{pattern: "GET " + one + "/versions", page: s.showVersions},
		{pattern: "POST " + one + "/versions/revert", action: models.ActionManage, page: s.revertSubscription},
		{pattern: "POST " + one + "/suspend", action: models.ActionManage, page: s.suspendSubscription},
		{pattern: "POST " + one + "/resume", action: models.ActionManage, page: s.resumeSubscription},
		{pattern: "GET " + one + "/delete", action: models.ActionManage, page: s.askDelete},
		{pattern: "POST " + one + "/delete", action: models.ActionManage, page: s.deleteSubscription},
	}
}

// subscriptionQuery is what the list asks for: one more than the page, which tells whether there is another.
func subscriptionQuery(v *view, text string, state models.SubscriptionState, limit int) models.SubscriptionQuery {
	return models.SubscriptionQuery{
		OrganizationID: v.key.OrganizationID, Sandbox: v.environment(), Text: text, State: state, Limit: limit,
	}
}

// searchText is what was typed into a search box, without what no text holds.
func searchText(s string) string {
	s = strings.TrimSpace(strings.ToValidUTF8(s, ""))
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	for utf8.RuneCountInString(s) > maxSearch {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// subscriptionList is the list as it is shown.
type subscriptionList struct {
	lines       []models.SubscriptionLine
	workspace   models.ID
	workspaces  []named                        // to choose from
	fared       map[models.ID]*models.Activity // of each line
	text        string
	state       models.SubscriptionState
	first, next string // addresses
}

func (l *subscriptionList) filtered() bool {
	return l.text != "" || l.state != "" || !l.workspace.IsZero()
}

func (s *site) listSubscriptions(v *view) error {
	given := v.r.URL.Query()
	list := &subscriptionList{text: searchText(given.Get("q"))}
	switch state := models.SubscriptionState(given.Get("state")); state {
	case models.SubscriptionsActive, models.SubscriptionsSuspended, models.SubscriptionsDisabled, models.SubscriptionsRotating,
		models.SubscriptionsSilent:
		list.state = state
	}
	q := subscriptionQuery(v, list.text, list.state, subscriptionsEach+1)
	if id, err := models.ParseID(given.Get("workspace")); err == nil {
		list.workspace, q.WorkspaceID = id, id
	}
	if after := given.Get("after"); after != "" {
		id, err := models.ParseID(after)
		if err != nil {
			return models.Errorf(models.CodeNotFound, "There is no such page of the list.")
		}
		q.After = id
		list.first = list.address(models.ID{})
	}
	var err error
	if list.lines, err = s.Store.SubscriptionPage(v.r.Context(), q); err != nil {
		return err
	}
	if len(list.lines) > subscriptionsEach {
		list.lines = list.lines[:subscriptionsEach]
		list.next = list.address(list.lines[subscriptionsEach-1].ID)
	}
	if err := list.fare(v); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(subscriptionRows(v, list))
	}
	if err := listAll(v, "/v3/workspaces", &list.workspaces); err != nil {
		return err
	}
	return v.render("Subscriptions", subscriptionsPage(v, list))
}

// fare reads how the subscriptions of the page fared of late.
func (l *subscriptionList) fare(v *view) error {
	ids := make([]models.ID, len(l.lines))
	for i := range l.lines {
		ids[i] = l.lines[i].ID
	}
	activity, err := v.Store.Activity(v.r.Context(), v.key.OrganizationID, ids, v.now)
	l.fared = make(map[models.ID]*models.Activity, len(activity))
	for i := range activity {
		l.fared[activity[i].SubscriptionID] = &activity[i]
	}
	return err
}

// lastState is how the last attempt went, for a badge.
func lastState(success bool) ui.State {
	if success {
		return ui.State{Word: "Delivered", Tone: ui.Good}
	}
	return ui.State{Word: "Failed", Tone: ui.Bad}
}

// workspaceChoices are what the list can be narrowed to.
func (l *subscriptionList) workspaceChoices() []ui.Choice {
	out := []ui.Choice{{Value: "", Label: "All"}}
	for _, w := range l.workspaces {
		out = append(out, ui.Choice{Value: w.ID, Label: w.Name})
	}
	return out
}

// chosenWorkspace is the value of the choice.
func (l *subscriptionList) chosenWorkspace() string {
	if l.workspace.IsZero() {
		return ""
	}
	return l.workspace.String()
}

// listStates are the states that the list can be narrowed to.
func listStates() []ui.Choice {
	return []ui.Choice{
		{Value: "", Label: "All"},
		{Value: string(models.SubscriptionsActive), Label: "Active"},
		{Value: string(models.SubscriptionsSuspended), Label: "Suspended"},
		{Value: string(models.SubscriptionsDisabled), Label: "Disabled"},
		{Value: string(models.SubscriptionsSilent), Label: "Never called"},
		{Value: string(models.SubscriptionsRotating), Label: "Secret in rotation"},
	}
}

// address is that of the page of the list after a subscription.
func (l *subscriptionList) address(after models.ID) string {
	q := url.Values{}
	if l.text != "" {
		q.Set("q", l.text)
	}
	if l.state != "" {
		q.Set("state", string(l.state))
	}
	if !l.workspace.IsZero() {
		q.Set("workspace", l.workspace.String())
	}
	if !after.IsZero() {
		q.Set("after", after.String())
	}
	if len(q) == 0 {
		return subscriptionsPath
	}
	return subscriptionsPath + "?" + q.Encode()
}

// stateOf is how a subscription is, for a badge.
func stateOf(enabled, suspended bool) ui.State {
	switch {
	case !enabled:
		return ui.State{Word: "Disabled", Tone: ui.Quiet}
	case suspended:
		return ui.State{Word: "Suspended", Tone: ui.Bad}
	}
	return ui.State{Word: "Active", Tone: ui.Good}
}

// deliveryState is how a delivery is, for a badge.
func deliveryState(s models.DeliveryStatus) ui.State {
	switch s {
	case models.StatusDelivered:
		return ui.State{Word: "Delivered", Tone: ui.Good}
	case models.StatusFailed:
		return ui.State{Word: "Failed", Tone: ui.Bad}
	case models.StatusRetrying:
		return ui.State{Word: "Retrying", Tone: ui.Wait}
	case models.StatusParked:
		return ui.State{Word: "Parked", Tone: ui.Wait}
	case models.StatusCanceled:
		return ui.State{Word: "Canceled", Tone: ui.Quiet}
	case models.StatusPending, models.StatusDelivering:
		return ui.State{Word: "On its way", Tone: ui.Wait}
	}
	return ui.State{Word: string(s), Tone: ui.Quiet}
}

// eventsText says how many patterns a subscription listens to.
func eventsText(patterns []models.Pattern) string {
	switch {
	case len(patterns) == 1 && patterns[0] == models.Any:
		return "Every event"
	case len(patterns) == 1 && !strings.HasSuffix(string(patterns[0]), "*"):
		return "1 event"
	case len(patterns) == 1:
		return string(patterns[0])
	}
	return strconv.Itoa(len(patterns)) + " events"
}

// eventsTitle names them all.
func eventsTitle(patterns []models.Pattern) string {
	names := make([]string, len(patterns))
	for i, p := range patterns {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}

package web

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"hookrouter/models"
	"hookrouter/web/ui"
)

// DeliveryLists reads deliveries for people. Implemented by *store.Store.
type DeliveryLists interface {
	// DeliveryPart lists deliveries newest first and looks through most of them at most.
	DeliveryPart(ctx context.Context, q models.DeliveryQuery, most int) (models.ListPart[models.Delivery], error)
	// SubscriptionTitles reads what subscriptions of one environment, or of both, are called, deleted ones too.
	SubscriptionTitles(ctx context.Context, org models.ID, sandbox *bool, ids []models.ID) (map[models.ID]models.SubscriptionTitle, error)
}

const (
	deliveriesPath = root + "/deliveries"
	deliveriesEach = 50 // on a page

	// lookThrough is how many rows a page of a list looks through. Failure policy: the page says how far it came and leads further back.
	lookThrough = 10_000
	// lookAgain is the same for each look of a stream.
	lookAgain = 500
)

func (s *site) deliveryRoutes() []route {
	one := deliveriesPath + "/{id}"
	return []route{
		{pattern: "GET " + deliveriesPath, page: s.listDeliveries},
		{pattern: "GET " + deliveriesPath + "/live", page: s.followDeliveries},
		{pattern: "GET " + one, page: s.showDelivery},
		{pattern: "GET " + one + "/live", page: s.followDelivery},
		{pattern: "POST " + one + "/retry", action: models.ActionManage, page: s.retryDelivery},
		{pattern: "GET " + jobsPath, page: s.listJobs},
		{pattern: "GET " + jobsPath + "/new", action: models.ActionManage, page: s.newJob},
		{pattern: "POST " + jobsPath + "/new", action: models.ActionManage, page: s.startJob},
		{pattern: "GET " + jobsPath + "/{id}", page: s.showJob},
		{pattern: "GET " + jobsPath + "/{id}/live", page: s.followJob},
		{pattern: "POST " + jobsPath + "/{id}/cancel", action: models.ActionManage, page: s.cancelJob},
	}
}

// deliveryTabs lead between the deliveries and the jobs that send many again.
func deliveryTabs(current string) []ui.Tab {
	return []ui.Tab{
		{Label: "Deliveries", Href: deliveriesPath, Current: current == "Deliveries"},
		{Label: "Jobs", Href: jobsPath, Current: current == "Jobs"},
	}
}

// deliveryFilter is what a list of deliveries was asked for.
type deliveryFilter struct {
	text         string // what was searched for
	subscription models.ID
	status       models.DeliveryStatus
	event        string
	times        timeFilter
	after        models.ID
}

func readDeliveryFilter(v *view) (f deliveryFilter, err error) {
	given := v.r.URL.Query()
	f.text, f.event = searchText(given.Get("q")), searchText(given.Get("event"))
	f.times = readTimes(given)
	if s := models.DeliveryStatus(given.Get("status")); slices.Contains(models.Statuses(), s) {
		f.status = s
	}
	if f.subscription, err = idParameter(given, "subscription"); err == nil {
		f.after, err = idParameter(given, "after")
	}
	if err == nil && !f.subscription.IsZero() {
		err = v.showsThatOf(f.subscription)
	}
	return f, err
}

// idParameter is an id in an address, zero where there is none.
func idParameter(given url.Values, name string) (id models.ID, err error) {
	if text := given.Get(name); text != "" {
		if id, err = models.ParseID(text); err != nil {
			return id, models.Errorf(models.CodeNotFound, "There is no such page of the list.")
		}
	}
	return id, nil
}

// values are the filter's for an address. Searched text is not among them: it has led to something by then.
func (f *deliveryFilter) values() url.Values {
	q := url.Values{}
	set(q, "status", string(f.status))
	set(q, "event", f.event)
	f.times.put(q)
	if !f.subscription.IsZero() {
		q.Set("subscription", f.subscription.String())
	}
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func (f *deliveryFilter) filtered() bool { return len(f.values()) > 0 }

// address is that of a page of the list: the one after a delivery, or the first.
func (f *deliveryFilter) address(path string, after models.ID) string {
	q := f.values()
	if !after.IsZero() {
		q.Set("after", after.String())
	}
	return withQuery(path, q)
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (f *deliveryFilter) query(v *view, now time.Time) models.DeliveryQuery {
	q := models.DeliveryQuery{
		OrganizationID: v.key.OrganizationID, SubscriptionID: f.subscription, Status: f.status, EventName: models.Pattern(f.event),
		After: f.after, Limit: deliveriesEach + 1,
	}
	q.From, q.To = f.times.period(now)
	// A subscription is of one environment, and a test of it is marked as sandbox whatever that is.
	if q.SubscriptionID.IsZero() || v.key.Environment == models.Sandbox {
		q.Sandbox = v.environment()
	}
	return q
}

// call is the list as a call of the API.
func (f *deliveryFilter) call(v *view) ui.Call {
	q := url.Values{}
	if f.subscription.IsZero() {
		q.Set("sandbox", strconv.FormatBool(v.sandbox()))
	} else {
		q.Set("subscription_id", f.subscription.String())
	}
	set(q, "status", string(f.status))
	set(q, "event_name", f.event)
	putPeriod(q, f.times, v.now)
	return ui.Call{Method: "GET", Path: withQuery("/v3/deliveries", q)}
}

// deliveryList is a page of the list as it is shown.
type deliveryList struct {
	deliveryFilter
	lines        []models.Delivery
	titles       map[models.ID]models.SubscriptionTitle
	reached      models.ID                 // where looking ended
	candidates   []models.SubscriptionLine // that the searched text may mean
	fault        string
	names        []string
	statuses     map[models.ID]int // what was answered last, of those that failed by it
	pausable     bool
	first, next  string
	continueFrom string
}

func (s *site) listDeliveries(v *view) error {
	f, err := readDeliveryFilter(v)
	if err != nil {
		return err
	}
	list := &deliveryList{deliveryFilter: f}
	if f.text != "" {
		if to, err := v.findDelivery(list); err != nil || to != "" {
			if err != nil {
				return err
			}
			return v.leave(to)
		}
	}
	if err := v.readDeliveries(list); err != nil {
		return err
	}
	if v.partial() {
		return v.fragment(deliveryListing(v, list))
	}
	if list.names, err = v.eventNames(); err != nil {
		return err
	}
	return v.render("Deliveries", deliveriesPage(v, list))
}

// findDelivery leads to what a searched text means: a delivery, an event, or a subscription by its id or by what it is called.
func (v *view) findDelivery(list *deliveryList) (to string, err error) {
	if id, err := models.ParseID(list.text); err == nil {
		for _, there := range []struct{ call, page string }{
			{"/v3/deliveries/", deliveriesPath + "/"}, {"/v3/events/", eventsPath + "/"}, {"/v3/webhooks/", deliveriesPath + "?subscription="},
		} {
			err := v.get(there.call+id.String(), nil)
			if err == nil {
				return there.page + id.String(), nil
			}
			if mishapOf(err).status != 404 {
				return "", err
			}
		}
		list.fault = "There is no delivery, event or subscription with this id."
		return "", nil
	}
	const few = 8
	lines, err := v.Store.SubscriptionPage(v.r.Context(), subscriptionQuery(v, list.text, "", few))
	switch {
	case err != nil:
		return "", err
	case len(lines) == 1:
		list.subscription = lines[0].ID
		return list.address(deliveriesPath, models.ID{}), nil
	case len(lines) == 0:
		list.fault = "No subscription of this environment has that in its endpoint, description or events."
	}
	list.candidates = lines
	return "", nil
}

// readDeliveries reads the page of the list.
func (v *view) readDeliveries(list *deliveryList) error {
	part, err := v.Store.DeliveryPart(v.r.Context(), list.query(v, v.now), lookThrough)
	if err != nil {
		return err
	}
	list.lines, list.reached = part.Items, part.Reached
	if len(list.lines) > deliveriesEach {
		list.lines = list.lines[:deliveriesEach]
		list.next = list.address(deliveriesPath, list.lines[deliveriesEach-1].ID)
	}
	if !list.reached.IsZero() {
		list.continueFrom = list.address(deliveriesPath, list.reached)
	}
	if !list.after.IsZero() {
		list.first = list.address(deliveriesPath, models.ID{})
	}
	list.pausable = list.after.IsZero()
	return v.nameSubscriptions(list)
}

func (v *view) nameSubscriptions(list *deliveryList) (err error) {
	ids := make([]models.ID, 0, len(list.lines)+1)
	if !list.subscription.IsZero() {
		ids = append(ids, list.subscription)
	}
	for _, d := range list.lines {
		if !slices.Contains(ids, d.SubscriptionID) {
			ids = append(ids, d.SubscriptionID)
		}
	}
	if list.titles, err = v.titlesOf(ids); err != nil {
		return err
	}
	return v.nameStatuses(list)
}

// nameStatuses reads what was answered to those that failed by their answer.
func (v *view) nameStatuses(list *deliveryList) error {
	var ids []models.ID
	for _, d := range list.lines {
		if d.Reason == models.ReasonStatus && d.Status != models.StatusDelivered {
			ids = append(ids, d.ID)
		}
	}
	last, err := v.Store.LastAttempts(v.r.Context(), v.key.OrganizationID, ids)
	list.statuses = make(map[models.ID]int, len(last))
	for id, a := range last {
		list.statuses[id] = a.StatusCode
	}
	return err
}

// titlesOf reads what subscriptions are called, as far as the session's key may know of them: one of the sandbox knows of no others. An id
// comes from anywhere.
func (v *view) titlesOf(ids []models.ID) (map[models.ID]models.SubscriptionTitle, error) {
	var sandbox *bool
	if v.key.Environment == models.Sandbox {
		sandbox = v.environment()
	}
	return v.Store.SubscriptionTitles(v.r.Context(), v.key.OrganizationID, sandbox, ids)
}

// followDeliveries streams the first page of the list. Each look goes through the newest few; what was further back stays as it was.
func (s *site) followDeliveries(v *view) error {
	f, err := readDeliveryFilter(v)
	if err != nil {
		return err
	}
	f.after, f.text = models.ID{}, ""
	was := &deliveryList{deliveryFilter: f}
	if err := v.readDeliveries(was); err != nil {
		return err
	}
	return v.live(func() (templ.Component, error) {
		part, err := s.Store.DeliveryPart(v.r.Context(), f.query(v, s.Now()), lookAgain)
		if err != nil {
			return nil, err
		}
		list := *was
		list.lines = slices.Clone(part.Items)
		for _, d := range was.lines {
			if !part.Reached.IsZero() && d.ID.Compare(part.Reached) < 0 {
				list.lines = append(list.lines, d)
			}
		}
		if len(list.lines) > deliveriesEach {
			list.lines = list.lines[:deliveriesEach]
			list.next = list.address(deliveriesPath, list.lines[deliveriesEach-1].ID)
		}
		return deliveryRows(v, &list), v.nameSubscriptions(&list)
	})
}

// retryDelivery sends one delivery again.
func (s *site) retryDelivery(v *view) error {
	d, err := v.delivery()
	if err != nil {
		return err
	}
	err = v.do(d.retryCall(), nil)
	if f := faultsOf(err); f != nil {
		return v.deliveryPage(422, d, f[""])
	}
	if err != nil {
		return err
	}
	return v.goTo(d.path(), "It is being sent again.")
}

// eventNames are the names and families there are, to suggest them.
func (v *view) eventNames() ([]string, error) {
	var types []eventType
	if err := listAll(v, "/v3/event_types", &types); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var families, names []string
	for _, t := range types {
		for i, r := range t.Name {
			if family := t.Name[:i] + ".*"; r == '.' && !seen[family] {
				seen[family] = true
				families = append(families, family)
			}
		}
		names = append(names, t.Name)
	}
	slices.Sort(families)
	return append(families, names...), nil
}

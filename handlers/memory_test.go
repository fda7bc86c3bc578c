package handlers

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"hookrouter/catalogue"
	"hookrouter/models"
)

// memory is the store, the router and the rules of these tests: everything in maps, with the behaviour that their interfaces
// promise.
type memory struct {
	mu            sync.Mutex
	now           func() time.Time
	last          uint64
	keys          map[[32]byte]models.APIKey
	hits          map[string]int
	subscriptions []*models.Subscription
	versions      map[string]*models.Subscription
	history       []models.SubscriptionVersion
	revision      int64
	workspaces    []models.Workspace
	events        []*models.Event
	deliveries    []models.Delivery
	attempts      map[models.ID][]models.Attempt
	inboxes       []models.Inbox
	requests      []models.InboxRequest
	answers       int // of them that were stored afterwards
	answering     func()
	deliver       func(*models.Delivery) // what becomes of a new delivery at once

	entries           []models.CatalogueEntry
	catalogueRevision int64
	book              *catalogue.Book
	slowRemoval       time.Duration // how long the removal of an entity takes
	accepts           func()        // runs before events are accepted
	resends           []models.Resend
	audit             []models.AuditEntry
	auditFault        error // what entering in the audit log fails with

	quota     int   // that the last new subscription was to count against
	lookups   int   // of keys
	refreshes int   // of the rules
	fault     error // what every call fails with
	panics    bool  // every call of the store panics
	unloaded  bool
	planned   []models.Outage     // what plans were asked for
	asked     []models.StatsQuery // for statistics
}

var (
	_ Store    = (*memory)(nil)
	_ Accepter = (*memory)(nil)
	_ Rules    = (*memory)(nil)
)

func newMemory(now func() time.Time) *memory {
	m := &memory{
		now: now, keys: map[[32]byte]models.APIKey{}, hits: map[string]int{}, versions: map[string]*models.Subscription{},
		attempts: map[models.ID][]models.Attempt{},
	}
	m.book = catalogue.NewBook(m)
	return m
}

// newID makes version 7 ids that grow.
func (m *memory) newID() models.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.nextID()
}

func (m *memory) nextID() models.ID {
	m.last++
	id := models.FloorID(m.now())
	for i := range 7 {
		id[15-i] = byte(m.last >> (8 * i))
	}
	return id
}

func (m *memory) enter() (func(), error) {
	if m.panics {
		panic("memory is made to panic")
	}
	m.mu.Lock()
	return m.mu.Unlock, m.fault
}

func (m *memory) Ping(context.Context) error { return m.fault }

func (m *memory) Refresh(ctx context.Context) error {
	m.refreshes++
	_, err := m.book.Refresh(ctx)
	return err
}

func (m *memory) Loaded() bool { return !m.unloaded }

func (m *memory) KeyByHash(_ context.Context, hash [32]byte) (models.APIKey, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.APIKey{}, err
	}
	m.lookups++
	key, ok := m.keys[hash]
	if !ok {
		return key, models.Errorf(models.CodeNotFound, "There is no such key.")
	}
	return key, nil
}

func (m *memory) Hit(_ context.Context, key models.ID, mostMinute, mostHour int, now time.Time) (minute, hour int, err error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return 0, 0, err
	}
	a, b := fmt.Sprint(key, "m", now.Unix()/60), fmt.Sprint(key, "h", now.Unix()/3600)
	fullMinute, fullHour := mostMinute > 0 && m.hits[a] >= mostMinute, mostHour > 0 && m.hits[b] >= mostHour
	minute, hour = m.hits[a], m.hits[b]
	switch {
	case !fullMinute && !fullHour:
		m.hits[a]++
		m.hits[b]++
		return m.hits[a], m.hits[b], nil
	case fullMinute && fullHour:
		return minute + 1, hour + 1, nil
	case fullMinute:
		return minute + 1, hour, nil
	}
	return minute, hour + 1, nil
}

func (m *memory) checkWorkspaces(s *models.Subscription) error {
	var wrong []models.FieldError
	for i, w := range s.Workspaces {
		if w != models.Any && !slices.ContainsFunc(m.workspaces, func(x models.Workspace) bool {
			return x.OrganizationID == s.OrganizationID && x.ID.String() == w
		}) {
			wrong = append(wrong, models.FieldError{Name: fmt.Sprintf("workspaces[%d]", i), Reason: "There is no such workspace."})
		}
	}
	if wrong != nil {
		return models.Invalid(wrong...)
	}
	return nil
}

func (m *memory) keep(s *models.Subscription, by models.ID, at time.Time) {
	c := *s
	m.versions[fmt.Sprint(s.ID, s.Version)] = &c
	m.history = append(m.history, models.SubscriptionVersion{Subscription: &c, ChangedAt: at, ChangedBy: by, KeyHint: m.hint(by)})
}

func (m *memory) CreateSubscription(_ context.Context, s *models.Subscription, quota int, by models.ID) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	m.quota = quota
	n := 0
	for _, x := range m.subscriptions {
		if x.OrganizationID == s.OrganizationID && x.DeletedAt.IsZero() && x.OfEntity() == s.OfEntity() {
			n++
		}
	}
	if quota > 0 && n >= quota {
		return models.Errorf(models.CodeQuota, "The organization has all %d subscriptions that it may have.", quota)
	}
	if err := m.checkWorkspaces(s); err != nil {
		return err
	}
	m.revision++
	s.Version, s.Revision = 1, m.revision
	c := *s
	m.subscriptions = append(m.subscriptions, &c)
	m.keep(s, by, s.CreatedAt)
	return nil
}

func (m *memory) find(org, id models.ID) (int, error) {
	i := slices.IndexFunc(m.subscriptions, func(s *models.Subscription) bool {
		return s.ID == id && s.OrganizationID == org && s.DeletedAt.IsZero()
	})
	if i < 0 {
		return 0, models.Errorf(models.CodeNotFound, "There is no such subscription.")
	}
	return i, nil
}

func (m *memory) Subscription(_ context.Context, org, id models.ID) (*models.Subscription, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	i, err := m.find(org, id)
	if err != nil {
		return nil, err
	}
	c := *m.subscriptions[i]
	return &c, nil
}

func (m *memory) Subscriptions(_ context.Context, org models.ID, sandbox *bool) ([]*models.Subscription, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []*models.Subscription
	for _, s := range m.subscriptions {
		if s.OrganizationID == org && s.DeletedAt.IsZero() && (sandbox == nil || *sandbox == s.Sandbox) {
			c := *s
			out = append(out, &c)
		}
	}
	return out, nil
}

func (m *memory) UpdateSubscription(_ context.Context, org, id, by models.ID, now time.Time,
	change func(*models.Subscription) error,
) (*models.Subscription, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	i, err := m.find(org, id)
	if err != nil {
		return nil, err
	}
	c := *m.subscriptions[i]
	if err := change(&c); err != nil {
		return nil, err
	}
	if c.Same(m.subscriptions[i]) {
		return &c, nil
	}
	if err := m.checkWorkspaces(&c); err != nil {
		return nil, err
	}
	m.revision++
	c.Version++
	c.UpdatedAt, c.Revision = now, m.revision
	m.subscriptions[i] = &c
	m.keep(&c, by, now)
	out := c
	return &out, nil
}

func (m *memory) DeleteSubscription(_ context.Context, org, id, by models.ID, now time.Time) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	i, err := m.find(org, id)
	if err != nil {
		return err
	}
	c := *m.subscriptions[i]
	m.revision++
	c.Version++
	c.DeletedAt, c.UpdatedAt, c.Revision = now, now, m.revision
	m.subscriptions[i] = &c
	m.keep(&c, by, now)
	return nil
}

func (m *memory) SuspendSubscription(
	_ context.Context, org, id models.ID, reason models.SuspendReason, now, _ time.Time,
) (*models.Subscription, bool, error) {
	return m.turn(org, id, func(s *models.Subscription) (bool, error) {
		if !s.Enabled {
			return false, models.Errorf(models.CodeConflict, "The subscription is disabled.")
		}
		changed := !s.Suspended()
		s.SuspendedAt, s.StateReason = now, reason
		return changed, nil
	})
}

func (m *memory) ResumeSubscription(_ context.Context, org, id models.ID, _ bool) (*models.Subscription, bool, error) {
	return m.turn(org, id, func(s *models.Subscription) (bool, error) {
		changed := s.Suspended()
		s.SuspendedAt, s.StateReason = time.Time{}, ""
		return changed, nil
	})
}

func (m *memory) turn(org, id models.ID, edit func(*models.Subscription) (bool, error)) (*models.Subscription, bool, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, false, err
	}
	i, err := m.find(org, id)
	if err != nil {
		return nil, false, err
	}
	c := *m.subscriptions[i]
	changed, err := edit(&c)
	if err != nil {
		return nil, false, err
	}
	m.subscriptions[i] = &c
	out := c
	return &out, changed, nil
}

func (m *memory) SubscriptionVersion(_ context.Context, org, id models.ID, version int) (*models.Subscription, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	s, ok := m.versions[fmt.Sprint(id, version)]
	if !ok || s.OrganizationID != org {
		return nil, models.Errorf(models.CodeNotFound, "There is no such version.")
	}
	return s, nil
}

func (m *memory) CreateWorkspace(_ context.Context, w models.Workspace, quota int) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(m.workspaces, func(x models.Workspace) bool { return x.OrganizationID == w.OrganizationID && x.ID == w.ID }) {
		return models.Errorf(models.CodeConflict, "There is a workspace with this id.")
	}
	if quota > 0 && len(m.workspaces) >= quota {
		return models.Errorf(models.CodeQuota, "The organization has all the %d workspaces it may have.", quota)
	}
	m.workspaces = append(m.workspaces, w)
	slices.SortFunc(m.workspaces, func(a, b models.Workspace) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return nil
}

func (m *memory) Workspaces(_ context.Context, org, after models.ID, limit int) ([]models.Workspace, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []models.Workspace
	for _, w := range m.workspaces {
		if w.OrganizationID == org && slices.Compare(w.ID[:], after[:]) > 0 && len(out) < limit {
			out = append(out, w)
		}
	}
	return out, nil
}

func (m *memory) DeleteWorkspace(_ context.Context, org, id models.ID) error {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return err
	}
	for _, s := range m.subscriptions {
		if s.OrganizationID == org && s.DeletedAt.IsZero() && slices.Contains(s.Workspaces, id.String()) {
			return models.Errorf(models.CodeConflict, "The subscription %s names this workspace.", s.ID)
		}
	}
	n := len(m.workspaces)
	m.workspaces = slices.DeleteFunc(m.workspaces, func(w models.Workspace) bool { return w.OrganizationID == org && w.ID == id })
	if len(m.workspaces) == n {
		return models.Errorf(models.CodeNotFound, "There is no such workspace.")
	}
	return nil
}

func (m *memory) Event(_ context.Context, org, id models.ID) (*models.Event, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	for _, e := range m.events {
		if e.OrganizationID == org && e.ID == id {
			return e, nil
		}
	}
	return nil, models.Errorf(models.CodeNotFound, "There is no such event.")
}

// before reports whether an element comes after the cursor in a list that is newest first.
func before(id, after models.ID) bool { return after.IsZero() || slices.Compare(id[:], after[:]) < 0 }

func within(t, from, to time.Time) bool {
	return (from.IsZero() || !t.Before(from)) && (to.IsZero() || t.Before(to))
}

func (m *memory) Events(_ context.Context, q models.EventQuery) ([]*models.Event, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []*models.Event
	for _, e := range slices.Backward(m.events) {
		if e.OrganizationID == q.OrganizationID && (q.Sandbox == nil || *q.Sandbox == e.Sandbox) &&
			(q.Name == "" || q.Name.Match(e.Name)) && (q.Scope == "" || q.Scope == e.Scope) &&
			(q.WorkspaceID.IsZero() || q.WorkspaceID == e.WorkspaceID) && (q.EntityKey == "" || q.EntityKey == e.EntityKey) &&
			(q.ParentKey == "" || q.ParentKey == e.EntityParentKey) &&
			within(e.AcceptedAt, q.From, q.To) && (!q.Unmatched || e.Matched == 0) && before(e.Ref, q.After) && len(out) < q.Limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (m *memory) Delivery(_ context.Context, org, id models.ID) (models.Delivery, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return models.Delivery{}, err
	}
	for _, d := range m.deliveries {
		if d.OrganizationID == org && d.ID == id {
			return d, nil
		}
	}
	return models.Delivery{}, models.Errorf(models.CodeNotFound, "There is no such delivery.")
}

func (m *memory) Deliveries(_ context.Context, q models.DeliveryQuery) ([]models.Delivery, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []models.Delivery
	for _, d := range slices.Backward(m.deliveries) {
		if d.OrganizationID == q.OrganizationID && (q.Sandbox == nil || *q.Sandbox == d.Sandbox) &&
			(q.EventName == "" || q.EventName.Match(d.EventName)) && (q.Status == "" || q.Status == d.Status) &&
			(q.SubscriptionID.IsZero() || q.SubscriptionID == d.SubscriptionID) && (q.EventRef.IsZero() || q.EventRef == d.EventRef) &&
			within(d.CreatedAt, q.From, q.To) && before(d.ID, q.After) && len(out) < q.Limit {
			out = append(out, d)
		}
	}
	return out, nil
}

func (m *memory) Attempts(_ context.Context, org, delivery models.ID) ([]models.Attempt, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	var out []models.Attempt
	for _, a := range m.attempts[delivery] {
		if a.OrganizationID == org {
			out = append(out, a)
		}
	}
	return out, nil
}

// Accept matches by the ten-line truth and knows duplicates.
func (m *memory) Accept(_ context.Context, events []*models.Event) []models.Outcome {
	if m.accepts != nil {
		m.accepts()
	}
	leave, err := m.enter()
	defer leave()
	out := make([]models.Outcome, len(events))
	for i, e := range events {
		if err != nil {
			out[i].Err = err
			continue
		}
		if m.book.TypeRevision(e.OrganizationID, e.Name) != e.TypeRevision {
			out[i].Err = models.Errorf(models.CodeStale, "The type has changed.")
			continue
		}
		out[i].Receipt, out[i].Err = m.accept(e)
	}
	return out
}

func (m *memory) accept(e *models.Event) (models.Receipt, error) {
	for _, k := range m.keys {
		if k.ID == e.PublishedBy && !k.RevokedAt.IsZero() {
			return models.Receipt{}, models.Errorf(models.CodeUnauthorized, "The key was revoked.")
		}
	}
	for _, x := range m.events {
		if x.OrganizationID != e.OrganizationID || (!e.Chosen || !x.Chosen || x.ID != e.ID) &&
			(e.IdempotencyKey == "" || x.IdempotencyKey != e.IdempotencyKey) {
			continue
		}
		if x.Fingerprint != e.Fingerprint {
			return models.Receipt{}, &models.Error{
				Code: models.CodeConflict, Message: "Another event was published with this event_id before.",
				Fields: []models.FieldError{{Name: "event_id", Reason: "It belongs to an event with other content."}},
			}
		}
		r := receiptOf(x)
		r.Duplicate = true
		return r, nil
	}
	e.Ref, e.AcceptedAt, e.Revision = m.nextID(), m.now(), m.revision
	if !e.Target.IsZero() {
		e.Ref = models.MarkTest(e.Ref)
	}
	if !e.Chosen {
		e.ID = e.Ref
	}
	for _, s := range m.subscriptions {
		if s.Matches(e) && e.Target.IsZero() || s.ID == e.Target && s.OrganizationID == e.OrganizationID && s.Live() {
			e.Matched++
			m.deliveries = append(m.deliveries, models.Delivery{
				ID: models.DeliveryID(e.Ref, e.Matched-1), OrganizationID: e.OrganizationID, EventRef: e.Ref, EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox && (!e.Test() || s.Sandbox),
				SubscriptionID: s.ID, SubscriptionVersion: s.Version, Status: models.StatusPending, DueAt: m.now(), CreatedAt: m.now(),
				UpdatedAt: m.now(),
			})
			if m.deliver != nil {
				m.deliver(&m.deliveries[len(m.deliveries)-1])
			}
		}
	}
	m.events = append(m.events, e)
	return receiptOf(e), nil
}

func receiptOf(e *models.Event) models.Receipt {
	return models.Receipt{EventID: e.ID, EventName: e.Name, Sandbox: e.Sandbox, Matched: e.Matched, CreatedAt: e.AcceptedAt}
}

// httpsOnly checks endpoints as little as these tests need; the real policy has its own tests.
type httpsOnly struct{}

func (httpsOnly) CheckURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not a valid URL")
	case u.Scheme != "https":
		return nil, fmt.Errorf("must start with https://")
	case u.Hostname() == "127.0.0.1" || strings.HasPrefix(u.Host, "10."):
		return nil, fmt.Errorf("address %s is not public", u.Hostname())
	}
	return u, nil
}

func (m *memory) SecretUses(_ context.Context, org, subscription models.ID) ([]models.SecretUse, error) {
	leave, err := m.enter()
	defer leave()
	if err != nil {
		return nil, err
	}
	uses := map[int]models.SecretUse{}
	for _, d := range m.deliveries {
		if d.OrganizationID != org || d.SubscriptionID != subscription {
			continue
		}
		for _, a := range m.attempts[d.ID] {
			u := uses[a.SecretGeneration]
			u.Generation = a.SecretGeneration
			if u.Attempts++; a.Success {
				u.Succeeded++
			}
			if a.StartedAt.After(u.LastAt) {
				u.LastAt = a.StartedAt
			}
			uses[u.Generation] = u
		}
	}
	return slices.Collect(maps.Values(uses)), nil
}

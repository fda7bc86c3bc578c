package storetest

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"hookrouter/models"
	"hookrouter/store"
)

// Exercise specifies what a store does, whatever the database: url lends the address of a new one.
func Exercise(t *testing.T, url func(testing.TB) string) {
	t.Helper()
	groups := []struct {
		name  string
		tests []exercise
	}{
		{"opening", openingTests()},
		{"tenants", tenantTests()},
		{"subscriptions", subscriptionTests()},
		{"rotation", rotationTests()},
		{"events", eventTests()},
		{"duplicates", duplicateTests()},
		{"queue", queueTests()},
		{"instances", instanceTests()},
		{"cancel", cancelTests()},
		{"suspension", suspensionTests()},
		{"listing", listingTests()},
		{"audit", auditTests()},
		{"retention", retentionTests()},
		{"inboxes", inboxTests()},
		{"sessions", sessionTests()},
		{"rules", ruleTests()},
		{"catalogue", catalogueTests()},
		{"entities", entityTests()},
		{"again", againTests()},
		{"stats", statsTests()},
		{"removals", removalTests()},
		{"tests", testTests()},
		{"model", modelTests()},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			for _, e := range g.tests {
				t.Run(e.name, func(t *testing.T) {
					t.Parallel()
					e.run(newWorld(t, url(t)))
				})
			}
		})
	}
}

// exercise is one behavior.
type exercise struct {
	name string
	run  func(w *world)
}

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	require.TestingT
	Helper()
	Context() context.Context
	Logf(format string, args ...any)
}

// world is a migrated store with an organization in it, and the means to fill it.
type world struct {
	tb
	*store.Store
	t     *testing.T
	url   string
	clock *Clock
	org   models.Organization
}

// Clock is a clock that stands still until it is moved. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock is a clock that shows the present, to the millisecond.
func NewClock() *Clock { return &Clock{now: time.Now().UTC().Truncate(time.Millisecond)} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock on and returns what it shows then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	clock := NewClock()
	w := &world{tb: t, t: t, url: url, clock: clock}
	w.Store = w.open()
	w.org = w.organization("acme")
	return w
}

// open is one more store on the same database: another instance.
func (w *world) open() *store.Store {
	w.Helper()
	return Open(w.t, store.Options{URL: w.url, Now: w.clock.Now})
}

// NewID is a new version 7 id.
func NewID() models.ID { return models.ID(uuid.Must(uuid.NewV7())) }

// ids counts those that worlds have made.
var ids atomic.Uint32

// newID is a new id made at the time of the world's clock.
func (w *world) newID() models.ID {
	id, at, n := NewID(), models.FloorID(w.clock.Now()), ids.Add(1)
	copy(id[:6], at[:6])
	id[6], id[7] = 0x70|byte(n>>8&0xf), byte(n) // in order within a millisecond too
	return id
}

func (w *world) organization(name string) models.Organization {
	w.Helper()
	o := models.Organization{ID: NewID(), Name: name, CreatedAt: w.clock.Now()}
	require.NoError(w, w.CreateOrganization(w.Context(), o))
	return o
}

func (w *world) key(org models.ID) models.APIKey {
	w.Helper()
	id := NewID()
	k := models.APIKey{
		ID: id, OrganizationID: org, Hint: "hk_abc", Role: models.RoleManager, Environment: models.Production, CreatedAt: w.clock.Now(),
	}
	copy(k.Hash[:], id[:])
	require.NoError(w, w.CreateKey(w.Context(), k))
	return k
}

// spec is a subscription to everything, not stored yet.
func (w *world) spec(org models.ID) *models.Subscription {
	return &models.Subscription{
		ID: NewID(), OrganizationID: org, Enabled: true, Events: []models.Pattern{models.Any}, Scopes: []string{models.Any},
		Workspaces: []string{models.Any}, Endpoint: "https://receiver.example/hooks", Format: models.FormatYousign,
		Secret: models.NewSecret("k3yk3yk3yk3yk3yk3yk3yk3yk3yk3yk3"), AutoRetry: true, CreatedAt: w.clock.Now(),
	}
}

func (w *world) subscribe(change ...func(*models.Subscription)) *models.Subscription {
	w.Helper()
	sub := w.spec(w.org.ID)
	for _, c := range change {
		c(sub)
	}
	require.NoError(w, w.CreateSubscription(w.Context(), sub, 0, models.ID{}))
	return sub
}

func (w *world) change(sub *models.Subscription, change func(*models.Subscription)) *models.Subscription {
	w.Helper()
	next, err := w.UpdateSubscription(w.Context(), sub.OrganizationID, sub.ID, models.ID{}, w.clock.Now(), func(s *models.Subscription) error {
		change(s)
		return nil
	})
	require.NoError(w, err)
	return next
}

// revision is the database's.
func (w *world) revision() int64 {
	w.Helper()
	p, err := w.Pulse(w.Context(), w.clock.Now(), time.Hour)
	require.NoError(w, err)
	return p.Revision
}

// event is an event of the organization with a pending delivery for each subscription.
func (w *world) event(subs ...*models.Subscription) *models.Accepted {
	now := w.clock.Now()
	id := w.newID()
	a := &models.Accepted{Event: models.Event{
		ID: id, Ref: id, OrganizationID: w.org.ID, Name: "signer.done", Time: now.Truncate(time.Second), Data: []byte(`{"n":1}`),
		AcceptedAt: now, Matched: len(subs),
	}}
	for i, sub := range subs {
		a.Deliveries = append(a.Deliveries, models.Delivery{
			ID: models.DeliveryID(id, i), OrganizationID: w.org.ID, EventRef: id, EventID: id, EventName: a.Event.Name, SubscriptionID: sub.ID,
			SubscriptionVersion: sub.Version, Status: models.StatusPending, DueAt: now, CreatedAt: now, UpdatedAt: now,
		})
	}
	return a
}

// chosen gives an event an id of the producer's.
func chosen(a *models.Accepted, id models.ID) *models.Accepted {
	a.Event.ID, a.Event.Chosen = id, true
	for i := range a.Deliveries {
		a.Deliveries[i].EventID = id
	}
	return a
}

// owned makes an event's deliveries this owner's, as the router does when there is room.
func owned(a *models.Accepted, owner int64) *models.Accepted {
	for i := range a.Deliveries {
		d := &a.Deliveries[i]
		d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{}
	}
	return a
}

// save stores a batch that must be accepted whole.
func (w *world) save(batch ...*models.Accepted) []models.Receipt {
	w.Helper()
	revision := w.revision()
	outcomes, err := w.SaveEvents(w.Context(), revision, batch)
	require.NoError(w, err)
	require.Len(w, outcomes, len(batch))
	for _, a := range batch {
		a.Event.Revision = revision // as it comes back
	}
	receipts := make([]models.Receipt, len(batch))
	for i, o := range outcomes {
		require.NoError(w, o.Err)
		receipts[i] = o.Receipt
	}
	return receipts
}

func (w *world) register(name string) int64 {
	w.Helper()
	owner, err := w.RegisterInstance(w.Context(), name)
	require.NoError(w, err)
	return owner
}

func (w *world) claim(owner int64, wants ...models.Want) []models.Job {
	w.Helper()
	jobs, err := w.Claim(w.Context(), owner, w.clock.Now(), wants)
	require.NoError(w, err)
	return jobs
}

func (w *world) delivery(id models.ID) models.Delivery {
	w.Helper()
	d, err := w.Delivery(w.Context(), w.org.ID, id)
	require.NoError(w, err)
	return d
}

func (w *world) record(results ...models.Result) []models.ID {
	w.Helper()
	fenced, err := w.Record(w.Context(), results)
	require.NoError(w, err)
	return fenced
}

// succeeded is the result of an attempt that went well.
func succeeded(j models.Delivery, now time.Time) models.Result {
	return models.Result{Delivery: j, Status: models.StatusDelivered, Attempt: &models.Attempt{
		DeliveryID: j.ID, OrganizationID: j.OrganizationID, Number: j.Attempts + 1, StartedAt: now, Success: true, StatusCode: 200,
		Timings: models.Timings{Total: 3 * time.Millisecond},
	}}
}

// failed is the result of an attempt that is to be repeated.
func failed(j models.Delivery, now, due time.Time) models.Result {
	r := succeeded(j, now)
	r.Status, r.DueAt, r.Reason = models.StatusRetrying, due, models.ReasonStatus
	r.Attempt.Success, r.Attempt.StatusCode, r.Attempt.Reason = false, 500, models.ReasonStatus
	return r
}

func (w *world) requireCode(code models.Code, err error) {
	w.Helper()
	require.Error(w, err)
	require.Equal(w, code, models.CodeOf(err), "%v", err)
}

// ledger is the organization's, which must agree with a count of the rows.
func (w *world) ledger() models.Ledger {
	w.Helper()
	kept, err := w.Ledger(w.Context())
	require.NoError(w, err)
	counted, err := w.CountLedger(w.Context())
	require.NoError(w, err)
	mine := func(list []models.Ledger) models.Ledger {
		for _, l := range list {
			if l.OrganizationID == w.org.ID {
				return l
			}
		}
		require.Fail(w, "no ledger")
		return models.Ledger{}
	}
	require.Equal(w, mine(counted), mine(kept))
	return mine(kept)
}

// exec changes the database behind the store's back.
func (w *world) exec(statement string) {
	w.Helper()
	driver, dsn := "pgx", w.url
	if path, ok := strings.CutPrefix(w.url, "sqlite://"); ok {
		driver, dsn = "sqlite", path
	}
	db, err := sql.Open(driver, dsn)
	require.NoError(w, err)
	_, err = db.ExecContext(w.Context(), statement)
	require.NoError(w, err)
	require.NoError(w, db.Close())
}

package delivery

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

var (
	_ Queue     = (*fakeQueue)(nil)
	_ Directory = (*fakeDirectory)(nil)
	_ Sender    = sendFunc(nil)
	_ Auditor   = (*fakeQueue)(nil)
)

// fakeQueue is the database: what is in it survives every crash of these tests.
type fakeQueue struct {
	mu       sync.Mutex
	rows     map[models.ID]*row
	alive    map[int64]time.Time // owner → last heartbeat
	dead     map[int64]bool
	next     int64
	revision int64
	subs     *fakeDirectory
	now      func() time.Time

	attempts   map[models.ID][]models.Attempt
	batches    []int // sizes of Record calls
	statements map[string]int
	// fail, where set, is asked before every statement; a non-nil error is returned instead of running it.
	fail func(op string) error
	// lose, where set, makes a statement succeed and its answer get lost.
	lose func(op string) error
	// slow, where set, is how long a Record takes.
	slow time.Duration
	// looks counts the looks at the backlog, of all instances.
	looks int
}

type row struct {
	d     models.Delivery
	event *models.Event
	waits int // how many looks there had been when it began to wait
}

// wait puts a row in the queue, at a place that may be anywhere.
func (q *fakeQueue) wait(r *row, status models.DeliveryStatus, due time.Time) {
	r.d.Status, r.d.Owner, r.d.DueAt, r.waits = status, 0, due, q.looks
}

func newFakeQueue(subs *fakeDirectory) *fakeQueue {
	return &fakeQueue{
		rows: map[models.ID]*row{}, alive: map[int64]time.Time{}, dead: map[int64]bool{}, subs: subs, now: time.Now,
		attempts: map[models.ID][]models.Attempt{}, statements: map[string]int{},
	}
}

func (q *fakeQueue) begin(op string) (func(), error) {
	q.mu.Lock()
	q.statements[op]++
	if q.fail != nil {
		if err := q.fail(op); err != nil {
			q.mu.Unlock()
			return nil, err
		}
	}
	return q.mu.Unlock, nil
}

func (q *fakeQueue) lost(op string) error {
	if q.lose == nil {
		return nil
	}
	return q.lose(op)
}

func (q *fakeQueue) RegisterInstance(context.Context, string) (int64, error) {
	end, err := q.begin("register")
	if err != nil {
		return 0, err
	}
	defer end()
	q.next++
	q.alive[q.next] = q.now()
	return q.next, nil
}

func (q *fakeQueue) Heartbeat(_ context.Context, owner int64, _ models.ID) error {
	end, err := q.begin("heartbeat")
	if err != nil {
		return err
	}
	defer end()
	if q.dead[owner] {
		return models.Errorf(models.CodeFenced, "dead")
	}
	q.alive[owner] = q.now()
	return nil
}

func (q *fakeQueue) Deregister(_ context.Context, owner int64) error {
	end, err := q.begin("deregister")
	if err != nil {
		return err
	}
	defer end()
	q.dead[owner] = true
	delete(q.alive, owner)
	return nil
}

func (q *fakeQueue) Pulse(_ context.Context, now time.Time, silentFor time.Duration) (models.Pulse, error) {
	end, err := q.begin("pulse")
	if err != nil {
		return models.Pulse{}, err
	}
	defer end()
	p := models.Pulse{Revision: q.revision, Senders: len(q.alive)}
	for _, r := range q.rows {
		p.Due = p.Due || r.queued(now)
		p.Silent = p.Silent || r.d.Status == models.StatusDelivering && q.dead[r.d.Owner]
		if s, ok := q.subs.Subscription(r.d.SubscriptionID); ok && r.waiting() {
			_, stopped := r.d.Stopped(s)
			p.Stopped = p.Stopped || stopped
		}
	}
	for _, seen := range q.alive {
		p.Silent = p.Silent || now.Sub(seen) > silentFor
	}
	return p, nil
}

func (r *row) waiting() bool {
	return r.d.Status == models.StatusPending || r.d.Status == models.StatusRetrying
}

func (r *row) queued(now time.Time) bool {
	return r.waiting() && !r.d.DueAt.After(now.Add(models.ClaimAhead))
}

func (q *fakeQueue) TakeOver(_ context.Context, self int64, now time.Time, silentFor time.Duration, limit int) (int, error) {
	end, err := q.begin("takeover")
	if err != nil {
		return 0, err
	}
	defer end()
	for owner, seen := range q.alive {
		if owner != self && now.Sub(seen) > silentFor {
			q.dead[owner] = true
			delete(q.alive, owner)
		}
	}
	n := 0
	for _, r := range q.rows {
		if n < limit && r.d.Status == models.StatusDelivering && q.dead[r.d.Owner] {
			q.wait(r, models.StatusPending, r.d.DueAt) // it keeps its place
			n++
		}
	}
	return n, nil
}

func (q *fakeQueue) CancelStopped(_ context.Context, _ time.Time, limit int) (int, error) {
	end, err := q.begin("cancel")
	if err != nil {
		return 0, err
	}
	defer end()
	n := 0
	for _, r := range q.rows {
		s, ok := q.subs.Subscription(r.d.SubscriptionID)
		if !ok || !r.waiting() || n >= limit {
			continue
		}
		if reason, stopped := r.d.Stopped(s); stopped {
			r.d.Status, r.d.Reason = models.StatusCanceled, reason
			n++
		}
	}
	return n, nil
}

func (q *fakeQueue) Backlog(_ context.Context, now time.Time, limit int) ([]models.Backlog, error) {
	end, err := q.begin("backlog")
	if err != nil {
		return nil, err
	}
	defer end()
	q.looks++
	since := map[models.ID]time.Time{}
	for _, r := range q.rows {
		first, known := since[r.d.SubscriptionID]
		if r.queued(now) && (known && r.d.DueAt.Before(first) || !known && len(since) < limit) {
			since[r.d.SubscriptionID] = r.d.DueAt
		}
	}
	var list []models.Backlog
	for id, first := range since {
		list = append(list, models.Backlog{SubscriptionID: id, Since: first})
	}
	return list, nil
}

func (q *fakeQueue) Claim(_ context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	end, err := q.begin("claim")
	if err != nil {
		return nil, err
	}
	defer end()
	if q.dead[owner] {
		return nil, models.Errorf(models.CodeFenced, "dead")
	}
	var jobs []models.Job
	for _, want := range wants {
		var due []*row
		for _, r := range q.rows {
			if r.d.SubscriptionID == want.SubscriptionID && r.queued(now) && !r.d.DueAt.Before(want.From) {
				due = append(due, r)
			}
		}
		slices.SortFunc(due, func(a, b *row) int {
			return cmp.Or(a.d.DueAt.Compare(b.d.DueAt), slices.Compare(a.d.ID[:], b.d.ID[:]))
		})
		for _, r := range due[:min(want.Limit, len(due))] {
			r.d.Status, r.d.Owner = models.StatusDelivering, owner
			s, _ := q.subs.Subscription(r.d.SubscriptionID)
			jobs = append(jobs, models.Job{Delivery: r.d, Event: r.event, Matched: s, Current: s})
		}
	}
	if err := q.lost("claim"); err != nil {
		return nil, err
	}
	return jobs, nil
}

func (q *fakeQueue) Record(_ context.Context, results []models.Result) ([]models.ID, error) {
	if q.slow > 0 {
		timer := time.NewTimer(q.slow)
		<-timer.C
	}
	end, err := q.begin("record")
	if err != nil {
		return nil, err
	}
	defer end()
	q.batches = append(q.batches, len(results))
	var fenced []models.ID
	for _, res := range results {
		r, ok := q.rows[res.Delivery.ID]
		if !ok || r.d.Status != models.StatusDelivering || r.d.Owner != res.Delivery.Owner {
			fenced = append(fenced, res.Delivery.ID)
			continue
		}
		q.wait(r, res.Status, res.DueAt)
		r.d.Owed, r.d.Reason, r.d.Back = res.Owed, res.Reason, nil
		if res.Uncounted {
			r.d.Uncounted++
		}
		if res.Attempt != nil {
			r.d.Attempts = res.Attempt.Number
			q.attempts[r.d.ID] = append(q.attempts[r.d.ID], *res.Attempt)
		}
	}
	if err := q.lost("record"); err != nil {
		return nil, err
	}
	return fenced, nil
}

func (q *fakeQueue) Release(_ context.Context, owner int64, ids []models.ID, now time.Time) error {
	end, err := q.begin("release")
	if err != nil {
		return err
	}
	defer end()
	for _, id := range ids {
		if r, ok := q.rows[id]; ok && r.d.Status == models.StatusDelivering && r.d.Owner == owner {
			q.wait(r, models.StatusPending, r.d.DueAt) // it keeps its place
		}
	}
	return nil
}

func (q *fakeQueue) Owned(_ context.Context, owner int64, _ time.Time, limit int) ([]models.ID, error) {
	end, err := q.begin("owned")
	if err != nil {
		return nil, err
	}
	defer end()
	var ids []models.ID
	for id, r := range q.rows {
		if r.d.Status == models.StatusDelivering && r.d.Owner == owner && len(ids) < limit {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// counts says how many deliveries have each status.
func (q *fakeQueue) counts() map[models.DeliveryStatus]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := map[models.DeliveryStatus]int{}
	for _, r := range q.rows {
		out[r.d.Status]++
	}
	return out
}

// recorded is the attempts of all deliveries.
func (q *fakeQueue) recorded() map[models.ID][]models.Attempt {
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.attempts)
}

func (q *fakeQueue) ran(op string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.statements[op]
}

func (q *fakeQueue) with(change func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	change()
}

// fakeDirectory is the matcher.
type fakeDirectory struct {
	mu     sync.Mutex
	subs   map[models.ID]*models.Subscription
	synced []int64
}

func newFakeDirectory(subs ...*models.Subscription) *fakeDirectory {
	d := &fakeDirectory{subs: map[models.ID]*models.Subscription{}}
	for _, s := range subs {
		d.subs[s.ID] = s
	}
	return d
}

func (d *fakeDirectory) Subscription(id models.ID) (*models.Subscription, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.subs[id]
	return s, ok
}

func (d *fakeDirectory) Sync(_ context.Context, revision int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.synced = append(d.synced, revision)
	return nil
}

func (d *fakeDirectory) change(id models.ID, change func(*models.Subscription)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := *d.subs[id]
	change(&s)
	d.subs[id] = &s
}

// sendFunc is a sender made of a function.
type sendFunc func(ctx context.Context, j models.Job) models.Attempt

func (f sendFunc) Send(ctx context.Context, j models.Job) models.Attempt { return f(ctx, j) }

// answering is an attempt of the job that ended after the given time.
func answering(j models.Job, status int, took time.Duration) models.Attempt {
	a := outcome(j.Delivery.Attempts+1, status)
	a.DeliveryID, a.Timings.Total = j.Delivery.ID, took
	return a
}

// pause waits in (virtual) time; it reports false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool { return rest(ctx, d) }

// world is a dispatcher with everything around it.
type world struct {
	t     testing.TB
	subs  *fakeDirectory
	queue *fakeQueue
	d     *Dispatcher
	made  byte // subscriptions
	seq   uint32
}

func newWorld(tb testing.TB, send sendFunc, change func(*Options)) *world {
	tb.Helper()
	w := &world{t: tb, subs: newFakeDirectory()}
	w.queue = newFakeQueue(w.subs)
	w.d = w.dispatcher(send, change)
	return w
}

// dispatcher makes one more instance over the same queue.
func (w *world) dispatcher(send sendFunc, change func(*Options)) *Dispatcher {
	w.t.Helper()
	o := Options{
		Queue: w.queue, Directory: w.subs, Sender: send, Name: "test", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Random: func() float64 { return 0.5 }, // no jitter
	}
	if change != nil {
		change(&o)
	}
	d, err := NewDispatcher(o)
	require.NoError(w.t, err)
	return d
}

func (w *world) start() { require.NoError(w.t, w.d.Start(w.t.Context())) }
func (w *world) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	require.NoError(w.t, w.d.Stop(ctx))
}

// sub makes a subscription.
func (w *world) sub(change func(*models.Subscription)) *models.Subscription {
	w.made++
	s := &models.Subscription{ID: models.ID{0xa, w.made}, Enabled: true, AutoRetry: true}
	if change != nil {
		change(s)
	}
	w.subs.mu.Lock()
	w.subs.subs[s.ID] = s
	w.subs.mu.Unlock()
	return s
}

// quickSub makes a subscription whose receiver is known to be quick.
func (w *world) quickSub(change func(*models.Subscription)) *models.Subscription {
	s := w.sub(change)
	w.d.mu.Lock()
	defer w.d.mu.Unlock()
	w.d.board.lane(s.ID).tempo.observe(&models.Attempt{Success: true, Timings: models.Timings{Total: time.Millisecond}})
	return s
}

// publish does what the router does: reserve, commit, hand over. It reports how many found room.
func (w *world) publish(s *models.Subscription, n int) (direct int) {
	var jobs []models.Job
	var overflow []models.ID
	for range n {
		w.seq++
		j := models.Job{
			Delivery: models.Delivery{
				ID:             models.ID{0xd, byte(w.seq >> 24), byte(w.seq >> 16), byte(w.seq >> 8), byte(w.seq)},
				SubscriptionID: s.ID, Status: models.StatusPending, DueAt: w.queue.now(),
			},
			Event: &models.Event{Data: []byte("0123456789")}, Matched: s, Current: s,
		}
		owner, ok := w.d.Owner()
		if ok && w.d.Reserve(s, len(j.Event.Data)) {
			j.Delivery.Status, j.Delivery.Owner = models.StatusDelivering, owner
			jobs = append(jobs, j)
		} else {
			overflow = append(overflow, s.ID)
		}
		w.queue.with(func() { w.queue.rows[j.Delivery.ID] = &row{d: j.Delivery, event: j.Event, waits: w.queue.looks} })
	}
	w.d.Deliver(jobs)
	if len(overflow) > 0 {
		w.d.Overflow(overflow)
	}
	return len(jobs)
}

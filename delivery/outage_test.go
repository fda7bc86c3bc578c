package delivery

import (
	"cmp"
	"container/heap"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hookrouter/models"
)

var (
	_ Queue      = (*outageStore)(nil)
	_ Conditions = (*outageStore)(nil)
	_ Directory  = (*copiedRules)(nil)
)

// outageStore is a database that keeps suspensions, quick enough for hours of traffic. It runs one instance.
type outageStore struct {
	Queue // what is not needed here

	mu         sync.Mutex
	rows       map[models.ID]*models.Delivery // those that have not ended
	ended      map[models.DeliveryStatus]int
	waiting    map[models.ID][]models.ID // by subscription, in the order of due times
	parked     map[models.ID]*places
	subs       map[models.ID]models.Subscription
	conditions map[models.ID]*models.Condition
	revision   int64
	probes     []time.Time
	attempts   int // counted ones that failed
	// claimed sees what is claimed of a drain.
	claimed func(n int)
}

func newOutageStore() *outageStore {
	return &outageStore{
		rows: map[models.ID]*models.Delivery{}, ended: map[models.DeliveryStatus]int{}, waiting: map[models.ID][]models.ID{},
		parked: map[models.ID]*places{}, subs: map[models.ID]models.Subscription{}, conditions: map[models.ID]*models.Condition{},
	}
}

// places are parked deliveries, the oldest first.
type places []*models.Delivery

func (p places) Len() int { return len(p) }
func (p places) Less(i, j int) bool {
	return cmp.Or(p[i].DueAt.Compare(p[j].DueAt), slices.Compare(p[i].ID[:], p[j].ID[:])) < 0
}
func (p places) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *places) Push(x any)   { *p = append(*p, x.(*models.Delivery)) }
func (p *places) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

// add makes a subscription known.
func (q *outageStore) add(s models.Subscription) {
	q.revision++
	s.Revision, s.Enabled = q.revision, true
	q.subs[s.ID] = s
	q.parked[s.ID] = &places{}
}

// put files a delivery by its status.
func (q *outageStore) put(d *models.Delivery) {
	switch {
	case d.Status.Terminal():
		delete(q.rows, d.ID)
		q.ended[d.Status]++
		return
	case d.Status == models.StatusParked:
		heap.Push(q.parked[d.SubscriptionID], d)
	case d.Status != models.StatusDelivering:
		list := q.waiting[d.SubscriptionID]
		at, _ := slices.BinarySearchFunc(list, d.DueAt, func(id models.ID, due time.Time) int { return q.rows[id].DueAt.Compare(due) })
		q.waiting[d.SubscriptionID] = slices.Insert(list, at, d.ID)
	}
	q.rows[d.ID] = d
}

func (q *outageStore) count(status models.DeliveryStatus) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := q.ended[status]
	for _, d := range q.rows {
		if d.Status == status {
			n++
		}
	}
	return n
}

func (q *outageStore) subscription(id models.ID) *models.Subscription {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.subs[id]
	return &s
}

func (*outageStore) RegisterInstance(context.Context, string) (int64, error)   { return 1, nil }
func (*outageStore) Heartbeat(context.Context, int64, models.ID) error         { return nil }
func (*outageStore) Deregister(context.Context, int64) error                   { return nil }
func (*outageStore) TidyConditions(context.Context) error                      { return nil }
func (*outageStore) TakeDrain(context.Context, int64, models.ID) (bool, error) { return true, nil }

func (q *outageStore) Pulse(_ context.Context, now time.Time, _ time.Duration) (models.Pulse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := models.Pulse{Revision: q.revision, Unwell: len(q.conditions) > 0, Senders: 1}
	for _, list := range q.waiting {
		p.Due = p.Due || len(list) > 0 && !q.rows[list[0]].DueAt.After(now)
	}
	return p, nil
}

func (q *outageStore) Backlog(_ context.Context, now time.Time, _ int) (backlogs []models.Backlog, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, list := range q.waiting {
		if len(list) > 0 && !q.rows[list[0]].DueAt.After(now) {
			backlogs = append(backlogs, models.Backlog{SubscriptionID: id, Since: q.rows[list[0]].DueAt})
		}
	}
	return backlogs, nil
}

// job makes a delivery the instance's.
func (q *outageStore) job(d *models.Delivery) models.Job {
	d.Status, d.Owner = models.StatusDelivering, 1
	s := q.subs[d.SubscriptionID]
	return models.Job{Delivery: *d, Event: &models.Event{Data: []byte("{}")}, Matched: &s, Current: &s}
}

func (q *outageStore) Claim(_ context.Context, _ int64, now time.Time, wants []models.Want) (jobs []models.Job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, want := range wants {
		for range want.Limit {
			list := q.waiting[want.SubscriptionID]
			if len(list) == 0 || q.rows[list[0]].DueAt.After(now) {
				break
			}
			q.waiting[want.SubscriptionID] = list[1:]
			jobs = append(jobs, q.job(q.rows[list[0]]))
		}
	}
	return jobs, nil
}

func (q *outageStore) Record(_ context.Context, results []models.Result) ([]models.ID, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range results {
		r := &results[i]
		d := q.rows[r.Delivery.ID]
		d.Status, d.DueAt, d.Owed, d.Reason, d.Owner = r.Status, r.DueAt, r.Owed, r.Reason, 0
		if r.Attempt != nil {
			d.Attempts++
			if r.Uncounted {
				d.Uncounted++
			} else if !r.Attempt.Success {
				q.attempts++
			}
		}
		q.put(d)
	}
	return nil, nil
}

func (q *outageStore) Release(_ context.Context, _ int64, ids []models.ID, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, id := range ids {
		d := q.rows[id]
		d.Status, d.Owner, d.DueAt = models.StatusPending, 0, now
		q.put(d)
	}
	return nil
}

func (q *outageStore) Conditions(_ context.Context, now time.Time, _ int) (list []models.Condition, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, c := range q.conditions {
		c.SuspendedAt, c.Reason, c.Parked = q.subs[id].SuspendedAt, q.subs[id].StateReason, !c.ProbeAt.After(now) && q.parked[id].Len() > 0
		list = append(list, *c)
	}
	return list, nil
}

func (q *outageStore) ReportHealth(_ context.Context, now time.Time, reports []models.Health) (list []models.Condition, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, r := range reports {
		c := q.condition(r.SubscriptionID)
		if r.Reset {
			c.Failures, c.FailingSince = 0, time.Time{}
		}
		if r.Failures > 0 {
			if c.Failures == 0 {
				c.FailingSince = now
			}
			c.Failures += r.Failures
			list = append(list, *c)
		}
		q.tidy(c)
	}
	return list, nil
}

func (q *outageStore) condition(id models.ID) *models.Condition {
	if q.conditions[id] == nil {
		q.conditions[id] = &models.Condition{SubscriptionID: id}
	}
	return q.conditions[id]
}

func (q *outageStore) tidy(c *models.Condition) {
	s := q.subs[c.SubscriptionID]
	if c.Failures == 0 && !c.Draining && !s.Suspended() {
		delete(q.conditions, c.SubscriptionID)
	}
}

func (q *outageStore) turn(id models.ID, at time.Time, reason models.SuspendReason) *models.Subscription {
	q.revision++
	s := q.subs[id]
	s.SuspendedAt, s.StateReason, s.Revision = at, reason, q.revision
	q.subs[id] = s
	return &s
}

func (q *outageStore) SuspendSubscription(
	_ context.Context, _, id models.ID, reason models.SuspendReason, now, probeAt time.Time,
) (*models.Subscription, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.subs[id]; s.Suspended() {
		return &s, false, nil
	}
	c := q.condition(id)
	c.ProbeAt, c.Probes, c.Draining, c.Parking = probeAt, 0, false, true
	return q.turn(id, now, reason), true, nil
}

func (q *outageStore) ResumeSubscription(_ context.Context, _, id models.ID, _ bool) (*models.Subscription, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if s := q.subs[id]; !s.Suspended() {
		return &s, false, nil
	}
	*q.condition(id) = models.Condition{SubscriptionID: id, Draining: true}
	return q.turn(id, time.Time{}, ""), true, nil
}

func (q *outageStore) ParkWaiting(_ context.Context, _ time.Time, c models.Condition, limit int) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.waiting[c.SubscriptionID]
	n := min(limit, len(list))
	for _, id := range list[:n] {
		q.rows[id].Status = models.StatusParked
		q.put(q.rows[id])
	}
	q.waiting[c.SubscriptionID] = list[n:]
	q.conditions[c.SubscriptionID].Parking = n == limit
	return n, nil
}

func (q *outageStore) ClaimProbe(_ context.Context, _ int64, now time.Time, c models.Condition, next time.Time) ([]models.Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now = now.Truncate(0)
	stored := q.conditions[c.SubscriptionID]
	if stored == nil || !stored.ProbeAt.Equal(c.ProbeAt) || q.parked[c.SubscriptionID].Len() == 0 {
		return nil, nil
	}
	stored.ProbeAt = next
	stored.Probes++
	q.probes = append(q.probes, now)
	j := q.job(heap.Pop(q.parked[c.SubscriptionID]).(*models.Delivery))
	j.Probe = true
	return []models.Job{j}, nil
}

func (q *outageStore) ClaimParked(_ context.Context, _ int64, _ time.Time, c models.Condition, limit int) (jobs []models.Job, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if stored := q.conditions[c.SubscriptionID]; stored == nil || !stored.Draining {
		return nil, nil
	}
	for list := q.parked[c.SubscriptionID]; list.Len() > 0 && len(jobs) < limit; {
		j := q.job(heap.Pop(list).(*models.Delivery))
		j.Drained = true
		jobs = append(jobs, j)
	}
	if q.claimed != nil {
		q.claimed(len(jobs))
	}
	return jobs, nil
}

func (q *outageStore) EndDrain(_ context.Context, _ int64, id models.ID) (bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.conditions[id]
	if c == nil || q.parked[id].Len() > 0 {
		return false, nil
	}
	c.Draining = false
	q.tidy(c)
	return true, nil
}

// copiedRules is an instance's copy of the rules, as old as its last Sync.
type copiedRules struct {
	q    *outageStore
	mu   sync.Mutex
	at   int64
	subs map[models.ID]*models.Subscription
}

func (r *copiedRules) Subscription(id models.ID) (*models.Subscription, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.subs[id]
	return s, ok
}

func (r *copiedRules) Sync(_ context.Context, revision int64) error {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at >= revision {
		return nil
	}
	r.at, r.subs = r.q.revision, make(map[models.ID]*models.Subscription, len(r.q.subs))
	for id := range r.q.subs {
		s := r.q.subs[id]
		r.subs[id] = &s
	}
	return nil
}

// outage is an instance over an outageStore, with the router's part.
type outage struct {
	q       *outageStore
	d       *Dispatcher
	r       *Retrier
	seq     uint32
	made    int
	notices []models.Notice
}

func newOutage(send sendFunc, policy SuspendPolicy) (*outage, error) {
	w := &outage{q: newOutageStore()}
	rules := &copiedRules{q: w.q}
	var mu sync.Mutex
	var err error
	w.d, err = NewDispatcher(Options{
		Queue: w.q, Conditions: w.q, Directory: rules, Sender: send, Name: "outage", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Random: func() float64 { return 0.5 }, Suspend: policy, HeartbeatEvery: time.Minute, HoldAfter: 5 * time.Minute,
		Notify: func(n models.Notice) {
			mu.Lock()
			defer mu.Unlock()
			w.notices = append(w.notices, n)
		},
	})
	if err != nil {
		return nil, err
	}
	w.r, err = NewRetrier(RetrierOptions{
		Queue: w.q, Directory: rules, Dispatcher: w.d, Logger: w.d.o.Logger, SilentFor: time.Hour, Now: time.Now,
	})
	return w, err
}

// publish does what the router does for one event of a subscription, by the rules as the database has them.
func (w *outage) publish(id models.ID) {
	s := w.q.subscription(id)
	now := time.Now()
	w.seq++
	w.made++
	d := &models.Delivery{
		ID: models.ID{0xd, byte(w.seq >> 24), byte(w.seq >> 16), byte(w.seq >> 8), byte(w.seq)}, SubscriptionID: id, EventName: "signer.done",
		Status: models.StatusPending, DueAt: now, CreatedAt: now,
	}
	owner, ok := w.d.Owner()
	switch {
	case s.Suspended():
		d.Status = models.StatusParked
	case ok && w.d.Reserve(s, 2):
		d.Status, d.Owner, d.DueAt = models.StatusDelivering, owner, time.Time{}
	}
	job := models.Job{Delivery: *d, Event: &models.Event{Data: []byte("{}")}, Matched: s, Current: s}
	w.q.mu.Lock()
	w.q.put(d)
	w.q.mu.Unlock()
	if job.Delivery.Status == models.StatusDelivering {
		w.d.Deliver([]models.Job{job})
	}
	if job.Delivery.Status == models.StatusPending {
		w.d.Overflow([]models.ID{id})
	}
}

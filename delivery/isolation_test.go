package delivery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"hookrouter/models"
)

// laneTable is a database whose rows are kept by lane, so that a simulation of many lanes is quick. Its statements take time.
type laneTable struct {
	Queue // what the simulation does not use

	mu      sync.Mutex
	waiting map[models.ID][]models.Job // by lane, in order of their due time
	held    map[models.ID]models.Job   // delivering
}

func newLaneTable() *laneTable {
	return &laneTable{waiting: map[models.ID][]models.Job{}, held: map[models.ID]models.Job{}}
}

func (*laneTable) RegisterInstance(context.Context, string) (int64, error) { return 1, nil }
func (*laneTable) Heartbeat(context.Context, int64, models.ID) error       { return nil }
func (*laneTable) Deregister(context.Context, int64) error                 { return nil }

func (q *laneTable) statement() func() {
	pause(context.Background(), 2*time.Millisecond)
	q.mu.Lock()
	return q.mu.Unlock
}

func (q *laneTable) wait(j models.Job) {
	list := q.waiting[j.Delivery.SubscriptionID]
	at, _ := slices.BinarySearchFunc(list, j.Delivery.DueAt, func(j models.Job, due time.Time) int {
		if j.Delivery.DueAt.After(due) {
			return 1
		}
		return -1
	})
	q.waiting[j.Delivery.SubscriptionID] = slices.Insert(list, at, j)
}

func (q *laneTable) Claim(_ context.Context, owner int64, now time.Time, wants []models.Want) ([]models.Job, error) {
	defer q.statement()()
	var jobs []models.Job
	for _, want := range wants {
		list := q.waiting[want.SubscriptionID]
		for want.Limit > 0 && len(list) > 0 && !list[0].Delivery.DueAt.After(now) {
			j := list[0]
			j.Delivery.Status, j.Delivery.Owner = models.StatusDelivering, owner
			q.held[j.Delivery.ID] = j
			jobs = append(jobs, j)
			list = list[1:]
			want.Limit--
		}
		q.waiting[want.SubscriptionID] = list
	}
	return jobs, nil
}

func (q *laneTable) Record(_ context.Context, rs []models.Result) ([]models.ID, error) {
	defer q.statement()()
	for _, r := range rs {
		j := q.held[r.Delivery.ID]
		delete(q.held, r.Delivery.ID)
		if r.Status == models.StatusRetrying {
			j.Delivery.Status, j.Delivery.Owner, j.Delivery.DueAt, j.Delivery.Attempts = r.Status, 0, r.DueAt, r.Attempt.Number
			q.wait(j)
		}
	}
	return nil, nil
}

func (q *laneTable) Release(_ context.Context, _ int64, ids []models.ID, _ time.Time) error {
	defer q.statement()()
	for _, id := range ids {
		j := q.held[id]
		delete(q.held, id)
		j.Delivery.Status, j.Delivery.Owner = models.StatusPending, 0
		q.wait(j)
	}
	return nil
}

// due lists the lanes that a sweep would find.
func (q *laneTable) due(now time.Time) (ids []models.ID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for id, list := range q.waiting {
		if len(list) > 0 && !list[0].Delivery.DueAt.After(now) {
			ids = append(ids, id)
		}
	}
	return ids
}

// manner is how a receiver behaves.
type manner int

const (
	well     manner = iota
	failing         // answers 500
	hanging         // never answers
	sluggish        // answers 200, just in time
	limited         // answers well, and wants one call a second
)

// scene is a simulation: endpoints that all get events at the same pace, some of them bad. Of ten endpoints, the first have the manners
// that are listed and the others behave well.
type scene struct {
	manners   []manner
	endpoints int
	begins    time.Duration // from when on the bad ones are bad
	counts    time.Duration // from when on latencies count
	backlog   int           // deliveries that wait for each bad endpoint at the start
	change    func(*Options)
}

// Each endpoint gets an event every half second, for ten seconds.
const (
	sceneTick  = 5 * time.Millisecond
	sceneEvery = 500 * time.Millisecond
	sceneLasts = 10 * time.Second
)

// play is a scene while it is played.
type play struct {
	scene
	t     *testing.T
	begun time.Time
	tame  bool // the bad ones behave well
	rng   *rand.Rand
	subs  []*models.Subscription
	table *laneTable
	d     *Dispatcher
	made  int

	mu        sync.Mutex
	latencies []time.Duration
}

// run plays a scene and returns the sorted latencies of the healthy endpoints, from the commit to the answer.
func (sc scene) run(t *testing.T, tame bool) []time.Duration {
	t.Helper()
	p := &play{scene: sc, t: t, tame: tame, begun: time.Now(), rng: rand.New(rand.NewPCG(7, 7)), table: newLaneTable()}
	directory := newFakeDirectory()
	for i := range sc.endpoints {
		s := &models.Subscription{ID: models.ID{1, byte(i >> 8), byte(i), byte(i % 10)}, Enabled: true, AutoRetry: true}
		if p.manner(s.ID) == limited {
			s.RatePerSec = 1
		}
		directory.subs[s.ID] = s
		p.subs = append(p.subs, s)
		if i%10 < len(sc.manners) {
			for range sc.backlog {
				p.table.wait(p.job(s))
			}
		}
	}
	o := Options{
		Queue: p.table, Directory: directory, Sender: sendFunc(p.send), Name: "scene", Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Policy: Policy{Schedule: []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second}},
	}
	if sc.change != nil {
		sc.change(&o)
	}
	var err error
	p.d, err = NewDispatcher(o)
	require.NoError(t, err)
	require.NoError(t, p.d.Start(t.Context()))
	p.publish()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, p.d.Stop(ctx))
	slices.Sort(p.latencies)
	return p.latencies
}

// manner is how the endpoint behaves now.
func (p *play) manner(id models.ID) manner {
	if at := int(id[3]); at < len(p.manners) && !p.tame && time.Since(p.begun) >= p.begins {
		return p.manners[at]
	}
	return well
}

func (p *play) send(ctx context.Context, j models.Job) models.Attempt {
	took := 2*time.Millisecond + time.Duration(j.Delivery.ID[15]%18)*time.Millisecond
	status := 200
	switch p.manner(j.Delivery.SubscriptionID) {
	case hanging:
		took = time.Second
		if j.Delivery.Attempts > 0 {
			took = 10 * time.Second
		}
		pause(ctx, took)
		a := answering(j, 0, took)
		a.Success, a.Reason = false, models.ReasonTimeout
		return a
	case failing:
		status = 500
	case sluggish:
		took = 950 * time.Millisecond
	case well, limited:
	}
	pause(ctx, took)
	if int(j.Delivery.SubscriptionID[3]) >= len(p.manners) && j.Delivery.CreatedAt.Sub(p.begun) >= p.counts {
		p.mu.Lock()
		p.latencies = append(p.latencies, time.Since(j.Delivery.CreatedAt))
		p.mu.Unlock()
	}
	return answering(j, status, took)
}

func (p *play) job(s *models.Subscription) models.Job {
	p.made++
	now := time.Now()
	id := models.ID{byte(p.made >> 24), byte(p.made >> 16), byte(p.made >> 8), byte(p.made), 15: byte(p.rng.IntN(256))}
	return models.Job{
		Delivery: models.Delivery{ID: id, SubscriptionID: s.ID, Status: models.StatusPending, DueAt: now, CreatedAt: now},
		Event:    &models.Event{Data: make([]byte, 100)}, Matched: s, Current: s,
	}
}

// publish does what the router does with a batch in each tick, and what the retrier does each second.
func (p *play) publish() {
	ticks, order := int(sceneEvery/sceneTick), p.rng.Perm(len(p.subs))
	for n := range int(sceneLasts / sceneTick) {
		var jobs []models.Job
		var overflow []models.ID
		for at := n % ticks; at < len(p.subs); at += ticks {
			j := p.job(p.subs[order[at]])
			p.table.mu.Lock()
			if p.d.Reserve(j.Current, len(j.Event.Data)) {
				j.Delivery.Status, j.Delivery.Owner = models.StatusDelivering, 1
				p.table.held[j.Delivery.ID] = j
				jobs = append(jobs, j)
			} else {
				p.table.wait(j)
				overflow = append(overflow, j.Current.ID)
			}
			p.table.mu.Unlock()
		}
		p.d.Deliver(jobs)
		p.d.Overflow(overflow)
		if n%int(time.Second/sceneTick) == 0 {
			p.d.Overflow(p.table.due(time.Now()))
		}
		pause(p.t.Context(), sceneTick)
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))]
}

// The times of healthy receivers are the same whatever the others do: refuse, hang, answer late or want to be called slowly, all the time
// or from some moment on, more of them than there are slots, and with backlogs that would fill the memory.
func TestBadReceiversHurtOnlyThemselves(t *testing.T) {
	t.Parallel()
	threeAndOne := []manner{failing, failing, failing, hanging}
	for name, sc := range map[string]scene{
		"30 % answer 500 and 10 % hang": {manners: threeAndOne, endpoints: 1000},
		"from the fourth second on":     {manners: threeAndOne, endpoints: 500, begins: 4 * time.Second},
		"more hang than there are slots": {
			manners: threeAndOne, endpoints: 500, counts: 3 * time.Second, change: func(o *Options) { o.MaxInFlight = 40 },
		},
		"their backlogs would fill the memory": {
			manners: threeAndOne, endpoints: 300, counts: 3 * time.Second, backlog: 50, change: func(o *Options) { o.MaxJobs = 300 },
		},
		"successes that take long": {
			manners: []manner{sluggish, sluggish, sluggish}, endpoints: 300, counts: 5 * time.Second, backlog: 50,
			change: func(o *Options) { o.MaxInFlight = 48 },
		},
		"low rates": {
			manners: []manner{limited, limited, limited, limited, limited}, endpoints: 300, counts: 3 * time.Second, backlog: 50,
			change: func(o *Options) { o.MaxJobs = 300 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				without, with := sc.run(t, true), sc.run(t, false)
				for _, q := range []float64{0.5, 0.99, 0.999} {
					t.Logf("p%v: %v without them, %v with them", 100*q, quantile(without, q), quantile(with, q))
				}
				require.Equal(t, len(without), len(with), "all arrive")
				require.LessOrEqual(t, quantile(with, 0.99), quantile(without, 0.99)*12/10)
			})
		})
	}
}

package delivery

import (
	"context"
	"errors"
	"sync"
	"time"

	"hookrouter/models"
)

// Dispatcher sends what this instance owns. Events that were just accepted come straight from the commit ([Dispatcher.Reserve] and
// [Dispatcher.Deliver]), everything else is claimed from the database. It implements routing.Handover. All methods are safe for
// concurrent use.
type Dispatcher struct {
	o        Options
	recorder *recorder
	member   *membership
	health   *health       // nil without Conditions
	wake     chan struct{} // holds at most one: look for work in the database

	mu      sync.Mutex
	board   board
	returns []models.Delivery // owned but not to be sent by us: the feeder gives them back
	// releasing are those of the returns that it is giving back at the moment.
	releasing []models.Delivery
	outflows  map[models.ID]*outflow // drains that this instance does
	active    map[models.ID]bool     // being sent; true for what was handed over
	resting   int                    // workers that wait for a task
	handed    chan task              // to those that rest; closed by the drain
	waking    bool                   // the feeder will be woken in a moment
	draining  bool
	started   bool
	stopped   chan struct{} // closed when Stop has done its work; nil until it begins

	workers  sync.WaitGroup     // running sends
	loops    sync.WaitGroup     // feeder and membership
	endLoops context.CancelFunc // ends them
	cutOff   context.CancelFunc // cancels the calls in flight
	sendCtx  context.Context    //nolint:containedctx // the service's own run context: every call lives in it until the drain cuts it
	lost     uint64             // deliveries dropped because another instance has them

	quietUntil time.Time // when the next early claim may begin; the feeder's own
}

// NewDispatcher checks the options and makes a dispatcher. It does nothing before [Dispatcher.Start].
func NewDispatcher(o Options) (*Dispatcher, error) {
	if err := o.prepare(); err != nil {
		return nil, err
	}
	d := &Dispatcher{o: o, wake: make(chan struct{}, 1), board: newBoard(&o), active: make(map[models.ID]bool), outflows: make(map[models.ID]*outflow), handed: make(chan task, keepWorkers)}
	d.recorder = newRecorder(&d.o)
	if o.Conditions != nil {
		d.health = newHealth(&d.o)
		d.recorder.after = d.health.observe
	}
	d.member = newMembership(&d.o, d.fenced, d.revived, d.oldest)
	return d, nil
}

// Start registers the instance and begins to send. ctx bounds the registration only; [Dispatcher.Stop] ends the rest.
func (d *Dispatcher) Start(ctx context.Context) error {
	d.mu.Lock()
	again := d.started || d.draining
	d.mu.Unlock()
	if again {
		return errors.New("dispatcher: started before, or stopped")
	}
	if err := d.member.register(ctx); err != nil {
		return err
	}
	base := context.WithoutCancel(ctx) // a signal must begin the drain, not end the calls
	loops, endLoops := context.WithCancel(base)
	sends, cutOff := context.WithCancel(base)
	d.mu.Lock()
	d.started, d.endLoops, d.sendCtx, d.cutOff = true, endLoops, sends, cutOff
	d.mu.Unlock()
	d.recorder.start(base)
	d.loops.Go(func() { d.member.run(loops) })
	d.loops.Go(func() { d.feed(loops) })
	if d.o.Hints != nil {
		d.loops.Go(func() { d.listen(loops) })
	}
	d.Wake()
	return nil
}

// Owner is the number under which deliveries can be owned, and false while none may be: before the start, while this instance may
// have been declared dead, and while it drains.
func (d *Dispatcher) Owner() (int64, bool) {
	owner, ok := d.member.current(d.o.Now())
	if !ok {
		return 0, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return owner, d.started && !d.draining
}

// Reserve promises room to one more delivery of size bytes of data, and reports whether there is any. Each promise is to be followed by
// Deliver or Unreserve.
func (d *Dispatcher) Reserve(sub *models.Subscription, size int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.started && !d.draining && d.board.reserve(sub, size)
}

// Unreserve takes a promise back.
func (d *Dispatcher) Unreserve(sub models.ID, size int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.board.unreserve(sub, size)
}

// Deliver takes over committed deliveries that had room reserved, and starts to send them. Those that it may not send any more, because
// the instance drains or was given a new number since, go back to the queue.
func (d *Dispatcher) Deliver(jobs []models.Job) {
	now := d.o.Now()
	owner := d.member.identity()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range jobs {
		j := &jobs[i]
		l := d.board.lane(j.Delivery.SubscriptionID)
		l.reserved--
		if d.draining || j.Delivery.Owner != owner {
			d.board.hold(l, -1, -len(j.Event.Data))
			d.giveBack(j.Delivery)
			continue
		}
		d.board.push(*j)
	}
	d.startAll(now)
}

// Overflow says that these subscriptions got pending deliveries for which there was no room.
func (d *Dispatcher) Overflow(subs []models.ID) {
	d.mu.Lock()
	for _, id := range subs {
		d.board.mark(id, time.Time{})
	}
	d.mu.Unlock()
	d.Wake()
}

// found says what a look at the database has found: subscriptions with queued deliveries that were due, or would be soon.
func (d *Dispatcher) found(now time.Time, backlogs []models.Backlog) {
	d.mu.Lock()
	d.board.found(now, backlogs)
	d.mu.Unlock()
	d.Wake()
}

// slowLanesWait is for how long slow lanes that have room again wait for one another, to be claimed for together.
const slowLanesWait = 100 * time.Millisecond

// wakeLater wakes the feeder when others may have reason to, too. The lock is held.
func (d *Dispatcher) wakeLater() {
	if d.waking {
		return
	}
	d.waking = true
	time.AfterFunc(slowLanesWait, func() {
		d.mu.Lock()
		d.waking = false
		d.mu.Unlock()
		d.Wake()
	})
}

// Wake makes the feeder look for work in the database. It costs nothing where no lane has a backlog.
func (d *Dispatcher) Wake() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// giveBack notes a delivery that we own but will not send. The lock is held.
func (d *Dispatcher) giveBack(deliveries ...models.Delivery) {
	d.returns = append(d.returns, deliveries...)
	d.Wake()
}

// next picks what may be sent now. The lock is held.
func (d *Dispatcher) next(now time.Time) (task, bool) {
	if d.draining || !d.started {
		return task{}, false
	}
	if _, ok := d.member.current(now); !ok {
		return task{}, false // held: someone may have taken over; the next good heartbeat goes on
	}
	t, ok := d.board.next(now, d.sleep, d.doze)
	if ok {
		d.active[t.job.Delivery.ID] = handedOver(&t.job.Delivery)
		d.flows(&t)
	}
	return t, ok
}

// startAll gives everything that may be sent now to a worker, one that rests or a new one. The lock is held.
func (d *Dispatcher) startAll(now time.Time) {
	for {
		t, ok := d.next(now)
		if !ok {
			return
		}
		if d.resting > 0 {
			d.resting--
			d.handed <- t // never waits: there is room for each that rests
			continue
		}
		d.workers.Go(func() { d.work(t) })
	}
}

// sleep wakes a lane when its rate allows the next call. A timer per waiting lane, not per delivery.
func (d *Dispatcher) sleep(l *lane, wait time.Duration) {
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.board.awake(l)
		d.startAll(d.o.Now())
	})
}

// doze wakes a lane when its next retry is due.
func (d *Dispatcher) doze(l *lane, wait time.Duration) {
	time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.board.due(l)
		d.startAll(d.o.Now())
	})
}

// fenced drops everything that was not sent yet: the instance was declared dead under this number, and its deliveries belong to
// others. Calls in flight end by themselves; their results will be refused.
//
// Failure policy: what is dropped is given back as well, which does nothing to what others have taken over. They look at what a dead number
// owns for some minutes only, and a claim can come in later, where this process was suspended in the middle of one.
func (d *Dispatcher) fenced(int64) {
	d.mu.Lock()
	dropped := d.board.drop()
	clear(d.outflows)
	d.lost += uint64(len(dropped))
	d.giveBack(dropped...)
	d.mu.Unlock()
	d.o.Logger.Warn("instance.fenced", "dropped", len(dropped))
}

// revived goes on: the heartbeat is good, perhaps again, or the instance has a new number.
func (d *Dispatcher) revived() {
	d.mu.Lock()
	d.startAll(d.o.Now())
	d.mu.Unlock()
	d.Wake()
}

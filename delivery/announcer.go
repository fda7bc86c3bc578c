package delivery

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"hookrouter/models"
)

const (
	// maxNamed is how many subscriptions one hint names; more go with the next one.
	maxNamed = 256
	// maxAnnounced is how many may wait to be named. Failure policy: those beyond it are left to the sweeps.
	maxAnnounced = 16 * maxNamed
	// hintTimeout bounds the sending of one hint. Failure policy: one that takes longer is given up, as the next sweeps are sooner.
	hintTimeout = 2 * time.Second
	// sendersFor is for how long the list of the instances that send is believed. An outdated one makes hints slower, not wrong.
	sendersFor = 2 * time.Second
)

// AnnouncerOptions are what an [Announcer] needs. Hints, Self, Logger and Now are required.
type AnnouncerOptions struct {
	Hints  Hints
	Self   models.ID // marks this instance's hints, so that it does not follow them itself
	Logger *slog.Logger
	Now    func() time.Time
	// Owner is this instance's own number, which is never asked; nil where it sends nothing.
	Owner func() (int64, bool)
	// Every is the least time between two hints; what waits meanwhile shares the next one. The first after a pause goes at once.
	// Default: 5 ms.
	Every time.Duration
}

// Announcer tells other instances of deliveries that were stored and that nobody was handed. As a routing.Handover it is that of an
// instance which sends nothing itself: it owns nothing, has room for nothing, and tells others of everything. Those it asks in turn, so
// that each gets its part. It does not block, and while nothing is announced it does nothing at all.
type Announcer struct {
	o    AnnouncerOptions
	wake chan struct{} // holds at most one

	mu      sync.Mutex
	waiting map[models.ID]struct{}
	end     context.CancelFunc
	done    chan struct{}

	// The rest is used by the sending goroutine alone, and by Stop after its end.
	senders []int64 // that may be asked
	known   time.Time
	turn    int
}

// NewAnnouncer checks the options. What is announced before Start is sent then.
func NewAnnouncer(o AnnouncerOptions) (*Announcer, error) {
	o.Every = cmp.Or(o.Every, 5*time.Millisecond)
	if o.Hints == nil || o.Self.IsZero() || o.Logger == nil || o.Now == nil || o.Every < 0 {
		return nil, errors.New("announcer: hints, a mark, a logger and a clock are required, and no negative interval")
	}
	return &Announcer{o: o, wake: make(chan struct{}, 1), waiting: make(map[models.ID]struct{})}, nil
}

// Start begins to send. The end of ctx does not end it; Stop does.
func (a *Announcer) Start(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.done != nil {
		return
	}
	ctx, a.end = context.WithCancel(context.WithoutCancel(ctx))
	a.done = make(chan struct{})
	go a.run(ctx, a.done)
}

// Stop sends what waits, for as long as ctx allows, and ends. What it can't send is found by the others' sweeps.
func (a *Announcer) Stop(ctx context.Context) error {
	a.mu.Lock()
	end, done := a.end, a.done
	a.mu.Unlock()
	if done == nil {
		return nil
	}
	end()
	<-done
	for more := true; more; {
		var err error
		if more, err = a.send(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Overflow announces deliveries of these subscriptions. It is part of routing.Handover.
func (a *Announcer) Overflow(subs []models.ID) {
	a.mu.Lock()
	for _, id := range subs {
		if len(a.waiting) == maxAnnounced {
			break
		}
		a.waiting[id] = struct{}{}
	}
	a.mu.Unlock()
	a.nudge()
}

// Owner says that this instance owns nothing. It is part of routing.Handover.
func (a *Announcer) Owner() (int64, bool) { return 0, false }

// Reserve says that there is no room. It is part of routing.Handover.
func (a *Announcer) Reserve(*models.Subscription, int) bool { return false }

// Unreserve has nothing to take back. It is part of routing.Handover.
func (a *Announcer) Unreserve(models.ID, int) {}

// Deliver is never called with anything, as nothing was reserved. It is part of routing.Handover.
func (a *Announcer) Deliver([]models.Job) {}

func (a *Announcer) run(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		more, err := a.send(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			a.o.Logger.Warn("delivery.announce", "error", err) // once, not for each hint of an outage
		}
		failing = err != nil
		if more {
			a.nudge()
		}
		if !rest(ctx, a.o.Every) {
			return
		}
	}
}

func (a *Announcer) nudge() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// send makes one hint of what waits, and reports whether more does.
func (a *Announcer) send(ctx context.Context) (more bool, err error) {
	subs, more := a.take()
	if len(subs) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hintTimeout)
	defer cancel()
	to, alone, err := a.next(ctx)
	if err != nil || alone {
		return more, err
	}
	return more, a.o.Hints.Hint(ctx, a.o.Self, to, subs)
}

// take removes as many as one hint names.
func (a *Announcer) take() (subs []models.ID, more bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	subs = make([]models.ID, 0, min(len(a.waiting), maxNamed))
	for id := range a.waiting {
		if len(subs) == maxNamed {
			break
		}
		subs = append(subs, id)
		delete(a.waiting, id)
	}
	return subs, len(a.waiting) > 0
}

// next is who is asked to see to it first: each in turn, or nobody in particular where none is known. alone says that there is none but
// this instance, which knows already.
func (a *Announcer) next(ctx context.Context) (to int64, alone bool, err error) {
	if now := a.o.Now(); now.Sub(a.known) >= sendersFor {
		if a.senders, err = a.o.Hints.Senders(ctx); err != nil {
			return 0, false, err
		}
		a.known = now
	}
	var own int64
	if a.o.Owner != nil {
		own, _ = a.o.Owner()
	}
	for range a.senders {
		a.turn++
		if to = a.senders[a.turn%len(a.senders)]; to != own {
			return to, false, nil
		}
	}
	return 0, a.o.Owner != nil, nil
}

// Sharing is the handover of an instance that sends, and tells others of what it has no room for itself.
type Sharing struct {
	*Dispatcher
	Announcer *Announcer
}

// Overflow marks what was stored without an owner, here and with the others. It is part of routing.Handover.
func (s Sharing) Overflow(subs []models.ID) {
	s.Dispatcher.Overflow(subs)
	s.Announcer.Overflow(subs)
}
